"""The personal account's figures are the ones of the fold, the contract and the books: the same functions.

Rules: para 7, part 5.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from activities import loan_book
from activities.context import Records
from activities.loans import open_loan
from rules import loan as fold
from rules.calendar import add_months
from rules.loan_events import Corrected, Suspended, Use
from rules.money import Money
from rules.schedule import LoanTerms, build
from tests.support.api_world import Borrower, assert_problem
from tests.support.loan_world import LoanWorld, a_loan, noon, paid


@pytest.fixture
async def today(records: Records) -> date:
    async with records.moment() as moment:
        return moment.day


@pytest.fixture
def terms(today: date) -> LoanTerms:
    """A loan of which three instalments and a bit have passed."""
    disbursed = add_months(today, -3) - timedelta(days=12)
    return a_loan(disbursed=disbursed, first_due=add_months(disbursed, 1))


@pytest.fixture
def world(records: Records) -> LoanWorld:
    return LoanWorld(records.database)


@pytest.fixture
async def loan_id(world: LoanWorld, borrower: Borrower, terms: LoanTerms) -> UUID:
    applied = await world.applied(terms.principal, terms.periods, terms.disbursed, borrower.client_id)
    await world.contracted(applied, terms)
    async with world.on(terms.disbursed) as moment:
        return (await open_loan(moment, applied, terms.disbursed)).id


async def _tell(world: LoanWorld, loan_id: UUID, event: fold.LoanEvent) -> None:
    async with world.on(event.value_date) as moment:
        await loan_book.record(moment, loan_id, event, actor="system:test", paragraph="7")


async def _json(borrower: Borrower, path: str, **query: Any) -> Any:
    answer = await borrower.call("GET", path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_late_loans_debt_is_told_in_all_its_parts(
    world: LoanWorld, borrower: Borrower, loan_id: UUID, terms: LoanTerms, today: date
) -> None:
    rows = build(terms).rows
    await _tell(world, loan_id, paid(rows[0].due, rows[0].payment))
    facts = await world.facts(loan_id)
    for on in (None, rows[0].due, rows[1].due, today + timedelta(days=60)):
        told = await _json(borrower, f"/loans/{loan_id}/debt", **({} if on is None else {"on": on.isoformat()}))
        expected = fold.position(facts, terms, on or today).model_dump(mode="json")
        assert told.pop("loan_id") == str(loan_id)
        assert told == {name: expected[name] for name in told}
    late = await _json(borrower, f"/loans/{loan_id}/debt")
    assert late["overdue_days"] > 0
    assert Money(late["penalty"]) > Money(0)
    assert Money(late["overdue_principal"]) + Money(late["overdue_interest"]) == Money(late["overdue_amount"])
    parts = ("principal", "interest_due", "interest_accrued", "penalty")
    assert Money.total(Money(late[part]) for part in parts) - Money(late["advance"]) == Money(late["total_to_close"])
    # nobody has looked at the loan since, yet it is shown as what it is
    assert await world.status(loan_id) == "ACTIVE"
    assert (await _json(borrower, f"/loans/{loan_id}"))["status"] == "OVERDUE"
    assert_problem(
        await borrower.call("GET", f"/loans/{loan_id}/debt", params={"on": "2020-01-01"}), 409, "loan-not-disbursed"
    )


async def test_a_suspended_loan_says_so_and_what_it_would_have_cost(
    world: LoanWorld, borrower: Borrower, loan_id: UUID, terms: LoanTerms
) -> None:
    day = terms.disbursed + timedelta(days=20)
    await _tell(world, loan_id, Suspended(key=f"s:{loan_id}", value_date=day, known_at=noon(day)))
    told = await _json(borrower, f"/loans/{loan_id}/debt")
    assert told["suspended"] is True
    assert Money(told["interest_suspended"]) > Money(0)
    assert (await _json(borrower, f"/loans/{loan_id}"))["status"] == "SUSPENDED"


async def test_the_schedule_is_the_contracts_and_what_is_to_come_is_what_is_left_of_it(
    world: LoanWorld, borrower: Borrower, loan_id: UUID, terms: LoanTerms, today: date
) -> None:
    rows = [row.model_dump(mode="json") for row in build(terms).rows]
    for row in build(terms).rows[:3]:
        await _tell(world, loan_id, paid(row.due, row.payment))
    assert (await _json(borrower, f"/loans/{loan_id}/schedule"))["rows"] == rows
    assert await _json(borrower, f"/loans/{loan_id}/upcoming") == rows[3:]
    part = paid(today, "50000.00", use=Use.SMALLER_INSTALMENT)
    await _tell(world, loan_id, part)
    after = await _json(borrower, f"/loans/{loan_id}/upcoming")
    assert [row["due"] for row in after] == [row["due"] for row in rows[3:]]
    assert Money(after[-1]["payment"]) < Money(rows[-1]["payment"])
    assert (await _json(borrower, f"/loans/{loan_id}/schedule"))["rows"] == rows


async def test_every_tiyn_of_every_payment_is_accounted_for(
    world: LoanWorld, borrower: Borrower, loan_id: UUID, terms: LoanTerms, today: date
) -> None:
    rows = build(terms).rows
    payments = [
        paid(rows[0].due + timedelta(days=5), rows[0].payment),
        paid(rows[1].due, "123.45"),
        paid(today, "1000000.00"),
    ]
    for payment in payments:
        await _tell(world, loan_id, payment)
    told = await _json(borrower, f"/loans/{loan_id}/payments")
    assert [(one["on"], one["amount"]) for one in told] == [
        (payment.value_date.isoformat(), str(payment.amount)) for payment in payments
    ]
    for one in told:
        parts = ("principal", "interest", "penalty", "waiting", "overpaid")
        assert Money.total(Money(one[part]) for part in parts) == Money(one["amount"])
    books = await world.ledger_of(loan_id)
    assert Money.total(Money(one["principal"]) for one in told) == terms.principal
    assert Money.total(Money(one["interest"]) for one in told) == -books["income:interest"]
    assert Money.total(Money(one["penalty"]) for one in told) == -books["income:penalty"]
    assert Money.total(Money(one["overpaid"]) for one in told) == -books["clients:advances"]
    assert (await _json(borrower, f"/loans/{loan_id}"))["status"] == "CLOSED"


async def test_a_corrected_payment_is_shown_as_it_was_corrected(
    world: LoanWorld, borrower: Borrower, loan_id: UUID, terms: LoanTerms
) -> None:
    day = terms.disbursed + timedelta(days=3)
    typed = paid(day, "1000.00")
    await _tell(world, loan_id, typed)
    meant = paid(day, "100.00")
    correction = Corrected(
        key=f"c:{loan_id}", value_date=day, known_at=noon(day), wrong=typed.key, instead=meant, reason="a zero too many"
    )
    await _tell(world, loan_id, correction)
    assert [one["amount"] for one in await _json(borrower, f"/loans/{loan_id}/payments")] == ["100.00"]


@pytest.mark.parametrize("path", ["", "/debt", "/schedule", "/upcoming", "/payments", "/ways-to-repay"])
async def test_another_borrowers_loan_looks_absent(new_borrower: Any, loan_id: UUID, path: str) -> None:
    other: Borrower = await new_borrower()
    assert_problem(await other.call("GET", f"/loans/{loan_id}{path}"), 404, "not-found")
