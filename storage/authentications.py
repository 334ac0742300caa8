"""Log-ins that are not finished, and clients who prove themselves once more. Only the hash of each token is kept.

A row is made for a number that nobody has, too: nothing that is answered tells one from the other.

Rules: para 6, part 4; para 26.
"""

from __future__ import annotations

import hashlib
import secrets
from uuid import UUID, uuid4

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.errors import Conflict, NotConfirmed
from rules.log_in import Factor
from storage.database import run
from storage.sessions import token_hash
from storage.tables import Authentication

MOST_TRIES = 5
MOST_CODES = 3


async def begin(
    session: AsyncSession,
    purpose: str,
    *,
    client_id: UUID | None,
    account_index: bytes,
    bound_to: bytes,
    application: str,
    shown: frozenset[Factor] = frozenset(),
    offered: frozenset[Factor] = frozenset(),
    life_seconds: int,
) -> str:
    """A new one; its token, told once.

    Args:
        purpose: LOG_IN | STEP_UP | RECOVERY.
        account_index: of the number that was given, whether somebody has it or not; empty where none was.
        bound_to: of the device, or of the log-in within which the client proves themselves once more.
    """
    token = secrets.token_urlsafe(32)
    await run(
        session,
        "insert into authentication (id, token_hash, purpose, client_id, account_index, bound_to, application, shown,"
        " offered, tries, codes, begun_at, expires_at)"
        " select :id, :hash, :purpose, cast(:client as uuid), :account, :bound_to, :application,"
        " cast(:shown as varchar[]), cast(:offered as varchar[]), 0, 0, moment,"
        " moment + make_interval(secs => :life) from clock_timestamp() as moment",
        id=uuid4(),
        hash=token_hash(token),
        purpose=purpose,
        client=client_id,
        account=account_index,
        bound_to=bound_to,
        application=application,
        shown=sorted(shown),
        offered=sorted(offered),
        life=life_seconds,
    )
    return token


async def open_one(session: AsyncSession, token: str, purpose: str, bound_to: bytes) -> Authentication:
    """The one of a token, held until the transaction ends.

    Raises:
        NotConfirmed: `log-in-ended`: unknown, another device's, finished, too old, or failed too often.
    """
    query = (
        select(Authentication)
        .where(
            col(Authentication.token_hash) == token_hash(token),
            col(Authentication.purpose) == purpose,
            col(Authentication.bound_to) == bound_to,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    row = (await session.exec(query)).one_or_none()
    alive = await run(
        session,
        "select 1 from authentication where id = cast(:id as uuid) and enough_at is null and tries < :most"
        " and expires_at > clock_timestamp()",
        id=row.id if row else None,
        most=MOST_TRIES,
    )
    if alive.one_or_none() is None or row is None:
        raise NotConfirmed("log-in-ended")
    return row


async def failed(session: AsyncSession, row: Authentication) -> None:
    """Count a wrong try; after the last one the token is void."""
    row.tries += 1
    session.add(row)
    await session.flush()


async def count_code(session: AsyncSession, row: Authentication) -> int:
    """Count a code that is asked for; its number.

    Raises:
        Conflict: `too-many-codes`.
    """
    if row.codes >= MOST_CODES:
        raise Conflict("too-many-codes")
    row.codes += 1
    session.add(row)
    await session.flush()
    return row.codes


async def went_on(
    session: AsyncSession, row: Authentication, client_id: UUID, shown: frozenset[Factor], offered: frozenset[Factor]
) -> None:
    """Something was shown and something else is asked for."""
    row.client_id, row.shown, row.offered = client_id, sorted(shown), sorted(offered)
    session.add(row)
    await session.flush()


async def enough(session: AsyncSession, row: Authentication, shown: frozenset[Factor], *, use: bool) -> None:
    """Enough was shown. use: it is used up at once."""
    await run(
        session,
        "update authentication set shown = cast(:shown as varchar[]), enough_at = clock_timestamp(),"
        " used_at = case when :use then clock_timestamp() end where id = :id",
        id=row.id,
        shown=sorted(shown),
        use=use,
    )


async def use_step_up(session: AsyncSession, token: str, bound_to: bytes) -> UUID:
    """Use up a proof that the client gave once more within this log-in; for one change.

    Raises:
        Conflict: `step-up-needed`: unknown, of another log-in, unfinished, used, or too old.
    """
    used = await run(
        session,
        "update authentication set used_at = clock_timestamp() where token_hash = :hash and purpose = 'STEP_UP'"
        " and bound_to = :bound_to and enough_at is not null and used_at is null and expires_at > clock_timestamp()"
        " returning id",
        hash=token_hash(token),
        bound_to=bound_to,
    )
    found: UUID | None = used.scalar_one_or_none()
    if found is None:
        raise Conflict("step-up-needed")
    return found


def code_purpose(authentication_id: UUID) -> str:
    """What a code is for: this authentication and no other."""
    return f"log-in:{authentication_id}"


def challenge_binding(row: Authentication) -> bytes:
    """Binds a passkey's challenge to this authentication."""
    return hashlib.sha256(b"authentication\0" + row.token_hash).digest()
