"""Orders to hand a microcredit out in cash, as the case sees them: placed, looked at, annulled when nobody came.

An order is an outgoing payment that the bank never hears of: its intent is `accepted` at once and `done` when a cashier
or a terminal has paid (activities.cash_desk).

Rules: para 8, part 6; para 9.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from uuid import UUID

from temporalio import activity

from activities import identifications
from activities.applications import ENDED_UNPAID, ApplicationRef, enter_stage, get_application
from activities.cash_desk import DESK_ACT, seen_paid
from activities.context import Moment, Records, conclude
from activities.ports import Antifraud, DigitalDocuments
from rules.errors import BusinessError, Conflict, Fault, NotConfirmed
from rules.evidence import Frozen, StepResult
from rules.money import Money
from rules.payment_keys import disbursement_key
from rules.products import ReceivingMethod
from rules.receiving import CASH, Receiving, at_a_terminal
from storage import audit, cash_orders, payments, reviews
from storage.tables import CashOrder

NOT_COLLECTED, GIVEN_UP = "not-collected", "payout-outcome-unknown"


class CashOrderState(Frozen):
    """Where an order stands. state: waiting | paying | done | refused; ground: why it was not paid."""

    state: str
    expires_at: datetime | None = None
    loan_id: UUID | None = None
    ground: str | None = None


class CashOrderDecided(Frozen):
    """What two people decided about an order whose outcome is not known; the decision is read in the database."""

    ref: ApplicationRef
    review_id: UUID
    decision_id: UUID


class DigitalDocumentShown(Frozen):
    """The one-time code by which a client lets us see their document in the digital documents service."""

    ref: ApplicationRef
    code: str


class CashOrders:
    """Places orders and ends those nobody collected."""

    def __init__(self, records: Records, antifraud: Antifraud, documents: DigitalDocuments) -> None:
        self._records, self._antifraud, self._documents = records, antifraud, documents

    @activity.defn
    async def place_order(self, ref: ApplicationRef) -> CashOrderState:
        """The intent and the order, in one transaction; a receiver on the anti-fraud list gets none.

        Raises:
            Conflict: `cash-order-ended`: the application has ended meanwhile.
        """
        async with self._records.moment() as moment:
            application = await get_application(moment.session, ref.application_id)
            client = await self._records.clients.get(moment.session, ref.client_id)
            known = await cash_orders.of_application(moment.session, ref.application_id)
        if known is None:
            person = self._records.clients.person(client)
            if application.receiving_method == ReceivingMethod.CASH_TERMINAL and application.amount > at_a_terminal(
                moment.policy
            ):
                return await self._refused(ref, "amount-above-terminal-limit")
            if await self._antifraud.listed(person.iin, None, person.phone, application.amount):
                return await self._refused(ref, "recipient-listed")
        async with self._records.moment() as moment:
            return await self._placed(moment, ref)

    async def _placed(self, moment: Moment, ref: ApplicationRef) -> CashOrderState:
        application = await get_application(moment.session, ref.application_id)
        known = await cash_orders.of_application(moment.session, ref.application_id)
        if known is not None:  # and not locked: a desk that pays it has locked it, and waits for the application
            return await self._told(moment, known)
        if application.stage in ENDED_UNPAID:  # by the answer to another try of this very step
            raise Conflict("cash-order-ended")
        context = f"application:{application.id}:account"
        how = Receiving.read(self._records.vault.open_own(application.account, context).decode())
        if how.method not in CASH:
            raise Fault("this application is not to be paid in cash")
        key = disbursement_key(application.id)
        _, fresh = await payments.intend(
            moment.session,
            key=key,
            purpose="disbursement",
            request_hash=hashlib.sha256(f"{how.written()}|{application.amount}".encode()).hexdigest(),
            amount=application.amount,
            account_sealed=self._records.vault.seal_own(how.written().encode(), f"payment:{key}"),
            application_id=application.id,
            channel=how.channel,
        )
        if fresh:
            await payments.settle(moment.session, key, "accepted", cash_orders.number_of(application.id))
        order = await cash_orders.place(
            moment.session,
            payment_key=key,
            application_id=application.id,
            client_id=application.client_id,
            channel=how.channel,
            desk=how.value or None,
            amount=application.amount,
            two_people=application.amount > Money(moment.policy.number("cash-two-people-tenge")),
            life_hours=moment.policy.whole("cash-order-hours"),
        )
        if fresh:
            detail: dict[str, object] = {"order": order.number, "channel": order.channel, "desk": order.desk}
            await enter_stage(moment, application, "DISBURSING", paragraph="9", detail=detail)
        return await self._told(moment, order)

    @activity.defn
    async def look_at_order(self, ref: ApplicationRef) -> CashOrderState:
        """Where the order stands; one that nobody collected in time ends here."""
        async with self._records.moment() as moment:
            order = await self._locked(moment, ref)
            if order.state == "waiting" and order.expires_at <= moment.at:
                await _annul(moment, order, NOT_COLLECTED)
            return await self._told(moment, order)

    @activity.defn
    async def settle_order(self, decided: CashOrderDecided) -> CashOrderState:
        """Two people have the terminal network's word: it was paid, under this receipt on this day; or it was not.

        Raises:
            NotConfirmed: `decision-unknown`.
        """
        async with self._records.moment() as moment:
            order = await self._locked(moment, decided.ref)
            decision = await reviews.decision(moment.session, decided.review_id, decided.decision_id)
            if decision is None:
                raise NotConfirmed("decision-unknown")
            if order.state == "paying" and decision.decision == "approve" and decision.bank_reference:
                await seen_paid(moment, order, decision.bank_reference, decision.value_date or moment.day)
            elif order.state in cash_orders.OPEN and decision.decision == "refuse":
                await _annul(moment, order, GIVEN_UP)
            return await self._told(moment, order)

    @activity.defn
    async def check_digital_document(self, shown: DigitalDocumentShown) -> StepResult:
        """Whether the person at the desk opened the client's own document. Rules: para 9."""
        async with self._records.moment() as moment:
            client = await self._records.clients.get(moment.session, shown.ref.client_id)
        person, ground = self._records.clients.person(client), None
        try:
            document = await self._documents.shown(person.iin, shown.code)
        except BusinessError as error:
            ground = error.code
        else:
            if document.iin != person.iin:
                ground = "document-other-person"
        async with self._records.moment() as moment:
            if ground is None and document.expires < moment.day:
                ground = "document-expired"
            result = await conclude(
                moment,
                client,
                act=DESK_ACT,
                step="document",
                ground=ground,
                evidence={"source": "digital-documents"},
                paragraph="9",
                application_id=shown.ref.application_id,
            )
            application = await get_application(moment.session, shown.ref.application_id)
            await identifications.close(
                self._records, moment, client, DESK_ACT, edition=application.edition, application_id=application.id,
                ground=ground,
            )  # fmt: skip
            return result

    async def _refused(self, ref: ApplicationRef, ground: str) -> CashOrderState:
        async with self._records.moment() as moment:
            await get_application(moment.session, ref.application_id)
            known = await cash_orders.of_application(moment.session, ref.application_id)
            if known is not None:  # another try heard otherwise and has placed it: it may be collected already
                return await self._told(moment, known)
            await audit.record(
                moment.session,
                actor="system:worker",
                action="cash-order-refused",
                subject=f"application:{ref.application_id}",
                reason=ground,
                paragraph="9",
            )
        return CashOrderState(state="refused", ground=ground)

    async def _locked(self, moment: Moment, ref: ApplicationRef) -> CashOrder:
        return await cash_orders.lock(moment.session, cash_orders.number_of(ref.application_id))

    async def _told(self, moment: Moment, order: CashOrder) -> CashOrderState:
        if order.state in cash_orders.OPEN:
            return CashOrderState(state=order.state, expires_at=order.expires_at)
        payment = await payments.get(moment.session, order.payment_key)
        application = await get_application(moment.session, order.application_id)
        if order.state == "paid":
            return CashOrderState(state="done", loan_id=application.loan_id)
        return CashOrderState(state="refused", ground=payment.refusal_code if payment else GIVEN_UP)


async def _annul(moment: Moment, order: CashOrder, ground: str) -> None:
    order.state, order.code_hash = "annulled", None
    moment.session.add(order)
    await payments.settle(moment.session, order.payment_key, "refused", refusal_code=ground)
    await reviews.close_of_payment(moment.session, order.payment_key)
    await audit.record(
        moment.session,
        actor="system:worker",
        action="cash-order-annulled",
        subject=f"application:{order.application_id}",
        reason=ground,
        paragraph="9",
        detail={"order": order.number},
    )
