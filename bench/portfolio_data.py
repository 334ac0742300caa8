"""A portfolio with histories as lenders have them, made straight in the database.

Of a hundred loans about 56 are paid on their due dates or a little before, 25 sometimes late, 8 not any more after some
time, 7 repaid in full before the end, and 4 have something rare: a partial early repayment, a restructuring, a moved
due date, a suspension, a write-off, a corrected payment.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, LiteralString

import numpy as np
import psycopg

from activities.portfolio.kernel_names import NEVER
from activities.portfolio.kernel_plan import plans
from activities.portfolio.tables import MONTHS, Factors, Ints
from activities.portfolio.valuation import Terms
from rules.calendar import add_months
from rules.day_count import DayCount

RATES = (Decimal("37.80"), Decimal("32.00"))
_CHUNK = 25_000
_CONNECTIONS = 2
_CODES = {"shorter_term": 2, "smaller_instalment": 3}
_ON_TIME, _LATE, _DEFAULTED, _CLOSED = range(4)

# the bulk is inserted without triggers, and without the indexes, which are made once at the end
_BARE = """
update pg_index set indisready = false, indisvalid = false
where indrelid in ('loan'::regclass, 'loan_event'::regclass)
"""
_STAGE = """
set session_replication_role = replica;
set synchronous_commit = off;
create temporary table stage_loan (no bigint, lent bigint, rate bigint, periods bigint, method bigint,
    interest_only bigint, disbursed bigint, first_due bigint);
create temporary table stage_event (loan_no bigint, day bigint, tiyn bigint, n bigint);
"""
_LOANS = """
insert into loan (no, id, application_id, client_id, contract_id, number, status, terms, disbursed_on, created_at,
    lent, rate_millionths, periods, interest_only, plan, starts, first_due)
overriding system value
select no, md5('loan' || no)::uuid, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'B-' || no, 'ACTIVE',
    jsonb_build_object('principal', (lent / 100.0)::numeric(18, 2)::text, 'rate_percent_per_year',
        (array['37.80', '32.00'])[rate + 1], 'periods', periods, 'method',
        (array['annuity', 'differentiated', 'bullet', 'own'])[method + 1], 'disbursed', day, 'first_due', due,
        'interest_only_months', interest_only),
    day, day + interval '1 hour', lent, (array[37800000, 32000000])[rate + 1], periods, interest_only, method, day, due
from stage_loan, lateral (select date '0001-01-01' - 1 + disbursed::integer, date '0001-01-01' - 1 + first_due::integer)
    as days (day, due)
order by no
"""
_DISBURSED = """
insert into loan_event (id, loan_id, key, kind, value_date, known_at, payload, loan_no, code, tiyn)
select gen_random_uuid(), md5('loan' || no)::uuid, 'disbursed:' || no, 'disbursed', day, day + interval '1 hour',
    jsonb_build_object('amount', (lent / 100.0)::numeric(18, 2)::text), no, 0, lent
from stage_loan, lateral (select date '0001-01-01' - 1 + disbursed::integer) as days (day)
"""
_PAID = """
insert into loan_event (id, loan_id, key, kind, value_date, known_at, payload, loan_no, code, tiyn)
select gen_random_uuid(), md5('loan' || loan_no)::uuid, 'paid:' || loan_no || ':' || n, 'paid', value_date,
    value_date + interval '10 hours', jsonb_build_object('amount', (tiyn / 100.0)::numeric(18, 2)::text), loan_no, 1,
    tiyn
from stage_event, lateral (select date '0001-01-01' - 1 + day::integer) as days (value_date)
"""
_RARE = """
insert into loan_event (id, loan_id, key, kind, value_date, known_at, payload, loan_no, code, tiyn)
values (gen_random_uuid(), md5('loan' || %(no)s)::uuid, %(key)s, %(kind)s, %(day)s, %(known)s, %(payload)s, %(no)s,
    %(code)s, %(tiyn)s)
