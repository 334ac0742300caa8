"""A borrower in arrears asks for other terms, reads the answer, and signs the addendum or declines.

The law on microfinance, art. 9-2. Rules: para 7, part 7; para 9.
"""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from activities import restructuring_requests as requests
from activities.context import Moment
from api import papers
from api.actions import BIOMETRIC_SECONDS, Call, Waiting
from api.lending import own_loan
from api.once import Once, Outcome, fingerprint
from api.problems import language_of
from api.routes.challenges import issue
from api.routes.contracts import SIGNING_PARTS, read_signing
from api.routes.problems import ASK, DO, SEND
from api.schemas_common import DocumentInfo, StepAnswer
from api.schemas_lending import SigningStart
from api.schemas_requests import RestructuringAnswer, RestructuringBody, TermsAnswer
from api.services import Kit
from api.sessions import ClientCaller, OnceDep
from api.steps import accepted, do_step
from api.titles import title
from rules.editions import edition
from rules.errors import Conflict, NotFound
from rules.evidence import Frozen
from storage.tables import Document, Loan, RestructuringRequest
from workflows.restructuring import ACT, AnswerRequest

router = APIRouter(prefix="/loans", tags=["loans"])

_NEXT: dict[str, Literal["wait", "sign"]] = {"RECEIVED": "wait", "DECIDED": "wait", "PROPOSED": "sign"}


@router.post("/{loan_id}/restructuring", status_code=201, response_model=RestructuringAnswer, responses=DO)
async def ask(
    loan_id: UUID, body: RestructuringBody, request: Request, kit: Kit, caller: ClientCaller, once: OnceDep
) -> Response:
    """Ask for other terms, within the days that the law gives; we answer in writing by `answer_due`."""

    async def work() -> Outcome:
        try:
            async with kit.records.moment() as moment:
                loan = await own_loan(moment.session, caller.client_id, loan_id)
                client = await kit.records.clients.get(moment.session, caller.client_id)
                made = await requests.receive(
                    kit.records, moment, loan.id, client, body.ground, body.text, request_id=once.new_id
                )
                call = _start(moment, loan, made, once)
                await kit.actions.keep(moment.session, call)  # whoever dies now, the clock of the answer will run
                answer = await _told(moment, loan, made, language_of(request.scope))
        except IntegrityError as error:
            if "restructuring_request_one_open" in str(error.orig):
                raise Conflict("restructuring-open") from None
            raise
        await kit.actions.begin(call)
        return Outcome(answer, 201)

    return await once.run(fingerprint(body), work)


def _start(moment: Moment, loan: Loan, made: RestructuringRequest, once: Once) -> Call:
    start = AnswerRequest(
        request_id=made.id,
        loan_id=loan.id,
        client_id=loan.client_id,
        application_id=loan.application_id,
        edition=edition(moment.day).name,
        n=made.n,
        signature_needed=made.signature_needed,
    )
    return Call("Restructuring", requests.case_id(made), "Restructuring", start, once.action_id, "start")


@router.get("/{loan_id}/restructuring", responses=ASK)
async def asked(loan_id: UUID, request: Request, kit: Kit, caller: ClientCaller) -> list[RestructuringAnswer]:
    """The requests about this microcredit, newest first, with our answers."""
    async with kit.records.moment() as moment:
        loan = await own_loan(moment.session, caller.client_id, loan_id)
        query = (
            select(RestructuringRequest)
            .where(col(RestructuringRequest.loan_id) == loan.id)
            .order_by(col(RestructuringRequest.n).desc())
            .limit(100)
        )
        found = (await moment.session.exec(query)).all()
        return [await _told(moment, loan, one, language_of(request.scope)) for one in found]


async def _told(moment: Moment, loan: Loan, made: RestructuringRequest, language: str) -> RestructuringAnswer:
    answered = made.answered_at is not None  # what an officer has decided is told with the written answer
    refused = answered and made.terms is None and made.reason_code is not None
    return RestructuringAnswer(
        request_id=made.id,
        n=made.n,
        state=made.state,
        ground=made.ground,
        received_at=made.received_at,
        answer_due=made.answer_due,
        answered_at=made.answered_at,
        reason=made.reason_code if refused else None,
        reason_title=title(made.reason_code, language) if refused and made.reason_code else None,
        terms=await _terms(moment, loan, made) if answered and made.terms is not None else None,
        answer=await _document(moment, made.answer_document_id),
        addendum=await _document(moment, made.sealed_document_id or made.addendum_document_id),
        next=_NEXT.get(made.state),
    )


