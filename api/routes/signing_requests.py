"""A client asks to sign a document in the state's mobile application, by a QR code or a link.

Rules: para 6, part 4; para 9.
"""

from __future__ import annotations

from io import BytesIO
from uuid import UUID

import segno
from fastapi import APIRouter, Request
from fastapi.responses import Response

from activities.context import Moment
from api import papers, signing
from api.once import Outcome, fingerprint
from api.problems import language_of
from api.routes.problems import ASK, DO
from api.schemas_signing import SigningRequestAnswer
from api.services import Kit
from api.sessions import AnyCaller, OnceDep
from rules.errors import NotFound
from storage import audit
from storage import signing as requests
from storage.tables import SigningRequest

router = APIRouter(tags=["signing"])


@router.post(
    "/documents/{document_id}/signing-requests", status_code=201, response_model=SigningRequestAnswer, responses=DO
)
async def ask(document_id: UUID, request: Request, kit: Kit, caller: AnyCaller, once: OnceDep) -> Response:
    """Ask for a signature under a document that waits for one; an older request for the same document ends."""

    async def work() -> Outcome:
        async with kit.records.moment() as moment:
            document = await papers.owned(moment, caller.client_id, document_id)
            client = await kit.records.clients.get(moment.session, caller.client_id)
            await signing.waiting(moment, client, document)
            lifetime = moment.policy.whole("signing-request-minutes") * 60
            row = await requests.ask(moment.session, once.new_id, client.id, document.id, kit.egov_method, lifetime)
            await audit.record(
                moment.session,
                actor=caller.who,
                action="signature-asked",
                subject=f"document:{document.id}",
                paragraph="9" if document.application_id else "6",
                detail={"request": str(row.id), "method": row.method},
            )
            return Outcome(await signing.told(kit, moment, row, language_of(request.scope)), 201)

    return await once.run(fingerprint(None), work)


@router.get("/signing-requests/{signing_request_id}", responses=ASK)
async def look(signing_request_id: UUID, request: Request, kit: Kit, caller: AnyCaller) -> SigningRequestAnswer:
    """How a request stands; once it is signed, `poll` gives what its step led to."""
    async with kit.records.moment() as moment:
        row = await _own(moment, signing_request_id, caller)
        return await signing.told(kit, moment, row, language_of(request.scope))


@router.get("/signing-requests/{signing_request_id}/qr.png", response_class=Response, responses=ASK)
async def picture(signing_request_id: UUID, kit: Kit, caller: AnyCaller) -> Response:
    """The QR code as a picture, for a client whose telephone is not the device this page is on."""
    async with kit.records.moment() as moment:
        row = await _own(moment, signing_request_id, caller)
    drawn = BytesIO()
    segno.make_qr(signing.qr_text(kit, row), error="m").save(drawn, kind="png", scale=8, border=4)
    return Response(drawn.getvalue(), media_type="image/png")


async def _own(moment: Moment, signing_request_id: UUID, caller: AnyCaller) -> SigningRequest:
    row = await moment.session.get(SigningRequest, signing_request_id)
    if row is None or row.client_id != caller.client_id:
        raise NotFound("not-found")
    return row
