"""GOST hashes and signatures: vectors of the standards, and nettle against pure Python."""

from __future__ import annotations

import base64
import os
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rules.gost import curves, engine, gost94, openssl, streebog
from rules.gost.curves import CURVES, GOST2004, GOST2015_256, GOST2015_512, Curve
from rules.gost.nettle import Nettle, load

# RFC 6986, section 10.1: the message M1 and its two digests (the RFC prints numbers, so bytes stand reversed there)
M1 = b"012345678901234567890123456789012345678901234567890123456789012"
M1_512 = (
    "1b54d01a4af5b9d5cc3d86d68d285462b19abc2475222f35c085122be4ba1ffa"
    "00ad30f8767b3a82384c6574f024c311e2a481332b08ef7f41797891c1646f48"
)
M1_256 = "9d151eefd8590b89daa6ba6cb74af9275dd051026bb149a452fd84e5e57b5500"
# RFC 6986, section 10.2: the message M2 and its two digests
M2 = bytes.fromhex(
    "d1e520e2e5f2f0e82c20d1f2f0e8e1eee6e820e2edf3f6e82c20e2e5fef2fa20f120eceef0ff20f1f2f0e5ebe0ece820"
    "ede020f5f0e0e1f0fbff20efebfaeafb20c8e3eef0e5e2fb"
)
M2_512 = (
    "1e88e62226bfca6f9994f1f2d51569e0daf8475a3b0fe61a5300eee46d961376"
    "035fe83549ada2b8620fcd7c496ce5b33f0cb9dddc2b6460143b03dabac9fb28"
)
M2_256 = "9dd2fe4e90409e5da87f53976d7405b0c0cac628fc669a741d50063c557e8f50"
# GOST R 34.10-2012, A.1 (RFC 7091, section 7.1) and A.2: the standard's own curves, keys, one-time numbers, signatures
EXAMPLE_256 = Curve(
    oid="example",
    size=32,
    p=0x8000000000000000000000000000000000000000000000000000000000000431,
    a=7,
    b=0x5FBFF498AA938CE739B8E022FBAFEF40563F6E6A3472FC2A514C0CE9DAE23B7E,
    q=0x8000000000000000000000000000000150FE8A1892976154C59CFC193ACCF5B3,
    x=2,
    y=0x08E2A8A0E65147D4BD6316030E16D19C85C97F0A9CA267122B96ABBCEA7E8FC8,
)
EXAMPLE_512 = Curve(
    oid="example",
    size=64,
    p=0x4531ACD1FE0023C7550D267B6B2FEE80922B14B2FFB90F04D4EB7C09B5D2D15DF1D852741AF4704A0458047E80E4546D35B8336FAC224DD81664BBF528BE6373,
    a=7,
    b=0x1CFF0806A31116DA29D8CFA54E57EB748BC5F377E49400FDD788B649ECA1AC4361834013B2AD7322480A89CA58E0CF74BC9E540C2ADD6897FAD0A3084F302ADC,
    q=0x4531ACD1FE0023C7550D267B6B2FEE80922B14B2FFB90F04D4EB7C09B5D2D15DA82F2D7ECB1DBAC719905C5EECC423F1D86E25EDBE23C595D644AAF187E6E6DF,
    x=0x24D19CC64572EE30F396BF6EBBFD7A6C5213B3B3D7057CC825F91093A68CD762FD60611262CD838DC6B60AA7EEE804E28BC849977FAC33B4B530F1B120248A9A,
    y=0x2BB312A43BD2CE6E0D020613C857ACDDCFBF061E91E5F2C3F32447C259F39B2C83AB156D77F1496BF7EB3351E1EE4E43DC1A18B91B24640B6DBB92CB1ADD371E,
)
EXAMPLES = [  # curve, private key, e, one-time number, public key, r, s
    (
        EXAMPLE_256,
        0x7A929ADE789BB9BE10ED359DD39A72C11B60961F49397EEE1D19CE9891EC3B28,
        0x2DFBC1B372D89A1188C09C52E0EEC61FCE52032AB1022E8E67ECE6672B043EE5,
        0x77105C9B20BCD3122823C8CF6FCC7B956DE33814E95B7FE64FED924594DCEAB3,
        (
            0x7F2B49E270DB6D90D8595BEC458B50C58585BA1D4E9B788F6689DBD8E56FD80B,
            0x26F1B489D6701DD185C8413A977B3CBBAF64D1C593D26627DFFB101A87FF77DA,
        ),
        0x41AA28D2F1AB148280CD9ED56FEDA41974053554A42767B83AD043FD39DC0493,
        0x01456C64BA4642A1653C235A98A60249BCD6D3F746B631DF928014F6C5BF9C40,
    ),
    (
        EXAMPLE_512,
        0x0BA6048AADAE241BA40936D47756D7C93091A0E8514669700EE7508E508B102072E8123B2200A0563322DAD2827E2714A2636B7BFD18AADFC62967821FA18DD4,
        0x3754F3CFACC9E0615C4F4A7C4D8DAB531B09B6F9C170C533A71D147035B0C5917184EE536593F4414339976C647C5D5A407ADEDB1D560C4FC6777D2972075B8C,
        0x0359E7F4B1410FEACC570456C6801496946312120B39D019D455986E364F365886748ED7A44B3E794434006011842286212273A6D14CF70EA3AF71BB1AE679F1,
        (
            0x115DC5BC96760C7B48598D8AB9E740D4C4A85A65BE33C1815B5C320C854621DD5A515856D13314AF69BC5B924C8B4DDFF75C45415C1D9DD9DD33612CD530EFE1,
            0x37C7C90CD40B0F5621DC3AC1B751CFA0E2634FA0503B3D52639F5D7FB72AFD61EA199441D943FFE7F0C70A2759A3CDB84C114E1F9339FDF27F35ECA93677BEEC,
        ),
        0x2F86FA60A081091A23DD795E1E3C689EE512A3C82EE0DCC2643C78EEA8FCACD35492558486B20F1C9EC197C90699850260C93BCBCD9C5C3317E19344E173AE36,
        0x1081B394696FFE8E6585E7A9362D26B6325F56778AADBC081C0BFBE933D52FF5823CE288E8C4F362526080DF7F70CE406A6EEB1F56919CB92A9853BDE73E5B4A,
    ),
]
# RFC 9215, the self-signed certificate on TC26-256-paramSetA: its signed part ends and its signature begins at these
# places, the key stands at that one. There s comes before r, and both are big-endian
RFC_9215 = base64.b64decode(
    "MIIBJTCB06ADAgECAgEKMAoGCCqFAwcBAQMCMBIxEDAOBgNVBAMTB0V4YW1wbGUwIBcNMDEwMTAxMDAwMDAwWhgPMjA1MDEyMzEwMDAw"
    "MDBaMBIxEDAOBgNVBAMTB0V4YW1wbGUwXjAXBggqhQMHAQEBATALBgkqhQMHAQIBAQEDQwAEQHQnldS+6ITd8oUP7APqP68YROAdnaYL"
    "ZFCTpV4m38OZePWWz01NDGzx0YlD2UST0WuewKFtUS0uEnzEaRpjGOKjEzARMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoUDBwEBAwIDQQAU"
    "C02pEksJyw1c6Sjuh0JzoxASlJLsDik2njt5EkhXjB0OHaW+NHxvG1JWx66sIArWSsd6b1s6DglzGOeubudp"
)
# RFC 5831, section 12: 32 and 50 bytes, test set of substitutions
R94 = {
    b"This is message, length=32 bytes": "b1c466d37519b82e8319819ff32595e047a28cb6f83eff1c6916a815a637fffa",
    b"Suppose the original message has length = 50 bytes": (
        "471aba57a60a770d3a76130635c1fbea4ef14de51f78b4ae57dd893b62f55208"
    ),
}
PURE = pytest.mark.parametrize("curve", CURVES.values(), ids=["2015-512", "2015-256", "2004"])


