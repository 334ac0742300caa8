"""The one way out for money, by the safe-payment pattern: it leaves once, whatever dies.

The key is the business fact; the intent is committed before the bank is called; a retry asks before it sends and sends
only under the same key; the bank's answer, the ledger and the loan are one transaction; what is unknown stays unknown
until the bank says, or two people.

Rules: para 9, part 2.
"""

from __future__ import annotations

import hashlib
import time
from datetime import timedelta

from activities.context import Moment, Records
from activities.money_ports import Bank, Destination, Payout
from activities.payout_books import BankBooks, difference
from activities.payout_orders import (
    LARGE,
    MISMATCH,
    NOT_APPROVED,
    NOT_BOOKABLE,
    REFUSED,
    UNKNOWN,
    PaymentState,
    PayoutOrder,
)
from activities.payout_purposes import Disbursing, NotPayable, Refunding, Why, ordered_to
from activities.payout_returns import Returning
from rules.bank_profile import PROFILES, BankProfile
from rules.errors import BrokenContract, Conflict, Fault, NotAllowed, NotSettled
from rules.payment_keys import Purpose
from storage import audit, payments, reviews
from storage.tables import OutboundPayment

FINAL = ("done", "refused", "returned")
_UNPAID = ("refused", "returned")
_STATES = {
    "ACCEPTED": "accepted",
    "IN_PROGRESS": "accepted",
    "DONE": "done",
    "REJECTED": "refused",
    "RETURNED": "returned",
}


