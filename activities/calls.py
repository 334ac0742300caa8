"""Calls into workflows that are kept with what they are about, in one transaction; the API sends them until answered.

An activity that makes work for another case starts it so: whoever dies, either both stand or neither.
"""

from __future__ import annotations

import json
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from activities.context import Records
from rules.evidence import Frozen
from storage import outbox
from storage.clock import now
from storage.tables import OutboxAction

START, UPDATE, RUN = "start", "update", "run"


def context(action_id: str) -> str:
    """What a kept argument is bound to."""
    return f"outbox:{action_id}"


async def keep(
    records: Records, session: AsyncSession, action_id: str, operation: str, workflow: str, workflow_id: str,
    name: str, argument: Frozen | None,
) -> None:  # fmt: skip
    """Put a call into the outbox, in the caller's transaction; the same id again is the same call.

    Args:
        operation: start | update. name: of the update; `run` of a start.
    """
    at = await now(session)
    plain: Any = None if argument is None else argument.model_dump(mode="json")
    sealed = records.vault.seal_own(json.dumps(plain).encode(), context(action_id))
    await outbox.add(
        session,
        OutboxAction(
            id=action_id, workflow_id=workflow_id, workflow=workflow, operation=operation, name=name, argument=sealed,
            created_at=at, next_attempt_at=at,
        ),
    )  # fmt: skip
