"""Public keys of certificates, and which digest and signature each kind goes with.

Known: RSA of 2048 to 8192 bits with SHA-256, GOST 34.10-2015 with 512-bit and 256-bit keys and Streebog, GOST
34.310-2004 with 34.311-95 (older documents). Nothing else. The identifiers of 256-bit keys stand in the authority's
table; no certificate with one is public.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from activities.integrations.signature.asn1 import (
    BITS,
    OCTETS,
    OID,
    SEQUENCE,
    Row,
    Unreadable,
    Value,
    members,
    octets,
    oid,
    only,
)
from rules.gost import engine
from rules.gost.curves import GOST2004, GOST2015_256, GOST2015_512, Curve

_LEAST_RSA_BITS, _MOST_RSA_BITS = 2048, 8192


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


@dataclass(frozen=True)
class Algorithm:
    """One way of signing. digest_oid and digest: the only hash that fits; signatures: names of the whole."""

    name: str
    key_oid: str
    digest_oid: str
    digest: Callable[[bytes], bytes]
    signatures: frozenset[str]
    curve: Curve | None = None


RSA = Algorithm(
    "RSA-SHA256",
    "1.2.840.113549.1.1.1",
    "2.16.840.1.101.3.4.2.1",
    _sha256,
    # a SignerInfo may name the key alone, then the digest beside it counts
    frozenset({"1.2.840.113549.1.1.11", "1.2.840.113549.1.1.1"}),
)
GOST_2015 = Algorithm(
    "GOST34310-2015-512",
    "1.2.398.3.10.1.1.2.2",
    "1.2.398.3.10.1.3.3",
    engine.streebog512,
    frozenset({"1.2.398.3.10.1.1.2.3.2"}),
    GOST2015_512,
)
GOST_2015_256 = Algorithm(
    "GOST34310-2015-256",
    "1.2.398.3.10.1.1.2.1",
    "1.2.398.3.10.1.3.2",
    engine.streebog256,
    frozenset({"1.2.398.3.10.1.1.2.3.1"}),
    GOST2015_256,
)
GOST_2004 = Algorithm(
    "GOST34310-2004",
    "1.2.398.3.10.1.1.1.1",
    "1.2.398.3.10.1.3.1",
    engine.hash_34311,
    frozenset({"1.2.398.3.10.1.1.1.2"}),
    GOST2004,
)
ALGORITHMS = (RSA, GOST_2015, GOST_2015_256, GOST_2004)
_BY_KEY = {algorithm.key_oid: algorithm for algorithm in ALGORITHMS}
DIGESTS = {algorithm.digest_oid: algorithm.digest for algorithm in ALGORITHMS}


@dataclass(frozen=True)
class PublicKey:
    """A key that can check signatures."""

    algorithm: Algorithm
    _check: Callable[[bytes, bytes], bool]

    def verify(self, signature_oid: str, data: bytes, signature: bytes) -> bool:
        """Whether the signature over the data is this key's, by an algorithm that fits it."""
        return signature_oid in self.algorithm.signatures and self._check(data, signature)


def public_key(info: Value) -> PublicKey | None:
    """The key of a SubjectPublicKeyInfo, None where its kind is not known.

    Raises:
        Unreadable, ValueError, TypeError: a known kind with a broken key.
    """
    with Row(info) as row:
        kind, bits = Row(row.take(SEQUENCE)), row.take(BITS)
    algorithm = _BY_KEY.get(oid(kind.take(OID)))
    if algorithm is None:
        return None
    if algorithm.curve is None:
        return PublicKey(algorithm, _rsa(info.whole))
    curve, *_ = members(kind.take(SEQUENCE))
    return PublicKey(algorithm, _gost(algorithm, algorithm.curve, oid(curve), octets(bits)))


def _rsa(info: bytes) -> Callable[[bytes, bytes], bool]:
    key = load_der_public_key(info)
    if not isinstance(key, RSAPublicKey) or not _LEAST_RSA_BITS <= key.key_size <= _MOST_RSA_BITS:
        raise Unreadable("RSA key too short or too long")

    def check(data: bytes, signature: bytes) -> bool:
        try:
            key.verify(signature, data, PKCS1v15(), SHA256())
        except InvalidSignature:
            return False
        return True

    return check


def _gost(algorithm: Algorithm, curve: Curve, named: str, encoded: bytes) -> Callable[[bytes, bytes], bool]:
    key = only(encoded)
    if named != curve.oid or key.tag != OCTETS:
        raise Unreadable("another curve")
    point = engine.decode_point(curve, key.contents)

    def check(data: bytes, signature: bytes) -> bool:
        return engine.verify(curve, point, algorithm.digest(data), signature)

    return check
