"""What the bank's own books show of a payment of ours, and whether that is what was ordered."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from activities.money_ports import Bank, Destination, Payout
from rules.bank_profile import BankProfile
from rules.calendar import local_date
from rules.errors import BrokenContract
from rules.money import Money
from storage.tables import OutboundPayment

_CURRENCY = "KZT"
_DAYS_OF_STATEMENTS = 10  # a bank that has not booked a payment by then is asked by people


class BankBooks:
    """Asks the bank in the way that it offers: by our order id, or by its statements."""

    def __init__(self, bank: Bank, profile: BankProfile) -> None:
        self._bank, self._profile = bank, profile

    async def shown(self, payment: OutboundPayment, ordered: Destination, today: date) -> Payout | None:
        """The payment as the bank's books show it; None where they do not, which alone proves nothing.

        Raises:
            BrokenContract: `bank-several-payouts`: it was paid more than once.
        """
        if self._profile.lookup:
            return await self._bank.find(payment.order_id)
        if payment.first_sent_at is None:
            return None
        first = local_date(payment.first_sent_at)
        days = min((today - first).days, _DAYS_OF_STATEMENTS)
        found = [
            _paid(line, day, payment, ordered)
            for day in (first + timedelta(days=n) for n in range(days + 1))
            for line in await self._lines(day)
            if line["side"] == "D" and line["order_id"] == payment.order_id
        ]
        if len(found) > 1:
            raise BrokenContract("bank-several-payouts")
        return found[0] if found else None

    async def _lines(self, day: date) -> list[dict[str, Any]]:
        statement = await self._bank.statement(day)
        return statement.entries if statement is not None else []

    def may_send_again(self, payment: OutboundPayment, at: datetime) -> bool:
        """Whether a payment that the books do not show may be sent again under the same key.

        Never where the bank has once named it. A bank that honours keys pays a key once while it remembers it; one
        that does not is believed only after its own time since the last sending.
        """
        if payment.payout_id is not None or payment.first_sent_at is None or payment.sent_at is None:
            return False
        if self._profile.keys:
            return at - payment.first_sent_at <= self._profile.key_lifetime
        return self._profile.lookup and at - payment.sent_at >= self._profile.certain_after


def _paid(line: dict[str, Any], day: date, payment: OutboundPayment, ordered: Destination) -> Payout:
    """A line that left our account. A statement names no card, so that the order's own card is taken."""
    party = line["counterparty"]
    card = ordered.kind == "card"
    return Payout(
        payout_id=payment.payout_id or line["bank_ref"],
        order_id=payment.order_id,
        amount=Money(line["amount"]),
        currency=line.get("currency") or _CURRENCY,
        destination=ordered if card else Destination(kind="iban", value=party["iban"]),
        receiver=party["iin"] or None,
        status="DONE",
        bank_reference=line["bank_ref"],
        value_date=day,
    )


def difference(payment: OutboundPayment, ordered: Destination, receiver: str, payout: Payout) -> str | None:
    """What the bank's books have otherwise than was ordered; None where all is as ordered.

    Args:
        receiver: IIN or BIN that the order named.
    """
    if payout.currency != _CURRENCY:
        return "currency"
    if payout.amount != payment.amount:
        return "amount"
    if payout.destination != ordered:
        return "account"
    if payout.receiver is not None and payout.receiver != receiver:
        return "receiver"
    return None
