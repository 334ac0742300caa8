"""TellRound: the clients of one round of an incident are told, slice by slice. Id `incident/{incident_id}/clients/{n}`.

First all of them in their personal accounts, then all of them by SMS: a gateway that is away holds up no message. How
far it has come stands in the database; this workflow only goes on, in new runs where there are very many.

Rules: para 13, part 1.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from temporalio import workflow

from activities.incidents import Incidents, RoundRef, SliceDone
from rules.evidence import Frozen
from workflows import options
from workflows.cases import do


class TellTo(Frozen):
    """Start. told: all have their message already (of a later run)."""

    ref: RoundRef
    told: bool = False


class RoundTold(Frozen):
    """Outcome: how many clients there were, and how many of them could not be written to."""

    clients: int
    unreached: int


@workflow.defn
class TellRound:
    """See the module."""

    @workflow.run
    async def run(self, start: TellTo) -> RoundTold:
        """Until nobody waits."""
        if not start.told:
            await do(Incidents.write_texts, start.ref, "текст клиентам в архив", options.LOAN)
            await self._through(start.ref, Incidents.tell_slice, "сообщения в личные кабинеты", told=False)
        done = await self._through(start.ref, Incidents.text_slice, "SMS: есть сообщение", told=True)
        return RoundTold(clients=done.clients, unreached=done.unreached)

    async def _through(
        self, ref: RoundRef, step: Callable[[Any, RoundRef], Awaitable[SliceDone]], summary: str, *, told: bool
    ) -> SliceDone:
        while (done := await do(step, ref, summary, options.LOAN)).left:
            workflow.set_current_details(f"{summary}: осталось {done.left} из {done.clients}")
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(TellTo(ref=ref, told=told))
        return done