@pytest.fixture(scope="module")
def nettle() -> Nettle:
    """The installed library; the project asks for it, so its absence is a failure, not a skip."""
    found = load()
    assert found is not None, "libnettle8, libhogweed6 and libgmp10 are not installed"
    return found


def test_streebog_gives_the_digests_of_rfc_6986() -> None:
    assert streebog.streebog512(M1).hex() == M1_512
    assert streebog.streebog256(M1).hex() == M1_256


def test_streebog_gives_the_digests_of_the_second_message_by_both_ways(nettle: Nettle) -> None:
    assert streebog.streebog512(M2).hex() == nettle.digest("streebog512", M2).hex() == M2_512
    assert streebog.streebog256(M2).hex() == nettle.digest("streebog256", M2).hex() == M2_256


@pytest.mark.parametrize(("curve", "private", "e", "once", "public", "r", "s"), EXAMPLES, ids=["256", "512"])
def test_the_standards_own_examples_are_reproduced(
    curve: Curve, private: int, e: int, once: int, public: tuple[int, int], r: int, s: int
) -> None:
    assert curves.multiple(curve, private, curve.generator) == public
    assert curves.multiple(curve, once, curve.generator)[0] % curve.q == r
    assert (r * private + once * e) % curve.q == s
    digest, signature = (b"".join(one.to_bytes(curve.size, "little") for one in part) for part in ((e,), (r, s)))
    assert engine.verify(curve, public, digest, signature)
    assert not engine.verify(curve, public, digest, signature[curve.size :] + signature[: curve.size])
    assert not engine.verify(curve, public, b"\1" + digest[1:], signature)


