"""All loans as streams of whole numbers: a range of loans, and their facts, straight from PostgreSQL into columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

import psycopg
import pyarrow as pa
from adbc_driver_postgresql import dbapi
from psycopg import sql

from rules.loan_events import LoanEvent, loan_event
from rules.schedule import LoanTerms
from storage.database import libpq_url

_LOANS = sql.SQL(
    "select no, lent, rate_millionths, periods::bigint as periods, interest_only::bigint as interest_only,"
    " plan::bigint as plan, (starts - date '0001-01-01' + 1)::bigint as disbursed,"
    " (first_due - date '0001-01-01' + 1)::bigint as first_due,"
    " (disbursed_on - date '0001-01-01' + 1)::bigint as lent_on"
    " from loan where no >= {first} and no < {after} and disbursed_on <= {on} order by no"
)
_FACTS = sql.SQL(
    "select loan_no, (value_date - date '0001-01-01' + 1)::integer as day, code, tiyn from loan_event"
    " where loan_no >= {first} and loan_no < {after} and value_date <= {on} and code > 0"
    " order by loan_no, value_date, code"
)


class PortfolioReader:
    """A connection that reads ranges of loans as Arrow tables, and single loans with everything they have."""

    def __init__(self, connection: Any, plain: psycopg.Connection) -> None:
        self._connection, self._plain = connection, plain

    def loans(self, first: int, after: int, on: date) -> pa.Table:
        """Terms of the loans with first <= no < after that were issued by a day; days as proleptic ordinals."""
        return self._read(_LOANS, first, after, on)

    def facts(self, first: int, after: int, on: date) -> pa.Table:
        """Their facts up to a day without the disbursement: loan_no, day, code, tiyn; loan by loan, day by day."""
        return self._read(_FACTS, first, after, on)

    def _read(self, query: sql.SQL, first: int, after: int, on: date) -> pa.Table:
        text = query.format(first=sql.Literal(first), after=sql.Literal(after), on=sql.Literal(on))
        with self._connection.cursor() as cursor:
            cursor.execute(text.as_string(self._plain))
            return cursor.fetch_arrow_table()

    def rates(self) -> list[int]:
        """Every rate in use, in millionths of a per cent a year."""
        return [row[0] for row in self._plain.execute("select distinct rate_millionths from loan order by 1")]

    def last(self) -> int:
        """The greatest number of a loan, 0 where there is none."""
        row = self._plain.execute("select coalesce(max(no), 0) from loan").fetchone()
        return int(row[0]) if row else 0

    def whole(self, numbers: Sequence[int]) -> Iterator[tuple[int, LoanTerms, list[LoanEvent]]]:
        """Some loans by number, as rules.loan reads them."""
        events: dict[int, list[LoanEvent]] = {number: [] for number in numbers}
        query = "select loan_no, key, kind, value_date, known_at, payload from loan_event where loan_no = any(%s)"
        for number, key, kind, day, known_at, payload in self._plain.execute(query, (list(numbers),)):
            fact = {**payload, "key": key, "kind": kind, "value_date": day, "known_at": known_at}
            events[number].append(loan_event.validate_python(fact))
        query = "select no, terms from loan where no = any(%s)"
        for number, terms in self._plain.execute(query, (list(numbers),)):
            yield number, LoanTerms.model_validate(terms), events[number]


@contextmanager
def reader(url: str) -> Iterator[PortfolioReader]:
    """Connect for the time of a valuation, as any role that may read loans."""
    address = libpq_url(url)
    with dbapi.connect(address, autocommit=True) as connection, psycopg.connect(address, autocommit=True) as plain:
        yield PortfolioReader(connection, plain)
