"""The bank's statement against our payments, both ways: what left and what came.

A line that we do not know is kept as unmatched, never dropped; a payment that the bank called done, or that came in,
and that no line shows is reported, never assumed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from pydantic import BaseModel, ConfigDict
from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.money import Money
from storage import audit, incoming
from storage.database import run
from storage.tables import OutboundPayment, StatementLine

TENGE = "KZT"
_LEFT_THE_ACCOUNT = frozenset({"accepted", "done", "returned"})
_BY_BANK = ("bank", "card", "merchant")  # channels whose money the statement shows


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Line(_Value):
    """One line of a statement. side: D (money left our account) | C. order_id: ours, where the bank repeats it.

    incoming_key: of the payment that a C line would be.
    """

    bank_reference: str
    side: str
    amount: Money
    currency: str = TENGE
    order_id: str | None = None

    @property
    def incoming_key(self) -> str:
        """See storage.tables.IncomingPayment."""
        return f"bank:{self.bank_reference}"

    @property
    def signed(self) -> Money:
        """What the line did to our account in tenge."""
        if self.currency != TENGE:
            return Money(0)
        return self.amount if self.side == "C" else -self.amount


class Payment(_Value):
    """What we know of one outgoing payment. order_id: what the bank was told."""

    key: str
    amount: Money
    state: str
    order_id: str | None = None
    bank_reference: str | None = None
    value_date: date | None = None


class Taken(_Value):
    """What we know of one payment that came in by the bank."""

    key: str
    amount: Money
    value_date: date


class Match(_Value):
    """A line with what it was matched to. state: matched | unmatched | differs."""

    line: Line
    state: str
    key: str | None = None
    why: str | None = None


class Reconciled(_Value):
    """One day. missing: keys of payments with this value date, out or in, of which no line tells."""

    day: date
    matches: tuple[Match, ...]
    missing: tuple[str, ...]

    @property
    def unexplained(self) -> tuple[Match, ...]:
        """Lines for a person."""
        return tuple(match for match in self.matches if match.state != "matched")

    @property
    def incoming(self) -> tuple[Match, ...]:
        """Lines that are payments to us."""
        return tuple(one for one in self.matches if one.state == "matched" and one.key == one.line.incoming_key)

    @property
    def clean(self) -> bool:
        """Whether every line of a payment has its payment and every payment its line."""
        return not self.missing and not self.unexplained


def reconcile(
    day: date, lines: Iterable[Line], payments: Iterable[Payment], received: Iterable[Taken] = ()
) -> Reconciled:
    """Match a day's lines with payments: by the bank's reference first, else by our order id.

    A second outgoing line for the same payment differs: paid twice. Money of an outgoing payment that came back is no
    payment to us: it is explained where the payment is known to have been returned.

    >>> paid = Payment(key="disburse:1", amount=Money(5), state="done", order_id="1", value_date=date(2026, 1, 2))
    >>> reconcile(date(2026, 1, 2), [Line(bank_reference="B7", side="D", amount=Money(5), order_id="1")], [paid]).clean
    True
    >>> reconcile(date(2026, 1, 2), [], [paid]).missing
    ('disburse:1',)
    """
    known, taken = list(payments), {one.key: one for one in received}
    by_reference = {payment.bank_reference: payment for payment in known if payment.bank_reference}
    by_order = {payment.order_id: payment for payment in known if payment.order_id}
    shown: set[tuple[str, str]] = set()
    matches = []
    for line in lines:
        payment = by_reference.get(line.bank_reference) or by_order.get(line.order_id or "")
        match = _of_payment(line, payment, shown) if payment else _of_nobody(line, taken.get(line.incoming_key))
        matches.append(match)
        if match.key is not None:
            shown.add((match.key, line.side))
    left = [one.key for one in known if one.state == "done" and one.value_date == day and (one.key, "D") not in shown]
    came = [one.key for one in taken.values() if one.value_date == day and (one.key, "C") not in shown]
    return Reconciled(day=day, matches=tuple(matches), missing=(*sorted(left), *sorted(came)))


def _of_payment(line: Line, payment: Payment, shown: set[tuple[str, str]]) -> Match:
    why = None
    if (payment.key, line.side) in shown:
        why = "a second line for the same payment"
    elif line.currency != TENGE:
        why = "not in tenge"
    elif payment.amount != line.amount:
        why = "another amount"
    elif line.side == "C" and payment.state != "returned":
        why = f"it came back, and the payment is {payment.state}"
    elif payment.state not in _LEFT_THE_ACCOUNT:
        why = f"the payment is {payment.state}"
    return Match(line=line, state="differs" if why else "matched", key=payment.key, why=why)


def _of_nobody(line: Line, taken: Taken | None) -> Match:
    """A line that is no outgoing payment's."""
    if line.currency != TENGE:
        return Match(line=line, state="unmatched", why="not in tenge")
    if line.side == "D":
        return Match(line=line, state="unmatched", why="no payment of ours")
    if taken is None:
        return Match(line=line, state="unmatched", why="not taken yet")
    why = None if taken.amount == line.amount else "another amount"
    return Match(line=line, state="differs" if why else "matched", key=taken.key, why=why)


async def reconcile_day(session: AsyncSession, day: date, lines: Iterable[Line]) -> Reconciled:
    """Reconcile a statement with the stored payments and keep every line; again is the same as once."""
    told = list(lines)
    result = reconcile(day, told, await _payments(session, day, told), await _received(session, day, told))
    for match in result.matches:
        await run(
            session,
            "insert into statement_line (bank_reference, statement_date, order_id, side, amount, currency, matched_key,"
            " state, seen_at) values (:reference, :day, :order, :side, :amount, :currency, :key, :state,"
            " clock_timestamp())"
            " on conflict (bank_reference) do update set matched_key = excluded.matched_key, state = excluded.state",
            reference=match.line.bank_reference,
            day=day,
            order=match.line.order_id,
            side=match.line.side,
            amount=match.line.amount.root,
            currency=match.line.currency,
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
    """The outgoing payments of the day, and those that a line speaks of, whatever their state."""
    query = select(OutboundPayment).where(
        col(OutboundPayment.channel).in_(_BY_BANK),
        or_(
            col(OutboundPayment.value_date) == day,
            col(OutboundPayment.bank_reference).in_([line.bank_reference for line in lines]),
            col(OutboundPayment.order_id).in_([line.order_id for line in lines if line.order_id]),
        ),
    )
    return [
        Payment(
            key=row.key,
            amount=row.amount,
            state=row.state,
            order_id=row.order_id,
            bank_reference=row.bank_reference,
            value_date=row.value_date,
        )
        for row in await session.exec(query)
    ]


async def _received(session: AsyncSession, day: date, lines: list[Line]) -> list[Taken]:
    """The incoming payments of the day, and those that a line is about, whatever their day."""
    rows = {row.key: row for row in await incoming.of_day(session, "BANK", day)}
    rows |= await incoming.by_keys(session, [line.incoming_key for line in lines if line.side == "C"])
    return [Taken(key=row.key, amount=row.amount, value_date=row.value_date) for row in rows.values()]


async def unexplained(session: AsyncSession) -> list[StatementLine]:
    """Lines that wait for a person: without their payment, or with another amount."""
    query = select(StatementLine).where(col(StatementLine.state) != "matched")
    return list((await session.exec(query.order_by(col(StatementLine.statement_date)))).all())
