"""The same arithmetic by nettle (Debian: libnettle8, libhogweed6, libgmp10; they come with GnuTLS).

Streebog runs some 300 times faster than in Python and a verification some 20 times. Loaded once, and trusted only
after it gave the standard's answers; calls let other threads run. Nothing here touches files or the network.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_uint, c_void_p
from functools import cache
from typing import Any

from rules.gost.curves import GOST2004, GOST2015_512, Curve, Point

_CURVES = {GOST2015_512: "nettle_get_gost_gc512a", GOST2004: "nettle_get_gost_gc256b"}
_HASHES = {"streebog512": "8e945da209aa869f", "streebog256": "3f539a213e97c802", "gosthash94": "ce85b99cc46752ff"}


class _Number(ctypes.Structure):
    """mpz_t of GMP."""

    _fields_ = (("alloc", c_int), ("size", c_int), ("limbs", c_void_p))


class _Signature(ctypes.Structure):
    """struct dsa_signature."""

    _fields_ = (("r", _Number), ("s", _Number))


class _OnCurve(ctypes.Structure):
    """struct ecc_point, and struct ecc_scalar, which looks the same."""

    _fields_ = (("curve", c_void_p), ("limbs", c_void_p))


class _Hash(ctypes.Structure):
    """struct nettle_hash of nettle 3."""

    _fields_ = (
        ("name", c_char_p),
        ("context_size", c_uint),
        ("digest_size", c_uint),
        ("block_size", c_uint),
        ("init", ctypes.CFUNCTYPE(None, c_void_p)),
        ("update", ctypes.CFUNCTYPE(None, c_void_p, c_size_t, c_char_p)),
        ("digest", ctypes.CFUNCTYPE(None, c_void_p, c_size_t, c_char_p)),
    )


class Nettle:
    """The three libraries, with their functions declared.

    Raises:
        OSError, AttributeError, ValueError: a library is missing or lacks something.
    """

    def __init__(self) -> None:
        self._hashes = ctypes.CDLL("libnettle.so.8")
        self._gmp = ctypes.CDLL("libgmp.so.10")
        library = ctypes.CDLL("libhogweed.so.6")
        number, point = POINTER(_Number), POINTER(_OnCurve)
        numbers = (c_size_t, c_int, c_size_t, c_int, c_size_t)

        def function(source: ctypes.CDLL, name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
            found = source[name]
            found.restype, found.argtypes = result, arguments
            return found

        self._init = function(self._gmp, "__gmpz_init", None, number)
        self._clear = function(self._gmp, "__gmpz_clear", None, number)
        self._import = function(self._gmp, "__gmpz_import", None, number, *numbers, c_char_p)
        self._export = function(
            self._gmp, "__gmpz_export", c_void_p, c_char_p, POINTER(c_size_t), c_int, c_size_t, c_int, c_size_t, number
        )
        self._point_init = function(library, "nettle_ecc_point_init", None, point, c_void_p)
        self._point_clear = function(library, "nettle_ecc_point_clear", None, point)
        self._point_set = function(library, "nettle_ecc_point_set", c_int, point, number, number)
        self._point_get = function(library, "nettle_ecc_point_get", None, point, number, number)
        self._scalar_init = function(library, "nettle_ecc_scalar_init", None, point, c_void_p)
        self._scalar_clear = function(library, "nettle_ecc_scalar_clear", None, point)
        self._scalar_set = function(library, "nettle_ecc_scalar_set", c_int, point, number)
        self._times_generator = function(library, "nettle_ecc_point_mul_g", None, point, point)
        self._verify = function(library, "nettle_gostdsa_verify", c_int, point, c_size_t, c_char_p, POINTER(_Signature))
        self._curves = {curve: function(library, name, c_void_p)() for curve, name in _CURVES.items()}

    def has(self, curve: Curve) -> bool:
        """Whether it can compute on this curve."""
        return curve in self._curves

    def digest(self, name: str, data: bytes) -> bytes:
        """name: streebog512, streebog256 or gosthash94 (which is 34.311-95)."""
        kind = _Hash.in_dll(self._hashes, f"nettle_{name}")
        context = ctypes.create_string_buffer(kind.context_size)
        out = ctypes.create_string_buffer(kind.digest_size)
        kind.init(context)
        kind.update(context, len(data), data)
        kind.digest(context, kind.digest_size, out)
        return out.raw

    def verify(self, curve: Curve, point: Point, digest: bytes, signature: bytes) -> bool:
        """As rules.gost.curves.verify."""
        size = curve.size
        if len(signature) != 2 * size or not curve.holds(point):
            return False
        pair = _Signature()
        with ExitStack() as stack:
            key = stack.enter_context(self._point(curve))
            x, y = (stack.enter_context(self._number(value.to_bytes(size, "little"))) for value in point)
            pair.r = stack.enter_context(self._number(signature[:size]))
            pair.s = stack.enter_context(self._number(signature[size:]))
            return bool(
                self._point_set(byref(key), byref(x), byref(y))
                and self._verify(byref(key), len(digest), digest, byref(pair))
            )

    def times_generator(self, curve: Curve, number: int) -> Point:
        """number times the base point, in constant time; number in 1..q-1."""
        with ExitStack() as stack:
            value = stack.enter_context(self._number(number.to_bytes(curve.size, "little")))
            scalar = _OnCurve()
            self._scalar_init(byref(scalar), self._curves[curve])
            stack.callback(self._scalar_clear, byref(scalar))
            result = stack.enter_context(self._point(curve))
            if not self._scalar_set(byref(scalar), byref(value)):
                raise ValueError("not a private number of the curve")
            self._times_generator(byref(result), byref(scalar))
            x, y = (stack.enter_context(self._number(b"")) for _ in "xy")
            self._point_get(byref(result), byref(x), byref(y))
            return self._value(x, curve.size), self._value(y, curve.size)

    @contextmanager
    def _number(self, little_endian: bytes) -> Iterator[_Number]:
        number = _Number()
        self._init(byref(number))
        try:
            self._import(byref(number), len(little_endian), -1, 1, 1, 0, little_endian)
            yield number
        finally:
            self._clear(byref(number))

    @contextmanager
    def _point(self, curve: Curve) -> Iterator[_OnCurve]:
        point = _OnCurve()
        self._point_init(byref(point), self._curves[curve])
        try:
            yield point
        finally:
            self._point_clear(byref(point))

    def _value(self, number: _Number, size: int) -> int:
        out, count = ctypes.create_string_buffer(size), c_size_t()
        self._export(out, byref(count), -1, 1, 1, 0, byref(number))
        return int.from_bytes(out.raw[: count.value], "little")


@cache
def load() -> Nettle | None:
    """The libraries, or None where they are absent or give other answers than the standard's."""
    try:
        nettle = Nettle()
        right = all(nettle.digest(name, b"").hex().startswith(start) for name, start in _HASHES.items())
        return nettle if right and all(_same_points(nettle, curve) for curve in _CURVES) else None
    except (OSError, AttributeError, ValueError):
        return None


def _same_points(nettle: Nettle, curve: Curve) -> bool:
    return nettle.times_generator(curve, 1) == curve.generator and nettle.times_generator(curve, curve.q - 1) == (
        curve.x,
        curve.p - curve.y,
    )
