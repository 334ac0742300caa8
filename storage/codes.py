"""One-time codes: six random digits, hashed, short-lived by the database's clock, used up by one statement.

Rules: para 6, part 4; para 11.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from typing import Any
from uuid import UUID, uuid4

from sqlmodel.ext.asyncio.session import AsyncSession

from rules.errors import Conflict, NotConfirmed
from storage.database import run
from storage.tables import Client
from storage.vault import Vault

# One guess costs milliseconds and 2 MB, so that a stolen row is not worked through while its code lives.
_SCRYPT = {"n": 2**11, "r": 8, "p": 1, "dklen": 32}


async def issue(
    session: AsyncSession,
    vault: Vault,
    client: Client,
    purpose: str,
    *,
    life_seconds: int,
    max_in_ten_minutes: int,
    max_in_a_day: int = 10,
    phone_index: bytes | None = None,
) -> str:
    """A new code for the client's phone; the ones before it for this purpose are void.

    Args:
        purpose: registration | login | confirmation. A code holds for its purpose only.
        phone_index: of the number that gets it, where it is not the client's own yet.

    Raises:
        Conflict: `too-many-codes`: this phone has had its share, whoever asked and for whatever.
    """
    phone = client.phone_index if phone_index is None else phone_index
    # sendings to one phone are counted one after the other
    lock = int.from_bytes(phone[:8], "big", signed=True)
    await run(session, "select pg_advisory_xact_lock(:lock)", lock=lock)
    sent: Any = (
        await run(
            session,
            "select count(*) filter (where sent_at > clock_timestamp() - interval '10 minutes') as lately,"
            " count(*) as today from one_time_code"
            " where phone_index = :phone and sent_at > clock_timestamp() - interval '1 day'",
            phone=phone,
        )
    ).one()
    if sent.lately >= max_in_ten_minutes or sent.today >= max_in_a_day:
        raise Conflict("too-many-codes")
    await run(
        session,
        "update one_time_code set expires_at = greatest(sent_at + interval '1 microsecond', clock_timestamp())"
        " where client_id = :client and purpose = :purpose and used_at is null and expires_at > clock_timestamp()",
        client=client.id,
        purpose=purpose,
    )
    code, code_id = f"{secrets.randbelow(10**6):06d}", uuid4()
    await run(
        session,
        "insert into one_time_code (id, client_id, purpose, phone_index, code_hash, attempts, sent_at, expires_at)"
        " select :id, :client, :purpose, :phone, :hash, 0, moment, moment + make_interval(secs => :life)"
        " from clock_timestamp() as moment",
        id=code_id,
        client=client.id,
        purpose=purpose,
        phone=phone,
        hash=await _hash(code_id, purpose, phone, code),
        life=life_seconds,
    )
    return code


async def consume(session: AsyncSession, client_id: UUID | None, purpose: str, code: str, *, tries: int = 5) -> None:
    """Use the newest code up, once, whoever else tries at the same moment.

    A wrong try counts only if the caller's transaction commits: catch the error inside of it.

    Raises:
        NotConfirmed: `code-wrong`, `code-expired`, `code-used` or `too-many-tries`.
    """
    newest = (
        await run(
            session,
            "select id, phone_index, used_at is not null as used from one_time_code"
            " where client_id = cast(:client as uuid) and purpose = :purpose order by sent_at desc limit 1",
            client=client_id,
            purpose=purpose,
        )
    ).one_or_none()
    if newest is None:
        await _hash(uuid4(), purpose, b"", code)  # takes as long as a wrong one: nothing shows that none was sent
        raise NotConfirmed("code-wrong")
    tried = (
        await run(
            session,
            """
            update one_time_code set attempts = attempts + 1,
                used_at = case when code_hash = :hash and expires_at > clock_timestamp() then clock_timestamp() end
            where id = :id and used_at is null and attempts < :tries
            returning used_at is not null as good, expires_at <= clock_timestamp() as expired
            """,
            id=newest.id,
            hash=await _hash(newest.id, purpose, newest.phone_index, code),
            tries=tries,
        )
    ).one_or_none()
    if tried is None:
        used = await run(session, "select used_at is not null from one_time_code where id = :id", id=newest.id)
        raise NotConfirmed("code-used" if used.scalar() else "too-many-tries")
    if not tried.good:
        raise NotConfirmed("code-expired" if tried.expired else "code-wrong")


async def note_sending(
    session: AsyncSession, sending_id: UUID, address: bytes, *, max_in_ten_minutes: int, max_in_a_day: int
) -> int:
    """Count a code that is asked for from an address, whoever is to get it; the same asking again counts once.

    Args:
        address: its keyed hash.

    Returns:
        0 where it may be sent; else nothing is counted, and so many seconds are to be waited.
    """
    lock = int.from_bytes(address[:8], "big", signed=True)
    await run(session, "select pg_advisory_xact_lock(:lock)", lock=lock)
    past: Any = (
        await run(
            session,
            """
            select count(*) filter (where at > clock_timestamp() - interval '10 minutes') as lately,
                count(*) as today, bool_or(id = :id) as again,
                ceil(extract(epoch from min(at) filter (where at > clock_timestamp() - interval '10 minutes')
                    + interval '10 minutes' - clock_timestamp()))::int as soon,
                ceil(extract(epoch from min(at) + interval '1 day' - clock_timestamp()))::int as tomorrow
            from code_sending where address_index = :address and at > clock_timestamp() - interval '1 day'
            """,
            id=sending_id,
            address=address,
        )
    ).one()
    if past.again:
        return 0
    if past.today >= max_in_a_day:
        return max(1, int(past.tomorrow))
    if past.lately >= max_in_ten_minutes:
        return max(1, int(past.soon))
    await run(
        session,
        "insert into code_sending (id, address_index, at) values (:id, :address, clock_timestamp())",
        id=sending_id,
        address=address,
    )
    return 0


async def _hash(code_id: UUID, purpose: str, phone_index: bytes, code: str) -> bytes:
    """Bound to its row, purpose and phone. In a thread: it takes some milliseconds."""
    salt = code_id.bytes + purpose.encode() + phone_index
    return await asyncio.to_thread(hashlib.scrypt, code.encode(), salt=salt, **_SCRYPT)
