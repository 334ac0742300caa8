"""Lists of revoked certificates (CRL, RFC 5280): read, checked, and asked about one certificate.

A list is worth something only where the issuer of the certificate itself signed it, where nothing critical in it is
strange to us, and while it is fresh. A delta list completes the full one it names. A list cannot tell a certificate
that was never issued: it is the second choice after the status responder.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property, lru_cache

from asn1crypto import crl

from activities.integrations.signature.asn1 import (
    BITS,
    FIRST,
    INTEGER,
    SEQUENCE,
    TIME,
    UTC_TIME,
    Row,
    Unreadable,
    bounded,
    explicit,
    extensions,
    header,
    moment,
    named,
    number,
    octets,
    only,
    reading,
)
from activities.integrations.signature.certificate import Certificate
from activities.integrations.signature.standing import GOOD, HOLD, NO_PROOF, STALE, Standing, revoked

LARGEST = 32 * 1024 * 1024
_NUMBER, _DELTA, _SCOPE, _REASON = "2.5.29.20", "2.5.29.27", "2.5.29.28", "2.5.29.21"
_AUTHORITY_KEY, _FRESHEST = "2.5.29.35", "2.5.29.46"
_UNDERSTOOD = {_NUMBER, _DELTA, _SCOPE, _AUTHORITY_KEY, _FRESHEST}
_LIFTED = "remove_from_crl"
_REMEMBERED = 16


@dataclass(frozen=True, eq=False)
class RevocationList:
    """One list. base: the number of the full list a delta completes, None for a full one. strange: not to be used."""

    issuer: bytes
    this_update: datetime
    next_update: datetime | None
    number: int | None
    base: int | None
    strange: bool
    listed: bytes = field(repr=False)
    signed_part: bytes = field(repr=False)
    signature_oid: str
    signature: bytes = field(repr=False)

    def by(self, issuer: Certificate) -> bool:
        """Whether this issuer made it, and may."""
        return (
            not self.strange
            and self.issuer == issuer.subject
            and issuer.authority
            and "crl_sign" in issuer.usage
            and issuer.key is not None
            and issuer.valid_at(self.this_update)
            and issuer.key.verify(self.signature_oid, self.signed_part, self.signature)
        )

    @cached_property
    def entries(self) -> dict[int, bytes]:
        """Serial -> entry, read when first asked for: of a list that nobody trusts, never.

        Raises:
            Unreadable: they are broken.
        """
        return _entries(self.listed)

    def find(self, serial: int) -> tuple[str, datetime] | None:
        """Reason and time where the serial is listed.

        Raises:
            Unreadable: the entry is broken.
        """
        entry = self.entries.get(serial)
        if entry is None:
            return None
        with reading("entry of a revocation list"):
            with Row(only(entry)) as row:
                row.take(INTEGER)
                at, more = moment(row.take(UTC_TIME, TIME)), row.maybe(SEQUENCE)
            why = extensions(more).get(_REASON) if more else None
            return str(crl.CRLReason.load(why[1], strict=True).native) if why else "unspecified", at


@lru_cache(maxsize=_REMEMBERED)
def parse(der: bytes) -> RevocationList:
    """Read one list, DER.

    Raises:
        Unreadable: it is none.
    """
    with reading("revocation list"):
        if len(der) > LARGEST or not _few(der):
            raise Unreadable("too large")
        with Row(only(der)) as whole:
            tbs, algorithm, signature = whole.take(SEQUENCE), whole.take(SEQUENCE), whole.take(BITS)
        with Row(tbs) as row:
            row.maybe(INTEGER)  # the version
            inside, issuer, made = row.take(SEQUENCE), row.take(SEQUENCE), row.take(UTC_TIME, TIME)
            following, entries, more = row.maybe(UTC_TIME, TIME), row.maybe(SEQUENCE), row.maybe(FIRST)
        if inside.whole != algorithm.whole:
            raise Unreadable("two signature algorithms")
        found = extensions(explicit(only(bounded(more.whole)))) if more else {}
        return RevocationList(
            issuer=issuer.whole,
            this_update=moment(made),
            next_update=None if following is None else moment(following),
            number=_integer(found, _NUMBER),
            base=_integer(found, _DELTA),
            strange=any(critical and oid not in _UNDERSTOOD for oid, (critical, _) in found.items())
            or (_SCOPE in found and _partial(found[_SCOPE][1])),
            listed=entries.contents if entries else b"",
            signed_part=tbs.whole,
            signature_oid=named(algorithm),
            signature=octets(signature),
        )


def _few(der: bytes) -> bool:
    """Whether the list and its signed part have an end and no more members than they may: each becomes an object."""
    for most in (3, 8):
        at, end = header(der, 0)
        for _ in range(most):
            if end is None or at >= end:
                break
            following = header(der, at)[1]
            if following is None:
                return False
            at = following
        if end is None or at < end:
            return False
        der = der[header(der, 0)[0] :]
    return True


def _integer(found: dict[str, tuple[bool, bytes]], oid: str) -> int | None:
    return number(only(found[oid][1])) if oid in found else None


def _partial(scope: bytes) -> bool:
    """Whether the list speaks for others, for some reasons only, or not of people's certificates."""
    said = crl.IssuingDistributionPoint.load(scope, strict=True).native
    return bool(
        said["only_contains_ca_certs"]
        or said["only_contains_attribute_certs"]
        or said["indirect_crl"]
        or said["only_some_reasons"]
    )


