"""RegulatorReport: one report for one period, from snapshot to receipt. Id `report/{code}/{period}`.

snapshot -> control checks -> files -> signature -> the regulator's inbox, by the last day of its clock; then the
receipt, which may come later. A form that a check refuses, and a report that the regulator refuses, wait for a person;
then there is another version. What was refused was no delivery: a clock with the same last day watches the next one.
A portal that is closed is tried again, a receipt that does not come is asked for with growing pauses, both by durable
timers and without an end: the clock calls people.

Rules: para 34.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from temporalio import workflow
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

from activities.clocks import ClockWanted
from activities.report_inbox import ACCEPTED, AWAY, REJECTED, SENT, Delivered, ReportInbox
from activities.reports import (
    FormsChecked,
    ReportOpened,
    ReportRef,
    Reports,
    RetryAsked,
    SnapshotWanted,
    VersionRef,
    VersionTaken,
    subject_of,
)
from rules.calendar import local_date
from rules.editions import edition
from rules.evidence import Frozen
from rules.reports import over_by, report, span
from workflows import options
from workflows.cases import Case, do, wrong_step
from workflows.clock import Clocks, Evidence

FAULTY, READY = "FAULTY", "READY"
_WAITING = (FAULTY, READY, SENT, REJECTED)
_DELIVERY = "report-is-in-time-when-delivered"  # before it, the clock ran until the receipt
_PORTAL = (1, 2, 5, 15, 30, 60)  # minutes; then every hour, until it is open
_RECEIPT = (1, 5, 15, 60, 180, 360, 720)  # minutes; then twice a day, until it has come
_DUE_AT: SearchAttributeKey[datetime] = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")


_Step = Callable[[Any, VersionRef], Awaitable[Delivered]]


class ReportView(Frozen):
    """Where a report stands. stage: BUILDING | FAULTY | READY | SENT | REJECTED | ACCEPTED. version: 0 for none yet."""

    stage: str
    version: int


class ReportDone(Frozen):
    """Outcome: the version that was accepted, and whether in time; None where it had been accepted before."""

    version: int
    in_time: bool | None


class DueReport(Frozen):
    """Which report a schedule starts."""

    code: str


def case_id(code: str, period: str) -> str:
    """The id of a report's case."""
    return f"report/{code}/{period}"


