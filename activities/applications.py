"""The application's own steps: stages, offers, acknowledgements, choice.

Rules: para 7; para 8.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from temporalio import activity

from activities import identifications
from activities.context import Moment, Records
from rules.errors import NotFound
from rules.evidence import Frozen
from rules.pricing import check_cap
from rules.products import product_version
from rules.receiving import merchant_act
from rules.schedule import Method, RepaymentSchedule, build
from storage import audit
from storage.tables import Acknowledgement, Application, Offer

ENDED_UNPAID = frozenset({"REFUSED", "WITHDRAWN", "EXPIRED"})
_ISSUED = "ISSUED"


class ApplicationRef(Frozen):
    """Which application; the activities read the rest from the database."""

    application_id: UUID
    client_id: UUID


class StageReached(Frozen):
    """A stage with the grounds that led there."""

    ref: ApplicationRef
    stage: str
    grounds: list[str] = []


class Acknowledged(Frozen):
    """The client's mark under a text."""

    ref: ApplicationRef
    subject: str
    text_version: str
    text_sha256: str


class OfferChosen(Frozen):
    """The schedule the client chose."""

    ref: ApplicationRef
    method: str


class Applications:
    """Steps that touch only our own records."""

    def __init__(self, records: Records) -> None:
        self._records = records

    @activity.defn
    async def make_offers(self, ref: ApplicationRef) -> int:
        """A draft schedule a method, with effective rate and total, stored as shown. Rules: para 8, part 4."""
        async with self._records.moment() as moment:
            application = await get_application(moment.session, ref.application_id)
            offered = product_version(application.product_code, application.product_version).methods
            for method in offered:
                schedule = draft(application, method, moment)
                offer = insert(Offer).values(
                    application_id=application.id,
                    method=method.value,
                    rate_percent_per_year=schedule.terms.rate_percent_per_year,
                    annual_effective_rate_percent=schedule.annual_effective_rate_percent,
                    total_to_repay=schedule.total_payment,
                    schedule=schedule.model_dump(mode="json"),
                    created_at=moment.at,
                )
                await moment.session.exec(offer.on_conflict_do_nothing())
            await enter_stage(moment, application, "OFFERED", paragraph="8")
        return len(offered)

    @activity.defn
    async def acknowledge(self, mark: Acknowledged) -> None:
        """Keep the client's mark: which text, which version, when. Rules: para 8."""
        async with self._records.moment() as moment:
            row = insert(Acknowledgement).values(
                application_id=mark.ref.application_id,
                subject=mark.subject,
                text_version=mark.text_version,
                text_sha256=mark.text_sha256,
                at=moment.at,
            )
            done = await moment.session.exec(row.on_conflict_do_nothing().returning(col(Acknowledgement.id)))
            if done.first() is not None:
                await _record(moment, mark.ref, "acknowledged", mark.subject, {"version": mark.text_version})

    @activity.defn
    async def choose(self, chosen: OfferChosen) -> None:
        """Keep the chosen method; the contract will repeat this very schedule."""
        async with self._records.moment() as moment:
            application = await get_application(moment.session, chosen.ref.application_id)
            application.chosen_method = chosen.method
            await enter_stage(
                moment,
                application,
                "CONTRACT",
                paragraph="8",
                detail={"method": chosen.method},
                actor=f"client:{chosen.ref.client_id}",
            )

    @activity.defn
    async def confirmed(self, reached: StageReached) -> None:
        """The second confirmation, or its refusal, after the waiting time."""
        async with self._records.moment() as moment:
            application = await get_application(moment.session, reached.ref.application_id)
            if not reached.grounds:
                application.confirmed_at = moment.at
            moment.session.add(application)
            action = "confirmed-after-waiting" if not reached.grounds else "declined-after-waiting"
            await _record(moment, reached.ref, action, None, {})

    @activity.defn
    async def reach_stage(self, reached: StageReached) -> None:
        """Store a stage that ends or halts the case, with its grounds."""
        async with self._records.moment() as moment:
            application = await get_application(moment.session, reached.ref.application_id)
            if application.stage in (reached.stage, _ISSUED):
                return
            if reached.grounds:
                application.decision = ended(application.decision, reached)
            await enter_stage(moment, application, reached.stage, paragraph="10", reason=", ".join(reached.grounds))
            if reached.stage in ENDED_UNPAID:
                await self._identifications_end(moment, application, reached)

    async def _identifications_end(self, moment: Moment, application: Application, reached: StageReached) -> None:
        """What the client has shown for a contract or a payment that is not made is kept as any identification is."""
        client = await self._records.clients.get(moment.session, application.client_id)
        ground = reached.grounds[0] if reached.grounds else reached.stage.lower()
        for act in ("CONTRACT", merchant_act(application.id)):
            await identifications.close(
                self._records, moment, client, act, edition=application.edition, application_id=application.id,
                ground=ground,
            )  # fmt: skip


def ended(decision: dict[str, Any] | None, reached: StageReached) -> dict[str, Any]:
    """The decision as it stands now; what was decided before is kept under `before`.

    Grounds that the earlier decision named already keep their paragraph and policy row.
    """
    known = {one["code"]: one for one in (decision or {}).get("grounds", [])}
    grounds = [known.get(code, {"code": code, "paragraph": "para 9"}) for code in reached.grounds]
    return {"result": reached.stage.lower(), "grounds": grounds, "before": decision}


async def get_application(session: AsyncSession, application_id: UUID) -> Application:
    """The application's row, locked until the transaction ends."""
    query = select(Application).where(col(Application.id) == application_id).with_for_update()
    application = (await session.exec(query)).first()
    if application is None:
        raise NotFound("application-unknown")
    return application


async def enter_stage(
    moment: Moment,
    application: Application,
    stage: str,
    *,
    paragraph: str,
    reason: str | None = None,
    detail: dict[str, object] | None = None,
    actor: str = "system:worker",
) -> None:
    """Move an application to a stage, in the caller's transaction, with its audit entry.

    One whose money has left stays ISSUED, whatever a try that comes late, or a case that was reset, wants to do again.
    """
    if application.stage == _ISSUED and stage != _ISSUED:
        return
    application.stage, application.updated_at = stage, moment.at
    moment.session.add(application)
    await audit.record(
        moment.session,
        actor=actor,
        action=f"stage-{stage.lower()}",
        subject=f"application:{application.id}",
        reason=reason or None,
        paragraph=paragraph,
        detail=detail or {},
    )


def draft(application: Application, method: Method, moment: Moment) -> RepaymentSchedule:
    """The schedule a method gives for this application, as if the money left today.

    Raises:
        NotAllowed: the effective rate would exceed the cap of the day.
    """
    product = product_version(application.product_code, application.product_version)
    terms = product.terms(application.amount, application.term_months, method, moment.day, moment.policy.version)
    schedule = build(terms)
    check_cap(schedule, moment.policy)
    return schedule


async def _record(
    moment: Moment, ref: ApplicationRef, action: str, reason: str | None, detail: dict[str, object]
) -> None:
    await audit.record(
        moment.session,
        actor=f"client:{ref.client_id}",
        action=action,
        subject=f"application:{ref.application_id}",
        reason=reason,
        paragraph="8",
        detail=detail,
    )
