"""Contracts before and after signing, and the signing itself. Rules: para 7, part 3; para 9."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import ValidationError
from sqlmodel import col, select

from activities.context import Moment
from api import lending, papers, signing
from api.actions import BIOMETRIC_SECONDS
from api.once import Outcome, fingerprint
from api.routes.challenges import Clip, challenge_id_of, issue, receive_clip, recorded
from api.routes.problems import ASK, DO, SEND, problems
from api.schemas_common import StepAnswer
from api.schemas_lending import ContractAnswer, SigningBody, SigningStart
from api.services import Kit, Services
from api.sessions import Caller, ClientCaller, OnceDep
from api.steps import do_step
from api.uploads import Form, Upload, image, multipart, read_form, video
from rules.client import ClientKind
from rules.editions import named
from rules.errors import Conflict, InvalidInput
from rules.identification import OFFERED, Needed, needed
from rules.products import Purpose
from rules.proofs import Act
from storage.tables import Client, Contract, Document, Signature
from workflows.messages import SignContract

router = APIRouter(tags=["contracts"])

ACT = "CONTRACT"
CMS = "application/pkcs7-signature"
SIGNING_PARTS = multipart(cms="file?", signing_request_id="text?", selfie="file?", video="file?", challenge_id="text?")


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


async def _needed(kit: Services, moment: Moment, client_id: UUID, application_id: UUID) -> Needed:
    """What the contract of an application needs, by the application's own edition. Rules: para 9."""
    client = await kit.records.clients.get(moment.session, client_id)
    application = await lending.own_application(moment.session, client_id, application_id)
    business = Purpose(application.purpose).business
    return needed(Act.CONTRACT, ClientKind(client.kind), named(application.edition), business=business)


@router.post("/applications/{application_id}/signing", status_code=201, response_model=SigningStart, responses=DO)
async def begin_signing(application_id: UUID, kit: Kit, caller: ClientCaller, once: OnceDep) -> Response:
    """What to sign and by which proofs, and the movements to film while signing where the face is one of them."""

    async def work() -> Outcome:
        async with kit.records.moment() as moment:
            found = await _of_application(moment, caller.client_id, application_id)
            if found.signature_id is not None or found.signed_at is not None:
                raise Conflict("already-signed")
            document = await papers.owned(moment, caller.client_id, found.document_id)
            asked = await _needed(kit, moment, caller.client_id, application_id)
        started = SigningStart(
            contract_id=found.id,
            document_id=document.id,
            sha256=document.sha256,
            size=document.size,
            pdf=f"/api/v1/contracts/{found.id}/pdf",
            proofs=cast(Any, sorted(asked.rule.asked(OFFERED))),
            challenge=await issue(kit, caller, ACT) if asked.face else None,
        )
        return Outcome(started, 201)

    return await once.run(fingerprint(None), work)


@dataclass(frozen=True)
class Signing:
    """What a client sends to sign: the CMS or the request that holds it; a selfie and the filmed challenge."""

    cms: Upload | UUID | None
    selfie: Upload | None
    video: Upload | None
    challenge_id: UUID | None
    fingerprint: str

    def check(self, *, face: bool, signature: bool) -> None:
        """Whether it is what is asked for, no more and no less.

        Raises:
            InvalidInput: `signature-or-request`, `signature-not-expected`, `field-missing`, `face-not-expected`.
        """
        if signature and self.cms is None:
            raise InvalidInput("signature-or-request")
        if not signature and self.cms is not None:
            raise InvalidInput("signature-not-expected", field="/cms")
        shown = {"/selfie": self.selfie, "/video": self.video, "/challenge_id": self.challenge_id}
        for field, given in shown.items():
            if face and given is None:
                raise InvalidInput("field-missing", field=field)
            if not face and given is not None:
                raise InvalidInput("face-not-expected", field=field)

    async def clip(self, kit: Services) -> Clip | None:
        """The filmed challenge as it is archived."""
        return await recorded(kit, self.video) if self.video else None

    async def kept(
        self,
        kit: Services,
        moment: Moment,
        caller: Caller,
        client: Client,
        clip: Clip | None,
        document_id: UUID | None,
        application_id: UUID,
    ) -> SignContract:
        """Everything archived."""

        async def keep(upload: Upload | None, kind: str) -> UUID | None:
            return await papers.receive(kit, moment, client, upload, kind, application_id) if upload else None

        cms_id = video_id = None
        if clip is not None and self.challenge_id is not None:
            video_id = await receive_clip(kit, moment, caller, client, clip, self.challenge_id, application_id)
        if self.cms is not None:
            cms_id = await signing.given_cms(kit, moment, client, self.cms, document_id, application_id)
        return SignContract(
            cms_id=cms_id,
            selfie_id=await keep(self.selfie, "selfie"),
            video_id=video_id,
            challenge_id=self.challenge_id,
        )


