"""A loan's facts and terms from JSON files, read leniently where the meaning is clear."""

from __future__ import annotations

import json
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rules.calendar import ALMATY, add_months
from rules.errors import InvalidInput
from rules.loan import LoanEvent, loan_event
from rules.schedule import LoanTerms, Method

FORMATS = """\
files:
  --events FILE  a JSON list of facts, in any order. Of every fact:
      kind        disbursed | paid | due_moved | penalty_rule | suspended | resumed | restructured | written_off |
                  refunded | corrected
      value_date  the day it counts for, YYYY-MM-DD
      known_at    when it became known, with a zone; midnight of value_date in Almaty when left out
      key         its own name, never twice; kind and place in the list when left out (paid-3)
    and by kind:
      disbursed, refunded   amount, through (bank | cash-desk | terminal | merchant; bank when left out)
      paid                  amount, through, use (due | shorter_term | smaller_instalment; due when left out)
      due_moved             due, to, later_too
      penalty_rule          daily_percent, first_days, later_daily_percent, year_cap_percent
      resumed               charge_later
      restructured          rate_percent_per_year, periods, first_due, method, interest_only_months, forgive_penalty
      written_off           ground (court_verdict | lender_breach | ombudsman), return_paid
      corrected             wrong (a key), reason, instead (a fact, or left out)
    [{"kind": "disbursed", "value_date": "2026-01-15", "amount": "150000.00"},
     {"kind": "paid", "value_date": "2026-02-15", "amount": "15200.00"}]
  --terms FILE   a JSON object: principal, rate_percent_per_year, periods; disbursed (the day of the disbursed fact when
      left out), first_due (a month after it), method (annuity | differentiated | bullet | own), day_count (act/365 |
      act/360 | 30/360 | act/act | ...), rounding (last_absorbs | spread) and the other fields of a contract's terms
    {"principal": "150000.00", "rate_percent_per_year": "37.8", "periods": 12, "disbursed": "2026-01-15"}
"""


def read_events(path: Path) -> list[LoanEvent]:
    """The facts of a file.

    Raises:
        InvalidInput: `file-wrong`; the sentence names the place.
    """
    listed = _json(path)
    if not isinstance(listed, list) or not listed:
        raise _wrong(f"{path} must hold a JSON list of facts")
    return [_event(one, f"{path}, fact {n}", str(n)) for n, one in enumerate(listed, 1)]


def read_terms(path: Path, events: list[LoanEvent]) -> LoanTerms:
    """The terms of a file; what it leaves out follows from the disbursement.

    Raises:
        InvalidInput: `file-wrong`; the sentence names the place.
    """
    given = _json(path)
    if not isinstance(given, dict):
        raise _wrong(f"{path} must hold a JSON object with the terms")
    unknown = sorted(set(given) - set(LoanTerms.model_fields))
    if unknown:
        raise _wrong(f"{path}: terms have no field '{unknown[0]}'")
    lent = next((one.value_date for one in events if one.kind == "disbursed"), None)
    if lent is not None:
        given.setdefault("disbursed", lent)
    given.setdefault("method", Method.ANNUITY)
    try:
        if "first_due" not in given and "disbursed" in given:
            given["first_due"] = add_months(date.fromisoformat(str(given["disbursed"])), 1)
        return LoanTerms.model_validate(given)
    except ValidationError as error:
        raise _wrong(f"{path}: {_first(error)}") from None
    except ValueError:
        raise _wrong(f"{path}: disbursed is no day, write YYYY-MM-DD") from None


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except OSError as error:
        raise _wrong(f"{path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise _wrong(f"{path} is no JSON") from None


def _event(given: Any, place: str, number: str) -> LoanEvent:
    fact = _completed(given, place, number)
    try:
        return loan_event.validate_python(fact)
    except ValidationError as error:
        raise _wrong(f"{place}: {_first(error)}") from None


def _completed(given: Any, place: str, number: str) -> dict[str, Any]:
    """The fact with what may be left out."""
    if not isinstance(given, dict) or not isinstance(given.get("kind"), str):
        raise _wrong(f"{place} must be a JSON object with a kind")
    fact = dict(given)
    fact.setdefault("key", f"{fact['kind']}-{number}")
    if isinstance(fact.get("instead"), dict):
        inner = {name: fact[name] for name in ("known_at",) if name in fact} | fact["instead"]
        fact["instead"] = _completed(inner, f"{place}, instead", f"{number}-instead")
        fact.setdefault("value_date", fact["instead"].get("value_date"))
    fact["known_at"] = _instant(fact.get("known_at", fact.get("value_date")), place)
    return fact


def _instant(given: Any, place: str) -> datetime:
    """An instant, or a day that stands for its midnight in Almaty."""
    try:
        moment = datetime.fromisoformat(str(given))
    except ValueError:
        raise _wrong(f"{place}: value_date is no day, write YYYY-MM-DD") from None
    if moment.tzinfo is None:
        moment = datetime.combine(moment.date(), moment.time() or time(), ALMATY)
    return moment


def _first(error: ValidationError) -> str:
    """The first mistake, with its place."""
    found = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in found["loc"] if not str(part).startswith("function-"))
    return f"{where}: {found['msg']}" if where else str(found["msg"])


def _wrong(sentence: str) -> InvalidInput:
    return InvalidInput("file-wrong", sentence)
