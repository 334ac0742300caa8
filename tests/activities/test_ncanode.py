"""Our adapter of NCANode against a server of its shape, with another verifier behind it and real certificates.

Whatever NCANode says, the bytes, the person and the purpose are looked at by us.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from activities.integrations.signature.ncanode import BothVerifiers, NcanodeVerifier, chosen
from activities.integrations.signature.verifier import NativeVerifier
from infra.counterparties.pki.keys import Alg
from rules.errors import BrokenContract, Unavailable
from rules.evidence import SignatureGround
from tests.support.pki_world import BASE, BORROWER, OTHER, PkiWorld, pki_world

CONTENT = "Микрокредит шарты".encode()
BIN = "490740000014"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world() -> AsyncIterator[PkiWorld]:
    async with pki_world() as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def ncanode(world: PkiWorld) -> NcanodeVerifier:
    await world.client.delete("/_control/faults")
    return NcanodeVerifier(world.client, f"{BASE}/ncanode")


async def fault(world: PkiWorld, kind: str, **params: Any) -> None:
    body = {"service": "ncanode", "operation": "verify", "fault": kind, "params": params}
    (await world.client.post("/_control/faults", json=body)).raise_for_status()


@pytest.mark.parametrize("alg", ["RSA", "GOST2015"])
@pytest.mark.parametrize("detached", [True, False])
async def test_a_good_signature_is_accepted_and_says_whose_it_is(
    world: PkiWorld, ncanode: NcanodeVerifier, alg: Alg, detached: bool
) -> None:
    key = await world.key(alg)
    found = await ncanode.verify(key.sign(CONTENT, detached=detached), CONTENT, iin=BORROWER.iin)
    assert (found.accepted, found.ground, found.certificate_serial) == (True, None, key.serial)
    assert found.signed_at is not None
    assert (found.ocsp_response, found.timestamp_token) == (None, None)  # it gives none: nothing is made up


async def test_an_organisations_signature_needs_its_number_and_somebody_who_may_bind_it(
    world: PkiWorld, ncanode: NcanodeVerifier
) -> None:
    for kind, bin_, ground in (
        ("CEO", BIN, None),
        ("CAN_SIGN", BIN, None),
        ("EMPLOYEE", BIN, SignatureGround.NOT_SIGNING),
        ("CEO", "000740000014", SignatureGround.OTHER_PERSON),
    ):
        key = await world.key(kind=kind, bin=bin_)
        found = await ncanode.verify(key.sign(CONTENT), CONTENT, iin=BORROWER.iin, bin=BIN)
        assert (found.accepted, found.ground) == (ground is None, ground), kind


async def test_what_ncanode_cannot_know_is_looked_at_by_us_whatever_it_says(
    world: PkiWorld, ncanode: NcanodeVerifier
) -> None:
    key, of_other, log_in = await world.key(), await world.key(holder=OTHER), await world.key(usage="AUTH")
    cases = {
        SignatureGround.OTHER_CONTENT: key.sign(CONTENT + b" "),
        SignatureGround.OTHER_PERSON: of_other.sign(CONTENT),
        SignatureGround.NOT_SIGNING: log_in.sign(CONTENT),
        SignatureGround.UNREADABLE: b"\x30\x82nonsense",
    }
    attached = key.sign(CONTENT + b" ", detached=False)  # NCANode finds it valid: it is, over another document
    for ground, cms in (*cases.items(), (SignatureGround.OTHER_CONTENT, attached)):
        await fault(world, "says_valid")
        found = await ncanode.verify(cms, CONTENT, iin=BORROWER.iin)
        assert (found.accepted, found.ground) == (False, ground)
        await world.client.delete("/_control/faults")
    calls = (await world.client.get("/_control/calls", params={"service": "ncanode"})).json()
    before = len(calls)
    await ncanode.verify(attached, CONTENT, iin=BORROWER.iin)
    calls = (await world.client.get("/_control/calls", params={"service": "ncanode"})).json()
    assert len(calls) == before  # it is not even asked


async def test_what_ncanode_refuses_is_refused_with_its_reason(world: PkiWorld, ncanode: NcanodeVerifier) -> None:
    good, taken_back = await world.key(), await world.key()
    await taken_back.set_status(world.client, "REVOKED", "keyCompromise")
    now = datetime.now(UTC)
    over = await world.key(not_before=now - timedelta(days=60), not_after=now - timedelta(days=1))
    for cms, ground in (
        (good.sign_badly(CONTENT), SignatureGround.WRONG),
        (taken_back.sign(CONTENT), SignatureGround.REVOKED),
        (over.sign(CONTENT), SignatureGround.EXPIRED),
    ):
        found = await ncanode.verify(cms, CONTENT, iin=BORROWER.iin)
        assert (found.accepted, found.ground) == (False, ground)
    await fault(world, "says_invalid")
    found = await ncanode.verify(good.sign(CONTENT), CONTENT, iin=BORROWER.iin)
    assert (found.accepted, found.ground) == (False, SignatureGround.WRONG)
    stranger = await world.key()
    nobodys = stranger.sign(CONTENT).replace(bytes.fromhex(stranger.serial), bytes.fromhex("01" + "7e" * 19))
    found = await ncanode.verify(nobodys, CONTENT, iin=BORROWER.iin)
    assert (found.accepted, found.ground) == (False, SignatureGround.UNREADABLE)  # 400 of NCANode


@pytest.mark.parametrize(
    ("kind", "params", "error"),
    [
        ("http", {"status": 500}, Unavailable),
        ("http", {"status": 503}, Unavailable),
        ("http", {"status": 429}, Unavailable),
        ("http", {"status": 404}, BrokenContract),
        ("reset_before", {}, Unavailable),
        ("reset_after", {}, Unavailable),
        ("bad_json", {}, BrokenContract),
        ("wrong_type", {}, BrokenContract),
        ("other_certificate", {}, BrokenContract),
    ],
)
async def test_an_answer_that_does_not_come_or_cannot_be_read_is_a_fault(
    world: PkiWorld, ncanode: NcanodeVerifier, kind: str, params: dict[str, Any], error: type[Exception]
) -> None:
    cms = (await world.key("GOST2015")).sign(CONTENT)
    await fault(world, kind, **params)
    with pytest.raises(error) as raised:
        await ncanode.verify(cms, CONTENT, iin=BORROWER.iin)
    assert BORROWER.iin not in str(raised.value)
    assert (await ncanode.verify(cms, CONTENT, iin=BORROWER.iin)).accepted  # the next try succeeds


async def test_nobody_there_is_unavailable(world: PkiWorld) -> None:
    cms = (await world.key("GOST2015")).sign(CONTENT)
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(Unavailable):
            await NcanodeVerifier(client, "http://127.0.0.1:1").verify(cms, CONTENT, iin=BORROWER.iin)


async def test_two_verifiers_must_agree_and_ours_keeps_its_proofs(
    world: PkiWorld, ncanode: NcanodeVerifier, caplog: pytest.LogCaptureFixture
) -> None:
    both = BothVerifiers(world.verifier, ncanode)
    key = await world.key("GOST2015")
    found = await both.verify(key.sign(CONTENT), CONTENT, iin=BORROWER.iin)
    assert (found.accepted, found.ocsp_response is not None, found.timestamp_token is not None) == (True, True, True)
    await fault(world, "says_invalid")
    with caplog.at_level(logging.ERROR, "nesie.signature"):
        found = await both.verify(key.sign(CONTENT), CONTENT, iin=BORROWER.iin)
    assert (found.accepted, found.ground) == (False, SignatureGround.WRONG)
    assert key.serial in caplog.text
    assert BORROWER.iin not in caplog.text
    await fault(world, "says_valid")
    found = await both.verify(key.sign_badly(CONTENT), CONTENT, iin=BORROWER.iin)
    assert (found.accepted, found.ground) == (False, SignatureGround.WRONG)  # ours refuses: nobody else is asked


def test_the_setting_chooses(world: PkiWorld) -> None:
    native, other = world.verifier, NcanodeVerifier(world.client, BASE)
    assert chosen("native", native, other) is native
    assert chosen("ncanode", native, other) is other
    assert isinstance(chosen("both", native, other), BothVerifiers)
    assert isinstance(native, NativeVerifier)