def _entries(contents: bytes) -> dict[int, bytes]:
    """Serial -> entry. By hand: the parser would need seconds for the national list."""
    found: dict[int, bytes] = {}
    at = 0
    while at < len(contents):
        start, end = header(contents, at)
        first, after = header(contents, start)
        if end is None or after is None or end > len(contents) or after > end or contents[start] != 2:
            raise Unreadable("entry of a revocation list")
        serial = int.from_bytes(contents[first:after], "big", signed=True)
        if serial in found:
            raise Unreadable("a serial twice")
        found[serial] = contents[at:end]
        at = end
    return found


@dataclass(frozen=True)
class Freshness:
    """What a list must be to prove something at a moment.

    oldest: not made longer ago than this, None for its own word alone. later: a list made after the moment counts too
    (looking back, what was not revoked later was not revoked then).
    """

    skew: timedelta
    oldest: timedelta | None = None
    later: bool = False

    def holds(self, one: RevocationList, at: datetime) -> bool:
        """Whether the list speaks of this moment."""
        if one.this_update > at + self.skew:
            return self.later
        in_time = one.next_update is not None and one.next_update >= at
        return in_time and (self.oldest is None or one.this_update >= at - self.oldest)


def standing(
    lists: Iterable[RevocationList], certificate: Certificate, issuer: Certificate, at: datetime, wanted: Freshness
) -> Standing:
    """What lists say of a certificate. The newest fresh full list and its newest delta decide; bad news is never stale.

    Raises:
        Unreadable: an entry about the certificate is broken.
    """
    ours = sorted((one for one in lists if one.by(issuer)), key=lambda one: one.this_update, reverse=True)
    accusing = [(one, *found) for one in ours if (found := one.find(certificate.serial)) and found[0] != _LIFTED]
    for one, reason, since in accusing:
        if reason != HOLD:
            return revoked(reason, since, one.this_update)
    fresh = [one for one in ours if wanted.holds(one, at)]
    full = next((one for one in fresh if one.base is None), None)
    if full is None:
        return _without(ours, accusing)
    last = _delta(fresh, full) or full
    entry = last.find(certificate.serial) or full.find(certificate.serial)
    if entry is None or entry[0] == _LIFTED:
        return Standing(GOOD, None, last.this_update)
    return revoked(*entry, last.this_update)


def _without(ours: Sequence[RevocationList], accusing: Sequence[tuple[RevocationList, str, datetime]]) -> Standing:
    """No list is fresh: an old one can accuse, never clear."""
    if accusing:
        one, reason, since = accusing[0]
        return revoked(reason, since, one.this_update)
    full = next((one for one in ours if one.base is None), None)
    return Standing(STALE, None, full.this_update) if full else Standing(NO_PROOF)


def _delta(fresh: Sequence[RevocationList], full: RevocationList) -> RevocationList | None:
    """The newest delta that builds on this full list or an older one. fresh: newest first."""
    for one in fresh:
        if one.base is None or one.number is None or full.number is None:
            continue
        if one.base <= full.number < one.number and one.this_update >= full.this_update:
            return one
    return None
