"""Played activities of a leak's case."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from temporalio import activity

from activities.leaks import FaceSeen, LeakRef, LeakSeen
from rules.leaks import Measure, failed_measures, open_measures


class PlayedLeaks:
    """One leak, known now. owner: the operators' word on the number. blocked: two people said so."""

    def __init__(self, calls: list[str]) -> None:
        self.calls = calls
        self.known_at = datetime.now(UTC)
        self.owner: bool | None = True
        self.outcomes: dict[Measure, bool] = {}
        self.blocked = False

    def _seen(self) -> LeakSeen:
        missing, failed = open_measures(self.outcomes), failed_measures(self.outcomes)
        state = "BLOCKED" if self.blocked else "OPEN" if missing or failed else "CONFIRMED"
        return LeakSeen(state=state, known_at=self.known_at, open=list(missing), failed=list(failed))

    def activities(self) -> Sequence[Callable[..., Any]]:
        """Everything the case calls of its own."""

        @activity.defn
        async def tell_leak(ref: LeakRef) -> LeakSeen:
            self.calls.append("leak:tell")
            return self._seen()

        @activity.defn
        async def check_phone_owner(ref: LeakRef) -> LeakSeen:
            self.calls.append("leak:phone")
            if self.owner is not None:
                self.outcomes[Measure.PHONE_OWNER] = self.owner
            return self._seen()

        @activity.defn
        async def note_face(face: FaceSeen) -> LeakSeen:
            self.calls.append("leak:face")
            self.outcomes[Measure.BIOMETRICS] = face.is_client
            return self._seen()

        @activity.defn
        async def look_at_leak(ref: LeakRef) -> LeakSeen:
            return self._seen()

        return [tell_leak, check_phone_owner, note_face, look_at_leak]
