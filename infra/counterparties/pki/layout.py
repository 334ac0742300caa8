"""Certificates in the layout of Kazakhstan's national certification authority."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from asn1crypto import core, x509

from infra.counterparties.pki import der
from infra.counterparties.pki.keys import Key

Kind = Literal["INDIVIDUAL", "CEO", "CAN_SIGN", "EMPLOYEE"]
Usage = Literal["SIGN", "AUTH"]
Role = Literal["root", "ca", "ocsp", "tsa", "plain"]

_OWNER = "1.2.398.3.3.4.1"
_OWNERS: dict[Kind, tuple[str, ...]] = {
    "INDIVIDUAL": (f"{_OWNER}.1",),
    "CEO": (f"{_OWNER}.2", f"{_OWNER}.2.1"),
    "CAN_SIGN": (f"{_OWNER}.2", f"{_OWNER}.2.2"),
    "EMPLOYEE": (f"{_OWNER}.2", f"{_OWNER}.2.5"),
}
_PURPOSES: dict[Usage, str] = {"SIGN": "1.3.6.1.5.5.7.3.4", "AUTH": "1.3.6.1.5.5.7.3.2"}
_USAGES: dict[Usage, tuple[int, ...]] = {"SIGN": (0, 1), "AUTH": (0, 2)}
_POLICIES = {
    ("SIGN", True): "1.2.398.3.3.2.1",
    ("AUTH", True): "1.2.398.3.3.2.2",
    ("SIGN", False): "1.2.398.3.3.2.3",
    ("AUTH", False): "1.2.398.3.3.2.4",
}
_ROLE_NAMES: dict[Role, str] = {
    "root": "НЕГІЗГІ КУӘЛАНДЫРУШЫ ОРТАЛЫҚ ({}) СЫНАҚ",
    "ca": "ҰЛТТЫҚ КУӘЛАНДЫРУШЫ ОРТАЛЫҚ ({}) СЫНАҚ",
    "ocsp": "OCSP RESPONDER ({})",
    "tsa": "TIME STAMPING AUTHORITY ({})",
    "plain": "SERVICE WITHOUT A PURPOSE ({})",
}
_CN, _SURNAME, _SERIAL, _COUNTRY, _O, _OU, _PATRONYMIC = (f"2.5.4.{n}" for n in (3, 4, 5, 6, 10, 11, 42))


class _Parts(core.SequenceOf):  # type: ignore[misc]
    _child_spec = core.Any


@dataclass(frozen=True)
class Issuer:
    """Who signs certificates: its key and its own certificate."""

    key: Key
    certificate: bytes

    @property
    def subject(self) -> bytes:
        """Its name, DER."""
        return bytes(x509.Certificate.load(self.certificate)["tbs_certificate"]["subject"].dump())

    @property
    def key_bits(self) -> bytes:
        """Contents of the public key's BIT STRING: what OCSP requests name an issuer by."""
        return key_bits(self.key)


def key_bits(key: Key) -> bytes:
    """Contents of the BIT STRING of a public key."""
    return bytes(_Parts.load(key.public())[1].contents[1:])


def new_serial() -> int:
    """20 bytes with the top bit clear and never zero at the front, as the national serial numbers are."""
    return int.from_bytes(secrets.token_bytes(20), "big") & (1 << 159) - 1 | 1 << 152


def service_name(role: Role, alg: str) -> bytes:
    """The name of one of the authority's own certificates."""
    title = _ROLE_NAMES[role].format("RSA" if alg == "RSA" else "GOST")
    return der.name((_CN, der.text(title)), (_COUNTRY, der.printable("KZ")))


def person_name(
    iin: str, surname: str, given: str, patronymic: str | None, bin_: str | None, organisation: str | None
) -> bytes:
    """A holder's name. The national layout puts the patronymic into givenName (2.5.4.42)."""
    pairs = [
        (_CN, der.text(f"{surname} {given}")),
        (_SURNAME, der.text(surname)),
        (_SERIAL, der.printable(f"IIN{iin}")),
        (_COUNTRY, der.printable("KZ")),
    ]
    if bin_:
        pairs += [(_O, der.text(organisation or "ТОО")), (_OU, der.text(f"BIN{bin_}"))]
    if patronymic:
        pairs.append((_PATRONYMIC, der.text(patronymic)))
    return der.name(*pairs)


def service_extensions(role: Role) -> list[bytes]:
    """What an authority's own certificate may do."""
    if role in ("root", "ca"):
        return [
            der.extension("2.5.29.19", der.sequence(der.TRUE), critical=True),
            der.extension("2.5.29.15", der.named_bits(5, 6), critical=True),
        ]
    signing = der.extension("2.5.29.15", der.named_bits(0, 1), critical=True)
    if role == "ocsp":
        no_check = der.extension("1.3.6.1.5.5.7.48.1.5", der.NULL)
        return [signing, der.extension("2.5.29.37", der.sequence(der.oid("1.3.6.1.5.5.7.3.9"))), no_check]
    if role == "tsa":
        return [signing, der.extension("2.5.29.37", der.sequence(der.oid("1.3.6.1.5.5.7.3.8")), critical=True)]
    return [signing]


def holder_extensions(kind: Kind, usage: Usage) -> list[bytes]:
    """Key usage, purposes and policy of a person's certificate."""
    purposes = (_PURPOSES[usage], *_OWNERS[kind])
    policy = _POLICIES[usage, kind != "INDIVIDUAL"]
    return [
        der.extension("2.5.29.15", der.named_bits(*_USAGES[usage]), critical=True),
        der.extension("2.5.29.37", der.sequence(*(der.oid(one) for one in purposes))),
        der.extension("2.5.29.32", der.sequence(der.sequence(der.oid(policy)))),
    ]


def certificate(
    key: Key,
    subject: bytes,
    extensions: list[bytes],
    issuer: Issuer | None,
    *,
    serial: int,
    not_before: datetime,
    not_after: datetime,
) -> bytes:
    """A certificate, DER; without issuer it signs itself."""
    by = issuer.key if issuer else key
    identifiers = [
        der.extension("2.5.29.14", der.octets(_key_id(key))),
        der.extension("2.5.29.35", der.sequence(der.wrap(0x80, _key_id(by)))),
    ]
    signed = der.sequence(
        der.explicit(0, der.integer(2)),
        der.integer(serial),
        by.signature_algorithm,
        issuer.subject if issuer else subject,
        der.sequence(_time(not_before), _time(not_after)),
        subject,
        key.public(),
        der.explicit(3, der.sequence(*extensions, *identifiers)),
    )
    return der.sequence(signed, by.signature_algorithm, der.bits(by.sign(signed)))


def life(years: int, before: timedelta = timedelta(minutes=5)) -> tuple[datetime, datetime]:
    """From a little before now, for some years."""
    now = datetime.now(UTC).replace(microsecond=0)
    return now - before, now + timedelta(days=365 * years)


def _time(at: datetime) -> bytes:
    return der.utc_time(at) if at.year < 2050 else der.generalized_time(at)


def _key_id(key: Key) -> bytes:
    return hashlib.sha1(key_bits(key), usedforsecurity=False).digest()
