"""Played activities of a suspension: a paper as the database would have it, and a bureau that answers as a test wants.

The days are those of the workflow's own, virtual clock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from temporalio import activity

from activities.suspension import PaperRef, PaperStands
from activities.suspension_bureau import Answer, BureauWord
from activities.suspension_notices import NoticeSent
from rules.errors import BusinessError
from rules.suspension import Duty


class PlayedFraud:
    """state: of the paper. cancelled, written_off: how its case ends. received_at: of the paper.

    word: how the word to the bureau stands. trouble: what the next steps in the books raise.
    """

    def __init__(self, calls: list[str]) -> None:
        self.calls = calls
        self.state = "ENTERED"
        self.cancelled = self.written_off = False
        self.received_at = datetime.now(UTC)
        self.unconfirmed_hours: int | None = 15
        self.word = Answer.DONE
        self.trouble: BusinessError | None = None
        self.done: dict[str, datetime] = {}

    @property
    def ended(self) -> str | None:
        """As the real one says it."""
        if self.state in ("REFUSED", "WITHDRAWN"):
            return self.state
        return "CANCELLED" if self.cancelled else "WRITTEN_OFF" if self.written_off else None

    def _prove(self, duty: Duty) -> None:
        self.done.setdefault(duty, activity.info().scheduled_time)

    def _step(self, duty: Duty) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.calls.append(f"fraud:{duty}")
        if duty in (Duty.ACCRUAL, Duty.COLLECTION) and self.ended is not None:
            return
        self._prove(duty)

    def _say(self, duty: Duty) -> BureauWord:
        self.calls.append(f"fraud:{duty}:{self.word}")
        if self.word is Answer.DONE:
            self._prove(duty)
        return BureauWord(answer=self.word)

    def activities(self) -> Sequence[Callable[..., Any]]:
        """The real names and shapes."""
        return [*self._of_books(), *self._of_others()]

    def _of_books(self) -> Sequence[Callable[..., Any]]:
        @activity.defn
        async def read_paper(ref: PaperRef) -> PaperStands:
            return PaperStands(
                state=self.state, ended=self.ended, received_at=self.received_at, document_id=uuid4(),
                unconfirmed_hours=self.unconfirmed_hours, done=dict(self.done),
            )  # fmt: skip

        @activity.defn
        async def act_unconfirmed(ref: PaperRef) -> None:
            self.calls.append("fraud:unconfirmed")

        @activity.defn
        async def hold_collection(ref: PaperRef) -> None:
            self._step(Duty.COLLECTION)

        @activity.defn
        async def suspend_accrual(ref: PaperRef) -> None:
            self._step(Duty.ACCRUAL)

        @activity.defn
        async def release_collection(ref: PaperRef) -> None:
            self._step(Duty.COLLECTION_ENDED)

        @activity.defn
        async def resume_accrual(ref: PaperRef) -> None:
            self._step(Duty.ACCRUAL_ENDED)

        return [read_paper, act_unconfirmed, hold_collection, suspend_accrual, release_collection, resume_accrual]

    def _of_others(self) -> Sequence[Callable[..., Any]]:
        @activity.defn
        async def suspend_reporting(ref: PaperRef) -> BureauWord:
            return self._say(Duty.BUREAU)

        @activity.defn
        async def resume_reporting(ref: PaperRef) -> BureauWord:
            return self._say(Duty.BUREAU_ENDED)

        @activity.defn
        async def notify_suspended(ref: PaperRef) -> UUID | None:
            self.calls.append("fraud:letter")
            return uuid4()

        @activity.defn
        async def notify_ended(ref: PaperRef) -> UUID | None:
            self.calls.append("fraud:letter-ended")
            return uuid4()

        @activity.defn
        async def prove_notice(sent: NoticeSent) -> None:
            self._prove(Duty.NOTICE if Duty.NOTICE not in self.done else Duty.NOTICE_ENDED)

        return [suspend_reporting, resume_reporting, notify_suspended, notify_ended, prove_notice]
