"""Requests for a signature in the state's mobile application: asked, opened, ended once. Time is the database's.

Rules: para 6, part 4; para 9.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from hmac import compare_digest
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.errors import Gone, NotFound
from storage.clock import now
from storage.database import run
from storage.sessions import token_hash
from storage.tables import SigningRequest

ALIVE = ("WAITING", "OPENED")


async def ask(
    session: AsyncSession, request_id: UUID, client_id: UUID, document_id: UUID, method: str, lifetime_seconds: int
) -> SigningRequest:
    """Ask for a signature under a document; an older request for it ends. The same id again is the same request.

    Args:
        method: CMS_SIGN_ONLY | CMS_WITH_DATA.
    """
    known = await session.get(SigningRequest, request_id)
    if known is not None:
        return known
    # two at the same moment: the second waits for the first, then ends it
    await run(session, "select 1 from document where id = :id for no key update", id=document_id)
    await run(
        session,
        "update signing_request set state = 'EXPIRED', ended_at = clock_timestamp()"
        " where document_id = :document and state in ('WAITING', 'OPENED')",
        document=document_id,
    )
    await run(
        session,
        "insert into signing_request (id, client_id, document_id, method, state, asked_at, expires_at)"
        " select :id, :client, :document, :method, 'WAITING', moment, moment + make_interval(secs => :life)"
        " from clock_timestamp() as moment",
        id=request_id,
        client=client_id,
        document=document_id,
        method=method,
        life=lifetime_seconds,
    )
    return await session.get_one(SigningRequest, request_id)


async def open_for_application(session: AsyncSession, request_id: UUID) -> tuple[SigningRequest, str]:
    """The application asks what it is to do: the request and a fresh token for it; an older token works no more.

    Raises:
        NotFound: `signing-request-unknown`.
        Gone: `signing-request-ended`: its time is over, or it was answered.
    """
    row, at = await locked(session, request_id), await now(session)
    if not alive(row, at):
        raise Gone("signing-request-ended")
    token = secrets.token_urlsafe(32)
    row.state, row.token_hash, row.opened_at = "OPENED", token_hash(token), row.opened_at or at
    session.add(row)
    await session.flush()
    return row, token


async def locked(session: AsyncSession, request_id: UUID) -> SigningRequest:
    """The row for an answer: nobody else changes it until the transaction ends.

    Raises:
        NotFound: `signing-request-unknown`.
    """
    query = (
        select(SigningRequest)
        .where(col(SigningRequest.id) == request_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    row = (await session.exec(query)).one_or_none()
    if row is None:
        raise NotFound("signing-request-unknown")
    return row


def alive(row: SigningRequest, at: datetime) -> bool:
    """Whether an answer is still taken."""
    return row.state in ALIVE and at < row.expires_at


def token_fits(row: SigningRequest, token: str) -> bool:
    """Whether this is the newest token; as long for a wrong one as for a right one."""
    return compare_digest(row.token_hash or bytes(32), token_hash(token)) and row.token_hash is not None


async def end(
    session: AsyncSession, row: SigningRequest, *, cms_id: UUID | None = None, ground: str | None = None
) -> None:
    """What the application sent was a signature (archived), or was refused on a ground."""
    at = await now(session)  # before the row changes: its checks hold for the whole of it
    row.state = "REFUSED" if cms_id is None else "SIGNED"
    row.cms_id, row.ground, row.ended_at = cms_id, ground, at
    session.add(row)
    await session.flush()
