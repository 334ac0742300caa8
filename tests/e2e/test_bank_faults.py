"""The bank misbehaves at every point of a payout; the money leaves once, or not at all, and the books say the same.

Real: the whole stack. Simulated: the bank with its faults and the borrower. Each test compares three sources: our
payment and loan, the ledger, and the bank's own books with the balance of the receiver's account.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from temporalio.service import RPCError

from infra.borrower.app import BorrowerApp, Stopped
from infra.borrower.town import Town
from infra.settings import Settings
from infra.stack import Stack
from rules import callbacks
from tests.support.real_world import (
    Books,
    Colleague,
    assert_nothing_paid,
    assert_paid_once,
    books_of,
    offered,
    soon,
    temporal,
    trail,
)

AMOUNT = "20000.00"
Lend = Callable[..., Awaitable[str]]


@pytest.fixture(scope="module")
def lend(town: Town) -> Lend:
    """A loan signed by a borrower, with the bank's faults planted for this very order; returns the application."""

    async def work(app: BorrowerApp, *faults: dict[str, Any]) -> str:
        application = await offered(app, AMOUNT)
        for fault in faults:
            match = {"iin": app.persona.iin} if fault["operation"] == "verify_owner" else {"key": application}
            await town.fault(service="bank", match=match, **fault)
        await app.sign_contract(application)
        return application

    return work


async def balance(town: Town, app: BorrowerApp) -> str:
    return str((await town.world.get(f"/_control/bank/accounts/{app.persona.iban}")).json()["balance"])


async def calls(town: Town, operation: str, order: str) -> list[dict[str, Any]]:
    """The bank's journal about one order, newest or oldest first as it keeps it."""
    answer = await town.world.get("/_control/calls", params={"service": "bank", "operation": operation, "limit": 500})
    return [one for one in answer.json() if order in f"{one['key']} {one['request']}"]


@pytest.fixture(scope="module")
async def slow(town: Town, settings: Settings, lend: Lend) -> dict[str, Any]:
    """Two cases that take the bank's time: they run while the other tests do."""
    cases: dict[str, Any] = {}
    for name, fault in {
        "timed out": {"operation": "pay", "fault": "hang_after"},
        "down": {"operation": "*", "fault": "reset_before", "times": 0},
    }.items():
        app = await town.borrower(8100 + len(cases))
        await app.register()
        await app.log_in()
        cases[name] = (app, await lend(app, fault))

    async def back_after_twenty_seconds() -> Books:
        app, application = cases["down"]
        await cases["failure"]  # down for those who look, too
        await asyncio.sleep(20)
        books = await assert_nothing_paid(settings, town, app, application)
        await mend(town, application)
        return books

    cases["failure"] = asyncio.create_task(failure_of(settings, cases["down"][1]))
    cases["back"] = asyncio.create_task(back_after_twenty_seconds())
    return cases


async def failure_of(settings: Settings, application: str) -> str:
    """What staff see of the pending activity of a disbursement, once an attempt of it has failed."""
    client = await temporal(settings)
    handle = client.get_workflow_handle(f"disbursement/{application}")

    async def failure() -> str | None:
        try:
            described = await handle.describe()
        except RPCError:  # the disbursement has not begun yet
            return None
        for pending in described.raw_description.pending_activities:
            if pending.HasField("last_failure"):
                error = await client.data_converter.decode_failure(pending.last_failure)
                return f"{getattr(error, 'type', '')}: {error}"
        return None

    return str(await soon(failure, "a failed attempt"))


async def mend(town: Town, application: str) -> None:
    """Take back the faults of one order."""
    for planted in (await town.world.get("/_control/faults")).json():
        if planted["match"]["key"] == application:
            (await town.world.delete(f"/_control/faults/{planted['id']}")).raise_for_status()


