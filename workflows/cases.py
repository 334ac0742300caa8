"""How a case shows itself to staff in Temporal UI, and how it refuses a step out of order.

Nothing here carries personal data: search attributes are not encrypted, and decoded details leave the browser.
"""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows import attributes


class Case:
    """The visible state of one workflow."""

    def __init__(self, kind: str, edition: str) -> None:
        self._kind, self._edition, self._started = kind, edition, False

    def show(self, stage: str, text: str, *, needs_person: bool = False) -> None:
        """Set the stage for lists and the details for the case's page."""
        updates = [attributes.STAGE.value_set(stage), attributes.NEEDS_PERSON.value_set(needs_person)]
        if not self._started:
            self._started = True
            updates += [attributes.CASE_KIND.value_set(self._kind), attributes.EDITION.value_set(self._edition)]
        workflow.upsert_search_attributes(updates)
        workflow.set_current_details(f"**{stage}**\n\n{text}")


def wrong_step(code: str) -> ApplicationError:
    """The refusal of a validator: a stable code, no history event."""
    return ApplicationError(code, type=code, non_retryable=True)
