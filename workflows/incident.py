"""Incident: something happened to records or to the system. Id `incident/{incident_id}`.

Two terms run side by side from the detection: clients and regulator are told, causes and consequences are dealt with.
Clients who are found later are a round of their own, with a term of its own. A suspicion is told of when somebody is
sure, or when half of its term is over; before that two people may find that it was nothing. Business goes on meanwhile.
Staff say what they have done to the database, and wake the case: it reads, a message decides nothing.

Rules: para 13, part 1; para 34.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID

from temporalio import workflow

from activities.clocks import ClockWanted
from activities.histories import Histories, HistoryWanted
from activities.incident_report import IncidentReports
from activities.incidents import CaseSeen, IncidentRef, Incidents, RoundRef, RoundSeen
from activities.regulator_notices import NoticeRef, NoticeState, RegulatorNotices
from rules.evidence import Frozen
from workflows import options
from workflows.cases import Case, do, link, wrong_step
from workflows.clock import Clocks
from workflows.incident_telling import TellRound, TellTo

INFORM, ACT = "P13.1-inform", "P13.1-act"
_OPEN, _DISMISSED, _REFUSED = "OPEN", "DISMISSED", "REFUSED"
_ALARMS = ("HALF_WAY", "MISSED")


class HandleIncident(Frozen):
    """Start: the incident is written down."""

    incident_id: UUID
    detected_at: datetime
    edition: str


class IncidentHandled(Frozen):
    """Outcome. state: CLOSED | DISMISSED. informed, dealt_with: in time; None where it fell away."""

    state: str
    informed: list[bool | None]
    dealt_with: bool | None


def id_of(incident_id: UUID) -> str:
    """The id of an incident's case."""
    return f"incident/{incident_id}"


