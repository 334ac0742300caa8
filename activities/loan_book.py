"""The one door through which the facts of a loan's life are written: event, ledger, status and audit together.

A loan's ledger repeats its fold: after each step the balances of its postings are those of `rules.loan_books` on the
last day booked. What an event changes is posted under the event's own key; what due dates and nights of penalty have
made of the loan since is posted first, day by day, under `due:{loan}:{day}`. A fact that counts for a day before the
last booked one is posted on that last day: a day that is closed for a loan stays as it was.

Call these inside the transaction of the cause: the bank's answer, money that came in, a decision of staff.

Rules: para 7, part 5; para 32.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from activities.context import Moment
from rules import loan as fold
from rules.accounts import cash
from rules.errors import Conflict, InvalidInput
from rules.loan_books import balances
from rules.loan_events import Corrected, LoanEvent
from rules.money import Money
from rules.schedule import LoanTerms
from storage import audit, ledger, loans
from storage.tables import IncomingPayment, Loan

UNMATCHED = "clients:unmatched"
# channel of an incoming payment -> the cash account it came to, as `Paid.through` names it
THROUGH = {"BANK": "bank", "TERMINAL": "terminal", "CASH_DESK": "cash-desk"}

_NOTHING = Money(0)
_DUE = "fallen due"
_WORDS = {
    "disbursed": "microcredit issued",
    "paid": "payment received",
    "due_moved": "due date moved",
    "penalty_rule": "penalty changed",
    "suspended": "accrual suspended",
    "resumed": "accrual resumed",
    "restructured": "debt restructured",
    "written_off": "debt written off",
    "refunded": "overpayment given back",
    "corrected": "earlier fact corrected",
}


async def record(
    moment: Moment,
    loan_id: UUID,
    event: LoanEvent,
    *,
    actor: str,
    paragraph: str,
    reason: str | None = None,
    detail: dict[str, Any] | None = None,
) -> fold.Position:
    """Append a fact of a loan once, with all that follows from it; the debt at the end of today.

    The same fact again changes nothing. Two facts at once wait for each other: the loan's row is locked.

    Args:
        actor: ``client:{id}``, ``staff:{id}`` or ``system:{part}``.
        paragraph: of the Rules, why this may be done.
        detail: for the audit trail; ids and codes, no personal data.

    Raises:
        NotFound: `loan-unknown`.
        Conflict: `loan-event-key-reused`: the key stands for another fact; and whatever the fold refuses.
        InvalidInput: `correction-too-late`: a correction counts for a later day than what it corrects.
    """
    row = await loans.lock(moment.session, loan_id)
    book = await _Book.opened(moment, row)
    known = next((one for one in book.events if one.key == event.key), None)
    if known is not None:
        if not _same(known, event):
            raise Conflict("loan-event-key-reused")
        return book.position(_today(moment, row))
    if isinstance(event, Corrected):
        _check_day(event, book.events)
    on = max(event.value_date, book.until or event.value_date)
    await book.catch_up(on)
    if not await loans.append(moment.session, row.id, event):
        raise Conflict("loan-event-key-reused")
    await book.add(event, on)
    await book.catch_up(moment.day)
    position = book.position(_today(moment, row))
    before = row.status
    _show(moment, row, position)
    await audit.record(
        moment.session,
        actor=actor,
        action=f"loan-{event.kind.replace('_', '-')}",
        subject=f"loan:{row.id}",
        reason=reason,
        paragraph=paragraph,
        detail={"key": event.key, "value_date": event.value_date, "status": [before, row.status], **(detail or {})},
    )
    return position


async def catch_up(moment: Moment, loan_id: UUID) -> None:
    """Book what due dates and nights of penalty have made of a loan up to today; again is the same as once.

    Raises:
        NotFound: `loan-unknown`.
    """
    row = await loans.lock(moment.session, loan_id)
    book = await _Book.opened(moment, row)
    await book.catch_up(moment.day)
    before = row.status
    _show(moment, row, book.position(_today(moment, row)))
    if row.status != before:
        await audit.record(
            moment.session,
            actor="system:worker",
            action="loan-status",
            subject=f"loan:{row.id}",
            paragraph="7",
            detail={"status": [before, row.status]},
        )


async def position_of(session: AsyncSession, loan_id: UUID, on: date, *, known_on: date | None = None) -> fold.Position:
    """The debt at the end of a day; with known_on, as it was seen at the end of that day.

    Raises:
        NotFound: `loan-unknown`.
        Conflict: `loan-not-disbursed` on that day.
    """
    row = await loans.get(session, loan_id)
    return fold.position(await loans.events(session, loan_id), loans.terms(row), on, known_on=known_on)


async def hold(moment: Moment, payment: IncomingPayment) -> None:
    """Book money that came in and that nobody could place yet; again is the same as once."""
    await ledger.post(
        moment.session,
        f"incoming:{payment.key}",
        "money received, not placed yet",
        payment.value_date,
        _cash(payment),
        UNMATCHED,
        payment.amount,
    )


async def settle(moment: Moment, payment: IncomingPayment) -> None:
    """Book that what the terminals had taken has come to the bank account; again is the same as once."""
    words, through = "settlement of the terminals' operator", cash("terminal")
    await ledger.post(
        moment.session, f"incoming:{payment.key}", words, payment.value_date, _cash(payment), through, payment.amount
    )


async def release(moment: Moment, payment: IncomingPayment) -> None:
    """Undo `hold` for money that has found its loan: call it, with payment.loan_id set, just before `record`.

    Both count for the same day, so that the cash account shows the money once on every day. Money that was never held
    needs no release and gets none; again is the same as once.
    """
    if payment.loan_id is None:
        raise ValueError("the payment has no loan")
    if await ledger.posted(moment.session, f"incoming:{payment.key}") is None:
        return
    key = f"placed:{payment.key}"
    if await ledger.posted(moment.session, key) is not None:
        return
    await loans.lock(moment.session, payment.loan_id)
    until = await ledger.booked_until(moment.session, [payment.loan_id])
    value_date = max(payment.value_date, until.get(payment.loan_id, payment.value_date))
    await ledger.post(
        moment.session, key, "money received found its loan", value_date, UNMATCHED, _cash(payment), payment.amount
    )


async def send_back(
    moment: Moment, payment: IncomingPayment, key: str, value_date: date, through: str = "bank"
) -> None:
    """Book that money which nobody could place has left again to its payer; again is the same as once.

    Args:
        key: of the outgoing payment, `return:{incoming payment}`.
        through: the cash account it left by.
    """
    await ledger.post(
        moment.session, key, "money given back to its payer", value_date, UNMATCHED, cash(through), payment.amount
    )


def _cash(payment: IncomingPayment) -> str:
    return cash(THROUGH[payment.channel])


def status_of(position: fold.Position) -> str:
    """ACTIVE | OVERDUE | SUSPENDED | CLOSED | WRITTEN_OFF, as the loan's row shows it."""
    if position.closed:
        return "WRITTEN_OFF" if position.written_off > _NOTHING else "CLOSED"
    if position.suspended:
        return "SUSPENDED"
    return "OVERDUE" if position.overdue_days > 0 else "ACTIVE"


