"""A notice of a web resource, mobile application or terminal, or of its change. Id `notice/{notice_id}`.

signed and sent until there is a receipt -> the working days of the term pass -> the resource may lend.

Rules: para 4; para 5.
"""

from __future__ import annotations

from uuid import UUID

from temporalio import workflow

from activities.clocks import ClockWanted
from activities.regulator_notices import NoticeRef, NoticeState, RegulatorNotices
from activities.resource_notices import ResourceInForce, ResourceNotices, ResourceRef, key_of
from rules.evidence import Frozen
from workflows import options
from workflows.cases import Case, do, wrong_step
from workflows.clock import Clocks


class GiveNotice(Frozen):
    """Start: two people have entered and confirmed the notice. rule: P4 | P5."""

    notice_id: UUID
    code: str
    rule: str
    edition: str


class NoticeInForce(Frozen):
    """Outcome: the regulator's number."""

    registration_number: str


def id_of(notice_id: UUID) -> str:
    """The id of the case."""
    return f"notice/{notice_id}"


@workflow.defn
class ResourceNotice:
    """See the module."""

    @workflow.init
    def __init__(self, start: GiveNotice) -> None:
        self._start, self._ref = start, ResourceRef(notice_id=start.notice_id)
        self._case = Case("resource-notice", start.edition)
        self._clocks = Clocks()
        self._refused: str | None = None
        self._again = False

    @workflow.run
    async def run(self, start: GiveNotice) -> NoticeInForce:
        """Tell the regulator, let the term pass, open."""
        self._show("DRAWING")
        await do(ResourceNotices.draw_resource_notice, self._ref, "уведомление: подписать", options.LOAN)
        sent = await self._sent()
        sent = await do(ResourceNotices.note_resource_notice_sent, self._ref, "квитанция регулятора", options.LOAN)
        clock = await self._clocks.start(self._wanted(sent))
        self._show("WAITING")
        await self._clocks.run_out(clock, {"number": sent.registration_number, "receipt": str(sent.receipt_id)})
        in_force = ResourceInForce(notice_id=start.notice_id, at=workflow.now())
        await do(ResourceNotices.put_resource_in_force, in_force, "ресурс открыт", options.LOAN)
        self._show("IN_FORCE")
        await workflow.wait_condition(workflow.all_handlers_finished)
        return NoticeInForce(registration_number=sent.registration_number or "")

    async def _sent(self) -> NoticeState:
        """Until there is a receipt; a refused notice waits for staff to have it signed anew."""
        ref = NoticeRef(key=key_of(self._start.notice_id))
        self._show("SENDING")
        while (
            state := await do(RegulatorNotices.send_notice, ref, "уведомление регулятору", options.LOAN)
        ).state != "SENT":
            self._refused = state.ground or "unknown"
            self._show("REFUSED")
            await workflow.wait_condition(lambda: self._again)
            self._again, self._refused = False, None
            await do(RegulatorNotices.renew_notice, ref, "подписать заново", options.LOAN)
            self._show("SENDING")
        return state

    def _wanted(self, sent: NoticeState) -> ClockWanted:
        assert sent.received_at is not None
        return ClockWanted(
            key=f"{self._start.rule}:{self._start.notice_id}",
            rule=self._start.rule,
            subject=f"resource:{self._start.code}",
            workflow_id=workflow.info().workflow_id,
            received_at=sent.received_at,
            document_id=sent.receipt_id,
        )

    @workflow.update(description="Подписать заново и отправить ещё раз")
    async def retry(self) -> str:
        """Staff have mended why the regulator refused the notice."""
        self._again = True
        return "taken"

    @retry.validator
    def _may_retry(self) -> None:
        if self._refused is None:
            raise wrong_step("resource-notice-not-refused")

    def _show(self, stage: str) -> None:
        lines = [f"ресурс `{self._start.code}`", *self._clocks.lines()]
        if self._refused is not None:
            lines.append(f"регулятор не принял уведомление (`{self._refused}`): исправить и отправить снова")
        self._case.show(stage, "\n\n".join(lines), needs_person=self._refused is not None or self._clocks.needs_person)
