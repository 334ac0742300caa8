"""Actions that Temporal could not take yet: kept, and sent again with the same id until answered."""

from __future__ import annotations

from sqlalchemy import func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from storage.database import run
from storage.tables import OutboxAction

_LONGEST_WAIT_SECONDS = 60


async def add(session: AsyncSession, action: OutboxAction) -> OutboxAction:
    """Keep an action; the same id again is the same action, and the row that stands is returned."""
    await run(
        session,
        "insert into outbox_action (id, workflow_id, workflow, operation, name, argument, state, attempts, created_at,"
        " next_attempt_at) values (:id, :workflow_id, :workflow, :operation, :name, :argument, 'waiting', 0,"
        " clock_timestamp(), clock_timestamp()) on conflict (id) do nothing",
        id=action.id,
        workflow_id=action.workflow_id,
        workflow=action.workflow,
        operation=action.operation,
        name=action.name,
        argument=action.argument,
    )
    return (await session.exec(_by_id(action.id))).one()


async def get(session: AsyncSession, action_id: str) -> OutboxAction | None:
    """An action as it stands in the database now."""
    return (await session.exec(_by_id(action_id))).one_or_none()


def _by_id(action_id: str) -> SelectOfScalar[OutboxAction]:
    return select(OutboxAction).where(col(OutboxAction.id) == action_id).execution_options(populate_existing=True)


async def due(session: AsyncSession, limit: int = 20) -> list[OutboxAction]:
    """Actions to send now, oldest first, locked until the transaction ends; another sender gets other ones."""
    query = (
        select(OutboxAction)
        .where(col(OutboxAction.state) == "waiting", col(OutboxAction.next_attempt_at) <= func.clock_timestamp())
        .order_by(col(OutboxAction.created_at))
        .limit(limit)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return list((await session.exec(query)).all())


async def answered(session: AsyncSession, action_id: str, result: bytes | None = None) -> None:
    """Temporal took it. result: sealed answer."""
    await run(
        session,
        "update outbox_action set state = 'done', result = :result, attempts = attempts + 1,"
        " finished_at = clock_timestamp() where id = :id and state = 'waiting'",
        id=action_id,
        result=result,
    )


async def failed(session: AsyncSession, action_id: str, *, final: bool = False, result: bytes | None = None) -> None:
    """A try that did not get through. The next one comes after 1, 2, 4 ... seconds, at most a minute.

    Args:
        final: Temporal answered that it never will be taken; the action is not sent again.
        result: sealed reason of a final failure.
    """
    await run(
        session,
        "update outbox_action set attempts = attempts + 1, state = case when :final then 'failed' else 'waiting' end,"
        " result = case when :final then :result else result end,"
        " finished_at = case when :final then clock_timestamp() end,"
        " next_attempt_at = clock_timestamp() + make_interval(secs => least(power(2, least(attempts, 10)), :longest))"
        " where id = :id and state = 'waiting'",
        id=action_id,
        final=final,
        result=result,
        longest=_LONGEST_WAIT_SECONDS,
    )
