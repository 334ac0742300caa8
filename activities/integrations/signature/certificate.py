"""A certificate as the national certification authority lays it out, read once into plain values."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from asn1crypto import core, pem, x509

from activities.integrations.signature.asn1 import (
    CertificateShape,
    Extensions,
    Unreadable,
    bounded,
    dotted,
    instant,
    members,
    named,
    octets,
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
_BOOLEAN, _OCTETS, _SEQUENCE = 0x01, 0x04, 0x30
_TEXTS = {0x0C: "utf-8", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1E: "utf-16-be"}
# authorities', responders' and time-stampers' certificates come again and again
_REMEMBERED = 512


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
        whole = CertificateShape.load(bounded(der), strict=True)
        tbs = whole["tbs"]
        if tbs["algorithm"].dump() != whole["algorithm"].dump():
            raise Unreadable("two signature algorithms")
        validity = tbs["validity"]
        return Certificate(
            der=der,
            serial=tbs["serial"].native,
            issuer=tbs["issuer"].dump(),
            subject=tbs["subject"].dump(),
            subject_values=_values(tbs["subject"].dump()),
            not_before=instant(validity["not_before"].native),
            not_after=instant(validity["not_after"].native),
            key_bits=octets(tbs["key"]["key"]),
            key=public_key(tbs["key"]),
            signed_part=tbs.dump(),
            signature_oid=named(whole["algorithm"]),
            signature=octets(whole["signature"]),
            **_extensions(tbs["extensions"]),
        )


def _values(name: bytes) -> dict[str, list[str]]:
    """Of a distinguished name: its texts by their kind."""
    values: dict[str, list[str]] = {}
    for _, parts, _ in members(next(members(name))[1]):
        for _, pair, _ in members(parts):
            (_, _, kind), (tag, text, _) = members(pair)
            if tag in _TEXTS:
                values.setdefault(dotted(kind), []).append(text.decode(_TEXTS[tag]))
    return values


def _extensions(found: Any) -> dict[str, Any]:
    values: dict[str, tuple[bool, bytes]] = {}
    for _, extension, _ in members(found.contents or b"" if isinstance(found, Extensions) else b""):
        (_, _, kind), *critical, (tag, value, _) = members(extension)
        oid = dotted(kind)
        if oid in values:
            raise Unreadable("an extension twice")
        if tag != _OCTETS or len(critical) > 1 or any(one[0] != _BOOLEAN for one in critical):
            raise Unreadable("an extension")
        values[oid] = any(one[1] != b"\0" for one in critical), value
    basic = x509.BasicConstraints.load(values[_BASIC][1], strict=True).native if _BASIC in values else {}
    key_id = values.get(_SUBJECT_KEY)
    extended = [dotted(one) for _, _, one in members(_only(values[_EXTENDED][1]))] if _EXTENDED in values else []
    return {
        "usage": frozenset(x509.KeyUsage.load(values[_KEY_USAGE][1]).native) if _KEY_USAGE in values else frozenset(),
        "extended": frozenset(extended),
        "extended_critical": _EXTENDED in values and values[_EXTENDED][0],
        "authority": bool(basic.get("ca")),
        "strange": frozenset(oid for oid, (critical, _) in values.items() if critical and oid not in _UNDERSTOOD),
        "subject_key_id": core.OctetString.load(key_id[1]).native if key_id else None,
    }


def _only(whole: bytes) -> bytes:
    """Contents of the one SEQUENCE that the bytes hold."""
    ((tag, contents, _),) = members(whole)
    if tag != _SEQUENCE:
        raise Unreadable("not a sequence")
    return contents
