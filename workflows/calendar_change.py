"""CalendarChange: a change of the days off that two people have confirmed moves the open clocks. Id `calendar/{id}`.

Slice by slice the terms are computed anew, and the cases whose terms are others now are told; each of them reads its
term and shows it. What is confirmed stands in the database: this workflow only carries it out.

Rules: para 13; para 28.
"""

from __future__ import annotations

from uuid import UUID

from temporalio import workflow
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.calendar_changes import CalendarChanges, ClocksToTell, SliceWanted, Teller
from rules.calendar import local_date
from rules.editions import edition
from rules.evidence import Frozen
from workflows import options
from workflows.cases import Case, do
from workflows.clock import SIGNAL, ClockMoved


class ChangeConfirmed(Frozen):
    """Start: the change is confirmed. after, moved: where the run before has stopped, and how many it had moved."""

    change_id: UUID
    after: UUID | None = None
    moved: int = 0


def id_of(change_id: UUID) -> str:
    """The id of a change's case."""
    return f"calendar/{change_id}"


class ClocksMoved(Frozen):
    """Outcome: how many clocks have another term."""

    moved: int


@workflow.defn
class CalendarChange:
    """See the module."""

    @workflow.run
    async def run(self, start: ChangeConfirmed) -> ClocksMoved:
        """All open clocks, a slice at a time."""
        case = Case("calendar", edition(local_date(workflow.now())).name)
        after, moved = start.after, start.moved
        while True:
            wanted = SliceWanted(change_id=start.change_id, after=after)
            part = await do(CalendarChanges.move_clocks, wanted, "пересчитать открытые сроки", options.LOAN)
            if part.moved:
                await do(CalendarChanges.tell_clocks, ClocksToTell(moved=part.moved), "сказать их делам", options.LOAN)
            after, moved = part.last, moved + len(part.moved)
            case.show("MOVING" if after else "MOVED", f"{part.act}: перенесено сроков {moved}")
            if after is None:
                return ClocksMoved(moved=moved)
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(start.model_copy(update={"after": after, "moved": moved}))


def teller(client: Client) -> Teller:
    """How a case is told that a clock of its own has moved; one that has ended needs no word."""

    async def tell(workflow_id: str, clock_id: UUID) -> None:
        try:
            await client.get_workflow_handle(workflow_id).signal(SIGNAL, ClockMoved(clock_id=clock_id))
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise

    return tell
