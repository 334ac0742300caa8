"""The chart of accounts, postings of many legs, and the trial balance on any day, as it was known on any day."""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, date, datetime
from uuid import uuid4

import psycopg
import pytest
from psycopg import errors
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.accounts import CHART, AccountKind
from rules.errors import Conflict
from rules.money import Money
from storage import ledger, setup
from storage.database import Database, libpq_url
from storage.tables import Account, LedgerEntry, LedgerPosting

DAY = date(2026, 1, 15)
LEGS = {
    "cash:bank": Money("100.00"),
    "loans:principal": Money("-80.10"),
    "loans:interest": Money("-19.80"),
    "loans:penalty": Money("-0.10"),
}


def _key() -> str:
    return f"test:{secrets.token_hex(8)}"


async def test_the_chart_in_the_database_is_the_one_of_the_rules(session: AsyncSession) -> None:
    rows = (await session.exec(select(Account))).all()
    assert {(row.code, row.kind, row.normal_side, row.kk, row.ru, row.en) for row in rows} == {
        (one.code, one.kind.value, one.normal_side.value, one.kk, one.ru, one.en) for one in CHART
    }


def test_every_account_has_its_own_words_in_three_languages() -> None:
    for language in ("kk", "ru", "en"):
        assert len({getattr(one, language) for one in CHART}) == len(CHART)
    assert {one.kind for one in CHART} == set(AccountKind)


async def test_a_posting_has_any_number_of_legs_and_stands_once(database: Database) -> None:
    key = _key()

    async def book() -> None:
        async with database.begin() as session:
            await ledger.post_legs(session, key, "payment", DAY, {**LEGS, "income:interest": Money(0)})

    await asyncio.gather(*(book() for _ in range(10)))
    async with database.begin() as session:
        posting = await ledger.posted(session, key)
        assert posting is not None
        entries = (await session.exec(select(LedgerEntry).where(LedgerEntry.posting_id == posting.id))).all()
    assert {(entry.account, entry.side, str(entry.amount)) for entry in entries} == {
        ("cash:bank", "D", "100.00"),
        ("loans:principal", "C", "80.10"),
        ("loans:interest", "C", "19.80"),
        ("loans:penalty", "C", "0.10"),
    }


@pytest.mark.parametrize(
    ("day", "legs"),
    [
        (DAY, {**LEGS, "cash:bank": Money("100.01"), "loans:penalty": Money("-0.11")}),
        (DAY, {"cash:bank": Money("100.00"), "clients:unmatched": Money("-100.00")}),
        (date(2026, 1, 16), LEGS),
    ],
)
async def test_a_key_does_not_stand_for_other_legs_or_another_day(database: Database, day, legs) -> None:
    key = _key()
    async with database.begin() as session:
        await ledger.post_legs(session, key, "payment", DAY, LEGS)
    with pytest.raises(Conflict, match="ledger-key-reused"):
        async with database.begin() as session:
            await ledger.post_legs(session, key, "payment", day, legs)


async def _post(database: Database, legs: dict[str, Money]) -> str:
    key = _key()
    async with database.begin() as session:
        await ledger.post_legs(session, key, "test", DAY, legs)
    return key


async def test_nothing_is_posted_to_an_account_outside_the_chart(database: Database) -> None:
    with pytest.raises(IntegrityError, match="ledger_entry_account_fkey"):
        await _post(database, {"cash:pocket": Money(1), "loans:principal": Money(-1)})


async def test_legs_that_do_not_balance_are_refused(database: Database) -> None:
    with pytest.raises(IntegrityError, match="does not balance"):
        await _post(database, {"cash:bank": Money("1.00"), "loans:principal": Money("-0.99")})


async def test_a_pair_that_balances_cannot_be_slipped_into_a_posting_that_stands(
    database: Database, superuser: str
) -> None:
    key = await _post(database, LEGS)
    pair = (
        "insert into ledger_entry (id, posting_id, account, side, amount)"
        " select gen_random_uuid(), id, account, side, 5 from ledger_posting,"
        " (values ('cash:bank', 'D'), ('loans:principal', 'C')) as leg (account, side) where key = %s"
    )
    with psycopg.connect(libpq_url(superuser)) as connection:
        with pytest.raises(errors.CheckViolation, match="earlier transaction"):
            connection.execute(pair, (key,))


@pytest.mark.parametrize("statement", ["update {} set {} = {}", "delete from {}"])
@pytest.mark.parametrize(("table", "column"), [("ledger_posting", "value_date"), ("ledger_entry", "amount")])
async def test_a_posting_is_not_changed_or_deleted_even_by_a_superuser(
    database: Database, superuser: str, statement: str, table: str, column: str
) -> None:
    await _post(database, LEGS)
    with psycopg.connect(libpq_url(superuser)) as connection:
        with pytest.raises(errors.InsufficientPrivilege, match="appended, never changed"):
            connection.execute(statement.format(table, column, column))


