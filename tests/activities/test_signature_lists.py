"""Revocation lists: what they prove of a certificate on a day, and where they may stand in for the responder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import pytest_asyncio
from pki_forge import NOW, YEAR, Forge
from pki_world import BASE, BORROWER, PkiWorld, pki_world

from activities.integrations.signature import revocation_list
from activities.integrations.signature.asn1 import Unreadable
from activities.integrations.signature.certificate import parse
from activities.integrations.signature.limits import Limits
from activities.integrations.signature.lists import Lists
from activities.integrations.signature.revocation_list import Freshness, standing
from activities.integrations.signature.verifier import NativeVerifier
from infra.borrower.signing import SigningKey
from infra.counterparties.pki import der
from infra.counterparties.pki.layout import Issuer
from infra.counterparties.pki.revocation_list import Entry, assemble
from rules.errors import Unavailable
from rules.evidence import SignatureGround as Ground

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
STRICT = Freshness(timedelta(minutes=5), oldest=DAY)
LISTS = ("nca_rsa.crl", "nca_gost.crl")
CONTENT = b"the bytes that were shown"


@pytest.fixture(scope="module")
def forge() -> Forge:
    return Forge.make()


@pytest.fixture(scope="module")
def key(forge: Forge) -> SigningKey:
    return forge.issue()


def word(forge: Forge, key: SigningKey, *lists: bytes, at: datetime = NOW, wanted: Freshness = STRICT) -> str:
    """What lists say of the key's certificate."""
    read = [revocation_list.parse(one) for one in lists]
    return standing(read, parse(key.certificate), parse(forge.ca.certificate), at, wanted).word


def of(key: SigningKey, reason: str = "keyCompromise", at: datetime = NOW - HOUR) -> Entry:
    return Entry(int(key.serial, 16), at, reason)


def test_a_fresh_list_clears_or_accuses(forge: Forge, key: SigningKey) -> None:
    others = [Entry(n, NOW - DAY, "superseded") for n in range(1, 2000)]
    assert word(forge, key, forge.list(others, NOW - HOUR)) == "good"
    assert word(forge, key, forge.list([*others, of(key)], NOW - HOUR)) == "revoked key_compromise"
    assert word(forge, key, forge.list([of(key, "certificateHold")], NOW - HOUR)) == "revoked certificate_hold"
    assert (
        word(forge, key, forge.list(at=NOW - HOUR), forge.list([of(key)], NOW - 2 * HOUR)) == "revoked key_compromise"
    )


def test_without_a_fresh_list_of_the_issuer_nothing_is_proved(forge: Forge, key: SigningKey) -> None:
    stranger = Forge.make()
    same_name = Issuer(stranger.ca.key, forge.ca.certificate)
    limited = der.extension("2.5.29.28", der.sequence(der.wrap(0x83, b"\x06\x40")), critical=True)
    unknown = der.extension("1.2.3.4", der.NULL, critical=True)
    cases = {
        "none": [],
        "another authority's": [stranger.list(at=NOW)],
        "another key under the same name": [assemble(same_name, [], NOW, number=1)],
        "some reasons only": [forge.list(at=NOW, extensions=[limited])],
        "strange and critical": [forge.list(at=NOW, extensions=[unknown])],
        "a delta alone": [forge.list(at=NOW, number=2, base=1)],
    }
    assert {name: word(forge, key, *lists) for name, lists in cases.items()} == dict.fromkeys(cases, "no_proof")
    for stale in (
        forge.list(at=NOW - 2 * DAY),
        forge.list(at=NOW - 2 * DAY, lives=30 * DAY),
        forge.list(at=NOW + HOUR),
    ):
        assert word(forge, key, stale) == "good_stale"
    # by its own promise it holds a month: enough where the reader sets no limit of their own
    assert word(forge, key, forge.list(at=NOW - 2 * DAY, lives=30 * DAY), wanted=Freshness(HOUR)) == "good"
    assert word(forge, key, forge.list(at=NOW + DAY), wanted=Freshness(HOUR, later=True)) == "good"


def test_bad_news_never_grows_stale_but_a_hold_may_be_lifted(forge: Forge, key: SigningKey) -> None:
    old = NOW - 90 * DAY
    assert word(forge, key, forge.list([of(key, at=old)], old), forge.list(at=NOW)) == "revoked key_compromise"
    assert word(forge, key, forge.list([of(key, "certificateHold", old)], old)) == "revoked certificate_hold"
    assert word(forge, key, forge.list([of(key, "certificateHold", old)], old), forge.list(at=NOW)) == "good"


