"""Published unit tests of an instalment calculator: steps that make and change a loan, and checks in between.

Covered is a loan of one disbursement, as it is or with pauses of interest or moved due dates: rows, factors and
unrounded interest.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from cli.conformance.calculator_loans import Loan, loan_of, terms_of
from cli.conformance.report import FileReport, day, tiyn
from rules.accrual import SCALE
from rules.errors import BusinessError

_QUIET = frozenset({"generatePeriodInterestScheduleModel", "amount", "getDueAmounts", "getOutstandingAmountsTillDate"})
_CHECK, _MOVED = "checkPeriod", "changeDueDate"
_PLAYED = frozenset({_CHECK, _MOVED, "addDisbursement", "applyInterestPause"})
_REASONS = {
    "changeInterestRate": "a change of rate: a restructuring with us, with a new plan",
    "creditPrincipal": "a chargeback: no event of ours",
    "creditInterest": "a chargeback: no event of ours",
    "payPrincipal": "money that goes to a chosen principal or interest: with us the waterfall decides",
    "payInterest": "money that goes to a chosen principal or interest: with us the waterfall decides",
    "addBalanceCorrection": "a corrected balance: no event of ours",
    "reAgeEqualAmortization": "re-ageing: a restructuring with us",
}
_PLACES = Decimal("0.000000000001")
_NEAR = Decimal("0.000000001")


def judge(content: dict[str, Any]) -> FileReport:
    """Every check of every covered test."""
    report = FileReport()
    for case in content["cases"]:
        reason = _outside(case) or _strange_dates(case)
        if reason:
            report.skip(reason)
        else:
            report.compare(case["test"], _difference(case))
    return report


def _outside(case: dict[str, Any]) -> str | None:
    """Why a test is not covered; None where it is."""
    steps = [step for step, _ in case["sequence"]]
    if _CHECK not in steps:
        return "a test without a check"
    if case["days_in_year"] == "DAYS_364":
        return "a year of 364 days"
    if "interestGrace" in case["test"]:
        return "interest of a grace: rounded month by month there, once where it falls due with us"
    for step, reason in _REASONS.items():
        if step in steps:
            return reason
    strange = set(steps) - _QUIET - _PLAYED
    if strange:
        return f"steps unknown here: {', '.join(sorted(strange))}"
    if steps.count("addDisbursement") != 1:
        return "a second disbursement"
    changed = max((n for n, step in enumerate(steps) if step in _PLAYED - {_CHECK}), default=0)
    return "checks before the last change" if steps.index(_CHECK) < changed else None


def _strange_dates(case: dict[str, Any]) -> str | None:
    ours = [(span.start, span.due) for span in terms_of(case).repayment_periods()]
    same = ours == [(day(start), day(due)) for start, due in case["periods"]]
    return None if same else "due dates that no rule of ours gives"


def _difference(case: dict[str, Any]) -> str | None:
    try:
        loan = loan_of(case)
    except BusinessError as error:
        return f"refused: {error.code}"
    last = len(loan.rows) - 1
    for values in (argument for step, argument in case["sequence"] if step == _CHECK):
        if loan.moved and int(values[0]) == last:
            continue  # its interest covers years there: an artefact of a date made for the test
        wrong = _check(loan, values)
        if wrong:
            return wrong
    return None


def _check(loan: Loan, values: list[str]) -> str | None:
    """One check: its row, and, where it has them, the factor and the unrounded interest of its part of a period."""
    index = int(values[0])
    interest, principal, payment, balance = loan.rows[index]
    if len(values) == 6:
        _, instalment, due_interest, due_principal, after, _ = values
    else:
        due_interest = values[5] if len(values) == 8 else values[4]
        instalment, due_principal, after = values[2], values[-2], values[-1]
    wanted = tuple(map(tiyn, (due_interest, due_principal, instalment, after)))
    if (interest, principal, payment, balance) != wanted:
        return f"period {index}: {(interest, principal, payment, balance)}, printed {wanted} (cents)"
    if len(values) > 6 and index not in loan.moved and not _part_agrees(loan, index, values):
        return f"period {index}: factors {loan.parts[index]}, printed {values[3]}, interest {values[4]}"
    return None


def _part_agrees(loan: Loan, index: int, values: list[str]) -> bool:
    """Whether one of our parts of the period has the printed factor and, if printed, its interest."""
    printed, exact = Decimal(values[3]), Decimal(values[4])
    if not printed:  # the empty part before a disbursement on the first day
        return True
    for part in loan.parts[index]:
        ours = Decimal(part.factor) / SCALE
        interest = Decimal(0) if part.paused else Decimal(loan.opening[index]) / 100 * ours
        if ours.quantize(_PLACES) == printed.quantize(_PLACES):
            return len(values) == 7 or abs(interest - exact) < _NEAR
    return False