class _Book:
    """One locked loan with its facts, and how far its ledger has come."""

    def __init__(self, moment: Moment, row: Loan, events: Sequence[LoanEvent], until: date | None) -> None:
        self._session, self._loan_id = moment.session, row.id
        self._terms: LoanTerms = loans.terms(row)
        self.events = list(events)
        self.until = until  # the last day booked; None: nothing is booked yet

    @classmethod
    async def opened(cls, moment: Moment, row: Loan) -> _Book:
        events = await loans.events(moment.session, row.id)
        until = await ledger.booked_until(moment.session, [row.id])
        return cls(moment, row, events, until.get(row.id))

    def position(self, on: date) -> fold.Position:
        return fold.position(self.events, self._terms, on)

    async def add(self, event: LoanEvent, on: date) -> None:
        """Take an appended fact in, and post what it changes on this day."""
        before = self._balances(on)
        self.events.append(event)
        await self._post(event.key, _WORDS[event.kind], on, before)

    async def catch_up(self, to: date) -> None:
        """Post, day by day, what has changed since the last booked day."""
        if not self.events:
            return
        start = min(event.value_date for event in self.events) - timedelta(days=1)
        at, before = (start, {}) if self.until is None else (self.until, self._balances(self.until))
        while at < to:
            at = self._next_stop(at, to)
            await self._post(f"due:{self._loan_id}:{at.isoformat()}", _DUE, at, before)
            before = self._balances(at)

    def _next_stop(self, after: date, to: date) -> date:
        """The next day on which something changes by itself: a due date, a fact without a posting, the end."""
        days = [event.value_date for event in self.events]
        if min(days) <= after:
            days += [row.due for row in fold.upcoming(self.events, self._terms, after)]
        return min((day for day in days if after < day < to), default=to)

    async def _post(self, key: str, words: str, on: date, before: dict[str, Money]) -> None:
        after = self._balances(on)
        legs = {
            account: after.get(account, _NOTHING) - before.get(account, _NOTHING)
            for account in sorted({*before, *after})
            if after.get(account) != before.get(account)
        }
        if legs:
            await ledger.post_legs(self._session, key, words, on, legs, loan_id=self._loan_id)
            self.until = on

    def _balances(self, on: date) -> dict[str, Money]:
        if not any(event.value_date <= on for event in self.events):
            return {}
        return balances(self.events, self._terms, on)


def _same(known: LoanEvent, event: LoanEvent) -> bool:
    """Whether two events tell the same fact; when each was learned does not matter."""
    learned: dict[str, Any] = {"known_at": True, "instead": {"known_at"}}
    return known.model_dump(exclude=learned) == event.model_dump(exclude=learned)


def _check_day(correction: Corrected, events: Sequence[LoanEvent]) -> None:
    """A correction counts from the day of the facts that it is about; else days before it would change unseen."""
    facts = [*events, correction]
    insteads = [one.instead for one in facts if isinstance(one, Corrected) and one.instead is not None]
    about = [one for one in (*facts, *insteads) if one.key == correction.wrong or one is correction.instead]
    if any(one.value_date < correction.value_date for one in about):
        raise InvalidInput("correction-too-late", field="/value_date")


def _today(moment: Moment, row: Loan) -> date:
    """The present day; the day of the disbursement where the bank dates it later."""
    return max(moment.day, row.disbursed_on)


def _show(moment: Moment, row: Loan, position: fold.Position) -> None:
    """The row's status and end follow the position."""
    row.status = status_of(position)
    row.closed_at = (row.closed_at or moment.at) if position.closed else None