def test_a_delta_completes_the_full_list_it_builds_on(forge: Forge, key: SigningKey) -> None:
    full = forge.list(at=NOW - 6 * HOUR, number=10)
    held = forge.list([of(key, "certificateHold", NOW - 8 * HOUR)], NOW - 6 * HOUR, number=10)
    new = forge.list([of(key)], NOW - HOUR, number=12, base=10)
    lifted = forge.list([of(key, "removeFromCRL")], NOW - HOUR, number=12, base=10)
    ahead = forge.list([of(key, "removeFromCRL")], NOW - HOUR, number=12, base=11)
    before = forge.list([of(key, "removeFromCRL")], NOW - 7 * HOUR, number=12, base=10)
    assert word(forge, key, full, new) == "revoked key_compromise"
    assert word(forge, key, held, lifted) == "good"
    assert word(forge, key, held, ahead) == "revoked certificate_hold"  # it builds on a list we do not have
    assert word(forge, key, held, before) == "revoked certificate_hold"
    assert word(forge, key, held, forge.list(at=NOW - HOUR, number=12, base=10)) == "revoked certificate_hold"


def test_each_changed_byte_of_a_list_takes_its_worth(forge: Forge, key: SigningKey) -> None:
    good = forge.list([Entry(7, NOW, "superseded")], NOW - HOUR)
    for place in range(len(good)):
        bad = good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :]
        try:
            assert word(forge, key, bad) == "no_proof", place
        except Unreadable:
            continue


def test_an_authority_that_may_sign_no_lists_signs_none(forge: Forge, key: SigningKey) -> None:
    tsa = assemble(Issuer(forge.tsa.key, forge.tsa.certificate), [], NOW, number=1)
    read = [revocation_list.parse(tsa)]
    assert standing(read, parse(key.certificate), parse(forge.tsa.certificate), NOW, STRICT).word == "no_proof"


# ---- through the verifier


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world() -> AsyncIterator[PkiWorld]:
    async with pki_world() as found:
        yield found


@pytest.mark.parametrize("alg", ["RSA", "GOST2015"])
async def test_while_the_responder_is_away_a_fresh_list_answers_for_it(world: PkiWorld, alg: str) -> None:
    verifier = NativeVerifier(world.trust, world.client, f"{BASE}/pki", lists=LISTS)
    good, bad = await world.key(alg), await world.key(alg)  # type: ignore[arg-type]
    await bad.set_status(world.client, "REVOKED", "keyCompromise")
    for key, ground in ((good, None), (bad, Ground.REVOKED)):
        await world.fault("ocsp", "http", status=503)
        found = await verifier.verify(key.sign(CONTENT), CONTENT, iin=BORROWER.iin)
        assert (found.ground, found.ocsp_response, len(found.revocation_lists)) == (ground, None, 1)
    found = await verifier.verify(good.sign(CONTENT), CONTENT, iin=BORROWER.iin)
    assert (found.accepted, found.revocation_lists) == (True, [])  # the responder is back, and is asked first
    await good.set_status(world.client, "TRY_LATER")
    assert (await verifier.verify(good.sign(CONTENT), CONTENT, iin=BORROWER.iin)).revocation_lists


async def test_without_a_fresh_list_or_the_rule_the_case_waits(
    world: PkiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    cms = (await world.key()).sign(CONTENT)
    for lists in ((), ("nca_gost.crl",), ("nowhere.crl",), ("http://127.0.0.1:9/x.crl",)):
        await world.fault("ocsp", "http", status=503)
        with pytest.raises(Unavailable):
            await NativeVerifier(world.trust, world.client, f"{BASE}/pki", lists=lists).verify(
                cms, CONTENT, iin=BORROWER.iin
            )
    off = Limits(10, 5, 24, list_instead=False)
    monkeypatch.setattr(Limits, "of", classmethod(lambda *_: off))
    await world.fault("ocsp", "http", status=503)
    with pytest.raises(Unavailable):
        await NativeVerifier(world.trust, world.client, f"{BASE}/pki", lists=LISTS).verify(
            cms, CONTENT, iin=BORROWER.iin
        )


async def test_a_list_is_kept_half_an_hour_and_its_last_copy_serves_an_outage() -> None:
    forge, calls = Forge.make("GOST2015", datetime.now(UTC) - YEAR), []
    now = datetime.now(UTC)

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(request.url.path)
        return httpx.Response(200, content=forge.list(at=now)) if len(calls) < 2 else httpx.Response(503)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        lists = Lists(client, ["http://authority/a.crl"], 60.0)
        first = await lists.get(now)
        assert await lists.get(now + timedelta(minutes=20)) == first
        assert len(calls) == 1
        assert await lists.get(now + timedelta(minutes=40)) == first  # asked again, no answer: the copy
        assert len(calls) == 2
