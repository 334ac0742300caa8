"""The signature verifier against a real authority over HTTP: what it accepts, and every ground to refuse.

Real: the counterparties' application with its authority, certificates, OCSP and time stamps. Generated: everybody.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
from asn1crypto import pem
from pki_world import BASE, BORROWER, OTHER, PkiWorld, pki_world

from activities.integrations.signature.verifier import NativeVerifier
from infra.counterparties.pki import der, signed
from infra.counterparties.pki.keys import Alg, Key
from rules.errors import BrokenContract, Unavailable
from rules.evidence import SignatureGround as Ground
from rules.gost import engine

CONTENT = b"%PDF-1.7 the bytes that were shown " * 1700  # about 60 kB
BOTH = pytest.mark.parametrize("alg", ["RSA", "GOST2015"])
BIN = "940140000385"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world() -> AsyncIterator[PkiWorld]:
    async with pki_world() as found:
        yield found


@BOTH
@pytest.mark.parametrize("detached", [True, False])
async def test_a_genuine_signature_is_accepted_with_its_proof(world: PkiWorld, alg: Alg, detached: bool) -> None:
    key = await world.key(alg)
    evidence = await world.verify(key.sign(CONTENT, detached=detached), CONTENT)

    assert (evidence.accepted, evidence.ground) == (True, None)
    assert evidence.algorithm == {"RSA": "RSA-SHA256", "GOST2015": "GOST34310-2015-512"}[alg]
    assert evidence.certificate_serial == key.serial
    assert evidence.certificate_sha256 == hashlib.sha256(key.certificate).hexdigest()
    assert evidence.chain[0] == key.certificate
    assert [one in {der for _, _, der in pem.unarmor(world.trust, multiple=True)} for one in evidence.chain] == [
        False,
        True,
        True,
    ]
    assert evidence.ocsp_response
    assert evidence.timestamp_token
    assert evidence.signed_at is not None
    assert abs(evidence.signed_at - datetime.now(UTC)) < timedelta(minutes=1)


@BOTH
async def test_other_content_is_named_whether_inside_or_beside(world: PkiWorld, alg: Alg) -> None:
    key = await world.key(alg)
    changed = bytes([CONTENT[0] ^ 1]) + CONTENT[1:]
    attached = key.sign(CONTENT, detached=False)
    assert (await world.verify(key.sign(CONTENT), changed)).ground == Ground.OTHER_CONTENT
    assert (await world.verify(key.sign(CONTENT), b"")).ground == Ground.OTHER_CONTENT
    assert (await world.verify(attached, changed)).ground == Ground.OTHER_CONTENT
    # the content inside changed to what we keep: then its digest tells
    forged = attached.replace(CONTENT, changed)
    assert (await world.verify(forged, changed)).ground == Ground.OTHER_CONTENT


@BOTH
async def test_a_tampered_signature_is_wrong(world: PkiWorld, alg: Alg) -> None:
    key = await world.key(alg)
    assert (await world.verify(key.sign_badly(CONTENT), CONTENT)).ground == Ground.WRONG
    good, size = key.sign(CONTENT), 256 if alg == "RSA" else 128
    value = good[-size:]
    for bad in (bytes(size), value[size // 2 :] + value[: size // 2]):
        assert (await world.verify(good[:-size] + bad, CONTENT)).ground == Ground.WRONG
    time = good[:-size].rindex(b"\x17\x0d") + 13  # a digit of the signing time among the signed attributes
    assert (
        await world.verify(good[:time] + bytes([good[time] ^ 1]) + good[time + 1 :], CONTENT)
    ).ground == Ground.WRONG


async def test_a_signature_by_another_key_under_ones_certificate_is_wrong(world: PkiWorld) -> None:
    mine, thief = await world.key(), await world.key(holder=OTHER)
    forged = signed.signed_message(thief.key, mine.certificate, CONTENT)
    assert (await world.verify(forged, CONTENT)).ground == Ground.WRONG


async def test_a_digest_that_does_not_fit_the_key_is_not_allowed(world: PkiWorld) -> None:
    rsa, gost = await world.key("RSA"), await world.key("GOST2015")
    for key, other in ((rsa, gost), (gost, rsa)):
        mixed = signed.signed_message(_Mixed(key.key, other.key), key.certificate, CONTENT)
        assert (await world.verify(mixed, CONTENT)).ground == Ground.WRONG_DIGEST
    sha1 = rsa.sign(CONTENT).replace(der.oid("2.16.840.1.101.3.4.2.1"), der.oid("2.16.840.1.101.3.4.2.9"))
    assert (await world.verify(sha1, CONTENT)).ground == Ground.WRONG_DIGEST


class _Mixed:
    """A key that uses the digest of another kind."""

    def __init__(self, key: Key, other: Key) -> None:
        self._key, self._other = key, other
        self.digest_algorithm, self.digest = other.digest_algorithm, other.digest

    def __getattr__(self, name: str) -> Any:
        return getattr(self._key, name)


@BOTH
async def test_an_authority_of_the_same_name_but_another_key_is_not_ours(world: PkiWorld, alg: Alg) -> None:
    async with pki_world() as foreign:
        key = await foreign.key(alg)
        assert (await foreign.verify(key.sign(CONTENT), CONTENT)).accepted
        evidence = await world.verify(key.sign(CONTENT), CONTENT)
    assert (evidence.ground, len(evidence.chain)) == (Ground.NOT_OUR_CA, 1)


@BOTH
async def test_a_certificate_for_logging_in_signs_nothing(world: PkiWorld, alg: Alg) -> None:
    key = await world.key(alg, usage="AUTH")
    assert (await world.verify(key.sign(CONTENT), CONTENT)).ground == Ground.NOT_SIGNING


async def test_another_persons_signature_is_not_the_clients(world: PkiWorld) -> None:
    key = await world.key(holder=OTHER)
    assert (await world.verify(key.sign(CONTENT), CONTENT)).ground == Ground.OTHER_PERSON


@pytest.mark.parametrize(
    ("kind", "bin_", "asked", "ground"),
    [
        ("CEO", BIN, BIN, None),
        ("CAN_SIGN", BIN, BIN, None),
        ("EMPLOYEE", BIN, BIN, Ground.NOT_SIGNING),
        ("CEO", "210540000013", BIN, Ground.OTHER_PERSON),
        ("INDIVIDUAL", None, BIN, Ground.NOT_SIGNING),
        ("CEO", BIN, None, Ground.NOT_SIGNING),
    ],
)
async def test_an_organisation_is_bound_by_its_head_or_who_may_sign(
    world: PkiWorld, kind: Any, bin_: str | None, asked: str | None, ground: Ground | None
) -> None:
    key = await world.key(kind=kind, bin=bin_)
    evidence = await world.verify(key.sign(CONTENT), CONTENT, bin=asked)
    assert (evidence.accepted, evidence.ground) == (ground is None, ground)


@BOTH
async def test_validity_is_asked_at_the_stated_time_and_now(world: PkiWorld, alg: Alg) -> None:
    now = datetime.now(UTC)
    expired = await world.key(alg, not_before=now - timedelta(days=400), not_after=now - timedelta(days=30))
    early = await world.key(alg, not_before=now + timedelta(days=1), not_after=now + timedelta(days=30))
    fresh = await world.key(alg)
    for key, at in (
        (expired, None),
        (expired, now - timedelta(days=60)),
        (early, None),
        (fresh, now - timedelta(days=2)),
    ):
        assert (await world.verify(key.sign(CONTENT, at=at), CONTENT)).ground == Ground.EXPIRED


@BOTH
@pytest.mark.parametrize(
    ("status", "reason", "ground"),
    [
        ("REVOKED", "keyCompromise", Ground.REVOKED),
        ("REVOKED", None, Ground.REVOKED),
        ("HOLD", None, Ground.REVOKED),
        ("NEVER_ISSUED", None, Ground.NEVER_ISSUED),
        ("UNKNOWN", None, Ground.STATUS_UNTRUSTED),
        ("UNAUTHORIZED", None, Ground.STATUS_UNTRUSTED),
    ],
)
async def test_a_certificate_that_does_not_stand_is_refused(
    world: PkiWorld, alg: Alg, status: str, reason: str | None, ground: Ground
) -> None:
    key = await world.key(alg)
    await key.set_status(world.client, status, reason)
    evidence = await world.verify(key.sign(CONTENT), CONTENT)
    assert (evidence.accepted, evidence.ground) == (False, ground)
    assert evidence.ocsp_response  # kept as proof of the refusal


async def test_a_lifted_hold_lets_sign_again(world: PkiWorld) -> None:
    key = await world.key()
    for status in ("HOLD", "GOOD"):
        await key.set_status(world.client, status)
    assert (await world.verify(key.sign(CONTENT), CONTENT)).accepted


@BOTH
@pytest.mark.parametrize(
    "fault",
    [
        "other_nonce",
        "no_nonce",
        "other_serial",
        "responder_without_ocsp_signing",
        "wrong_signature",
        "old_produced_at",
    ],
)
async def test_a_status_answer_that_proves_nothing_is_not_believed(world: PkiWorld, alg: Alg, fault: str) -> None:
    key = await world.key(alg)
    await world.fault("ocsp", fault)
    assert (await world.verify(key.sign(CONTENT), CONTENT)).ground == Ground.STATUS_UNTRUSTED
    assert (await world.verify(key.sign(CONTENT), CONTENT)).accepted  # the fault was played once


@BOTH
@pytest.mark.parametrize(
    "fault",
    ["other_imprint", "other_nonce", "other_policy", "gen_time_off", "wrong_signature", "without_time_stamping"],
)
async def test_a_time_stamp_that_proves_nothing_is_not_believed(world: PkiWorld, alg: Alg, fault: str) -> None:
    key = await world.key(alg)
    await world.fault("tsp", fault)
    evidence = await world.verify(key.sign(CONTENT), CONTENT)
    assert (evidence.accepted, evidence.ground) == (False, Ground.NO_TIMESTAMP)
    assert (await world.verify(key.sign(CONTENT), CONTENT)).accepted


@pytest.mark.parametrize("operation", ["ocsp", "tsp"])
async def test_an_outage_is_a_fault_and_no_verdict(world: PkiWorld, operation: str) -> None:
    cms = (await world.key()).sign(CONTENT)
    for kind, params, error in (
        ("http", {"status": 503}, Unavailable),
        ("http", {"status": 500}, Unavailable),
        ("http", {"status": 404}, BrokenContract),
        ("truncated", {}, (BrokenContract, Unavailable)),
    ):
        await world.fault(operation, kind, **params)
        with pytest.raises(error):
            await world.verify(cms, CONTENT)
    assert (await world.verify(cms, CONTENT)).accepted


async def test_an_authority_that_asks_to_come_later_is_unavailable(world: PkiWorld) -> None:
    key = await world.key()
    await world.fault("tsp", "rejection", reason="time_not_available")
    with pytest.raises(Unavailable):
        await world.verify(key.sign(CONTENT), CONTENT)
    await world.fault("tsp", "rejection", reason="bad_request")
    with pytest.raises(BrokenContract):
        await world.verify(key.sign(CONTENT), CONTENT)
    await key.set_status(world.client, "TRY_LATER")
    with pytest.raises(Unavailable):
        await world.verify(key.sign(CONTENT), CONTENT)


@pytest.mark.parametrize("answer", [b"", b"<html>", b"\x30\x80", bytes(300_000)])
async def test_an_answer_nobody_can_read_is_a_broken_contract(world: PkiWorld, answer: bytes) -> None:
    cms = (await world.key()).sign(CONTENT)
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=answer))
    async with httpx.AsyncClient(transport=transport) as client:
        with pytest.raises(BrokenContract):
            await NativeVerifier(world.trust, client, BASE).verify(cms, CONTENT, iin=BORROWER.iin)


async def test_without_a_server_the_verifier_says_unavailable(world: PkiWorld) -> None:
    cms = (await world.key()).sign(CONTENT)
    async with httpx.AsyncClient() as client:
        with pytest.raises(Unavailable):
            await NativeVerifier(world.trust, client, "http://127.0.0.1:9").verify(cms, CONTENT, iin=BORROWER.iin)


async def test_without_nettle_the_verdict_is_the_same(world: PkiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    content = CONTENT[:2000]  # Python hashes it in some milliseconds
    key = await world.key("GOST2015")
    cms = key.sign(content)
    monkeypatch.setattr(engine, "load", lambda: None)
    assert not engine.is_fast()
    assert (await world.verify(cms, content)).accepted
    assert (await world.verify(key.sign_badly(content), content)).ground == Ground.WRONG


async def test_a_key_of_an_unknown_kind_is_named_as_such(world: PkiWorld) -> None:
    cms = (await world.key("GOST2015")).sign(CONTENT)
    unknown = cms.replace(der.oid("1.2.398.3.10.1.1.2.2"), der.oid("1.2.398.3.10.1.1.2.9"))
    evidence = await world.verify(unknown, CONTENT)
    assert (evidence.ground, evidence.algorithm) == (Ground.WRONG_DIGEST, None)
