"""The client's file: registered or refused, and the reviews that wait for a person.

Rules: para 6, part 4; para 6, part 6; para 10.
"""

from __future__ import annotations

from uuid import UUID

from temporalio import activity

from activities import identifications
from activities.context import Records
from rules.errors import Conflict, NotConfirmed
from rules.evidence import Frozen, StepOutcome, StepResult
from rules.identification import passed
from storage import audit, devices, reviews


class PasswordChosen(Frozen):
    """The argon2 hash of the password for later log-ins."""

    client_id: UUID
    password_hash: str


class RegistrationRefused(Frozen):
    """A registration that ends on a ground."""

    client_id: UUID
    ground: str


class ReviewWanted(Frozen):
    """A case for a person. kind: IDENTITY | AML | MONEY | DECISION. The same case asks once per ground.

    payment_key: of the outgoing payment that the case is about.
    """

    kind: str
    workflow_id: str
    ground: str
    client_id: UUID | None = None
    application_id: UUID | None = None
    payment_key: str | None = None


class ReviewAnswer(Frozen):
    """The ids that an update carried; the row in our database is what counts."""

    review_id: UUID
    decision_id: UUID
    workflow_id: str


class ReviewOutcome(Frozen):
    """approve | refuse | retry, with the officer's reason code."""

    decision: str
    reason_code: str


class ClientFiles:
    """Ends registrations and keeps the queue of reviews."""

    def __init__(self, records: Records) -> None:
        self._records = records

    @activity.defn
    async def complete_registration(self, chosen: PasswordChosen) -> StepResult:
        """The client is registered, unless another one with this IIN or phone already is."""
        try:
            async with self._records.moment() as moment:
                client = await self._records.clients.get(moment.session, chosen.client_id)
                if client.status == "REGISTERED":
                    return passed("password")
                await self._records.clients.complete(moment.session, client, chosen.password_hash)
                officer = await reviews.approved_by(moment.session, f"registration/{client.id}", "phone-not-owned")
                if officer is not None:
                    await devices.note_owner(moment.session, client, "APPROVED", f"staff:{officer}")
                await identifications.close(self._records, moment, client, "REGISTRATION", edition=client.edition)
                await audit.record(
                    moment.session,
                    actor=f"client:{client.id}",
                    action="registered",
                    subject=f"client:{client.id}",
                    paragraph="6",
                    detail={"edition": client.edition, "policy": moment.policy.version},
                )
        except Conflict as error:
            await self.refuse_registration(RegistrationRefused(client_id=chosen.client_id, ground=error.code))
            return StepResult(step="password", outcome=StepOutcome.REFUSED, ground=error.code)
        return passed("password")

    @activity.defn
    async def refuse_registration(self, refused: RegistrationRefused) -> None:
        """Close the registration on a ground."""
        async with self._records.moment() as moment:
            client = await self._records.clients.get(moment.session, refused.client_id)
            if client.status == "REFUSED":
                return
            client.status, client.refusal_ground = "REFUSED", refused.ground
            moment.session.add(client)
            await identifications.close(
                self._records, moment, client, "REGISTRATION", edition=client.edition, ground=refused.ground
            )
            await audit.record(
                moment.session,
                actor="system:worker",
                action="registration-refused",
                subject=f"client:{client.id}",
                reason=refused.ground,
                paragraph="6",
                detail={"policy": moment.policy.version},
            )

    @activity.defn
    async def open_review(self, wanted: ReviewWanted) -> UUID:
        """Put a case into the queue of staff; the same open case is not put there twice."""
        async with self._records.moment() as moment:
            review = await reviews.open_review(
                moment.session,
                kind=wanted.kind,
                workflow_id=wanted.workflow_id,
                ground=wanted.ground,
                client_id=wanted.client_id,
                application_id=wanted.application_id,
                payment_key=wanted.payment_key,
            )
            return review.id

    @activity.defn
    async def review_outcome(self, answer: ReviewAnswer) -> ReviewOutcome:
        """What staff decided, by the row in our database.

        Raises:
            NotConfirmed: no final decision with that id on that review of that workflow. A message typed by hand
                ends here; the attempt is audited.
        """
        async with self._records.moment() as moment:
            decision = await reviews.decision(moment.session, answer.review_id, answer.decision_id)
            review = await reviews.get(moment.session, answer.review_id) if decision is not None else None
            known = decision is not None and review is not None and review.workflow_id == answer.workflow_id
            if not known:
                await audit.record(
                    moment.session,
                    actor="system:worker",
                    action="unknown-decision-refused",
                    subject=answer.workflow_id.replace("/", ":"),
                    reason="no such decision in the database",
                    paragraph="32",
                    detail={"review": str(answer.review_id), "decision": str(answer.decision_id)},
                )
        if decision is None or not known:
            raise NotConfirmed("decision-unknown")
        return ReviewOutcome(decision=decision.decision, reason_code=decision.reason_code)
