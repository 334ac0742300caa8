"""`nesie schedule`, `nesie aer`, `nesie conformance`: the loan maths by itself, without a database or a stack."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from cli.conformance import conformance
from rules.calendar import MonthEnd, OffDays, add_months
from rules.effective_rate import YEAR_DAYS, Flow, roots
from rules.errors import InvalidInput
from rules.money import Money
from rules.schedule import Charge, DayCount, LoanTerms, Method, RepaymentSchedule, Rounding, build

T = TypeVar("T")
Choice = TypeVar("Choice", bound=StrEnum)

_RATE = re.compile(r"[0-9]{1,7}(\.[0-9]{1,10})?")
_OWN_INTEREST_ONLY = 3
_MOST = Decimal(10**18)
_STATUS = {0: "no_solution", 1: "solved"}


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the three commands."""
    _add_schedule(subparsers)
    aer = subparsers.add_parser("aer", help="the annual effective rate of any flows")
    aer.add_argument(
        "--flows", required=True, type=Path, metavar="FILE", help="JSON list of [day number or ISO date, amount]"
    )
    aer.add_argument("--year-days", default=str(YEAR_DAYS), metavar="DAYS", help="days of a year, 365 when not given")
    aer.add_argument("--json", action="store_true", help="one JSON object")
    aer.set_defaults(run=run_aer)
    check = subparsers.add_parser("conformance", help="published figures, computed again")
    check.add_argument("subject", choices=["loan-maths"])
    check.add_argument("folder", type=Path, metavar="FOLDER")
    check.add_argument("--json", action="store_true", help="one JSON object")
    check.set_defaults(run=run_conformance)


