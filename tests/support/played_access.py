"""Played activities of log-ins, recoveries and what is told of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

from temporalio import activity

from activities.log_in_codes import LogInCodeWanted
from activities.recoveries import NewPassword, RecoveryEnd, RecoverySeen
from activities.security_notices import NoticeRef
from rules.evidence import StepResult


class PlayedAccess:
    """next_of: the answer to a step as the test wants it. applied: what the database says of the new password."""

    def __init__(self, calls: list[str], next_of: Callable[[str], StepResult]) -> None:
        self.calls, self._next_of = calls, next_of
        self.applied = RecoverySeen(state="CHANGED", ground=None, notice=NoticeRef(notice_id=uuid4()))

    def activities(self) -> Sequence[Callable[..., Any]]:
        """Everything these cases call of their own."""

        @activity.defn
        async def send_log_in_code(wanted: LogInCodeWanted) -> StepResult:
            return self._next_of("access:code")

        @activity.defn
        async def text_notice(ref: NoticeRef) -> None:
            self.calls.append("access:texted")

        @activity.defn
        async def apply_recovery(wanted: NewPassword) -> RecoverySeen:
            self.calls.append("access:applied")
            return self.applied

        @activity.defn
        async def end_recovery(wanted: RecoveryEnd) -> RecoverySeen:
            self.calls.append(f"access:{wanted.state.lower()}:{wanted.ground}")
            return RecoverySeen(state=wanted.state, ground=wanted.ground)

        return [send_log_in_code, text_notice, apply_recovery, end_recovery]