"""


@dataclass(frozen=True)
class Made:
    """Numbers of rows."""

    loans: int
    events: int


def fill(owner_url: str, loans: int, on: date, seed: int) -> Made:
    """Fill an empty, migrated database, as its superuser."""
    with psycopg.connect(owner_url, autocommit=True) as plain, ThreadPoolExecutor(_CONNECTIONS) as pool:
        plain.execute(_BARE)
        parts = [range(first, min(first + _CHUNK, loans + 1)) for first in range(1, loans + 1, _CHUNK)]
        made = [
            pool.submit(_parts, owner_url, parts[at::_CONNECTIONS], on.toordinal(), seed) for at in range(_CONNECTIONS)
        ]
        for one in made:
            one.result()
        plain.execute("set maintenance_work_mem = '512MB'")
        for table in ("loan", "loan_event"):
            plain.execute(psycopg.sql.SQL("reindex table {}").format(psycopg.sql.Identifier(table)))
            plain.execute(psycopg.sql.SQL("vacuum (analyze) {}").format(psycopg.sql.Identifier(table)))
        row = plain.execute("select (select count(*) from loan), (select count(*) from loan_event)").fetchone()
    return Made(*row) if row else Made(0, 0)


def _parts(owner_url: str, parts: list[range], on: int, seed: int) -> None:
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute(_STAGE)
        for part in parts:
            _part(connection, np.random.default_rng([seed, part.start]), np.array(part), on)


def _part(connection: psycopg.Connection, chance: np.random.Generator, numbers: Ints, on: int) -> None:
    terms = _terms(chance, len(numbers), on)
    due, part, interest, before = _plan(terms)
    loan, day, amount = _payments(chance, due, part, interest, before, terms, on)
    shown = (terms.lent, terms.rate, terms.periods, terms.method, terms.interest_only, terms.disbursed, terms.first_due)
    with connection.cursor() as cursor:
        _copy(cursor, "copy stage_loan from stdin (format binary)", numbers, *shown)
        _copy(cursor, "copy stage_event from stdin (format binary)", numbers[loan], day, amount, np.arange(len(day)))
        for statement in (_LOANS, _DISBURSED, _PAID, "truncate stage_loan, stage_event"):
            cursor.execute(statement)
        cursor.executemany(_RARE, list(_rare(chance, numbers, terms, due, on)))


def _copy(cursor: psycopg.Cursor, statement: LiteralString, *columns: Ints) -> None:
    """Whole numbers in PostgreSQL's binary format: of each record the count of fields, of each field its length."""
    fields = [(f"{kind}{n}", size) for n in range(len(columns)) for kind, size in (("length", ">i4"), ("value", ">i8"))]
    records = np.empty(len(columns[0]), [("fields", ">i2"), *fields])
    records["fields"] = len(columns)
    for n, column in enumerate(columns):
        records[f"length{n}"], records[f"value{n}"] = 8, column
    with cursor.copy(statement) as copy:
        copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8) + records.tobytes() + b"\xff\xff")