@workflow.defn
class Incident:
    """See the module."""

    @workflow.init
    def __init__(self, start: HandleIncident) -> None:
        self._start, self._ref = start, IncidentRef(incident_id=start.incident_id)
        self._case, self._clocks = Case("incident", start.edition), Clocks(rang=self._rang)
        self._seen: CaseSeen | None = None
        self._told: dict[int, str] = {}  # what has become of each round, for the page
        self._refused: dict[int, str] = {}  # rounds whose notice the regulator did not take
        self._again = 0
        self._looking = asyncio.Lock()

    @workflow.run
    async def run(self, start: HandleIncident) -> IncidentHandled:
        """Tell, deal with it, wait for two people to close it."""
        await self._look()
        works = [asyncio.create_task(self._deal_with())]
        archived = asyncio.create_task(self._archive_entry())
        while self._state != _DISMISSED and (self._state == _OPEN or len(works) <= len(self._rounds)):
            for round_ in self._rounds[len(works) - 1 :]:
                works.append(asyncio.create_task(self._inform(round_)))
            await workflow.wait_condition(lambda: self._stirred(works, archived))
            _raise_failures([*works, archived])
        await workflow.wait([*works, archived])
        dealt_with, *informed = [one.result() for one in works]
        archived.result()
        await self._end()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return IncidentHandled(state=self._state, informed=informed, dealt_with=dealt_with)

    def _stirred(self, works: list[asyncio.Task[bool | None]], archived: asyncio.Task[None]) -> bool:
        """Whether the main loop has something to do: the end, another round, or a task that broke."""
        failed = any(one.done() and one.exception() is not None for one in [*works, archived])
        return failed or self._state != _OPEN or len(self._rounds) >= len(works)

    # ---- what the database says

    @property
    def _state(self) -> str:
        return self._seen.state if self._seen is not None else _OPEN

    @property
    def _rounds(self) -> list[RoundSeen]:
        return self._seen.rounds if self._seen is not None else []

    async def _look(self) -> None:
        async with self._looking:
            self._seen = await do(Incidents.see_case, self._ref, "инцидент по базе", options.LOAN)
        self._show()

    async def _archive_entry(self) -> None:
        await do(Incidents.archive_entry, self._ref, "запись об инциденте в архив", options.LOAN)

    # ---- clients and regulator

    async def _inform(self, round_: RoundSeen) -> bool | None:
        key = f"{id_of(self._start.incident_id)}/inform/{round_.n}"
        return await self._clocks.guard(self._clock(INFORM, key, round_.detected_at), self._tell(round_.n))

    async def _tell(self, n: int) -> dict[str, Any] | None:
        await workflow.wait_condition(lambda: self._certain or self._state == _DISMISSED)
        if not self._certain:
            return None  # two people have found that it was nothing
        ref = RoundRef(incident_id=self._start.incident_id, n=n)
        self._note(n, "ищем клиентов")
        while not (found := await do(Incidents.find_clients, ref, "кого затронуло", options.LOAN)).found:
            pass
        self._note(n, f"сообщаем клиентам: {found.clients}")
        clients, receipt = await asyncio.gather(self._tell_clients(ref), self._tell_regulator(ref))
        if receipt is None:
            return None
        self._note(n, f"сообщено клиентам: {found.clients}, регулятору: № {receipt['number']}")
        return {"round": n, **clients, "regulator": receipt}

    async def _tell_clients(self, ref: RoundRef) -> dict[str, Any]:
        told = await workflow.execute_child_workflow(
            TellRound.run,
            TellTo(ref=ref),
            id=f"{id_of(ref.incident_id)}/clients/{ref.n}",
            static_summary="сообщить клиентам об инциденте",
        )
        return told.model_dump(mode="json")

    async def _tell_regulator(self, ref: RoundRef) -> dict[str, Any] | None:
        """The receipt; None where the regulator refuses and two people have found meanwhile that it was nothing."""
        notice = await do(Incidents.draw_notice, ref, "уведомление регулятору: подпись и архив", options.LOAN)
        wanted = NoticeRef(key=notice.key)
        while True:
            sent = await do(RegulatorNotices.send_notice, wanted, "уведомление регулятору", options.LOAN)
            if sent.state != _REFUSED:
                break
            seen, self._refused[ref.n] = self._again, sent.ground or _REFUSED
            self._show()
            await workflow.wait_condition(lambda: self._again > seen or self._state == _DISMISSED)  # noqa: B023
            if self._state == _DISMISSED:
                return None
            await do(RegulatorNotices.renew_notice, wanted, "подписать уведомление заново", options.LOAN)
            del self._refused[ref.n]
            self._show()
        return _receipt(sent)

    # ---- causes and consequences

    async def _deal_with(self) -> bool | None:
        key = f"{id_of(self._start.incident_id)}/act"
        return await self._clocks.guard(self._clock(ACT, key, self._start.detected_at), self._do_tasks())

    async def _do_tasks(self) -> dict[str, Any] | None:
        """Until staff have done all that there is to do."""
        await workflow.wait_condition(lambda: self._tasks_open == 0 or self._state == _DISMISSED)
        if self._seen is None or self._tasks_open:
            return None
        done_at = self._seen.last_done_at
        return {"tasks": self._seen.tasks, "last_done_at": done_at.isoformat() if done_at else None}

    @property
    def _certain(self) -> bool:
        return self._seen is not None and self._seen.certain

    @property
    def _tasks_open(self) -> int:
        return self._seen.tasks_open if self._seen is not None else 1

    # ---- the end

    async def _end(self) -> None:
        self._show()
        await do(IncidentReports.archive_report, self._ref, "отчёт об инциденте в архив", options.LOAN)
        wanted = HistoryWanted(workflow_id=workflow.info().workflow_id, client_id=None, kind="incident_history")
        await do(Histories.archive_history, wanted, "история инцидента в архив", options.LOAN)

    # ---- staff

    @workflow.update(description="Что-то записано об инциденте: прочитать базу")
    async def changed(self) -> str:
        """Staff have written something down; the state of the incident, by the database."""
        await self._look()
        return self._state

    @workflow.update(description="Отправить регулятору заново (отказанное уведомление подписывается снова)")
    async def send_again(self) -> str:
        """The regulator refused a notice, and staff have mended why."""
        self._again += 1
        return self._state

    @send_again.validator
    def _may_send_again(self) -> None:
        if not self._refused:
            raise wrong_step("regulator-notice-not-refused")

    async def _rang(self, kind: str) -> None:
        """Half of the term is over: a suspicion that nobody has taken back is told of."""
        if kind in _ALARMS and not self._certain and self._state == _OPEN:
            await do(Incidents.make_certain, self._ref, "подозрение не снято: сообщаем", options.LOAN)
            await self._look()
        self._show()

    def _clock(self, rule: str, key: str, received_at: datetime) -> ClockWanted:
        return ClockWanted(
            key=key,
            rule=rule,
            subject=f"incident:{self._start.incident_id}",
            workflow_id=workflow.info().workflow_id,
            received_at=received_at,
        )

    def _note(self, n: int, text: str) -> None:
        self._told[n] = text
        self._show()

    def _show(self) -> None:
        seen = self._seen
        if seen is None:
            return
        stage = seen.state if seen.state != _OPEN else "HANDLING" if seen.certain else "SUSPECTED"
        clients = f"{id_of(self._start.incident_id)}/clients"
        lines = [
            *self._clocks.lines(),
            f"задач {seen.tasks}, не сделано {seen.tasks_open}",
            *(f"{link(f'{clients}/{n}', f'круг {n}')}: {text}" for n, text in self._told.items()),
            *(f"регулятор не принял уведомление {n}: `{why}`" for n, why in self._refused.items()),
        ]
        open_ = seen.state == _OPEN
        needs_person = open_ and bool(not seen.certain or seen.tasks_open or self._refused or self._clocks.needs_person)
        self._case.show(stage, "\n\n".join(lines), needs_person=needs_person)


def _receipt(sent: NoticeState) -> dict[str, Any]:
    return {
        "number": sent.registration_number,
        "received_at": sent.received_at.isoformat() if sent.received_at else None,
        "receipt": str(sent.receipt_id) if sent.receipt_id else None,
    }


def _raise_failures(tasks: list[asyncio.Task[Any]]) -> None:
    """What broke in a task of its own breaks the case: people see it in Temporal UI."""
    for one in tasks:
        if one.done():
            one.result()
