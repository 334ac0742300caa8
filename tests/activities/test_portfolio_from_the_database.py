"""A whole portfolio out of PostgreSQL: every loan, also the rare ones, has the figures of the scalar fold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import NamedTuple

import psycopg
import pytest
from sqlalchemy.engine import make_url

from activities.portfolio.portfolio import value_portfolio
from activities.portfolio.valuation import Debts, nothing
from bench.portfolio_data import Made, fill
from rules.loan import figures
from storage.database import libpq_url, sqlalchemy_url
from storage.portfolio import readers
from storage.setup import migrate

ON = date(2026, 11, 25)
LOANS = 3000


class Filled(NamedTuple):
    """A database of its own beside the tests', with a portfolio."""

    owner: str
    read: str
    made: Made


@pytest.fixture(scope="module")
def filled(database_urls: dict[str, str]) -> Iterator[Filled]:
    def elsewhere(role: str) -> str:
        url = make_url(sqlalchemy_url(database_urls[role])).set(database="portfolio")
        return url.render_as_string(hide_password=False)

    with psycopg.connect(libpq_url(database_urls["postgres"]), autocommit=True) as connection:
        connection.execute("create database portfolio")
    migrate(elsewhere("postgres"))
    owner = libpq_url(elsewhere("postgres"))
    made = fill(owner, LOANS, ON, seed=3)
    with as_superuser(owner) as connection:
        thirties = 'update loan set plan = -1, terms = terms || \'{"day_count": "30/360"}\' where no % 100 = 0'
        connection.execute(thirties)
    yield Filled(owner, elsewhere("read"), made)
    with psycopg.connect(libpq_url(database_urls["postgres"]), autocommit=True) as connection:
        connection.execute("drop database portfolio with (force)")


def told(debts: Debts, index: int) -> dict[str, int]:
    return {name: int(getattr(debts, name)[index]) for name in Debts.__dataclass_fields__ if name != "odd"}


@contextmanager
def as_superuser(url: str) -> Iterator[psycopg.Connection]:
    """Changes what nobody may change, for as long as the block lasts."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set session_replication_role = replica")
        yield connection


@pytest.mark.parametrize("on", [ON, ON - timedelta(days=200)])
def test_every_loan_has_the_figures_of_the_scalar_fold(filled: Filled, on: date) -> None:
    seen: dict[int, dict[str, int]] = {}
    scalar = 0
    for batch in value_portfolio(filled.read, on, lambda batch: batch, size=1000):
        scalar += batch.scalar
        seen |= {number: told(batch.debts, index) for index, number in enumerate(batch.numbers.tolist())}
    one = nothing(1)
    with readers(filled.read) as (reading,):
        for number, terms, events in reading.whole(sorted(seen)):
            one.put(0, figures(events, terms, on))
            assert told(one, 0) == seen[number], number
    assert len(seen) == LOANS if on == ON else 0 < len(seen) < LOANS
    # thirty of 30/360, which columns do not cover, and next to none beside them
    assert sum(number % 100 == 0 for number in seen) <= scalar < 35


def test_ranges_come_in_their_order_and_sum_up_what_the_caller_wants(filled: Filled) -> None:
    parts = list(value_portfolio(filled.read, ON, lambda batch: batch.numbers.tolist(), threads=3, size=700))
    assert [number for part in parts for number in part] == list(range(1, LOANS + 1))


def test_a_loan_that_lacks_a_column_is_not_left_out_in_silence(filled: Filled) -> None:
    with as_superuser(filled.owner) as connection:
        connection.execute("update loan set first_due = null where no = 17")
        try:
            with pytest.raises(ValueError, match="1 rows lack a column"):
                list(value_portfolio(filled.read, ON, lambda batch: batch.scalar))
        finally:
            connection.execute("update loan set first_due = (terms ->> 'first_due')::date where no = 17")


def test_all_readers_see_the_same_moment(filled: Filled) -> None:
    with as_superuser(filled.owner) as connection, readers(filled.read, 2) as (one, other):
        before = len(one.facts(5, 6, ON)["tiyn"])
        made = """insert into loan_event (id, loan_id, key, kind, value_date, known_at, payload, loan_no, code, tiyn)
            select gen_random_uuid(), loan_id, 'late', 'paid', %s, now(), '{"amount": "1.00"}', 5, 1, 100
            from loan_event where loan_no = 5 limit 1"""
        connection.execute(made, (ON,))
        try:
            assert [len(reading.facts(5, 6, ON)["tiyn"]) for reading in (one, other)] == [before, before]
            with readers(filled.read) as (later,):
                assert len(later.facts(5, 6, ON)["tiyn"]) == before + 1
        finally:
            connection.execute("delete from loan_event where key = 'late'")
