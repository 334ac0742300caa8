"""GOST hashes and signatures: vectors of the standards, and nettle against pure Python."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.gost import curves, engine, gost94, streebog
from rules.gost.curves import CURVES, GOST2004, GOST2015_512, Curve
from rules.gost.nettle import Nettle, load

# RFC 6986, section 10.1: the message M1 and its two digests (the RFC prints numbers, so bytes stand reversed there)
M1 = b"012345678901234567890123456789012345678901234567890123456789012"
M1_512 = (
    "1b54d01a4af5b9d5cc3d86d68d285462b19abc2475222f35c085122be4ba1ffa"
    "00ad30f8767b3a82384c6574f024c311e2a481332b08ef7f41797891c1646f48"
)
M1_256 = "9d151eefd8590b89daa6ba6cb74af9275dd051026bb149a452fd84e5e57b5500"
# RFC 5831, section 12: 32 and 50 bytes, test set of substitutions
R94 = {
    b"This is message, length=32 bytes": "b1c466d37519b82e8319819ff32595e047a28cb6f83eff1c6916a815a637fffa",
    b"Suppose the original message has length = 50 bytes": (
        "471aba57a60a770d3a76130635c1fbea4ef14de51f78b4ae57dd893b62f55208"
    ),
}
PURE = pytest.mark.parametrize("curve", CURVES.values(), ids=["2015-512", "2004"])


@pytest.fixture(scope="module")
def nettle() -> Nettle:
    """The installed library; the project asks for it, so its absence is a failure, not a skip."""
    found = load()
    assert found is not None, "libnettle8, libhogweed6 and libgmp10 are not installed"
    return found


def test_streebog_gives_the_digests_of_rfc_6986() -> None:
    assert streebog.streebog512(M1).hex() == M1_512
    assert streebog.streebog256(M1).hex() == M1_256


def test_34311_gives_the_digests_of_the_test_parameters() -> None:
    for message, digest in R94.items():
        assert gost94.gost94(message).hex() == digest


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_nettle_and_pure_python_hash_alike(data: bytes) -> None:
    found = load()
    assert found is not None
    assert found.digest("streebog512", data) == streebog.streebog512(data)
    assert found.digest("streebog256", data) == streebog.streebog256(data)
    assert found.digest("gosthash94", data) == gost94.gost94(data)


@pytest.mark.parametrize("size", [0, 31, 32, 33, 63, 64, 65, 127, 128, 4096])
def test_hashes_agree_on_every_edge_of_a_block(nettle: Nettle, size: int) -> None:
    for data in (bytes(size), b"\xff" * size):  # all ones carry through the whole checksum
        assert nettle.digest("streebog512", data) == streebog.streebog512(data)
        assert nettle.digest("gosthash94", data) == gost94.gost94(data)


@PURE
def test_the_base_point_has_the_order_of_the_curve(curve: Curve) -> None:
    assert curve.holds(curve.generator)
    assert curves.multiple(curve, curve.q - 1, curve.generator) == (curve.x, curve.p - curve.y)
    with pytest.raises(ValueError, match="infinity"):
        curves.multiple(curve, curve.q, curve.generator)


@PURE
def test_a_signature_verifies_by_both_ways_and_no_changed_one_does(curve: Curve, nettle: Nettle) -> None:
    private = curves.private_number(curve, os.urandom(curve.size + 8))
    point, digest = engine.public_point(curve, private), os.urandom(curve.size)
    assert point == curves.multiple(curve, private, curve.generator)
    good = engine.sign(curve, private, digest)
    n, q = curve.size, curve.q.to_bytes(curve.size, "little")
    bad = {
        "a bit of s": good[:-1] + bytes([good[-1] ^ 1]),
        "a bit of r": bytes([good[0] ^ 1]) + good[1:],
        "halves swapped": good[n:] + good[:n],
        "all zero": bytes(2 * n),
        "r is zero": bytes(n) + good[n:],
        "s is the order": good[:n] + q,
        "s grows by the order": good[:n] + _grown(good[n:], curve),
        "short": good[:-1],
        "long": good + b"\0",
        "empty": b"",
    }
    for check in (nettle.verify, curves.verify):
        assert check(curve, point, digest, good)
        assert not check(curve, point, bytes([digest[0] ^ 1]) + digest[1:], good)
        assert not check(curve, (point[0], curve.p - point[1]), digest, good)
        assert not check(curve, (point[0], point[1] ^ 1), digest, good)  # not on the curve
        assert [name for name, one in bad.items() if check(curve, point, digest, one)] == []


def _grown(s: bytes, curve: Curve) -> bytes:
    value = int.from_bytes(s, "little") + curve.q
    return (value % 2 ** (8 * curve.size)).to_bytes(curve.size, "little")


@PURE
def test_signing_needs_no_luck_and_repeats_no_nonce(curve: Curve) -> None:
    private = curves.private_number(curve, bytes(range(curve.size + 8)))
    one, two = os.urandom(curve.size), os.urandom(curve.size)
    assert engine.sign(curve, private, one) == engine.sign(curve, private, one)
    assert engine.sign(curve, private, one)[: curve.size] != engine.sign(curve, private, two)[: curve.size]


def test_a_zero_digest_is_signed_as_one() -> None:
    private = curves.private_number(GOST2004, os.urandom(40))
    signature = engine.sign(GOST2004, private, bytes(32))
    point = engine.public_point(GOST2004, private)
    assert engine.verify(GOST2004, point, bytes(32), signature)
    assert curves.verify(GOST2004, point, (1).to_bytes(32, "little"), signature)


@pytest.mark.parametrize("encoded", [b"", bytes(128), bytes(127), b"\xff" * 128])
def test_what_is_no_point_is_refused_as_a_key(encoded: bytes) -> None:
    with pytest.raises(ValueError, match="not a point"):
        curves.decode_point(GOST2015_512, encoded)


def test_too_little_entropy_makes_no_key() -> None:
    with pytest.raises(ValueError, match="entropy"):
        curves.private_number(GOST2015_512, bytes(64))


def test_without_nettle_the_engine_gives_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    private = curves.private_number(GOST2015_512, bytes(range(72)))
    fast = (
        engine.streebog512(M1),
        engine.hash_34311(M1),
        engine.public_point(GOST2015_512, private),
        engine.sign(GOST2015_512, private, engine.streebog512(M1)),
    )
    monkeypatch.setattr(engine, "load", lambda: None)
    assert not engine.is_fast()
    slow = (
        engine.streebog512(M1),
        engine.hash_34311(M1),
        engine.public_point(GOST2015_512, private),
        engine.sign(GOST2015_512, private, engine.streebog512(M1)),
    )
    assert slow == fast
    assert engine.verify(GOST2015_512, slow[2], slow[0], slow[3])
