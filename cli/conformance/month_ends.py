"""Schedules over month ends: the day that a month lacks goes back to its last day, or on to the next month's first."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from cli.conformance.report import FileReport, day, money, tiyn
from rules.calendar import MonthEnd, add_months
from rules.errors import BusinessError
from rules.schedule import DayCount, LoanTerms, Method, Rounding, instalments

_RULES = {"LAST_DAY_OF_MONTH": MonthEnd.CLAMP, "FIRST_DAY_OF_NEXT_MONTH": MonthEnd.ROLL}
_COUNTS = {"30/360": DayCount.THIRTY_360, "ACTUAL/ACTUAL": DayCount.ACT_ACT_31DEC}


def judge(content: dict[str, Any]) -> FileReport:
    """Dates and money of each row."""
    report, terms = FileReport(), content["terms"]
    for case in content["cases"]:
        rule, count = _RULES.get(case["rule"]), _COUNTS.get(case["day_count"])
        if rule is None or count is None:
            report.skip(f"{case['rule']}, {case['day_count']}: no rule of ours")
        elif not terms["method"].startswith("annuity"):
            report.skip(f"method {terms['method']}")
        else:
            report.compare(case["id"], _difference(case, terms, rule, count))
    return report


def _difference(case: dict[str, Any], terms: dict[str, Any], rule: MonthEnd, count: DayCount) -> str | None:
    disbursed = day(terms["disbursed"])
    loan = LoanTerms(
        principal=money(terms["principal"]),
        rate_percent_per_year=Decimal(terms["annual_rate_percent"]),
        periods=terms["periods"],
        method=Method.ANNUITY,
        disbursed=disbursed,
        first_due=add_months(disbursed, 1, rule),
        day_count=count,
        rounding=Rounding.SPREAD,
        month_end=rule,
    )
    wanted = [row for row in case["schedule"] if row["n"]]
    try:
        rows = instalments(loan)
    except BusinessError as error:
        return f"refused: {error.code}"
    for row, want in zip(rows, wanted, strict=True):
        got = (row.due, row.days, row.interest.tiyn, row.principal.tiyn, row.payment.tiyn, row.balance.tiyn)
        amounts = [tiyn(want[name]) for name in ("interest", "principal", "due", "balance")]
        if got != (day(want["date"]), want["days"], *amounts):
            return f"row {row.n}: {row.due} {row.interest} + {row.principal}"
    return None
