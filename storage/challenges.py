"""Liveness challenges: a random sequence of movements, issued once to a client and answered once.

Rules: para 35.
"""

from __future__ import annotations

from itertools import permutations
from secrets import SystemRandom
from uuid import UUID, uuid4

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.errors import Conflict, NotConfirmed
from storage.database import run
from storage.tables import LivenessChallenge

MOVEMENTS = ("left", "right", "up", "down", "closer")
_LENGTHS = (3, 4)
_ALL = [",".join(sequence) for length in _LENGTHS for sequence in permutations(MOVEMENTS, length)]
_random = SystemRandom()


async def issue(
    session: AsyncSession,
    client_id: UUID,
    act: str,
    device_id: str | None,
    session_hash: bytes | None,
    lifetime: int,
) -> LivenessChallenge:
    """A sequence of three or four different movements that this client was never asked for before.

    Args:
        act: REGISTRATION | CONTRACT.
        session_hash: of the log-in that asks.
        lifetime: seconds.

    Raises:
        Conflict: `challenges-exhausted`: every sequence was asked for.
    """
    asked = await run(session, "select sequence from liveness_challenge where client_id = :client", client=client_id)
    left = sorted(set(_ALL) - set(asked.scalars()))
    while left:
        sequence, challenge_id = left.pop(_random.randrange(len(left))), uuid4()
        made = await run(
            session,
            "insert into liveness_challenge (id, client_id, act, sequence, session_hash, device_id, issued_at,"
            " expires_at) select :id, :client, :act, :sequence, :session, :device, moment,"
            " moment + make_interval(secs => :life) from clock_timestamp() as moment"
            " on conflict (client_id, sequence) do nothing returning 1",
            id=challenge_id,
            client=client_id,
            act=act,
            sequence=sequence,
            session=session_hash,
            device=device_id,
            life=lifetime,
        )
        if made.one_or_none() is not None:
            return await _get(session, challenge_id)
    raise Conflict("challenges-exhausted")


async def use(
    session: AsyncSession, challenge_id: UUID, client_id: UUID, act: str, *, video_sha256: str | None = None
) -> LivenessChallenge:
    """Use a challenge up for one clip, by one statement. The same clip again is the same use: a retry of ours.

    Raises:
        NotConfirmed: `challenge-unknown` (another client's or act's too), `challenge-used`, `challenge-expired`.
    """
    used = await run(
        session,
        """
        update liveness_challenge
        set used_at = coalesce(used_at, clock_timestamp()), video_sha256 = coalesce(video_sha256, :video)
        where id = :id and client_id = :client and act = :act
          and ((used_at is null and expires_at > clock_timestamp()) or (used_at is not null and video_sha256 = :video))
        returning 1
        """,
        id=challenge_id,
        client=client_id,
        act=act,
        video=video_sha256,
    )
    if used.one_or_none() is not None:
        return await _get(session, challenge_id)
    state = (
        await run(
            session,
            "select used_at is not null from liveness_challenge where id = :id and client_id = :client and act = :act",
            id=challenge_id,
            client=client_id,
            act=act,
        )
    ).scalar_one_or_none()
    if state is None:
        raise NotConfirmed("challenge-unknown")
    raise NotConfirmed("challenge-used" if state else "challenge-expired")


async def seen_video(session: AsyncSession, sha256: str, *, besides: UUID | None = None) -> bool:
    """Whether this very clip answered a challenge before, of any client.

    Args:
        besides: the challenge that the clip answers now.
    """
    query = select(LivenessChallenge.id).where(col(LivenessChallenge.video_sha256) == sha256)
    if besides is not None:
        query = query.where(col(LivenessChallenge.id) != besides)
    return (await session.exec(query.limit(1))).first() is not None


async def _get(session: AsyncSession, challenge_id: UUID) -> LivenessChallenge:
    query = select(LivenessChallenge).where(col(LivenessChallenge.id) == challenge_id)
    return (await session.exec(query.execution_options(populate_existing=True))).one()
