"""Played activities of a resource's notice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from temporalio import activity

from activities.regulator_notices import NoticeState
from activities.resource_notices import ResourceInForce, ResourceRef, key_of


class PlayedResources:
    """One notice, received by the regulator now. in_force_at: when it was put in force."""

    def __init__(self, calls: list[str]) -> None:
        self.calls = calls
        self.received_at = datetime.now(UTC)
        self.in_force_at: datetime | None = None

    def activities(self) -> Sequence[Callable[..., Any]]:
        """Everything the case calls of its own."""

        @activity.defn
        async def draw_resource_notice(ref: ResourceRef) -> NoticeState:
            self.calls.append("resource:draw")
            return NoticeState(key=key_of(ref.notice_id), state="MADE")

        @activity.defn
        async def note_resource_notice_sent(ref: ResourceRef) -> NoticeState:
            self.calls.append("resource:sent")
            return NoticeState(
                key=key_of(ref.notice_id), state="SENT", registration_number="ARDFM-1", received_at=self.received_at,
                receipt_id=uuid4(),
            )  # fmt: skip

        @activity.defn
        async def put_resource_in_force(wanted: ResourceInForce) -> None:
            self.calls.append("resource:in-force")
            self.in_force_at = wanted.at

        return [draw_resource_notice, note_resource_notice_sent, put_resource_in_force]
