"""Contracts before and after signing, and the signing itself. Rules: para 7, part 3; para 9."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import ValidationError
from sqlmodel import col, select

from activities.context import Moment
from api import lending, papers
from api.actions import BIOMETRIC_SECONDS
from api.once import Outcome, fingerprint
from api.routes.challenges import challenge_id_of, issue
from api.routes.problems import ASK, DO, SEND, problems
from api.schemas_common import StepAnswer
from api.schemas_lending import ContractAnswer, SigningBody, SigningStart
from api.services import Kit
from api.sessions import ClientCaller, OnceDep
from api.steps import do_step
from api.uploads import Upload, image, multipart, read_form, video
from rules.errors import Conflict, InvalidInput
from storage.tables import Contract, Document, Signature
from workflows.messages import SignContract

router = APIRouter(tags=["contracts"])

ACT = "CONTRACT"
CMS = "application/pkcs7-signature"


async def _told(moment: Moment, contract: Contract) -> ContractAnswer:
    document = await moment.session.get(Document, contract.document_id)
    signature = await moment.session.get(Signature, contract.signature_id) if contract.signature_id else None
    where = f"/api/v1/contracts/{contract.id}"
    return ContractAnswer(
        contract_id=contract.id,
        application_id=contract.application_id,
        number=contract.number,
        sha256=contract.sha256,
        size=document.size if document else 0,
        pages=contract.pages,
        pdf=f"{where}/pdf",
        signed=contract.signed_at is not None,
        signed_at=contract.signed_at,
        sealed_pdf=f"{where}/sealed-pdf" if contract.sealed_document_id else None,
        signature={
            "algorithm": signature.algorithm,
            "certificate_serial": signature.certificate_serial,
            "signed_at": signature.signed_at.isoformat(),
        }
        if signature
        else None,
        created_at=contract.created_at,
    )


async def _of_application(moment: Moment, client_id: UUID, application_id: UUID) -> Contract:
    await lending.own_application(moment.session, client_id, application_id)
    query = select(Contract).where(col(Contract.application_id) == application_id)
    contract = (await moment.session.exec(query)).first()
    if contract is None:
        raise Conflict("contract-not-ready")
    return contract


@router.get("/contracts", responses=problems(401, 403))
async def contracts(kit: Kit, caller: ClientCaller) -> list[ContractAnswer]:
    """The client's contracts, newest first."""
    async with kit.records.moment() as moment:
        query = (
            select(Contract)
            .where(col(Contract.client_id) == caller.client_id)
            .order_by(col(Contract.created_at).desc())
            .limit(100)
        )
        return [await _told(moment, one) for one in (await moment.session.exec(query)).all()]


@router.get("/applications/{application_id}/contract", responses={**ASK, **problems(409)})
async def contract_of_application(application_id: UUID, kit: Kit, caller: ClientCaller) -> ContractAnswer:
    """The contract drawn up for an application."""
    async with kit.records.moment() as moment:
        return await _told(moment, await _of_application(moment, caller.client_id, application_id))


@router.get("/contracts/{contract_id}", responses=ASK)
async def contract(contract_id: UUID, kit: Kit, caller: ClientCaller) -> ContractAnswer:
    """A contract before or after signing."""
    async with kit.records.moment() as moment:
        return await _told(moment, await lending.own_contract(moment.session, caller.client_id, contract_id))


@router.get("/contracts/{contract_id}/pdf", response_class=Response, responses=ASK)
async def pdf(contract_id: UUID, kit: Kit, caller: ClientCaller) -> Response:
    """The PDF that is signed: exactly these bytes."""
    async with kit.records.moment() as moment:
        found = await lending.own_contract(moment.session, caller.client_id, contract_id)
        document = await papers.owned(moment, caller.client_id, found.document_id)
        return await papers.serve(kit, moment, document)


