"""GOST hashes and signatures by the fastest means at hand: nettle where the machine has it, else pure Python.

Everything outside this folder imports this module and `curves` alone. All ways give the same bytes (tests compare
them). nettle lacks one curve, that of 34.10-2015 with 256-bit keys: OpenSSL computes on it.
"""

from __future__ import annotations

from rules.gost import curves, gost94, openssl, streebog
from rules.gost.curves import Curve, Point, SumOf
from rules.gost.nettle import Nettle, load


def is_fast() -> bool:
    """Whether nettle is in use; without it, hash large contents away from the event loop."""
    return load() is not None


def streebog512(data: bytes) -> bytes:
    """GOST R 34.11-2012, 64 bytes: the digest of 34.10-2015 signatures."""
    nettle = load()
    return nettle.digest("streebog512", data) if nettle else streebog.streebog512(data)


def streebog256(data: bytes) -> bytes:
    """GOST R 34.11-2012, 32 bytes: the digest of 34.10-2015 signatures by 256-bit keys."""
    nettle = load()
    return nettle.digest("streebog256", data) if nettle else streebog.streebog256(data)


def hash_34311(data: bytes) -> bytes:
    """GOST 34.311-95, 32 bytes: the digest of 34.310-2004 signatures."""
    nettle = load()
    return nettle.digest("gosthash94", data) if nettle else gost94.gost94(data)


def _nettle_for(curve: Curve) -> Nettle | None:
    nettle = load()
    return nettle if nettle and nettle.has(curve) else None


def _sum_of(curve: Curve) -> SumOf:
    library = openssl.load()
    return library.sum_of_multiples if library and library.has(curve) else curves.sum_of_multiples


def way(curve: Curve) -> str:
    """By which means signatures on the curve are verified: nettle, openssl or python."""
    return "nettle" if _nettle_for(curve) else "python" if _sum_of(curve) is curves.sum_of_multiples else "openssl"


def verify(curve: Curve, point: Point, digest: bytes, signature: bytes) -> bool:
    """Whether the signature over the digest is by the key of the point. Never raises."""
    if nettle := _nettle_for(curve):
        return nettle.verify(curve, point, digest, signature)
    return curves.verify(curve, point, digest, signature, _sum_of(curve))


def decode_point(curve: Curve, encoded: bytes) -> Point:
    """As curves.decode_point."""
    return curves.decode_point(curve, encoded, _sum_of(curve))


def public_point(curve: Curve, private: int) -> Point:
    """The public key of a private one.

    Raises:
        ValueError: it is not in 1..q-1.
    """
    if nettle := _nettle_for(curve):
        return nettle.times_generator(curve, private)
    found = _sum_of(curve)(curve, private, 0, curve.generator) if 0 < private < curve.q else None
    if found is None:
        raise ValueError("not a private number of the curve")
    return found


def sign(curve: Curve, private: int, digest: bytes) -> bytes:
    """r, then s, each little-endian. The same key and digest always give the same signature."""
    number = curves.hash_number(curve, digest)
    for nonce in curves.nonces(curve, private, digest):
        r = public_point(curve, nonce)[0] % curve.q
        s = (r * private + nonce * number) % curve.q
        if r and s:
            return r.to_bytes(curve.size, "little") + s.to_bytes(curve.size, "little")
    raise ArithmeticError("no usable one-time number")
