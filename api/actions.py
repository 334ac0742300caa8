"""Actions of borrowers and staff on their way into a workflow.

An action has an id that follows from the Idempotency-Key, so sending it again is the same action. Where
Temporal does not answer in time, the action is kept in the outbox and sent again with the same id until it
is answered (api.outbox); the borrower gets 202 and an address to ask.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol

from sqlmodel.ext.asyncio.session import AsyncSession

from activities import calls
from activities.context import Records
from rules.errors import BusinessError, Fault, NotFound, Unavailable
from rules.evidence import Frozen
from storage import outbox
from storage.tables import OutboxAction

STEP_SECONDS = 8.0  # how long a person waits for a step before the answer becomes 202
BIOMETRIC_SECONDS = 25.0
CASE_MAY_START_WITHIN = timedelta(days=1)


class NoAnswer(Unavailable):
    """Temporal did not answer: whether the action was taken is not known."""


class Broken(BusinessError):
    """The workflow took the action and broke on it: staff are told there, the client here."""

    status = 500


class CaseUnknown(NotFound):
    """Temporal has no such case. Ours are in the database first, so its start may still be in the outbox."""

    def __init__(self) -> None:
        super().__init__("case-unknown")


@dataclass(frozen=True)
class Call:
    """One action. workflow and name: as Temporal knows them. action_id: also the id of the update."""

    workflow: str
    workflow_id: str
    name: str
    argument: Frozen | None
    action_id: str
    operation: Literal["start", "update"] = "update"


class Door(Protocol):
    """The way into the workflows; api.temporal has the real one.

    Raises NoAnswer, or a BusinessError that is the workflow's own answer.
    """

    async def start(self, workflow: str, workflow_id: str, argument: Any) -> None:
        """Start, or leave running what runs; a closed one stays closed."""

    async def update(self, workflow_id: str, name: str, argument: Any, action_id: str, patience_seconds: float) -> Any:
        """Do and wait for the answer; the same id is done once."""

    async def signal(self, workflow_id: str, name: str) -> None:
        """Tell; NotFound where there is no such open workflow."""

    async def query(self, workflow_id: str, name: str) -> dict[str, Any]:
        """Look."""

    async def alive(self) -> bool:
        """Whether Temporal answers at all."""


class Waiting(Frozen):
    """The action is in the outbox."""

    action_id: str


class Actions:
    """Sends actions; keeps those that were not answered."""

    def __init__(self, records: Records, door: Door) -> None:
        self._records, self.door = records, door

    async def update(self, call: Call, patience_seconds: float = STEP_SECONDS) -> Any | Waiting:
        """The workflow's answer, or Waiting.

        Raises:
            BusinessError: the workflow refused.
        """
        try:
            return await self.door.update(call.workflow_id, call.name, call.argument, call.action_id, patience_seconds)
        except (NoAnswer, CaseUnknown):
            async with self._records.database.begin() as session:
                await self.keep(session, call)
            return Waiting(action_id=call.action_id)

    async def keep(self, session: AsyncSession, call: Call) -> None:
        """Put the action into the outbox, in the caller's transaction."""
        await calls.keep(
            self._records,
            session,
            call.action_id,
            call.operation,
            call.workflow,
            call.workflow_id,
            call.name,
            call.argument,
        )

    async def deliver(self, call: Call) -> bool:
        """Send an update that keep() stored already, at once. Whether the workflow took it.

        A refusal ends it too: a case that is closed meanwhile needs no decision any more.
        """
        try:
            result = await self.door.update(call.workflow_id, call.name, call.argument, call.action_id, STEP_SECONDS)
        except (NoAnswer, CaseUnknown):
            return False
        except BusinessError as error:
            sealed = self._seal_result(call.action_id, None, error)
            async with self._records.database.begin() as session:
                await outbox.failed(session, call.action_id, final=True, result=sealed)
            return False
        async with self._records.database.begin() as session:
            await outbox.answered(session, call.action_id, self._seal_result(call.action_id, result, None))
        return True

    async def begin(self, call: Call) -> None:
        """Send a start that keep() stored already, at once; what fails now the outbox repeats."""
        try:
            await self.door.start(call.workflow, call.workflow_id, call.argument)
        except NoAnswer:
            return
        async with self._records.database.begin() as session:
            await outbox.answered(session, call.action_id, self._seal_result(call.action_id, None, None))

    async def resend(self, action: OutboxAction) -> tuple[bytes, bool]:
        """Try a stored action again: the sealed answer, and whether it was done (else refused for good).

        Raises:
            NoAnswer: still none.
        """
        argument = json.loads(self._records.vault.open_own(action.argument, calls.context(action.id)))
        try:
            if action.operation == "start":
                await self.door.start(action.workflow, action.workflow_id, argument)
                return self._seal_result(action.id, None, None), True
            result = await self.door.update(action.workflow_id, action.name, argument, action.id, STEP_SECONDS)
            return self._seal_result(action.id, result, None), True
        except NoAnswer:
            raise
        except CaseUnknown as error:
            if datetime.now(UTC) - action.created_at < CASE_MAY_START_WITHIN:
                raise NoAnswer("the case is not there yet") from None
            return self._seal_result(action.id, None, error), False
        except BusinessError as error:
            return self._seal_result(action.id, None, error), False
        except Fault:
            return self._seal_result(action.id, None, Broken("broken")), False

    def _seal_result(self, action_id: str, result: Any, error: BusinessError | None) -> bytes:
        refused = None if error is None else {"code": error.code, "status": error.status, "field": error.field}
        content = json.dumps({"result": result, "problem": refused}).encode()
        return self._records.vault.seal_own(content, f"outbox-result:{action_id}")

    def open_result(self, action: OutboxAction) -> dict[str, Any]:
        """{"result": the workflow's answer or None, "problem": {code, status, field} or None}."""
        if action.result is None:
            return {"result": None, "problem": None}
        opened: dict[str, Any] = json.loads(self._records.vault.open_own(action.result, f"outbox-result:{action.id}"))
        return opened
