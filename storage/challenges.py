"""Liveness challenges: a random sequence of movements, issued once to a client in a session on a device for an act, and
answered once by one clip; and what clips looked like, so that none comes twice.

Rules: para 35.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from secrets import SystemRandom
from uuid import UUID, uuid4

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.errors import Conflict, NotConfirmed
from rules.liveness import sequences
from storage.database import run
from storage.tables import LivenessChallenge, LivenessClip, LivenessPrint

CANDIDATES = 20
"""Earlier clips that one is compared with: those that share the most pieces with it, of any client and any time."""

_random = SystemRandom()

_USE = """
    update liveness_challenge
    set used_at = coalesce(used_at, clock_timestamp()), video_sha256 = coalesce(video_sha256, :video)
    where id = :id and client_id = :client and act = :act
      and session_hash is not distinct from cast(:session as bytea)
      and device_id is not distinct from cast(:device as varchar)
      and ((used_at is null and expires_at > coalesce(cast(:received as timestamptz), clock_timestamp()))
           or (used_at is not null and video_sha256 = :video))
    returning 1
"""
_STATE = """
    select used_at is not null from liveness_challenge
    where id = :id and client_id = :client and act = :act
      and session_hash is not distinct from cast(:session as bytea)
      and device_id is not distinct from cast(:device as varchar)
"""


async def issue(
    session: AsyncSession,
    client_id: UUID,
    act: str,
    device_id: str | None,
    session_hash: bytes | None,
    lifetime: int,
    *,
    fewest: int = 3,
    step_seconds: int = 5,
    most_in_a_day: int | None = None,
) -> LivenessChallenge:
    """A sequence of movements that this client was never asked for before.

    Args:
        act: REGISTRATION | CONTRACT and so on.
        session_hash: of the log-in that asks.
        lifetime: seconds until the clip has to be here.
        fewest: movements, up to four.
        step_seconds: for each movement, from the one before.
        most_in_a_day: so that nobody with a stolen session uses all of them up.

    Raises:
        Conflict: `too-many-challenges` today; `challenges-exhausted`: every sequence was asked for.
    """
    query = (
        "select sequence, issued_at > clock_timestamp() - interval '1 day' as today from liveness_challenge"
        " where client_id = :client"
    )
    asked: dict[str, bool] = {row.sequence: row.today for row in await run(session, query, client=client_id)}
    if most_in_a_day is not None and sum(asked.values()) >= most_in_a_day:
        raise Conflict("too-many-challenges")
    left = sorted(set(sequences(fewest)) - set(asked))
    while left:
        sequence, challenge_id = left.pop(_random.randrange(len(left))), uuid4()
        made = await run(
            session,
            "insert into liveness_challenge (id, client_id, act, sequence, step_seconds, session_hash, device_id,"
            " issued_at, expires_at) select :id, :client, :act, :sequence, :seconds, :session, :device, moment,"
            " moment + make_interval(secs => :life) from clock_timestamp() as moment"
            " on conflict (client_id, sequence) do nothing returning 1",
            id=challenge_id,
            client=client_id,
            act=act,
            sequence=sequence,
            seconds=[step_seconds] * len(sequence.split(",")),
            session=session_hash,
            device=device_id,
            life=lifetime,
        )
        if made.one_or_none() is not None:
            return await _get(session, challenge_id)
    raise Conflict("challenges-exhausted")


async def use(
    session: AsyncSession,
    challenge_id: UUID,
    client_id: UUID,
    act: str,
    *,
    session_hash: bytes | None,
    device_id: str | None,
    received_at: datetime | None = None,
    video_sha256: str | None = None,
) -> LivenessChallenge:
    """Use a challenge up for one clip, by one statement. The same clip again is the same use: a retry of ours.

    Args:
        session_hash: of the log-in that the clip came by; device_id: of the device.
        received_at: when the clip came in; None: now.

    Raises:
        NotConfirmed: `challenge-unknown` (another client's, act's, session's or device's too), `challenge-used`,
            `challenge-expired`.
    """
    of = {"id": challenge_id, "client": client_id, "act": act, "session": session_hash, "device": device_id}
    used = await run(session, _USE, video=video_sha256, received=received_at, **of)
    if used.one_or_none() is not None:
        return await _get(session, challenge_id)
    state = await run(session, _STATE, **of)
    is_used = state.scalar_one_or_none()
    if is_used is None:
        raise NotConfirmed("challenge-unknown")
    raise NotConfirmed("challenge-used" if is_used else "challenge-expired")


async def clip_of(session: AsyncSession, document_id: UUID) -> LivenessClip | None:
    """What is known of how a clip came in; None of a document that came in no session."""
    return await session.get(LivenessClip, document_id)


async def seen_video(session: AsyncSession, sha256: str, *, besides: UUID | None = None) -> bool:
    """Whether these very bytes answered a challenge before, of any client, as they were sent or as they are kept.

    Args:
        besides: the challenge that the clip answers now.
    """
    found = await run(
        session,
        "select exists (select 1 from liveness_challenge where video_sha256 = :sha and id is distinct from :besides)"
        " or exists (select 1 from liveness_clip where sent_sha256 = :sha and challenge_id is distinct from :besides)",
        sha=sha256,
        besides=besides,
    )
    return bool(found.scalar_one())


async def remember(
    session: AsyncSession, document_id: UUID, client_id: UUID, challenge_id: UUID, prints: bytes, bands: list[int]
) -> None:
    """Keep what a clip looked like; again changes nothing."""
    await run(
        session,
        "insert into liveness_print (document_id, client_id, challenge_id, prints, bands, at)"
        " values (:document, :client, :challenge, :prints, :bands, clock_timestamp()) on conflict do nothing",
        document=document_id,
        client=client_id,
        challenge=challenge_id,
        prints=prints,
        bands=bands,
    )


async def alike(session: AsyncSession, bands: list[int], besides: UUID) -> Sequence[LivenessPrint]:
    """The earlier clips, of any client, that share the most pieces with one; at most CANDIDATES.

    The index finds every clip that shares one piece. One that shares none differs in each piece of each frame: it is no
    encoding of the same frames that still shows a face.

    Args:
        besides: the challenge that the clip answers now; its own clips are no earlier ones.
    """
    found = await run(
        session,
        "select document_id from liveness_print, lateral (select count(*) as shared from unnest(bands) as band"
        " where band = any (cast(:bands as integer[]))) as counted"
        " where bands && cast(:bands as integer[]) and challenge_id <> :besides"
        " order by shared desc, at desc limit :most",
        bands=bands,
        besides=besides,
        most=CANDIDATES,
    )
    query = select(LivenessPrint).where(col(LivenessPrint.document_id).in_(found.scalars().all()))
    return (await session.exec(query)).all()


async def _get(session: AsyncSession, challenge_id: UUID) -> LivenessChallenge:
    query = select(LivenessChallenge).where(col(LivenessChallenge.id) == challenge_id)
    return (await session.exec(query.execution_options(populate_existing=True))).one()
