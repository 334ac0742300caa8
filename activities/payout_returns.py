"""A payment that nobody could place goes back to whoever sent it.

Each word of two people is one try, under a key of its own (rules.payment_keys); no two tries are ever alive together.

Rules: para 9, part 2.
"""

from __future__ import annotations

from datetime import date
from uuid import UUID

from pydantic import ValidationError
from sqlmodel import col, select

from activities import loan_book
from activities.context import Moment, Records
from activities.money_ports import Destination, Recipient
from activities.payout_orders import NO_RECEIVER, NOTHING, UNDER_WAY, PayoutOrder
from activities.payout_purposes import Drawn, NotPayable
from rules.errors import NotFound
from rules.payment_keys import attempt_of
from storage import assignments, audit, payments
from storage.incoming import OPEN, IncomingPayments
from storage.tables import IncomingPayment, OutboundPayment, PaymentAssignment


class Returning:
    """Money that nobody could place goes back to the account it came from, on the word of two people."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def draw(self, moment: Moment, order: PayoutOrder) -> Drawn:
        """See Why. Raises NotPayable where two people have not decided so, or the payer's account is not known."""
        incoming = await self._incoming(moment, order)
        word = await assignments.of_try(moment.session, incoming.id, attempt_of(order.key))
        if await payments.get(moment.session, order.key) is None:
            await self._check_fresh(moment, incoming, word)
        payer = IncomingPayments(self._records.vault).payer(incoming)
        # the fifth digit tells a person (day of birth) from an organisation
        numbers = {"bin": payer.iin} if payer.iin[4:5] in ("4", "5", "6") else {"iin": payer.iin or None}
        try:
            recipient = Recipient(name=payer.name, **numbers)
        except ValidationError:
            raise NotPayable(NO_RECEIVER) from None
        other = None if word is None else assignments.other_account(self._records.vault, word)
        if not (other or payer.iban):
            raise NotPayable(NO_RECEIVER)
        destination = Destination(kind="iban", value=other or payer.iban)
        # what goes back to where it came from needs no proof; another account must be shown to be the payer's
        text, proved = "Возврат ошибочного платежа", other is None
        return Drawn(incoming.amount, destination, recipient, "bank", text, proved=proved)

    async def _check_fresh(self, moment: Moment, incoming: IncomingPayment, word: PaymentAssignment | None) -> None:
        """Nothing was ordered under this key yet: it must be what two people said last, and nothing may be under way.

        Raises:
            NotPayable: `nothing-to-refund`, `refund-under-way`.
        """
        last = await assignments.confirmed(moment.session, incoming.id)
        if word is None or last is None or last.id != word.id or incoming.state not in OPEN:
            raise NotPayable(NOTHING)
        tries = (await payments.returns_of(moment.session, [incoming.id])).get(incoming.id, [])
        if any(one.state not in payments.UNPAID for one in tries):
            raise NotPayable(UNDER_WAY)

    async def ordered(self, moment: Moment, order: PayoutOrder, payment: OutboundPayment) -> None:
        """See Why."""
        await self._becomes(moment, order, "RETURNING")

    async def book(self, moment: Moment, order: PayoutOrder, payment: OutboundPayment, value_date: date) -> UUID | None:
        """It is nobody's any more."""
        incoming = await self._incoming(moment, order)
        await loan_book.send_back(moment, incoming, order.key, value_date)
        await self._becomes(moment, order, "RETURNED")
        return None

    async def unpaid(self, moment: Moment, order: PayoutOrder) -> None:
        """Back into the queue of what is to be placed."""
        await self._becomes(moment, order, "UNMATCHED")

    async def loan_id(self, moment: Moment, order: PayoutOrder) -> UUID | None:
        """None: no loan has to do with it."""
        return None

    async def _incoming(self, moment: Moment, order: PayoutOrder) -> IncomingPayment:
        query = select(IncomingPayment).where(col(IncomingPayment.id) == order.incoming_payment_id).with_for_update()
        found = (await moment.session.exec(query)).one_or_none()
        if found is None:
            raise NotFound("incoming-payment-unknown")
        return found

    async def _becomes(self, moment: Moment, order: PayoutOrder, state: str) -> None:
        incoming = await self._incoming(moment, order)
        if incoming.state == state:
            return
        incoming.state = state
        moment.session.add(incoming)
        await audit.record(
            moment.session,
            actor="system:worker",
            action=f"incoming-{state.lower()}",
            subject=order.subject,
            paragraph="9",
            detail={"key": order.key},
        )
