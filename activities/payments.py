"""Money out, by the safe-payment pattern: it leaves once, whatever dies.

The key is the business fact; the intent is committed before the bank is called; a retry asks before it sends and
sends only under the same key; the bank's answer, the ledger and the loan are one transaction; what is unknown stays
unknown until the bank says.

Rules: para 9, part 2.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from uuid import UUID

from temporalio import activity

from activities.applications import ApplicationRef, enter_stage, get_application
from activities.context import Moment, Records
from activities.loans import open_loan
from activities.ports import Antifraud, Bank, Payout
from rules.errors import BrokenContract, BusinessError, NotSettled
from rules.evidence import Frozen
from storage import audit, ledger, payments
from storage.tables import Application, OutboundPayment

_STATES = {
    "ACCEPTED": "accepted",
    "IN_PROGRESS": "accepted",
    "DONE": "done",
    "REJECTED": "refused",
    "RETURNED": "returned",
}
_UNPAID = ("refused", "returned")
# grounds; the bank's own code of a refusal stays with the payment and in the audit trail
REFUSED, UNKNOWN, MISMATCH = "payout-refused", "payout-outcome-unknown", "bank-mismatch"


class PaymentState(Frozen):
    """Where a payout stands. state: accepted | done | refused | returned | unknown (ground: why people look)."""

    state: str
    payout_id: str | None = None
    loan_id: UUID | None = None
    ground: str | None = None


class Payments:
    """Pays out.

    Args:
        bank_keys: whether the bank honours an Idempotency-Key; where it does not, "not found" is believed only
            after `settle_after`.
        settle_after: longest time between a request to the bank and its showing in the bank's books.
        key_lifetime: how long the bank remembers a key; later nothing is sent again, only asked.
    """

    def __init__(
        self,
        records: Records,
        bank: Bank,
        antifraud: Antifraud,
        *,
        bank_keys: bool = True,
        settle_after: timedelta = timedelta(minutes=2),
        key_lifetime: timedelta = timedelta(hours=23),
    ) -> None:
        self._records, self._bank, self._antifraud = records, bank, antifraud
        self._bank_keys, self._settle_after, self._key_lifetime = bank_keys, settle_after, key_lifetime

    @activity.defn
    async def verify_account(self, ref: ApplicationRef) -> str | None:
        """The ground why this account gets no money, None where its owner is the client. Only MATCH pays."""
        async with self._records.moment() as moment:
            application = await get_application(moment.session, ref.application_id)
            client = await self._records.clients.get(moment.session, ref.client_id)
        person = self._records.clients.person(client)
        iban = self._iban(application)
        try:
            owner = await self._bank.verify_owner(iban, person.iin, person.full_name)
            grounds = {"MATCH": None, "MISMATCH": "account-not-owned"}
            ground, evidence = grounds.get(owner.result, "account-owner-unknown"), owner.reference
        except BusinessError as error:
            ground, evidence = error.code, ""
        if ground is None and await self._antifraud.listed(person.iin, iban, person.phone, application.amount):
            ground = "recipient-listed"
        async with self._records.moment() as moment:
            await audit.record(
                moment.session,
                actor="system:worker",
                action="account-verified" if ground is None else "account-refused",
                subject=f"application:{application.id}",
                reason=ground,
                paragraph="9",
                detail={"bank_reference": evidence},
            )
        return ground

    @activity.defn
    async def pay(self, ref: ApplicationRef) -> PaymentState:
        """Send the money, or find out what became of an earlier sending."""
        payment, fresh = await self._intend(ref)
        if payment.state not in ("sending", "unknown"):
            return await self._known(ref, payment)
        payout = None if fresh else await self._bank.find(str(ref.application_id))
        if payout is None:
            if not fresh:
                await self._may_send_again(payment)
            payout_or_state = await self._send(ref, payment)
            if isinstance(payout_or_state, PaymentState):
                return payout_or_state
            payout = payout_or_state
        return await self._apply(ref, payout)

    @activity.defn
    async def ask_bank(self, ref: ApplicationRef) -> PaymentState:
        """What the bank's books say now."""
        payment, _ = await self._intend(ref)
        if payment.state in ("done", "refused", "returned"):
            return await self._known(ref, payment)
        payout = await self._bank.find(str(ref.application_id))
        if payout is None:
            return PaymentState(state="unknown" if payment.state != "accepted" else "accepted")
        return await self._apply(ref, payout)

    @activity.defn
    async def give_up(self, ref: ApplicationRef) -> PaymentState:
        """Two people have the bank's proof that nothing was paid; asked once more, the bank's word wins."""
        state = await self.ask_bank(ref)
        if state.state in ("done", "refused", "returned") or state.ground == MISMATCH:
            return state
        async with self._records.moment() as moment:
            if await payments.settle(moment.session, key_of(ref), "refused", refusal_code=UNKNOWN):
                await _record(moment, ref, "payout-given-up", "decided by two people")
        return PaymentState(state="refused", ground=UNKNOWN)

    async def _intend(self, ref: ApplicationRef) -> tuple[OutboundPayment, bool]:
        """The intent, committed before the bank hears of it."""
        async with self._records.moment() as moment:
            application = await get_application(moment.session, ref.application_id)
            iban = self._iban(application)
            request_hash = hashlib.sha256(f"{iban}|{application.amount}".encode()).hexdigest()
            key = key_of(ref)
            payment, fresh = await payments.intend(
                moment.session,
                key=key,
                purpose="disbursement",
                request_hash=request_hash,
                amount=application.amount,
                account_sealed=self._records.vault.seal_own(iban.encode(), f"payment:{key}"),
                application_id=application.id,
            )
            if fresh:
                await enter_stage(moment, application, "DISBURSING", paragraph="9", detail={"key": key})
            return payment, fresh

    async def _may_send_again(self, payment: OutboundPayment) -> None:
        async with self._records.moment() as moment:
            age = moment.at - payment.sent_at
        if age > self._key_lifetime:
            raise NotSettled("the bank may have forgotten the key: only asked, never sent again")
        if not self._bank_keys and age < self._settle_after:
            raise NotSettled("not found yet, may still be posted")

    async def _send(self, ref: ApplicationRef, payment: OutboundPayment) -> Payout | PaymentState:
        async with self._records.moment() as moment:
            client = await self._records.clients.get(moment.session, ref.client_id)
        person = self._records.clients.person(client)
        iban = self._records.vault.open_own(payment.account, f"payment:{payment.key}").decode()
        try:
            return await self._bank.pay(
                payment.key, str(ref.application_id), payment.amount, iban, person, "Выдача микрокредита"
            )
        except BusinessError as error:
            # the one answer that means "not paid": an explicit refusal with a known code
            async with self._records.moment() as moment:
                if await payments.settle(moment.session, payment.key, "refused", refusal_code=error.code):
                    await _record(moment, ref, "payout-refused", error.code)
            return PaymentState(state="refused", ground=REFUSED)

    async def _apply(self, ref: ApplicationRef, payout: Payout) -> PaymentState:
        """The bank's answer, the ledger and the loan in one transaction."""
        state = _STATES.get(payout.status)
        if state is None:
            raise BrokenContract("payout-status-unknown")
        async with self._records.moment() as moment:
            application = await get_application(moment.session, ref.application_id)
            if payout.amount != application.amount or payout.iban != self._iban(application):
                return await self._differs(moment, application, payout)
            moved = await payments.settle(
                moment.session,
                key_of(ref),
                state,
                payout.payout_id,
                payout.bank_reference,
                payout.value_date,
                refusal_code=payout.code if state in _UNPAID else None,
            )
            if moved and state == "done":
                await self._book(moment, application, payout)
            if moved and state in _UNPAID:
                await _record(moment, ref, f"payout-{state}", payout.code, payout=payout.payout_id)
            return PaymentState(
                state=state,
                payout_id=payout.payout_id,
                loan_id=application.loan_id,
                ground=REFUSED if state in _UNPAID else None,
            )

    async def _differs(self, moment: Moment, application: Application, payout: Payout) -> PaymentState:
        """The bank's books show another sum or account than was ordered: nothing is booked, people look."""
        ref = ApplicationRef(application_id=application.id, client_id=application.client_id)
        if await payments.settle(moment.session, key_of(ref), "unknown", payout.payout_id):
            what = "amount" if payout.amount != application.amount else "account"
            await _record(moment, ref, "payout-differs", f"another {what} than ordered", payout=payout.payout_id)
        return PaymentState(state="unknown", payout_id=payout.payout_id, ground=MISMATCH)

    async def _book(self, moment: Moment, application: Application, payout: Payout) -> None:
        value_date = payout.value_date or moment.day
        await ledger.post(
            moment.session,
            f"disburse:{application.id}",
            "microcredit issued",
            value_date,
            "loans:principal",
            "bank:settlement",
            application.amount,
        )
        loan = await open_loan(moment, application, value_date)
        application.loan_id = loan.id
        await enter_stage(
            moment,
            application,
            "ISSUED",
            paragraph="9",
            detail={"loan": str(loan.id), "payout": payout.payout_id, "bank_reference": payout.bank_reference},
        )

    async def _known(self, ref: ApplicationRef, payment: OutboundPayment) -> PaymentState:
        async with self._records.moment() as moment:
            application = await get_application(moment.session, ref.application_id)
        return PaymentState(
            state=payment.state,
            payout_id=payment.payout_id,
            loan_id=application.loan_id,
            ground=UNKNOWN if payment.refusal_code == UNKNOWN else REFUSED if payment.state in _UNPAID else None,
        )

    def _iban(self, application: Application) -> str:
        return self._records.vault.open_own(application.account, f"application:{application.id}:account").decode()


async def _record(moment: Moment, ref: ApplicationRef, action: str, reason: str | None, **detail: object) -> None:
    await audit.record(
        moment.session,
        actor="system:worker",
        action=action,
        subject=f"application:{ref.application_id}",
        reason=reason,
        paragraph="9",
        detail={"key": key_of(ref), **detail},
    )


def key_of(ref: ApplicationRef) -> str:
    """The payment's key: the business fact, never an attempt."""
    return f"disburse:{ref.application_id}"
