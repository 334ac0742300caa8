"""Played activities of furnishing: what waits, and how the bureau behaves, as a test wants it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID, uuid4

from temporalio import activity

from activities.furnishing import Answered, BatchMade, BatchRef, BatchState, BatchWanted, FurnishWanted


class PlayedFurnishing:
    """waiting: how many records each making of a batch finds. in_work: askings before the bureau is done.

    cases: ids of those who wait for the bureau's word. taken: unset, the bureau is silent when a batch is sent.
    making: unset, a batch is being made. A batch that is made, sent or asked about again is as the first time left it.
    """

    def __init__(self, calls: list[str]) -> None:
        self.calls = calls
        self.waiting: list[int] = []
        self.unfinished: list[UUID] = []
        self.cases: list[str] = []
        self.in_work = 0
        self.answer = BatchState(state="done", size=1, accepted=1)
        self.taken = asyncio.Event()
        self.taken.set()
        self.making = asyncio.Event()
        self.making.set()
        self.made: dict[UUID, int] = {}

    def activities(self) -> Sequence[Callable[..., Any]]:
        """The real names and shapes."""

        @activity.defn
        async def enqueue(wanted: FurnishWanted) -> UUID | None:
            self.calls.append(f"furnish:{wanted.op}")
            self.waiting.append(1)
            return uuid4()

        @activity.defn
        async def make_batch(wanted: BatchWanted) -> BatchMade:
            await self.making.wait()
            self.calls.append("make-batch")
            if wanted.batch_id not in self.made:
                self.made[wanted.batch_id] = self.waiting.pop(0) if self.waiting else 0
                self.unfinished += [wanted.batch_id] if self.made[wanted.batch_id] else []
            size = self.made[wanted.batch_id]
            return BatchMade(
                size=size,
                unfinished=list(self.unfinished),
                waiting=sum(self.waiting),
                sent=len(self.unfinished),
                rejected=0,
                patience_hours=24,
            )

        @activity.defn
        async def send_batch(ref: BatchRef) -> BatchState:
            await self.taken.wait()
            self.calls.append(f"send-batch:{ref.batch_id}")
            if self.answer.state == "done" and self.answer.accepted + self.answer.rejected < self.answer.size:
                self._finished(ref)
                return self.answer
            return BatchState(state="sent", size=self.answer.size)

        @activity.defn
        async def ask_batch(ref: BatchRef) -> BatchState:
            self.calls.append("ask-batch")
            if self.in_work:
                self.in_work -= 1
                return BatchState(state="sent", size=self.answer.size)
            self._finished(ref)
            return self.answer

        @activity.defn
        async def cases_waiting(answered: Answered) -> list[str]:
            self.calls.append("cases-waiting")
            return self.cases

        return [enqueue, make_batch, send_batch, ask_batch, cases_waiting]

    def _finished(self, ref: BatchRef) -> None:
        if ref.batch_id in self.unfinished:
            self.unfinished.remove(ref.batch_id)
