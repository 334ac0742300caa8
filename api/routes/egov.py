"""What the state's mobile application asks of us, by its own specification: we are the server, nobody is between.

A QR code names a request. The first call (`mgovSign`) says who asks for what and gives a token; with the token the
document is fetched and its signature brought back. What came is checked at once, without asking others: bytes, key,
chain, purpose, IIN and BIN, validity. Then it goes the way of every signature, through the outbox into the workflow,
which asks for the certificate's status and a time stamp.

Rules: para 6, part 4; para 9.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from contextlib import suppress
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError
from starlette.background import BackgroundTask

from activities.context import Moment
from api import papers, signing
from api.actions import Call
from api.problems import LogInNeeded
from api.routes.problems import problems
from api.schemas_signing import (
    SIGNED_PAPERS,
    File,
    FileOf,
    Meta,
    Organisation,
    Papers,
    SignedPapers,
    Taken,
    ToSign,
    Where,
    Wish,
)
from api.services import Kit, Services
from api.uploads import Upload
from rules.client import Person
from rules.errors import Conflict, Fault, Gone, NotConfirmed, NotFound, Unavailable
from storage import audit
from storage import signing as requests
from storage.tables import Client, Document, SigningRequest

router = APIRouter(tags=["eGov mobile"])

CMS = "application/pkcs7-signature"
_DOCUMENTS = "/mgovSign/documents"
_GONE = problems(404, 410, 422)
_TOKEN = problems(401, 404, 410, 422)


@router.get("/mgovSign", responses=_GONE)
async def mgov_sign(request: Request, kit: Kit) -> Wish:
    """API-1: who asks for a signature, until when, and where the document is. The query is the request's id."""
    try:
        request_id = UUID(request.url.query.partition("&")[0])
    except ValueError:
        raise NotFound("signing-request-unknown") from None
    async with kit.records.moment() as moment:
        row, token = await requests.open_for_application(moment.session, request_id)
        document, client = await _both(kit, moment, row)
        names = signing.NAMES[document.kind]
        return Wish(
            description=names[client.language],
            expiry_date=row.expires_at,
            organisation=Organisation(
                nameRu=kit.lender.name("ru"),
                nameKz=kit.lender.name("kk"),
                nameEn=kit.lender.name("en"),
                bin=kit.lender.bin,
            ),
            document=Where(uri=f"{kit.origin}{_DOCUMENTS}/{row.id}", auth_token=token),
        )


@router.get(f"{_DOCUMENTS}/{{signing_request_id}}", responses=_TOKEN)
async def document_to_sign(signing_request_id: UUID, request: Request, kit: Kit) -> Papers:
    """API-2: the document, with its name in three languages and the signer's IIN. Needs the token as a bearer."""
    async with kit.records.moment() as moment:
        row = await _with_token(moment, signing_request_id, request)
        if not requests.alive(row, moment.at):
            raise Gone("signing-request-ended")
        document, client = await _both(kit, moment, row)
        _, content = await kit.records.documents.load(moment.session, document.id)
        person, names = kit.records.clients.person(client), signing.NAMES[document.kind]
        one = ToSign(
            id=1,
            nameRu=names["ru"],
            nameKz=names["kk"],
            nameEn=names["en"],
            meta=_meta(person, names[client.language]),
            document=FileOf(file=File(mime="@file/pdf", data=base64.b64encode(content).decode())),
        )
        return Papers.model_validate({"signMethod": row.method, "documentsToSign": [one]})


@router.put(
    f"{_DOCUMENTS}/{{signing_request_id}}",
    response_model=Taken,
    responses=problems(401, 403, 404, 410, 413, 422),
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": SIGNED_PAPERS}}}},
)
async def signed_document(signing_request_id: UUID, request: Request, kit: Kit) -> Response:
    """API-2: the same JSON with the signature. 200: good, 403: not, and why; brought again, the first answer."""
    async with kit.records.moment() as moment:  # before a byte of what was sent is read
        await _with_token(moment, signing_request_id, request)
    cms = await _brought(request)
    async with kit.records.moment() as moment:
        row = await _with_token(moment, signing_request_id, request)
        call = None if row.state in ("SIGNED", "REFUSED") else await _take(kit, moment, row, cms)
        state, ground = row.state, row.ground
    if state == "REFUSED":
        raise NotConfirmed(ground or "signature-unreadable")
    return JSONResponse(Taken().model_dump(), background=None if call is None else BackgroundTask(_deliver, kit, call))


async def _take(kit: Services, moment: Moment, row: SigningRequest, cms: bytes) -> Call | None:
    """Check and archive a signature, end its request, and put what follows into the outbox: all or nothing.

    Raises:
        Gone: `signing-request-ended`: too late, or signed in another way meanwhile.
        Fault: the archive is away; the request stays open.
    """
    if not requests.alive(row, moment.at):
        raise Gone("signing-request-ended")
    document, client = await _both(kit, moment, row)
    try:
        case = await signing.waiting(moment, client, document)
    except Conflict:
        raise Gone("signing-request-ended") from None
    _, content = await kit.records.documents.load(moment.session, document.id)
    person = kit.records.clients.person(client)
    if kit.signature_ground is None:
        raise Unavailable("no authorities are set up")
    ground = await asyncio.to_thread(kit.signature_ground, cms, content, person.iin, person.bin)
    call = None
    if ground is None:
        cms_id = await papers.receive(kit, moment, client, Upload(cms, CMS), "cms", document.application_id)
        await requests.end(moment.session, row, cms_id=cms_id)
        call = case.call(row.id, cms_id)
        if call is not None:
            await kit.actions.keep(moment.session, call)  # whoever dies now, the workflow will hear of it
    else:
        await requests.end(moment.session, row, ground=str(ground))
    await audit.record(
        moment.session,
        actor="system:egov-mobile",
        action="signature-brought" if ground is None else "signature-refused",
        subject=f"document:{document.id}",
        reason=None if ground is None else str(ground),
        paragraph="9" if document.application_id else "6",
        detail={"request": str(row.id)},
    )
    return call


async def _deliver(kit: Services, call: Call) -> None:
    """At once, without the telephone waiting for it; what fails now the outbox repeats."""
    with suppress(Fault):
        await kit.actions.deliver(call)


async def _with_token(moment: Moment, request_id: UUID, request: Request) -> SigningRequest:
    """The request whose token is shown.

    Raises:
        NotFound: `signing-request-unknown`.
        LogInNeeded: `signing-token-wrong`.
    """
    row = await requests.locked(moment.session, request_id)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not requests.token_fits(row, token.strip()[:200]):
        raise LogInNeeded("signing-token-wrong")
    return row


async def _both(kit: Services, moment: Moment, row: SigningRequest) -> tuple[Document, Client]:
    document = await moment.session.get_one(Document, row.document_id)
    return document, await kit.records.clients.get(moment.session, row.client_id)


def _meta(person: Person, kind: str) -> list[Meta]:
    numbers = [Meta(name="ИИН", value=person.iin)]
    if person.bin:
        numbers.append(Meta(name="БИН", value=person.bin))
    return [*numbers, Meta(name="Құжат / Документ", value=kind)]


async def _brought(request: Request) -> bytes:
    """The signature out of the JSON.

    Raises:
        RequestValidationError: it is not in the shape that was given out; the request stays open.
    """
    try:
        body = SignedPapers.model_validate_json(await request.body())
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in found]) from None
    return _cms(body.documentsToSign[0].document.file.data)


def _cms(data: str) -> bytes:
    """The signature as bytes; what is no base64 stays as it came, and is found unreadable where it is judged."""
    try:
        return base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        return data.encode()
