"""A portfolio with histories as lenders have them, made straight in the database.

Of a hundred loans about 56 are paid on their due dates or a little before, 25 sometimes late, 8 not any more after some
time, 7 repaid in full before the end, and 4 have something rare: a partial early repayment, a restructuring, a moved
due date, a suspension, a write-off, a corrected payment.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
from adbc_driver_postgresql import dbapi

from activities.portfolio.kernel_names import MOST_ROWS, NEVER
from activities.portfolio.kernel_plan import plans
from activities.portfolio.tables import MONTHS, Ints, factors, rules_in_numbers
from activities.portfolio.valuation import Terms
from rules.calendar import add_months
from rules.day_count import DayCount
from rules.loan import servicing_rules

RATES = (Decimal("37.80"), Decimal("32.00"))
_METHODS = ("annuity", "differentiated", "bullet", "own")
_CHUNK = 50_000
_CODES = {"shorter_term": 2, "smaller_instalment": 3}
_ON_TIME, _LATE, _DEFAULTED, _CLOSED = range(4)

_STAGE = """
create unlogged table stage_loan (no bigint, lent bigint, rate smallint, periods integer, method smallint,
    interest_only integer, disbursed date, first_due date);
create unlogged table stage_event (loan_no bigint, day date, tiyn bigint, n integer);
set session_replication_role = replica;
"""
_LOANS = """
insert into loan (no, id, application_id, client_id, contract_id, number, status, terms, disbursed_on, created_at,
    lent, rate_millionths, periods, interest_only, plan, starts, first_due)
overriding system value
select no, md5('loan' || no)::uuid, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'B-' || no, 'ACTIVE',
    jsonb_build_object('principal', (lent / 100.0)::numeric(18, 2)::text, 'rate_percent_per_year',
        (array['37.80', '32.00'])[rate + 1], 'periods', periods, 'method',
        (array['annuity', 'differentiated', 'bullet', 'own'])[method + 1], 'disbursed', disbursed, 'first_due',
        first_due, 'interest_only_months', interest_only),
    disbursed, disbursed + interval '1 hour', lent, (array[37800000, 32000000])[rate + 1], periods, interest_only,
    method, disbursed, first_due
from stage_loan
"""
_DISBURSED = """
insert into loan_event (id, loan_id, key, kind, value_date, known_at, payload, loan_no, code, tiyn)
select gen_random_uuid(), md5('loan' || no)::uuid, 'disbursed:' || no, 'disbursed', disbursed,
    disbursed + interval '1 hour', jsonb_build_object('amount', (lent / 100.0)::numeric(18, 2)::text), no, 0, lent
from stage_loan
"""
_PAID = """
insert into loan_event (id, loan_id, key, kind, value_date, known_at, payload, loan_no, code, tiyn)
select gen_random_uuid(), md5('loan' || loan_no)::uuid, 'paid:' || loan_no || ':' || n, 'paid', day,
    day + interval '10 hours', jsonb_build_object('amount', (tiyn / 100.0)::numeric(18, 2)::text), loan_no, 1, tiyn
from stage_event
"""
_RARE = """
insert into loan_event (id, loan_id, key, kind, value_date, known_at, payload, loan_no, code, tiyn)
values (gen_random_uuid(), md5('loan' || %(no)s)::uuid, %(key)s, %(kind)s, %(day)s, %(known)s, %(payload)s, %(no)s,
    %(code)s, %(tiyn)s)
"""
# the bulk is inserted without the indexes, which are made once at the end
_BARE = """
alter table loan_event drop constraint loan_event_pkey, drop constraint loan_event_key_key;
drop index ix_loan_event_loan_id, loan_event_read;
"""
_INDEXED = """
alter table loan_event add primary key (id), add unique (key);
create index ix_loan_event_loan_id on loan_event (loan_id);
create index loan_event_read on loan_event (loan_no, value_date, code) include (tiyn);
"""


@dataclass(frozen=True)
class Made:
    """Numbers of rows."""

    loans: int
    events: int


def fill(owner_url: str, loans: int, on: date, seed: int) -> Made:
    """Fill an empty, migrated database, as its superuser."""
    chance = np.random.default_rng(seed)
    with psycopg.connect(owner_url, autocommit=True) as plain, dbapi.connect(owner_url, autocommit=True) as arrow:
        plain.execute(_STAGE)
        rare: list[dict[str, Any]] = []
        for first in range(1, loans + 1, _CHUNK):
            numbers = np.arange(first, min(first + _CHUNK, loans + 1))
            rare += _chunk(arrow, chance, numbers, on.toordinal())
        plain.execute("set work_mem = '256MB'")
        plain.execute("set maintenance_work_mem = '512MB'")
        plain.execute(_BARE)
        for statement in (_LOANS, _DISBURSED, _PAID):
            plain.execute(statement)
        with plain.cursor() as cursor:
            cursor.executemany(_RARE, rare)
        plain.execute(_INDEXED)
        plain.execute("drop table stage_loan, stage_event")
        plain.execute("vacuum (analyze) loan_event")
        plain.execute("vacuum (analyze) loan")
        row = plain.execute("select (select count(*) from loan), (select count(*) from loan_event)").fetchone()
    return Made(*row) if row else Made(0, 0)


def _chunk(connection: Any, chance: np.random.Generator, numbers: Ints, on: int) -> list[dict[str, Any]]:
    terms = _terms(chance, len(numbers), on)
    due, part, interest, before = _plan(terms)
    loan, day, amount = _payments(chance, due, part, interest, before, terms, on)
    table = {
        "no": numbers, "lent": terms.lent, "rate": terms.rate.astype(np.int16),
        "periods": terms.periods.astype(np.int32), "method": terms.method.astype(np.int16),
        "interest_only": terms.interest_only.astype(np.int32), "disbursed": _dates(terms.disbursed),
        "first_due": _dates(terms.first_due),
    }  # fmt: skip
    events = {
        "loan_no": numbers[loan], "day": _dates(day), "tiyn": amount, "n": np.arange(len(day), dtype=np.int32),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.adbc_ingest("stage_loan", pa.table(table), mode="append")
        cursor.adbc_ingest("stage_event", pa.table(events), mode="append")
    return list(_rare(chance, numbers, terms, due, on))


def _dates(ordinals: Ints) -> pa.Array:
    return pa.array((ordinals - date(1970, 1, 1).toordinal()).astype(np.int32), pa.date32())


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
    )


def _plan(terms: Terms) -> tuple[Ints, Ints, Ints, Ints]:
    """Due dates, parts of principal, planned interest, and the balance before each row."""
    rules = rules_in_numbers(servicing_rules(date(2025, 1, 1)))
    shape = (int(terms.periods.max()), len(terms.lent))
    due, part, pay = np.full(shape, NEVER), np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    if rules is not None and len(due) <= MOST_ROWS:
        plans(terms.rows(), factors(RATES, DayCount.ACT_365), MONTHS, rules[0], due, part, pay)
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
