"""The living face: liveness against an issued sequence, one face, the same face. Runs where the models are.

Rules: para 6, part 3; para 9; para 35.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from temporalio import activity

from activities.context import Moment, Records, conclude
from activities.identity_ports import DocumentReader, FaceEngine, LivenessChecker
from rules.editions import edition
from rules.errors import BusinessError, InvalidInput
from rules.evidence import FaceDecision, Frozen, LivenessResult, StepResult
from rules.liveness import LivenessPolicy
from rules.receiving import MERCHANT_ACT, merchant_act
from storage import challenges
from storage.tables import Check, Client, LivenessChallenge

REGISTRATION = "REGISTRATION"
_SEEN = "liveness-seen-before"  # frames that look known: the clip is refused, the person may film another

Reference = bytes | tuple[bytes]
"""The card's front, or the enrolled embedding in a tuple."""


class FaceShown(Frozen):
    """A selfie and a clip (archived) that answer a challenge.

    act: REGISTRATION (compared with the card's portrait) | CONTRACT | merchant-payment (both with the enrolled face).
    """

    client_id: UUID
    act: str
    selfie_id: UUID
    video_id: UUID
    challenge_id: UUID
    card_front_id: UUID | None = None
    application_id: UUID | None = None

    @property
    def bound_act(self) -> str:
        """The act that the challenge was issued for: a payment to a seller is one application's, and no other's."""
        if self.act == MERCHANT_ACT and self.application_id is not None:
            return merchant_act(self.application_id)
        return self.act


class FaceFound(NamedTuple):
    """A judgement. result: scores and decisions, nothing personal.

    embedding: of the selfie; prints: of the clip, as it is and as in a mirror.
    """

    ground: str | None
    result: dict[str, Any]
    models: dict[str, str]
    embedding: bytes | None = None
    prints: tuple[list[str], list[str]] = ([], [])


class FaceJudge:
    """Judges archived bytes: the same bytes, numbers and models give the same answer years later.

    policy: the numbers, as evidence keeps them.
    """

    def __init__(
        self, faces: FaceEngine, liveness: LivenessChecker, reader: DocumentReader, policy: Mapping[str, str]
    ) -> None:
        self._faces, self._liveness, self._reader = faces, liveness, reader
        self._policy = LivenessPolicy.read(policy)

    def judge(self, asked: Mapping[str, Any], selfie: bytes, video: bytes, reference: Reference) -> FaceFound:
        """Quality, liveness, comparison; the first finding ends the look.

        Args:
            asked: act, sequence, seconds; refused: the ground on which the challenge was refused, so that nothing was
                looked at; seen_before: the earlier clip whose frames these are.
        """
        if asked.get("refused"):
            return FaceFound(str(asked["refused"]), {}, {})
        try:
            found = self._look(asked, selfie, video, reference)
        except InvalidInput as error:
            found = FaceFound(error.code, {}, self._liveness.models)
        return found._replace(ground=_SEEN) if asked.get("seen_before") else found

    def _look(self, asked: Mapping[str, Any], selfie: bytes, video: bytes, reference: Reference) -> FaceFound:
        models = self._liveness.models
        enrols = asked.get("act") == REGISTRATION
        problem = self._faces.portrait_problem(selfie) if enrols else self._faces.problem(selfie)
        if problem is not None:
            return FaceFound(problem.value, {}, models)
        live = self._liveness.check(
            video, str(asked["sequence"]).split(","), selfie, self._policy, seconds=asked.get("seconds") or ()
        )
        result: dict[str, Any] = {"liveness": _without_prints(live)}
        ground = live.ground
        if ground is not None and ground != "liveness-no-passive":
            return FaceFound(ground, result, models, None, (live.moving_prints, live.mirrored_prints))
        if isinstance(reference, tuple):
            match = self._faces.compare_embedding(selfie, reference[0])
        else:
            match = self._faces.compare(selfie, self._reader.portrait(reference))
        decision = self._policy.decision(match.cosine)
        result["match"] = match.model_copy(
            update={"decision": decision, "threshold": self._policy.same, "unsure_threshold": self._policy.unsure}
        ).model_dump(mode="json")
        # kept whatever the comparison says: it counts only once the client is registered, by machine or officer
        return FaceFound(
            ground=_GROUNDS[decision] or ground,
            result=result,
            models=models,
            embedding=self._faces.embedding(selfie),
            prints=(live.moving_prints, live.mirrored_prints),
        )


_GROUNDS = {FaceDecision.SAME: None, FaceDecision.UNSURE: "face-unsure", FaceDecision.DIFFERENT: "face-different"}


def _without_prints(live: LivenessResult) -> dict[str, Any]:
    return live.model_dump(mode="json", exclude={"moving_prints", "mirrored_prints"})


