"""A payment that nobody could place goes back to whoever sent it.

Rules: para 9, part 2.
"""

from __future__ import annotations

import json
from datetime import date
from uuid import UUID

from pydantic import ValidationError
from sqlmodel import col, select

from activities import loan_book
from activities.context import Moment, Records
from activities.payout_orders import NO_RECEIVER, NOTHING, PayoutOrder
from activities.payout_purposes import Drawn, NotPayable
from activities.ports import Destination, Recipient
from rules.errors import NotFound
from storage import audit, payments
from storage.tables import IncomingPayment, OutboundPayment, PaymentAssignment


class Returning:
    """Money that nobody could place goes back to the account it came from, on the word of two people."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def draw(self, moment: Moment, order: PayoutOrder) -> Drawn:
        """See Why. Raises NotPayable where two people have not decided so, or the payer's account is not known."""
        incoming = await self._incoming(moment, order)
        if await payments.get(moment.session, order.key) is None and not await self._decided(moment, incoming):
            raise NotPayable(NOTHING)
        payer = json.loads(self._records.vault.open_own(incoming.payer, f"incoming:{incoming.key}:payer"))
        number, name = str(payer.get("iin") or ""), str(payer.get("name") or "")
        try:
            # the fifth digit tells a person (day of birth) from an organisation
            numbers = {"bin": number} if number[4:5] in ("4", "5", "6") else {"iin": number or None}
            recipient = Recipient(name=name, **numbers)
        except ValidationError:
            raise NotPayable(NO_RECEIVER) from None
        if not payer.get("iban"):
            raise NotPayable(NO_RECEIVER)
        destination = Destination(kind="iban", value=str(payer["iban"]))
        text = "Возврат ошибочного платежа"
        return Drawn(incoming.amount, destination, recipient, "bank", text, proved=True)

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

    async def _decided(self, moment: Moment, incoming: IncomingPayment) -> bool:
        """Whether the last word of two people was to send it back."""
        query = (
            select(PaymentAssignment)
            .where(col(PaymentAssignment.payment_id) == incoming.id, col(PaymentAssignment.confirmed_by).is_not(None))
            .order_by(col(PaymentAssignment.confirmed_at).desc())
            .limit(1)
        )
        last = (await moment.session.exec(query)).one_or_none()
        return incoming.state in ("UNMATCHED", "RETURNING") and last is not None and last.loan_id is None

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
