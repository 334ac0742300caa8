"""Organisations and entrepreneurs on a real Temporal server; activities are played.

Proven: whose registration asks for which proofs by its start; an officer's word on the right to sign counts for the
paper that was put before them, and not once the paper has ended; a contract is signed by the face, the signature or
both, as its own edition says.

Rules: para 6, part 2; para 6, part 4; para 9.
"""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest
from temporalio.client import WorkflowHandle

from rules.client import ClientKind
from rules.editions import EDITIONS, named
from rules.identification import needed, needed_on
from rules.proofs import Act
from tests.support.played import Played, fact
from tests.workflows.test_origination import SIGN, choose, reached
from tests.workflows.test_registration import FACE, SIGNATURE, refusal_of, up_to_face, view
from workflows.messages import ReviewDecided, SetPassword, SignContract, SubmitAuthority
from workflows.origination import Origination
from workflows.registration import Registration

ORGANISATION = {"authority_needed": True, "statement_needed": True}
PASSWORD = SetPassword(password_hash="hash")


async def up_to_authority(handle: WorkflowHandle) -> None:
    await up_to_face(handle)
    await handle.execute_update(Registration.submit_face, FACE)
    assert (await view(handle)).step == "authority"


async def decide(handle: WorkflowHandle, played: Played, decision: str) -> str:
    review_id = (await view(handle)).review_id
    decided = ReviewDecided(review_id=review_id, decision_id=fact(f"decision/{decision}"))
    played.known_decisions[decided.decision_id] = decision
    step: str = (await handle.execute_update(Registration.review_decided, decided)).step
    return step


def paper(name: str) -> SubmitAuthority:
    return SubmitAuthority(authority_id=fact(name))


async def test_an_organisation_registers_once_an_officer_has_compared_its_paper(case):
    played = Played()
    async with case(played) as start:
        handle = await start.registration(**ORGANISATION)
        await up_to_authority(handle)
        assert await refusal_of(handle, Registration.submit_signature, SIGNATURE) == "wrong-step"
        answer = await handle.execute_update(Registration.submit_authority, paper("order"))
        assert (answer.outcome, answer.ground) == ("review", "authority-to-check")
        assert (await view(handle)).step == "review"
        # another paper sent meanwhile is not the one before the officer
        assert await refusal_of(handle, Registration.submit_authority, paper("other")) == "wrong-step"
        assert await decide(handle, played, "approve") == "signature"
        await handle.execute_update(Registration.submit_signature, SIGNATURE)
        await handle.execute_update(Registration.set_password, PASSWORD)
        assert (await handle.result()).registered
    assert played.calls == [
        "code", "phone", "document", "face", "idec", "authority", "review:IDENTITY", "authority-confirmed", "signature",
        "password",
    ]  # fmt: skip


async def test_a_paper_that_names_another_is_asked_for_again_or_ends_the_case(case):
    played = Played()
    async with case(played) as start:
        handle = await start.registration(**ORGANISATION)
        await up_to_authority(handle)
        await handle.execute_update(Registration.submit_authority, paper("order"))
        assert await decide(handle, played, "retry") == "authority"
        await handle.execute_update(Registration.submit_authority, paper("a better one"))
        assert await decide(handle, played, "refuse") == "done"
        outcome = await handle.result()
    assert (outcome.registered, outcome.ground) == (False, "review-refused")
    assert "authority-confirmed" not in played.calls


async def test_a_power_of_attorney_that_ends_before_the_officer_looks_is_not_taken(case):
    played = Played()
    played.grounds |= {"authority": ["authority-expired", None], "authority-confirmed": ["authority-expired", None]}
    async with case(played) as start:
        handle = await start.registration(**ORGANISATION)
        await up_to_authority(handle)
        ended = await handle.execute_update(Registration.submit_authority, paper("ended"))
        assert (ended.outcome, ended.ground) == ("retry", "authority-expired")
        await handle.execute_update(Registration.submit_authority, paper("ends soon"))
        assert await decide(handle, played, "approve") == "authority"
        assert (await view(handle)).ground == "authority-expired"
        assert "signature" not in played.calls
        await handle.terminate()