class Faces:
    """Checks faces; holds the models."""

    def __init__(self, records: Records, faces: FaceEngine, liveness: LivenessChecker, reader: DocumentReader) -> None:
        self._records, self._faces, self._liveness, self._reader = records, faces, liveness, reader

    @activity.defn
    async def check_face(self, shown: FaceShown) -> StepResult:
        """Challenge, replay, quality, liveness, comparison; the first finding ends the look."""
        inputs = {"selfie": str(shown.selfie_id), "video": str(shown.video_id)}
        async with self._records.moment() as moment:
            client = await self._records.clients.get(moment.session, shown.client_id)
            _, selfie = await self._records.documents.load(moment.session, shown.selfie_id)
            _, video = await self._records.documents.load(moment.session, shown.video_id)
            reference = await self._reference(moment.session, client, shown, inputs)
            asked = await self._claim(moment, shown, video)
            policy = LivenessPolicy.of(moment.policy).text()
        judge = FaceJudge(self._faces, self._liveness, self._reader, policy)
        found = await asyncio.to_thread(judge.judge, asked, selfie, video, reference)
        async with self._records.moment() as moment:
            earlier, share = await self._seen_before(moment, shown, found)
            if earlier is not None:
                asked["seen_before"], found = str(earlier), found._replace(ground=_SEEN)
            client = await self._records.clients.get(moment.session, shown.client_id)
            if shown.act == REGISTRATION and found.embedding is not None and earlier is None:
                self._records.clients.seal_embedding(client, found.embedding)
                moment.session.add(client)
            return await conclude(
                moment,
                client,
                act=shown.bound_act,
                step="face",
                ground=found.ground,
                evidence={
                    "inputs": inputs,
                    "asked": asked | ({"seen_share": share} if earlier is not None else {}),
                    "policy": policy,
                    "models": found.models,
                    "result": found.result,
                },
                paragraph="35",
                application_id=shown.application_id,
            )

    async def _reference(
        self, session: AsyncSession, client: Client, shown: FaceShown, inputs: dict[str, str]
    ) -> Reference:
        """The card's front at registration; afterwards the enrolled embedding. Names the document it is made of."""
        if shown.card_front_id is not None:
            _, front = await self._records.documents.load(session, shown.card_front_id)
            inputs["front"] = str(shown.card_front_id)
            return front
        enrolled = await enrolled_selfie(session, client.id)
        if enrolled is not None:
            inputs["enrolled_selfie"] = enrolled
        return (self._records.clients.open_embedding(client),)

    async def _claim(self, moment: Moment, shown: FaceShown, video: bytes) -> dict[str, Any]:
        """What was asked, and the challenge used up for this very clip, or why it is refused unlooked at.

        A clip is bound to the session and the device that it came by, as they were noted when it came.
        """
        asked: dict[str, Any] = {
            "act": shown.bound_act,
            "challenge": str(shown.challenge_id),
            "edition": edition(moment.day).name,
        }
        digest, clip = hashlib.sha256(video).hexdigest(), await challenges.clip_of(moment.session, shown.video_id)
        if clip is None or clip.challenge_id != shown.challenge_id:
            return asked | {"refused": "challenge-unknown"}
        asked["received_at"] = clip.received_at.isoformat()
        try:
            challenge = await challenges.use(
                moment.session,
                shown.challenge_id,
                shown.client_id,
                shown.bound_act,
                session_hash=clip.session_hash,
                device_id=clip.device_id,
                received_at=clip.received_at,
                video_sha256=digest,
            )
        except BusinessError as error:
            return asked | {"refused": error.code}
        asked |= _of(challenge)
        for one in {digest, clip.sent_sha256}:
            if await challenges.seen_video(moment.session, one, besides=shown.challenge_id):
                return asked | {"refused": "liveness-replayed"}
        return asked

    async def _seen_before(self, moment: Moment, shown: FaceShown, found: FaceFound) -> tuple[UUID | None, float]:
        """An earlier clip with these frames, and how many of them are known; the clip is kept for later ones."""
        (own, mirrored), id_ = found.prints, shown.challenge_id
        earlier, share = await self._known(moment, own, id_)
        if earlier is None:
            earlier, share = await self._known(moment, mirrored, id_)
        if own:
            prints = b"".join(bytes.fromhex(one) for one in own)
            await challenges.remember(
                moment.session, shown.video_id, shown.client_id, id_, prints, self._liveness.bands(own)
            )
        return earlier, share

    async def _known(self, moment: Moment, prints: list[str], besides: UUID) -> tuple[UUID | None, float]:
        if not prints:
            return None, 0.0
        earlier = await challenges.alike(moment.session, self._liveness.bands(prints), besides)
        share, shares = self._liveness.seen_before(prints, [one.prints for one in earlier])
        if not earlier or share < float(moment.policy.number("liveness-replay-share")):
            return None, share
        return earlier[shares.index(max(shares))].document_id, share


def _of(challenge: LivenessChallenge) -> dict[str, Any]:
    return {"sequence": challenge.sequence, "seconds": challenge.step_seconds}


async def enrolled_selfie(session: AsyncSession, client_id: UUID) -> str | None:
    """The document whose face is enrolled: the selfie of the newest registration that came to a comparison."""
    query = select(Check.evidence).where(
        col(Check.client_id) == client_id, col(Check.act) == REGISTRATION, col(Check.step) == "face"
    )
    for evidence in (await session.exec(query.order_by(col(Check.at).desc(), col(Check.id)))).all():
        replayed = evidence.get("asked", {}).get("seen_before")
        if "match" in evidence.get("result", evidence) and not replayed:
            # checks of earlier releases named the selfie beside their scores
            found = evidence.get("inputs", evidence).get("selfie")
            return None if found is None else str(found)
    return None
