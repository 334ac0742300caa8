"""How fast schedules and effective rates are made, beside public engines, in one run.

All engines get the same loans: level monthly instalments, each month a twelfth of the year. Rounds take turns, so that
what else the machine does hits all alike; figures are medians of CPU time. `schedules` of ours are the rows in whole
tiyn, the same job as the others'; `by_days` adds due dates, days of months and checks of the terms; `full` are the
schedules that clients get, with amounts, dates and effective rate.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from importlib.metadata import version
from importlib.util import find_spec
from statistics import median
from time import process_time
from typing import Any

from rules.accrual import factor
from rules.calendar import add_months
from rules.day_count import DayCount, Period
from rules.effective_rate import annual_effective_rate
from rules.errors import Unavailable
from rules.money import Money
from rules.plan import level_rows, rows_in_tiyn
from rules.schedule import LoanTerms, Method, build

_PACKAGES = {
    "amortization": "amortization",
    "amortizacion-engine": "financial_engine",
    "numpy-financial": "numpy_financial",
    "pyloan": "pyloan",
    "pyxirr": "pyxirr",
}
_KNOWN = (("100000", "56", 12), ("150000", "30", 6), ("317260", "21.99", 11), ("1000000", "46", 24))
_CENT = Decimal("0.01")
_MONTH = Period(date(2025, 1, 1), date(2025, 2, 1), 1)

Rows = list[tuple[Decimal, Decimal, Decimal, Decimal]]  # interest, principal, payment, balance after


@dataclass(frozen=True)
class Loan:
    """The same loan in the shapes that the engines take."""

    terms: LoanTerms
    principal: float
    rate: float

    @classmethod
    def of(cls, principal: str, percent: str, periods: int, disbursed: date, count: DayCount) -> Loan:
        """A loan of level monthly instalments."""
        terms = LoanTerms(
            principal=Money(principal),
            rate_percent_per_year=Decimal(percent),
            periods=periods,
            method=Method.ANNUITY,
            disbursed=disbursed,
            first_due=add_months(disbursed, 1),
            day_count=count,
        )
        return cls(terms, float(principal), float(percent) / 100)


@dataclass(frozen=True)
class Engine:
    """make: the work that is timed; rows: its result in one shape. share: of the loans, for the slow ones."""

    make: Callable[[Loan], Any]
    rows: Callable[[Any], Rows]
    share: float = 1.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this benchmark."""
    parser.add_argument("--loans", type=int, default=1000, help="schedules of a round")
    parser.add_argument("--rounds", type=int, default=9)


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measure; `failures` counts broken invariants of ours, and one if the fastest sound engine is not slower."""
    missing = sorted(name for name, module in _PACKAGES.items() if find_spec(module) is None)
    if missing:
        raise Unavailable(f"engines to compare with are not installed: {', '.join(missing)}")
    chance = random.Random(7)  # noqa: S311  # nosec B311
    loans = [_any_loan(chance, DayCount.THIRTY_360) for _ in range(args.loans)]
    by_days = [_any_loan(chance, DayCount.ACT_365) for _ in range(args.loans)]
    others = _others()
    work: dict[str, tuple[Callable[[Any], Any], Sequence[Any]]] = {
        "nesie": (_ours, loans),
        "nesie by_days": (lambda loan: rows_in_tiyn(loan.terms), by_days),
        "nesie full": (lambda loan: build(loan.terms), by_days[: max(args.loans // 20, 1)]),
    }
    for name, engine in others.items():
        work[name] = (engine.make, loans[: max(int(args.loans * engine.share), 1)])
    flows = [build(loan.terms).flows() for loan in by_days[: max(args.loans // 10, 1)]]
    work["xirr nesie"] = (annual_effective_rate, flows)
    work["xirr pyxirr"] = (_by_pyxirr(), [_columns(one) for one in flows])
    speeds = _speeds(work, args.rounds)
    return _result(args, speeds, others)


def _result(args: argparse.Namespace, speeds: dict[str, float], others: dict[str, Engine]) -> dict[str, Any]:
    ours = speeds["nesie"]
    kept = {"nesie": _invariants(Engine(_ours, _of_tiyn))} | {name: _invariants(one) for name, one in others.items()}
    sound = [name for name in others if all(kept[name].values())]
    fastest = max(sound, key=lambda name: speeds[name])
    engines = {
        name: {
            "version": version(name),
            "schedules_per_second": round(speeds[name]),
            "ratio": round(ours / speeds[name], 2),
            "keeps": kept[name],
        }
        for name in others
    }
    return {
        "loans": args.loans,
        "rounds": args.rounds,
        "instalments": 12,
        "time": "CPU seconds, medians",
        "nesie": {
            "schedules_per_second": round(ours),
            "by_days_per_second": round(speeds["nesie by_days"]),
            "full_per_second": round(speeds["nesie full"]),
            "keeps": kept["nesie"],
        },
        "engines": engines,
        "fastest_that_keeps_the_invariants": fastest,
        "ratio": round(ours / speeds[fastest], 2),
        "xirr": {
            "flows": 13,
            "nesie_per_second": round(speeds["xirr nesie"]),
            "pyxirr_per_second": round(speeds["xirr pyxirr"]),
            "pyxirr_version": version("pyxirr"),
            "digits": "ours are correct to six decimals by Decimal, pyxirr's are floats",
        },
        "failures": sum(not good for good in kept["nesie"].values()) + (ours <= speeds[fastest]),
    }


def _any_loan(chance: random.Random, count: DayCount) -> Loan:
    percent = str(Decimal(chance.randint(100, 460)) / 10)
    day = date(2025, chance.randint(1, 12), chance.randint(1, 28))
    return Loan.of(str(chance.randint(10_000, 1_000_000)), percent, 12, day, count)


def _speeds(work: dict[str, tuple[Callable[[Any], Any], Sequence[Any]]], rounds: int) -> dict[str, float]:
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, (make, given) in work.items():
            began = process_time()
            for one in given:
                make(one)
            seconds[name].append((process_time() - began) / len(given))
    return {name: 1 / median(taken) for name, taken in seconds.items()}


def _invariants(engine: Engine) -> dict[str, bool]:
    """Over four known loans, to the cent: parts sum up to the principal, rows add up, nothing is left."""
    sums = adds = empty = True
    for principal, percent, periods in _KNOWN:
        loan = Loan.of(principal, percent, periods, date(2025, 1, 15), DayCount.THIRTY_360)
        rows = engine.rows(engine.make(loan))
        sums &= len(rows) == periods and sum(row[1] for row in rows) == Decimal(principal)
        adds &= all(interest + part == payment for interest, part, payment, _ in rows)
        empty &= rows[-1][3] == 0
    return {"sum_of_principal": sums, "rows_add_up": adds, "last_balance_zero": empty}


def _ours(loan: Loan) -> Any:
    month = factor(loan.terms.rate_percent_per_year, _MONTH, DayCount.THIRTY_360)
    return level_rows(loan.terms.principal.tiyn, [month] * loan.terms.periods)


def _of_tiyn(rows: Any) -> Rows:
    return [tuple(Decimal(value).scaleb(-2) for value in row) for row in rows]  # type: ignore[misc]


def _cents(*values: Any) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    interest, principal, payment, balance = (Decimal(str(value)).quantize(_CENT) for value in values)
    return interest, principal, payment, balance


def _others() -> dict[str, Engine]:
    return {
        "amortization": _amortization(),
        "amortizacion-engine": _amortizacion(),
        "numpy-financial": _numpy(),
        "pyloan": _pyloan(),
    }


def _amortization() -> Engine:
    from amortization.schedule import amortization_schedule

    def make(loan: Loan) -> Any:
        return list(amortization_schedule(loan.principal, loan.rate, loan.terms.periods))

    return Engine(make, lambda rows: [_cents(row.interest, row.principal, row.amount, row.balance) for row in rows])


def _amortizacion() -> Engine:
    from financial_engine import simulate

    def make(loan: Loan) -> Any:
        terms = loan.terms
        return simulate(
            mode="FRENCH_FIXED_PAYMENT",
            principal=terms.principal.root,
            annual_rate=terms.rate_percent_per_year / 100,
            periods=terms.periods,
            periodicity="monthly",
            start_date=terms.disbursed,
        ).schedule

    def rows(made: Any) -> Rows:
        return [_cents(row.interest_component, row.principal_component, row.payment, row.balance) for row in made]

    return Engine(make, rows, 0.3)


def _numpy() -> Engine:
    import numpy as np
    import numpy_financial as npf

    def make(loan: Loan) -> Any:
        periods = np.arange(1, loan.terms.periods + 1)
        monthly = loan.rate / 12
        interest = -npf.ipmt(monthly, periods, loan.terms.periods, loan.principal)
        principal = -npf.ppmt(monthly, periods, loan.terms.periods, loan.principal)
        balance = loan.principal - np.cumsum(principal)
        return list(zip(interest, principal, interest + principal, balance, strict=True))

    return Engine(make, lambda made: [_cents(*(round(float(value), 2) for value in row)) for row in made], 0.3)


def _pyloan() -> Engine:
    from pyloan.pyloan import Loan as Pyloan

    def make(loan: Loan) -> Any:
        terms = loan.terms
        return Pyloan(
            loan_amount=loan.principal,
            interest_rate=float(terms.rate_percent_per_year),
            loan_term=terms.periods,
            start_date=terms.disbursed.isoformat(),
            loan_term_period="M",
            compounding_method="30E/360",
            payment_end_of_month=False,
            loan_type="annuity",
        ).get_payment_schedule()[1:]

    def rows(made: Any) -> Rows:
        return [
            _cents(row.interest_amount, row.principal_amount, row.payment_amount, row.loan_balance_amount)
            for row in made
        ]

    return Engine(make, rows, 0.1)


def _by_pyxirr() -> Callable[[tuple[list[date], list[float]]], Any]:
    from pyxirr import xirr

    return lambda columns: xirr(*columns)


def _columns(flows: Sequence[tuple[date, Money]]) -> tuple[list[date], list[float]]:
    return [day for day, _ in flows], [float(amount.root) for _, amount in flows]
