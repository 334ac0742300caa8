"""Money that nobody could place stands in the books until it has found its loan or its payer; never twice."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from datetime import date
from uuid import UUID

import pytest
from loan_world import A_DAY, LoanWorld, a_loan, noon

from activities import loan_book
from rules.errors import Conflict
from rules.loan_events import Paid
from rules.money import Money
from rules.schedule import instalments
from storage.database import Database, run
from storage.tables import IncomingPayment

TERMS = a_loan()
ROWS = instalments(TERMS)
AMOUNT = Money("777.07")


@pytest.fixture(scope="module")
async def world(database_url: str) -> AsyncIterator[LoanWorld]:
    database = Database(database_url, pool_size=20)
    yield LoanWorld(database)
    await database.close()


async def _came_in(world: LoanWorld, day: date, channel: str = "BANK") -> IncomingPayment:
    async with world.on(day) as moment:
        payment = IncomingPayment(
            key=f"{channel.lower()}:{secrets.token_hex(8)}", channel=channel, amount=AMOUNT, value_date=day,
            payer=b"s", purpose=b"s", received_at=noon(day),
        )  # fmt: skip
        moment.session.add(payment)
    return payment


async def _hold(world: LoanWorld, payment: IncomingPayment, day: date) -> None:
    async with world.on(day) as moment:
        await loan_book.hold(moment, payment)


async def _by_day(world: LoanWorld, payment: IncomingPayment) -> dict[tuple[date, str], Money]:
    """What the postings about one payment put on each account on each day."""
    async with world.database.begin() as session:
        rows = await run(
            session,
            "select value_date, account, sum(case side when 'D' then amount else -amount end) as amount"
            " from ledger_entry join ledger_posting on ledger_posting.id = posting_id"
            " where key like '%' || :key group by 1, 2",
            key=payment.key,
        )
        return {(row.value_date, row.account): Money(row.amount) for row in rows if row.amount}


@pytest.mark.parametrize(
    ("channel", "account"), [("BANK", "cash:bank"), ("TERMINAL", "cash:terminal"), ("CASH_DESK", "cash:cash-desk")]
)
async def test_money_that_cannot_be_placed_is_held_once_where_it_came_in(
    world: LoanWorld, channel: str, account: str
) -> None:
    day = ROWS[0].due
    payment = await _came_in(world, day, channel)
    await asyncio.gather(*(_hold(world, payment, day) for _ in range(10)))
    assert await _by_day(world, payment) == {(day, account): AMOUNT, (day, "clients:unmatched"): -AMOUNT}


async def _place(world: LoanWorld, payment: IncomingPayment, loan_id: UUID, day: date) -> None:
    """As the one who assigns it does: in one transaction."""
    async with world.on(day) as moment:
        payment.loan_id, payment.state, payment.matched_by = loan_id, "BOOKED", "people"
        moment.session.add(await moment.session.merge(payment))
        await loan_book.release(moment, payment)
        event = Paid(key=payment.key, value_date=payment.value_date, known_at=moment.at, amount=payment.amount)
        await loan_book.record(moment, loan_id, event, actor="staff:test", paragraph="7")


async def test_placed_money_stands_on_the_cash_account_once_on_every_day(world: LoanWorld) -> None:
    loan_id, day = await world.issued(TERMS), ROWS[0].due
    payment = await _came_in(world, day)
    await _hold(world, payment, day)
    await asyncio.gather(*(_place(world, payment, loan_id, day + 3 * A_DAY) for _ in range(5)))
    books = await _by_day(world, payment)
    assert {place for place in books if place[1] in ("cash:bank", "clients:unmatched")} == {(day, "cash:bank")}
    assert books[day, "cash:bank"] == AMOUNT
    assert books[day, "loans:principal"] == -AMOUNT


async def test_money_that_is_placed_after_its_day_was_closed_leaves_that_day_alone(world: LoanWorld) -> None:
    loan_id, day = await world.issued(TERMS), ROWS[0].due
    payment = await _came_in(world, day)
    await _hold(world, payment, day)
    closed = day + 9 * A_DAY
    async with world.on(closed) as moment:
        await loan_book.catch_up(moment, loan_id)
    await _place(world, payment, loan_id, closed + A_DAY)
    books = await _by_day(world, payment)
    assert {place: amount for place, amount in books.items() if place[1] in ("cash:bank", "clients:unmatched")} == {
        (day, "cash:bank"): AMOUNT,
        (day, "clients:unmatched"): -AMOUNT,
        (closed, "clients:unmatched"): AMOUNT,
    }
    assert {place[0] for place in books} == {day, closed}


async def test_money_that_found_its_loan_at_once_was_never_held_and_needs_no_release(world: LoanWorld) -> None:
    loan_id, day = await world.issued(TERMS), ROWS[0].due
    payment = await _came_in(world, day)
    await _place(world, payment, loan_id, day)
    books = await _by_day(world, payment)
    assert books[day, "cash:bank"] == AMOUNT
    assert not any(account == "clients:unmatched" for _, account in books)


async def test_money_that_went_back_to_its_payer_has_left_the_books_once(world: LoanWorld) -> None:
    day = ROWS[0].due
    payment = await _came_in(world, day)
    await _hold(world, payment, day)

    async def left(value_date: date) -> None:
        async with world.on(value_date) as moment:
            await loan_book.send_back(moment, payment, f"return:{payment.key}", value_date)

    await asyncio.gather(*(left(day + 2 * A_DAY) for _ in range(5)))
    assert await _by_day(world, payment) == {
        (day, "cash:bank"): AMOUNT,
        (day, "clients:unmatched"): -AMOUNT,
        (day + 2 * A_DAY, "cash:bank"): -AMOUNT,
        (day + 2 * A_DAY, "clients:unmatched"): AMOUNT,
    }
    with pytest.raises(Conflict, match="ledger-key-reused"):
        await left(day + 3 * A_DAY)
