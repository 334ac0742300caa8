"""Payouts of one profile of the bank, made while parts die: signed applications, their disbursements, refunds of some.

Everything here is tried again until it is done: whatever it talks to may just have been killed.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import httpx
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from activities import loan_book
from activities.applications import ApplicationRef
from activities.context import Records
from bench.prepared import person_of, signed_application
from infra.borrower.person import make_persona
from rules.errors import Fault
from rules.loan_events import Paid
from rules.money import Money
from rules.payment_keys import case_of, disbursement_key, order_of, refund_key
from rules.products import ReceivingMethod
from rules.receiving import Receiving
from workflows.disbursement import DisburseLoan, Disbursement
from workflows.refund import Refund, RefundMoney
from workflows.schedules import QUEUE

PASSING = (Fault, RPCError, httpx.HTTPError, OSError)  # what it talks to has just been killed
_EDITION = "2025b"
_MOST_DICE = 10_000_000
# what goes wrong with a payout: the bank's operation, the fault, its parameters
FAULTS: tuple[tuple[str, str, dict[str, Any]] | None, ...] = (
    *[None] * 6,
    ("pay", "hang_after", {"seconds": 20}),
    ("pay", "reset_after", {}),
    ("pay", "reset_after", {}),
    ("pay", "reset_before", {}),
    ("pay", "http", {"status": 500, "after": True}),
    ("pay", "http", {"status": 500}),
    ("pay", "truncated", {}),
    ("pay", "before_answer", {}),
    ("pay", "slow", {"ms": 1500}),
    ("callback", "duplicate", {"n": 2}),
    ("callback", "late", {"ms": 1500}),
    ("callback", "lost", {}),
    ("callback", "out_of_order", {"ms": 300}),
    ("payout", "http", {"status": 503}),
    ("payout", "stale", {}),
)

Result = TypeVar("Result")


@dataclass(frozen=True)
class Ordered:
    """One payment that was ordered."""

    key: str
    amount: Money
    iban: str

    @property
    def order_id(self) -> str:
        """As the bank knows it."""
        return order_of(self.key)


@dataclass
class Load:
    """Orders payments, as many at once as `concurrency`, until it is told to stop."""

    records: Records
    client: Client
    world: httpx.AsyncClient
    photos: Path
    dice: random.Random
    concurrency: int
    ordered: list[Ordered] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    async def run(self, over: asyncio.Event) -> None:
        """Until `over`, then until everything that was begun has ended."""
        slots, running = asyncio.Semaphore(self.concurrency), set[asyncio.Task[None]]()
        while not over.is_set():
            await slots.acquire()
            task = asyncio.create_task(self._one(self.dice.randrange(_MOST_DICE)))
            task.add_done_callback(running.discard)
            task.add_done_callback(lambda _: slots.release())
            running.add(task)
            await asyncio.sleep(0)
        await asyncio.gather(*running)

    async def _one(self, seed: int) -> None:
        try:
            await self._loan(seed)
        except Exception as error:
            self.failures.append(f"{type(error).__name__}: {error}")

    async def _loan(self, seed: int) -> None:
        """A disbursement, and often the refund of what was paid back above the debt."""
        dice = random.Random(seed)  # noqa: S311  # nosec B311
        who = make_persona(seed, self.photos, "ab"[seed % 2])
        await persist(lambda: self._plant(who))
        person = person_of(who.surname, who.given_name, who.iin, who.phone)
        receiving = Receiving(method=ReceivingMethod.OWN_ACCOUNT, value=who.iban)
        amount = Money(f"{dice.randrange(10_000, 900_000)}.{dice.randrange(100):02d}")
        ref = await persist(lambda: signed_application(self.records, person, receiving, amount))
        payment = Ordered(disbursement_key(ref.application_id), amount, who.iban)
        await self._spoil(payment, dice)
        issued = await self._case(payment, Disbursement.run, DisburseLoan(ref=ref, edition=_EDITION))
        if issued.loan_id is not None and dice.random() < 0.6:
            await self._refund(issued.loan_id, ref, who.iban, dice)

    async def _refund(self, loan_id: UUID, ref: ApplicationRef, iban: str, dice: random.Random) -> None:
        above = Money(f"{dice.randrange(1, 5_000)}.{dice.randrange(100):02d}")
        await persist(lambda: self._overpay(loan_id, above))
        payment = Ordered(refund_key(loan_id, 1), above, iban)
        await self._spoil(payment, dice)
        money = RefundMoney(key=payment.key, loan_id=loan_id, client_id=ref.client_id, edition=_EDITION)
        await self._case(payment, Refund.run, money)

    async def _overpay(self, loan_id: UUID, above: Money) -> None:
        """The client pays everything back at the cash desk, and more."""
        async with self.records.moment() as moment:
            owed = (await loan_book.position_of(moment.session, loan_id, moment.day)).total_to_close
            if owed == Money(0):
                return  # an earlier try was committed, though nobody heard of it
            paid = Paid(
                key=f"desk:bench-{loan_id}",
                value_date=moment.day,
                known_at=moment.at,
                amount=owed + above,
                through="cash-desk",
            )
            await loan_book.record(moment, loan_id, paid, actor="system:bench", paragraph="7")

    async def _case(self, payment: Ordered, run: Any, start: object) -> Any:
        """The case of a payment, begun once and waited for."""
        self.ordered.append(payment)
        case = case_of(payment.order_id)

        async def begun() -> WorkflowHandle[Any, Any]:
            with suppress(WorkflowAlreadyStartedError):
                await self.client.start_workflow(
                    run, start, id=case, task_queue=QUEUE, rpc_timeout=timedelta(seconds=5)
                )
            return self.client.get_workflow_handle_for(run, case)

        handle = await persist(begun)
        try:
            return await persist(handle.result)
        except WorkflowFailureError as failed:
            raise RuntimeError(f"{case.partition('/')[0]} failed: {failed.cause}") from None

    async def _plant(self, who: Any) -> None:
        document = {"number": who.document_number, "expires": who.expires.isoformat()}
        names = {"surname": who.surname, "given_name": who.given_name, "patronymic": who.patronymic}
        body = {"iin": who.iin, "phone": who.phone, "document": document, "accounts": [{"iban": who.iban}], **names}
        (await self.world.post("/_control/personas", json=body)).raise_for_status()

    async def _spoil(self, payment: Ordered, dice: random.Random) -> None:
        fault = dice.choice(FAULTS)
        if fault is None:
            return
        operation, kind, params = fault
        body = {"service": "bank", "operation": operation, "fault": kind, "params": params}

        async def planted() -> None:
            answer = await self.world.post("/_control/faults", json=body | {"match": {"key": payment.order_id}})
            answer.raise_for_status()

        await persist(planted)


async def persist(work: Callable[[], Awaitable[Result]], pause_seconds: float = 0.3) -> Result:
    """The result of some work, tried again while what it talks to is dead."""
    while True:
        try:
            return await work()
        except PASSING:
            await asyncio.sleep(pause_seconds)