FAULTS: dict[str, list[dict[str, Any]]] = {
    "the connection breaks after the bank accepted": [{"operation": "pay", "fault": "reset_after"}],
    "500 and then success": [{"operation": "pay", "fault": "http", "params": {"status": 500}}],
    "500 although the bank accepted": [{"operation": "pay", "fault": "http", "params": {"status": 500, "after": True}}],
    "an answer that is cut": [{"operation": "pay", "fault": "truncated"}],
    "a callback that comes three times": [{"operation": "callback", "fault": "duplicate", "params": {"n": 2}}],
    "a callback that is lost": [{"operation": "callback", "fault": "lost"}],
    "a callback before the answer": [{"operation": "pay", "fault": "before_answer"}],
    "an old callback after the new one": [{"operation": "callback", "fault": "out_of_order", "params": {"ms": 200}}],
    "a forged callback before the true one": [{"operation": "callback", "fault": "bad_signature"}],
}


async def test_what_staff_see_while_the_bank_cannot_be_understood(slow):
    """The failure of the pending activity names the party and what is wrong, and no personal data."""
    app, _ = slow["down"]
    text = await slow["failure"]
    assert "Unavailable" in text
    assert "bank-unavailable" in text
    assert app.persona.iin not in text
    assert app.persona.iban not in text


@pytest.mark.parametrize("name", FAULTS)
async def test_the_money_leaves_once_whatever_the_bank_does(slow, regular, town, settings, lend: Lend, name):
    before = await balance(town, regular)
    application = await lend(regular, *FAULTS[name])
    await regular.issued(application)
    await assert_paid_once(settings, town, regular, application, AMOUNT, before)


async def test_a_forged_callback_is_refused_and_changes_nothing(regular, town: Town, settings: Settings, lend: Lend):
    before = await balance(town, regular)
    application = await lend(regular, {"operation": "callback", "fault": "lost"})
    body = json.dumps(
        {
            "event_id": uuid4().hex,
            "type": "payout.updated",
            "at": datetime.now(UTC).isoformat(),
            "data": {"payout_id": "p", "order_id": application, "status": "REJECTED"},
        }
    ).encode()
    secret = settings.parties.bank.callback_secret
    assert secret is not None
    true = callbacks.sign(secret.get_secret_value().encode(), body, datetime.now(UTC))
    for signature in (None, callbacks.sign(b"guessed", body, datetime.now(UTC)), true.replace("t=1", "t=2")):
        headers = {callbacks.HEADER: signature} if signature else {}
        answer = await town.api.post("/api/v1/callbacks/bank", content=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "callback-signature")
    # truly signed, yet a lie: it only makes us look into the bank's own books
    answer = await town.api.post("/api/v1/callbacks/bank", content=body, headers={callbacks.HEADER: true})
    assert answer.status_code == 204
    await regular.issued(application)
    await assert_paid_once(settings, town, regular, application, AMOUNT, before)


@pytest.mark.parametrize(
    ("fault", "field"),
    [("other_amount", {"amount": "200000.00"}), ("other_iban", {"iban": "KZ86125KZT5004100100"})],
)
async def test_another_sum_or_account_in_the_banks_books_stops_before_booking_and_staff_are_told(
    regular, town: Town, settings: Settings, lend: Lend, officer: Colleague, second: Colleague, fault, field
):
    before = await balance(town, regular)
    application = await lend(
        regular,
        {"operation": "pay", "fault": fault, "params": field, "times": 0},
        {"operation": "payout", "fault": fault, "params": field, "times": 0},
    )
    workflow = f"disbursement/{application}"
    review = await officer.review_of(workflow)
    assert (review["kind"], review["ground"], review["second_person"]) == ("MONEY", "bank-mismatch", True)
    assert review["ground_title"] == "The bank's answer differs from the order"
    case = (await temporal(settings)).get_workflow_handle(workflow)

    async def needs_a_person() -> dict[str, Any] | None:  # the case shows it after the review is in the queue
        shown = {pair.key.name: pair.value for pair in (await case.describe()).typed_search_attributes}
        return shown if shown["NeedsPerson"] else None

    assert (await soon(needs_a_person, "the case on the list of those for people"))["Stage"] == "unknown"

    books = await books_of(settings, town, regular, application)
    assert (books.stage, books.payment.state, books.postings, books.loans) == ("DISBURSING", "unknown", 0, 0)
    assert len(books.paid) == 1  # the bank did accept: both records are kept, neither is booked
    (told,) = [one for one in await trail(settings, f"application:{application}") if one["action"] == "payout-differs"]
    assert told["detail"]["payout"] == books.paid[0]["payout_id"]

    for one in (officer, second):  # two people who would call it unpaid are not believed against the bank
        await one.claim(review["review_id"])
        await one.decide(review["review_id"], "refuse")
    assert (await officer.review_of(workflow))["review_id"] != review["review_id"]  # it stays a case for people
    assert (await books_of(settings, town, regular, application)).payment.state == "unknown"

    await mend(town, application)  # the bank corrects its books
    await regular.issued(application)
    await assert_paid_once(settings, town, regular, application, AMOUNT, before)


