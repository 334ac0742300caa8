"""The bank's statement against our outgoing payments, both ways.

A line that we do not know is kept as unmatched, never dropped; a payment that the bank called done and that
no line shows is reported, never assumed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.money import Money
from storage import audit
from storage.database import run
from storage.tables import OutboundPayment, StatementLine

_LEFT_THE_ACCOUNT = frozenset({"accepted", "done", "returned"})


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Line(_Value):
    """One line of a statement. side: D (money left our account) | C. order_id: ours, where the bank repeats it."""

    bank_reference: str
    side: str
    amount: Money
    order_id: str | None = None


class Payment(_Value):
    """What we know of one outgoing payment. order_id: what the bank was told, the application's id."""

    key: str
    amount: Money
    state: str
    order_id: str | None = None
    bank_reference: str | None = None
    value_date: date | None = None


class Match(_Value):
    """A line with what it was matched to. state: matched | unmatched | differs."""

    line: Line
    state: str
    key: str | None = None
    why: str | None = None


class Reconciled(_Value):
    """One day. missing: keys of payments that are done with this value date, of which no line tells."""

    day: date
    matches: tuple[Match, ...]
    missing: tuple[str, ...]

    @property
    def unexplained(self) -> tuple[Match, ...]:
        """Lines for a person: money that left without its payment, and a payment of ours that came back.

        Other money that came in is for the repayments to take.
        """
        return tuple(
            match for match in self.matches if match.state != "matched" and (match.line.side == "D" or match.key)
        )

    @property
    def clean(self) -> bool:
        """Whether every line of a payment has its payment and every payment its line."""
        return not self.missing and not self.unexplained


def reconcile(day: date, lines: Iterable[Line], payments: Iterable[Payment]) -> Reconciled:
    """Match a day's lines with payments: by the bank's reference first, else by our order id.

    Incoming lines are no business of outgoing payments, except that a returned payment comes back in: they stay
    unmatched here for the repayments to take. A second outgoing line for the same payment differs: paid twice.

    >>> paid = Payment(key="disburse:1", amount=Money(5), state="done", order_id="1", value_date=date(2026, 1, 2))
    >>> reconcile(date(2026, 1, 2), [Line(bank_reference="B7", side="D", amount=Money(5), order_id="1")], [paid]).clean
    True
    >>> reconcile(date(2026, 1, 2), [], [paid]).missing
    ('disburse:1',)
    """
    known = list(payments)
    by_reference = {payment.bank_reference: payment for payment in known if payment.bank_reference}
    by_order = {payment.order_id: payment for payment in known if payment.order_id}
    shown: set[str] = set()
    matches = []
    for line in lines:
        payment = by_reference.get(line.bank_reference) or by_order.get(line.order_id or "")
        matches.append(_match(line, payment, shown))
        if payment is not None and line.side == "D":
            shown.add(payment.key)
    missing = sorted(
        payment.key
        for payment in known
        if payment.state == "done" and payment.value_date == day and payment.key not in shown
    )
    return Reconciled(day=day, matches=tuple(matches), missing=tuple(missing))


def _match(line: Line, payment: Payment | None, shown: set[str]) -> Match:
    if line.side != "D" or payment is None:
        return Match(line=line, state="unmatched", key=payment.key if payment else None)
    why = None
    if payment.key in shown:
        why = "a second line for the same payment"
    elif payment.amount != line.amount:
        why = "another amount"
    elif payment.state not in _LEFT_THE_ACCOUNT:
        why = f"the payment is {payment.state}"
    return Match(line=line, state="differs" if why else "matched", key=payment.key, why=why)


async def reconcile_day(session: AsyncSession, day: date, lines: Iterable[Line]) -> Reconciled:
    """Reconcile a statement with the stored payments and keep every line; again is the same as once."""
    told = list(lines)
    result = reconcile(day, told, await _payments(session, day, told))
    for match in result.matches:
        await run(
            session,
            "insert into statement_line (bank_reference, statement_date, order_id, side, amount, matched_key, state,"
            " seen_at) values (:reference, :day, :order, :side, :amount, :key, :state, clock_timestamp())"
            " on conflict (bank_reference) do update set matched_key = excluded.matched_key, state = excluded.state",
            reference=match.line.bank_reference,
            day=day,
            order=match.line.order_id,
            side=match.line.side,
            amount=match.line.amount.root,
            key=match.key,
            state=match.state,
        )
    await audit.record(
        session,
        actor="system:reconciliation",
        action="statement-reconciled" if result.clean else "statement-differs",
        subject=f"statement:{day.isoformat()}",
        detail={
            "lines": len(told),
            "matched": sum(match.state == "matched" for match in result.matches),
            "differs": [match.key for match in result.matches if match.state == "differs"],
            "unmatched": [match.line.bank_reference for match in result.matches if match.state == "unmatched"],
            "missing": list(result.missing),
        },
    )
    return result


async def _payments(session: AsyncSession, day: date, lines: list[Line]) -> list[Payment]:
    """The payments of the day, and those that a line speaks of, whatever their state."""
    query = select(OutboundPayment).where(
        or_(
            col(OutboundPayment.value_date) == day,
            col(OutboundPayment.bank_reference).in_([line.bank_reference for line in lines]),
            col(OutboundPayment.application_id).in_(_ids(lines)),
        )
    )
    return [
        Payment(
            key=row.key,
            amount=row.amount,
            state=row.state,
            order_id=str(row.application_id) if row.application_id else None,
            bank_reference=row.bank_reference,
            value_date=row.value_date,
        )
        for row in await session.exec(query)
    ]


def _ids(lines: list[Line]) -> list[UUID]:
    found = []
    for line in lines:
        try:
            found.append(UUID(line.order_id or ""))
        except ValueError:
            continue  # not an order of ours
    return found


async def unexplained(session: AsyncSession) -> list[StatementLine]:
    """Lines that wait for a person: outgoing money without its payment, or with another amount."""
    query = select(StatementLine).where(col(StatementLine.state) != "matched", col(StatementLine.side) == "D")
    return list((await session.exec(query.order_by(col(StatementLine.statement_date)))).all())
