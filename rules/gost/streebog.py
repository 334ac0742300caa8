"""Streebog (GOST R 34.11-2012), the hash of GOST 34.10-2015 signatures, in pure Python.

The fallback for machines without nettle, and the reference its tests compare with: about 0.2 MB/s.
Numbers: RFC 6986, sections 6.2 to 6.5. A 64-byte block is eight 64-bit little-endian words.
"""

from __future__ import annotations

from functools import cache

Words = tuple[int, ...]

_PI = bytes.fromhex(
    "fceedd11cf6e3116fbc4fada23c5044de977f0db932e99ba1736f1bb14cd5fc1f918655ae25cef21811c3c428b018e4f"
    "058402aee36a8fa0060bed987fd4d31feb342c51eac848abf22a68a2fd3aceccb5700e56080c7612bf7213479cb75d87"
    "15a19629107b9ac7f391786f9d9eb2b13275193dff358a7e6d54c680c3bd0d57dff524a93ea843c9d779d6f67c22b903"
    "e00fecde7a94b0bcdce828504e330a4aa79760731e0062441ab83882649f2641ad454692275e552f8ca3a57d69d5953b"
    "0758b34086ac1df730376be488d9e789e11b83494c3ff8fe8d53aa90cad88561207167a42d2b095bcb9b25d0bee56c52"
    "59a674d2e6f4b4c0d166afc2394b63b6"
)
# 8 groups of 8 rows: row j of group i is what bit j of a byte contributes when the byte comes from word i
_LINEAR = (
    "641c314b2b8ee083c83862965601dd1b8d70c431ac02a73607e095624504536c0edd37c48a08a6d81ca76e95091051ad"
    "3853dc371220a24770a6a56e2440598ea48b474f9ef5dc18550b8e9e21f7a530aa16012142f35760492c024284fbaec0"
    "9258048415eb419d39b008152acb8227727d102a548b194ee4fa2054a80b329cf97d86d98a327728effa11af0964ee50"
    "c3e9224312c8c1a09bcf4486248d9f5d2b838811480723ba561b0d22900e4669ac361a443d1c8cd2456c34887a3805b9"
    "5b068c651810a89eb60c05ca30204d2171180a8960409a42e230140fc0802984d960281e9d1d5215afc0503c273aa42a"
    "439da0784e74555486275df09ce8aaa80321658cba93c1380642ca05693b9f700c84890ad27623e018150f14b9ec46dd"
    "302a1e286fc58ca760543c50de970553c0a878a0a1330aa69d4df05d5f661451accc9ca9328a89504585254f64090fa0"
    "8a174a9ec8121e5d092e94218d243cba125c35420748786924b86a840e90f0d2486dd4151c3dfdb990dab52a387ae76f"
    "46b60f011a83988e8c711e02341b2d0105e23c0468365a020ad97808d06cb40414aff010bdd875082843fd2067adea10"
    "5086e740ce47c920a011d380818e8f4083478b07b24687641b8e0b0e798c13c83601161cf205268d6c022c38f90a4c07"
    "d8045870ef14980ead08b0e0c3282d1c47107ddd9b505a388e20faa72ba0b470"
)
_ROUNDS = (
    "0745a6f2596580dd234d74cc3674760515d360a4082a42a20169679291e07c4b"
    "fcc485758db84e7116d0452e43766a2f1f7c65c0812fcbebe9daca1eda5b08b1"
    "b79bb121700479e656cdcbd71ba2dd55caa70adbc261b55c5899d6126b17b59a"
    "3101b5160f5ed561982b230a72eafef3d7b5700f469de34f1a2f9da98ab5a36f"
    "b20aba0af5961e9931db7a8643f4b6c209db6260373ac9c1b19e3590e40fe2d3"
    "7b7b29b11475eaf28b1f9c525f5ef10635843d6a28fc390ac72fce2bacdc74f5"
    "2ed1e384bcbe0c22f137e893a1ea5334be0352933313b7d875d603ed822cd7a9"
    "3f355e68ad1c729d7d3c5c337e858e48dde4715da0e148f9d26615e8b3df1fef"
    "57fe6c7cfd581760f563eaa97ea2567a161a2723b700ffdfa3f53a254717cdbf"
    "bdff0f80d7359e354a1086161f1c157f6323a96c0c413f9a994747adac6bea4b"
    "6e7d64467a4068fa354f903672c571bfb6c6bec2661ff20ab4b79a1cb7a6facf"
    "c68ef09ab49a7f186ca44251f9c4662dc039307a3bc3a46fd9d33a1daeae4fae"
    "93d4143a4d568688f34a3ca24c45173504054a2883694706372c822dc5ab9209"
    "c9937a19333e47d3c987bfe6c7c69e39540924bffe86ac51ecc5aaee160ec7f4"
    "1ee702bfd40d7fa4d9a8515935c2ac362fc4a5d12b8dd16990069b92cb2b89f4"
    "9ac4db4d3b44b4891ede369c71f8b74e41416e0c02aae703a7c9934d425b1f9b"
    "db5a238351446172602a1fcb92dc380e549c07a69a8a2b7bb1ceb2db0b440a80"
    "84090de0b755d93c244289251b3a7d3ade5f16ecd89a4c949b223116545a8f37"
    "ed9c4598fbc7b474c3b63b15d1fa9836f452763b306c1e7a4b3369af0267e79f"
    "0361331b8ae1ff1fdb788aff1ce74189f3f3e4b248e52a38526f0580a6debeab"
    "1b2df381cda4ca6b5dd86fc04a59a2de986e477d1dcdbaefcab948eaef711d8a"
    "79668414218001206107abebbb6bfad894fe5a63cdc60230fb89c8efd09ecd7b"
    "20d71bf14a92bc48991bb2d9d517f4fa5228e188aaa41de786cc91189def805d"
    "9b9f2130d41220f8771ddfbc323ca4cd7ab14904b08013d2ba3116f167e78e37"
)