async def test_an_entrepreneur_registers_without_a_signature_and_the_statement_is_kept_all_the_same(case):
    played = Played()
    async with case(played) as start:
        handle = await start.registration(signature_needed=False, statement_needed=True)
        await up_to_face(handle)
        await handle.execute_update(Registration.submit_face, FACE)
        assert (await view(handle)).step == "password"
        assert played.drawn == ["statement"]
        assert await refusal_of(handle, Registration.submit_signature, SIGNATURE) == "wrong-step"
        await handle.execute_update(Registration.set_password, PASSWORD)
        assert (await handle.result()).registered
    assert not {"authority", "signature"} & set(played.calls)


CONTRACTS = [  # edition, kind, for the business, what is shown
    ("2021", ClientKind.INDIVIDUAL, False, {"signature"}),
    ("2023", ClientKind.INDIVIDUAL, False, {"face", "signature"}),
    ("2024b", ClientKind.ENTREPRENEUR, True, {"face", "signature"}),
    ("2025b", ClientKind.ENTREPRENEUR, True, {"face"}),
    ("2025b", ClientKind.ENTREPRENEUR, False, {"face", "signature"}),
    ("2025b", ClientKind.LEGAL_ENTITY, True, {"face", "signature"}),
]


@pytest.mark.parametrize(("edition", "kind", "business", "shown"), CONTRACTS)
async def test_a_contract_is_signed_by_the_proofs_of_its_own_edition(case, edition, kind, business, shown):
    asked = needed(Act.CONTRACT, kind, named(edition), business=business)
    played = Played()
    async with case(played) as start:
        with start.environment.with_time_skipping_disabled():
            handle = await start.origination(face_needed=asked.face, signature_needed=asked.signature)
        await choose(handle)
        for proof in sorted(shown):
            lacking = signing(shown - {proof})
            wanted = "signature-missing" if proof == "signature" else "face-missing"
            assert await refusal_of(handle, Origination.sign, lacking) == wanted
        assert (await handle.execute_update(Origination.sign, signing(shown))).outcome == "passed"
        await reached(handle, "ISSUED")
        await handle.result()
    assert {"face", "signature"} & set(played.calls) == shown
    assert played.sealed == [fact("signature") if "signature" in shown else None]


def signing(shown: set[str]) -> SignContract:
    face: dict[str, UUID | None] = SIGN.model_dump(exclude={"cms_id"}) if "face" in shown else {}
    return SignContract(cms_id=SIGN.cms_id if "signature" in shown else None, **face)


async def test_a_face_that_is_unsure_signs_nothing_until_an_officer_has_looked(case):
    played = Played()
    played.grounds["face"] = ["face-unsure"]
    played.known_decisions[fact("decision")] = "approve"
    async with case(played) as start:
        with start.environment.with_time_skipping_disabled():
            handle = await start.origination(signature_needed=False)
        await choose(handle)
        assert (await handle.execute_update(Origination.sign, signing({"face"}))).outcome == "review"
        await reached(handle, "REVIEW")
        assert played.sealed == []
        decided = ReviewDecided(review_id=fact("review/face-unsure"), decision_id=fact("decision"))
        await handle.execute_update(Origination.review_decided, decided)
        await reached(handle, "SIGNING")
        await handle.execute_update(Origination.sign, signing({"face"}))
        await reached(handle, "ISSUED")
        await handle.result()
    assert played.sealed == [None]


def test_new_registrations_ask_for_the_face_in_every_edition():
    for edition in EDITIONS:  # so that the case has no way without it
        assert all(needed_on(Act.REGISTRATION, kind, edition.in_force).face for kind in ClientKind)
    assert not needed_on(Act.REGISTRATION, ClientKind.ENTREPRENEUR, date(2025, 1, 1)).signature
