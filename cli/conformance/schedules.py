"""Schedules printed by another lending system, computed again from their terms.

Its product names carry what the terms leave out: the day count, and whether the instalment is rounded to a whole unit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from cli.conformance.report import FileReport, day, money, tiyn
from rules.day_count import DayCount, PeriodUnit
from rules.errors import BusinessError
from rules.money import Money
from rules.plan import rows_in_tiyn
from rules.terms import LoanTerms, Method, Rounding

_CENT, _WHOLE = Money("0.01"), Money("1.00")
_DOWN = Decimal("0.25")
_NO_GRACE = "0"
_PLAIN_BY_DAYS = (
    "INSTALLMENT_FEE_PERCENT",
    "INSTALLMENT_FEE_ALL_CHARGES",
    "ZERO_INTEREST_CHARGE_OFF_BEHAVIOUR",
    "DOWNPAYMENT",
)


@dataclass(frozen=True)
class Convention:
    """What a product's name says."""

    count: DayCount
    multiple: Money


@dataclass(frozen=True)
class Row:
    """A printed row; money in hundredths."""

    due: str
    days: int
    balance: int
    principal: int
    interest: int
    payment: int


def judge(content: dict[str, Any]) -> FileReport:
    """Every schedule that follows from its terms alone."""
    report = FileReport()
    for case in content["cases"]:
        reason = _outside(case)
        if reason:
            report.skip(reason)
            continue
        rows = [_row(values) for values in case["schedule"]]
        down = len(rows) - case["n"]
        if down and rows[0].principal != _down_payment(case):
            report.skip("a down payment other than a quarter, to the cent")
            continue
        difference = _difference(_terms(case, rows), rows[down:])
        other = _other_reading(case, rows) if difference else None
        if other:
            report.skip(other)
        else:
            report.compare(case["id"], difference)
    return report


def convention(product: str) -> Convention:
    """Day count and rounding of an instalment, from the product's name."""
    multiple = _WHOLE if product.startswith("LP1") else _CENT
    if "360_30" in product:
        return Convention(DayCount.THIRTY_360, multiple)
    if "365_ACTUAL" in product:
        return Convention(DayCount.ACT_365, multiple)
    if "360_ACTUAL" in product:
        return Convention(DayCount.ACT_360, multiple)
    if "ACTUAL_ACTUAL" in product:
        return Convention(_actual(product), multiple)
    if "SAR_RECALCULATION" in product or any(name in product for name in _PLAIN_BY_DAYS):
        return Convention(DayCount.ACT_365, _WHOLE)
    if "DELINQUENT_REASON" in product:
        return Convention(DayCount.THIRTY_360, _WHOLE)
    return Convention(DayCount.THIRTY_360, multiple)


def _actual(product: str) -> DayCount:
    if "LEAP_YEAR" in product or "RECALC_ZERO_CHARGE_OFF_ACCRUAL" in product:
        return DayCount.ACT_ACT_FEB29
    if "INTEREST_RECOGNITION_DISBURSEMENT" in product:
        return DayCount.ACT_ACT
    return DayCount.ACT_ACT_31DEC


def _row(values: list[Any]) -> Row:
    _, days, due, balance, principal, interest, fees, penalties, total = values
    return Row(due, days, tiyn(balance), tiyn(principal), tiyn(interest), tiyn(total) - tiyn(fees) - tiyn(penalties))


def _outside(case: dict[str, Any]) -> str | None:
    """Why a case does not follow from its terms by conventions of ours; None where it does."""
    if not case["fresh"]:
        return "not fresh: payments, tranches or runs of later days stand in it"
    if case["interest"] == "FLAT" and Decimal(case["rate"]):
        return "flat interest, on the principal at the start"
    _, on_interest, free = case["grace"]
    if on_interest != _NO_GRACE or free != _NO_GRACE or any(tiyn(row[8]) == 0 for row in case["schedule"]):
        return "a row that asks for nothing"
    down = len(case["schedule"]) - case["n"]
    if down not in (0, 1):
        return "another number of rows than asked for"
    if "FIXED_LENGTH" in case["product"]:
        return "a last period stretched to a fixed length of the loan"
    _, days, due, *_ = case["schedule"][down]
    if (day(due) - day(case["advances"][0][0])).days != days:
        return "periods counted from the day of the application, not of the money"
    return None


def _down_payment(case: dict[str, Any]) -> int:
    share = Decimal(case["advances"][0][1]) * _DOWN
    return tiyn(share.quantize(Decimal("0.01"), ROUND_HALF_EVEN))


def _terms(case: dict[str, Any], rows: list[Row], rate: Decimal | None = None) -> LoanTerms:
    disbursed, amount = case["advances"][0]
    down = len(rows) - case["n"]
    by_name, level = convention(case["product"]), case["amort"] == "EQUAL_INSTALLMENTS"
    interest_only = int(case["grace"][0])
    every, unit = case["every"]
    return LoanTerms(
        principal=money(Decimal(amount)) - Money.of_tiyn(rows[0].principal if down else 0),
        rate_percent_per_year=Decimal(case["rate"]) if rate is None else rate,
        periods=case["n"],
        method=(Method.OWN if interest_only else Method.ANNUITY) if level else Method.DIFFERENTIATED,
        disbursed=day(disbursed),
        first_due=day(rows[down].due),
        day_count=by_name.count,
        rounding=Rounding.SPREAD,
        interest_only_months=interest_only,
        multiple_of=by_name.multiple if level else _CENT,
        unit=PeriodUnit(unit.lower()),
        every=int(every),
    )


def _difference(terms: LoanTerms, rows: list[Row]) -> str | None:
    try:
        made = rows_in_tiyn(terms)
    except BusinessError as error:
        return f"refused: {error.code}"
    spans = terms.repayment_periods()
    sums_up = _balances_add_up(terms, rows)
    for n, (got, span, want) in enumerate(zip(made, spans, rows, strict=True), 1):
        if (span.due.isoformat(), span.real_days) != (want.due, want.days):
            return f"row {n}: due {span.due}, printed {want.due}"
        if got[:3] != (want.interest, want.principal, want.payment):
            return f"row {n}: interest {got[0]}, principal {got[1]}; printed {want.interest}, {want.principal} (cents)"
        if sums_up and got[3] != want.balance:
            return f"row {n}: balance {got[3]}, printed {want.balance} (cents)"
    return None


def _balances_add_up(terms: LoanTerms, rows: list[Row]) -> bool:
    """False where the printed balances hold a tranche that is still to come: then only the rows count."""
    balances = [terms.principal.tiyn, *(row.balance for row in rows)]
    return all(before - row.principal == row.balance for before, row in zip(balances, rows, strict=False))


def _other_reading(case: dict[str, Any], rows: list[Row]) -> str | None:
    """Whether the printed rate, read otherwise, gives the printed rows to the cent."""
    if case["every"][1] != "MONTHS":
        return None
    for rate, words in _other_rates(case):
        if _difference(_terms(case, rows, rate), rows[len(rows) - case["n"] :]) is None:
            return f"the printed rate is {words}"
    return None


def _other_rates(case: dict[str, Any]) -> Iterator[tuple[Decimal, str]]:
    yearly, months = Decimal(case["rate"]), case["n"] * int(case["every"][0])
    yield yearly * 12, "that of a month"
    yield yearly * 12 / months, "that of the whole term"