@workflow.defn
class RegulatorReport:
    """See the module."""

    @workflow.init
    def __init__(self, ref: ReportRef) -> None:
        self._ref = ref
        self._case = Case("report", edition(span(report(ref.code).every, ref.period).last).name)
        self._clocks = Clocks(self._rang)
        self._stage, self._version = "BUILDING", VersionRef(version_id=UUID(int=0))
        self._taken: VersionTaken | None = None
        self._checked: FormsChecked | None = None
        self._delivered: Delivered | None = None
        self._again = self._overdue = False  # overdue: no receipt for so long that a person should look
        self._apart = False  # the receipt is waited for apart from the clock

    @workflow.run
    async def run(self, ref: ReportRef) -> ReportDone:
        """Deliver it, with the clock of the law beside."""
        opened = await do(Reports.open_report, ref, "отчёт за период", options.LOAN)
        if opened.done:
            return ReportDone(version=0, in_time=None)
        self._apart = workflow.patched(_DELIVERY)
        if self._apart:
            in_time = await self._delivered_and_accepted(opened)
        else:
            in_time = await self._clocks.guard(self._clock(opened), self._deliver())
        self._show(ACCEPTED)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return ReportDone(version=self._n, in_time=in_time)

    async def _delivered_and_accepted(self, opened: ReportOpened) -> bool | None:
        """Deliver in time, then wait for the receipt; after a refusal the term is open again. Whether in time."""
        in_time = await self._on_the_clock(opened, self._until_delivered())
        while (delivered := await self._receipt()).state != ACCEPTED:
            if delivered.state == REJECTED:
                in_time = await self._on_the_clock(opened, self._mended())
            else:  # a person would not wait for the receipt: what was delivered stands
                await self._until_delivered()
        return in_time

    async def _on_the_clock(self, opened: ReportOpened, work: Coroutine[Any, Any, Evidence]) -> bool | None:
        return await self._clocks.guard(self._clock(opened, after=self._n), work, done_at="uploaded_at")

    async def _mended(self) -> Evidence:
        await self._person(REJECTED)
        return await self._until_delivered()

    async def _until_delivered(self) -> Evidence:
        """Versions, one after the other, until the portal has one; what shows it."""
        while True:
            self._again, self._delivered = False, None
            if not await self._build():
                await self._person(FAULTY)
                continue
            delivered = await self._patiently(ReportInbox.upload_report, "передача регулятору", AWAY, READY, _PORTAL)
            if delivered.uploaded_at is not None:
                return {
                    "version": self._n,
                    "upload": delivered.upload_id,
                    "uploaded_at": delivered.uploaded_at.isoformat(),
                    "proof": str(delivered.delivery),
                }
            if delivered.state == REJECTED:
                await self._person(REJECTED)

    async def _receipt(self) -> Delivered:
        try:
            return await self._patiently(ReportInbox.ask_receipt, "квитанция регулятора", SENT, SENT, _RECEIPT)
        finally:
            self._overdue = False

    def _clock(self, opened: ReportOpened, after: int = 0) -> ClockWanted:
        """after: the version that was refused, where one was."""
        subject = subject_of(self._ref.code, self._ref.period)
        key = f"{subject}:{after}" if after else subject
        return ClockWanted(
            key=key, rule=opened.rule, subject=subject, workflow_id=workflow.info().workflow_id,
            received_at=opened.received_at,
        )  # fmt: skip

    async def _deliver(self) -> Evidence:
        """Versions, one after the other, until the regulator has accepted one; what shows it."""
        while True:
            self._again, self._delivered = False, None
            if not await self._build():
                await self._person(FAULTY)
                continue
            delivered = await self._hand_in()
            if delivered.state == ACCEPTED:
                return self._evidence(delivered)
            if delivered.state == REJECTED:
                await self._person(REJECTED)

    async def _build(self) -> bool:
        """Another version, up to its signature; whether the control checks let it pass."""
        self._version, self._taken, self._checked = VersionRef(version_id=workflow.uuid4()), None, None
        self._show("BUILDING")
        wanted = SnapshotWanted(version_id=self._version.version_id, ref=self._ref)
        self._taken = await do(Reports.take_snapshot, wanted, "снимок данных", options.REPORT)
        self._checked = await do(Reports.check_forms, self._version, "контроль форм", options.REPORT)
        if self._checked.count:
            return False
        await do(Reports.make_files, self._version, "XLSX, JSON, PDF в архив", options.REPORT)
        await do(ReportInbox.sign_files, self._version, "подпись файлов ключом кредитора", options.REPORT)
        return True

    async def _hand_in(self) -> Delivered:
        """Upload until the portal takes it, then ask until it answers; a person's word ends it before."""
        delivered = await self._patiently(ReportInbox.upload_report, "передача регулятору", AWAY, READY, _PORTAL)
        if delivered.state == SENT and not self._again:
            delivered = await self._patiently(ReportInbox.ask_receipt, "квитанция регулятора", SENT, SENT, _RECEIPT)
        return delivered

    async def _patiently(
        self, step: _Step, summary: str, unsettled: str, stage: str, minutes: tuple[int, ...]
    ) -> Delivered:  # fmt: skip
        tries = 0
        while True:
            self._delivered = delivered = await do(step, self._version, summary, options.LOAN)
            if delivered.state not in (unsettled, AWAY):
                return delivered
            pause = timedelta(minutes=minutes[min(tries, len(minutes) - 1)])
            tries += 1
            self._overdue = self._apart and stage == SENT and tries > len(minutes)
            self._show(stage)
            with contextlib.suppress(TimeoutError):
                await workflow.wait_condition(lambda: self._again, timeout=pause, timeout_summary=summary)
                return delivered

    async def _person(self, stage: str) -> None:
        self._show(stage)
        await workflow.wait_condition(lambda: self._again)

    def _evidence(self, delivered: Delivered) -> Evidence:
        return {
            "version": self._n,
            "upload": delivered.upload_id,
            "uploaded_at": delivered.uploaded_at.isoformat() if delivered.uploaded_at else None,
            "accepted_at": delivered.accepted_at.isoformat() if delivered.accepted_at else None,
            "receipt": str(delivered.receipt),
        }

    # ---- staff

    @workflow.update(description="Причина исправлена: собрать заново (действует только запись в базе)")
    async def retry(self, asked: RetryAsked) -> ReportView:
        """Another version, where a person has said so about the one that waits."""
        about = await do(Reports.retry_stands, asked, "слово сотрудника", options.LOAN)
        # the database may know a moment before us that it waits for a person
        await workflow.wait_condition(lambda: about != self._version.version_id or self._stage in (*_WAITING, ACCEPTED))
        if about == self._version.version_id and self._stage in _WAITING:
            self._again = True
        return self.view()

    @retry.validator
    def _may_retry(self, asked: RetryAsked) -> None:
        if self._stage == ACCEPTED:
            raise wrong_step("report-not-waiting")

    @workflow.query(description="Где находится отчёт")
    def view(self) -> ReportView:
        """The state of the report."""
        return ReportView(stage=self._stage, version=self._n)

    # ---- how it shows itself

    @property
    def _n(self) -> int:
        return 0 if self._taken is None else self._taken.n

    async def _rang(self, kind: str) -> None:
        self._show(self._stage)

    def _show(self, stage: str) -> None:
        self._stage = stage
        head = f"{report(self._ref.code).names['ru']}, {self._ref.period}, версия {self._n}"
        texts = [head, *self._wrong(), *self._clocks.lines()]
        person = stage in (FAULTY, REJECTED) or self._overdue or (stage != ACCEPTED and self._clocks.needs_person)
        self._case.show(stage, "\n\n".join(texts), needs_person=person)

    def _wrong(self) -> list[str]:
        """What the checks, or the regulator, refused; no personal data."""
        if self._stage == FAULTY and self._checked is not None:
            lines = [f"- {one.form} `{one.cell}` {one.rule}: {one.reason}" for one in self._checked.faults]
            return [f"контроль не пройден ({self._checked.count}):\n\n" + "\n".join(lines)]
        if self._stage == REJECTED and self._delivered is not None:
            lines = [f"- {one['form']} `{one['cell']}` {one['rule']}" for one in self._delivered.errors]
            return ["регулятор отказал:\n\n" + "\n".join(lines)]
        return {READY: ["портал регулятора не отвечает"], SENT: ["передан, квитанции ещё нет"]}.get(self._stage, [])


@workflow.defn
class ReportDue:
    """What a schedule starts: the case of the period that was over when it was due."""

    @workflow.run
    async def run(self, due: DueReport) -> str:
        """The id of the case; empty where the report is not made of that period."""
        at = workflow.info().typed_search_attributes.get(_DUE_AT) or workflow.now()
        definition = report(due.code)
        period = over_by(definition.every, local_date(at))
        if period.first < definition.since:
            return ""
        workflow_id = case_id(due.code, period.code)
        with contextlib.suppress(WorkflowAlreadyStartedError):
            await workflow.start_child_workflow(
                RegulatorReport.run,
                ReportRef(code=due.code, period=period.code),
                id=workflow_id,
                parent_close_policy=ParentClosePolicy.ABANDON,
                static_summary=f"отчёт {due.code} за {period.code}",
            )
        return workflow_id
