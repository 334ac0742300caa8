"""Played activities of a change of details."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID, uuid4

from temporalio import activity

from activities.details_changes import ChangeCode, ChangeEnd, ChangeRef
from activities.details_desk import ChangeSeen
from rules.evidence import StepOutcome, StepResult


class PlayedDetails:
    """One change. next_of: the answer to a step as the test wants it. owner_ground: the word on the number or the
    account, of the operators or the bank.

    applied: what the database says when the number is to be changed.
    """

    def __init__(self, calls: list[str], next_of: Callable[[str], StepResult]) -> None:
        self.calls, self._next_of = calls, next_of
        self.owner_ground: str | None = None
        self.asked = asyncio.Event()  # unset: the bank is still being asked whose account it is
        self.asked.set()
        self.statement_id = uuid4()
        self.hold = asyncio.Event()  # unset: the statement is still being drawn
        self.hold.set()
        self.applied = ChangeSeen(state="CHANGED", ground=None)

    def activities(self) -> Sequence[Callable[..., Any]]:
        """Everything the case calls of its own."""

        @activity.defn
        async def send_change_code(wanted: ChangeCode) -> StepResult:
            return self._next_of("change:code")

        @activity.defn
        async def confirm_new_phone(given: ChangeCode) -> StepResult:
            return self._next_of("change:phone")

        @activity.defn
        async def check_new_owner(ref: ChangeRef) -> StepResult:
            self.calls.append("change:owner")
            outcome = StepOutcome.REFUSED if self.owner_ground else StepOutcome.PASSED
            return StepResult(step="phone-owner", outcome=outcome, ground=self.owner_ground)

        @activity.defn
        async def draw_change_statement(ref: ChangeRef) -> UUID:
            self.calls.append("change:statement")
            await self.hold.wait()
            return self.statement_id

        @activity.defn
        async def apply_change(ref: ChangeRef) -> ChangeSeen:
            self.calls.append("change:applied")
            return self.applied

        @activity.defn
        async def tell_change(ref: ChangeRef) -> None:
            self.calls.append("change:told")

        @activity.defn
        async def end_change(wanted: ChangeEnd) -> ChangeSeen:
            self.calls.append(f"change:{wanted.state.lower()}:{wanted.ground}")
            return ChangeSeen(state=wanted.state, ground=wanted.ground)

        @activity.defn
        async def check_account_owner(ref: ChangeRef) -> StepResult:
            self.calls.append("change:bank")
            await self.asked.wait()
            outcome = StepOutcome.REFUSED if self.owner_ground else StepOutcome.PASSED
            return StepResult(step="account-owner", outcome=outcome, ground=self.owner_ground)

        @activity.defn
        async def draw_account_statement(ref: ChangeRef) -> UUID:
            self.calls.append("change:account-statement")
            return self.statement_id

        @activity.defn
        async def apply_account_change(ref: ChangeRef) -> ChangeSeen:
            self.calls.append("change:account-applied")
            return self.applied

        @activity.defn
        async def tell_account_change(ref: ChangeRef) -> None:
            self.calls.append("change:account-told")

        return [
            check_account_owner, draw_account_statement, apply_account_change, tell_account_change, send_change_code,
            confirm_new_phone, check_new_owner, draw_change_statement, apply_change, tell_change, end_change,
        ]  # fmt: skip