@router.get("/contracts/{contract_id}/sealed-pdf", response_class=Response, responses={**ASK, **problems(409)})
async def sealed_pdf(contract_id: UUID, kit: Kit, caller: ClientCaller) -> Response:
    """The same PDF with the lender's seal, after signing."""
    async with kit.records.moment() as moment:
        found = await lending.own_contract(moment.session, caller.client_id, contract_id)
        if found.sealed_document_id is None:
            raise Conflict("contract-not-signed-yet")
        document = await papers.owned(moment, caller.client_id, found.sealed_document_id)
        return await papers.serve(kit, moment, document)


@router.post("/applications/{application_id}/signing", status_code=201, response_model=SigningStart, responses=DO)
async def begin_signing(application_id: UUID, kit: Kit, caller: ClientCaller, once: OnceDep) -> Response:
    """What to sign, and the movements to film while signing."""

    async def work() -> Outcome:
        async with kit.records.moment() as moment:
            found = await _of_application(moment, caller.client_id, application_id)
            if found.signature_id is not None or found.signed_at is not None:
                raise Conflict("already-signed")
            document = await papers.owned(moment, caller.client_id, found.document_id)
        started = SigningStart(
            contract_id=found.id,
            document_id=document.id,
            sha256=document.sha256,
            size=document.size,
            pdf=f"/api/v1/contracts/{found.id}/pdf",
            challenge=await issue(kit, caller, ACT),
        )
        return Outcome(started, 201)

    return await once.run(fingerprint(None), work)


@dataclass(frozen=True)
class Signing:
    """What a client sends to sign: the CMS, a selfie, the filmed challenge."""

    cms: Upload
    selfie: Upload
    video: Upload
    challenge_id: UUID
    fingerprint: str


async def read_signing(request: Request) -> Signing:
    """The signing, as multipart files or as JSON with base64."""
    if not request.headers.get("content-type", "").lower().startswith("application/json"):
        form = await read_form(request, files=frozenset({"cms", "selfie", "video"}), fields=frozenset({"challenge_id"}))
        return Signing(
            Upload(form.cms("cms"), CMS),
            form.image("selfie"),
            form.video("video"),
            challenge_id_of(form),
            form.fingerprint,
        )
    try:
        body = SigningBody.model_validate_json(await request.body())
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in found]) from None
    return Signing(
        Upload(base64.b64decode(body.cms), CMS),
        image(_decoded(body.selfie, "/selfie"), "/selfie"),
        video(_decoded(body.video, "/video"), "/video"),
        body.challenge_id,
        fingerprint(body),
    )


def _decoded(text: str, field: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInput("not-base64", field=field) from None


@router.put(
    "/applications/{application_id}/signing",
    response_model=StepAnswer,
    responses=SEND,
    openapi_extra=multipart(cms="file", selfie="file", video="file", challenge_id="text"),
)
async def sign(application_id: UUID, request: Request, kit: Kit, caller: ClientCaller, once: OnceDep) -> Response:
    """Sign the contract: CMS over its PDF, selfie, filmed challenge. Multipart, or JSON with base64. Rules: para 9."""
    async with kit.records.moment() as moment:
        await lending.own_application(moment.session, caller.client_id, application_id)
    signing = await read_signing(request)

    async def work() -> Outcome:
        async with kit.records.moment() as moment:
            await _of_application(moment, caller.client_id, application_id)
            client = await kit.records.clients.get(moment.session, caller.client_id)
            what = SignContract(
                cms_id=await papers.receive(kit, moment, client, signing.cms, "cms", application_id),
                selfie_id=await papers.receive(kit, moment, client, signing.selfie, "selfie", application_id),
                video_id=await papers.receive(kit, moment, client, signing.video, "liveness_video", application_id),
                challenge_id=signing.challenge_id,
            )
        return await do_step(
            kit,
            request,
            lending.call(application_id, once, "sign", what),
            this="sign",
            following="wait",
            patience_seconds=BIOMETRIC_SECONDS,
        )

    return await once.run(signing.fingerprint, work)