async def _terms(moment: Moment, loan: Loan, made: RestructuringRequest) -> TermsAnswer:
    terms, effective, until = requests.terms_of(made)
    return TermsAnswer(
        **terms.model_dump(exclude={"first_due"}),
        effective_on=effective,
        accept_until=until,
        rows=list(await requests.plan(moment, loan, made)),
    )


async def _document(moment: Moment, document_id: UUID | None) -> DocumentInfo | None:
    return None if document_id is None else papers.told(await moment.session.get_one(Document, document_id))


async def _proposed(
    moment: Moment, client_id: UUID, loan_id: UUID, request_id: UUID
) -> tuple[Loan, RestructuringRequest]:
    """The client's loan and a request about it that waits for the client's word.

    Raises:
        NotFound: absent or another's.
        Conflict: `restructuring-not-proposed`.
    """
    loan = await own_loan(moment.session, client_id, loan_id)
    made = await moment.session.get(RestructuringRequest, request_id)
    if made is None or made.loan_id != loan.id:
        raise NotFound("not-found")
    if made.state != "PROPOSED":
        raise Conflict("restructuring-not-proposed")
    return loan, made


@router.post(
    "/{loan_id}/restructuring/{request_id}/signing", status_code=201, response_model=SigningStart, responses=DO
)
async def begin_signing(loan_id: UUID, request_id: UUID, kit: Kit, caller: ClientCaller, once: OnceDep) -> Response:
    """The addendum to sign, and the movements to film while signing. Rules: para 9."""

    async def work() -> Outcome:
        async with kit.records.moment() as moment:
            loan, made = await _proposed(moment, caller.client_id, loan_id, request_id)
            await requests.check_not_held(moment, loan.id)
            document = await papers.owned(moment, caller.client_id, made.addendum_document_id or request_id)
        started = SigningStart(
            contract_id=loan.contract_id,
            document_id=document.id,
            sha256=document.sha256,
            size=document.size,
            pdf=papers.told(document).content,
            proofs=["biometry", "signature"] if made.signature_needed else ["biometry"],
            challenge=await issue(kit, caller, ACT),
        )
        return Outcome(started, 201)

    return await once.run(fingerprint(None), work)


@router.put(
    "/{loan_id}/restructuring/{request_id}/signing",
    response_model=StepAnswer,
    responses=SEND,
    openapi_extra=SIGNING_PARTS,
)
async def sign(
    loan_id: UUID, request_id: UUID, request: Request, kit: Kit, caller: ClientCaller, once: OnceDep
) -> Response:
    """Agree: CMS over the addendum's PDF, selfie, filmed challenge. Multipart, or JSON with base64. Rules: para 9.

    Send what `proofs` named at the beginning of the signing. A request that was signed in the state's mobile
    application stands in for the CMS.
    """
    async with kit.records.moment() as moment:
        loan = await own_loan(moment.session, caller.client_id, loan_id)
    given = await read_signing(request)

    async def work() -> Outcome:
        clip = await given.clip(kit)
        async with kit.records.moment() as moment:
            _, made = await _proposed(moment, caller.client_id, loan_id, request_id)
            await requests.check_not_held(moment, loan.id)
            client = await kit.records.clients.get(moment.session, caller.client_id)
            given.check(face=True, signature=made.signature_needed)
            of = made.addendum_document_id, loan.application_id
            what = await given.kept(kit, moment, caller, client, clip, *of)
        call = _call(made, once, "sign", what)
        return await do_step(kit, request, call, this="sign", following="wait", patience_seconds=BIOMETRIC_SECONDS)

    return await once.run(given.fingerprint, kit.in_turn(work))


@router.post("/{loan_id}/restructuring/{request_id}/decline", response_model=RestructuringAnswer, responses=DO)
async def decline(
    loan_id: UUID, request_id: UUID, request: Request, kit: Kit, caller: ClientCaller, once: OnceDep
) -> Response:
    """Decline the proposed terms; the contract stays as it is."""

    async def work() -> Outcome:
        async with kit.records.moment() as moment:
            _, made = await _proposed(moment, caller.client_id, loan_id, request_id)
        answer = await kit.actions.update(_call(made, once, "decline", None))
        if isinstance(answer, Waiting):
            return accepted(answer.action_id)
        async with kit.records.moment() as moment:
            loan = await own_loan(moment.session, caller.client_id, loan_id)
            made = await moment.session.get_one(RestructuringRequest, request_id)
            return Outcome(await _told(moment, loan, made, language_of(request.scope)))

    return await once.run(fingerprint(None), work)


def _call(made: RestructuringRequest, once: Once, name: str, argument: Frozen | None) -> Call:
    return Call("Restructuring", requests.case_id(made), name, argument, once.action_id)
