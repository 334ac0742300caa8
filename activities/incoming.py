"""Money that came in, step by step: seen at its source, booked once, and where nobody knows whose it is, by two people.

Rules: para 7, part 5.
"""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from sqlmodel import col, select
from temporalio import activity

from activities import incoming_book
from activities.context import Moment, Records
from activities.money_ports import Bank, TerminalNetwork
from activities.money_sources import TENGE, Sighted, find
from activities.payout_orders import REFUSED
from rules.errors import BusinessError, NotConfirmed
from rules.evidence import Frozen
from storage import assignments, audit, incoming, payments
from storage.tables import IncomingPayment, OutboundPayment, PaymentAssignment

ABSENT, CAME_BACK, FOREIGN = "absent", "came-back", "foreign"


class MoneyWanted(Frozen):
    """The sum with this key (storage.tables.IncomingPayment). day: in Almaty, where to look first."""

    key: str
    day: date


class MoneyTaken(Frozen):
    """Where a sum stands. Ids only, nothing about the payer.

    state: as in storage.tables.IncomingPayment, or absent (its source does not show it yet), came-back (a payment of
    ours returned: not for a loan), foreign (not in tenge: nothing is booked). why: the word of two people could not be
    followed. attempt: of RETURNING, which try to send it back. kept: UNMATCHED, and two people want it to stay so.
    """

    state: str
    payment_id: UUID | None = None
    loan_id: UUID | None = None
    why: str | None = None
    attempt: int = 1
    kept: bool = False


class PaymentRef(Frozen):
    """Which payment. attempt: which try to send it back."""

    payment_id: UUID
    attempt: int = 1


class AssignmentGiven(Frozen):
    """The id that an update carried, and the key of the payment of its case; the row in our database is what counts."""

    assignment_id: UUID
    key: str


