"""Whatever bytes a client or an outside service sends, the answer is a refusal or a named fault: no crash, no pass.

Every byte of a signed message is changed in turn, one message a kind of key; two thousand seeded mutations follow, and
bytes made to cost time and memory.
"""

from __future__ import annotations

import random
import resource
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import pytest_asyncio
from asn1crypto import pem
from pki_forge import IIN, NOW, YEAR, Forge, stamped
from pki_world import BASE, BORROWER, pki_world

from activities.integrations.signature import revocation_list, stamp, status
from activities.integrations.signature.asn1 import Unreadable
from activities.integrations.signature.authorities import Authorities
from activities.integrations.signature.certificate import parse
from activities.integrations.signature.keys import RSA
from activities.integrations.signature.report import Asked, report
from activities.integrations.signature.verifier import NativeVerifier
from infra.counterparties.pki import der
from infra.counterparties.pki.keys import Alg
from infra.counterparties.pki.revocation_list import Entry
from rules.errors import BrokenContract, Unavailable
from rules.evidence import SignatureGround

CONTENT = b"the bytes that were shown"
SEED = 20260504
KINDS: tuple[Alg, ...] = ("RSA", "RSA4096", "GOST2015", "GOST2015_256", "GOST2004")


@dataclass(frozen=True)
class Seeds:
    """Genuine messages to spoil, by everybody the authority issued to."""

    verifier: NativeVerifier
    authorities: Authorities
    messages: dict[str, bytes]
    asked: status.Question
    answer: bytes
    wanted: stamp.Question
    reply: bytes

    def passes(self, raw: bytes) -> bool:
        """Whether the message is taken for the borrower's."""
        try:
            return self.verifier.inspect(raw, CONTENT, BORROWER.iin).ground is None
        except Unreadable:
            return False


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def seeds() -> AsyncIterator[Seeds]:
    async with pki_world() as world:
        keys = {alg: await world.key(alg) for alg in KINDS}
        messages = {f"{alg} {form}": keys[alg].sign(CONTENT, detached=form == "detached")
                    for alg in KINDS for form in ("detached", "attached")}  # fmt: skip
        issuer = parse((await world.client.get("/pki/ca.cer")).content)
        asked = status.Question(int(keys["RSA"].serial, 16), issuer)
        wanted = stamp.Question(b"a signature's value", RSA, "1.2.398.3.3.2.6.1")
        answer = (await world.client.post("/pki/ocsp", content=asked.encode())).content
        reply = (await world.client.post("/pki/tsp", content=wanted.encode())).content
        yield Seeds(world.verifier, Authorities.load(world.trust), messages, asked, answer, wanted, reply)


def flipped(raw: bytes, place: int, chance: random.Random) -> bytes:
    return raw[:place] + bytes([raw[place] ^ 1 << chance.randrange(8)]) + raw[place + 1 :]


@pytest.mark.parametrize("kind", KINDS)
def test_no_byte_of_a_message_can_be_another(seeds: Seeds, kind: str) -> None:
    """Content, attributes, signature, certificate and everything around them."""
    chance = random.Random(SEED)
    attached, detached = seeds.messages[f"{kind} attached"], seeds.messages[f"{kind} detached"]
    assert seeds.passes(attached)
    assert seeds.passes(detached)
    sparse = 7 if kind in ("RSA4096", "GOST2015_256") else 1  # slow kinds: every byte of the signature, every 7th else
    signature = len(attached) - 600 if kind == "RSA4096" else len(attached) - 300
    places = [n for n in range(len(attached)) if n >= signature or n % sparse == 0]
    assert [n for n in places if seeds.passes(flipped(attached, n, chance))] == []
    assert [n for n in range(0, len(detached), 29) if seeds.passes(flipped(detached, n, chance))] == []


def mutated(seed: bytes, chance: random.Random) -> bytes:
    """One of the ways in which bytes go wrong, or are made to."""
    out, size = bytearray(seed), len(seed)
    start, length = chance.randrange(size), chance.randrange(1, 40)
    piece = seed[start : start + length]
    other = chance.randrange(size)
    match chance.randrange(9):
        case 0:
            del out[start:]
        case 1:
            for _ in range(chance.randrange(1, 9)):
                out[chance.randrange(size)] ^= 1 << chance.randrange(8)
        case 2:  # a length of some value
            places = [n + 1 for n in range(size - 1) if seed[n] in (0x30, 0x31, 0x04, 0x02, 0x03, 0x06, 0xA0)]
            out[chance.choice(places)] = chance.choice((0, 1, 0x7F, 0x80, 0x81, 0x82, 0x84, 0x88, 0xFF))
        case 3:
            out[other:other] = piece
        case 4:
            del out[start : start + length]
        case 5:
            out[start : start + length] = chance.randbytes(length)
        case 6:
            out += chance.randbytes(length)
        case 7:
            out[other : other + length] = piece
        case _:
            out = bytearray(chance.randbytes(chance.randrange(400)))
    return bytes(out)


def test_two_thousand_mutations_never_crash_nor_pass(seeds: Seeds) -> None:
    chance = random.Random(SEED)
    stamped_one = _stamped()
    originals = [*seeds.messages.values(), stamped_one[1], pem.armor("CMS", seeds.messages["RSA detached"])]
    asked = Asked(seeds.authorities, datetime.now(UTC), revocation=False)
    tried = 0
    while tried < 2000:
        original = chance.choice(originals)
        raw = mutated(original, chance)
        if raw == original or (original.startswith(b"-----") and _same_pem(raw, original)):
            continue
        tried += 1
        assert not seeds.passes(raw), (tried, raw.hex())
        if tried % 4 == 0:
            assert report(raw, CONTENT, asked).verdict != "VALID", (tried, raw.hex())
        if tried % 20 == 0:
            assert report(raw, CONTENT, stamped_one[0]).verdict != "VALID", (tried, raw.hex())


