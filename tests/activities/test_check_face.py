"""A client's face from the archive to the evidence: what a challenge is bound to, what comes twice, what is kept."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from clips import encoded, frames_of
from senses import camera, faces, liveness, photo, reader
from sqlmodel import col, select

from activities.context import Records
from activities.faces import FaceJudge, Faces, FaceShown
from rules.client import ClientKind, IdentityDocument, Person
from rules.evidence import StepResult
from storage import challenges
from storage.database import run
from storage.tables import Check, Client, LivenessClip
from tests.support.api_world import new_iin, new_phone
from tests.support.servicing_world import opened_records

if TYPE_CHECKING:
    from datetime import date

    from infra.settings import Archive as ArchiveSettings

SESSION, DEVICE = b"s" * 32, "device-0123456789"
SELFIE = "person_b_1"


@pytest.fixture(scope="module")
async def records(database_url: str, archive_settings: ArchiveSettings) -> AsyncIterator[Records]:
    async with opened_records(database_url, archive_settings) as kept:
        yield kept


@pytest.fixture(scope="module")
def checks(records: Records) -> Faces:
    return Faces(records, faces(), liveness(), reader())


@pytest.fixture
async def client(records: Records) -> Client:
    return await _client(records)


async def _client(records: Records) -> Client:
    """With an enrolled face, as after a registration."""
    from datetime import date

    until: date = date(2035, 1, 1)
    async with records.moment() as moment:
        person = Person(
            surname="А", given_name="Б", iin=new_iin(), phone=new_phone(),
            document=IdentityDocument(number="012345678", expires=until),
        )  # fmt: skip
        made = await records.clients.register(moment.session, person, ClientKind.INDIVIDUAL, "ru", "2025b")
        records.clients.seal_embedding(made, faces().embedding(photo("person_b_2")))
        moment.session.add(made)
    return made


async def _issued(records: Records, client: Client, act: str = "CONTRACT", lifetime: int = 120) -> Any:
    async with records.moment() as moment:
        return await challenges.issue(moment.session, client.id, act, DEVICE, SESSION, lifetime)


async def _kept(records: Records, client: Client, content: bytes, kind: str) -> UUID:
    async with records.moment() as moment:
        found = await records.documents.keep(
            moment.session, content, kind=kind, media_type="video/mp4", direction="received", client=client,
            retain_until=moment.retain_until(),
        )  # fmt: skip
        return found.id


async def _shown(
    records: Records, checks: Faces, client: Client, challenge: Any, clip: bytes, *, by: dict[str, Any] | None = None
) -> tuple[StepResult, dict[str, Any]]:
    """The step's result and its evidence, for a clip that came by a session and a device."""
    selfie = await _kept(records, client, photo(SELFIE), "selfie")
    video = await _kept(records, client, clip, "liveness_video")
    async with records.moment() as moment:
        moment.session.add(
            LivenessClip(
                document_id=video, client_id=client.id, challenge_id=challenge.id, received_at=moment.at,
                sent_sha256="0" * 24 + video.hex + "0" * 8,
                **({"session_hash": SESSION, "device_id": DEVICE} | (by or {})),
            )
        )  # fmt: skip
    result = await checks.check_face(
        FaceShown(
            client_id=client.id, act=challenge.act, selfie_id=selfie, video_id=video, challenge_id=challenge.id
        )
    )  # fmt: skip
    return result, await _evidence(records, client)


async def _evidence(records: Records, client: Client) -> dict[str, Any]:
    async with records.moment() as moment:
        query = select(Check.evidence).where(col(Check.client_id) == client.id).order_by(col(Check.at).desc())
        return (await moment.session.exec(query)).all()[0]


def _filmed(challenge: Any, seed: int, who: str = SELFIE) -> bytes:
    return camera().clip(photo(who), challenge.sequence.split(","), seed=seed)


async def test_a_living_face_passes_and_its_evidence_judges_again_the_same(records, checks, client) -> None:
    challenge = await _issued(records, client)
    clip = _filmed(challenge, 41)
    result, evidence = await _shown(records, checks, client, challenge, clip)
    assert result.outcome == "passed"
    assert set(evidence) == {"inputs", "asked", "policy", "models", "result"}
    assert set(evidence["inputs"]) == {"selfie", "video"}
    asked = evidence["asked"]
    assert (asked["sequence"], asked["act"], asked["challenge"]) == (challenge.sequence, "CONTRACT", str(challenge.id))
    assert asked["seconds"] == [5] * len(challenge.sequence.split(","))
    assert evidence["policy"]["face-same-cosine"] == "0.4"
    ours = {"photo-gate", "movements"}  # limits of our own: a version
    assert ours <= set(evidence["models"])
    assert {len(sha256) for name, sha256 in evidence["models"].items() if name not in ours} == {64}
    assert evidence["result"]["liveness"]["passive"] == {
        "configured": False, "policy": "stricter-active", "score": None, "frames": 0, "models": {},
    }  # fmt: skip
    assert "moving_prints" not in json.dumps(evidence)
    reference = (faces().embedding(photo("person_b_2")),)
    again = FaceJudge(faces(), liveness(), reader(), evidence["policy"])
    found = again.judge(evidence["asked"], photo(SELFIE), clip, reference)
    assert (found.ground, found.result, found.models) == (None, evidence["result"], evidence["models"])
    stricter = FaceJudge(faces(), liveness(), reader(), evidence["policy"] | {"face-same-cosine": "0.99"})
    assert stricter.judge(evidence["asked"], photo(SELFIE), clip, reference).ground == "face-unsure"


