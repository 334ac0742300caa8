"""Two short cases of one message each: a code for a log-in, an SMS about one.

`log-in-code/{authentication_id}/{n}`: the code is worth nothing once the authentication is over, so the gateway is
asked for that long only. `security-notice/{notice_id}`: sent however long the gateway is away.

Rules: para 6, part 4; para 25.
"""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError
from temporalio.workflow import ActivityConfig

from activities.log_in_codes import LogInCodes, LogInCodeWanted
from activities.security_notices import NoticeRef, SecurityNotices
from rules.evidence import StepOutcome, StepResult
from workflows import options
from workflows.cases import do

_WHILE_IT_IS_WAITED_FOR = ActivityConfig(**{**options.OUTSIDE, "schedule_to_close_timeout": timedelta(minutes=5)})


@workflow.defn
class LogInCode:
    """See the module."""

    @workflow.run
    async def run(self, wanted: LogInCodeWanted) -> StepResult:
        """Send it, or not at all: the client asks for another one."""
        try:
            return await do(LogInCodes.send_log_in_code, wanted, "код для входа", _WHILE_IT_IS_WAITED_FOR)
        except ActivityError:
            return StepResult(step="code", outcome=StepOutcome.RETRY, ground="code-not-sent")


@workflow.defn
class ClientNotice:
    """See the module."""

    @workflow.run
    async def run(self, ref: NoticeRef) -> None:
        """Send it."""
        await do(SecurityNotices.text_notice, ref, "SMS о входе или доступе", options.LOAN)
