"""Money that comes in, on the whole stack: by bank, terminal and cash desk, known and unknown, told of and not.

Real: the whole stack. Simulated: the bank, the terminal network and the borrower. What is looked at: the borrower's
personal account, the bank's own books, and our ledger.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlmodel import col, select

from cli import leaks
from cli.reconcile import reconcile
from infra.borrower.app import BorrowerApp
from infra.borrower.town import Town
from infra.settings import Settings
from infra.stack import Stack
from rules.calendar import local_date
from rules.money import Money
from storage import ledger
from storage.tables import IncomingPayment, OutboxAction, StatementLine
from tests.support.outside_world import persona
from tests.support.real_world import Colleague, down, nesie, offered, our_records, soon, temporal
from workflows.incoming import id_of

_STRANGERS = itertools.count(1000)


@pytest.fixture
def today() -> date:
    return local_date(datetime.now(UTC))


@asynccontextmanager
async def at_work(stack: Stack, settings: Settings, role: str) -> AsyncIterator[Colleague]:
    one = await Colleague.hired(stack, settings, f"money-{role}-{secrets.token_hex(3)}", role)
    assert (await one.log_in()).status_code == 201
    yield one
    await one.http.aclose()


@pytest.fixture(scope="module")
async def officer(stack: Stack, settings: Settings):
    """One person."""
    async with at_work(stack, settings, "officer") as one:
        yield one


@pytest.fixture(scope="module")
async def second(stack: Stack, settings: Settings):
    """Another person."""
    async with at_work(stack, settings, "compliance") as one:
        yield one


class Borrowed:
    """A borrower with one issued loan, and what their personal account shows of it."""

    def __init__(self, app: BorrowerApp, loan: dict[str, Any]) -> None:
        self.app, self.loan_id, self.number = app, str(loan["loan_id"]), str(loan["number"])

    @classmethod
    async def of(cls, app: BorrowerApp) -> Borrowed:
        application = await offered(app)
        await app.sign_contract(application)
        issued = await app.issued(application)
        loans = await app.call("GET", "/loans")
        return cls(app, next(one for one in loans if one["loan_id"] == issued["loan_id"]))

    async def debt(self) -> dict[str, Any]:
        return dict(await self.app.call("GET", f"/loans/{self.loan_id}/debt"))

    async def payments(self) -> list[str]:
        """Amounts received, sorted."""
        return sorted(one["amount"] for one in await self.app.call("GET", f"/loans/{self.loan_id}/payments"))

    async def shows(self, *amounts: str) -> None:
        """Wait until the personal account shows exactly these payments."""

        async def look() -> bool:
            return await self.payments() == sorted(amounts)

        await soon(look, f"payments {amounts}")


@pytest.fixture(scope="module")
async def borrowed(regular: BorrowerApp) -> Borrowed:
    """One loan for a whole module."""
    return await Borrowed.of(regular)


async def transfer(town: Town, iban: str, amount: str, purpose: str, **more: str) -> str:
    """Somebody sends money to the lender's account; the bank's reference."""
    body = {"iban": iban, "amount": amount, "purpose": purpose} | more
    answer = await town.world.post("/_control/bank/incoming", json=body)
    answer.raise_for_status()
    return str(answer.json()["bank_ref"])


async def row(settings: Settings, key: str) -> IncomingPayment | None:
    async with our_records(settings) as kept, kept.database.begin() as session:
        query = select(IncomingPayment).where(col(IncomingPayment.key) == key)
        return (await session.exec(query)).one_or_none()


async def in_state(settings: Settings, key: str, state: str) -> IncomingPayment:
    async def look() -> IncomingPayment | None:
        found = await row(settings, key)
        return found if found is not None and found.state == state else None

    found: IncomingPayment = await soon(look, f"a payment that is {state}")
    return found


async def unmatched(settings: Settings) -> Money:
    async with our_records(settings) as kept, kept.database.begin() as session:
        return -await ledger.balance(session, "clients:unmatched")


async def listed(who: Colleague, payment_id: UUID, state: str = "UNMATCHED") -> dict[str, Any] | None:
    answer = await who.http.get("/staff/api/payments", params={"state": state})
    answer.raise_for_status()
    return next((one for one in answer.json() if one["payment_id"] == str(payment_id)), None)


async def say(who: Colleague, path: str, body: Any = None, key: str | None = None) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return await who.http.post(f"/staff/api/payments{path}", json=body, headers=headers)


async def stranger(town: Town) -> str:
    """The account of somebody who is no client of ours."""
    person = persona(next(_STRANGERS))
    (await town.world.post("/_control/personas", json=person)).raise_for_status()
    return str(person["accounts"][0]["iban"])


async def balance(town: Town, iban: str) -> Money:
    return Money((await town.world.get(f"/_control/bank/accounts/{iban}")).json()["balance"])


async def test_a_transfer_with_the_contracts_number_appears_in_the_personal_account(borrowed, town, settings) -> None:
    before = await borrowed.payments()
    number = borrowed.number.lower().replace("-", " ")
    reference = await transfer(town, borrowed.app.persona.iban, "1000.00", f"несие {number} төлемі")
    await borrowed.shows(*before, "1000.00")
    paid = await in_state(settings, f"bank:{reference}", "BOOKED")
    assert (paid.matched_by, str(paid.loan_id), paid.reference) == ("reference", borrowed.loan_id, borrowed.number)
    handle = (await temporal(settings)).get_workflow_handle(id_of(f"bank:{reference}"), result_type=dict)
    assert (await handle.result())["state"] == "BOOKED"


async def test_without_a_number_the_borrowers_own_account_is_known(borrowed, town, settings) -> None:
    before = await borrowed.payments()
    reference = await transfer(town, borrowed.app.persona.iban, "1001.00", "за кредит")
    await borrowed.shows(*before, "1001.00")
    assert (await in_state(settings, f"bank:{reference}", "BOOKED")).matched_by == "account"


async def test_a_callback_that_comes_four_times_books_once(borrowed, town, settings) -> None:
    before, iban = await borrowed.payments(), borrowed.app.persona.iban
    await town.fault(service="bank", operation="callback", fault="duplicate", match={"key": iban}, params={"n": 3})
    await transfer(town, iban, "1002.00", borrowed.number)
    await borrowed.shows(*before, "1002.00")
    await asyncio.sleep(2)
    assert (await borrowed.payments()).count("1002.00") == 1


async def test_money_paid_at_a_terminal_appears_in_the_personal_account(borrowed, town, settings) -> None:
    before, receipt = await borrowed.payments(), secrets.token_hex(6)
    body = {"reference": borrowed.number, "amount": "1003.00", "terminal_id": "T-77", "receipt": receipt}
    for _ in range(2):  # the terminal says it twice
        (await town.world.post("/_control/terminals/payments", json=body)).raise_for_status()
    await borrowed.shows(*before, "1003.00")
    assert (await in_state(settings, f"terminal:T-77:{receipt}", "BOOKED")).channel == "TERMINAL"


async def test_money_paid_at_the_cash_desk_appears_in_the_personal_account(borrowed, officer, today) -> None:
    before, receipt = await borrowed.payments(), f"R-{secrets.token_hex(4)}"
    body = {"receipt": receipt, "contract_number": borrowed.number, "amount": "1004.00"}
    body |= {"value_date": today.isoformat()}
    answer = await say(officer, "", body, key=secrets.token_hex(16))
    assert (answer.status_code, answer.json()["state"]) == (201, "BOOKED"), answer.text
    assert await borrowed.payments() == sorted([*before, "1004.00"])


async def test_unknown_money_is_placed_by_two_people(borrowed, town, settings, officer, second) -> None:
    before, held = await borrowed.payments(), await unmatched(settings)
    reference = await transfer(town, await stranger(town), "1005.00", "за Айгерім")
    kept = await in_state(settings, f"bank:{reference}", "UNMATCHED")
    assert await unmatched(settings) - held == Money("1005.00")
    shown = await listed(officer, kept.id)
    assert shown is not None
    assert (shown["purpose"], shown["amount"]) == ("за Айгерім", "1005.00")
    body = {"to": "loan", "contract_number": borrowed.number, "reason": "payer-called"}
    word = (await say(officer, f"/{kept.id}/assignments", body)).json()
    path = f"/{kept.id}/assignments/{word['assignment_id']}/confirm"
    assert (await say(officer, path)).status_code == 403
    confirmed = await say(second, path)
    assert (confirmed.status_code, confirmed.json()["delivered"]) == (200, True), confirmed.text
    await borrowed.shows(*before, "1005.00")
    assert await unmatched(settings) == held
    assert (await in_state(settings, f"bank:{reference}", "BOOKED")).matched_by == "people"


async def test_unknown_money_is_sent_back_to_its_payer(town, settings, officer, second, today) -> None:
    held, iban = await unmatched(settings), await stranger(town)
    reference = await transfer(town, iban, "1006.00", "ошибочно")
    assert await balance(town, iban) == Money("-1006.00")
    kept = await in_state(settings, f"bank:{reference}", "UNMATCHED")
    word = (await say(second, f"/{kept.id}/assignments", {"to": "payer", "reason": "sent-by-mistake"})).json()
    confirmed = await say(officer, f"/{kept.id}/assignments/{word['assignment_id']}/confirm")
    assert confirmed.json()["delivered"] is True, confirmed.text
    await in_state(settings, f"bank:{reference}", "RETURNED")
    assert await balance(town, iban) == Money("0.00")
    assert await unmatched(settings) == held
    paid = await town.world.get("/_control/bank/payouts", params={"order_id": f"return:{kept.id}"})
    assert [(one["amount"], one["status"]) for one in paid.json()] == [("1006.00", "DONE")]
    found = await reconcile(settings, today)
    assert not {f"return:{kept.id}", kept.key} & {*found.missing, *found.ledger.differs, *found.waiting}
    async with our_records(settings) as books, books.database.begin() as session:
        query = select(StatementLine).where(col(StatementLine.matched_key) == f"return:{kept.id}")
        line = (await session.exec(query)).one()
    assert (line.state, line.side, str(line.amount)) == ("matched", "D", "1006.00")


async def test_money_whose_callback_was_lost_is_found_by_the_reconciliation(borrowed, town, settings, today) -> None:
    before, iban = await borrowed.payments(), borrowed.app.persona.iban
    await town.fault(service="bank", operation="callback", fault="lost", match={"key": iban})
    reference = await transfer(town, iban, "1007.00", borrowed.number)
    await town.fault(service="terminal", operation="callback", fault="lost", match={"key": borrowed.number})
    body = {"reference": borrowed.number, "amount": "1008.00", "terminal_id": "T-77"}
    receipt = (await town.world.post("/_control/terminals/payments", json=body)).json()["receipt"]
    strange = await stranger(town)
    await town.fault(service="bank", operation="callback", fault="lost", match={"key": strange})
    unknown = await transfer(town, strange, "1009.00", "кому-то")
    await asyncio.sleep(1)
    assert await borrowed.payments() == before

    found = await reconcile(settings, today)
    assert found.terminals is not None
    assert {f"bank:{reference}", f"bank:{unknown}"} <= set(found.taken)
    assert f"terminal:T-77:{receipt}" in found.terminals.taken
    assert f"bank:{unknown}" in found.waiting
    named = {*found.missing, *found.ledger.differs, *found.terminals.unexplained, *found.terminals.missing}
    assert not named & {f"bank:{reference}", f"bank:{unknown}", f"terminal:T-77:{receipt}"}
    assert not {reference, unknown} & set(found.unexplained)
    assert found.adds_up
    await borrowed.shows(*before, "1007.00", "1008.00")
    case = (await temporal(settings)).get_workflow_handle(id_of(f"bank:{unknown}"))

    async def waits_for_people() -> bool:
        shown = {pair.key.name: pair.value for pair in (await case.describe()).typed_search_attributes}
        return shown.get("NeedsPerson") is True

    await soon(waits_for_people, "the case of the unknown money")


async def test_the_command_names_what_the_books_say_of_a_day(borrowed, stack, settings, today) -> None:
    done = await asyncio.to_thread(nesie, stack.state, "reconcile", "--date", today.isoformat(), "--json")
    told = json.loads(done.stdout)
    assert {"ok", "day", "lines", "matched", "incoming", "unexplained", "missing", "adds_up", "ledger"} <= set(told)
    assert told["lines"] == told["matched"] + told["incoming"] + len(told["unexplained"])
    assert (done.returncode == 0) is told["ok"]
    async with our_records(settings) as kept, kept.database.begin() as session:
        query = select(IncomingPayment.key).where(col(IncomingPayment.value_date) == today)
        ours = set((await session.exec(query)).all())
    assert ours
    assert not ours & {*told["missing"], *told["ledger"]["differs"]}


async def test_money_in_another_currency_waits_for_two_people_and_is_booked_to_nobody(
    borrowed, town, settings, officer
) -> None:
    before, some_days_ago = await borrowed.payments(), datetime.now(UTC) - timedelta(days=5)
    # on a day of its own: it stays in that day's statement for good
    (await town.world.post("/_control/clock", json={"now": some_days_ago.isoformat()})).raise_for_status()
    try:
        reference = await transfer(town, borrowed.app.persona.iban, "70.00", borrowed.number, currency="USD")
        review = await officer.review_of(id_of(f"bank:{reference}"))
    finally:
        (await town.world.post("/_control/clock", json={"now": None})).raise_for_status()
    assert (review["kind"], review["ground"], review["second_person"]) == ("MONEY", "payment-not-in-tenge", True)
    assert await row(settings, f"bank:{reference}") is None
    assert await borrowed.payments() == before


async def test_news_while_temporal_is_down_is_not_lost(borrowed, town, stack, settings) -> None:
    before = await borrowed.payments()
    with down(stack, "temporal"):
        reference = await transfer(town, borrowed.app.persona.iban, "1010.00", borrowed.number)
        case = id_of(f"bank:{reference}")

        async def kept_in_the_outbox() -> bool:
            async with our_records(settings) as kept, kept.database.begin() as session:
                query = select(OutboxAction.state).where(col(OutboxAction.workflow_id) == case)
                return list((await session.exec(query)).all()) == ["waiting"]

        await soon(kept_in_the_outbox, "the news in the outbox")
        assert await row(settings, f"bank:{reference}") is None
    await in_state(settings, f"bank:{reference}", "BOOKED")
    await borrowed.shows(*before, "1010.00")


async def test_money_for_a_closed_loan_goes_back_to_its_client(client, town, settings) -> None:
    ended = await Borrowed.of(await client())
    iban = ended.app.persona.iban
    owed = str((await ended.debt())["total_to_close"])
    await transfer(town, iban, owed, ended.number)
    await ended.shows(owed)

    case = (await temporal(settings)).get_workflow_handle(f"loan/{ended.loan_id}", result_type=dict)
    assert (await case.result())["reason"] == "repaid"  # its case has ended: money has it taken up again
    before = await balance(town, iban)
    reference = await transfer(town, iban, "500.00", ended.number)
    await in_state(settings, f"bank:{reference}", "BOOKED")

    async def given_back() -> bool:
        return await balance(town, iban) == before and (await ended.debt())["overpaid"] == "0.00"

    await soon(given_back, "the overpayment on the client's account")
    assert await ended.payments() == sorted([owed, "500.00"])
    assert (await ended.app.call("GET", f"/loans/{ended.loan_id}"))["status"] == "CLOSED"


async def test_nothing_of_a_payer_stands_in_the_clear_anywhere(town, stack, settings) -> None:
    iban, purpose = await stranger(town), "за Серікову Айгерім Ерланқызы, дом 7"
    reference = await transfer(town, iban, "1011.00", purpose)
    await in_state(settings, f"bank:{reference}", "UNMATCHED")
    report = await leaks.look(settings, stack.state, [iban, purpose])
    assert report["found"] == []
