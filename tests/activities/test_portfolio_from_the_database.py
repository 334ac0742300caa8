"""A whole portfolio out of PostgreSQL: every loan, also the rare ones, has the figures of the scalar fold."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import psycopg
import pytest
from sqlalchemy.engine import make_url

from activities.portfolio.portfolio import as_it_is, value_portfolio
from activities.portfolio.valuation import Debts, nothing
from bench.portfolio_data import Made, fill
from rules.loan import figures
from storage.database import libpq_url, sqlalchemy_url
from storage.portfolio import reader
from storage.setup import migrate

ON = date(2026, 11, 25)
LOANS = 3000


@pytest.fixture(scope="module")
def filled(database_urls: dict[str, str]) -> Iterator[tuple[str, Made]]:
    """A database of its own beside the tests', with a portfolio; the readers' URL."""

    def elsewhere(role: str) -> str:
        url = make_url(sqlalchemy_url(database_urls[role])).set(database="portfolio")
        return url.render_as_string(hide_password=False)

    with psycopg.connect(libpq_url(database_urls["postgres"]), autocommit=True) as connection:
        connection.execute("create database portfolio")
    migrate(elsewhere("postgres"))
    yield elsewhere("read"), fill(libpq_url(elsewhere("postgres")), LOANS, ON, seed=3)
    with psycopg.connect(libpq_url(database_urls["postgres"]), autocommit=True) as connection:
        connection.execute("drop database portfolio with (force)")


@pytest.mark.parametrize("on", [ON, ON - timedelta(days=200)])
def test_every_loan_has_the_figures_of_the_scalar_fold(filled: tuple[str, Made], on: date) -> None:
    url, made = filled
    assert made.loans == LOANS
    seen: dict[int, dict[str, int]] = {}
    scalar = 0
    names = [name for name in Debts.__dataclass_fields__ if name != "odd"]
    for batch in value_portfolio(url, on, as_it_is, size=1000):
        scalar += batch.scalar
        for index, number in enumerate(batch.numbers.tolist()):
            seen[number] = {name: int(getattr(batch.debts, name)[index]) for name in names}
    one = nothing(1)
    with reader(url) as reading:
        for number, terms, events in reading.whole(sorted(seen)):
            one.put(0, figures(events, terms, on))
            assert {name: int(getattr(one, name)[0]) for name in names} == seen[number], number
    assert len(seen) == LOANS if on == ON else 0 < len(seen) < LOANS
    assert 0 < scalar < 0.05 * LOANS