class Incoming:
    """Takes money from its sources, and follows the word of two people."""

    def __init__(self, records: Records, bank: Bank, terminals: TerminalNetwork) -> None:
        self._records, self._bank, self._terminals = records, bank, terminals

    @activity.defn
    async def take_money(self, wanted: MoneyWanted) -> MoneyTaken:
        """Look at the source and book what it shows; as often as wanted."""
        async with self._records.moment() as moment:
            known = (await incoming.by_keys(moment.session, [wanted.key])).get(wanted.key)
            if known is not None:
                return await _told(moment, known)
            near = (moment.day, moment.day - timedelta(days=1))
        days = dict.fromkeys(day for day in (wanted.day, *near) if day <= near[0])
        found = await find(wanted.key, days, self._bank, self._terminals)
        return MoneyTaken(state=ABSENT) if found is None else await self.take(found)

    async def take(self, sighted: Sighted) -> MoneyTaken:
        """Book a sum that its source shows, once; held for people where its loan does not take it."""
        try:
            return await self._take(sighted)
        except BusinessError as error:
            return await self._take(sighted, refused=error.code)

    async def _take(self, sighted: Sighted, *, refused: str | None = None) -> MoneyTaken:
        async with self._records.moment() as moment:
            if sighted.order_id is not None and await _is_ours(moment, sighted.order_id):
                return MoneyTaken(state=CAME_BACK)
            if sighted.currency != TENGE:
                return MoneyTaken(state=FOREIGN)
            payment, _ = await incoming_book.receive(self._records, moment, sighted.received, refused=refused)
            return await _told(moment, payment)

    @activity.defn
    async def assignment_stands(self, given: AssignmentGiven) -> str:
        """Where two people say that the payment belongs: loan | payer | queue.

        Raises:
            NotConfirmed: `decision-unknown`: no confirmed word with that id on that payment. A message typed by hand
                ends here; the attempt is audited.
        """
        async with self._records.moment() as moment:
            word = await moment.session.get(PaymentAssignment, given.assignment_id)
            payment = await incoming.get(moment.session, word.payment_id) if word is not None else None
            stands = payment is not None and payment.key == given.key
            if word is None or word.confirmed_by is None or not stands:
                await audit.record(
                    moment.session,
                    actor="system:worker",
                    action="unknown-decision-refused",
                    subject=f"assignment:{given.assignment_id}",
                    reason="no such confirmed assignment in the database",
                    paragraph="32",
                    detail={"key": given.key},
                )
                word = None
        if word is None:
            raise NotConfirmed("decision-unknown")
        if word.loan_id is not None:
            return "loan"
        return "queue" if word.keep else "payer"

    @activity.defn
    async def follow_assignment(self, ref: PaymentRef) -> MoneyTaken:
        """Do what two people said: book to the loan, or begin the way back. Without their word nothing changes.

        Nor does a word that sent it back once, and was refused by the bank: another try is another word.
        """
        failed = None
        try:
            async with self._records.moment() as moment:
                payment, word = await self._word_on(moment, ref)
                if word is not None and await assignments.is_spent(moment.session, word):
                    return await _told(moment, payment, why=REFUSED)
                if word is not None:
                    await self._follow(moment, payment, word)
                return await _told(moment, await incoming.get(moment.session, payment.id))
        except BusinessError as error:
            failed = error.code
        async with self._records.moment() as moment:
            payment, word = await self._word_on(moment, ref)
            if word is not None:
                await _note(moment, word, "assignment-not-possible", failed)
            return await _told(moment, payment, why=failed)

    async def _word_on(self, moment: Moment, ref: PaymentRef) -> tuple[IncomingPayment, PaymentAssignment | None]:
        """The payment, locked, and what two people said of it; nothing where it is not theirs to place any more."""
        payment = await incoming.get(moment.session, ref.payment_id, lock=True)
        word = await assignments.confirmed(moment.session, payment.id) if payment.state == "UNMATCHED" else None
        return payment, word

    async def _follow(self, moment: Moment, payment: IncomingPayment, word: PaymentAssignment) -> None:
        if word.keep:
            return  # that two people said so is in the trail already
        if word.loan_id is None:
            await incoming.send_back(moment.session, payment.id)
        else:
            await incoming_book.place(moment, payment, word)
        await _note(moment, word, "assignment-followed", word.reason)

    @activity.defn
    async def wait_again(self, ref: PaymentRef) -> MoneyTaken:
        """The way back to the payer failed for certain: the money is still here, and people look again.

        While a payout may be under way the payment stays where it is.
        """
        async with self._records.moment() as moment:
            await incoming.get(moment.session, ref.payment_id, lock=True)
            tries = (await payments.returns_of(moment.session, [ref.payment_id])).get(ref.payment_id, [])
            certain = all(one.state in payments.UNPAID for one in tries)
            if certain and await incoming.stay(moment.session, ref.payment_id):
                await audit.record(
                    moment.session,
                    actor="system:worker",
                    action="return-failed",
                    subject=f"incoming:{ref.payment_id}",
                    paragraph="7",
                    detail={"attempt": ref.attempt},
                )
            return await _told(moment, await incoming.get(moment.session, ref.payment_id))


async def _told(moment: Moment, payment: IncomingPayment, *, why: str | None = None) -> MoneyTaken:
    word = await assignments.confirmed(moment.session, payment.id) if payment.state in incoming.OPEN else None
    return MoneyTaken(
        state=payment.state,
        payment_id=payment.id,
        loan_id=payment.loan_id,
        why=why,
        attempt=assignments.try_of(word) if word is not None and assignments.sends_back(word) else 1,
        kept=word is not None and word.keep and payment.state == "UNMATCHED",
    )


async def _note(moment: Moment, word: PaymentAssignment, action: str, reason: str | None) -> None:
    await audit.record(
        moment.session,
        actor=f"staff:{word.confirmed_by}",
        action=action,
        subject=f"incoming:{word.payment_id}",
        reason=reason,
        paragraph="7",
        detail={"assignment": str(word.id), "loan": str(word.loan_id) if word.loan_id else None},
    )


async def _is_ours(moment: Moment, order_id: str) -> bool:
    query = select(OutboundPayment.key).where(col(OutboundPayment.order_id) == order_id)
    return (await moment.session.exec(query)).first() is not None
