"""Two people at work: they look into the bank's real books and say of each parked payment whether it was paid."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from uuid import UUID, uuid4

import httpx
from sqlmodel import col, select
from temporalio.client import Client, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError

from activities.context import Records
from bench.payout_load import PASSING, persist
from rules.errors import BusinessError
from rules.payment_keys import order_of
from storage import reviews
from storage.database import run
from storage.reviews import Evidence
from storage.tables import OutboundPayment, Review, ReviewDecision
from workflows.messages import ReviewDecided

_OPEN = ("held", "sending", "accepted", "unknown")


@dataclass
class TwoPeople:
    """Decide until they are cancelled. patience_seconds: a payment is looked at when it is so old."""

    records: Records
    client: Client
    world: httpx.AsyncClient
    patience_seconds: float
    staff: list[UUID] = field(default_factory=list)

    async def hired(self) -> TwoPeople:
        """With two rows in the database."""
        for one in (uuid4(), uuid4()):
            await persist(lambda one=one: self._hire(one))  # type: ignore[misc]
            self.staff.append(one)
        return self

    async def _hire(self, one: UUID) -> None:
        async with self.records.database.begin() as session:
            await run(
                session,
                "insert into staff (id, login, name, roles, password_hash, totp_secret, totp_last_step, active,"
                " created_at) values (:id, :login, 'Colleague', '{officer}', 'none', 'none', 0, true, now())"
                " on conflict do nothing",
                id=one,
                login=f"bench-{one.hex[:12]}",
            )

    async def work(self) -> None:
        """Look at what is parked, decide, and tell the case, over and over."""
        while True:
            with suppress(*PASSING):
                for review in await self._waiting():
                    with suppress(BusinessError, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError):
                        await self._look_at(review)
            await asyncio.sleep(1.0)

    async def _waiting(self) -> list[Review]:
        """Reviews about payments that are still open and old enough."""
        async with self.records.moment() as moment:
            query = (
                select(Review)
                .join(OutboundPayment, col(OutboundPayment.key) == col(Review.payment_key))
                .where(
                    col(OutboundPayment.state).in_(_OPEN),
                    col(OutboundPayment.sent_at) < moment.at - timedelta(seconds=self.patience_seconds),
                )
            )
            return list((await moment.session.exec(query)).all())

    async def _look_at(self, review: Review) -> None:
        decision = await self._final(review.id)
        if decision is None:
            decision = await self._decide(review)
        if decision is not None:
            await self.client.get_workflow_handle(review.workflow_id).execute_update(
                "review_decided",
                ReviewDecided(review_id=review.id, decision_id=decision),
                id=decision.hex,
                rpc_timeout=timedelta(seconds=10),
            )

    async def _final(self, review_id: UUID) -> UUID | None:
        async with self.records.database.begin() as session:
            query = select(ReviewDecision.id).where(
                col(ReviewDecision.review_id) == review_id, col(ReviewDecision.final).is_(True)
            )
            return (await session.exec(query)).one_or_none()

    async def _decide(self, review: Review) -> UUID | None:
        """Both look and say the same; the final decision's id."""
        found = await self._in_the_banks_books(review)
        if found is None:
            return None
        decision, evidence = found
        final = None
        for one in self.staff:
            async with self.records.database.begin() as session:
                if await self._has_decided(review.id, one):
                    continue
                await reviews.claim(session, review.id, one)
                made = await reviews.decide(session, review.id, one, decision, "looked-at-the-books", evidence)
                final = made.id if made.final else None
        return final

    async def _has_decided(self, review_id: UUID, staff_id: UUID) -> bool:
        async with self.records.database.begin() as session:
            query = select(ReviewDecision.id).where(
                col(ReviewDecision.review_id) == review_id, col(ReviewDecision.staff_id) == staff_id
            )
            return (await session.exec(query)).first() is not None

    async def _in_the_banks_books(self, review: Review) -> tuple[str, Evidence | None] | None:
        """approve with the line, refuse where the bank never took it; None while the bank is still at work."""
        order = order_of(review.payment_key or "")
        answer = await self.world.get("/_control/bank/payouts", params={"order_id": order})
        paid = [one for one in answer.raise_for_status().json() if one["status"] not in ("REJECTED", "RETURNED")]
        if not paid:
            return "refuse", None
        if paid[0]["status"] != "DONE":
            return None
        return "approve", Evidence(paid[0]["bank_ref"], date.fromisoformat(paid[0]["value_date"]))