@asynccontextmanager
async def at_work(stack: Stack, settings: Settings, login: str, role: str) -> AsyncIterator[Colleague]:
    """Somebody who reads the queue of reviews, in English."""
    one = await Colleague.hired(stack, settings, login, role)
    one.http.headers["Accept-Language"] = "en"
    assert (await one.log_in()).status_code == 201
    yield one
    await one.http.aclose()


@pytest.fixture(scope="module")
async def officer(stack: Stack, settings: Settings):
    """One person."""
    async with at_work(stack, settings, "bank-officer", "officer") as one:
        yield one


@pytest.fixture(scope="module")
async def second(stack: Stack, settings: Settings):
    """Another person."""
    async with at_work(stack, settings, "bank-compliance", "compliance") as one:
        yield one


@pytest.mark.parametrize(
    ("fault", "ground", "action"),
    [
        ({"operation": "pay", "fault": "rejected", "params": {"code": "CLOSED"}}, "payout-refused", "payout-refused"),
        ({"operation": "pay", "fault": "refused", "params": {"reason": "LIMIT"}}, "payout-refused", "payout-refused"),
        (
            {"operation": "verify_owner", "fault": "owner", "params": {"result": "UNKNOWN"}},
            "account-owner-unknown",
            "account-refused",
        ),
    ],
)
async def test_a_refused_payout_or_an_unproved_owner_ends_the_case_with_its_ground_and_no_money(
    regular: BorrowerApp, town: Town, settings: Settings, lend: Lend, fault, ground, action
):
    before = await balance(town, regular)
    application = await lend(regular, fault)
    with pytest.raises(Stopped) as stopped:
        await regular.issued(application)
    assert (stopped.value.answer["step"], stopped.value.ground) == ("REFUSED", ground)
    books = await assert_nothing_paid(settings, town, regular, application)
    assert books.received == before
    assert books.payment is None or books.payment.state == "refused"
    (told,) = [one for one in await trail(settings, f"application:{application}") if one["action"] == action]
    assert told["reason"]
    state = await regular.call("GET", f"/applications/{application}")
    assert state["grounds"][0]["title"] != state["grounds"][0]["code"]


async def test_a_bank_that_accepted_and_never_answered_is_asked_not_paid_again(slow, town, settings):
    app, application = slow["timed out"]
    await app.log_in()  # idle since the module began
    await app.issued(application)
    await assert_paid_once(settings, town, app, application, AMOUNT)
    assert len(await calls(town, "pay", application)) == 1


async def test_a_bank_that_was_down_for_twenty_seconds_pays_when_it_is_back(slow, town: Town, settings: Settings):
    app, application = slow["down"]
    books = await slow["back"]
    assert (books.stage, books.paid) == ("DISBURSING", [])
    await app.log_in()  # idle since the module began
    await app.issued(application)
    await assert_paid_once(settings, town, app, application, AMOUNT)
    assert (await town.world.get("/_control/faults")).json() == []
