"""Money: balanced, once, whoever asks at the same moment."""

from __future__ import annotations

import asyncio
import secrets
from datetime import date
from uuid import uuid4

import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import select

from rules.errors import Conflict
from rules.money import Money
from storage import ledger, payments
from storage.clock import now
from storage.database import Database
from storage.tables import LedgerEntry, LedgerPosting

DAY = date(2026, 1, 15)


def _key() -> str:
    return f"disburse:{uuid4()}"


async def _post(database: Database, key: str, amount: str = "150000.10") -> None:
    async with database.begin() as session:
        await ledger.post(session, key, "issued", DAY, "loans:principal", "cash:bank", Money(amount))


async def test_the_ledger_sums_to_zero_and_a_key_books_once(database: Database) -> None:
    key = _key()
    async with database.begin() as session:
        before = await ledger.totals(session), await ledger.balance(session, "loans:principal")
    await asyncio.gather(*(_post(database, key) for _ in range(10)))
    async with database.begin() as session:
        debits, credits = await ledger.totals(session)
        assert debits == credits == before[0][0] + Money("150000.10")
        assert await ledger.balance(session, "loans:principal") == before[1] + Money("150000.10")


async def test_the_same_key_for_another_booking_is_refused(database: Database) -> None:
    key = _key()
    await _post(database, key)
    with pytest.raises(Conflict, match="ledger-key-reused"):
        await _post(database, key, "150000.11")


async def _post_by_hand(database: Database, entries: list[tuple[str, str]]) -> None:
    async with database.begin() as session:
        posting = LedgerPosting(key=_key(), description="crooked", value_date=DAY, posted_at=await now(session))
        session.add(posting)
        await session.flush()
        for side, amount in entries:
            session.add(LedgerEntry(posting_id=posting.id, account="cash:bank", side=side, amount=Money(amount)))


@pytest.mark.parametrize(
    "entries",
    [[], [("D", "10.00")], [("D", "10.00"), ("C", "9.99")], [("D", "10.00"), ("D", "10.00")]],
)
async def test_the_database_refuses_a_posting_that_does_not_balance(database: Database, entries) -> None:
    with pytest.raises(IntegrityError, match="does not balance"):
        await _post_by_hand(database, entries)


@pytest.mark.parametrize(("side", "amount"), [("D", "0"), ("D", "-1.00"), ("X", "1.00")])
async def test_the_database_refuses_an_impossible_entry(database: Database, side: str, amount: str) -> None:
    with pytest.raises(IntegrityError, match="ledger_entry"):
        await _post_by_hand(database, [(side, amount)])


async def test_an_entry_cannot_be_slipped_into_a_posting_that_stands(database: Database) -> None:
    key = _key()
    await _post(database, key)

    async def slip_in() -> None:
        async with database.begin() as session:
            stands = await session.exec(select(LedgerPosting).where(LedgerPosting.key == key))
            session.add(LedgerEntry(posting_id=stands.one().id, account="cash:bank", side="C", amount=Money(1)))

    with pytest.raises(IntegrityError, match="does not balance"):
        await slip_in()


async def _intend(database: Database, key: str, request_hash: str = "h", amount: str = "150000") -> bool:
    async with database.begin() as session:
        _, fresh = await payments.intend(
            session,
            key=key,
            purpose="disbursement",
            request_hash=request_hash,
            amount=Money(amount),
            account_sealed=b"sealed",
            application_id=None,
        )
        return fresh


async def test_of_twenty_intents_of_one_fact_one_is_fresh(database: Database) -> None:
    for _ in range(50):  # the window in which two of them are between the indexes of one row is narrow
        key = _key()
        fresh = await asyncio.gather(*(_intend(database, key) for _ in range(20)))
        assert sorted(fresh) == [False] * 19 + [True]


async def test_the_same_fact_with_another_amount_or_receiver_is_refused(database: Database) -> None:
    key = _key()
    await _intend(database, key)
    with pytest.raises(Conflict, match="payment-key-reused"):
        await _intend(database, key, "another")


async def test_of_twenty_answers_one_moves_the_payment_and_books(database: Database) -> None:
    key, payout = _key(), secrets.token_hex(8)
    await _intend(database, key)

    async def settle() -> bool:
        async with database.begin() as session:
            moved = await payments.settle(session, key, "done", payout, "ref", DAY)
            if moved:
                await ledger.post(session, key, "issued", DAY, "loans:principal", "cash:bank", Money(150000))
            return moved

    assert sorted(await asyncio.gather(*(settle() for _ in range(20)))) == [False] * 19 + [True]
    async with database.begin() as session:
        stored = await payments.by_payout(session, payout)
        assert stored is not None
        assert (stored.state, stored.bank_reference, stored.value_date) == ("done", "ref", DAY)


@pytest.mark.parametrize(
    ("path", "moves"),
    [
        (["accepted", "done"], [True, True]),
        (["unknown", "accepted", "done", "returned"], [True, True, True, True]),
        (["done", "accepted", "unknown", "refused"], [True, False, False, False]),
        (["refused", "done", "accepted", "unknown"], [True, False, False, False]),
        (["done", "done"], [True, False]),
    ],
)
async def test_a_payment_goes_forward_only(database: Database, path: list[str], moves: list[bool]) -> None:
    key = _key()
    await _intend(database, key)
    went = []
    for state in path:
        async with database.begin() as session:
            went.append(await payments.settle(session, key, state, None, f"ref-{key}", DAY))
    assert went == moves


async def test_unsettled_payments_are_listed_until_the_bank_has_answered(database: Database) -> None:
    key = _key()
    await _intend(database, key)
    async with database.begin() as session:
        assert key in {payment.key for payment in await payments.unsettled(session)}
        assert key not in {payment.key for payment in await payments.unsettled(session, older_than_seconds=60)}
        await payments.settle(session, key, "done", None, f"ref-{key}", DAY)
        assert key not in {payment.key for payment in await payments.unsettled(session)}


async def test_texts_of_database_errors_hide_the_bound_values(database: Database) -> None:
    with pytest.raises(DBAPIError, match="SQL parameters hidden"):
        await _intend(database, _key(), amount="-5")
