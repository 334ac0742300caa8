"""The door to Temporal: how its answers and silences become ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from temporalio.client import (
    Client,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, FailureError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from api.actions import CaseUnknown, NoAnswer
from rules import errors
from rules.errors import BusinessError, Conflict, Unavailable

QUEUE = "origination"
_QUICK_SECONDS = 3.0
_KINDS: dict[str, type[BusinessError]] = {
    kind.__name__: kind
    for kind in (
        errors.InvalidInput,
        errors.NotFound,
        errors.Conflict,
        errors.NotAllowed,
        errors.NotConfirmed,
        errors.AccountNotOwned,
        errors.Gone,
    )
}
SUMMARIES = {
    "Registration": "регистрация клиента",
    "Origination": "заявление на микрокредит",
    "IncomingPayment": "поступление денег",
    "Incident": "инцидент",
    "Restructuring": "заявление об изменении условий",
    "FurnishingRound": "записи для кредитного бюро",
    "Disposal": "уничтожение данных после срока хранения",
    "CalendarChange": "перенос выходных дней: открытые сроки",
    "FraudSuspension": "приостановление: документ следствия",
    "LogInCode": "код для входа по SMS",
    "ClientNotice": "SMS клиенту о входе или доступе",
    "PasswordRecovery": "восстановление доступа",
}


def refusal(error: BaseException | None) -> BusinessError | None:
    """The business error inside a failure: the innermost cause that is one. None where something broke."""
    found: ApplicationError | None = None
    while isinstance(error, FailureError):
        if isinstance(error, ApplicationError) and error.non_retryable and error.type:
            found = error
        error = error.cause
    if found is None or found.type is None:
        return None
    kind, field = Conflict, None
    if len(found.details) == 2 and found.details[0] in _KINDS:
        kind, field = _KINDS[found.details[0]], found.details[1]  # type: ignore[assignment]
    return kind(found.type, field=field)


class TemporalDoor:
    """Implements api.actions.Door."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def start(self, workflow: str, workflow_id: str, argument: Any) -> None:
        """See Door."""
        async with _answers(_QUICK_SECONDS):
            try:
                await self._client.start_workflow(
                    workflow,
                    argument,
                    id=workflow_id,
                    task_queue=QUEUE,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    static_summary=SUMMARIES.get(workflow),
                    rpc_timeout=timedelta(seconds=_QUICK_SECONDS),
                )
            except WorkflowAlreadyStartedError:
                return

    async def update(self, workflow_id: str, name: str, argument: Any, action_id: str, patience_seconds: float) -> Any:
        """See Door."""
        handle = self._client.get_workflow_handle(workflow_id)
        arguments = [] if argument is None else [argument]
        async with _answers(patience_seconds):
            try:
                answer = await handle.execute_update(
                    name,
                    args=arguments,
                    id=action_id,
                    rpc_timeout=timedelta(seconds=patience_seconds),
                )
            except WorkflowUpdateFailedError as error:
                known = refusal(error.cause)
                if known is None:
                    # broken inside for good: an alarm there, and no use in sending the same id again
                    raise Unavailable("the update failed") from None
                raise known from None
        return answer

    async def signal(self, workflow_id: str, name: str) -> None:
        """See Door."""
        async with _answers(_QUICK_SECONDS):
            handle = self._client.get_workflow_handle(workflow_id)
            await handle.signal(name, rpc_timeout=timedelta(seconds=_QUICK_SECONDS))

    async def query(self, workflow_id: str, name: str) -> dict[str, Any]:
        """See Door."""
        async with _answers(_QUICK_SECONDS):
            try:
                answer: dict[str, Any] = await self._client.get_workflow_handle(workflow_id).query(
                    name, result_type=dict, rpc_timeout=timedelta(seconds=_QUICK_SECONDS)
                )
            except (WorkflowQueryFailedError, WorkflowQueryRejectedError):
                raise NoAnswer("no view") from None
        return answer

    async def alive(self) -> bool:
        """See Door."""
        try:
            async with asyncio.timeout(_QUICK_SECONDS):
                return await self._client.service_client.check_health(timeout=timedelta(seconds=2))
        except (RPCError, RuntimeError, TimeoutError):
            return False


@asynccontextmanager
async def _answers(seconds: float) -> AsyncIterator[None]:
    """Time-outs, refusals to connect and frozen servers as NoAnswer; an absent or closed workflow as our errors."""
    try:
        async with asyncio.timeout(seconds + 1):  # rpc_timeout alone does not bound a call
            yield
    except WorkflowUpdateRPCTimeoutOrCancelledError:
        raise NoAnswer("no answer in time") from None
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            # the second: it closed while the update was on its way; the same id is answered so for ever
            if "completed" in error.message or "closing workflow" in error.message:
                raise Conflict("case-closed") from None
            raise CaseUnknown from None
        raise NoAnswer("temporal is away") from None
    except (TimeoutError, RuntimeError):
        # a lazy client that cannot connect raises RuntimeError
        raise NoAnswer("temporal is away") from None
