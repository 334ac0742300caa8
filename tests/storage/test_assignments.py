"""A proposal of where money belongs can be refused, by the database's own rules, and a decided one stands."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors

from storage.database import libpq_url

PAYMENT = (
    "insert into incoming_payment (id, key, channel, amount, value_date, received_at, payer, purpose, state)"
    " values (%s, %s, 'BANK', 10, '2026-01-15', now(), 'sealed', 'sealed', 'UNMATCHED')"
)
PROPOSAL = (
    "insert into payment_assignment (id, payment_id, reason, proposed_by, proposed_at)"
    " values (%s, %s, 'sent-by-mistake', %s, now())"
)
REFUSE = "update payment_assignment set refused_by = %s, refused_at = now() where id = %s"
CONFIRM = "update payment_assignment set confirmed_by = %s, confirmed_at = now() where id = %s"


@pytest.fixture
def app(database_url: str) -> Iterator[psycopg.Connection]:
    """A plain connection as the application."""
    with psycopg.connect(libpq_url(database_url), autocommit=True) as connection:
        yield connection


@pytest.fixture
def people(app: psycopg.Connection) -> list[UUID]:
    """Two members of staff."""
    hired = [uuid4(), uuid4()]
    for one in hired:
        app.execute(
            "insert into staff (id, login, name, roles, password_hash, totp_secret, totp_last_step, active, created_at)"
            " values (%s, %s, 'Colleague', '{officer}', 'h', 's', 0, true, now())",
            (one, secrets.token_hex(8)),
        )
    return hired


@pytest.fixture
def proposed(app: psycopg.Connection, people: list[UUID]) -> tuple[UUID, UUID]:
    """An unmatched payment and its open proposal."""
    payment, proposal = uuid4(), uuid4()
    app.execute(PAYMENT, (payment, f"bank:{secrets.token_hex(8)}"))
    app.execute(PROPOSAL, (proposal, payment, people[0]))
    return payment, proposal


def test_a_refused_proposal_makes_room_and_stands_as_it_is_even_for_a_superuser(
    app: psycopg.Connection, superuser: str, people: list[UUID], proposed: tuple[UUID, UUID]
) -> None:
    payment, proposal = proposed
    app.execute(REFUSE, (people[1], proposal))
    app.execute(PROPOSAL, (uuid4(), payment, people[1]))
    with psycopg.connect(libpq_url(superuser), autocommit=True) as connection:
        for change in (REFUSE, CONFIRM):
            with pytest.raises(errors.InsufficientPrivilege, match="confirmed or refused"):
                connection.execute(change, (people[1], proposal))


def test_who_proposed_may_take_it_back_and_may_not_confirm_it(
    app: psycopg.Connection, people: list[UUID], proposed: tuple[UUID, UUID]
) -> None:
    with pytest.raises(errors.CheckViolation, match="two_people"):
        app.execute(CONFIRM, (people[0], proposed[1]))
    app.execute(REFUSE, (people[0], proposed[1]))


@pytest.mark.parametrize(
    "change",
    [
        "refused_by = proposed_by",  # without a time
        "refused_at = now()",
        "confirmed_by = '{0}', confirmed_at = now(), refused_by = '{0}', refused_at = now()",
    ],
)
def test_a_word_is_whole_and_of_one_kind(
    app: psycopg.Connection, people: list[UUID], proposed: tuple[UUID, UUID], change: str
) -> None:
    with pytest.raises(errors.CheckViolation):
        app.execute(f"update payment_assignment set {change.format(people[1])} where id = %s", (proposed[1],))


@pytest.mark.parametrize("column", ["loan_id = null", "reason = 'another'", "proposed_by = proposed_by"])
def test_what_was_proposed_is_not_changed_by_the_application(
    app: psycopg.Connection, proposed: tuple[UUID, UUID], column: str
) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        app.execute(f"update payment_assignment set {column} where id = %s", (proposed[1],))


@pytest.mark.parametrize("words", ["keep = true, loan_id = id", "keep = true, account = 'sealed'", "attempt = 1"])
def test_a_word_says_one_thing(superuser: str, proposed: tuple[UUID, UUID], words: str) -> None:
    """Even of a superuser: a loan, the queue or the payer; and a try is counted when it is confirmed."""
    with psycopg.connect(libpq_url(superuser), autocommit=True) as connection:
        with pytest.raises(errors.CheckViolation):
            connection.execute(f"update payment_assignment set {words} where id = %s", (proposed[1],))


def test_one_word_is_one_try_and_a_decided_word_is_only_wrapped_anew(
    app: psycopg.Connection, superuser: str, people: list[UUID], proposed: tuple[UUID, UUID]
) -> None:
    payment, proposal = proposed
    confirm = CONFIRM.replace("set ", "set attempt = 1, ")
    app.execute(confirm, (people[1], proposal))
    app.execute(PROPOSAL, (another := uuid4(), payment, people[0]))
    with pytest.raises(errors.UniqueViolation, match="one_word_a_try"):
        app.execute(confirm, (people[1], another))
    with psycopg.connect(libpq_url(superuser), autocommit=True) as connection:
        connection.execute("update payment_assignment set account = 'wrapped anew' where id = %s", (proposal,))
        for change in ("attempt = 2", "keep = true", "reason = 'another'"):
            with pytest.raises(errors.InsufficientPrivilege, match="confirmed or refused"):
                connection.execute(f"update payment_assignment set {change} where id = %s", (proposal,))


def test_a_line_of_a_statement_has_a_currency(app: psycopg.Connection) -> None:
    with pytest.raises(errors.NotNullViolation, match="currency"):
        app.execute(
            "insert into statement_line (bank_reference, statement_date, side, amount, state, seen_at)"
            " values (%s, now(), 'C', 1, 'unmatched', now())",
            (secrets.token_hex(8),),
        )