@pytest.mark.parametrize("by", [{"session_hash": b"t" * 32}, {"device_id": None}, {"device_id": "device-9876543210"}])
async def test_a_clip_by_another_session_or_device_answers_nothing(records, checks, client, by) -> None:
    challenge = await _issued(records, client)
    result, evidence = await _shown(records, checks, client, challenge, b"never looked at", by=by)
    assert (result.outcome, result.ground) == ("retry", "challenge-unknown")
    assert evidence["asked"]["refused"] == "challenge-unknown"
    judge = FaceJudge(faces(), liveness(), reader(), evidence["policy"])
    assert judge.judge(evidence["asked"], b"", b"", (b"",)).ground == "challenge-unknown", "and so it stays"


async def test_a_clip_that_no_session_brought_or_that_came_for_another_challenge_answers_nothing(
    records, checks, client
) -> None:
    challenge, other = await _issued(records, client), await _issued(records, client)
    result, _ = await _shown(records, checks, client, challenge, b"1")
    async with records.moment() as moment:
        video = (await moment.session.exec(select(LivenessClip.document_id).where(
            col(LivenessClip.client_id) == client.id))).one()  # fmt: skip
    loose = await _kept(records, client, b"2", "liveness_video")
    for document, named in ((loose, other.id), (video, other.id), (video, uuid4())):
        result = await checks.check_face(
            FaceShown(client_id=client.id, act="CONTRACT", selfie_id=video, video_id=document, challenge_id=named)
        )
        assert result.ground == "challenge-unknown"


async def test_a_challenge_counts_from_when_the_clip_came_and_once(records, checks, client) -> None:
    expired = await _issued(records, client, lifetime=0)
    assert (await _shown(records, checks, client, expired, b"late"))[0].ground == "challenge-expired"
    challenge = await _issued(records, client)
    assert (await _shown(records, checks, client, challenge, b"not a clip"))[0].ground == "video-unreadable"
    assert (await _shown(records, checks, client, challenge, b"another"))[0].ground == "challenge-used"


async def test_an_old_clip_is_refused_whoever_sends_it_and_however_it_is_encoded(records, checks, client) -> None:
    first = await _issued(records, client)
    clip = _filmed(first, 52)
    assert (await _shown(records, checks, client, first, clip))[0].outcome == "passed"
    second = await _issued(records, client)
    same, evidence = await _shown(records, checks, client, second, clip)
    assert (same.outcome, same.ground) == ("refused", "liveness-replayed")
    assert evidence["asked"]["refused"] == "liveness-replayed"
    other = await _client(records)
    frames = frames_of(clip)
    again = await _issued(records, other)
    known, evidence = await _shown(records, checks, other, again, encoded(frames, kbit=400))
    assert (known.outcome, known.ground) == ("retry", "liveness-seen-before"), "the clip is refused, not the person"
    assert evidence["asked"]["seen_share"] >= 0.9
    mirrored = await _issued(records, other)
    turned = encoded([(at, np.ascontiguousarray(one[:, ::-1])) for at, one in frames])
    assert (await _shown(records, checks, other, mirrored, turned))[0].ground == "liveness-seen-before", "in a mirror"
    earlier = evidence["asked"]["seen_before"]
    async with records.moment() as moment:
        row = await moment.session.get_one(LivenessClip, UUID(earlier))
        assert row.client_id == client.id, "of any client"
    judge = FaceJudge(faces(), liveness(), reader(), evidence["policy"])
    reference = (faces().embedding(photo("person_b_2")),)
    found = judge.judge(evidence["asked"], photo(SELFIE), encoded(frames, kbit=400), reference)
    assert (found.ground, found.result) == ("liveness-seen-before", evidence["result"])


async def test_an_older_sessions_clip_is_out_of_order_for_a_new_challenge(records, checks, client) -> None:
    """One that was never sent: its frames are new, its movements are not those that were asked."""
    old, new = await _issued(records, client), await _issued(records, client)
    result, _ = await _shown(records, checks, client, new, _filmed(old, 63))
    assert (result.outcome, result.ground) == ("retry", "liveness-wrong-order")


async def test_what_a_face_looked_like_is_kept_and_found_by_an_index(records, checks, client) -> None:
    challenge = await _issued(records, client)
    clip = _filmed(challenge, 74)
    await _shown(records, checks, client, challenge, clip)
    async with records.moment() as moment:
        await run(moment.session, "set local enable_seqscan = off")
        plan = await run(
            moment.session, "explain select document_id from liveness_print where bands && cast(:b as integer[])", b=[1]
        )
        assert "ix_liveness_print_bands" in str(plan.all())
        kept = await run(moment.session, "select count(*) from liveness_print where client_id = :id", id=client.id)
        assert kept.scalar_one() == 1


async def test_the_enrolled_selfie_is_named_where_it_is_compared_with(records, checks, client) -> None:
    selfie = await _kept(records, client, photo("person_b_2"), "selfie")
    async with records.moment() as moment:
        at = moment.at
        for evidence, step in (
            ({"selfie": str(uuid4()), "match": {}}, "face"),  # of an earlier release
            ({"inputs": {"selfie": str(selfie)}, "asked": {}, "result": {"match": {}}}, "face"),
            ({"inputs": {"selfie": str(uuid4())}, "result": {"liveness": {}}}, "face"),  # came to no comparison
        ):
            moment.session.add(
                Check(client_id=client.id, act="REGISTRATION", step=step, outcome="retry", ground="no-face",
                      policy_version="x", evidence=evidence, at=at)
            )  # fmt: skip
            await moment.session.flush()
            at += timedelta(microseconds=1)
    challenge = await _issued(records, client)
    _, evidence = await _shown(records, checks, client, challenge, b"not a clip")
    assert evidence["inputs"]["enrolled_selfie"] == str(selfie)