def _terms(chance: np.random.Generator, size: int, on: int) -> Terms:
    disbursed = on - chance.integers(1, 720, size)
    periods = chance.integers(3, 25, size)
    method = chance.choice([0, 0, 0, 0, 0, 0, 1, 1, 3, 3], size)
    return Terms(
        lent=chance.integers(10_000, 1_000_000, size) * 100,
        rate=chance.choice([0, 0, 0, 1], size),
        periods=periods,
        method=method,
        interest_only=np.where(method == 3, np.minimum(3, periods // 2), 0),
        disbursed=disbursed,
        first_due=np.array([add_months(date.fromordinal(int(day)), 1).toordinal() for day in disbursed]),
        lent_on=disbursed,
        rules=np.zeros(size, np.int64),
    )


def _plan(terms: Terms) -> tuple[Ints, Ints, Ints, Ints]:
    """Due dates, parts of principal, planned interest, and the balance before each row."""
    factors = Factors()
    for rate in RATES:
        factors.number(rate, DayCount.ACT_365)
    shape = (int(terms.periods.max()), len(terms.lent))
    due, part, pay = np.full(shape, NEVER), np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    plans(terms.rows(), factors.table(), MONTHS, due, part, pay)
    before = terms.lent - np.vstack([np.zeros((1, shape[1]), np.int64), np.cumsum(part, axis=0)[:-1]])
    return due, part, pay - part, before


def _payments(
    chance: np.random.Generator, due: Ints, part: Ints, interest: Ints, before: Ints, terms: Terms, on: int
) -> tuple[Ints, Ints, Ints]:
    """Whose, when, how much; loan by loan."""
    shape = due.shape
    style = chance.choice(4, shape[1], p=[0.60, 0.25, 0.08, 0.07])
    row = np.arange(shape[0])[:, None]
    ends = chance.integers(1, 25, shape[1])
    lag = np.where(chance.random(shape) < 0.4, chance.integers(1, 25, shape), 0)
    lag = np.where(style == _LATE, lag, np.where(chance.random(shape) < 0.2, -chance.integers(1, 6, shape), 0))
    day = np.maximum(np.where(style == _CLOSED, due, due + lag), terms.disbursed)
    amount = part + interest
    amount = np.where((style == _CLOSED) & (row == ends), before + interest, amount)
    stops = np.where(style == _DEFAULTED, row < ends, np.where(style == _CLOSED, row <= ends, True))
    loan, at = np.nonzero(((day <= on) & (due < NEVER) & stops & (amount > 0)).T)
    return loan, day[at, loan], amount[at, loan]


def _rare(chance: np.random.Generator, numbers: Ints, terms: Terms, due: Ints, on: int) -> Iterator[dict[str, Any]]:
    kinds = ["early", "restructured", "due_moved", "suspended", "written_off", "corrected"]
    for index in np.flatnonzero(chance.random(len(numbers)) < 0.036):
        kind = chance.choice(kinds, p=[0.58, 0.18, 0.08, 0.03, 0.08, 0.05])
        day = int(terms.disbursed[index] + (on - terms.disbursed[index]) * chance.random())
        for part, fact in enumerate(_facts(kind, chance, terms, due, int(index), day)):
            when = date.fromordinal(max(fact.pop("day"), int(terms.disbursed[index])))
            kind_of = fact.pop("kind")
            if kind_of == "corrected":
                fact["wrong"] = f"{kind}:{numbers[index]}:0"
            yield {
                "no": int(numbers[index]), "key": f"{kind}:{numbers[index]}:{part}", "kind": kind_of, "day": when,
                "known": f"{when}T12:00:00Z", "payload": json.dumps(fact),
                "code": _CODES[fact["use"]] if kind_of == "paid" else 9,
                "tiyn": int(Decimal(fact.get("amount", "0")) * 100),
            }  # fmt: skip


def _facts(
    kind: str, chance: np.random.Generator, terms: Terms, due: Ints, index: int, day: int
) -> list[dict[str, Any]]:
    number = f"{terms.lent[index] // 500}.00"
    if kind == "early":
        use = str(chance.choice(["shorter_term", "smaller_instalment"]))
        return [{"kind": "paid", "day": day, "amount": number, "use": use}]
    if kind == "restructured":
        plan = {"rate_percent_per_year": "20", "periods": 12, "first_due": str(date.fromordinal(day + 30))}
        return [{"kind": kind, "day": day, **plan}]
    if kind == "due_moved":
        coming = due[:, index][due[:, index] > day]
        to = int(coming[0]) if len(coming) and coming[0] < NEVER else day
        return [{"kind": kind, "day": day, "due": str(date.fromordinal(to)), "to": str(date.fromordinal(to + 7))}]
    if kind == "suspended":
        later = bool(chance.random() < 0.5)
        return [{"kind": kind, "day": day}, {"kind": "resumed", "day": day + 25, "charge_later": later}]
    if kind == "written_off":
        return [{"kind": kind, "day": day, "ground": "court_verdict", "return_paid": True}]
    return [
        {"kind": "paid", "day": day, "amount": number, "use": "smaller_instalment"},
        {"kind": "corrected", "day": day, "reason": "another loan was meant"},
    ]
