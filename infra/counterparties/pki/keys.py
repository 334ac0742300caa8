"""Key pairs that sign: RSA with SHA-256, GOST 34.10-2015 with Streebog, and GOST 34.310-2004 with 34.311-95.

The authority's own keys are of the first kind of each family; a client's may be of any.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from asn1crypto import core
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from infra.counterparties.pki import der
from rules.gost import engine
from rules.gost.curves import GOST2004, GOST2015_256, GOST2015_512, Curve, encode_point, private_number

Alg = Literal["RSA", "GOST2015", "RSA4096", "GOST2015_256", "GOST2004"]
Family = Literal["RSA", "GOST2015"]
_RSA_BITS: dict[Alg, int] = {"RSA": 2048, "RSA4096": 4096}


@dataclass(frozen=True)
class _Gost:
    """Identifiers and arithmetic of one kind. hashed: the digest as key parameters name it."""

    curve: Curve
    key: str
    signature: str
    digest: str
    hashed: str
    hash: Callable[[bytes], bytes]


_OID = "1.2.398.3.10.1"
_GOST: dict[Alg, _Gost] = {
    "GOST2015": _Gost(
        GOST2015_512, f"{_OID}.1.2.2", f"{_OID}.1.2.3.2", f"{_OID}.3.3", f"{_OID}.3.3", engine.streebog512
    ),
    "GOST2015_256": _Gost(
        GOST2015_256, f"{_OID}.1.2.1", f"{_OID}.1.2.3.1", f"{_OID}.3.2", f"{_OID}.3.2", engine.streebog256
    ),
    "GOST2004": _Gost(GOST2004, f"{_OID}.1.1.1", f"{_OID}.1.1.2", f"{_OID}.3.1", f"{_OID}.3.1.1.0", engine.hash_34311),
}


def family(alg: str) -> Family:
    """Which of the authority's two issuing certificates issues such a key's certificate."""
    return "RSA" if alg.startswith("RSA") else "GOST2015"


class Key(Protocol):
    """What certificates and messages need of a key; the algorithms are AlgorithmIdentifiers, DER."""

    @property
    def alg(self) -> Alg:
        """Its kind."""

    @property
    def digest_algorithm(self) -> bytes:
        """Of the digest that goes with it."""

    @property
    def signature_algorithm(self) -> bytes:
        """Of digest and signature together."""

    def digest(self, data: bytes) -> bytes:
        """By the digest that goes with it."""

    def sign(self, data: bytes) -> bytes:
        """A signature as CMS and certificates hold it."""

    def public(self) -> bytes:
        """SubjectPublicKeyInfo, DER."""

    def pkcs8(self) -> bytes:
        """The private key, PKCS#8, DER, not encrypted."""


@dataclass(frozen=True)
class RsaKey:
    """RSA."""

    private: rsa.RSAPrivateKey
    alg: Alg = "RSA"
    digest_algorithm: bytes = der.sequence(der.oid("2.16.840.1.101.3.4.2.1"), der.NULL)
    signature_algorithm: bytes = der.sequence(der.oid("1.2.840.113549.1.1.11"), der.NULL)

    def digest(self, data: bytes) -> bytes:
        """SHA-256."""
        return hashlib.sha256(data).digest()

    def sign(self, data: bytes) -> bytes:
        """PKCS #1 v1.5."""
        return self.private.sign(data, PKCS1v15(), SHA256())

    def public(self) -> bytes:
        """As the library writes it."""
        return self.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def pkcs8(self) -> bytes:
        """As the library writes it."""
        return self.private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


@dataclass(frozen=True)
class GostKey:
    """GOST 34.10. private: 1..q-1. In PKCS#8 it stands as the national key stores write it, little-endian."""

    private: int
    alg: Alg = "GOST2015"

    @property
    def digest_algorithm(self) -> bytes:
        """Of the kind's hash."""
        return der.sequence(der.oid(self._kind.digest), der.NULL)

    @property
    def signature_algorithm(self) -> bytes:
        """Of hash and signature."""
        return der.sequence(der.oid(self._kind.signature), der.NULL)

    def digest(self, data: bytes) -> bytes:
        """By the kind's hash."""
        return self._kind.hash(data)

    def sign(self, data: bytes) -> bytes:
        """r and s, little-endian."""
        return engine.sign(self._kind.curve, self.private, self.digest(data))

    def public(self) -> bytes:
        """x and y, little-endian, an OCTET STRING inside the BIT STRING."""
        curve = self._kind.curve
        point = encode_point(curve, engine.public_point(curve, self.private))
        return der.sequence(self._named(), der.bits(der.octets(point)))

    def pkcs8(self) -> bytes:
        """An OCTET STRING inside PKCS#8's own."""
        number = self.private.to_bytes(self._kind.curve.size, "little")
        return der.sequence(der.integer(0), self._named(), der.octets(der.octets(number)))

    def _named(self) -> bytes:
        kind = self._kind
        return der.sequence(der.oid(kind.key), der.sequence(der.oid(kind.curve.oid), der.oid(kind.hashed)))

    @property
    def _kind(self) -> _Gost:
        return _GOST[self.alg]


def generate(alg: Alg) -> Key:
    """A new key. RSA takes some tens of milliseconds, of 4096 bits about a second."""
    if alg in _RSA_BITS:
        return RsaKey(rsa.generate_private_key(65537, _RSA_BITS[alg]), alg)
    curve = _GOST[alg].curve
    return GostKey(private_number(curve, secrets.token_bytes(curve.size + 8)), alg)


class _Pkcs8(core.Sequence):  # type: ignore[misc]
    _fields = [("version", core.Integer), ("kind", core.Any), ("key", core.OctetString)]


def load(alg: Alg, pkcs8: bytes) -> Key:
    """The key of a PKCS#8 that pkcs8() wrote."""
    if alg in _RSA_BITS:
        key = load_der_private_key(pkcs8, None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ValueError("not an RSA key")
        return RsaKey(key, alg)
    inner = core.OctetString.load(_Pkcs8.load(pkcs8)["key"].native).native
    return GostKey(int.from_bytes(inner, "little"), alg)
