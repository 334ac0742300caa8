"""Liveness challenges, for registration and for signing, and the clips that answer them. Rules: para 35."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from activities.context import Moment
from api import papers
from api.once import Outcome
from api.schemas_common import Challenge
from api.services import Services
from api.sessions import Caller
from api.uploads import Form, Upload
from rules.errors import InvalidInput
from rules.liveness import fewest_movements, recording_rate
from storage import challenges
from storage.tables import Client, LivenessClip


async def issue(kit: Services, caller: Caller, act: str) -> Challenge:
    """A fresh random sequence with its deadlines, bound to the client, the act, the device and the session."""
    async with kit.records.moment() as moment:
        policy = moment.policy
        issued = await challenges.issue(
            moment.session,
            caller.client_id,
            act,
            caller.device_id,
            caller.session_hash,
            policy.whole("liveness-lifetime-seconds"),
            fewest=fewest_movements(policy, passive=kit.passive_liveness),
            step_seconds=policy.whole("liveness-step-seconds"),
            most_in_a_day=policy.whole("liveness-challenges-per-day"),
        )
    return Challenge(
        challenge_id=issued.id,
        movements=issued.sequence.split(","),
        seconds=issued.step_seconds or [],
        kbit_per_second=recording_rate(policy),
        expires_at=issued.expires_at,
    )


async def new_challenge(kit: Services, caller: Caller, act: str) -> Outcome:
    """The same as an outcome."""
    return Outcome(await issue(kit, caller, act), 201)


def challenge_id_of(form: Form) -> UUID:
    """The part `challenge_id`.

    Raises:
        InvalidInput: missing, or not an id.
    """
    given = form.fields.get("challenge_id")
    if given is None:
        raise InvalidInput("field-missing", field="/challenge_id")
    try:
        return UUID(given)
    except ValueError:
        raise InvalidInput("field-format", field="/challenge_id") from None


@dataclass(frozen=True)
class Clip:
    """A clip as it is archived, and what is noted of the bytes that were sent. Rates: kbit/s, None: unreadable."""

    upload: Upload
    sent_sha256: str
    sent_kbit_s: int | None = None
    kbit_s: int | None = None


async def recorded(kit: Services, video: Upload) -> Clip:
    """The clip at the archive's rate, before any transaction is open: it takes a second."""
    sent = sha256(video.content).hexdigest()
    if kit.recorder is None:
        return Clip(video, sent)
    async with kit.records.moment() as moment:
        rate = recording_rate(moment.policy)
    made = await kit.recorder.made(video.content, video.media_type, rate)
    known = made.sent_kbit is not None and made.kbit is not None
    return Clip(
        Upload(made.content, made.media_type),
        sent,
        round(made.sent_kbit or 0) if known else None,
        round(made.kbit or 0) if known else None,
    )


async def receive_clip(
    kit: Services,
    moment: Moment,
    caller: Caller,
    client: Client,
    clip: Clip,
    challenge_id: UUID,
    application_id: UUID | None = None,
) -> UUID:
    """Archive a clip, and note by which session and device it came, and when: whether that is right, the check says."""
    document_id = await papers.receive(kit, moment, client, clip.upload, "liveness_video", application_id)
    moment.session.add(
        LivenessClip(
            document_id=document_id,
            client_id=client.id,
            challenge_id=challenge_id,
            session_hash=caller.session_hash,
            device_id=caller.device_id,
            received_at=moment.at,
            sent_sha256=clip.sent_sha256,
            sent_kbit_s=clip.sent_kbit_s,
            kbit_s=clip.kbit_s,
        )
    )
    return document_id
