"""Whatever happens to a loan, in whatever order it is learned: ledger and facts agree, and closed days stay closed."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import AsyncIterator
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from loan_world import A_DAY, LoanWorld, a_loan, noon, paid

from activities import loan_book
from activities.loans import open_loan
from rules.calendar import OffDays
from rules.day_count import DayCount
from rules.errors import BusinessError, Conflict, InvalidInput, NotFound
from rules.loan import position
from rules.loan_books import balances
from rules.loan_events import (
    Corrected,
    DueMoved,
    LoanEvent,
    PenaltyRule,
    Refunded,
    Restructured,
    Resumed,
    Suspended,
    Use,
    WrittenOff,
)
from rules.money import Money
from rules.schedule import LoanTerms, Method, instalments
from storage import audit, ledger
from storage.database import Database

TERMS = a_loan()
ROWS = instalments(TERMS)


@pytest.fixture(scope="module")
async def world(database_url: str) -> AsyncIterator[LoanWorld]:
    database = Database(database_url, pool_size=20)
    yield LoanWorld(database)
    await database.close()


async def tell(world: LoanWorld, loan_id: UUID, event: LoanEvent, day: date) -> None:
    """Record a fact on a day."""
    async with world.on(day) as moment:
        await loan_book.record(moment, loan_id, event, actor="system:test", paragraph="7")


async def assert_books_agree(world: LoanWorld, loan_id: UUID, terms: LoanTerms, day: date) -> None:
    """After a step on a day the ledger is the fold of that day."""
    booked = await world.ledger_of(loan_id)
    assert booked == balances(await world.facts(loan_id), terms, day)
    assert Money.total(booked.values()) == Money(0)


async def test_an_issued_loan_stands_in_the_books_once(world: LoanWorld) -> None:
    application = await world.application(TERMS)

    async def answer() -> UUID:
        async with world.on(TERMS.disbursed) as moment:
            return (await open_loan(moment, application, TERMS.disbursed)).id

    opened = set(await asyncio.gather(*(answer() for _ in range(10))))
    assert len(opened) == 1
    loan_id = opened.pop()
    assert await world.ledger_of(loan_id) == {"loans:principal": Money(150_000), "cash:bank": Money(-150_000)}
    assert await world.postings(loan_id) == [f"disburse:{application.id}"]
    assert [event.kind for event in await world.facts(loan_id)] == ["disbursed"]
    assert await world.status(loan_id) == "ACTIVE"


async def test_money_that_left_by_another_way_is_booked_there(world: LoanWorld) -> None:
    application = await world.application(TERMS)
    async with world.on(TERMS.disbursed) as moment:
        loan = await open_loan(moment, application, TERMS.disbursed, through="cash-desk")
    assert (await world.ledger_of(loan.id))["cash:cash-desk"] == Money(-150_000)


async def test_of_twenty_tellings_of_one_payment_one_is_booked(world: LoanWorld) -> None:
    loan_id = await world.issued(TERMS)
    day = ROWS[0].due
    payment = paid(day, ROWS[0].payment)
    await asyncio.gather(*(tell(world, loan_id, payment, day) for _ in range(20)))
    assert (await world.postings(loan_id)).count(payment.key) == 1
    assert [event.key for event in await world.facts(loan_id)].count(payment.key) == 1
    await assert_books_agree(world, loan_id, TERMS, day)
    async with world.database.begin() as session:
        entries = await audit.of_subject(session, f"loan:{loan_id}")
    assert [entry["action"] for entry in entries] == ["loan-disbursed", "loan-paid"]


async def test_two_payments_at_the_same_moment_both_count(world: LoanWorld) -> None:
    loan_id = await world.issued(TERMS)
    day = ROWS[0].due
    payments = [paid(day, Money(Decimal(100 + n))) for n in range(12)]
    await asyncio.gather(*(tell(world, loan_id, one, day) for one in payments))
    assert (await world.ledger_of(loan_id))["cash:bank"] == Money(-150_000) + Money(12 * 100 + 66)
    await assert_books_agree(world, loan_id, TERMS, day)


async def test_a_key_does_not_stand_for_two_facts(world: LoanWorld) -> None:
    first, second = await world.issued(TERMS), await world.issued(TERMS)
    day = ROWS[0].due
    payment = paid(day, "100.00")
    await tell(world, first, payment, day)
    await tell(world, first, payment.model_copy(update={"known_at": noon(day + A_DAY)}), day + A_DAY)
    before = await world.ledger_of(first), await world.ledger_of(second)
    for other in (payment.model_copy(update={"amount": Money("100.01")}), Suspended(**payment.model_dump(
        include={"key", "value_date", "known_at"}))):  # fmt: skip
        with pytest.raises(Conflict, match="loan-event-key-reused"):
            await tell(world, first, other, day + A_DAY)
    with pytest.raises(Conflict, match="loan-event-key-reused"):
        await tell(world, second, payment, day)
    assert (await world.ledger_of(first), await world.ledger_of(second)) == before


async def test_a_loan_that_does_not_exist_takes_no_facts(world: LoanWorld) -> None:
    with pytest.raises(NotFound, match="loan-unknown"):
        await tell(world, uuid4(), paid(ROWS[0].due, "1.00"), ROWS[0].due)
    async with world.on(ROWS[0].due) as moment:
        with pytest.raises(NotFound, match="loan-unknown"):
            await loan_book.catch_up(moment, uuid4())


async def test_what_falls_due_is_booked_on_its_own_day_whenever_somebody_looks(world: LoanWorld) -> None:
    loan_id = await world.issued(TERMS)
    async with world.on(ROWS[2].due + 5 * A_DAY) as moment:
        await loan_book.catch_up(moment, loan_id)
    postings = await world.postings(loan_id)
    assert postings[1:] == [
        *(f"due:{loan_id}:{row.due}" for row in ROWS[:3]),
        f"due:{loan_id}:{ROWS[2].due + 5 * A_DAY}",  # penalty of the nights since
    ]
    by_day = await world.by_day(loan_id)
    assert by_day[ROWS[0].due, "loans:interest"] == ROWS[0].interest
    await assert_books_agree(world, loan_id, TERMS, ROWS[2].due + 5 * A_DAY)
    assert await world.status(loan_id) == "OVERDUE"
    await asyncio.gather(*(_catch_up(world, loan_id, ROWS[2].due + 5 * A_DAY) for _ in range(5)))
    assert await world.postings(loan_id) == postings


async def _catch_up(world: LoanWorld, loan_id: UUID, day: date) -> None:
    async with world.on(day) as moment:
        await loan_book.catch_up(moment, loan_id)


async def test_a_fact_that_comes_late_never_changes_a_closed_day(world: LoanWorld) -> None:
    loan_id = await world.issued(TERMS)
    await _catch_up(world, loan_id, ROWS[1].due + 10 * A_DAY)
    closed = ROWS[1].due + 10 * A_DAY
    before = {place: amount for place, amount in (await world.by_day(loan_id)).items() if place[0] < closed}
    late = paid(ROWS[0].due, ROWS[0].payment, known=closed + A_DAY)
    await tell(world, loan_id, late, closed + A_DAY)
    after = await world.by_day(loan_id)
    assert {place: amount for place, amount in after.items() if place[0] < closed} == before
    assert after[closed, "cash:bank"] == ROWS[0].payment
    await assert_books_agree(world, loan_id, TERMS, closed + A_DAY)
    facts = await world.facts(loan_id)
    assert position(facts, TERMS, closed, known_on=closed).overdue_days > position(facts, TERMS, closed).overdue_days


async def test_the_debt_as_it_was_seen_on_a_day_is_told_from_the_stored_facts(world: LoanWorld) -> None:
    loan_id = await world.issued(TERMS)
    day = ROWS[0].due + 3 * A_DAY
    await tell(world, loan_id, paid(ROWS[0].due, ROWS[0].payment, known=day), day)
    async with world.database.begin() as session:
        seen = await loan_book.position_of(session, loan_id, ROWS[0].due, known_on=ROWS[0].due)
        now = await loan_book.position_of(session, loan_id, ROWS[0].due)
        with pytest.raises(Conflict, match="no money"):
            await loan_book.position_of(session, loan_id, TERMS.disbursed - A_DAY)
    assert (seen.interest_due, now.interest_due) == (ROWS[0].interest, Money(0))


async def test_a_loan_ends_when_all_is_paid_and_lives_again_when_that_was_wrong(world: LoanWorld) -> None:
    loan_id = await world.issued(TERMS)
    day = TERMS.disbursed + 10 * A_DAY
    payment = paid(day, "151553.42")  # principal and ten nights of 37.8 %
    await tell(world, loan_id, payment, day)
    assert await world.status(loan_id) == "CLOSED"
    await assert_books_agree(world, loan_id, TERMS, day)
    assert set(await world.ledger_of(loan_id)) == {"cash:bank", "income:interest"}
    wrong = Corrected(
        key=f"corrected:{payment.key}", wrong=payment.key, reason="another client's money", value_date=day,
        known_at=noon(day + A_DAY),
    )  # fmt: skip
    await tell(world, loan_id, wrong, day + A_DAY)
    assert await world.status(loan_id) == "ACTIVE"
    assert await world.ledger_of(loan_id) == {"loans:principal": Money(150_000), "cash:bank": Money(-150_000)}


async def test_a_correction_counts_from_the_day_of_what_it_corrects(world: LoanWorld) -> None:
    loan_id, day = await world.issued(TERMS), TERMS.disbursed + 10 * A_DAY
    payment = paid(day, "100.00")
    await tell(world, loan_id, payment, day)
    wrong = Corrected(key=f"c:{payment.key}", wrong=payment.key, reason="typing", value_date=day + A_DAY,
                      known_at=noon(day + A_DAY))  # fmt: skip
    with pytest.raises(InvalidInput, match="correction-too-late"):
        await tell(world, loan_id, wrong, day + A_DAY)
    instead = paid(day - A_DAY, "90.00")
    with pytest.raises(InvalidInput, match="correction-too-late"):
        await tell(world, loan_id, wrong.model_copy(update={"value_date": day, "instead": instead}), day + A_DAY)
    right = wrong.model_copy(update={"value_date": day - A_DAY, "instead": instead})
    await tell(world, loan_id, right, day + A_DAY)
    assert (await world.ledger_of(loan_id))["cash:bank"] == Money(90 - 150_000)
    await assert_books_agree(world, loan_id, TERMS, day + A_DAY)


async def test_money_above_the_debt_is_owed_to_the_client_until_it_is_given_back(world: LoanWorld) -> None:
    loan_id = await world.issued(TERMS)
    day = TERMS.disbursed + 10 * A_DAY
    await tell(world, loan_id, paid(day, "151600.00"), day)
    assert (await world.ledger_of(loan_id))["clients:advances"] == Money("-46.58")
    back = Refunded(
        key=f"refund:{loan_id}:1", amount=Money("46.58"), value_date=day + A_DAY, known_at=noon(day + A_DAY)
    )
    await tell(world, loan_id, back, day + A_DAY)
    assert "clients:advances" not in await world.ledger_of(loan_id)
    with pytest.raises(BusinessError):
        await tell(world, loan_id, back.model_copy(update={"key": f"refund:{loan_id}:2"}), day + A_DAY)
    await assert_books_agree(world, loan_id, TERMS, day + A_DAY)


async def test_a_write_off_costs_what_was_owed_and_what_is_given_back(world: LoanWorld) -> None:
    loan_id = await world.issued(TERMS)
    await tell(world, loan_id, paid(ROWS[0].due, ROWS[0].payment), ROWS[0].due)
    day = ROWS[1].due + 7 * A_DAY
    gone = WrittenOff(
        key=f"written-off:{loan_id}", ground="court_verdict", return_paid=True, value_date=day, known_at=noon(day)
    )
    await tell(world, loan_id, gone, day)
    assert await world.status(loan_id) == "WRITTEN_OFF"
    books = await world.ledger_of(loan_id)
    assert books["clients:advances"] == -ROWS[0].payment
    assert not {"loans:principal", "loans:interest", "loans:penalty"} & set(books)
    await assert_books_agree(world, loan_id, TERMS, day)


# -- any history at all

KINDS_OF_LOANS = (
    TERMS,
    a_loan(method=Method.DIFFERENTIATED, day_count=DayCount.THIRTY_360, off_days=OffDays.NEXT_WORKING_DAY),
    a_loan(
        method=Method.BULLET, disbursed=date(2026, 3, 7), first_due=date(2026, 5, 9), off_days=OffDays.NEXT_WORKING_DAY
    ),
    a_loan(method=Method.OWN, grace_periods=2, day_count=DayCount.ACT_ACT),
    a_loan(method=Method.OWN, interest_only_months=2, principal=Money("0.99")),
)


def _some_fact(chance: random.Random, terms: LoanTerms, facts: list[LoanEvent], day: date) -> LoanEvent:
    """Something that may happen on a day, likely or not, sensible or not."""
    common = {"key": secrets.token_hex(8), "value_date": day, "known_at": noon(day)}
    back = {**common, "value_date": max(terms.disbursed, day - timedelta(days=chance.choice((0, 0, 0, 1, 3, 30))))}
    kind = chance.choice(("paid",) * 8 + ("due_moved", "penalty_rule", "suspended", "resumed", "restructured",
                                           "corrected", "refunded", "written_off"))  # fmt: skip
    amount = Money(Decimal(chance.choice((1, 250, 28_061_37, 5_000_00, chance.randint(1, 4_000_000)))) / 100)
    others = [one for one in facts if one.kind not in ("disbursed", "corrected")]
    if kind == "corrected" and others:
        wrong = chance.choice(others)
        instead = None
        if wrong.kind == "paid" and chance.random() < 0.5:
            instead = paid(wrong.value_date, amount)
        return Corrected(
            **{**common, "value_date": wrong.value_date}, wrong=wrong.key, instead=instead, reason="typing"
        )
    made: dict[str, LoanEvent] = {
        "due_moved": DueMoved(
            **common, due=chance.choice(instalments(terms)).due, to=day + timedelta(days=chance.randint(1, 40))
        ),
        "penalty_rule": PenaltyRule(
            **back, daily_percent=Decimal("0.1"), first_days=10, later_daily_percent=Decimal(0),
            year_cap_percent=Decimal(chance.choice((1, 10))),
        ),
        "suspended": Suspended(**back),
        "resumed": Resumed(**back, charge_later=chance.random() < 0.5),
        "restructured": Restructured(
            **common, rate_percent_per_year=Decimal(20), periods=chance.randint(2, 5),
            first_due=day + timedelta(days=chance.randint(5, 40)), forgive_penalty=chance.random() < 0.5,
        ),
        "refunded": Refunded(**common, amount=max(position(facts, terms, day).overpaid, Money("0.01"))),
        "written_off": WrittenOff(**common, ground="ombudsman", return_paid=chance.random() < 0.5),
    }  # fmt: skip
    through = chance.choice(("bank", "bank", "terminal", "cash-desk"))
    return made.get(kind) or paid(
        back["value_date"], amount, common["key"], known=day, through=through, use=chance.choice(list(Use))
    )


@pytest.mark.parametrize("seed", range(50))
async def test_any_history_keeps_ledger_and_facts_together_and_closed_days_closed(world: LoanWorld, seed: int) -> None:
    chance, terms = random.Random(seed), KINDS_OF_LOANS[seed % len(KINDS_OF_LOANS)]
    loan_id, day, taken = await world.issued(terms), terms.disbursed, 0
    for _ in range(chance.randint(4, 14)):
        day += timedelta(days=chance.choice((0, 0, 1, 5, 17, 31, 70)))
        before, facts = await world.by_day(loan_id), await world.facts(loan_id)
        last = max(place[0] for place in before)
        if chance.random() < 0.2:
            await _catch_up(world, loan_id, day)
        else:
            event = _some_fact(chance, terms, facts, day)
            try:
                await tell(world, loan_id, event, day)
            except BusinessError:
                assert (await world.by_day(loan_id), await world.facts(loan_id)) == (before, facts)
                continue
            taken += 1
            await tell(world, loan_id, event, day)
            assert len(await world.facts(loan_id)) == len(facts) + 1
        await assert_books_agree(world, loan_id, terms, day)
        after = await world.by_day(loan_id)
        closed = {place: amount for place, amount in after.items() if place[0] < last}
        assert closed == {place: amount for place, amount in before.items() if place[0] < last}
    assert taken > 0
    async with world.database.begin() as session:
        debits, credits = await ledger.totals(session)
    assert debits == credits


@pytest.mark.parametrize("seed", range(6))
async def test_the_order_in_which_payments_are_learned_makes_no_difference_in_the_end(
    world: LoanWorld, seed: int
) -> None:
    chance, end = random.Random(seed), ROWS[-1].due + 20 * A_DAY
    payments = [
        paid(
            TERMS.disbursed + timedelta(days=chance.randint(1, 190)), Money(Decimal(chance.randint(1, 3_000_000)) / 100)
        )
        for _ in range(6)
    ]
    books = []
    for order in (sorted(payments, key=lambda one: one.value_date), payments, payments[::-1]):
        loan_id = await world.issued(TERMS)
        learned = TERMS.disbursed
        for payment in order:
            learned = max(learned, payment.value_date)
            renamed = payment.model_copy(update={"key": f"{payment.key}:{loan_id}", "known_at": noon(learned)})
            await tell(world, loan_id, renamed, learned)
        await _catch_up(world, loan_id, end)
        books.append(await world.ledger_of(loan_id))
    assert books[0] == books[1] == books[2]