def test_a_published_certificate_on_the_curve_of_256_bit_keys_verifies() -> None:
    signed, signature, key = RFC_9215[4:218], RFC_9215[-64:], RFC_9215[RFC_9215.index(b"\x04\x40") + 2 :][:64]
    point, digest = curves.decode_point(GOST2015_256, key), engine.streebog256(signed)
    s, r = signature[:32][::-1], signature[32:][::-1]
    assert engine.verify(GOST2015_256, point, digest, r + s)
    assert not engine.verify(GOST2015_256, point, engine.streebog256(signed[:-1]), r + s)
    assert not engine.verify(GOST2015_256, point, digest, s + r)


def test_a_key_outside_the_group_is_refused_where_the_curve_has_more_points() -> None:
    curve = GOST2015_256
    order_two = (0x100FE73F595FF158E974B44D478D9588744FE5C192AC47EA63075DCE7A14AAA, 0)
    (x, y), (x2, _) = curves.multiple(curve, 3, curve.generator), order_two
    slope = y * pow(x - x2, -1, curve.p) % curve.p
    third = (slope * slope - x - x2) % curve.p
    shifted = (third, (slope * (x - third) - y) % curve.p)
    assert curve.holds(shifted)
    for wrong in (order_two, shifted):
        for decode in (curves.decode_point, engine.decode_point):
            with pytest.raises(ValueError, match="not a point"):
                decode(curve, curves.encode_point(curve, wrong))
    assert curves.decode_point(replace(curve, cofactor=1), curves.encode_point(curve, shifted)) == shifted


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
    assert engine.way(curve) == ("openssl" if curve is GOST2015_256 else "nettle")
    assert nettle.has(curve) == (curve != GOST2015_256)
    for check in (engine.verify, curves.verify):
        assert check(curve, point, digest, good)
        assert not check(curve, point, bytes([digest[0] ^ 1]) + digest[1:], good)
        assert not check(curve, (point[0], curve.p - point[1]), digest, good)
        assert not check(curve, (point[0], point[1] ^ 1), digest, good)  # not on the curve
        assert [name for name, one in bad.items() if check(curve, point, digest, one)] == []


@settings(max_examples=60, deadline=None)
@given(st.integers(0, GOST2015_256.q - 1), st.integers(0, GOST2015_256.q), st.integers(1, GOST2015_256.q - 1))
@example(0, 0, 1)
@example(1, GOST2015_256.q - 1, 1)  # infinity
@example(5, 5, 1)  # a doubling in disguise
def test_openssl_and_pure_python_compute_alike(u: int, v: int, key: int) -> None:
    found, curve = openssl.load(), GOST2015_256
    assert found is not None, "libcrypto.so.3 is not installed"
    point = curves.multiple(curve, key, curve.generator)
    assert found.sum_of_multiples(curve, u, v, point) == curves.sum_of_multiples(curve, u, v, point)


def test_openssl_computes_on_no_point_beside_the_curve() -> None:
    found, curve = openssl.load(), GOST2015_256
    assert found is not None
    with pytest.raises(ValueError, match="refuses"):
        found.sum_of_multiples(curve, 1, 1, (curve.x, curve.y ^ 1))


@pytest.mark.parametrize("private", [0, -1, GOST2015_256.q, 2**300])
def test_a_private_number_out_of_range_makes_no_key(private: int) -> None:
    with pytest.raises(ValueError, match="private number"):
        engine.public_point(GOST2015_256, private)


def _grown(s: bytes, curve: Curve) -> bytes:
    value = int.from_bytes(s, "little") + curve.q
    return (value % (1 << 8 * curve.size)).to_bytes(curve.size, "little")


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


@pytest.mark.parametrize("curve", [GOST2015_512, GOST2015_256], ids=["2015-512", "2015-256"])
def test_without_libraries_the_engine_gives_the_same_bytes(curve: Curve, monkeypatch: pytest.MonkeyPatch) -> None:
    private, digest = curves.private_number(curve, bytes(range(72))), M1[: curve.size]

    def made() -> tuple[object, ...]:
        return (
            engine.streebog512(M1),
            engine.hash_34311(M1),
            engine.public_point(curve, private),
            engine.sign(curve, private, digest),
        )

    fast, point = made(), engine.public_point(curve, private)
    monkeypatch.setattr(engine, "load", lambda: None)
    monkeypatch.setattr(openssl, "load", lambda: None)
    assert (engine.is_fast(), engine.way(curve)) == (False, "python")
    assert made() == fast
    assert engine.verify(curve, point, digest, engine.sign(curve, private, digest))
    assert engine.decode_point(curve, curves.encode_point(curve, point)) == point
