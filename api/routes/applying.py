"""Applying for a microcredit: what is checked at once, and everything the decision will stand on.

Rules: para 4; para 7, part 1; para 36.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.exc import IntegrityError

from activities import leaks
from activities.authorities import check_authority
from activities.context import Moment
from api import lending
from api.actions import Call
from api.once import Once, Outcome, fingerprint
from api.problems import language_of
from api.routes.problems import DO
from api.schemas_lending import ApplicationBody, ApplicationState
from api.services import Kit, Services
from api.sessions import Caller, ClientCaller, OnceDep
from rules import products
from rules import resources as resource_rules
from rules.client import ClientKind
from rules.desks import desk
from rules.editions import edition, named
from rules.errors import Conflict, InvalidInput
from rules.identification import needed
from rules.partners import partner
from rules.products import ReceivingMethod
from rules.proofs import Act
from rules.receiving import at_a_terminal, check_purpose
from rules.resources import Kind
from storage import audit, resources
from storage.tables import Application, Client
from workflows.messages import ApplyForLoan

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
