"""The curve that nettle lacks, by OpenSSL's libcrypto, which comes with Python.

It knows none of our curves by name but computes on any, five times faster than Python. Loaded once, and trusted only
after it gave the standard's answers; calls let other threads run.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from contextlib import ExitStack
from ctypes import c_char_p, c_int, c_void_p
from functools import cache
from typing import Any

from rules.gost.curves import GOST2015_256, Curve, Point

_CURVES = (GOST2015_256,)


class OpenSsl:
    """libcrypto, with its functions declared and a group for each curve.

    Raises:
        OSError, AttributeError, ValueError: it is missing, lacks something or refuses a curve.
    """

    def __init__(self) -> None:
        library = ctypes.CDLL("libcrypto.so.3")

        def function(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
            found = library[name]
            found.restype, found.argtypes = result, arguments
            return found

        many = (c_void_p,) * 6
        self._number_of = function("BN_lebin2bn", c_void_p, c_char_p, c_int, c_void_p)
        self._bytes_of = function("BN_bn2lebinpad", c_int, c_void_p, c_char_p, c_int)
        self._free = function("BN_clear_free", None, c_void_p)
        self._point = function("EC_POINT_new", *many[:2])
        self._free_point = function("EC_POINT_free", None, c_void_p)
        self._set = function("EC_POINT_set_affine_coordinates", c_int, *many[:5])
        self._get = function("EC_POINT_get_affine_coordinates", c_int, *many[:5])
        self._times = function("EC_POINT_mul", c_int, *many)
        self._at_infinity = function("EC_POINT_is_at_infinity", c_int, *many[:2])
        self._group = function("EC_GROUP_new_curve_GFp", *many[:5])
        self._generator = function("EC_GROUP_set_generator", c_int, *many[:4])
        self._order = function("EC_GROUP_get0_order", *many[:2])
        self._groups = {curve: self._prepare(curve) for curve in _CURVES}

    def has(self, curve: Curve) -> bool:
        """Whether it can compute on this curve."""
        return curve in self._groups

    def sum_of_multiples(self, curve: Curve, u: int, v: int, point: Point) -> Point | None:
        """As rules.gost.curves.sum_of_multiples; in constant time where v is 0.

        Raises:
            ValueError: the point does not lie on the curve.
        """
        group = self._groups[curve]
        with ExitStack() as stack:
            total, second = self._new_point(stack, group), None
            of_generator = self._number(stack, curve, u) if u else None
            of_second = None
            if v:
                second = self._new_point(stack, group)
                x, y = (self._number(stack, curve, value) for value in point)
                _held(self._set(group, second, x, y, None))
                # by its own order OpenSSL checks keys itself: such a sum knows points outside the group
                of_second = self._order(group) if v == curve.q else self._number(stack, curve, v)
            _held(self._times(group, total, of_generator, second, of_second, None))
            if self._at_infinity(group, total):
                return None
            x, y = (self._number(stack, curve, 0) for _ in "xy")
            _held(self._get(group, total, x, y, None))
            return self._value(x, curve.size), self._value(y, curve.size)

    def _prepare(self, curve: Curve) -> int:
        """A group that is never freed."""
        with ExitStack() as stack:
            p, a, b, x, y, q, cofactor = (
                self._number(stack, curve, value)
                for value in (curve.p, curve.a, curve.b, curve.x, curve.y, curve.q, curve.cofactor)
            )
            group = _held(self._group(p, a, b, None))
            generator = self._new_point(stack, group)
            _held(self._set(group, generator, x, y, None))
            _held(self._generator(group, generator, q, cofactor))
            return group

    def _number(self, stack: ExitStack, curve: Curve, value: int) -> int:
        number = _held(self._number_of(value.to_bytes(curve.size, "little"), curve.size, None))
        stack.callback(self._free, number)
        return number

    def _new_point(self, stack: ExitStack, group: int) -> int:
        point = _held(self._point(group))
        stack.callback(self._free_point, point)
        return point

    def _value(self, number: int, size: int) -> int:
        out = ctypes.create_string_buffer(size)
        if self._bytes_of(number, out, size) != size:
            raise ValueError("a coordinate out of range")
        return int.from_bytes(out.raw, "little")


def _held(result: int | None) -> int:
    if not result:
        raise ValueError("OpenSSL refuses")
    return result


@cache
def load() -> OpenSsl | None:
    """The library, or None where it is absent or gives other answers than the standard's."""
    try:
        found = OpenSsl()
        return found if all(_same_points(found, curve) for curve in _CURVES) else None
    except (OSError, AttributeError, ValueError):
        return None


def _same_points(found: OpenSsl, curve: Curve) -> bool:
    sum_of, generator, minus_one = found.sum_of_multiples, curve.generator, (curve.x, curve.p - curve.y)
    return (
        sum_of(curve, 1, 0, generator) == generator
        and sum_of(curve, curve.q - 1, 0, generator) == minus_one
        and sum_of(curve, 3, curve.q - 4, generator) == minus_one
        and sum_of(curve, 0, curve.q, generator) is None
    )
