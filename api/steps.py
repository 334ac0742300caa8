"""From a workflow's answer to the borrower's: what a step led to and what to do next."""

from __future__ import annotations

from fastapi import Request
from pydantic import BaseModel

from api.actions import STEP_SECONDS, Call, Waiting
from api.once import Outcome
from api.problems import language_of
from api.schemas_common import Accepted, StepAnswer
from api.services import Services
from api.titles import title
from rules.evidence import StepOutcome, StepResult


def accepted(action_id: str) -> Outcome:
    """202: kept, and done later."""
    return Outcome(Accepted(action_id=action_id, poll=f"/api/v1/actions/{action_id}"), status=202)


def step_answer(answer: dict[str, object], language: str, *, this: str, following: str | None) -> StepAnswer:
    """A step's result with what comes next.

    Args:
        this: the step to be done again after a retry.
        following: the step after a pass.
    """
    result = StepResult.model_validate(answer)
    following_by_outcome: dict[StepOutcome, str | None] = {
        StepOutcome.PASSED: following,
        StepOutcome.RETRY: this,
        StepOutcome.REVIEW: "wait",
        StepOutcome.REFUSED: None,
    }
    return StepAnswer(
        step=result.step,
        outcome=result.outcome,
        ground=result.ground,
        ground_title=title(result.ground, language) if result.ground else None,
        attempts_left=result.attempts_left,
        next=following_by_outcome[result.outcome],
    )


async def do_step(
    kit: Services,
    request: Request,
    call: Call,
    *,
    this: str,
    following: str | None,
    patience_seconds: float = STEP_SECONDS,
) -> Outcome:
    """Send a step into its workflow: 200 with what it led to, or 202."""
    answer = await kit.actions.update(call, patience_seconds)
    if isinstance(answer, Waiting):
        return accepted(answer.action_id)
    body: BaseModel = step_answer(answer, language_of(request.scope), this=this, following=following)
    return Outcome(body)
