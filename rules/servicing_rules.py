"""How a loan is served: what a payment covers first, what being late costs, when interest stops. From policy rows.

The rows of the day of the contract's disbursement hold for the whole life of the loan, as its contract prints them; a
fact `PenaltyRule` changes the penalty of one loan.

Rules: para 7, part 5.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Final

from pydantic import model_validator

from rules.errors import InvalidInput
from rules.evidence import Frozen
from rules.policy import policy

PENALTY: Final = "penalty"
COSTS: Final = "costs"
# name -> (only what is late? part of the bill); the rest of the names stand for no bill
BILLED: Final = {
    "overdue_principal": (True, "principal"),
    "overdue_interest": (True, "interest"),
    "principal": (False, "principal"),
    "interest": (False, "interest"),
}
_MUST: Final = frozenset({*BILLED, PENALTY})
_MAY: Final = frozenset({COSTS})

_ALLOCATION = "allocation-order"
_STOP = "accrual-stop-days"
_PENALTY_ROWS = (
    "penalty-daily-percent",
    "penalty-first-days",
    "penalty-later-daily-percent",
    "penalty-year-cap-percent",
)


class ServicingRules(Frozen):
    """The rules of one loan.

    allocation: the named waterfall: overdue_principal, overdue_interest (all late bills, oldest first), penalty,
    principal, interest (due, not late), costs (of a court; none are kept here). penalty_daily_percent: of the overdue
    sum, on the first penalty_first_days overdue days; then penalty_later_daily_percent; in a contract year at most
    penalty_year_cap_percent of the sum lent. accrual_stop_days: overdue days after which no interest is charged, None
    where it never stops. row_ids: the policy rows it was made of.
    """

    allocation: tuple[str, ...]
    penalty_daily_percent: Decimal
    penalty_first_days: int
    penalty_later_daily_percent: Decimal
    penalty_year_cap_percent: Decimal
    accrual_stop_days: int | None = None
    row_ids: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _known_names(self) -> ServicingRules:
        check_allocation(self.allocation)
        return self


def check_allocation(names: tuple[str, ...]) -> None:
    """Whether a waterfall names everything that can be owed, once.

    Raises:
        InvalidInput: `allocation-unknown`: a name that is not known; `allocation-incomplete`: one is missing or twice.
    """
    unknown = [name for name in names if name not in _MUST | _MAY]
    if unknown:
        raise InvalidInput("allocation-unknown", f"the order of repayment names '{unknown[0]}', which is not known")
    if not set(names) >= _MUST or len(set(names)) != len(names):
        raise InvalidInput("allocation-incomplete", "the order of repayment must name each kind of debt once")


@lru_cache(maxsize=1024)
def servicing_rules(on: date) -> ServicingRules:
    """The rules for a loan disbursed on a day.

    Raises:
        UnknownPolicy: no policy rows on that day.
        InvalidInput: `allocation-unknown` or `allocation-incomplete`: the row with the waterfall is wrong.

    >>> rules = servicing_rules(date(2026, 1, 15))
    >>> rules.penalty_daily_percent, rules.penalty_first_days, rules.accrual_stop_days
    (Decimal('0.5'), 90, 90)
    """
    rows = policy(on)
    known = {row.name for row in rows.rows()}
    stops = _STOP in known
    names = (_ALLOCATION, *_PENALTY_ROWS, *((_STOP,) if stops else ()))
    return ServicingRules(
        allocation=tuple(rows.text(_ALLOCATION).split(",")),
        penalty_daily_percent=rows.number(_PENALTY_ROWS[0]),
        penalty_first_days=rows.whole(_PENALTY_ROWS[1]),
        penalty_later_daily_percent=rows.number(_PENALTY_ROWS[2]),
        penalty_year_cap_percent=rows.number(_PENALTY_ROWS[3]),
        accrual_stop_days=rows.whole(_STOP) if stops else None,
        row_ids=tuple(rows.row_id(name) for name in names),
    )