class Payouts:
    """Sends payments and finds out what became of them.

    Args:
        profile: what the bank promises (rules.bank_profile).
        patience: while the bank cannot be understood, people are told after this.
    """

    def __init__(
        self,
        records: Records,
        bank: Bank,
        profile: BankProfile = PROFILES["keyed"],
        *,
        patience: timedelta = timedelta(minutes=10),
    ) -> None:
        self.records, self._bank, self._profile, self._patience = records, bank, profile, patience
        self.books = BankBooks(bank, profile)
        self.why: dict[Purpose, Why] = {
            Purpose.DISBURSEMENT: Disbursing(records),
            Purpose.REFUND: Refunding(records, "Возврат излишне уплаченного по договору"),
            Purpose.RETURN_COLLECTED: Refunding(records, "Возврат взысканного по договору"),
            Purpose.RETURN: Returning(records),
        }

    async def pay(self, order: PayoutOrder) -> PaymentState:
        """Send the money, or find out what became of an earlier sending."""
        began = time.monotonic()
        try:
            payment, fresh = await self._intend(order)
        except NotPayable as error:
            return PaymentState(state="refused", ground=error.code)
        if payment.state not in ("sending", "unknown"):
            return await self.known(order, payment)
        try:
            if not fresh:
                told = await self._what_of(order, payment) if payment.sent_at is not None else None
                if told is not None:
                    return told
                began = time.monotonic()
                payment = await self._claim(payment)
            return await self._send(order, payment, began)
        except Fault as fault:
            return await self._parked(order, payment, fault)

    async def ask(self, order: PayoutOrder) -> PaymentState:
        """What the bank's books say now. absent: it may be sent (again)."""
        async with self.records.moment() as moment:
            payment = await payments.get(moment.session, order.key)
        if payment is None or (payment.state == "sending" and payment.sent_at is None):
            return PaymentState(state="absent")
        if payment.state not in ("sending", "accepted", "unknown"):
            return await self.known(order, payment)
        try:
            return await self._what_of(order, payment) or PaymentState(state="absent")
        except Fault as fault:
            return await self._parked(order, payment, fault)

    async def _intend(self, order: PayoutOrder) -> tuple[OutboundPayment, bool]:
        """The intent, committed before the bank hears of it."""
        async with self.records.moment() as moment:
            why = self.why[order.purpose]
            drawn = await why.draw(moment, order)
            known = await payments.get(moment.session, order.key)
            limit = known.limit_amount if known else moment.policy.in_tenge("two-people-above-mrp")
            named = f"{drawn.destination.value}|{drawn.amount}"
            payment, fresh = await payments.intend(
                moment.session,
                key=order.key,
                purpose=order.purpose.value,
                request_hash=hashlib.sha256(named.encode()).hexdigest(),
                amount=drawn.amount,
                account_sealed=self.records.vault.seal_own(drawn.destination.value.encode(), f"payment:{order.key}"),
                application_id=order.application_id,
                loan_id=order.loan_id,
                incoming_payment_id=order.incoming_payment_id,
                channel=drawn.channel,
                limit=limit,
            )
            if fresh:
                await why.ordered(moment, order, payment)
            return payment, fresh

    async def _claim(self, payment: OutboundPayment) -> OutboundPayment:
        """Commit that it is sent now; of two tries that found it may be, one goes on."""
        async with self.records.moment() as moment:
            claimed = await payments.claim_sending(moment.session, payment.key, payment.sent_at)
        if claimed is None:
            raise NotSettled("another try has just sent it")
        return claimed

    async def _send(self, order: PayoutOrder, payment: OutboundPayment, began: float) -> PaymentState:
        async with self.records.moment() as moment:
            drawn = await self.why[order.purpose].draw(moment, order)
        if time.monotonic() - began > self._profile.hand_over.total_seconds():
            raise NotSettled("too long ago said to be sent: not sent, asked about")
        ordered = self.destination(payment)
        try:
            payout = await self._bank.pay(
                payment.key, payment.order_id, payment.amount, ordered, drawn.recipient, drawn.text
            )
        except NotAllowed as refusal:
            if refusal.code != REFUSED:
                raise
            return await self._refused(order, refusal.code)
        except Fault:
            if self._profile.keys or self._profile.lookup:
                raise
            return await self.doubt(order, payment, UNKNOWN)
        return await self.apply(order, payout)

    async def _what_of(self, order: PayoutOrder, payment: OutboundPayment) -> PaymentState | None:
        """What the bank says of a payment that may have reached it; None where it may be sent again."""
        if not self._profile.lookup and payment.state != "accepted":
            return await self.doubt(order, payment, payment.doubt or UNKNOWN)
        async with self.records.moment() as moment:
            at, today = moment.at, moment.day
        shown = await self.books.shown(payment, self.destination(payment), today)
        if shown is not None:
            return await self.apply(order, shown)
        if payment.state == "accepted":
            return PaymentState(state="accepted", payout_id=payment.payout_id)
        if self.books.may_send_again(payment, at):
            return None
        if payment.state == "unknown" or at - (payment.first_sent_at or at) >= self._patience:
            return await self.doubt(order, payment, payment.doubt or UNKNOWN)
        return PaymentState(state="sending")  # not found yet, may still be posted: the case waits

    async def apply(self, order: PayoutOrder, payout: Payout) -> PaymentState:
        """The bank's answer, the ledger and the loan in one transaction."""
        state = _STATES.get(payout.status)
        if state is None:
            raise BrokenContract("payout-status-unknown")
        try:
            async with self.records.moment() as moment:
                payment = await payments.lock(moment.session, order.key)
                drawn = await self.why[order.purpose].draw(moment, order)
                other = difference(payment, self.destination(payment), drawn.recipient.number, payout)
                if other is None:
                    return await self._moved(moment, order, payment, payout, state)
        except Conflict as error:
            return await self.doubt(order, payment, NOT_BOOKABLE, payout.payout_id, error.code)
        return await self.doubt(order, payment, MISMATCH, payout.payout_id, f"another {other} than ordered")

    async def _moved(
        self, moment: Moment, order: PayoutOrder, payment: OutboundPayment, payout: Payout, state: str
    ) -> PaymentState:
        moved = await payments.settle(
            moment.session,
            order.key,
            state,
            payout.payout_id,
            payout.bank_reference,
            payout.value_date,
            refusal_code=payout.code if state in _UNPAID else None,
        )
        if not moved and payment.state in FINAL:
            return await self._told(moment, order, payment)
        if moved and state in FINAL:
            await self.ended(moment, order)
        if moved and state in _UNPAID:
            await note(moment, order, f"payout-{state}", payout.code, payout=payout.payout_id)
        return await self._told(moment, order, await payments.lock(moment.session, order.key))

    async def ended(self, moment: Moment, order: PayoutOrder) -> None:
        """What follows from the last word about a payment, in the transaction of that word."""
        payment, why = await payments.lock(moment.session, order.key), self.why[order.purpose]
        if payment.state == "done":
            await why.book(moment, order, payment, payment.value_date or moment.day)
        else:
            await why.unpaid(moment, order)
        await reviews.close_of_payment(moment.session, order.key)

    async def _refused(self, order: PayoutOrder, code: str) -> PaymentState:
        """The one answer that means "not paid": an explicit refusal with a known code."""
        async with self.records.moment() as moment:
            if await payments.settle(moment.session, order.key, "refused", refusal_code=code):
                await self.ended(moment, order)
                await note(moment, order, "payout-refused", code)
        return PaymentState(state="refused", ground=REFUSED)

    async def doubt(
        self,
        order: PayoutOrder,
        payment: OutboundPayment,
        ground: str,
        payout_id: str | None = None,
        reason: str | None = None,
    ) -> PaymentState:
        """Nothing is booked, nothing is sent: two people look. Both records are kept."""
        async with self.records.moment() as moment:
            if await payments.settle(moment.session, order.key, "unknown", payout_id, doubt=ground):
                action = "payout-outcome-unknown" if ground == UNKNOWN else "payout-differs"
                await note(moment, order, action, reason or ground, payout=payout_id)
        return PaymentState(state="unknown", payout_id=payout_id or payment.payout_id, ground=ground)

    async def _parked(self, order: PayoutOrder, payment: OutboundPayment, fault: Fault) -> PaymentState:
        """A bank that cannot be understood for long is people's business, though never "not paid"."""
        async with self.records.moment() as moment:
            age = moment.at - (payment.first_sent_at or moment.at)
        if payment.state == "unknown":
            return PaymentState(state="unknown", payout_id=payment.payout_id, ground=payment.doubt or UNKNOWN)
        if payment.state == "accepted" or age < self._patience:
            raise fault
        return await self.doubt(order, payment, UNKNOWN, reason=str(fault))

    async def is_old(self, payment: OutboundPayment) -> bool:
        """Whether whatever was sent has had the bank's whole time to show."""
        async with self.records.moment() as moment:
            return payment.sent_at is None or moment.at - payment.sent_at >= self._profile.certain_after

    def destination(self, payment: OutboundPayment) -> Destination:
        """Where the payment was ordered to, opened."""
        return ordered_to(self.records, payment)

    async def known(self, order: PayoutOrder, payment: OutboundPayment) -> PaymentState:
        """A payment about which nothing is to be asked."""
        async with self.records.moment() as moment:
            return await self._told(moment, order, payment)

    async def _told(self, moment: Moment, order: PayoutOrder, payment: OutboundPayment) -> PaymentState:
        grounds = {"held": LARGE, "unknown": payment.doubt or UNKNOWN}
        ground = grounds.get(payment.state)
        if payment.state in _UNPAID:
            ground = payment.refusal_code if payment.refusal_code in (UNKNOWN, NOT_APPROVED) else REFUSED
        return PaymentState(
            state=payment.state,
            payout_id=payment.payout_id,
            loan_id=await self.why[order.purpose].loan_id(moment, order),
            ground=ground,
        )


async def note(moment: Moment, order: PayoutOrder, action: str, reason: str | None, **detail: object) -> None:
    """One line of the audit trail about a payment."""
    await audit.record(
        moment.session,
        actor="system:worker",
        action=action,
        subject=order.subject,
        reason=reason,
        paragraph="9",
        detail={"key": order.key, **detail},
    )
