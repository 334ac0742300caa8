"""Why money leaves, and what follows when it has: to whom, how much, and what is booked.

| purpose | amount | receiver | when paid |
|---|---|---|---|
| disbursement | of the application | the client's account or card, or a seller under an agreement | the loan opens |
| refund, return-collected | what is owed to the client | the client, by an account shown to be theirs | loan event |
| return | of the incoming payment | the account it came from | the incoming payment is RETURNED |

Rules: para 8, part 6; para 9, part 2; para 13, part 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Protocol
from uuid import UUID

from activities import identifications, loan_book
from activities.applications import enter_stage, get_application
from activities.context import Moment, Records
from activities.loans import open_loan
from activities.merchants import merchant_ground
from activities.money_ports import Destination, Recipient
from activities.payout_orders import DISPUTED, NO_RECEIVER, NOTHING, UNDER_WAY, PayoutOrder
from rules.client import Person
from rules.errors import Conflict, NotFound
from rules.loan_events import Refunded
from rules.money import Money
from rules.partners import known_partner
from rules.payment_keys import Purpose
from rules.products import ReceivingMethod
from rules.receiving import CHANNELS, Receiving, merchant_act
from rules.write_off import GROUNDS, VERDICT, standing
from storage import audit, client_accounts, loans, payments, refunds
from storage.tables import Application, Loan, OutboundPayment


class NotPayable(Conflict):
    """There is nothing to pay, or nobody to pay it to: no money leaves, and nothing was ordered."""


@dataclass(frozen=True)
class Drawn:
    """What is to be paid and to whom. Personal data: it stays inside the activity.

    channel: bank | card | merchant. text: what the receiver reads. person: the client, where the receiver is one.
    proved: the account's owner needs no check, because the money came from there.
    """

    amount: Money
    destination: Destination
    recipient: Recipient
    channel: str
    text: str
    person: Person | None = None
    proved: bool = False


class Why(Protocol):
    """One purpose of a payment."""

    async def draw(self, moment: Moment, order: PayoutOrder) -> Drawn:
        """Amount and receiver by the records; where the payment is ordered already, the amount that was ordered.

        Raises:
            NotPayable: with the ground why nothing is to be paid.
        """

    async def ordered(self, moment: Moment, order: PayoutOrder, payment: OutboundPayment) -> None:
        """The intent stands; in its transaction."""

    async def book(self, moment: Moment, order: PayoutOrder, payment: OutboundPayment, value_date: date) -> UUID | None:
        """The money has left: book it, in the transaction of the bank's answer. The loan, where there is one."""

    async def unpaid(self, moment: Moment, order: PayoutOrder) -> None:
        """The money did not leave, for certain; in the transaction of that answer."""

    async def loan_id(self, moment: Moment, order: PayoutOrder) -> UUID | None:
        """The loan that the payment made or belongs to."""


def receiver(records: Records, application: Application, person: Person) -> tuple[str, Destination, Recipient]:
    """Channel, destination and recipient of what an application asks for.

    Raises:
        NotPayable: the seller is unknown, or the application is to be paid in cash.
    """
    sealed = records.vault.open_own(application.account, f"application:{application.id}:account").decode()
    how = Receiving.read(sealed)
    channel = CHANNELS[how.method]
    if how.method is ReceivingMethod.MERCHANT:
        seller = known_partner(how.value)
        if seller is None:
            raise NotPayable(NO_RECEIVER)
        return (
            channel,
            Destination(kind="iban", value=seller.iban),
            Recipient(name=seller.name("ru"), bin=seller.bin),
        )
    if channel not in ("bank", "card"):
        raise NotPayable(NO_RECEIVER)
    return channel, Destination(kind="card" if channel == "card" else "iban", value=how.value), _recipient(person)


def _recipient(person: Person) -> Recipient:
    return Recipient(name=person.party, **({"bin": person.bin} if person.bin else {"iin": person.iin}))


class Disbursing:
    """A microcredit issued. Rules: para 9, part 2."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def draw(self, moment: Moment, order: PayoutOrder) -> Drawn:
        """See Why."""
        application = await self._application(moment, order)
        person = await _person(self._records, moment, application.client_id)
        channel, destination, recipient = receiver(self._records, application, person)
        text = "Выдача микрокредита"
        return Drawn(application.amount, destination, recipient, channel, text, person)

    async def ordered(self, moment: Moment, order: PayoutOrder, payment: OutboundPayment) -> None:
        """A seller is paid only under an agreement in force and the borrower's own word. Raises NotPayable."""
        application = await self._application(moment, order)
        if payment.channel == "merchant":
            ground = await merchant_ground(moment, self._records, application)
            if ground is not None:
                raise NotPayable(ground)
            client = await self._records.clients.get(moment.session, application.client_id)
            await identifications.close(
                self._records, moment, client, merchant_act(application.id), edition=application.edition,
                application_id=application.id,
            )  # fmt: skip
        await enter_stage(moment, application, "DISBURSING", paragraph="9", detail={"key": order.key})

    async def book(self, moment: Moment, order: PayoutOrder, payment: OutboundPayment, value_date: date) -> UUID | None:
        """The loan opens, and the application is issued."""
        application = await self._application(moment, order)
        loan = await open_loan(moment, application, value_date)
        application.loan_id = loan.id
        await self._keep_account(moment, application, payment)
        detail: dict[str, object] = {
            "loan": str(loan.id),
            "payout": payment.payout_id,
            "bank_reference": payment.bank_reference,
        }
        await enter_stage(moment, application, "ISSUED", paragraph="9", detail=detail)
        return loan.id

    async def _keep_account(self, moment: Moment, application: Application, payment: OutboundPayment) -> None:
        """The bank called it the client's, and the client signed for it: the first such is kept with us.

        Rules: para 8, part 7.
        """
        if payment.channel == "merchant":
            return
        client = await self._records.clients.get(moment.session, application.client_id)
        named = refunds.Named(**ordered_to(self._records, payment).model_dump())
        await client_accounts.keep_first(
            moment.session, self._records.vault, client, named, payment.bank_reference or payment.key
        )

    async def unpaid(self, moment: Moment, order: PayoutOrder) -> None:
        """The case itself ends the application."""

    async def loan_id(self, moment: Moment, order: PayoutOrder) -> UUID | None:
        """See Why."""
        return (await self._application(moment, order)).loan_id

    async def _application(self, moment: Moment, order: PayoutOrder) -> Application:
        if order.application_id is None:
            raise NotFound("application-unknown")
        return await get_application(moment.session, order.application_id)


