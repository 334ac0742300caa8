"""Activities of outgoing payments: whose account it is, sending, asking, and what two people decided.

The pattern by which money leaves once is in activities.payouts.

Rules: para 9, part 2.
"""

from __future__ import annotations

from temporalio import activity

from activities import payout_decisions
from activities.payout_orders import PaymentDecided, PaymentState, PayoutOrder
from activities.payout_purposes import Drawn, NotPayable
from activities.payouts import Payouts
from activities.ports import Antifraud, Bank
from rules.errors import BusinessError
from storage import audit

__all__ = ["PaymentDecided", "PaymentState", "Payments", "PayoutOrder"]

_OWNER = {"MATCH": None, "MISMATCH": "account-not-owned"}


class Payments:
    """Pays out.

    Args:
        payouts: the engine, with what the bank promises.
    """

    def __init__(self, payouts: Payouts, bank: Bank, antifraud: Antifraud) -> None:
        self._payouts, self._bank, self._antifraud = payouts, bank, antifraud
        self._records = payouts.records

    @activity.defn
    async def verify_account(self, order: PayoutOrder) -> str | None:
        """The ground why this receiver gets no money, None where the account is theirs. Only MATCH pays."""
        evidence = ""
        try:
            async with self._records.moment() as moment:
                drawn = await self._payouts.why[order.purpose].draw(moment, order)
        except NotPayable as error:
            ground: str | None = error.code
        else:
            ground, evidence = await self._owner(drawn)
        async with self._records.moment() as moment:
            await audit.record(
                moment.session,
                actor="system:worker",
                action="account-verified" if ground is None else "account-refused",
                subject=order.subject,
                reason=ground,
                paragraph="9",
                detail={"bank_reference": evidence},
            )
        return ground

    async def _owner(self, drawn: Drawn) -> tuple[str | None, str]:
        """Ground and the bank's reference. What goes back to where it came from needs no owner's proof."""
        if drawn.proved:
            return None, ""
        try:
            owner = await self._bank.verify_owner(drawn.destination, drawn.recipient)
        except BusinessError as error:
            return error.code, ""
        ground = _OWNER.get(owner.result, "account-owner-unknown")
        person = drawn.person
        if (
            ground is None
            and person is not None
            and await self._antifraud.listed(person.iin, _iban(drawn), person.phone, drawn.amount)
        ):
            ground = "recipient-listed"
        return ground, owner.reference

    @activity.defn
    async def pay(self, order: PayoutOrder) -> PaymentState:
        """Send the money, or find out what became of an earlier sending."""
        return await self._payouts.pay(order)

    @activity.defn
    async def ask_bank(self, order: PayoutOrder) -> PaymentState:
        """What the bank's books say now."""
        return await self._payouts.ask(order)

    @activity.defn
    async def give_up(self, decided: PaymentDecided) -> PaymentState:
        """Two people have the bank's proof that nothing was paid; asked once more, the bank's word wins."""
        return await payout_decisions.decide(self._payouts, decided)

    @activity.defn
    async def apply_decision(self, decided: PaymentDecided) -> PaymentState:
        """Two people approved a large amount or refused it, or saw in the bank's books that it was paid."""
        return await payout_decisions.decide(self._payouts, decided)


def _iban(drawn: Drawn) -> str | None:
    return drawn.destination.value if drawn.destination.kind == "iban" else None
