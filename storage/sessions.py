"""Log-ins. The token is told once; only its hash is kept. Time is the database's.

The idle limit is the lender's procedure.

Rules: para 26.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.errors import NotConfirmed
from storage.clock import now
from storage.database import run
from storage.tables import Session

_VOID = 10  # tries of an authentication that takes none any more (storage.authentications)


def token_hash(token: str) -> bytes:
    """How a token is stored and looked up; the token itself has 256 random bits."""
    return sha256(token.encode()).digest()


async def open(
    session: AsyncSession,
    scope: str,
    *,
    client_id: UUID | None = None,
    staff_id: UUID | None = None,
    device_id: str | None = None,
) -> str:
    """Open a log-in and return its token.

    Args:
        scope: registration | client | staff.
        device_id: the token then works from this device only.
    """
    token, at = secrets.token_urlsafe(32), await now(session)
    session.add(
        Session(
            token_hash=token_hash(token),
            scope=scope,
            client_id=client_id,
            staff_id=staff_id,
            device_id=device_id,
            created_at=at,
            last_seen_at=at,
        )
    )
    await session.flush()
    return token


async def touch(
    session: AsyncSession,
    token: str,
    device_id: str | None = None,
    *,
    idle_seconds: int,
    absolute_seconds: int,
    extend: bool = True,
) -> Session:
    """The log-in of a token, if it is alive; being seen starts the idle time anew.

    Args:
        extend: False for polling in the background, which keeps nobody logged in.

    Raises:
        NotConfirmed: `session-expired`: unknown, ended, idle too long, too old, or from another device.
    """
    digest = token_hash(token)
    alive = await run(
        session,
        """
        update session set last_seen_at = case when :extend then clock_timestamp() else last_seen_at end
        where token_hash = :hash and ended_at is null
          and last_seen_at > clock_timestamp() - make_interval(secs => :idle)
          and created_at > clock_timestamp() - make_interval(secs => :absolute)
          and (device_id is null or device_id = cast(:device as varchar))
        returning 1
        """,
        hash=digest,
        idle=idle_seconds,
        absolute=absolute_seconds,
        device=device_id,
        extend=extend,
    )
    if alive.one_or_none() is None:
        raise NotConfirmed("session-expired")
    query = select(Session).where(col(Session.token_hash) == digest).execution_options(populate_existing=True)
    return (await session.exec(query)).one()


async def end(session: AsyncSession, token: str) -> None:
    """Log out: from now on the token opens nothing. A second time is no error."""
    await end_hash(session, token_hash(token))


async def end_hash(session: AsyncSession, digest: bytes) -> None:
    """The same by the hash of the token."""
    await run(
        session,
        "update session set ended_at = clock_timestamp() where token_hash = :hash and ended_at is null",
        hash=digest,
    )


async def alive(
    session: AsyncSession, client_id: UUID, *, idle_seconds: int, absolute_seconds: int
) -> Sequence[Session]:
    """The log-ins of a client that still open something, the newest first."""
    query = (
        select(Session)
        .where(
            col(Session.client_id) == client_id,
            col(Session.scope) == "client",
            col(Session.ended_at).is_(None),
            col(Session.last_seen_at) > func.clock_timestamp() - timedelta(seconds=idle_seconds),
            col(Session.created_at) > func.clock_timestamp() - timedelta(seconds=absolute_seconds),
        )
        .order_by(col(Session.created_at).desc())
        .execution_options(populate_existing=True)
    )
    return (await session.exec(query)).all()


async def end_all(
    session: AsyncSession,
    *,
    client_id: UUID | None = None,
    staff_id: UUID | None = None,
    besides: bytes | None = None,
) -> None:
    """End every log-in of one client or one member of staff: a changed password, a blocked account.

    One that is not finished ends too: what it was begun with may be what has changed. Call it after the change itself.

    Args:
        besides: the hash of a log-in that stays open.
    """
    await run(
        session,
        "update authentication set tries = :void where client_id = cast(:client as uuid) and enough_at is null"
        " and expires_at > clock_timestamp() and bound_to is distinct from cast(:besides as bytea)",
        besides=besides,
        client=client_id,
        void=_VOID,
    )
    await run(
        session,
        "update session set ended_at = clock_timestamp() where ended_at is null"
        " and (client_id = cast(:client as uuid) or staff_id = cast(:staff as uuid))"
        " and token_hash is distinct from cast(:besides as bytea)",
        besides=besides,
        client=client_id,
        staff=staff_id,
    )
