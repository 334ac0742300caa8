"""Cash desks: an order is looked up, the receiver identified, a large amount approved by a colleague, the order paid.

Paying is one transaction with the loan; the case in Temporal is told afterwards, by an action that outlives this
process. Rules: para 9; para 27.
"""

from __future__ import annotations

from typing import Annotated, Literal, cast
from uuid import UUID, uuid4

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from activities import cash_desk
from activities.cash_desk import AUTHORITY, HandedOut
from activities.context import Moment
from api.actions import Call
from api.once import Outcome, fingerprint
from api.problems import language_of
from api.routes.problems import problems
from api.schemas_cash import (
    AuthorityAnswer,
    CashOrderAnswer,
    CashPaid,
    DigitalDocumentAnswer,
    DigitalDocumentBody,
    PayBody,
)
from api.services import Kit, Services
from api.staff import Approver, Cashier, Member, StaffOnce
from api.titles import title
from api.uploads import multipart, read_form
from rules.client import ClientKind
from rules.errors import Fault, NotAllowed
from rules.evidence import StepOutcome, StepResult
from storage import audit, cash_orders
from storage.tables import CashOrder, Loan
from workflows.messages import ShowDigitalDocument

router = APIRouter(prefix="/staff/api/cash-orders", tags=["staff"])

Number = Annotated[str, Path(pattern=r"^CO-[0-9A-F]{12}$")]
_LOOK = problems(401, 403, 404, 422)
_DO = problems(400, 401, 403, 404, 409, 422)
WORKFLOW = "Collection"
_PATIENCE_SECONDS = 25.0  # the service of digital documents is asked while the cashier waits


def case_of(application_id: UUID) -> str:
    """The id of the case that waits for the money to be collected."""
    return f"collection/{application_id}"


def changed(application_id: UUID) -> Call:
    """Tells the case that its order has changed."""
    return Call(WORKFLOW, case_of(application_id), "order_changed", None, uuid4().hex)


def _at_own_desk(member: Member, order: CashOrder) -> None:
    if order.desk is None or order.desk != member.desk:
        raise NotAllowed("cash-order-other-desk")


@router.get("/{number}", responses=_LOOK)
async def look(number: Number, kit: Kit, member: Approver) -> CashOrderAnswer:
    """An order of one's own desk; officers and compliance see every desk's, to approve."""
    async with kit.records.moment() as moment:
        order = await cash_orders.get(moment.session, number)
        if not member.oversees:
            _at_own_desk(member, order)
        await audit.record(
            moment.session,
            actor=member.who,
            action="cash-order-seen",
            subject=f"application:{order.application_id}",
            paragraph="27",
            detail={"order": number},
        )
        return await _told(kit, moment, order)


async def _told(kit: Services, moment: Moment, order: CashOrder) -> CashOrderAnswer:
    client = await kit.records.clients.get(moment.session, order.client_id)
    return CashOrderAnswer(
        order=order.number,
        channel=cast(Literal["cash-desk", "terminal"], order.channel),
        desk=order.desk,
        state=order.state,
        amount=order.amount,
        expires_at=order.expires_at,
        receiver=kit.records.clients.person(client).full_name,
        power_of_attorney=client.kind == ClientKind.LEGAL_ENTITY,
        second_person=order.two_people,
        approved=order.approved_by is not None,
        code_shown=order.code_hash is not None,
    )


@router.post("/{number}/approve", response_model=CashOrderAnswer, responses=_DO)
async def approve(number: Number, kit: Kit, member: Approver, once: StaffOnce) -> Response:
    """A second member of staff lets a large amount out; whoever approves does not pay."""

    async def work() -> Outcome:
        async with kit.records.moment() as moment:
            order = await cash_desk.approve(moment, number, member.staff_id)
            return Outcome(await _told(kit, moment, order))

    return await once.run(fingerprint(None), work)


@router.post("/{number}/digital-document", response_model=DigitalDocumentAnswer, responses=_DO)
async def digital_document(
    number: Number, body: DigitalDocumentBody, request: Request, kit: Kit, member: Cashier, once: StaffOnce
) -> Response:
    """Look at the receiver's document in the digital documents service, by the code in their telephone."""

    async def work() -> Outcome:
        async with kit.records.moment() as moment:
            order = await cash_orders.get(moment.session, number)
        _at_own_desk(member, order)
        answer = await kit.actions.door.update(
            case_of(order.application_id),
            "check_digital_document",
            ShowDigitalDocument(code=body.code),
            once.action_id,
            _PATIENCE_SECONDS,
        )
        result = StepResult.model_validate(answer)
        words = title(result.ground, language_of(request.scope)) if result.ground else None
        shown = result.outcome is StepOutcome.PASSED
        return Outcome(DigitalDocumentAnswer(shown=shown, ground=result.ground, ground_title=words))

    return await once.run(fingerprint(body), work)


@router.post(
    "/{number}/power-of-attorney",
    status_code=201,
    response_model=AuthorityAnswer,
    responses=problems(400, 401, 403, 404, 409, 413, 415, 422),
    openapi_extra=multipart(scan="file"),
)
async def power_of_attorney(number: Number, request: Request, kit: Kit, member: Cashier, once: StaffOnce) -> Response:
    """Archive the power of attorney of whoever receives money for a legal entity: PDF, JPEG or PNG."""
    async with kit.records.moment() as moment:
        _at_own_desk(member, await cash_orders.get(moment.session, number))
    form = await read_form(request, files=frozenset({"scan"}))
    scan = form.scan("scan")

    async def work() -> Outcome:
        async with kit.records.moment() as moment:
            order = await cash_orders.lock(moment.session, number)
            cash_orders.check_open(order, moment.at)
            client = await kit.records.clients.get(moment.session, order.client_id)
            document = await kit.records.documents.keep(
                moment.session,
                scan.content,
                kind=AUTHORITY,
                media_type=scan.media_type,
                direction="received",
                client=client,
                application_id=order.application_id,
                retain_until=moment.retain_until(),
            )
        return Outcome(AuthorityAnswer(authority_id=document.id, sha256=document.sha256), 201)

    return await once.run(form.fingerprint, work)


@router.post("/{number}/pay", response_model=CashPaid, responses=_DO)
async def pay(number: Number, body: PayBody, kit: Kit, member: Cashier, once: StaffOnce) -> Response:
    """Pay the order. Hand the money over only after this answer; the same key gives it again, another key does not."""

    async def work() -> Outcome:
        given = HandedOut(
            number=number,
            receipt=f"KO-{once.action_id[:12].upper()}",
            code=body.code,
            staff_id=member.staff_id,
            desk=member.desk,
            document_number=body.document_number,
            digital=body.digital_document,
            authority_id=body.authority_id,
        )
        async with kit.records.moment() as moment:
            tried = await cash_desk.hand_out(moment, kit.records, given)
            call = changed(tried.application_id)
            if tried.error is None:
                await kit.actions.keep(moment.session, call)  # whoever dies now, the case will be told
                paid = await _paid(moment, number, tried.loan_id)
        if tried.error is not None:
            raise tried.error
        await kit.actions.deliver(call)
        return Outcome(paid)

    return await once.run(fingerprint(body), work)


async def _paid(moment: Moment, number: str, loan_id: UUID | None) -> CashPaid:
    loan = await moment.session.get(Loan, loan_id) if loan_id else None
    order = await cash_orders.get(moment.session, number)
    if loan is None:
        raise Fault("an order was paid without a loan")
    return CashPaid(order=number, amount=order.amount, loan_id=loan.id, contract=loan.number)