async def read_signing(request: Request) -> Signing:
    """The signing, as multipart files or as JSON with base64."""
    if not request.headers.get("content-type", "").lower().startswith("application/json"):
        form = await read_form(
            request,
            files=frozenset({"cms", "selfie", "video"}),
            fields=frozenset({"challenge_id", "signing_request_id"}),
        )
        return Signing(
            _signature_of(form),
            form.image("selfie") if "selfie" in form.files else None,
            form.video("video") if "video" in form.files else None,
            challenge_id_of(form) if "challenge_id" in form.fields else None,
            form.fingerprint,
        )
    try:
        body = SigningBody.model_validate_json(await request.body())
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in found]) from None
    return Signing(
        body.signing_request_id or (Upload(base64.b64decode(body.cms), CMS) if body.cms else None),
        image(_decoded(body.selfie, "/selfie"), "/selfie") if body.selfie else None,
        video(_decoded(body.video, "/video"), "/video") if body.video else None,
        body.challenge_id,
        fingerprint(body),
    )


def _signature_of(form: Form) -> Upload | UUID | None:
    request_id = form.fields.get("signing_request_id")
    if request_id is None:
        return Upload(form.cms("cms"), CMS) if "cms" in form.files else None
    if "cms" in form.files:
        raise InvalidInput("signature-or-request")
    try:
        return UUID(request_id)
    except ValueError:
        raise InvalidInput("field-format", field="/signing_request_id") from None


def _decoded(text: str, field: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInput("not-base64", field=field) from None


@router.put(
    "/applications/{application_id}/signing",
    response_model=StepAnswer,
    responses=SEND,
    openapi_extra=SIGNING_PARTS,
)
async def sign(application_id: UUID, request: Request, kit: Kit, caller: ClientCaller, once: OnceDep) -> Response:
    """Sign the contract: CMS over its PDF, selfie, filmed challenge. Multipart, or JSON with base64. Rules: para 9.

    Send what `proofs` named at the beginning of the signing. A request that was signed in the state's mobile
    application stands in for the CMS.
    """
    async with kit.records.moment() as moment:
        await lending.own_application(moment.session, caller.client_id, application_id)
    given = await read_signing(request)

    async def work() -> Outcome:
        clip = await given.clip(kit)
        async with kit.records.moment() as moment:
            found = await _of_application(moment, caller.client_id, application_id)
            asked = await _needed(kit, moment, caller.client_id, application_id)
            given.check(face=asked.face, signature=asked.signature)
            client = await kit.records.clients.get(moment.session, caller.client_id)
            what = await given.kept(kit, moment, caller, client, clip, found.document_id, application_id)
        return await do_step(
            kit,
            request,
            lending.call(application_id, once, "sign", what),
            this="sign",
            following="wait",
            patience_seconds=BIOMETRIC_SECONDS,
        )

    return await once.run(given.fingerprint, kit.in_turn(work))
