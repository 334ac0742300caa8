"""Key pairs that sign: RSA-2048 with SHA-256, and GOST 34.10-2015 with 512 bits and Streebog."""

from __future__ import annotations

import hashlib
import secrets
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
from rules.gost.curves import GOST2015_512, encode_point, private_number

Alg = Literal["RSA", "GOST2015"]
_CURVE = GOST2015_512
_GOST_KEY, _STREEBOG = "1.2.398.3.10.1.1.2.2", "1.2.398.3.10.1.3.3"


class Key(Protocol):
    """What certificates and messages need of a key; the algorithms are AlgorithmIdentifiers, DER."""

    @property
    def alg(self) -> Alg:
        """RSA or GOST2015."""

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
    """GOST 34.10-2015. private: 1..q-1. In PKCS#8 it stands as the national key stores write it, little-endian."""

    private: int
    alg: Alg = "GOST2015"
    digest_algorithm: bytes = der.sequence(der.oid(_STREEBOG), der.NULL)
    signature_algorithm: bytes = der.sequence(der.oid("1.2.398.3.10.1.1.2.3.2"), der.NULL)

    def digest(self, data: bytes) -> bytes:
        """Streebog-512."""
        return engine.streebog512(data)

    def sign(self, data: bytes) -> bytes:
        """r and s, little-endian."""
        return engine.sign(_CURVE, self.private, self.digest(data))

    def public(self) -> bytes:
        """x and y, little-endian, an OCTET STRING inside the BIT STRING."""
        point = encode_point(_CURVE, engine.public_point(_CURVE, self.private))
        return der.sequence(self._kind(), der.bits(der.octets(point)))

    def pkcs8(self) -> bytes:
        """An OCTET STRING inside PKCS#8's own."""
        return der.sequence(
            der.integer(0), self._kind(), der.octets(der.octets(self.private.to_bytes(_CURVE.size, "little")))
        )

    @staticmethod
    def _kind() -> bytes:
        return der.sequence(der.oid(_GOST_KEY), der.sequence(der.oid(_CURVE.oid), der.oid(_STREEBOG)))


def generate(alg: Alg) -> Key:
    """A new key. RSA takes some tens of milliseconds."""
    if alg == "RSA":
        return RsaKey(rsa.generate_private_key(65537, 2048))
    return GostKey(private_number(_CURVE, secrets.token_bytes(_CURVE.size + 8)))


class _Pkcs8(core.Sequence):  # type: ignore[misc]
    _fields = [("version", core.Integer), ("kind", core.Any), ("key", core.OctetString)]


def load(alg: Alg, pkcs8: bytes) -> Key:
    """The key of a PKCS#8 that pkcs8() wrote."""
    if alg == "RSA":
        key = load_der_private_key(pkcs8, None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ValueError("not an RSA key")
        return RsaKey(key)
    inner = core.OctetString.load(_Pkcs8.load(pkcs8)["key"].native).native
    return GostKey(int.from_bytes(inner, "little"))
