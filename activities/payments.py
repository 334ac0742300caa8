"""Activities of outgoing payments: whose account it is, sending, asking, and what two people decided.

The pattern by which money leaves once is in activities.payouts.

Rules: para 9, part 2.
"""

from __future__ import annotations

from temporalio import activity

from activities import payout_decisions
from activities.context import Moment
from activities.money_ports import Bank, Destination
from activities.payout_orders import (
    LISTED,
    NOT_OWNED,
    OF_THE_ACCOUNT,
    OWNER_UNKNOWN,
    AccountNamed,
    PaymentDecided,
    PaymentState,
    PayoutOrder,
)
from activities.payout_purposes import Drawn, NotPayable, Refunding
from activities.payouts import Payouts
from activities.ports import Antifraud
from rules.errors import BusinessError, Conflict
from rules.evidence import StepOutcome, StepResult
from storage import audit, refunds
from storage.tables import RefundAccount

__all__ = ["PaymentDecided", "PaymentState", "Payments", "PayoutOrder"]

_OWNER = {"MATCH": None, "MISMATCH": NOT_OWNED}


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
            await _note(moment, order, ground, bank_reference=evidence)
        return ground

    @activity.defn
    async def check_named(self, named: AccountNamed) -> StepResult:
        """Whether the account that a client names for a refund is theirs, by the same word of the bank; asked once.

        Only an account that has passed here is paid to. retry: another account may do. refused: none would.

        Raises:
            NotFound: `account-unknown`: no such account was named for this payment.
            Conflict: `wrong-step`: the payment goes to no client.
        """
        async with self._records.moment() as moment:
            account = await refunds.named(moment.session, named.account_id, named.key)
            if account.checked_at is not None:
                return _result(account)
            why = self._payouts.why[named.purpose]
            if not isinstance(why, Refunding):
                raise Conflict("wrong-step")
            place = refunds.opened(self._records.vault, account)
            to = Destination(kind=place.kind, value=place.value)
            try:
                drawn = await why.drawn_to(moment, named, to)
            except NotPayable as error:
                return StepResult(step="refund-account", outcome=StepOutcome.REFUSED, ground=error.code)
        ground, evidence = await self._owner(drawn)
        async with self._records.moment() as moment:
            account = await refunds.named(moment.session, named.account_id, named.key)
            if account.checked_at is None:
                await refunds.checked(moment.session, account, ground, evidence)
                await _note(moment, named, ground, bank_reference=evidence, account=str(account.id))
            return _result(account)

    async def _owner(self, drawn: Drawn) -> tuple[str | None, str]:
        """Ground and the bank's reference. What goes back to where it came from needs no owner's proof."""
        if drawn.proved:
            return None, ""
        try:
            owner = await self._bank.verify_owner(drawn.destination, drawn.recipient)
        except BusinessError as error:
            return error.code, ""
        ground = _OWNER.get(owner.result, OWNER_UNKNOWN)
        number, phone = drawn.recipient.number, None
        if drawn.person is not None:  # the client, whoever is paid
            number, phone = drawn.person.number, drawn.person.phone
        if ground is None and await self._antifraud.listed(number, _iban(drawn), phone, drawn.amount):
            ground = LISTED
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


def _result(account: RefundAccount) -> StepResult:
    outcome = StepOutcome.PASSED
    if account.ground is not None:
        outcome = StepOutcome.RETRY if account.ground in OF_THE_ACCOUNT else StepOutcome.REFUSED
    return StepResult(step="refund-account", outcome=outcome, ground=account.ground)


async def _note(moment: Moment, order: PayoutOrder, ground: str | None, **detail: str) -> None:
    await audit.record(
        moment.session,
        actor="system:worker",
        action="account-verified" if ground is None else "account-refused",
        subject=order.subject,
        reason=ground,
        paragraph="9",
        detail=detail,
    )


def _iban(drawn: Drawn) -> str | None:
    return drawn.destination.value if drawn.destination.kind == "iban" else None
