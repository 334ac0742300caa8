"""A client's personal data is known to have leaked. Id `leak/{client_id}/{n}`.

The client is told and logged out; then the face again, the owner of the phone, and a call: in any order, by the last
day of the lender's own term. All right: the client may borrow again. Otherwise two people block the client, or have it
tried anew.

Rules: para 36.
"""

from __future__ import annotations

import asyncio

from temporalio import workflow

from activities.clocks import ClockWanted
from activities.faces import Faces, FaceShown
from activities.leaks import ACT, FaceSeen, LeakRef, Leaks, LeakSeen, RespondToLeak
from rules.evidence import Frozen, StepOutcome, StepResult
from workflows import options
from workflows.cases import Case, do, wrong_step
from workflows.clock import Clocks, Evidence
from workflows.messages import SubmitFace

RULE = "leak-response"


class LeakEnded(Frozen):
    """Outcome: CONFIRMED | BLOCKED. in_time: None where the client was blocked."""

    state: str
    in_time: bool | None


@workflow.defn
class LeakResponse:
    """See the module."""

    @workflow.init
    def __init__(self, start: RespondToLeak) -> None:
        self._start, self._ref = start, LeakRef(leak_id=start.leak_id)
        self._case, self._clocks = Case("leak", start.edition), Clocks(rang=self._rang)
        self._seen: LeakSeen | None = None
        self._news = 0
        self._lock = asyncio.Lock()

    @workflow.run
    async def run(self, start: RespondToLeak) -> LeakEnded:
        """Tell, look, and watch the term."""
        self._seen = await do(Leaks.tell_leak, self._ref, "сообщить клиенту, закрыть входы", options.LOAN)
        wanted = ClockWanted(
            key=f"leak:{start.leak_id}",
            rule=RULE,
            subject=f"client:{start.client_id}",
            workflow_id=workflow.info().workflow_id,
            received_at=self._seen.known_at,
            client_id=start.client_id,
        )
        in_time = await self._clocks.guard(wanted, self._measures())
        self._show()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return LeakEnded(state=self._seen.state, in_time=in_time)

    async def _measures(self) -> Evidence | None:
        """Until every measure is done and right; None where two people have blocked the client."""
        self._seen = await do(Leaks.check_phone_owner, self._ref, "чей это номер", options.LOAN)
        while True:
            seen = self._news
            self._seen = await do(Leaks.look_at_leak, self._ref, "как стоят меры", options.LOAN)
            self._show()
            if self._seen.state != "OPEN":
                return {"state": self._seen.state} if self._seen.state == "CONFIRMED" else None
            await workflow.wait_condition(lambda seen=seen: self._news != seen)  # type: ignore[misc]

    @workflow.update(description="Лицо клиента: селфи и движения")
    async def submit_face(self, shown: SubmitFace) -> StepResult:
        """Look at the face again, against the enrolled one. Rules: para 36, point 1."""
        async with self._lock:
            self._expect_open()
            face = FaceShown(
                client_id=self._start.client_id,
                act=ACT,
                selfie_id=shown.selfie_id,
                video_id=shown.video_id,
                challenge_id=shown.challenge_id,
            )
            result = await do(Faces.check_face, face, "лицо и движения", options.BIOMETRICS)
            if result.outcome is not StepOutcome.RETRY:
                passed = result.outcome is StepOutcome.PASSED
                said = FaceSeen(leak_id=self._start.leak_id, is_client=passed, challenge_id=shown.challenge_id)
                self._seen = await do(Leaks.note_face, said, "результат по лицу", options.LOAN)
                self._news += 1
            return result

    @submit_face.validator
    def _may_submit_face(self, shown: SubmitFace) -> None:
        self._expect_open()

    @workflow.update(description="Сотрудник записал меру или решение (действует только запись в базе)")
    async def measure_noted(self) -> str:
        """Staff have noted a call, looked at what failed, or decided: read it in the database."""
        self._news += 1
        return "taken"

    def _expect_open(self) -> None:
        if self._seen is not None and self._seen.state != "OPEN":
            raise wrong_step("leak-ended")

    async def _rang(self, kind: str) -> None:
        self._show()

    def _show(self) -> None:
        seen = self._seen
        lines = [f"клиент `{self._start.client_id}`", *self._clocks.lines()]
        if seen is not None and seen.open:
            lines.append(f"ещё не сделано: {', '.join(seen.open)}")
        if seen is not None and seen.failed:
            lines.append(f"не подтвердили клиента: {', '.join(seen.failed)}; решают два сотрудника")
        needs = self._clocks.needs_person or (seen is not None and bool(seen.failed or "CALL" in seen.open))
        self._case.show(seen.state if seen else "TELLING", "\n\n".join(lines), needs_person=needs)
