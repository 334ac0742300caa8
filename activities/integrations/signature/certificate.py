"""A certificate as the national certification authority lays it out, read once into plain values."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from asn1crypto import core, pem, x509

from activities.integrations.signature.asn1 import CertificateShape, Oids, Unreadable, instant, reading
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
_SERIAL_NUMBER, _UNIT = "2.5.4.5", "2.5.4.11"


@dataclass(frozen=True)
class Certificate:
    """Names are kept encoded: an issuer is found by equal bytes and then by its key.

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

    @property
    def sha256(self) -> str:
        """Fingerprint, hex."""
        return hashlib.sha256(self.der).hexdigest()

    def valid_at(self, moment: datetime) -> bool:
        """Whether the moment lies in the certificate's life."""
        return self.not_before <= moment <= self.not_after

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
        if pem.detect(der):
            der = pem.unarmor(der)[2]
        whole = CertificateShape.load(der, strict=True)
        tbs = whole["tbs"]
        if tbs["algorithm"].dump() != whole["algorithm"].dump():
            raise Unreadable("two signature algorithms")
        validity = tbs["validity"]
        return Certificate(
            der=der,
            serial=tbs["serial"].native,
            issuer=tbs["issuer"].dump(),
            subject=tbs["subject"].dump(),
            subject_values=_values(tbs["subject"]),
            not_before=instant(validity["not_before"].native),
            not_after=instant(validity["not_after"].native),
            key_bits=tbs["key"]["key"].native,
            key=public_key(tbs["key"]),
            signed_part=tbs.dump(),
            signature_oid=whole["algorithm"]["oid"].dotted,
            signature=whole["signature"].native,
            **_extensions(tbs["extensions"]),
        )


def _values(name: Any) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for part in name.chosen:
        for pair in part:
            values.setdefault(pair["type"].dotted, []).append(str(pair["value"].native))
    return values


def _extensions(found: Any) -> dict[str, Any]:
    values: dict[str, tuple[bool, bytes]] = {}
    for item in found:
        oid = item["oid"].dotted
        if oid in values:
            raise Unreadable("an extension twice")
        values[oid] = item["critical"].native, item["value"].native
    basic = x509.BasicConstraints.load(values[_BASIC][1], strict=True).native if _BASIC in values else {}
    key_id = values.get(_SUBJECT_KEY)
    extended = Oids.load(values[_EXTENDED][1], strict=True) if _EXTENDED in values else []
    return {
        "usage": frozenset(x509.KeyUsage.load(values[_KEY_USAGE][1]).native) if _KEY_USAGE in values else frozenset(),
        "extended": frozenset(oid.dotted for oid in extended),
        "extended_critical": _EXTENDED in values and values[_EXTENDED][0],
        "authority": bool(basic.get("ca")),
        "strange": frozenset(oid for oid, (critical, _) in values.items() if critical and oid not in _UNDERSTOOD),
        "subject_key_id": core.OctetString.load(key_id[1]).native if key_id else None,
    }