def _add_schedule(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("schedule", help="a repayment schedule with its annual effective rate")
    parser.add_argument("--principal", required=True, metavar="AMOUNT", help="tenge, for example 150000.00")
    parser.add_argument("--rate", required=True, metavar="PERCENT", help="nominal, per cent a year")
    parser.add_argument("--periods", required=True, metavar="COUNT", help="number of monthly instalments")
    parser.add_argument("--method", default=Method.ANNUITY.value, help=" | ".join(Method))
    parser.add_argument("--day-count", default=DayCount.ACT_365.value, help=" | ".join(DayCount))
    parser.add_argument("--disbursed", required=True, metavar="DATE", help="YYYY-MM-DD")
    parser.add_argument("--first-due", metavar="DATE", help="a month after the money when not given")
    parser.add_argument("--rounding", default=Rounding.LAST_ABSORBS.value, help=" | ".join(Rounding))
    parser.add_argument("--multiple-of", default="0.01", metavar="AMOUNT", help="what instalments are rounded to")
    parser.add_argument("--month-end", default=MonthEnd.CLAMP.value, help=" | ".join(MonthEnd))
    parser.add_argument("--off-days", default=OffDays.KEEP.value, help=" | ".join(OffDays))
    parser.add_argument(
        "--fee", action="append", default=[], metavar="NAME=AMOUNT", help="a charge paid with the money; may repeat"
    )
    own = parser.add_argument_group("of the lender's own method")
    own.add_argument("--interest-only", metavar="COUNT", help="first instalments of interest alone; 3 when not given")
    own.add_argument("--grace", default="0", metavar="COUNT", help="first periods whose interest falls due after them")
    own.add_argument("--step-percent", default="0", metavar="PERCENT", help="by which instalments grow, step by step")
    own.add_argument("--step-every", default="12", metavar="COUNT", help="instalments in a step")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(run=run_schedule)


def run_schedule(args: argparse.Namespace) -> int:
    """Print the schedule."""
    terms = _terms(args)
    made = build(terms, [_fee(text, terms.disbursed) for text in args.fee])
    if args.json:
        _tell(_as_json(made))
    else:
        _print(made)
    return 0


def _terms(args: argparse.Namespace) -> LoanTerms:
    """What the arguments say.

    Raises:
        InvalidInput: names the argument that is wrong.
    """
    disbursed = _parsed("--disbursed", args.disbursed, date.fromisoformat, "a day is written YYYY-MM-DD")
    month_end = _choice("--month-end", args.month_end, MonthEnd)
    method = _choice("--method", args.method, Method)
    periods, own = _whole("--periods", args.periods), method is Method.OWN
    return LoanTerms(
        principal=_money("--principal", args.principal),
        rate_percent_per_year=_percent("--rate", args.rate),
        periods=periods,
        method=method,
        disbursed=disbursed,
        first_due=_parsed("--first-due", args.first_due, date.fromisoformat, "a day is written YYYY-MM-DD")
        if args.first_due
        else _a_month_after(disbursed, month_end),
        day_count=_choice("--day-count", args.day_count, DayCount),
        rounding=_choice("--rounding", args.rounding, Rounding),
        interest_only_months=_interest_only(args.interest_only, periods) if own else 0,
        grace_periods=_whole("--grace", args.grace) if own else 0,
        step_percent=_percent("--step-percent", args.step_percent) if own else Decimal(0),
        step_every=_whole("--step-every", args.step_every),
        multiple_of=_money("--multiple-of", args.multiple_of),
        month_end=month_end,
        off_days=_choice("--off-days", args.off_days, OffDays),
    )


def _a_month_after(disbursed: date, month_end: MonthEnd) -> date:
    return _parsed("--disbursed", str(disbursed), lambda _: add_months(disbursed, 1, month_end), "no month follows it")


def _interest_only(given: str | None, periods: int) -> int:
    """As the product of today: three instalments, at most half of the term."""
    return min(_OWN_INTEREST_ONLY, periods // 2) if given is None else _whole("--interest-only", given)


def _fee(text: str, on: date) -> Charge:
    name, sign, amount = text.partition("=")
    if not (name and sign):
        raise InvalidInput("field-format", f"--fee is written NAME=AMOUNT, not '{text}'")
    charge = Charge(name=name, amount=_money("--fee", amount), on=on)
    if charge.amount < Money(0):
        raise InvalidInput("field-out-of-range", f"--fee {name}: a fee is not below zero")
    return charge


def _parsed(argument: str, text: str, parse: Callable[[str], T], words: str) -> T:
    try:
        return parse(text)
    except (ValueError, ValidationError, InvalidOperation, OverflowError):
        raise InvalidInput("field-format", f"{argument} '{text}': {words}") from None


def _money(argument: str, text: str) -> Money:
    return _parsed(argument, text, Money, "money is written like 150000.00")


def _percent(argument: str, text: str) -> Decimal:
    if not _RATE.fullmatch(text):
        raise InvalidInput("field-format", f"{argument} '{text}': per cent are written like 37.8")
    return Decimal(text)


def _whole(argument: str, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", text):
        raise InvalidInput("field-format", f"{argument} '{text}': a whole number is needed")
    return int(text)


def _choice(argument: str, text: str, options: type[Choice]) -> Choice:
    try:
        return options(text)
    except ValueError:
        raise InvalidInput("field-not-allowed", f"{argument} '{text}': one of {', '.join(options)} is needed") from None


def _as_json(made: RepaymentSchedule) -> dict[str, Any]:
    names = ("n", "due", "days", "interest", "principal", "payment", "balance")
    rows = [row.model_dump(mode="json") for row in made.rows]
    return {
        "rows": [{name: row[name] for name in names} for row in rows],
        "total": {"interest": str(made.total_interest), "payment": str(made.total_payment)},
        "annual_effective_rate_percent": str(made.annual_effective_rate_percent),
    }


def _print(made: RepaymentSchedule) -> None:
    print(f"{'n':>4}  {'due':<10}  {'days':>4}  {'interest':>14}  {'principal':>14}  {'payment':>14}  {'balance':>14}")
    for row in made.rows:
        amounts = "  ".join(f"{amount!s:>14}" for amount in (row.interest, row.principal, row.payment, row.balance))
        print(f"{row.n:>4}  {row.due}  {row.days:>4}  {amounts}")
    print(f"interest {made.total_interest}, to pay {made.total_payment}")
    for charge in made.charges:
        print(f"{charge.name} {charge.amount} on {charge.on}")
    print(f"annual effective rate {made.annual_effective_rate_percent} %")


def run_aer(args: argparse.Namespace) -> int:
    """Print every rate that solves the flows."""
    year = _percent("--year-days", args.year_days)
    if not year:
        raise InvalidInput("field-out-of-range", "--year-days must be above zero")
    found = [f"{rate:f}" for rate in roots(read_flows(args.flows), year)]
    status = _STATUS.get(len(found), "several_roots")
    if args.json:
        only = found[0] if len(found) == 1 else None
        _tell({"status": status, "annual_effective_rate_percent": only, "roots": found})
    else:
        print(status, *(f"{rate} %" for rate in found))
    return 0


def read_flows(path: Path) -> list[Flow]:
    """Flows of a file as (days, amount); dates are counted from the earliest.

    Raises:
        InvalidInput: `file-wrong`, with the place.
    """
    try:
        listed = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal, parse_constant=_no_number)
    except OSError as error:
        raise InvalidInput("file-wrong", f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise InvalidInput("file-wrong", f"{path} is no JSON: {error}") from None
    if not isinstance(listed, list):
        raise InvalidInput("file-wrong", f"{path} must hold a JSON list of [day number or ISO date, amount]")
    flows = [_flow(one, f"{path}, flow {n}") for n, one in enumerate(listed, 1)]
    if len({is_date for is_date, _, _ in flows}) > 1:
        raise InvalidInput("file-wrong", f"{path} mixes day numbers and dates")
    return [(when, amount) for _, when, amount in flows]


def _no_number(name: str) -> Decimal:
    raise ValueError(f"{name} is no number")


def _flow(given: Any, place: str) -> tuple[bool, Decimal, Decimal]:
    if not (isinstance(given, list) and len(given) == 2):
        raise InvalidInput("file-wrong", f"{place}: [day number or ISO date, amount] is needed")
    when, amount = given
    if isinstance(when, str):
        try:
            return True, Decimal(date.fromisoformat(when).toordinal()), _number(amount, place)
        except ValueError:
            raise InvalidInput("file-wrong", f"{place}: a day is a number or written YYYY-MM-DD") from None
    return False, _number(when, place), _number(amount, place)


def _number(given: Any, place: str) -> Decimal:
    if isinstance(given, str) and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", given):
        given = Decimal(given)
    if isinstance(given, bool) or not isinstance(given, int | Decimal):
        raise InvalidInput("file-wrong", f"{place}: '{given}' is no number")
    number = Decimal(given)
    if abs(number) >= _MOST:
        raise InvalidInput("file-wrong", f"{place}: {number} is too large")
    return number


def run_conformance(args: argparse.Namespace) -> int:
    """Print what each file's cases came to; exit code 1 where a covered case differs."""
    found = conformance(args.folder)
    if args.json:
        _tell(found)
    else:
        for name, report in found.items():
            print(f"{name}: {report['cases']} cases, {report['covered']} covered, {report['exact']} exact")
            for one in report["differing"]:
                print(f"  differs: {one['id']}: {one['reason']}")
            for reason, count in report["not_covered"].items():
                print(f"  not covered, {count}: {reason}")
    return 1 if any(report["differing"] for report in found.values()) else 0


def _tell(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False))
