"""GOST 34.10 signatures on the three curves of Kazakhstan's certification authority, in pure Python.

The Kazakh identifiers are other names of known curves: TC26-512-paramSetA and TC26-256-paramSetA (RFC 7836) for
34.10-2015, and CryptoPro-A (RFC 4357) for 34.310-2004. Keys, hashes and signatures are little-endian here, and a
signature is r, then s. No signature by a 256-bit key of 2015 is public: that curve is held to the standard's own.

The fallback for machines without nettle or OpenSSL, and the tests' reference.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

Point = tuple[int, int]
Jacobian = tuple[int, int, int]
SumOf = Callable[["Curve", int, int, Point], Point | None]
_INFINITY: Jacobian = (0, 1, 0)


@dataclass(frozen=True)
class Curve:
    """y^2 = x^3 + ax + b modulo p; (x, y) generates a group of prime order q; size: bytes of a coordinate.

    cofactor: how many times q points the curve has. Where it is not 1, a key outside the group must be refused.
    """

    oid: str
    size: int
    p: int
    a: int
    b: int
    q: int
    x: int
    y: int
    cofactor: int = 1

    @property
    def generator(self) -> Point:
        """The base point."""
        return self.x, self.y

    def holds(self, point: Point) -> bool:
        """Whether the point lies on the curve, with coordinates in range."""
        x, y = point
        return 0 <= x < self.p and 0 <= y < self.p and (y * y - (x * x * x + self.a * x + self.b)) % self.p == 0


GOST2015_512 = Curve(
    oid="1.2.398.3.10.1.1.2.2.1",
    size=64,
    p=2**512 - 569,
    a=2**512 - 572,
    b=0xE8C2505DEDFC86DDC1BD0B2B6667F1DA34B82574761CB0E879BD081CFD0B6265EE3CB090F30D27614CB4574010DA90DD862EF9D4EBEE4761503190785A71C760,
    q=0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF27E69532F48D89116FF22B8D4E0560609B4B38ABFAD2B85DCACDB1411F10B275,
    x=3,
    y=0x7503CFE87A836AE3A61B8816E25450E6CE5E1C93ACF1ABC1778064FDCBEFA921DF1626BE4FD036E93D75E6A50E3A41E98028FE5FC235F5B889A589CB5215F2A4,
)
GOST2004 = Curve(
    oid="1.2.398.3.10.1.1.1.1.1",
    size=32,
    p=2**256 - 617,
    a=2**256 - 620,
    b=0xA6,
    q=0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF6C611070995AD10045841B09B761B893,
    x=1,
    y=0x8D91E471E0989CDA27DF505A453F2B7635294F2DDF23E3B122ACC99C9E9F1E14,
)
GOST2015_256 = Curve(
    oid="1.2.398.3.10.1.1.2.1.1",
    size=32,
    p=2**256 - 617,
    a=0xC2173F1513981673AF4892C23035A27CE25E2013BF95AA33B22C656F277E7335,
    b=0x295F9BAE7428ED9CCC20E7C359A9D41A22FCCD9108E17BF7BA9337A6F8AE9513,
    q=0x400000000000000000000000000000000FD8CDDFC87B6635C115AF556C360C67,
    x=0x91E38443A5E82C0D880923425712B2BB658B9196932E02C78B2582FE742DAA28,
    y=0x32879423AB1A0375895786C4BB46E9565FDE0B5344766740AF268ADB32322E5C,
    cofactor=4,
)
CURVES = {curve.oid: curve for curve in (GOST2015_512, GOST2015_256, GOST2004)}
_WINDOW = 5


def encode_point(curve: Curve, point: Point) -> bytes:
    """A public key as certificates hold it: x, then y."""
    return point[0].to_bytes(curve.size, "little") + point[1].to_bytes(curve.size, "little")


def decode_point(curve: Curve, encoded: bytes, sum_of: SumOf | None = None) -> Point:
    """The point of a public key. sum_of: something faster than sum_of_multiples.

    Raises:
        ValueError: wrong length, not on the curve, or outside the group of the base point.
    """
    point = int.from_bytes(encoded[: curve.size], "little"), int.from_bytes(encoded[curve.size :], "little")
    if len(encoded) != 2 * curve.size or not curve.holds(point):
        raise ValueError("not a point of the curve")
    if curve.cofactor != 1 and (sum_of or sum_of_multiples)(curve, 0, curve.q, point) is not None:
        raise ValueError("not a point of the curve's group")
    return point


def private_number(curve: Curve, entropy: bytes) -> int:
    """A private key out of random bytes, 8 more than a coordinate so that every key is equally likely."""
    if len(entropy) < curve.size + 8:
        raise ValueError("too little entropy")
    return int.from_bytes(entropy, "little") % (curve.q - 1) + 1


def nonces(curve: Curve, private: int, digest: bytes) -> list[int]:
    """One-time numbers for a signature, from key and digest alone: no random source can leak the key.

    A few are given since the signer must drop one that leads to zero (never seen in practice).
    """
    key, found = private.to_bytes(curve.size, "little"), []
    for attempt in range(4):
        wide = b"".join(hmac.digest(key, bytes([attempt, half]) + digest, "sha512") for half in (0, 1))
        found.append(private_number(curve, wide))
    return found


def hash_number(curve: Curve, digest: bytes) -> int:
    """The number that is signed for a digest; zero becomes one, as the standard says."""
    return int.from_bytes(digest, "little") % curve.q or 1


def verify(curve: Curve, point: Point, digest: bytes, signature: bytes, sum_of: SumOf | None = None) -> bool:
    """Whether the signature over the digest is by the key of the point. Never raises. sum_of: as decode_point."""
    if len(signature) != 2 * curve.size or not curve.holds(point):
        return False
    r = int.from_bytes(signature[: curve.size], "little")
    s = int.from_bytes(signature[curve.size :], "little")
    if not (0 < r < curve.q and 0 < s < curve.q):
        return False
    inverse = pow(hash_number(curve, digest), -1, curve.q)
    found = (sum_of or sum_of_multiples)(curve, s * inverse % curve.q, -r * inverse % curve.q, point)
    return found is not None and found[0] % curve.q == r


def multiple(curve: Curve, number: int, point: Point) -> Point:
    """number times point.

    Raises:
        ValueError: the result is the point at infinity.
    """
    found = sum_of_multiples(curve, 0, number, point)
    if found is None:
        raise ValueError("point at infinity")
    return found


def sum_of_multiples(curve: Curve, u: int, v: int, point: Point) -> Point | None:
    """u times the base point + v times the point in one pass over the bits, None for the point at infinity."""
    one, two = _digits(u), _digits(v)
    of_first, of_second = _of_generator(curve), _odd_multiples(curve, point)
    total = _INFINITY
    for place in range(max(len(one), len(two)) - 1, -1, -1):
        total = _double(curve, total)
        for digits, multiples in ((one, of_first), (two, of_second)):
            if place < len(digits) and (digit := digits[place]):
                x, y, z = multiples[abs(digit) >> 1]
                total = _add(curve, total, (x, y if digit > 0 else curve.p - y, z))
    if not total[2]:
        return None
    inverse = pow(total[2], -1, curve.p)
    square = inverse * inverse % curve.p
    return total[0] * square % curve.p, total[1] * square * inverse % curve.p


def _digits(number: int) -> list[int]:
    """The number in signed odd digits, lowest first; between two that are not zero stand four zeros at least.

    >>> _digits(31)
    [-1, 0, 0, 0, 0, 1]
    """
    found, full = [], 1 << _WINDOW
    while number:
        digit = 0
        if number & 1:
            digit = number % full
            digit -= full if digit >= full // 2 else 0
            number -= digit
        found.append(digit)
        number >>= 1
    return found


@cache
def _of_generator(curve: Curve) -> tuple[Jacobian, ...]:
    return _multiples(curve, curve.generator)


def _odd_multiples(curve: Curve, point: Point) -> tuple[Jacobian, ...]:
    """1, 3, 5 ... times the point."""
    return _of_generator(curve) if point == curve.generator else _multiples(curve, point)


def _multiples(curve: Curve, point: Point) -> tuple[Jacobian, ...]:
    found = [(*point, 1)]
    twice = _double(curve, found[0])
    while len(found) < 1 << (_WINDOW - 2):
        found.append(_add(curve, found[-1], twice))
    return tuple(found)


def _double(curve: Curve, point: Jacobian) -> Jacobian:
    x, y, z = point
    if not y or not z:
        return _INFINITY
    p = curve.p
    yy, zz = y * y % p, z * z % p
    s = 4 * x * yy % p
    m = (3 * x * x + curve.a * zz * zz) % p
    doubled = (m * m - 2 * s) % p
    return doubled, (m * (s - doubled) - 8 * yy * yy) % p, 2 * y * z % p


def _add(curve: Curve, left: Jacobian, right: Jacobian) -> Jacobian:
    if not left[2]:
        return right
    if not right[2]:
        return left
    p = curve.p
    left_zz, right_zz = left[2] * left[2] % p, right[2] * right[2] % p
    u1, u2 = left[0] * right_zz % p, right[0] * left_zz % p
    s1, s2 = left[1] * right[2] * right_zz % p, right[1] * left[2] * left_zz % p
    if u1 == u2:
        return _double(curve, left) if s1 == s2 else _INFINITY
    h, r = (u2 - u1) % p, (s2 - s1) % p
    hh = h * h % p
    hhh, v = h * hh % p, u1 * hh % p
    x = (r * r - hhh - 2 * v) % p
    return x, (r * (v - x) - s1 * hhh) % p, h * left[2] * right[2] % p
