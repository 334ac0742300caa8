"""The state of one application's case, and the small tools that its steps share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from temporalio import workflow

from activities.applications import ApplicationRef, Applications, StageReached
from activities.client_files import ClientFiles, ReviewWanted
from activities.due_diligence import BureauWanted
from rules.evidence import StepOutcome, StepResult
from rules.receiving import CASH
from workflows.cases import Case, do, link, wrong_step
from workflows.messages import ApplicationView, ApplyForLoan


class Ended(Exception):
    """The case ends here; caught by Origination.run()."""

    def __init__(self, stage: str, *grounds: str) -> None:
        self.stage, self.grounds = stage, list(grounds)


class ApplicationCase:
    """What Origination remembers between its steps."""

    def __init__(self, start: ApplyForLoan) -> None:
        self.start = start
        self.ref = ApplicationRef(application_id=start.application_id, client_id=start.client_id)
        self.case = Case("application", start.edition)
        self.stage, self.grounds = "SUBMITTED", list[str]()
        self.acknowledged = set[str]()
        self.method: str | None = None
        self.contract_id: UUID | None = None
        self.contract_document_id: UUID | None = None
        self.signature_id: UUID | None = None
        self.signed = False
        self.loan_id: UUID | None = None
        self.waiting_until: datetime | None = None
        self.confirmed: bool | None = None
        self.withdrawn = False
        self.review_id: UUID | None = None
        self.review_decision: str | None = None
        self.stop: StepResult | None = None
        self.face_approved = False
        self.merchant_confirmed = False
        self.entering: str | None = None
        self.lock = asyncio.Lock()

    @property
    def paying_case(self) -> str:
        """The id of the case that pays: money handed out in cash has a case of its own kind."""
        kind = "collection" if self.start.receiving_method in CASH else "disbursement"
        return f"{kind}/{self.start.application_id}"

    def expect(self, stage: str, code: str = "wrong-step") -> None:
        """Refuse an action that does not belong to this stage, nor to the one that is being entered."""
        if stage not in (self.stage, self.entering):
            raise wrong_step(code)

    async def settled(self, stage: str) -> None:
        """Wait where a stage stands in the database already but its activity's answer is still on the way here."""
        await workflow.wait_condition(lambda: self.entering is None)
        self.expect(stage)

    def noted(self, result: StepResult) -> StepResult:
        """Remember a finding that halts or ends the case; the borrower is answered, run() acts on it."""
        if result.outcome in (StepOutcome.REVIEW, StepOutcome.REFUSED):
            self.stop = result
        return result

    def show(self, stage: str, *, needs_person: bool = False) -> None:
        """Show a stage that an activity has stored already."""
        self.stage, self.entering = stage, None
        links = [link(f"registration/{self.start.client_id}", "регистрация клиента")]
        if stage in ("DISBURSING", "ISSUED"):
            links.append(link(self.paying_case, "выдача"))
        if self.loan_id is not None:
            links.append(link(f"loan/{self.loan_id}", "заём"))
        grounds = ", ".join(self.grounds) or "нет"
        text = f"заявление `{self.start.application_id}`\n\nоснования: {grounds}\n\n{' · '.join(links)}"
        self.case.show(stage, text, needs_person=needs_person)

    async def reach(self, stage: str, grounds: list[str], *, needs_person: bool = False) -> None:
        """Store a stage with its grounds, then show it."""
        self.grounds, self.entering = grounds, stage
        await do(Applications.reach_stage, StageReached(ref=self.ref, stage=stage, grounds=grounds), f"стадия {stage}")
        self.show(stage, needs_person=needs_person)

    async def until(
        self, condition: Callable[[], bool], summary: str, timeout: timedelta | None = None, ground: str | None = None
    ) -> None:
        """Wait for a condition; a withdrawal ends the case, and so does the time where a ground is given."""
        try:
            await workflow.wait_condition(
                lambda: condition() or self.withdrawn, timeout=timeout, timeout_summary=summary
            )
        except TimeoutError:
            if ground is not None:
                raise Ended("EXPIRED", ground) from None
        if self.withdrawn:
            raise Ended("WITHDRAWN", "withdrawn-by-client")

    async def review(self, kind: str, grounds: list[str]) -> None:
        """Ask a person (two for AML), and go on only if they approve."""
        self.entering = "REVIEW"
        self.review_id = await do(
            ClientFiles.open_review,
            ReviewWanted(
                kind=kind,
                workflow_id=workflow.info().workflow_id,
                ground=grounds[0] if grounds else kind.lower(),
                client_id=self.start.client_id,
                application_id=self.start.application_id,
            ),
            "очередь проверки сотрудником",
        )
        await self.reach("REVIEW", grounds, needs_person=True)
        await self.until(lambda: self.review_decision is not None, "решение сотрудника")
        decision, self.review_decision, self.review_id = self.review_decision, None, None
        if decision != "approve":
            raise Ended("REFUSED", *grounds, "review-refused")

    async def halted(self, stage: str) -> StepResult | None:
        """Act on a finding that halts the case: the end, or an officer's look and back to the stage.

        Returns: the finding that the officer has approved; None where nothing halts.
        """
        stop, self.stop = self.stop, None
        if stop is None:
            return None
        ground = stop.ground or stop.step
        if stop.outcome is StepOutcome.REFUSED:
            raise Ended("REFUSED", ground)
        await self.review("IDENTITY", [ground])
        if stage == "SIGNING":
            self.face_approved = stop.step == "face"
        await self.reach(stage, [])
        return stop

    def bureau(self, occasion: str) -> BureauWanted:
        return BureauWanted(ref=self.ref, occasion=occasion)

    def view(self) -> ApplicationView:
        """What borrower and staff are told."""
        return ApplicationView(
            stage=self.stage,
            grounds=self.grounds,
            acknowledged=sorted(self.acknowledged),
            contract_id=self.contract_id,
            loan_id=self.loan_id,
            waiting_until=self.waiting_until,
            review_id=self.review_id,
        )
