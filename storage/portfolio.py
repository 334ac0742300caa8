"""All loans as streams of whole numbers: a range of loans, and their facts, straight from PostgreSQL into columns.

A driver costs more by the row than everything else of a valuation. So the server packs a range into one value, records
of equal length in network byte order, which numpy reads as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date
from typing import Any, LiteralString

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql

from rules.loan_events import LoanEvent, loan_event
from rules.schedule import LoanTerms
from storage.database import libpq_url

Columns = dict[str, NDArray[np.int64]]

_SENT = {"int8send": ">i8", "int4send": ">i4", "int2send": ">i2", "date_send": ">i4"}
_DAY_ZERO = date(2000, 1, 1).toordinal()  # dates are sent as days since

_LOAN: dict[str, LiteralString] = {
    "no": "int8send", "lent": "int8send", "rate_millionths": "int8send", "periods": "int4send",
    "interest_only": "int4send", "plan": "int2send", "starts": "date_send", "first_due": "date_send",
    "disbursed_on": "date_send",
}  # fmt: skip
_FACT: dict[str, LiteralString] = {
    "loan_no": "int8send", "value_date": "date_send", "code": "int2send", "tiyn": "int8send",
}  # fmt: skip
_LOANS: LiteralString = "from loan where no >= %s and no < %s and disbursed_on <= %s"
_FACTS: LiteralString = "from loan_event where loan_no >= %s and loan_no < %s and value_date <= %s and code > 0"
_RARER = """
select key, kind, value_date, known_at, payload from loan_event
where loan_no = any(%s) and value_date <= %s and code = 9 order by loan_no, value_date
"""


class PortfolioReader:
    """A connection that reads ranges of loans as columns, and single loans with everything they have."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def loans(self, first: int, after: int, on: date) -> Columns:
        """Terms of the loans with first <= no < after that were issued by a day; days as proleptic ordinals."""
        return self._read(_LOAN, _LOANS, "no", first, after, on)

    def facts(self, first: int, after: int, on: date) -> Columns:
        """Their facts up to a day without the disbursement, loan by loan, day by day, code by code."""
        return self._read(_FACT, _FACTS, "loan_no, value_date, code", first, after, on)

    def _read(
        self, columns: dict[str, LiteralString], source: LiteralString, order: LiteralString, *asked: int | date
    ) -> Columns:
        packed = " || ".join(f"{send}({name})" for name, send in columns.items())
        query = f"select count(*), string_agg({packed}, '' order by {order}) {source}"
        with self._connection.cursor(binary=True) as cursor:
            row = cursor.execute(query, asked).fetchone()
        count, data = row or (0, None)
        made = np.frombuffer(data or b"", [(name, _SENT[send]) for name, send in columns.items()])
        if len(made) != count:  # a null takes its whole record away
            raise ValueError(f"{count - len(made)} rows lack a column that the database fills when they are inserted")
        return {
            name: made[name].astype(np.int64) + (_DAY_ZERO if send == "date_send" else 0)
            for name, send in columns.items()
        }

    def last(self) -> int:
        """The greatest number of a loan, 0 where there is none."""
        row = self._connection.execute("select coalesce(max(no), 0) from loan").fetchone()
        return int(row[0]) if row else 0

    def rarer(self, numbers: Sequence[int], on: date) -> Iterator[LoanEvent]:
        """Of the facts of some loans up to a day those that are more than an amount, in the order of `facts`."""
        for fact in self._connection.execute(_RARER, (list(numbers), on)):
            yield _event(*fact)

    def histories(self, numbers: Sequence[int]) -> Iterator[list[LoanEvent]]:
        """All facts of each of some loans."""
        events: dict[int, list[LoanEvent]] = {number: [] for number in numbers}
        query = "select loan_no, key, kind, value_date, known_at, payload from loan_event where loan_no = any(%s)"
        for number, *fact in self._connection.execute(query, (list(numbers),)):
            events[number].append(_event(*fact))
        yield from events.values()

    def whole(self, numbers: Sequence[int]) -> Iterator[tuple[int, LoanTerms, list[LoanEvent]]]:
        """Some loans by number, as rules.loan reads them."""
        histories = dict(zip(numbers, self.histories(numbers), strict=True))
        query = "select no, terms from loan where no = any(%s)"
        for number, terms in self._connection.execute(query, (list(numbers),)):
            yield number, LoanTerms.model_validate(terms), histories[number]


def _event(key: str, kind: str, day: date, known_at: object, payload: dict[str, Any]) -> LoanEvent:
    return loan_event.validate_python({**payload, "key": key, "kind": kind, "value_date": day, "known_at": known_at})


@contextmanager
def readers(url: str, count: int = 1) -> Iterator[list[PortfolioReader]]:
    """Connections that see the same moment, for the time of a valuation, as any role that may read loans."""
    with ExitStack() as stack:
        made = [stack.enter_context(psycopg.connect(libpq_url(url))) for _ in range(count)]
        for connection in made:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
        moment = made[0].execute("select pg_export_snapshot()").fetchone()
        for connection in made[1:]:
            connection.execute(sql.SQL("set transaction snapshot {}").format(moment[0] if moment else ""))
        yield [PortfolioReader(connection) for connection in made]
