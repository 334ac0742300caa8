"""The facts of a loan's life. Each is appended once and never changed; a mistake is a fact of its own (`Corrected`).

key: the business fact, never twice. value_date: the day it counts for. known_at: when we learned it. The order of
value dates decides, not that of arrival.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from rules.evidence import Frozen
from rules.money import Money


class _Event(Frozen):
    key: str
    value_date: date
    known_at: datetime


class Disbursed(_Event):
    """The money left the lender. through: the cash account it left by (rules.accounts)."""

    kind: Literal["disbursed"] = "disbursed"
    amount: Money
    through: str = "bank"


class Use(StrEnum):
    """What money above the debt due is for.

    due: it waits for the next due dates, unless it repays the whole loan. shorter_term: it repays principal now, the
    instalment stays and the last ones fall away. smaller_instalment: it repays principal now, the count stays.
    """

    DUE = "due"
    SHORTER_TERM = "shorter_term"
    SMALLER_INSTALMENT = "smaller_instalment"


class Paid(_Event):
    """The client, or somebody for the client, paid. through: the cash account it came by."""

    kind: Literal["paid"] = "paid"
    amount: Money
    use: Use = Use.DUE
    through: str = "bank"


class DueMoved(_Event):
    """An instalment falls due on another day, by agreement. later_too: the later ones move by as many days."""

    kind: Literal["due_moved"] = "due_moved"
    due: date
    to: date
    later_too: bool = False


class PenaltyRule(_Event):
    """From this day penalty is charged otherwise than the terms say; all zero: none at all."""

    kind: Literal["penalty_rule"] = "penalty_rule"
    daily_percent: Decimal
    first_days: int
    later_daily_percent: Decimal
    year_cap_percent: Decimal


class Suspended(_Event):
    """Interest and penalty stand still from this day on (this day is the first without). Rules: para 13, part 2."""

    kind: Literal["suspended"] = "suspended"


class Resumed(_Event):
    """Interest runs again: the night before this day is the first that counts. Rules: para 13, part 3.

    charge_later: the interest of the suspended days is charged after all, on this day.
    """

    kind: Literal["resumed"] = "resumed"
    charge_later: bool = False


class Restructured(_Event):
    """What is left of the principal is repaid by a new plan from this day on.

    Interest due and accrued up to this day falls due, without interest on it, with the first new instalment.
    """

    kind: Literal["restructured"] = "restructured"
    rate_percent_per_year: Decimal
    periods: int
    first_due: date
    method: str = "annuity"
    interest_only_months: int = 0
    forgive_penalty: bool = False


class WrittenOff(_Event):
    """Nothing is owed any more.

    ground: court_verdict | lender_breach | ombudsman. return_paid: all that was collected is owed to the client.
    Rules: para 13, part 4.
    """

    kind: Literal["written_off"] = "written_off"
    ground: str
    return_paid: bool = False


class Refunded(_Event):
    """Money above the debt went back to the client. through: the cash account it left by."""

    kind: Literal["refunded"] = "refunded"
    amount: Money
    through: str = "bank"


class Corrected(_Event):
    """An earlier fact was wrong: from known_at on it counts as never having happened, the instead (if any) counts.

    wrong: key of the earlier fact. value_date: the earlier of both facts' value dates.
    """

    kind: Literal["corrected"] = "corrected"
    wrong: str
    instead: LoanEvent | None = None
    reason: str


LoanEvent = Annotated[
    Disbursed | Paid | DueMoved | PenaltyRule | Suspended | Resumed | Restructured | WrittenOff | Refunded | Corrected,
    Field(discriminator="kind"),
]
Corrected.model_rebuild()
loan_event: TypeAdapter[LoanEvent] = TypeAdapter(LoanEvent)