def _stamped() -> tuple[Asked, bytes, int]:
    """A message with a time stamp of its own, from another authority; where the stamp begins."""
    forge = Forge.make()
    key = forge.issue()
    value = stamped(key, CONTENT, NOW, [])[-128:]
    token = forge.token(value, NOW)
    cms = stamped(key, CONTENT, NOW, [token])
    asked = Asked(forge.authorities, NOW + YEAR, revocation=False)
    assert report(cms, CONTENT, asked).verdict == "VALID"
    return asked, cms, cms.index(token)


def _same_pem(raw: bytes, original: bytes) -> bool:
    """What stands around the armour, and how lines break, means nothing."""
    try:
        return bool(pem.unarmor(raw)[2] == pem.unarmor(original)[2])
    except (ValueError, TypeError, IndexError):
        return False


def test_each_byte_of_a_stamp_inside_counts() -> None:
    asked, cms, start = (
        _stamped()
    )  # before it stands the attribute's name, which nobody signed: the stamp would be gone
    chance = random.Random(SEED)
    bad = [n for n in range(start, len(cms), 4) if report(flipped(cms, n, chance), CONTENT, asked).verdict == "VALID"]
    assert bad == []


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"0" * 100_000,
        b"\x30\x80" * 200_000,
        b"\x30\x84\xff\xff\xff\xff",
        b"\x30\x84\x7f\xff\xff\xff" + bytes(1000),
        b"\x30\x89" + b"\xff" * 9,
        der.sequence(b"\x05\x00" * 3_000_000),
        der.sequence(der.oid("1.2.840.113549.1.7.2"), der.explicit(0, der.sequence(*[der.integer(1)] * 500_000))),
        b"\x30\x80" + der.oid("1.2.840.113549.1.7.2") + b"\xa0\x80\x30\x80" + b"\x24\x80\x04\x00" * 400_000,
        b"-----BEGIN CMS-----\nMIIB\n-----END CMS-----\n",
        b"-----BEGIN CMS-----\n" + b"A" * 2_000_000,
        b"MAMCAQE=",
        bytes(17 * 1024 * 1024),
    ],
    ids=range(13),
)
def test_bytes_made_to_cost_are_refused_cheaply(seeds: Seeds, raw: bytes) -> None:
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    for read in _readers(seeds):
        with pytest.raises((Unreadable, BrokenContract)):
            read(raw)
    assert time.process_time() - began < 3.0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024  # KiB


def _readers(seeds: Seeds) -> list[Callable[[bytes], object]]:
    now = datetime.now(UTC)
    return [
        lambda raw: seeds.verifier.inspect(raw, CONTENT, BORROWER.iin),
        lambda raw: status.judge(raw, seeds.asked, now),
        stamp.token_of,
        lambda raw: stamp.judge(raw, seeds.wanted, seeds.authorities, [seeds.wanted.policy], now),
        revocation_list.parse,
        parse,
    ]


async def test_garbage_through_the_front_door_is_a_verdict(seeds: Seeds) -> None:
    async with httpx.AsyncClient() as client:
        trust, good = pem.armor("CERTIFICATE", seeds.asked.issuer.der), seeds.messages["RSA detached"]
        verifier = NativeVerifier(trust, client, BASE)
        for garbage in (b"", b"\x00", b"not a signature", good[:-1], good + b"\0"):
            evidence = await verifier.verify(garbage, CONTENT, iin=BORROWER.iin)
            assert (evidence.accepted, evidence.ground) == (False, SignatureGround.UNREADABLE)


def test_spoilt_answers_of_the_authority_prove_nothing_or_are_faults(seeds: Seeds) -> None:
    chance, now = random.Random(SEED), datetime.now(UTC)
    forge = Forge.make(born=now - YEAR)
    key, issuer = parse(forge.issue(iin=IIN).certificate), parse(forge.ca.certificate)
    full = forge.list([Entry(n, now, "superseded") for n in range(40)], now)
    fresh = revocation_list.Freshness(timedelta(minutes=5))
    assert status.judge(seeds.answer, seeds.asked, now) is None

    def token(raw: bytes) -> bool:
        found = stamp.token_of(raw)
        return stamp.judge(found, seeds.wanted, seeds.authorities, [seeds.wanted.policy], now) is not None

    def clears(raw: bytes) -> bool:
        return revocation_list.standing([revocation_list.parse(raw)], key, issuer, now, fresh).word == "good"

    doors: list[tuple[bytes, Callable[[bytes], bool]]] = [
        (seeds.answer, lambda raw: status.judge(raw, seeds.asked, now) is None),
        (seeds.reply, token),
        (
            full,
            lambda raw: revocation_list.standing([revocation_list.parse(raw)], key, issuer, now, fresh).word == "good",
        ),
    ]
    for original, passes in doors:
        for _ in range(400):
            raw = mutated(original, chance)
            try:
                assert raw == original or not passes(raw), raw.hex()
            except (BrokenContract, Unavailable, Unreadable):
                continue
