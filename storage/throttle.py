"""How often a log-in may fail, kept in the database so that a restart forgives nothing.

The subject is an account as seen from one device or address: whoever guesses from elsewhere
cannot lock the owner out.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlmodel.ext.asyncio.session import AsyncSession

from storage.database import run


async def blocked_seconds(session: AsyncSession, subject: bytes) -> int:
    """Seconds until the subject may try again, 0 where it may now."""
    query = (
        "select ceil(extract(epoch from blocked_until - clock_timestamp()))::int from throttle where subject = :subject"
    )
    return max(0, (await run(session, query, subject=subject)).scalar() or 0)


async def held_seconds(session: AsyncSession, subjects: Collection[bytes]) -> int:
    """The longest of blocked_seconds(); whoever tries for one of them meanwhile waits for the end of this transaction.

    A try that is answered has to be looked at and counted in one such transaction: of many guesses sent at one moment
    each would else be looked at before the first of them is counted.
    """
    for lock in sorted(int.from_bytes(subject[:8], "big", signed=True) for subject in subjects):
        await run(session, "select pg_advisory_xact_lock(:lock)", lock=lock)
    return max([await blocked_seconds(session, subject) for subject in subjects], default=0)


async def failed(session: AsyncSession, subject: bytes, *, allowed: int, window_seconds: int) -> None:
    """Count a failure; the allowed-th within the window blocks the subject for one window."""
    await run(
        session,
        """
        insert into throttle as t (subject, failures, last_failure_at) values (:subject, 1, clock_timestamp())
        on conflict (subject) do update set
          failures = case when t.last_failure_at < clock_timestamp() - make_interval(secs => :seconds)
                          then 1 else t.failures + 1 end,
          blocked_until = case when t.last_failure_at >= clock_timestamp() - make_interval(secs => :seconds)
                                and t.failures + 1 >= :allowed
                               then clock_timestamp() + make_interval(secs => :seconds) end,
          last_failure_at = clock_timestamp()
        """,
        subject=subject,
        allowed=allowed,
        seconds=window_seconds,
    )


async def forgive(session: AsyncSession, subject: bytes) -> None:
    """Forget the failures after a success."""
    await run(session, "delete from throttle where subject = :subject", subject=subject)
