"""Whatever bytes a client or an outside service sends, the answer is a verdict or a named fault, never a crash."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
import pytest_asyncio
from asn1crypto import pem
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pki_world import BASE, BORROWER, pki_world

from activities.integrations.signature import stamp, status
from activities.integrations.signature.asn1 import Unreadable
from activities.integrations.signature.authorities import Authorities
from activities.integrations.signature.certificate import parse
from activities.integrations.signature.keys import RSA
from activities.integrations.signature.verifier import NativeVerifier
from rules.errors import BrokenContract, Unavailable
from rules.evidence import SignatureGround

CONTENT = b"the bytes that were shown"
FUZZ = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass(frozen=True)
class Seeds:
    """Genuine messages to spoil."""

    verifier: NativeVerifier
    authorities: Authorities
    messages: list[bytes]
    asked: status.Question
    answer: bytes
    wanted: stamp.Question
    reply: bytes


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def seeds() -> AsyncIterator[Seeds]:
    async with pki_world() as world:
        keys = [await world.key("RSA"), await world.key("GOST2015")]
        messages = [key.sign(CONTENT, detached=detached) for key in keys for detached in (True, False)]
        issuer = parse((await world.client.get("/pki/ca.cer")).content)
        asked = status.Question(int(keys[0].serial, 16), issuer)
        wanted = stamp.Question(b"a signature's value", RSA, "1.2.398.3.3.2.6.1")
        answer = (await world.client.post("/pki/ocsp", content=asked.encode())).content
        reply = (await world.client.post("/pki/tsp", content=wanted.encode())).content
        yield Seeds(world.verifier, Authorities.load(world.trust), messages, asked, answer, wanted, reply)


@st.composite
def spoiling(draw: st.DrawFn) -> tuple[int, list[tuple[float, int]], float | None, bytes]:
    """Which seed, bytes to change (place as a share, new value), where to cut, what to append."""
    changes = draw(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=4))
    cut = draw(st.none() | st.floats(0, 1, exclude_max=True))
    return draw(st.integers(0, 3)), changes, cut, draw(st.binary(max_size=3))


def spoil(seed: bytes, changes: list[tuple[float, int]], cut: float | None, tail: bytes) -> bytes:
    """The seed, changed."""
    out = bytearray(seed)
    for place, value in changes:
        out[int(place * len(out))] = value
    return bytes(out if cut is None else out[: int(cut * len(out))]) + tail


@FUZZ
@given(spoiling())
def test_a_spoilt_message_is_unreadable_or_gets_a_ground(
    seeds: Seeds, how: tuple[int, list[tuple[float, int]], float | None, bytes]
) -> None:
    number, changes, cut, tail = how
    bad = spoil(seeds.messages[number], changes, cut, tail)
    try:
        verdict = seeds.verifier.inspect(bad, CONTENT, BORROWER.iin)
    except Unreadable:
        return
    # where all is well in spite of a change, it lay outside what is signed: never in person, key or content
    if verdict.ground is None:
        signer = verdict.case.signer
        assert signer.certificate.iin == BORROWER.iin
        assert any(signer.certificate.der in message for message in seeds.messages)
        assert verdict.case.message.content in (None, CONTENT)


@FUZZ
@given(st.binary(max_size=400))
@example(b"")
@example(b"0" * 100_000)
@example(b"\x30\x80" * 5000)
@example(b"\x30\x84\xff\xff\xff\xff")
@example(b"-----BEGIN CMS-----\nMIIB\n-----END CMS-----\n")
@example(pem.armor("CMS", b"\x30\x03\x02\x01\x01"))
@example(b"MAMCAQE=")
def test_garbage_is_unreadable(seeds: Seeds, garbage: bytes) -> None:
    try:
        seeds.verifier.inspect(garbage, CONTENT, BORROWER.iin)
    except Unreadable:
        return
    raise AssertionError("garbage was read")


async def test_garbage_through_the_front_door_is_a_verdict(seeds: Seeds) -> None:
    async with httpx.AsyncClient() as client:
        trust = b"".join(pem.armor("CERTIFICATE", one.der) for one in [seeds.asked.issuer])
        verifier = NativeVerifier(trust, client, BASE)
        for garbage in (b"", b"\x00", b"not a signature", seeds.messages[0][:-1], seeds.messages[0] + b"\0"):
            evidence = await verifier.verify(garbage, CONTENT, iin=BORROWER.iin)
            assert (evidence.accepted, evidence.ground) == (False, SignatureGround.UNREADABLE)


@FUZZ
@given(spoiling())
def test_a_spoilt_status_answer_is_a_ground_or_a_fault(
    seeds: Seeds, how: tuple[int, list[tuple[float, int]], float | None, bytes]
) -> None:
    bad = spoil(seeds.answer, *how[1:])
    try:
        ground = status.judge(bad, seeds.asked, datetime.now(UTC))
    except (BrokenContract, Unavailable):
        return
    assert ground is None or ground in SignatureGround


@FUZZ
@given(spoiling())
def test_a_spoilt_time_stamp_is_refused_or_a_fault(
    seeds: Seeds, how: tuple[int, list[tuple[float, int]], float | None, bytes]
) -> None:
    bad = spoil(seeds.reply, *how[1:])
    try:
        token = stamp.token_of(bad)
        found = stamp.judge(token, seeds.wanted, seeds.authorities, [seeds.wanted.policy], datetime.now(UTC))
    except (BrokenContract, Unavailable):
        return
    assert found is None or abs((found.at - datetime.now(UTC)).total_seconds()) < 60
