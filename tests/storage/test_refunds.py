"""What the database refuses about accounts for refunds and about the terminals' settlements, whoever asks."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors

from storage.database import libpq_url

CHANGES = [
    "update refund_account set ground = 'account-not-owned' where id = %(account)s",
    "update refund_account set ground = null, bank_reference = null, checked_at = null where id = %(account)s",
]


@pytest.fixture
def app(database_url: str) -> Iterator[psycopg.Connection]:
    """A plain connection as the application, in a transaction that is undone."""
    with psycopg.connect(libpq_url(database_url)) as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def everything(superuser: str) -> Iterator[psycopg.Connection]:
    """The same as a superuser, for whom references to loans do not count."""
    with psycopg.connect(libpq_url(superuser)) as connection:
        connection.execute("alter table refund_request drop constraint refund_request_loan_id_fkey")
        connection.execute("alter table refund_account drop constraint refund_account_loan_id_fkey")
        yield connection
        connection.rollback()


def account(connection: psycopg.Connection, *, checked: bool) -> UUID:
    key, made, loan = f"refund:{uuid4()}:1", uuid4(), uuid4()
    connection.execute(
        "insert into refund_request (payment_key, loan_id, ground, asked_at, notices) values (%s, %s, 'g', now(), 0)",
        (key, loan),
    )
    connection.execute(
        "insert into refund_account (id, payment_key, loan_id, kind, account, named_at, checked_at, bank_reference)"
        " values (%s, %s, %s, 'iban', 'sealed', now(), case when %s then now() end, case when %s then 'V1' end)",
        (made, key, loan, checked, checked),
    )
    return made


@pytest.mark.parametrize("change", CHANGES)
def test_what_the_bank_said_of_an_account_stands(everything: psycopg.Connection, change: str) -> None:
    made = account(everything, checked=True)
    with pytest.raises(errors.InsufficientPrivilege, match="is not changed"):
        everything.execute(change, {"account": made})


def test_a_new_master_key_may_still_be_wrapped_around_it(everything: psycopg.Connection) -> None:
    made = account(everything, checked=True)
    changed = everything.execute("update refund_account set account = 'sealed anew' where id = %s", (made,))
    assert changed.rowcount == 1


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("refund_account", "checked_at = now()"),  # neither a ground nor the bank's reference
        ("refund_account", "ground = 'account-not-owned'"),  # never checked
        ("refund_account", "kind = 'cash'"),
        ("refund_request", "ended_at = now()"),  # without an outcome
        ("refund_request", "notices = 1"),  # and never written to
    ],
)
def test_halves_of_a_truth_are_refused(everything: psycopg.Connection, table: str, change: str) -> None:
    made = account(everything, checked=False)
    of_it = "payment_key = (select payment_key from refund_account where id = %s)"
    with pytest.raises(errors.CheckViolation):
        everything.execute(f"update {table} set {change} where {of_it}", (made,))


@pytest.mark.parametrize(
    "statement",
    [
        "update refund_account set account = 'another'",
        "update refund_account set loan_id = loan_id",
        "delete from refund_account",
        "delete from refund_request",
        "update refund_request set payment_key = 'another'",
        "update terminal_settlement set until = until",
        "delete from terminal_settlement",
    ],
)
def test_the_application_may_not(app: psycopg.Connection, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        app.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "delete from refund_account",
        "truncate refund_account",
        "update terminal_settlement set named = named",
        "delete from terminal_settlement",
    ],
)
def test_nobody_may(everything: psycopg.Connection, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        everything.execute(statement)


def test_a_booked_sum_has_a_loan_or_is_the_operators(app: psycopg.Connection) -> None:
    app.execute(
        "insert into incoming_payment (id, key, channel, amount, value_date, received_at, payer, purpose, state)"
        " values (%s, %s, 'BANK', 10, '2026-01-15', now(), 'sealed', 'sealed', 'UNMATCHED')",
        (made := uuid4(), f"bank:{secrets.token_hex(8)}"),
    )
    app.execute("savepoint kept")
    for matched_by in (None, "reference"):
        with pytest.raises(errors.CheckViolation):
            app.execute(
                "update incoming_payment set state = 'BOOKED', matched_by = %s where id = %s", (matched_by, made)
            )
        app.execute("rollback to kept")
    changed = app.execute(
        "update incoming_payment set state = 'BOOKED', matched_by = 'operator' where id = %s", (made,)
    )
    assert changed.rowcount == 1
