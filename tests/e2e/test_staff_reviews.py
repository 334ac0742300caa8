"""Cases that the machine may not decide: staff do, one or two of them, and only through our own database.

Real: the whole stack, accounts made by `nesie staff add`, authenticator codes. Simulated: counterparties and people.
"""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import pytest
from temporalio.client import WorkflowUpdateFailedError

from infra.borrower.app import BorrowerApp, Stopped
from infra.borrower.town import Town
from infra.settings import Settings
from infra.stack import Stack
from tests.support.real_world import Colleague, assert_paid_once, nesie, past_review, soon, temporal, trail
from workflows.messages import ReviewDecided


@pytest.fixture(scope="module")
async def office(stack: Stack, settings: Settings):
    """Two officers, two of compliance, and an auditor who may not decide; not logged in yet."""
    roles = {"bolat": "officer", "erzhan": "compliance", "gulnar": "auditor"}
    hired = [await Colleague.hired(stack, settings, login, role) for login, role in roles.items()]
    commands = {"aigul": "officer", "dana": "compliance"}
    make = Colleague.hired_by_command
    hired += await asyncio.gather(*(make(stack, settings, login, role) for login, role in commands.items()))
    people = {one.login: one for one in hired}
    yield people
    for one in people.values():
        await one.http.aclose()


@pytest.fixture(scope="module")
async def logged_in(office: dict[str, Colleague]) -> dict[str, Colleague]:
    """The same people at their desks."""
    for one in office.values():
        if (await one.http.get("/staff/api/me")).status_code != 200:
            assert (await one.log_in()).status_code == 201
    return office


async def test_an_authenticator_code_opens_one_session_only(office: dict[str, Colleague]):
    one = office["bolat"]
    digits = one.totp.now()
    first = await one.log_in(digits)
    assert (first.status_code, first.json()["roles"]) == (201, ["officer"])
    cookie = first.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    again = await one.log_in(digits)
    assert (again.status_code, again.json()["code"]) == (401, "log-in-wrong")
    wrong = await one.log_in(f"{(int(digits) + 1) % 1_000_000:06d}")
    assert (wrong.status_code, wrong.json()["code"]) == (401, "log-in-wrong")


async def doubtful(town: Town, client) -> tuple[BorrowerApp, str, str]:
    """A client with a namesake on the list, of whom the list knows neither IIN nor birth date; (app, id, workflow)."""
    app = await client(listing={"list": "active", "with_iin": False, "with_birth_date": False})
    application = await app.apply("60000.00", 3)
    with pytest.raises(Stopped) as stopped:
        await app.offers(application)
    assert (stopped.value.answer["step"], stopped.value.ground) == ("REVIEW", "aml-doubtful")
    return app, application, f"application/{application}"


async def test_a_doubtful_name_needs_two_different_people_and_then_the_loan_is_issued(
    client, town: Town, settings: Settings, logged_in: dict[str, Colleague]
):
    app, application, workflow = await doubtful(town, client)
    first, second = logged_in["dana"], logged_in["erzhan"]
    review = await first.review_of(workflow)
    assert (review["kind"], review["ground"], review["second_person"]) == ("AML", "aml-doubtful", True)
    review_id = review["review_id"]

    unclaimed = await first.decide(review_id)
    assert (unclaimed.status_code, unclaimed.json()["code"]) == (409, "review-not-claimed")
    assert (await first.claim(review_id)).json()["claimed_by"] == first.staff_id
    taken = await second.claim(review_id)
    assert (taken.status_code, taken.json()["code"]) == (409, "review-claimed")
    proposed = (await first.decide(review_id)).json()
    assert (proposed["final"], proposed["delivered"]) == (False, False)
    for attempt in (await first.claim(review_id), await first.decide(review_id)):
        assert (attempt.status_code, attempt.json()["code"]) == (403, "second-person-needed")

    # a proposal is no decision: told to the workflow by hand, with its true id, it changes nothing
    handle = (await temporal(settings)).get_workflow_handle(workflow)
    typed = ReviewDecided(review_id=UUID(review_id), decision_id=UUID(proposed["decision_id"]))
    with pytest.raises(WorkflowUpdateFailedError):
        await handle.execute_update("review_decided", typed)
    assert (await app.call("GET", f"/applications/{application}"))["stage"] == "REVIEW"

    assert (await second.claim(review_id)).status_code == 200
    decided = (await second.decide(review_id)).json()
    assert (decided["final"], decided["delivered"]) == (True, True)
    late = await logged_in["bolat"].claim(review_id)
    assert (late.status_code, late.json()["code"]) == (409, "review-decided")

    await past_review(app, application)
    await app.offers(application)
    await app.choose(application, "annuity")
    await app.sign_contract(application)
    await app.issued(application)
    await assert_paid_once(settings, town, app, application, "60000.00")

    told = await trail(settings, f"review:{review_id}")
    assert [(one["actor"], one["action"]) for one in told] == [
        (f"staff:{first.staff_id}", "review-claimed"),
        (f"staff:{first.staff_id}", "review-proposed"),
        (f"staff:{second.staff_id}", "review-claimed"),
        (f"staff:{second.staff_id}", "review-decided"),
    ]


