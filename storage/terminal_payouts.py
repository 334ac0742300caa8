"""The network's register of what its terminals handed out, against our orders, both ways.

Rules: para 9.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from pydantic import BaseModel, ConfigDict
from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.money import Money
from storage.reconciliation import TENGE
from storage.tables import CashOrder, OutboundPayment

Receipt = tuple[str | None, str | None]  # terminal, number


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Shown(_Value):
    """One payout as the network shows it. order: our number of it."""

    terminal_id: str
    receipt: str
    order: str
    amount: Money
    currency: str = TENGE

    @property
    def key(self) -> str:
        """How it is named."""
        return f"terminal:{self.terminal_id}:{self.receipt}"


class Ordered(_Value):
    """One order of ours. value_date: the day it was paid by our books."""

    number: str
    state: str
    amount: Money
    terminal_id: str | None = None
    receipt: str | None = None
    value_date: date | None = None

    @property
    def named(self) -> Receipt:
        """Terminal and receipt that our books have."""
        return self.terminal_id, self.receipt


class Differs(_Value):
    """A payout that the two books have otherwise. why: order-unknown | not-in-tenge | other-amount | other-terminal |
    other-receipt | paid-twice | order-waiting | order-paying | order-annulled.
    """

    key: str
    order: str
    why: str


class Matched(_Value):
    """One day. open: shown as paid, and our order is still told to be at it: its terminal has not told us."""

    matched: tuple[str, ...]
    open: tuple[Shown, ...]
    differs: tuple[Differs, ...]


def match(shown: Iterable[Shown], orders: Iterable[Ordered]) -> Matched:
    """Each payout of a register beside the order that it names.

    >>> paid = Ordered(number="CO-1", state="paid", amount=Money(5), terminal_id="T-1", receipt="R1")
    >>> match([Shown(terminal_id="T-1", receipt="R1", order="CO-1", amount=Money(5))], [paid]).matched
    ('CO-1',)
    >>> match([Shown(terminal_id="T-1", receipt="R1", order="CO-1", amount=Money(6))], [paid]).differs[0].why
    'other-amount'
    """
    known = {one.number: one for one in orders}
    matched: list[str] = []
    opened: list[Shown] = []
    differs = []
    seen: set[str] = set()
    for one in shown:
        order = known.get(one.order)
        why = "paid-twice" if one.order in seen else _difference(one, order)
        seen.add(one.order)
        if why is not None:
            differs.append(Differs(key=one.key, order=one.order, why=why))
        elif order is not None and order.state == "paying":
            opened.append(one)
        else:
            matched.append(one.order)
    return Matched(matched=tuple(matched), open=tuple(opened), differs=tuple(differs))


def _difference(one: Shown, order: Ordered | None) -> str | None:
    if order is None:
        return "order-unknown"
    if one.currency != TENGE:
        return "not-in-tenge"
    if one.amount != order.amount:
        return "other-amount"
    if order.state not in ("paid", "paying"):
        return f"order-{order.state}"
    if order.terminal_id != one.terminal_id:
        return "other-terminal"
    return "other-receipt" if order.state == "paid" and order.receipt != one.receipt else None


async def orders_of(session: AsyncSession, day: date, numbers: Iterable[str]) -> list[Ordered]:
    """Our terminal orders that were paid on a day, and those of these numbers, whatever became of them."""
    query = (
        select(CashOrder, OutboundPayment)
        .join(OutboundPayment, col(OutboundPayment.key) == col(CashOrder.payment_key))
        .where(
            col(CashOrder.channel) == "terminal",
            or_(
                (col(CashOrder.state) == "paid") & (col(OutboundPayment.value_date) == day),
                col(CashOrder.number).in_(list(numbers)),
            ),
        )
        .order_by(col(CashOrder.number))
    )
    return [
        Ordered(
            number=order.number,
            state=order.state,
            amount=order.amount,
            terminal_id=order.terminal_id,
            receipt=order.receipt,
            value_date=payment.value_date,
        )
        for order, payment in (await session.exec(query)).all()
    ]
