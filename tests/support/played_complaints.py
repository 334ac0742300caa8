"""Played activities of a complaint's case."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from temporalio import activity

from activities.complaints import ComplaintRef, ComplaintSeen


class PlayedComplaints:
    """One complaint, received now. answered_at: when staff have answered; None while they have not."""

    def __init__(self, calls: list[str]) -> None:
        self.calls = calls
        self.received_at = datetime.now(UTC)
        self.answered_at: datetime | None = None
        self.document_id, self.answer_id, self.client_id = uuid4(), uuid4(), uuid4()

    def activities(self) -> Sequence[Callable[..., Any]]:
        """Everything the case calls of its own."""

        @activity.defn
        async def see_complaint(ref: ComplaintRef) -> ComplaintSeen:
            self.calls.append("complaint:see")
            answered = self.answered_at is not None
            return ComplaintSeen(
                client_id=self.client_id, loan_id=None, topic="service", received_at=self.received_at,
                document_id=self.document_id, state="ANSWERED" if answered else "RECEIVED",
                outcome="partly" if answered else None, answered_at=self.answered_at,
                answer_document_id=self.answer_id if answered else None,
            )  # fmt: skip

        return [see_complaint]