class Refunding:
    """What a loan owes to its client goes back: above the debt, or all that was collected where it is written off."""

    def __init__(self, records: Records, text: str) -> None:
        self._records, self._text = records, text

    async def draw(self, moment: Moment, order: PayoutOrder) -> Drawn:
        """What is owed to the client and is not on its way already; where it is ordered, to where it was ordered."""
        return await self.drawn_to(moment, order, None)

    async def drawn_to(self, moment: Moment, order: PayoutOrder, to: Destination | None) -> Drawn:
        """As draw, to an account that is only to be checked; None: to the one that the client gets money by."""
        loan_id = _of(order)
        loan = await loans.lock(moment.session, loan_id)
        known = await payments.get(moment.session, order.key)
        if known is not None and to is not None:
            raise NotPayable(UNDER_WAY)  # it goes where it was ordered to
        if known is not None:
            amount, to = known.amount, ordered_to(self._records, known)
        else:
            owed = (await loan_book.position_of(moment.session, loan_id, max(moment.day, loan.disbursed_on))).overpaid
            amount = owed - await payments.under_way(moment.session, loan_id)
        if amount <= Money(0):
            raise NotPayable(NOTHING)
        person = await _person(self._records, moment, loan.client_id)
        to = to or await self._shown(moment, loan, person)
        channel, text = ("card" if to.kind == "card" else "bank"), f"{self._text} {loan.number}"
        return Drawn(amount, to, _recipient(person), channel, text, person)

    async def _shown(self, moment: Moment, loan: Loan, person: Person) -> Destination:
        """The newest account that the client named and that was shown to be theirs, else that of the application.

        What is owed under a microcredit that the client never got goes to an account named for just that: whoever got
        the microcredit chose the application's, and may have named another since.

        Raises:
            NotPayable: the microcredit went out in cash or to a seller, who has no claim to what the client paid; or
                by a court it did not go to the client.

        Rules: para 13, part 4.
        """
        disputed = await _never_got(moment, loan)
        named = await refunds.shown(moment.session, loan.id, f"{Purpose.RETURN_COLLECTED}:" if disputed else "")
        if named is not None:
            return Destination(**refunds.opened(self._records.vault, named).model_dump())
        if disputed:
            raise NotPayable(DISPUTED)
        application = await get_application(moment.session, loan.application_id)
        channel, destination, _ = receiver(self._records, application, person)
        if channel == "merchant":
            raise NotPayable(NO_RECEIVER)
        return destination

    async def ordered(self, moment: Moment, order: PayoutOrder, payment: OutboundPayment) -> None:
        """See Why."""
        await audit.record(
            moment.session,
            actor="system:worker",
            action="refund-ordered",
            subject=order.subject,
            paragraph="9",
            detail={"key": order.key, "amount": str(payment.amount)},
        )

    async def book(self, moment: Moment, order: PayoutOrder, payment: OutboundPayment, value_date: date) -> UUID | None:
        """A fact of the loan, with its posting."""
        loan_id = _of(order)
        event = Refunded(key=order.key, value_date=value_date, known_at=moment.at, amount=payment.amount)
        paragraph = "13" if order.purpose is Purpose.RETURN_COLLECTED else "9"
        detail = {"payout": payment.payout_id, "bank_reference": payment.bank_reference}
        await loan_book.record(moment, loan_id, event, actor="system:worker", paragraph=paragraph, detail=detail)
        return loan_id

    async def unpaid(self, moment: Moment, order: PayoutOrder) -> None:
        """It stays owed to the client."""

    async def loan_id(self, moment: Moment, order: PayoutOrder) -> UUID | None:
        """See Why."""
        return order.loan_id


def ordered_to(records: Records, payment: OutboundPayment) -> Destination:
    """Where a payment was ordered to, opened."""
    value = records.vault.open_own(payment.account, f"payment:{payment.key}").decode()
    return Destination(kind="card" if payment.channel == "card" else "iban", value=value)


async def _never_got(moment: Moment, loan: Loan) -> bool:
    """Whether a court found that the client did not receive the microcredit."""
    off = standing(await loans.events(moment.session, loan.id), max(moment.day, loan.disbursed_on))
    return off is not None and off.ground == GROUNDS[VERDICT].name


async def _person(records: Records, moment: Moment, client_id: UUID) -> Person:
    return records.clients.person(await records.clients.get(moment.session, client_id))


def _of(order: PayoutOrder) -> UUID:
    if order.loan_id is None:
        raise NotFound("loan-unknown")
    return order.loan_id
