"""Applications: submit, follow, offers, acknowledgements, choice, second confirmation, withdrawal.

Rules: para 7, part 1; para 7, part 4; para 8.
"""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from activities import leaks
from activities.authorities import check_authority
from activities.context import Moment
from api import acknowledgements, lending
from api.actions import Call, Waiting
from api.once import Once, Outcome, fingerprint
from api.problems import language_of
from api.routes.problems import ASK, DO, problems
from api.schemas_lending import (
    AcknowledgementBody,
    AcknowledgementText,
    ApplicationBody,
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
from rules import products
from rules import resources as resource_rules
from rules.client import ClientKind
from rules.desks import desk
from rules.editions import edition, named
from rules.errors import Conflict, InvalidInput
from rules.evidence import Frozen
from rules.identification import needed
from rules.partners import partner
from rules.products import ReceivingMethod
from rules.proofs import Act
from rules.receiving import at_a_terminal, check_purpose
from rules.resources import Kind
from rules.schedule import Method, RepaymentSchedule
from storage import audit, resources
from storage.tables import Application, Client, Offer
from workflows.messages import Acknowledge, ApplyForLoan, ChooseOffer, ConfirmLoan

router = APIRouter(prefix="/applications", tags=["applications"])

HOURS_A_DAY = 24


@router.post("", status_code=201, response_model=ApplicationState, responses=DO)
async def apply(body: ApplicationBody, request: Request, kit: Kit, caller: ClientCaller, once: OnceDep) -> Response:
    """Apply for a microcredit. One application in work a client."""

    async def work() -> Outcome:
        try:
            async with kit.records.moment() as moment:
                application = await moment.session.get(Application, once.new_id)
                if application is None:
                    named = request.headers.get("x-resource")
                    application = await _submit(kit, moment, caller, body, once, named)
                state = await lending.state(kit, moment, application, language_of(request.scope))
                start = _start(moment, await kit.records.clients.get(moment.session, caller.client_id), application)
        except IntegrityError as error:
            if "application_one_open" in str(error.orig):
                raise Conflict("application-already-open") from None
            raise
        await kit.actions.begin(_start_call(start, once))
        return Outcome(state, 201)

    return await once.run(fingerprint(body), work)


async def _submit(
    kit: Services, moment: Moment, caller: Caller, body: ApplicationBody, once: Once, resource: str | None
) -> Application:
    """The row with everything the decision will stand on, and the start of the workflow, in one transaction."""
    client = await kit.records.clients.get(moment.session, caller.client_id)
    product = _product(moment, ClientKind(client.kind), body)
    await _check_resource(moment, caller, body, resource)
    if await leaks.standing(moment, client.id) is not None:  # Rules: para 36
        raise Conflict("identity-to-be-confirmed")
    await check_authority(moment, client)
    how = body.receiving.receiving(await lending.kept_account(kit, moment, client.id) if body.receiving.kept else None)
    application = Application(
        id=once.new_id,
        client_id=client.id,
        amount=body.amount,
        term_months=body.term_months,
        purpose=body.purpose.value,
        receiving_method=body.receiving.method.value,
        account=kit.records.vault.seal_own(how.written().encode(), lending.account_context(once.new_id)),
        account_index=kit.records.vault.index("iban" if how.channel == "bank" else how.channel, how.value),
        edition=edition(moment.day).name,
        policy_version=moment.policy.version,
        product_code=product.code,
        product_version=product.version,
        created_at=moment.at,
        updated_at=moment.at,
    )
    moment.session.add(application)
    await moment.session.flush()
    await kit.actions.keep(moment.session, _start_call(_start(moment, client, application), once))
    await audit.record(
        moment.session,
        actor=caller.who,
        action="application-submitted",
        subject=f"application:{application.id}",
        paragraph="7",
        detail={
            "edition": application.edition,
            "policy": application.policy_version,
            "product": f"{product.code}/{product.version}",
        },
    )
    return application


async def _check_resource(moment: Moment, caller: Caller, body: ApplicationBody, named: str | None) -> None:
    """By a resource of which the regulator was not told in time nobody gets a microcredit. Rules: para 4."""
    opened = await resources.opened(moment.session)
    resource_rules.check_lends(Kind.MOBILE_APPLICATION if caller.device_id else Kind.WEB, named, opened)
    if body.receiving.method is ReceivingMethod.CASH_TERMINAL:
        resource_rules.check_lends(Kind.TERMINAL, None, opened)


def _product(moment: Moment, kind: ClientKind, body: ApplicationBody) -> products.Product:
    offered = products.products(moment.day, kind)
    found = next((one for one in offered if body.product in (None, one.code)), None)
    if found is None:
        raise InvalidInput("product-unknown", field="/product")
    try:
        found.check(body.amount, body.term_months, body.purpose, body.receiving.method)
    except InvalidInput as error:
        field = "/receiving/method" if error.field == "/receiving_method" else error.field
        raise InvalidInput(error.code, str(error), field=field) from None
    check_purpose(body.receiving.method, body.purpose)
    if body.receiving.method is products.ReceivingMethod.CASH_TERMINAL and body.amount > at_a_terminal(moment.policy):
        raise InvalidInput("amount-above-terminal-limit", field="/amount")
    if body.receiving.merchant_id is not None:
        partner(body.receiving.merchant_id, moment.day)
    if body.receiving.desk is not None:
        desk(body.receiving.desk, moment.day)
    return found


def _start(moment: Moment, client: Client, application: Application) -> ApplyForLoan:
    business = products.Purpose(application.purpose).business
    proofs = needed(Act.CONTRACT, ClientKind(client.kind), named(application.edition), business=business)
    return ApplyForLoan(
        application_id=application.id,
        client_id=client.id,
        edition=application.edition,
        signature_needed=proofs.signature,
        face_needed=proofs.face,
        offer_days=moment.policy.whole("offer-days"),
        signing_days=-(-moment.policy.whole("signing-hours") // HOURS_A_DAY),
        confirmation_hours=moment.policy.whole("confirmation-window-hours"),
        receiving_method=application.receiving_method,
        merchant_hours=moment.policy.whole("merchant-confirmation-hours"),
    )


def _start_call(start: ApplyForLoan, once: Once) -> Call:
    return Call("Origination", f"application/{start.application_id}", "Origination", start, once.action_id, "start")


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
