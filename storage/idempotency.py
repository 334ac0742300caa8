"""The first answer to a keyed call is kept and given again; the call itself runs once."""

from __future__ import annotations

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.errors import Conflict, InvalidInput
from storage.database import run
from storage.tables import IdempotencyRecord

# A process that died in the middle leaves the key running; after this long another may take the call over.
# Everything a call starts is keyed by the same key, so that taking over repeats nothing.
TAKE_OVER_SECONDS = 60


async def begin(
    session: AsyncSession, scope: str, key: str, request_hash: str, take_over_seconds: int = TAKE_OVER_SECONDS
) -> IdempotencyRecord | None:
    """Claim a key. None: it is ours, go on. A record: the call was answered, replay it.

    Args:
        scope: who asks and what, for example ``client:{id} POST /api/v1/applications``: another client's
            key looks unused.

    Raises:
        Conflict: `in-progress`: the first call still runs.
        InvalidInput: `key-reused`: the key came with another request before.
    """
    fresh = await run(
        session,
        "insert into idempotency_record (scope, key, request_hash, state, started_at)"
        " values (:scope, :key, :hash, 'running', clock_timestamp()) on conflict do nothing returning 1",
        scope=scope,
        key=key,
        hash=request_hash,
    )
    if fresh.one_or_none() is not None:
        return None
    query = (
        select(IdempotencyRecord)
        .where(col(IdempotencyRecord.scope) == scope, col(IdempotencyRecord.key) == key)
        .execution_options(populate_existing=True)
    )
    record = (await session.exec(query)).one()
    if record.request_hash != request_hash:
        raise InvalidInput("key-reused", "this Idempotency-Key came with another request before")
    if record.state == "done":
        return record
    taken = await run(
        session,
        "update idempotency_record set state = 'running', started_at = clock_timestamp()"
        " where scope = :scope and key = :key and (state = 'abandoned' or (state = 'running'"
        " and started_at < clock_timestamp() - make_interval(secs => :seconds))) returning 1",
        scope=scope,
        key=key,
        seconds=take_over_seconds,
    )
    if taken.one_or_none() is None:
        raise Conflict("in-progress")
    return None


async def finish(session: AsyncSession, scope: str, key: str, status: int, answer_sealed: bytes) -> None:
    """Keep the answer. An answer that stands already is not changed."""
    await run(
        session,
        "update idempotency_record set state = 'done', status_code = :status, answer = :answer,"
        " finished_at = clock_timestamp() where scope = :scope and key = :key and state <> 'done'",
        scope=scope,
        key=key,
        status=status,
        answer=answer_sealed,
    )


async def abandon(session: AsyncSession, scope: str, key: str) -> None:
    """Free a key whose call failed without effect; the same request may come again."""
    await run(
        session,
        "update idempotency_record set state = 'abandoned' where scope = :scope and key = :key and state = 'running'",
        scope=scope,
        key=key,
    )
