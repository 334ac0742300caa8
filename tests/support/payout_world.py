"""Outgoing payments on a real database and a real bank over HTTP, with an adapter that dies where a test wants."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
from outside_world import NO_TLS, TOKEN, Outside, iban, persona

from activities import loan_book
from activities.applications import ApplicationRef, get_application
from activities.context import Records
from activities.integrations.antifraud import AntifraudCentre
from activities.integrations.bank import LenderBank
from activities.loans import open_loan
from activities.payments import Payments
from activities.payout_orders import PaymentDecided, PaymentState, PayoutOrder
from activities.payouts import Payouts
from bench.prepared import person_of, signed_application
from rules.bank_profile import profile
from rules.client import ClientKind
from rules.loan_events import Paid
from rules.money import Money
from rules.payment_keys import refund_key
from rules.products import ReceivingMethod
from rules.receiving import Receiving
from storage import ledger, payments, reviews
from storage.clients import Clients
from storage.database import Database, run
from storage.tables import OutboundPayment
from storage.vault import Vault
from tests.support.api_world import new_phone

AMOUNT = "150000.00"
BANKS = ("keyed", "lookup_only", "neither")


_SERIALS = itertools.count(100)  # tests plant the first ones themselves


class Killed(BaseException):
    """The process died here."""


@dataclass
class Dying:
    """The bank's adapter in a process that dies: before it sends, or after the bank has taken the order."""

    bank: LenderBank
    before: int = 0
    after: int = 0
    sent: int = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bank, name)

    async def pay(self, *order: Any) -> Any:
        if self.before:
            self.before -= 1
            raise Killed
        self.sent += 1
        answer = await self.bank.pay(*order)
        if self.after:
            self.after -= 1
            raise Killed
        return answer