async def test_two_people_who_refuse_end_the_case(client, town: Town, logged_in: dict[str, Colleague]):
    app, application, workflow = await doubtful(town, client)
    for name in ("dana", "aigul"):
        review = await logged_in[name].review_of(workflow)
        await logged_in[name].claim(review["review_id"])
        await logged_in[name].decide(review["review_id"], "refuse")
    await past_review(app, application)
    with pytest.raises(Stopped) as stopped:
        await app.until(application, "OFFERED")
    assert (stopped.value.answer["step"], stopped.value.ground) == ("REFUSED", "aml-doubtful,review-refused")


async def test_a_decision_typed_by_hand_into_temporal_approves_nothing_and_is_audited(
    client, town: Town, settings: Settings, logged_in: dict[str, Colleague]
):
    app, application, workflow = await doubtful(town, client)
    review = await logged_in["dana"].review_of(workflow)
    handle = (await temporal(settings)).get_workflow_handle(workflow)
    made_up = ReviewDecided(review_id=UUID(review["review_id"]), decision_id=uuid4())
    with pytest.raises(WorkflowUpdateFailedError):
        await handle.execute_update("review_decided", made_up)
    elsewhere = ReviewDecided(review_id=uuid4(), decision_id=uuid4())
    with pytest.raises(WorkflowUpdateFailedError):
        await handle.execute_update("review_decided", elsewhere)
    await handle.signal("approve", {"decision": "approve"})
    await handle.signal("review_decided", made_up)

    assert (await app.call("GET", f"/applications/{application}"))["stage"] == "REVIEW"
    view = await handle.query("view")
    assert (view["stage"], view["review_id"]) == ("REVIEW", review["review_id"])
    told = [
        one
        for one in await trail(settings, f"application:{application}")
        if one["action"] == "unknown-decision-refused"
    ]
    assert [one["detail"] for one in told] == [
        {"review": str(typed.review_id), "decision": str(typed.decision_id)} for typed in (made_up, elsewhere)
    ]
    await app.call("POST", f"/applications/{application}/withdrawal")


async def test_who_may_not_decide_sees_no_queue_and_decides_nothing(
    client, town: Town, logged_in: dict[str, Colleague]
):
    app, application, workflow = await doubtful(town, client)
    review = await logged_in["dana"].review_of(workflow)
    auditor = logged_in["gulnar"]
    for attempt in (
        await auditor.http.get("/staff/api/reviews"),
        await auditor.claim(review["review_id"]),
        await auditor.decide(review["review_id"]),
    ):
        assert (attempt.status_code, attempt.json()["code"]) == (403, "role-needed")
    stranger = await town.api.post(f"/staff/api/reviews/{review['review_id']}/decide", json={})
    assert stranger.status_code == 401
    client_token = {"Authorization": f"Bearer {app.token}", "X-Device-Id": app.device}
    borrower_himself = await town.api.get("/staff/api/reviews", headers=client_token)
    assert borrower_himself.status_code == 401
    await app.call("POST", f"/applications/{application}/withdrawal")


async def test_a_face_the_identity_centre_doubts_goes_to_one_officer_and_the_registration_goes_on(
    borrower, logged_in: dict[str, Colleague]
):
    app = await borrower(idec_similarity=0.5)
    await app.begin()
    await app.confirm_phone()
    await app.show_card()
    with pytest.raises(Stopped) as stopped:
        await app.show_face()
    assert (stopped.value.answer["outcome"], stopped.value.ground) == ("review", "idec-face-different")
    assert stopped.value.answer["next"] == "wait"
    with pytest.raises(Exception, match="statement-not-ready"):
        await app.sign_statement()

    officer = logged_in["aigul"]
    review = await officer.review_of(f"registration/{app.client_id}")
    assert (review["kind"], review["second_person"]) == ("IDENTITY", False)
    await officer.claim(review["review_id"])
    decided = (await officer.decide(review["review_id"])).json()
    assert (decided["final"], decided["delivered"]) == (True, True)

    async def step() -> bool:
        return (await app.call("GET", f"/registrations/{app.client_id}"))["step"] == "signature"

    await soon(step, "the next step")
    await app.sign_statement()
    await app.choose_password()
    await app.log_in()
    assert await app.call("GET", "/applications") == []


async def test_staff_who_leave_are_out_at_once(stack: Stack, settings: Settings):
    one = await Colleague.hired(stack, settings, "leaver", "officer")
    assert (await one.log_in()).status_code == 201
    assert (await one.http.get("/staff/api/reviews")).status_code == 200
    assert (await asyncio.to_thread(nesie, stack.state, "staff", "disable", "leaver")).returncode == 0
    gone = await one.http.get("/staff/api/reviews")
    assert (gone.status_code, gone.json()["code"]) == (401, "session-expired")
    await one.http.aclose()
