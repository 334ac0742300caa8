"""A certificate as the national certification authority lays it out, read once into plain values."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from asn1crypto import pem, x509

from activities.integrations.signature.asn1 import (
    BITS,
    FIRST,
    INTEGER,
    SEQUENCE,
    SET,
    Row,
    Unreadable,
    Value,
    bounded,
    explicit,
    extensions,
    members,
    moment,
    named,
    number,
    octets,
    oid,
    only,
    reading,
)
from activities.integrations.signature.keys import PublicKey, public_key

_KEY_USAGE, _BASIC, _EXTENDED, _POLICIES = "2.5.29.15", "2.5.29.19", "2.5.29.37", "2.5.29.32"
_SUBJECT_KEY, _AUTHORITY_KEY, _CRL, _DELTA, _ACCESS = (
    "2.5.29.14",
    "2.5.29.35",
    "2.5.29.31",
    "2.5.29.46",
    "1.3.6.1.5.5.7.1.1",
)
_UNDERSTOOD = {_KEY_USAGE, _BASIC, _EXTENDED, _POLICIES, _SUBJECT_KEY, _AUTHORITY_KEY, _CRL, _DELTA, _ACCESS}
_COMMON_NAME, _SERIAL_NUMBER, _UNIT = "2.5.4.3", "2.5.4.5", "2.5.4.11"
_ISSUER_ID, _SUBJECT_ID, _EXTENSIONS = 0x81, 0x82, 0xA3
_TEXTS = {0x0C: "utf-8", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1E: "utf-16-be"}
# authorities', responders' and time-stampers' certificates come again and again
_REMEMBERED, _EXTENSIONS_REMEMBERED, _LARGEST = 512, 64, 64 * 1024


@dataclass(frozen=True, eq=False)
class Certificate:
    """Names are kept encoded: an issuer is found by equal bytes and then by its key. Two are equal by their bytes.

    extended_critical: whether extendedKeyUsage is critical (a time-stamping certificate's must be).
    strange: critical extensions nobody here understands; such a certificate may not be used.
    """

    der: bytes
    serial: int
    issuer: bytes
    subject: bytes
    subject_values: dict[str, list[str]] = field(repr=False)
    not_before: datetime
    not_after: datetime
    key_bits: bytes = field(repr=False)
    key: PublicKey | None
    usage: frozenset[str]
    extended: frozenset[str]
    extended_critical: bool
    authority: bool
    strange: frozenset[str]
    subject_key_id: bytes | None
    signed_part: bytes = field(repr=False)
    signature_oid: str
    signature: bytes = field(repr=False)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Certificate) and self.der == other.der

    def __hash__(self) -> int:
        return hash(self.der)

    @property
    def sha256(self) -> str:
        """Fingerprint, hex."""
        return hashlib.sha256(self.der).hexdigest()

    def valid_at(self, moment: datetime) -> bool:
        """Whether the moment lies in the certificate's life."""
        return self.not_before <= moment <= self.not_after

    @property
    def common_name(self) -> str | None:
        """Surname and given name of a person. Personal."""
        return next(iter(self.subject_values.get(_COMMON_NAME, [])), None)

    @property
    def iin(self) -> str | None:
        """The person's number: the one subject serialNumber, written IIN and 12 digits."""
        return self._number(_SERIAL_NUMBER, "IIN")

    @property
    def bin(self) -> str | None:
        """The organisation's number: the one subject unit written BIN and 12 digits."""
        return self._number(_UNIT, "BIN")

    def _number(self, kind: str, prefix: str) -> str | None:
        found = [value for value in self.subject_values.get(kind, []) if value.startswith(prefix)]
        return found[0].removeprefix(prefix) if len(found) == 1 else None


def parse(der: bytes) -> Certificate:
    """Read one certificate, DER or PEM.

    Raises:
        Unreadable: it is not a certificate, or its key is broken.
    """
    with reading("certificate"):
        return _parse(pem.unarmor(der)[2] if pem.detect(der) else der)


@lru_cache(maxsize=_REMEMBERED)
def _parse(der: bytes) -> Certificate:
    with reading("certificate"):
        if len(der) > _LARGEST:
            raise Unreadable("too large")
        with Row(only(bounded(der))) as whole:
            tbs, algorithm, signature = whole.take(SEQUENCE), whole.take(SEQUENCE), whole.take(BITS)
        return Certificate(
            der=der,
            signed_part=tbs.whole,
            signature_oid=named(algorithm),
            signature=octets(signature),
            **_signed(Row(tbs), algorithm),
        )


def _signed(row: Row, algorithm: Value) -> dict[str, Any]:
    with row:
        row.maybe(FIRST)  # the version
        serial, inside, issuer = row.take(INTEGER), row.take(SEQUENCE), row.take(SEQUENCE)
        validity, subject, key = row.take(SEQUENCE), row.take(SEQUENCE), row.take(SEQUENCE)
        row.maybe(_ISSUER_ID)
        row.maybe(_SUBJECT_ID)
        found = row.maybe(_EXTENSIONS)
    if inside.whole != algorithm.whole:
        raise Unreadable("two signature algorithms")
    since, until = members(validity)
    _, bits = members(key)
    return {
        "serial": number(serial),
        "issuer": issuer.whole,
        "subject": subject.whole,
        "subject_values": _values(subject),
        "not_before": moment(since),
        "not_after": moment(until),
        "key_bits": octets(bits),
        "key": public_key(key),
        **_extensions(extensions(explicit(found)) if found else {}),
    }


def _values(name: Value) -> dict[str, list[str]]:
    """Of a distinguished name: its texts by their kind."""
    values: dict[str, list[str]] = {}
    for parts in members(name):
        for pair in members(parts, SET):
            kind, text = members(pair)
            if text.tag in _TEXTS:
                values.setdefault(oid(kind), []).append(text.contents.decode(_TEXTS[text.tag]))
    return values


def _extensions(values: dict[str, tuple[bool, bytes]]) -> dict[str, Any]:
    key_id = values.get(_SUBJECT_KEY)
    extended = [oid(one) for one in members(only(values[_EXTENDED][1]))] if _EXTENDED in values else []
    return {
        "usage": _usage(values[_KEY_USAGE][1]) if _KEY_USAGE in values else frozenset(),
        "extended": frozenset(extended),
        "extended_critical": _EXTENDED in values and values[_EXTENDED][0],
        "authority": _BASIC in values and _authority(values[_BASIC][1]),
        "strange": frozenset(name for name, (critical, _) in values.items() if critical and name not in _UNDERSTOOD),
        "subject_key_id": octets(only(key_id[1])) if key_id else None,
    }


@lru_cache(maxsize=_EXTENSIONS_REMEMBERED)
def _usage(raw: bytes) -> frozenset[str]:
    return frozenset(x509.KeyUsage.load(raw, strict=True).native)


@lru_cache(maxsize=_EXTENSIONS_REMEMBERED)
def _authority(raw: bytes) -> bool:
    return bool(x509.BasicConstraints.load(raw, strict=True).native.get("ca"))