@dataclass
class PayoutWorld:
    """One profile of a bank, our engine, and both sides' books.

    Times in seconds, checked as those of the settings are. That they have passed is said by `time_passes`.
    """

    database: Database
    outside: Outside
    name: str = "keyed"
    patience: timedelta = timedelta(minutes=10)
    http_seconds: float = 5.0
    posting: float = 1.0
    hand_over: float = 5.0
    vault: Vault = field(
        default_factory=lambda: Vault({"first": secrets.token_bytes(32)}, "first", secrets.token_bytes(32))
    )

    def __post_init__(self) -> None:
        nothing: Any = None  # no document is touched
        self.records = Records(self.database, self.vault, Clients(self.vault), nothing)
        url = self.outside.url
        http = httpx.AsyncClient(trust_env=False, verify=NO_TLS)
        self.bank = Dying(LenderBank(f"{url}/bank", TOKEN, http, timeout_seconds=self.http_seconds))
        self.outside.bank(mode=self.name, settle_ms=20)
        self.certain_after = self.hand_over + self.http_seconds + self.posting
        promises = profile(
            self.name,
            settle_after_seconds=self.certain_after,
            request_seconds=self.http_seconds,
            posting_seconds=self.posting,
            hand_over_seconds=self.hand_over,
        )
        self.payouts = Payouts(self.records, self.bank, promises, patience=self.patience)
        self.door = Payments(self.payouts, self.bank, AntifraudCentre(f"{url}/antifraud", TOKEN, http))

    async def order(
        self,
        amount: str = AMOUNT,
        *,
        receiving: Receiving | None = None,
        kind: ClientKind = ClientKind.INDIVIDUAL,
        **known: Any,
    ) -> PayoutOrder:
        """The payout of a signed application of somebody whom the bank knows."""
        serial = next(_SERIALS) % 10_000
        who = self.outside.plant(persona(serial) | {"accounts": [{"iban": iban(serial)}]} | known)
        person = person_of(who["surname"], who["given_name"], who["iin"], new_phone())
        how = receiving or Receiving(method=ReceivingMethod.OWN_ACCOUNT, value=iban(serial))
        ref = await signed_application(self.records, person, how, Money(amount), kind=kind)
        return PayoutOrder.disbursement(ref)

    async def overpaid(self, by: str = "777.77") -> PayoutOrder:
        """The refund of a loan that was paid out, and paid back with more than was owed."""
        order = await self.order()
        state = await self.until_final(order)
        assert state.loan_id is not None
        return await self._paid_back(order, state.loan_id, by)

    async def overpaid_without_account(self, receiving: Receiving, by: str = "777.77") -> PayoutOrder:
        """The same of a loan that went out in cash or to a seller."""
        order = await self.order(receiving=receiving)
        async with self.records.moment() as moment:
            application = await get_application(moment.session, ref_of(order).application_id)
            loan = await open_loan(moment, application, moment.day, receiving.channel)
        return await self._paid_back(order, loan.id, by)

    async def _paid_back(self, order: PayoutOrder, loan_id: UUID, by: str) -> PayoutOrder:
        async with self.records.moment() as moment:
            owed = (await loan_book.position_of(moment.session, loan_id, moment.day)).total_to_close
            paid = Paid(
                key=f"desk:{uuid4().hex}", value_date=moment.day, known_at=moment.at, amount=owed + Money(by),
                through="cash-desk",
            )  # fmt: skip
            await loan_book.record(moment, loan_id, paid, actor="system:test", paragraph="7")
        return PayoutOrder(key=refund_key(loan_id, 1), loan_id=loan_id, client_id=order.client_id)

    async def time_passes(self, order: PayoutOrder) -> None:
        """It was sent so long ago that the bank's books must show it."""
        async with self.database.begin() as session:
            await run(
                session,
                "update outbound_payment set sent_at = sent_at - make_interval(secs => :ago),"
                " first_sent_at = first_sent_at - make_interval(secs => :ago) where key = :key",
                key=order.key,
                ago=self.certain_after,
            )

    async def until_final(self, order: PayoutOrder, seconds: float = 60.0, *, on_its_way: bool = False) -> PaymentState:
        """What the case does: pay, ask, and pay again where the payment is certainly not with the bank.

        on_its_way: a request is still with the bank; else what it does not show it never got, and its time passes.
        """
        state, end = await self.payouts.pay(order), asyncio.get_running_loop().time() + seconds
        while state.state not in ("done", "refused", "returned", "held", "unknown"):
            assert asyncio.get_running_loop().time() < end, f"still {state.state}"
            if state.state == "sending" and not on_its_way:
                await self.time_passes(order)
            await asyncio.sleep(0.05)
            state = await (self.payouts.pay(order) if state.state == "absent" else self.payouts.ask(order))
        return state

    async def payment(self, order: PayoutOrder) -> OutboundPayment:
        """Our record of it."""
        async with self.database.begin() as session:
            found = await payments.get(session, order.key)
        assert found is not None
        return found

    def paid(self, order: PayoutOrder) -> list[dict[str, Any]]:
        """The bank's own books, doubles included."""
        return self.outside.payouts(order.order_id)

    async def posted(self, order: PayoutOrder) -> dict[str, str]:
        """Account -> amount of the posting under the payment's key, debit-positive."""
        async with self.database.begin() as session:
            posting = await ledger.posted(session, order.key)
            if posting is None:
                return {}
            rows = await run(
                session,
                "select account, sum(case side when 'D' then amount else -amount end) as net from ledger_entry"
                " where posting_id = :id group by account",
                id=posting.id,
            )
            return {row.account: str(row.net) for row in rows}

    async def person(self) -> UUID:
        """A member of staff."""
        async with self.database.begin() as session:
            made = await run(
                session,
                "insert into staff (id, login, name, roles, password_hash, totp_secret, totp_last_step, active,"
                " created_at) values (:id, :login, 'Colleague', '{officer}', 'h', 's', 0, true, now()) returning id",
                id=uuid4(),
                login=secrets.token_hex(8),
            )
            return UUID(str(made.scalar_one()))

    async def decided(
        self, order: PayoutOrder, ground: str, decision: str, evidence: reviews.Evidence | None = None, people: int = 2
    ) -> PaymentDecided:
        """So many people decide on the payment's review; the last decision's ids."""
        async with self.database.begin() as session:
            review = await reviews.open_review(
                session, kind="MONEY", workflow_id=f"disbursement/{uuid4()}", ground=ground, payment_key=order.key
            )
        for _ in range(people):
            one = await self.person()
            async with self.database.begin() as session:
                await reviews.claim(session, review.id, one)
                made = await reviews.decide(session, review.id, one, decision, "looked-at-it", evidence)
        return PaymentDecided(**order.model_dump(), review_id=review.id, decision_id=made.id)

    @asynccontextmanager
    async def dies_before_commit(self, monkeypatch: Any) -> AsyncIterator[None]:
        """The last thing before the bank's answer is committed kills the process, once."""

        async def die(*_: Any) -> int:
            raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(reviews, "close_of_payment", die)
            yield


async def assert_paid_once(world: PayoutWorld, order: PayoutOrder, amount: str = AMOUNT) -> None:
    """One payout at the bank, one posting, and the loan of it."""
    payment = await world.payment(order)
    assert payment.state == "done"
    assert [one["amount"] for one in world.paid(order)] == [amount]
    assert (payment.payout_id or payment.bank_reference) is not None
    posted = await world.posted(order)
    assert posted["cash:bank"] == f"-{amount}"


def ref_of(order: PayoutOrder) -> ApplicationRef:
    """As cases of earlier releases say it."""
    assert order.application_id is not None
    assert order.client_id is not None
    return ApplicationRef(application_id=order.application_id, client_id=order.client_id)


def now() -> datetime:
    """The present."""
    return datetime.now(UTC)
