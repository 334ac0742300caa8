"""Applications: how they stand, offers, acknowledgements, choice, second confirmation, withdrawal.

Rules: para 7, part 4; para 8.
"""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlmodel import col, select

from api import acknowledgements, lending
from api.actions import Waiting
from api.once import Once, Outcome, fingerprint
from api.problems import language_of
from api.routes.problems import ASK, DO, problems
from api.schemas_lending import (
    AcknowledgementBody,
    AcknowledgementText,
    ApplicationState,
    ChoiceBody,
    ConfirmationBody,
    OfferAnswer,
    Offers,
    Subject,
)
from api.services import Kit, Services
from api.sessions import Caller, ClientCaller, OnceDep
from api.steps import accepted
from rules.errors import Conflict
from rules.evidence import Frozen
from rules.schedule import Method, RepaymentSchedule
from storage.tables import Application, Offer
from workflows.messages import Acknowledge, ChooseOffer, ConfirmLoan

router = APIRouter(prefix="/applications", tags=["applications"])


@router.get("", responses=problems(401, 403))
async def applications(request: Request, kit: Kit, caller: ClientCaller) -> list[ApplicationState]:
    """The client's applications, newest first."""
    async with kit.records.moment() as moment:
        query = (
            select(Application)
            .where(col(Application.client_id) == caller.client_id)
            .order_by(col(Application.created_at).desc())
            .limit(100)
        )
        found = (await moment.session.exec(query)).all()
        return [await lending.state(kit, moment, one, language_of(request.scope)) for one in found]


@router.get("/{application_id}", responses=ASK)
async def application(application_id: UUID, request: Request, kit: Kit, caller: ClientCaller) -> ApplicationState:
    """Where an application stands, with the grounds of a refusal."""
    return await _state(kit, caller, application_id, request)


async def _state(kit: Services, caller: Caller, application_id: UUID, request: Request) -> ApplicationState:
    async with kit.records.moment() as moment:
        found = await lending.own_application(moment.session, caller.client_id, application_id)
        return await lending.state(kit, moment, found, language_of(request.scope))


@router.get("/{application_id}/offers", responses={**ASK, **problems(409)})
async def offers(application_id: UUID, kit: Kit, caller: ClientCaller) -> Offers:
    """The draft schedules, every method, each with its effective rate and total. Rules: para 8, part 4."""
    async with kit.records.moment() as moment:
        await lending.own_application(moment.session, caller.client_id, application_id)
        query = select(Offer).where(col(Offer.application_id) == application_id).order_by(col(Offer.method))
        found = (await moment.session.exec(query)).all()
    if not found:
        raise Conflict("offers-not-ready")
    return Offers(application_id=application_id, offers=[_offer(one) for one in found])


def _offer(offer: Offer) -> OfferAnswer:
    schedule = RepaymentSchedule.model_validate(offer.schedule)
    return OfferAnswer(
        method=Method(offer.method),
        rate_percent_per_year=offer.rate_percent_per_year,
        annual_effective_rate_percent=offer.annual_effective_rate_percent,
        total_to_repay=offer.total_to_repay,
        total_interest=schedule.total_interest,
        schedule=list(schedule.rows),
    )


@router.get("/{application_id}/acknowledgements", responses=ASK)
async def to_be_read(
    application_id: UUID, request: Request, kit: Kit, caller: ClientCaller
) -> list[AcknowledgementText]:
    """The texts to be read before the contract, in the asker's language."""
    async with kit.records.moment() as moment:
        await lending.own_application(moment.session, caller.client_id, application_id)
        marks = await lending.marks(moment.session, application_id)
    read = acknowledgements.texts(language_of(request.scope), moment.day, kit.lender)
    return [
        AcknowledgementText(
            subject=Subject(text.subject),
            text_version=text.text_version,
            text_sha256=text.text_sha256,
            language=text.language,
            text=text.text,
            acknowledged_at=marks[text.subject].at if text.subject in marks else None,
        )
        for text in read
    ]


async def _act(
    kit: Services, caller: Caller, application_id: UUID, request: Request, once: Once, name: str, what: Frozen | None
) -> Outcome:
    """Send one action into the application's workflow; the application's state afterwards."""
    async with kit.records.moment() as moment:
        await lending.own_application(moment.session, caller.client_id, application_id)
    answer = await kit.actions.update(lending.call(application_id, once, name, what))
    if isinstance(answer, Waiting):
        return accepted(answer.action_id)
    return Outcome(await _state(kit, caller, application_id, request))


@router.put("/{application_id}/acknowledgements/{subject}", response_model=ApplicationState, responses=DO)
async def acknowledge(
    application_id: UUID,
    subject: Subject,
    body: AcknowledgementBody,
    request: Request,
    kit: Kit,
    caller: ClientCaller,
    once: OnceDep,
) -> Response:
    """Mark a text as read: the version and the hash that were shown."""

    async def work() -> Outcome:
        async with kit.records.moment() as moment:
            await lending.own_application(moment.session, caller.client_id, application_id)
            day = moment.day
        text = acknowledgements.known(subject, body.text_version, body.text_sha256, day, kit.lender)
        mark = Acknowledge(subject=subject, text_version=text.text_version, text_sha256=text.text_sha256)
        return await _act(kit, caller, application_id, request, once, "acknowledge", mark)

    return await once.run(fingerprint(body), work)


@router.put("/{application_id}/choice", response_model=ApplicationState, responses=DO)
async def choose(
    application_id: UUID, body: ChoiceBody, request: Request, kit: Kit, caller: ClientCaller, once: OnceDep
) -> Response:
    """Choose a schedule; all texts must have been marked before."""

    async def work() -> Outcome:
        chosen = ChooseOffer(method=body.method)
        return await _act(kit, caller, application_id, request, once, "choose", chosen)

    return await once.run(fingerprint(body), work)


@router.post("/{application_id}/confirmation", response_model=ApplicationState, responses=DO)
async def confirm(
    application_id: UUID, body: ConfirmationBody, request: Request, kit: Kit, caller: ClientCaller, once: OnceDep
) -> Response:
    """The second confirmation after the waiting time; false annuls the contract."""

    async def work() -> Outcome:
        answer = ConfirmLoan(confirmed=body.confirmed)
        return await _act(kit, caller, application_id, request, once, "confirm", answer)

    return await once.run(fingerprint(body), work)


@router.post("/{application_id}/withdrawal", response_model=ApplicationState, responses=DO)
async def withdraw(application_id: UUID, request: Request, kit: Kit, caller: ClientCaller, once: OnceDep) -> Response:
    """Take the application back, until the money is on its way."""

    async def work() -> Outcome:
        return await _act(kit, caller, application_id, request, once, "withdraw", None)

    return await once.run(fingerprint(None), work)
