"""Played activities of reports: what checks and the regulator say, as a test wants it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from temporalio import activity

from activities.report_inbox import ACCEPTED, AWAY, REJECTED, SENT, Delivered
from activities.reports import (
    FormsChecked,
    ReportOpened,
    ReportRef,
    RetryAsked,
    SnapshotWanted,
    VersionRef,
    VersionTaken,
)
from rules.errors import NotFound
from rules.report_checks import Fault

FAULT = Fault(form="ER-1", cell="total/above", rule="ER-1.cap", reason="1 ≠ 0")
ERROR = {"form": "WT-1", "cell": "A1", "rule": "C-1", "message": "sums differ"}


class PlayedReports:
    """faulty: findings of each version, in order, then none. portal: how often it is away before it takes an upload.

    receipts: answers about an upload, in order, the last one stays: SENT | ACCEPTED | REJECTED.
    """

    def __init__(self, calls: list[str]) -> None:
        self.calls = calls
        self.received_at = datetime.now(UTC)
        self.done = False
        self.versions: list[UUID] = []
        self.faulty: list[int] = []
        self.portal = 0
        self.receipts: list[str] = [ACCEPTED]
        self.words: dict[UUID, UUID] = {}
        self.uploaded: dict[int, datetime] = {}  # by version; the portal's clock, unless a test has set it before

    def word(self, version: UUID | None = None) -> RetryAsked:
        """A person has said that another version may be made, about the newest one where none is named."""
        asked = RetryAsked(retry_id=uuid4())
        self.words[asked.retry_id] = version or self.versions[-1]
        return asked

    def activities(self) -> Sequence[Callable[..., Any]]:  # noqa: C901
        """The real names and shapes."""

        def n(ref: VersionRef) -> int:
            return self.versions.index(ref.version_id) + 1

        @activity.defn
        async def open_report(ref: ReportRef) -> ReportOpened:
            self.calls.append(f"report:open:{ref.code}:{ref.period}")
            return ReportOpened(rule="report", received_at=self.received_at, done=self.done)

        @activity.defn
        async def take_snapshot(wanted: SnapshotWanted) -> VersionTaken:
            if wanted.version_id not in self.versions:
                self.versions.append(wanted.version_id)
            self.calls.append(f"report:snapshot:{len(self.versions)}")
            return VersionTaken(n=len(self.versions), facts=3)

        @activity.defn
        async def check_forms(ref: VersionRef) -> FormsChecked:
            found = self.faulty.pop(0) if self.faulty else 0
            self.calls.append(f"report:check:{n(ref)}:{found}")
            return FormsChecked(count=found, faults=[FAULT] * found)

        @activity.defn
        async def make_files(ref: VersionRef) -> None:
            self.calls.append(f"report:files:{n(ref)}")

        @activity.defn
        async def sign_files(ref: VersionRef) -> None:
            self.calls.append(f"report:sign:{n(ref)}")

        @activity.defn
        async def upload_report(ref: VersionRef) -> Delivered:
            if self.portal:
                self.portal -= 1
                self.calls.append("report:away")
                return Delivered(state=AWAY)
            self.calls.append(f"report:upload:{n(ref)}")
            self.uploaded.setdefault(n(ref), activity.info().current_attempt_scheduled_time)
            return self._answer(SENT, n(ref))

        @activity.defn
        async def ask_receipt(ref: VersionRef) -> Delivered:
            answer = self.receipts.pop(0) if len(self.receipts) > 1 else self.receipts[0]
            self.calls.append(f"report:receipt:{n(ref)}:{answer}")
            return self._answer(answer, n(ref))

        @activity.defn
        async def retry_stands(asked: RetryAsked) -> UUID:
            if asked.retry_id not in self.words:
                raise NotFound("report-retry-unknown")
            return self.words[asked.retry_id]

        return [
            open_report, take_snapshot, check_forms, make_files, sign_files, upload_report, ask_receipt, retry_stands,
        ]  # fmt: skip

    def _answer(self, state: str, n: int) -> Delivered:
        accepted = state == ACCEPTED
        return Delivered(
            state=state, upload_id=f"up-{n}", uploaded_at=self.uploaded[n], delivery=uuid4(),
            accepted_at=self.received_at if accepted else None, receipt=uuid4() if accepted else None,
            errors=[ERROR] if state == REJECTED else [],
        )  # fmt: skip
