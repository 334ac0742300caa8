"""A case that has one statutory clock and nothing else to do."""

from __future__ import annotations

from datetime import datetime

from temporalio import workflow

from activities.clocks import ClockWanted
from rules.evidence import Frozen
from workflows.clock import Clocks

QUEUE = "bench-clocks"


class OneClock(Frozen):
    """The clock of a case."""

    wanted: ClockWanted


@workflow.defn
class ClockCase:
    """Waits until its clock has been missed, and then does what was to be done."""

    @workflow.init
    def __init__(self, start: OneClock) -> None:
        self._clocks = Clocks(self._rang)
        self._missed = False

    @workflow.run
    async def run(self, start: OneClock) -> bool | None:
        """Whether it was in time: it never is."""
        return await self._clocks.guard(start.wanted, self._late())

    async def _late(self) -> dict[str, str]:
        await workflow.wait_condition(lambda: self._missed)
        return {"done": "late"}

    async def _rang(self, kind: str) -> None:
        self._missed = self._missed or kind == "MISSED"


def key_of(name: str, due_at: datetime) -> str:
    """The key of a clock whose term ends at an instant."""
    return f"bench:{name}|{due_at.isoformat()}"


def due_of(key: str) -> datetime:
    """The instant in a key."""
    return datetime.fromisoformat(key.rpartition("|")[2])
