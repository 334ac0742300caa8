"""Played activities of incidents: the incident's row, its rounds and tasks are kept in memory as a test wants them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from temporalio import activity

from activities.incident_watch import AuditSeen, Due, NotBegun, Scrubbed
from activities.incidents import CaseSeen, IncidentRef, RoundFound, RoundRef, RoundSeen, SliceDone
from activities.regulator_notices import NoticeRef, NoticeState


class PlayedIncidents:
    """One incident, detected now. Every attribute may be changed by a test."""

    def __init__(self, calls: list[str]) -> None:
        self.calls = calls
        self.detected_at = datetime.now(UTC)
        self.state, self.certain, self.outcome = "OPEN", True, None
        self.rounds = [self.detected_at]  # when each was detected
        self.tasks = self.tasks_open = 2
        self.clients = [3]  # of each round
        self.slices = 2  # each step of the telling of a round takes so many calls
        self.refusals = 0  # how often the regulator refuses
        self.to_begin: list[UUID] = []
        self.audit_slices = self.scrub_slices = self.access_parts = 1
        self._left: dict[tuple[str, int], int] = {}

    def _slice(self, step: str, ref: RoundRef) -> SliceDone:
        key = (step, ref.n)
        self._left[key] = self._left.get(key, self.slices) - 1
        self.calls.append(f"incident:{step}:{ref.n}")
        return SliceDone(left=max(self._left[key], 0), clients=self.clients[ref.n - 1], unreached=0)

    def activities(self) -> Sequence[Callable[..., Any]]:
        """Everything the case and the watches call."""
        return [*self._of_the_case(), *self._of_the_telling(), *self._of_the_watches()]

    def _of_the_case(self) -> Sequence[Callable[..., Any]]:
        @activity.defn
        async def see_case(ref: IncidentRef) -> CaseSeen:
            rounds = [RoundSeen(n=n, detected_at=at) for n, at in enumerate(self.rounds, 1)]
            done_at = self.detected_at if self.tasks_open == 0 else None
            return CaseSeen(
                state=self.state, certain=self.certain, rounds=rounds, tasks=self.tasks, tasks_open=self.tasks_open,
                last_done_at=done_at, outcome=self.outcome,
            )  # fmt: skip

        @activity.defn
        async def archive_entry(ref: IncidentRef) -> UUID:
            self.calls.append("incident:entry")
            return uuid4()

        @activity.defn
        async def make_certain(ref: IncidentRef) -> None:
            self.calls.append("incident:certain")
            self.certain = True

        @activity.defn
        async def archive_report(ref: IncidentRef) -> UUID:
            self.calls.append("incident:report")
            return uuid4()

        return [see_case, archive_entry, make_certain, archive_report]

    def _of_the_telling(self) -> Sequence[Callable[..., Any]]:
        @activity.defn
        async def find_clients(ref: RoundRef) -> RoundFound:
            self.calls.append(f"incident:find:{ref.n}")
            return RoundFound(found=True, clients=self.clients[ref.n - 1])

        @activity.defn
        async def write_texts(ref: RoundRef) -> list[str]:
            self.calls.append(f"incident:write:{ref.n}")
            return ["kk"]

        @activity.defn
        async def tell_slice(ref: RoundRef) -> SliceDone:
            return self._slice("tell", ref)

        @activity.defn
        async def text_slice(ref: RoundRef) -> SliceDone:
            return self._slice("text", ref)

        @activity.defn
        async def draw_notice(ref: RoundRef) -> NoticeState:
            self.calls.append(f"incident:draw:{ref.n}")
            return NoticeState(key=f"incident/{ref.incident_id}/{ref.n}", state="MADE")

        @activity.defn
        async def send_notice(ref: NoticeRef) -> NoticeState:
            self.calls.append(f"incident:send:{ref.key.rpartition('/')[2]}")
            if self.refusals:
                self.refusals -= 1
                return NoticeState(key=ref.key, state="REFUSED", ground="regulator-signature-refused")
            return NoticeState(
                key=ref.key, state="SENT", registration_number="R-1", received_at=self.detected_at, receipt_id=uuid4()
            )

        @activity.defn
        async def renew_notice(ref: NoticeRef) -> NoticeState:
            self.calls.append("incident:renew")
            return NoticeState(key=ref.key, state="MADE")

        return [find_clients, write_texts, tell_slice, text_slice, draw_notice, send_notice, renew_notice]

    def _of_the_watches(self) -> Sequence[Callable[..., Any]]:
        @activity.defn
        async def incidents_to_begin(due: Due) -> list[NotBegun]:
            begun, self.to_begin = self.to_begin, []
            return [NotBegun(ref=IncidentRef(incident_id=one), detected_at=self.detected_at) for one in begun]

        @activity.defn
        async def look_at_access(due: Due) -> bool:
            self.calls.append("watch:access")
            self.access_parts -= 1
            return self.access_parts > 0

        @activity.defn
        async def verify_audit(seen: AuditSeen) -> AuditSeen:
            self.calls.append(f"watch:audit:{seen.n}")
            self.audit_slices -= 1
            return AuditSeen(n=seen.n + 10, head="h", over=self.audit_slices == 0)

        @activity.defn
        async def scrub_slice(due: Due) -> Scrubbed:
            self.calls.append("watch:scrub")
            self.scrub_slices -= 1
            return Scrubbed(checked=5, damaged=1, over=self.scrub_slices == 0)

        return [incidents_to_begin, look_at_access, verify_audit, scrub_slice]