def streebog512(data: bytes) -> bytes:
    """The 64-byte digest.

    >>> streebog512(b"").hex()[:16]
    '8e945da209aa869f'
    """
    return _digest(data, b"\0" * 64)


def streebog256(data: bytes) -> bytes:
    """The 32-byte digest.

    >>> streebog256(b"").hex()[:16]
    '3f539a213e97c802'
    """
    return _digest(data, b"\1" * 64)[32:]


def _digest(data: bytes, start: bytes) -> bytes:
    state = _words(start)
    bits = total = 0
    whole = len(data) - len(data) % 64
    for offset in range(0, whole, 64):
        block = data[offset : offset + 64]
        state = _compress(state, _words(block), bits)
        bits += 512
        total += int.from_bytes(block, "little")
    rest = data[whole:]
    padded = (rest + b"\1").ljust(64, b"\0")
    state = _compress(state, _words(padded), bits)
    bits += 8 * len(rest)
    total += int.from_bytes(padded, "little")
    state = _compress(state, _words(bits.to_bytes(64, "little")), 0)
    state = _compress(state, _words((total % 2**512).to_bytes(64, "little")), 0)
    return b"".join(word.to_bytes(8, "little") for word in state)


def _words(block: bytes) -> Words:
    return tuple(int.from_bytes(block[i : i + 8], "little") for i in range(0, 64, 8))


def _xor(left: Words, right: Words) -> Words:
    return tuple(a ^ b for a, b in zip(left, right, strict=True))


@cache
def _tables() -> tuple[tuple[int, ...], ...]:
    """Substitution and linear map of one byte, for each of the eight words it may come from."""
    rows = [int(_LINEAR[i : i + 16], 16) for i in range(0, len(_LINEAR), 16)]
    return tuple(tuple(_combine(rows[8 * word : 8 * word + 8], _PI[byte]) for byte in range(256)) for word in range(8))


def _combine(rows: list[int], byte: int) -> int:
    value = 0
    for bit, row in enumerate(rows):
        if byte >> bit & 1:
            value ^= row
    return value


@cache
def _constants() -> tuple[Words, ...]:
    every = bytes.fromhex(_ROUNDS)
    return tuple(_words(every[i : i + 64]) for i in range(0, len(every), 64))


def _mix(x: Words) -> Words:
    """Substitution, transposition and linear map at once (S, P and L of the standard)."""
    t0, t1, t2, t3, t4, t5, t6, t7 = _tables()
    x0, x1, x2, x3, x4, x5, x6, x7 = x
    return tuple(
        t0[x0 >> s & 255]
        ^ t1[x1 >> s & 255]
        ^ t2[x2 >> s & 255]
        ^ t3[x3 >> s & 255]
        ^ t4[x4 >> s & 255]
        ^ t5[x5 >> s & 255]
        ^ t6[x6 >> s & 255]
        ^ t7[x7 >> s & 255]
        for s in range(0, 64, 8)
    )


def _compress(state: Words, block: Words, bits: int) -> Words:
    """One step of the chain; bits: how much of the message came before."""
    key = _mix(_xor(state, _words(bits.to_bytes(64, "little"))))
    text = block
    for constant in _constants():
        text = _mix(_xor(text, key))
        key = _mix(_xor(key, constant))
    return _xor(_xor(_xor(text, key), state), block)
