"""How a case shows itself to staff in Temporal UI, and how it refuses a step out of order.

Nothing here carries personal data: search attributes are not encrypted, and decoded details leave the browser.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import quote
from uuid import UUID

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate
from temporalio.exceptions import ApplicationError
from temporalio.workflow import ActivityConfig

from activities.client_files import ClientFiles, ReviewAnswer
from workflows import attributes, options
from workflows.messages import ReviewDecided, SignContract

Argument = TypeVar("Argument")
Result = TypeVar("Result")


class Case:
    """The visible state of one workflow."""

    def __init__(self, kind: str, edition: str) -> None:
        self._kind, self._edition, self._started = kind, edition, False

    def show(self, stage: str, text: str, *, needs_person: bool = False) -> None:
        """Set the stage for lists and the details for the case's page."""
        updates: list[SearchAttributeUpdate[Any]] = [
            attributes.STAGE.value_set(stage),
            attributes.NEEDS_PERSON.value_set(needs_person),
        ]
        if not self._started:
            self._started = True
            updates += [attributes.CASE_KIND.value_set(self._kind), attributes.EDITION.value_set(self._edition)]
        workflow.upsert_search_attributes(updates)
        workflow.set_current_details(f"**{stage}**\n\n{text}")


def link(workflow_id: str, text: str) -> str:
    """A Markdown link to a neighbouring case in Temporal UI, as staff reach it."""
    return f"[{text}](/temporal/namespaces/{workflow.info().namespace}/workflows/{quote(workflow_id, safe='')})"


async def do(
    activity: Callable[[Any, Argument], Awaitable[Result]],
    argument: Argument,
    summary: str,
    how: ActivityConfig = options.DATABASE,
) -> Result:
    """One activity with its line in Temporal UI."""
    config = ActivityConfig(**{**how, "summary": summary})
    return await workflow.execute_activity_method(activity, argument, **config)


async def do_here(activity: Callable[[Any, Argument], Awaitable[Result]], argument: Argument) -> Result:
    """One short transaction in our own database, inside the workflow task."""
    return await workflow.execute_local_activity_method(activity, argument, **options.LOCAL)


async def decision_of(decided: ReviewDecided) -> str:
    """What staff decided on this case: approve, refuse or retry, by the row in our database.

    A validator may not read a database, so the handler asks first; a message typed by hand is refused here and audited.

    Raises:
        ActivityError: there is no such decision on a review of this case.
    """
    answer = ReviewAnswer(
        review_id=decided.review_id, decision_id=decided.decision_id, workflow_id=workflow.info().workflow_id
    )
    return (await do(ClientFiles.review_outcome, answer, "решение сотрудника")).decision


def wrong_step(code: str) -> ApplicationError:
    """The refusal of a validator: a stable code, no history event."""
    return ApplicationError(code, type=code, non_retryable=True)


def face_of(signing: SignContract) -> tuple[UUID, UUID, UUID]:
    """Selfie, clip and challenge of a signing whose edition asks for the face. Refuses `face-missing`."""
    if signing.selfie_id is None or signing.video_id is None or signing.challenge_id is None:
        raise wrong_step("face-missing")
    return signing.selfie_id, signing.video_id, signing.challenge_id


def cms_of(signing: SignContract) -> UUID:
    """The signature of a signing whose edition asks for one. Refuses `signature-missing`."""
    if signing.cms_id is None:
        raise wrong_step("signature-missing")
    return signing.cms_id
