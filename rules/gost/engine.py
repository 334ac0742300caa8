"""GOST hashes and signatures by the fastest means at hand: nettle where the machine has it, else pure Python.

Everything outside this folder imports this module and `curves` alone. Both ways give the same bytes (tests compare
them). nettle lacks one curve, that of 34.10-2015 with 256-bit keys: it is always computed in Python.
"""

from __future__ import annotations

from rules.gost import curves, gost94, streebog
from rules.gost.curves import Curve, Point
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


def verify(curve: Curve, point: Point, digest: bytes, signature: bytes) -> bool:
    """Whether the signature over the digest is by the key of the point. Never raises."""
    nettle = _nettle_for(curve)
    check = nettle.verify if nettle else curves.verify
    return check(curve, point, digest, signature)


def public_point(curve: Curve, private: int) -> Point:
    """The public key of a private one (1..q-1)."""
    nettle = _nettle_for(curve)
    return nettle.times_generator(curve, private) if nettle else curves.multiple(curve, private, curve.generator)


def sign(curve: Curve, private: int, digest: bytes) -> bytes:
    """r, then s, each little-endian. The same key and digest always give the same signature."""
    number = curves.hash_number(curve, digest)
    for nonce in curves.nonces(curve, private, digest):
        r = public_point(curve, nonce)[0] % curve.q
        s = (r * private + nonce * number) % curve.q
        if r and s:
            return r.to_bytes(curve.size, "little") + s.to_bytes(curve.size, "little")
    raise ArithmeticError("no usable one-time number")
