"""A loan above the threshold waits a day before its money: here is what the borrower and the bank see meanwhile.

Real: the whole stack. Simulated: the counterparties and the borrower. The day itself passes in the tests of the
workflows, whose clock can be moved.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from infra.borrower.app import BorrowerApp, Refused, Stopped
from infra.borrower.town import Town
from infra.settings import Settings
from infra.stack import Stack
from rules.calendar import local_date
from rules.policy import policy
from tests.support.real_world import Colleague, assert_nothing_paid, past_review, trail


def above_the_threshold() -> str:
    """One tenge more than needs no waiting."""
    rules = policy(local_date(datetime.now(UTC)))
    return f"{rules.in_tenge('waiting-threshold-mrp').root + 1:.2f}"


async def signed(app: BorrowerApp, application: str) -> dict[str, object]:
    """Choose, sign, and the state in which the case then rests."""
    await app.choose(application, "annuity")
    await app.sign_contract(application)
    return await app.until(application, "WAITING")


async def assert_it_waits(app: BorrowerApp, town: Town, settings: Settings, application: str, state) -> None:
    """A day after the signature, to the second; until then no confirmation, and nothing at the bank."""
    contract = await app.call("GET", f"/applications/{application}/contract")
    until = datetime.fromisoformat(state["waiting_until"])
    hours = policy(local_date(datetime.now(UTC))).whole("waiting-hours")
    assert until == datetime.fromisoformat(contract["signed_at"]) + timedelta(hours=hours)
    assert timedelta(hours=hours, minutes=-5) < until - datetime.now(UTC) <= timedelta(hours=hours)
    assert state["next"] == "wait"
    with pytest.raises(Refused) as refused:
        await app.call("POST", f"/applications/{application}/confirmation", json={"confirmed": True})
    assert (refused.value.status, refused.value.code) == (409, "waiting-time-not-over")
    books = await assert_nothing_paid(settings, town, app, application)
    assert (books.stage, books.payment, books.paid) == ("WAITING", None, [])


async def test_a_second_loan_above_the_threshold_waits_and_is_paid_to_nobody_who_withdraws(
    regular: BorrowerApp, town: Town, settings: Settings
):
    first = await regular.apply("50000.00", 3)
    await regular.offers(first)
    await regular.choose(first, "annuity")
    await regular.sign_contract(first)
    await regular.issued(first)
    paid = (await town.world.get(f"/_control/bank/accounts/{regular.persona.iban}")).json()["balance"]

    application = await regular.apply(above_the_threshold(), 12)
    await regular.offers(application)  # no personal visit: not the first loan
    await assert_it_waits(regular, town, settings, application, await signed(regular, application))

    state = await regular.call("POST", f"/applications/{application}/withdrawal")
    assert (state["stage"], [one["code"] for one in state["grounds"]]) == ("WITHDRAWN", ["withdrawn-by-client"])
    books = await assert_nothing_paid(settings, town, regular, application)
    assert (books.payment, books.received) == (None, paid)
    with pytest.raises(Refused) as refused:
        await regular.call("POST", f"/applications/{application}/confirmation", json={"confirmed": True})
    assert refused.value.status == 409
    told = [one["action"] for one in await trail(settings, f"application:{application}")]
    assert told[-2:] == ["stage-waiting", "stage-withdrawn"]


async def test_a_first_loan_above_the_threshold_needs_a_personal_visit_before_and_waits_after(
    client, town: Town, settings: Settings, stack: Stack
):
    app = await client()
    application = await app.apply(above_the_threshold(), 12)
    with pytest.raises(Stopped) as stopped:
        await app.offers(application)
    assert (stopped.value.answer["step"], stopped.value.ground) == ("REVIEW", "personal-visit-needed")

    officer = await Colleague.hired(stack, settings, "visit-officer", "officer")
    assert (await officer.log_in()).status_code == 201
    review = await officer.review_of(f"application/{application}")
    assert (review["kind"], review["second_person"]) == ("DECISION", False)
    await officer.claim(review["review_id"])
    assert (await officer.decide(review["review_id"])).json()["final"] is True
    await officer.http.aclose()

    await past_review(app, application)
    await app.offers(application)
    await assert_it_waits(app, town, settings, application, await signed(app, application))

    # the client may decline at once: that annuls the contract, and needs no day
    state = await app.call("POST", f"/applications/{application}/confirmation", json={"confirmed": False})
    assert state["stage"] in ("WAITING", "WITHDRAWN")
    with pytest.raises(Stopped) as stopped:
        await app.until(application, "ISSUED")
    assert (stopped.value.answer["step"], stopped.value.ground) == ("WITHDRAWN", "declined-after-waiting")
    await assert_nothing_paid(settings, town, app, application)


async def test_two_small_loans_of_one_day_wait_as_one_large_loan_would(town: Town, client, settings: Settings):
    app = await client()
    for amount in ("200000.00", "150000.00"):
        application = await app.apply(amount, 12)
        await app.offers(application)
        await app.choose(application, "annuity")
        await app.sign_contract(application)
        if amount == "200000.00":
            await app.issued(application)
    state = await app.until(application, "WAITING")
    await assert_it_waits(app, town, settings, application, state)
