"""Money that came in: kept once, never dropped, placed by two people; and loans in states that exist."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors

from rules.accounts import CHART
from storage.database import libpq_url

PAYMENT = (
    "insert into incoming_payment (id, key, channel, amount, value_date, received_at, payer, purpose, state)"
    " values (%s, %s, 'BANK', 10, '2026-01-15', now(), 'sealed', 'sealed', 'UNMATCHED')"
)
PROPOSAL = (
    "insert into payment_assignment (id, payment_id, reason, proposed_by, proposed_at)"
    " values (gen_random_uuid(), %s, 'sent by mistake', %s, now())"
)
CONFIRM = "update payment_assignment set confirmed_by = %s, confirmed_at = now() where payment_id = %s"


@pytest.fixture
def app(database_url: str) -> Iterator[psycopg.Connection]:
    """A plain connection as the application."""
    with psycopg.connect(libpq_url(database_url), autocommit=True) as connection:
        yield connection


@pytest.fixture
def payment(app: psycopg.Connection) -> UUID:
    """A payment that nobody has placed."""
    payment_id = uuid4()
    app.execute(PAYMENT, (payment_id, f"bank:{secrets.token_hex(8)}"))
    return payment_id


def _colleague(app: psycopg.Connection) -> UUID:
    staff_id = uuid4()
    app.execute(
        "insert into staff (id, login, name, roles, password_hash, totp_secret, totp_last_step, active, created_at)"
        " values (%s, %s, 'Colleague', '{officer}', 'h', 's', 0, true, now())",
        (staff_id, secrets.token_hex(8)),
    )
    return staff_id


def test_the_same_money_is_kept_once(app: psycopg.Connection) -> None:
    key = f"bank:{secrets.token_hex(8)}"
    app.execute(PAYMENT, (uuid4(), key))
    with pytest.raises(errors.UniqueViolation):
        app.execute(PAYMENT, (uuid4(), key))


@pytest.mark.parametrize("column", ["amount = 1", "value_date = now()", "payer = 'x'", "key = 'x'", "channel = 'BANK'"])
def test_what_came_in_is_not_changed_by_the_application(app: psycopg.Connection, payment: UUID, column: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        app.execute(f"update incoming_payment set {column} where id = %s", (payment,))


@pytest.mark.parametrize("table", ["incoming_payment", "payment_assignment"])
@pytest.mark.parametrize("statement", ["delete from {}", "truncate {} cascade"])
def test_money_that_came_in_is_dropped_by_nobody(superuser: str, table: str, statement: str) -> None:
    with psycopg.connect(libpq_url(superuser), autocommit=True) as connection:
        with pytest.raises(errors.InsufficientPrivilege, match="never changed"):
            connection.execute(statement.format(table))


@pytest.mark.parametrize(
    "state",
    [
        "state = 'BOOKED'",  # without a loan
        "state = 'LOST'",
        "matched_by = 'guess'",
    ],
)
def test_a_payment_cannot_be_in_a_state_that_does_not_exist(app: psycopg.Connection, payment: UUID, state: str) -> None:
    with pytest.raises(errors.CheckViolation):
        app.execute(f"update incoming_payment set {state} where id = %s", (payment,))


def test_nobody_confirms_their_own_proposal_not_even_a_superuser(
    app: psycopg.Connection, superuser: str, payment: UUID
) -> None:
    maker = _colleague(app)
    app.execute(PROPOSAL, (payment, maker))
    with psycopg.connect(libpq_url(superuser), autocommit=True) as connection:
        with pytest.raises(errors.CheckViolation, match="two_people"):
            connection.execute(CONFIRM, (maker, payment))


def test_a_payment_has_one_open_proposal_and_a_confirmed_one_stands(
    app: psycopg.Connection, superuser: str, payment: UUID
) -> None:
    maker, checker, third = _colleague(app), _colleague(app), _colleague(app)
    app.execute(PROPOSAL, (payment, maker))
    with pytest.raises(errors.UniqueViolation):
        app.execute(PROPOSAL, (payment, checker))
    app.execute(CONFIRM, (checker, payment))
    with psycopg.connect(libpq_url(superuser), autocommit=True) as connection:
        with pytest.raises(errors.InsufficientPrivilege, match="confirmed"):
            connection.execute(CONFIRM, (third, payment))


@pytest.mark.parametrize(
    "statement",
    [
        "insert into loan_event (id, loan_id, key, kind, value_date, known_at, payload)"
        " values (gen_random_uuid(), gen_random_uuid(), 'x', 'forgotten', now(), now(), '{}')",
        "insert into loan (id, application_id, client_id, contract_id, number, status, terms, disbursed_on, created_at)"
        " values (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'x', 'SOLD', '{}',"
        " now(), now())",
        "insert into loan (id, application_id, client_id, contract_id, number, status, terms, disbursed_on, created_at)"
        " values (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'x', 'CLOSED', '{}',"
        " now(), now())",
    ],
)
def test_facts_and_states_that_no_loan_can_have_are_refused(app: psycopg.Connection, statement: str) -> None:
    with pytest.raises(errors.CheckViolation):
        app.execute(statement)


def test_reports_may_read_the_chart_and_the_money_that_came_in(database_urls: dict[str, str], payment: UUID) -> None:
    with psycopg.connect(libpq_url(database_urls["read"]), autocommit=True) as connection:
        (kept,) = connection.execute("select amount from incoming_payment where id = %s", (payment,)).fetchone() or (0,)
        assert str(kept) == "10.00"
        connection.execute("select * from payment_assignment limit 1")
        (accounts,) = connection.execute("select count(*) from account").fetchone() or (0,)
        assert accounts == len(CHART)
