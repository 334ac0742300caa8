"""What the API answers about an issued loan: debt, schedule, payments, ways to repay. Rules: para 7, part 5."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from api.fields import Answer
from rules.money import Money
from rules.schedule import Installment, Method


class LoanAnswer(Answer):
    """An issued microcredit. debt_today: what would end it today.

    status: ACTIVE | OVERDUE | SUSPENDED | CLOSED | WRITTEN_OFF.
    """

    loan_id: UUID
    number: str
    application_id: UUID
    contract_id: UUID
    status: str
    principal: Money
    rate_percent_per_year: Decimal
    method: Method
    disbursed_on: date
    debt_today: Money
    overdue_days: int
    next_due: date | None
    next_payment: Money | None


class Debt(Answer):
    """What is owed at the end of a day. Rules: para 7, part 5.

    principal: not yet repaid. principal_due, interest_due: due and unpaid. interest_accrued: of the running period.
    overdue_principal, overdue_interest: what of it is late, together the overdue_amount; penalty comes on top.
    advance: paid before it was due. overpaid: owed to the client. suspended: interest and penalty stand still.
    interest_suspended: what the days on which they stood still would have cost, and did not. Rules: para 13, part 2.
    """

    loan_id: UUID
    on: date
    principal: Money
    principal_due: Money
    interest_due: Money
    interest_accrued: Money
    penalty: Money
    overdue_amount: Money
    overdue_principal: Money
    overdue_interest: Money
    overdue_days: int
    advance: Money
    overpaid: Money
    suspended: bool
    interest_suspended: Money
    total_to_close: Money
    next_due: date | None
    next_payment: Money | None


class ScheduleAnswer(Answer):
    """The schedule of the contract."""

    loan_id: UUID
    method: Method
    annual_effective_rate_percent: Decimal
    total_payment: Money
    total_interest: Money
    rows: list[Installment]


class PaymentAnswer(Answer):
    """One payment received, and where each tiyn of it went. Rules: para 7, part 5.

    waiting: not spent yet, it is for the coming due date. overpaid: above all debt, owed to the client.
    """

    on: date
    amount: Money
    principal: Money
    interest: Money
    penalty: Money
    waiting: Money
    overpaid: Money
    known_at: datetime


class WayToRepay(Answer):
    """One way to repay. reference: what to write into the payment's purpose. Rules: para 7, part 6."""

    kind: Literal["bank_transfer", "terminal", "cash_desk"]
    reference: str
    details: dict[str, str]