def test_the_application_cannot_open_rename_or_close_an_account(database_url: str) -> None:
    with psycopg.connect(libpq_url(database_url), autocommit=True) as connection:
        for statement in (
            "insert into account values ('cash:pocket', 'asset', 'D', 'a', 'b', 'c')",
            "update account set en = 'Pocket'",
            "delete from account",
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute(statement)


async def _at(database: Database, day: date, known: datetime, account: str, amount: str) -> None:
    """A posting that was written down at another time than now."""
    async with database.begin() as session:
        posting = LedgerPosting(key=_key(), description="test", value_date=day, posted_at=known)
        session.add(posting)
        await session.flush()
        for code, side in ((account, "D"), ("cash:bank", "C")):
            session.add(LedgerEntry(posting_id=posting.id, account=code, side=side, amount=Money(amount)))


async def test_the_trial_balance_is_of_a_day_and_as_known_on_a_day(separate) -> None:
    database = Database(separate.app, pool_size=1)
    noon = datetime(2026, 1, 10, 7, tzinfo=UTC)
    late = datetime(2026, 1, 20, 18, 59, tzinfo=UTC)  # a minute to midnight in Almaty
    later = datetime(2026, 1, 20, 19, 0, tzinfo=UTC)  # already the 21st there
    await _at(database, date(2026, 1, 10), noon, "loans:principal", "1000.00")
    await _at(database, date(2026, 1, 10), late, "loans:principal", "30.00")
    await _at(database, date(2026, 1, 10), later, "loans:principal", "4.00")
    await _at(database, date(2026, 1, 11), noon, "loans:principal", "0.50")

    async def lent(on: date | None, known_on: date | None = None) -> str:
        async with database.begin() as session:
            lines = await ledger.trial_balance(session, on, known_on=known_on)
        assert [line.account for line in lines] == [one.code for one in CHART]
        assert Money.total(line.balance for line in lines) == Money(0)
        assert Money.total(line.debit for line in lines) == Money.total(line.credit for line in lines)
        return str(next(line.balance for line in lines if line.account == "loans:principal"))

    assert await lent(date(2026, 1, 9)) == "0.00"
    assert await lent(date(2026, 1, 10)) == "1034.00"
    assert await lent(None) == "1034.50"
    assert await lent(date(2026, 1, 10), date(2026, 1, 19)) == "1000.00"
    assert await lent(date(2026, 1, 10), date(2026, 1, 20)) == "1030.00"
    assert await lent(None, date(2026, 1, 20)) == "1030.50"
    assert await lent(None, date(2026, 1, 9)) == "0.00"
    await database.close()


async def test_a_loan_without_postings_has_no_balances(session: AsyncSession) -> None:
    nobody = uuid4()
    assert await ledger.of_loan(session, nobody) == {}
    assert await ledger.booked_until(session, [nobody]) == {}


OLD_BOOKS = """
insert into client (id, kind, status, language, edition, iin_index, phone_index, data_key, personal, created_at)
    values ({one}, 'INDIVIDUAL', 'REGISTERING', 'kk', '2025b', 'i', 'p', 'k', 'p', now());
insert into application (id, client_id, stage, amount, term_months, purpose, receiving_method, account, account_index,
    edition, policy_version, product_code, product_version, created_at, updated_at)
    values ({one}, {one}, 'ISSUED', 10, 3, 'REPAIR', 'OWN_ACCOUNT', 'a', 'a', '2025b', '1', 'personal', '1', now(),
    now());
insert into loan (id, application_id, client_id, contract_id, number, status, terms, disbursed_on, created_at)
    values ({loan}, {one}, {one}, {one}, 'MK-1', 'ACTIVE', '{{}}', now(), now());
insert into ledger_posting (id, key, description, value_date, posted_at)
    values ({one}, 'disburse:' || {one}, 'microcredit issued', now(), now());
insert into ledger_entry (id, posting_id, account, side, amount)
    values (gen_random_uuid(), {one}, 'loans:principal', 'D', 10),
    (gen_random_uuid(), {one}, 'bank:settlement', 'C', 10);
"""


def test_books_from_before_the_chart_get_its_accounts_and_their_loans(
    database_urls: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    name, loan = f"older_{secrets.token_hex(4)}", uuid4()
    root = make_url(libpq_url(database_urls["postgres"])).set(database=name).render_as_string(hide_password=False)
    upgrade = setup.command.upgrade
    with monkeypatch.context() as older:
        older.setattr(setup.command, "upgrade", lambda config, _: upgrade(config, "0002"))
        setup.migrate(root)
    try:
        with psycopg.connect(libpq_url(root)) as connection:
            connection.execute(OLD_BOOKS.format(one=f"'{uuid4()}'::uuid", loan=f"'{loan}'"))
        setup.migrate(root)
        with psycopg.connect(libpq_url(root)) as connection:
            booked = "select account, side, loan_id from ledger_entry join ledger_posting p on p.id = posting_id"
            assert set(connection.execute(booked)) == {("loans:principal", "D", loan), ("cash:bank", "C", loan)}
            for table in ("ledger_posting", "ledger_entry"):
                with pytest.raises(errors.InsufficientPrivilege):
                    connection.execute(f"delete from {table}")
                connection.rollback()
    finally:
        with psycopg.connect(libpq_url(database_urls["postgres"]), autocommit=True) as connection:
            connection.execute(f"drop database {name} with (force)")
