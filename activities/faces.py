"""The living face: liveness against an issued sequence, one face, the same face. Runs where the models are.

Rules: para 6, part 3; para 9; para 35.
"""

from __future__ import annotations

import asyncio
import hashlib
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession
from temporalio import activity

from activities.context import Records, conclude
from activities.ports import DocumentReader, FaceEngine, LivenessChecker
from rules.errors import BusinessError, InvalidInput
from rules.evidence import FaceComparison, FaceDecision, Frozen, LivenessVerdict, StepResult
from rules.receiving import MERCHANT_ACT, merchant_act
from storage import challenges
from storage.tables import Client


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


class Faces:
    """Checks faces; holds the models."""

    def __init__(self, records: Records, faces: FaceEngine, liveness: LivenessChecker, reader: DocumentReader) -> None:
        self._records, self._faces, self._liveness, self._reader = records, faces, liveness, reader

    @activity.defn
    async def check_face(self, shown: FaceShown) -> StepResult:
        """Challenge, replay, liveness, quality, comparison; the first finding ends the look."""
        async with self._records.moment() as moment:
            client = await self._records.clients.get(moment.session, shown.client_id)
            _, selfie = await self._records.documents.load(moment.session, shown.selfie_id)
            _, video = await self._records.documents.load(moment.session, shown.video_id)
            reference = await self._reference(moment.session, client, shown)
            ground, sequence = await self._claim(moment.session, shown, video)
        evidence: dict[str, object] = {
            "selfie": str(shown.selfie_id),
            "video": str(shown.video_id),
            "challenge": str(shown.challenge_id),
            "sequence": sequence,
        }
        embedding: bytes | None = None
        if ground is None:
            ground, found, embedding = await asyncio.to_thread(self._look, sequence, selfie, video, reference)
            evidence |= found
        async with self._records.moment() as moment:
            client = await self._records.clients.get(moment.session, shown.client_id)
            if shown.act == "REGISTRATION" and embedding is not None:
                self._records.clients.seal_embedding(client, embedding)
                moment.session.add(client)
            return await conclude(
                moment,
                client,
                act=shown.bound_act,
                step="face",
                ground=ground,
                evidence=evidence,
                paragraph="35",
                application_id=shown.application_id,
            )

    async def _reference(self, session: AsyncSession, client: Client, shown: FaceShown) -> bytes | tuple[bytes]:
        """The card's front at registration; afterwards the enrolled embedding, in a one-element tuple."""
        if shown.card_front_id is not None:
            _, front = await self._records.documents.load(session, shown.card_front_id)
            return front
        return (self._records.clients.open_embedding(client),)

    async def _claim(self, session: AsyncSession, shown: FaceShown, video: bytes) -> tuple[str | None, str]:
        """Use up the challenge for this very clip; the same clip again (a retry of ours) is the same use."""
        digest = hashlib.sha256(video).hexdigest()
        try:
            challenge = await challenges.use(
                session, shown.challenge_id, shown.client_id, shown.bound_act, video_sha256=digest
            )
        except BusinessError as error:
            return error.code, ""
        if await challenges.seen_video(session, digest, besides=shown.challenge_id):
            return "liveness-replayed", challenge.sequence
        return None, challenge.sequence

    def _look(
        self, sequence: str, selfie: bytes, video: bytes, reference: bytes | tuple[bytes]
    ) -> tuple[str | None, dict[str, object], bytes | None]:
        try:
            problem = self._faces.problem(selfie)
            if problem is not None:
                return problem.value, {}, None
            live = self._liveness.check(video, sequence.split(","), selfie)
            evidence: dict[str, object] = {"liveness": live.model_dump(mode="json")}
            if live.verdict is not LivenessVerdict.LIVE:
                return f"liveness-{live.verdict.value.replace('_', '-')}", evidence, None
            if isinstance(reference, tuple):
                match = self._faces.compare_embedding(selfie, reference[0])
            else:
                match = self._faces.compare(selfie, self._reader.portrait(reference))
            evidence["match"] = match.model_dump(mode="json")
            ground = _ground(match)
            # kept whatever the comparison says: it counts only once the client is registered, by machine or officer
            return ground, evidence, self._faces.embedding(selfie)
        except InvalidInput as error:
            return error.code, {}, None


def _ground(match: FaceComparison) -> str | None:
    return {FaceDecision.SAME: None, FaceDecision.UNSURE: "face-unsure", FaceDecision.DIFFERENT: "face-different"}[
        match.decision
    ]
