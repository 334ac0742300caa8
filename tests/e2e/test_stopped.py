"""Each thing that must stop a case, with its ground, through the API.

Real: the whole stack. Simulated: the counterparties and the people.
"""

from __future__ import annotations

import asyncio

import pytest

from infra.borrower import card
from infra.borrower.app import Stopped


async def test_a_wrong_persons_selfie_is_refused(borrower, town):
    app = await borrower(who="a")
    other = await borrower(who="b")
    app.selfie = other.selfie
    await app.begin()
    await app.confirm_phone()
    await app.show_card()
    with pytest.raises(Stopped) as stopped:
        await app.show_face()
    assert stopped.value.ground == "face-different"


async def test_a_replayed_clip_is_refused(borrower):
    app = await borrower()
    await app.begin()
    await app.confirm_phone()
    await app.show_card()
    seen: list[bytes] = []
    film = app.clip

    async def remember(photo: bytes, sequence: list[str]) -> bytes:
        seen.append(await film(photo, sequence))
        return seen[-1]

    async def replay(photo: bytes, sequence: list[str]) -> bytes:
        return seen[-1]

    app.clip = remember
    await app.show_face()  # the first showing is live
    again = await borrower()
    again.clip = replay
    await again.begin()
    await again.confirm_phone()
    await again.show_card()
    with pytest.raises(Stopped) as stopped:
        await again.show_face()
    assert stopped.value.ground == "liveness-replayed"


async def test_a_clip_for_another_sequence_is_refused(borrower):
    app = await borrower()
    await app.begin()
    await app.confirm_phone()
    await app.show_card()
    film = app.clip
    app.clip = lambda photo, sequence: film(photo, list(reversed(sequence)))
    with pytest.raises(Stopped) as stopped:
        await app.show_face()
    assert stopped.value.ground == "liveness-wrong-order"


async def test_a_tampered_signature_is_refused(borrower):
    app = await borrower()
    sign = app.sign

    async def tampered(content: bytes) -> bytes:
        return await sign(content + b"!")

    app.sign = tampered
    with pytest.raises(Stopped) as stopped:
        await app.register()
    assert stopped.value.ground == "signature-other-content"


async def test_a_revoked_certificate_is_refused(borrower, town):
    app = await borrower()
    key = await town.signing_key(app.persona, alg="RSA")
    await key.set_status(town.world, "REVOKED")

    async def sign(content: bytes) -> bytes:
        return await asyncio.to_thread(key.sign, content)

    app.sign = sign
    with pytest.raises(Stopped) as stopped:
        await app.register()
    assert stopped.value.ground == "signature-certificate-revoked"


async def test_another_persons_signature_ends_the_registration(borrower):
    app, other = await borrower(), await borrower()
    app.sign = other.sign
    with pytest.raises(Stopped) as stopped:
        await app.register()
    assert stopped.value.ground == "signature-other-person"
    assert stopped.value.answer["outcome"] == "refused"


async def test_a_card_with_a_broken_check_digit_is_refused(borrower):
    app = await borrower()
    app.back = card.back(app.persona, break_check_digit=True)
    await app.begin()
    await app.confirm_phone()
    with pytest.raises(Stopped) as stopped:
        await app.show_card()
    assert stopped.value.ground == "document-check-digit"


async def test_a_listed_person_is_refused(client):
    app = await client(listing={"list": "active"})
    application = await app.apply("100000.00", 6)
    with pytest.raises(Stopped) as stopped:
        await app.offers(application)
    assert stopped.value.answer["step"] == "REFUSED"
    assert "aml-hit" in stopped.value.ground


async def test_voluntary_refusal_is_refused(client):
    app = await client(credit={"voluntary_refusal": {"active": True}})
    application = await app.apply("100000.00", 6)
    with pytest.raises(Stopped) as stopped:
        await app.offers(application)
    assert stopped.value.answer["step"] == "REFUSED"
    assert "voluntary-refusal" in stopped.value.ground


async def test_voluntary_refusal_set_after_the_decision_stops_the_money(client, town):
    app = await client()
    application = await app.apply("100000.00", 6)
    await app.offers(application)
    change = {"credit": {"voluntary_refusal": {"active": True}}}
    (await town.world.patch(f"/_control/personas/{app.persona.iin}", json=change)).raise_for_status()
    await app.choose(application, "annuity")
    await app.sign_contract(application)
    with pytest.raises(Stopped) as stopped:
        await app.issued(application)
    assert stopped.value.ground == "voluntary-refusal"


async def test_somebody_elses_account_gets_no_money(client, borrower):
    app, other = await client(), await borrower()
    application = await app.apply("100000.00", 6, iban=other.persona.iban)
    await app.offers(application)
    await app.choose(application, "annuity")
    await app.sign_contract(application)
    with pytest.raises(Stopped) as stopped:
        await app.issued(application)
    assert stopped.value.ground == "account-not-owned"


async def test_too_high_a_debt_burden_is_refused_citing_its_policy_row(client):
    app = await client(credit={"average_income": "40000.00"})
    application = await app.apply("300000.00", 6)
    with pytest.raises(Stopped) as stopped:
        await app.offers(application)
    assert "debt-burden-too-high" in stopped.value.ground
    state = await app.call("GET", f"/applications/{application}")
    (ground,) = [one for one in state["grounds"] if one["code"] == "debt-burden-too-high"]
    assert ground["policy_row"].startswith("debt-burden-cap@")
