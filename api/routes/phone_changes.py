"""A client has another phone number: every proof of a registration anew, then it is changed.

Each step is an update of the workflow `change/{client_id}/{n}`. Rules: para 6, part 5.
"""

from __future__ import annotations

import base64
from typing import Any, cast
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from activities import details_desk as desk
from activities.context import Moment
from api import papers
from api.actions import BIOMETRIC_SECONDS, Call
from api.once import Once, Outcome, fingerprint
from api.problems import language_of
from api.routes.challenges import challenge_id_of, new_challenge
from api.routes.problems import ASK, DO, SEND
from api.schemas_common import Challenge, StepAnswer
from api.schemas_details import PhoneChangeAnswer, PhoneChangeBody
from api.schemas_registration import CodeBody, StatementSignature
from api.services import Kit
from api.sessions import Caller, ClientCaller, OnceDep
from api.steps import do_step
from api.titles import title
from api.uploads import Upload, multipart, read_form
from rules.errors import Conflict, NotFound
from rules.evidence import Frozen
from storage.tables import DetailsChange, Document
from workflows.details_change import ChangeDetails
from workflows.messages import ConfirmPhone, SendCode, SubmitFace, SubmitSignature

router = APIRouter(prefix="/account/phone-changes", tags=["personal account"])

_SHOWN = 100


async def _own(moment: Moment, caller: Caller, change_id: UUID) -> DetailsChange:
    row = await moment.session.get(DetailsChange, change_id)
    if row is None or row.client_id != caller.client_id:
        raise NotFound("not-found")
    return row


async def _open(moment: Moment, caller: Caller, change_id: UUID) -> DetailsChange:
    row = await _own(moment, caller, change_id)
    if row.state != "OPEN":
        raise Conflict("details-change-ended")
    return row


async def _told(moment: Moment, row: DetailsChange, language: str) -> PhoneChangeAnswer:
    document = None if row.statement_id is None else await moment.session.get_one(Document, row.statement_id)
    return PhoneChangeAnswer(
        change_id=row.id,
        state=cast(Any, row.state),
        ground=row.ground,
        ground_title=title(row.ground, language) if row.ground else None,
        missing=cast(Any, await desk.missing(moment, row)) if row.state == "OPEN" else [],
        asked_at=row.asked_at,
        expires_at=row.expires_at,
        ended_at=row.ended_at,
        statement=None if document is None else papers.told(document),
    )


def _call(row: DetailsChange, once: Once, name: str, argument: Frozen) -> Call:
    return Call("DetailsChange", desk.case_id(row), name, argument, once.action_id)


@router.post("", status_code=201, response_model=PhoneChangeAnswer, responses=DO)
async def ask(body: PhoneChangeBody, request: Request, kit: Kit, caller: ClientCaller, once: OnceDep) -> Response:
    """Ask for another number; nothing changes before the last proof is shown."""

    async def work() -> Outcome:
        try:
            async with kit.records.moment() as moment:
                client = await kit.records.clients.get(moment.session, caller.client_id)
                row = await desk.ask(kit.records, moment, client, once.new_id, body.phone, caller.session_hash)
                start = ChangeDetails(
                    change_id=row.id,
                    client_id=row.client_id,
                    n=row.n,
                    edition=row.edition,
                    signature_needed=row.signature_needed,
                    expires_at=row.expires_at,
                )
                call = Call("DetailsChange", desk.case_id(row), "DetailsChange", start, once.action_id, "start")
                await kit.actions.keep(moment.session, call)
                answer = await _told(moment, row, language_of(request.scope))
        except IntegrityError as error:
            if "details_change" in str(error.orig):  # two at the same moment
                raise Conflict("details-change-open") from None
            raise
        await kit.actions.begin(call)
        return Outcome(answer, 201)

    return await once.run(fingerprint(body), work)


@router.get("", responses=ASK)
async def changes(request: Request, kit: Kit, caller: ClientCaller) -> list[PhoneChangeAnswer]:
    """The client's changes, newest first."""
    async with kit.records.moment() as moment:
        query = select(DetailsChange).where(col(DetailsChange.client_id) == caller.client_id)
        found = (await moment.session.exec(query.order_by(col(DetailsChange.n).desc()).limit(_SHOWN))).all()
        return [await _told(moment, row, language_of(request.scope)) for row in found]


@router.get("/{change_id}", responses=ASK)
async def change(change_id: UUID, request: Request, kit: Kit, caller: ClientCaller) -> PhoneChangeAnswer:
    """How it stands."""
    async with kit.records.moment() as moment:
        return await _told(moment, await _own(moment, caller, change_id), language_of(request.scope))


@router.post("/{change_id}/code", response_model=StepAnswer, responses=DO)
async def send_code(change_id: UUID, request: Request, kit: Kit, caller: ClientCaller, once: OnceDep) -> Response:
    """Have a one-time code sent to the new number; it lives one minute."""

    async def work() -> Outcome:
        async with kit.records.moment() as moment:
            row = await _open(moment, caller, change_id)
        call = _call(row, once, "send_code", SendCode(key=once.action_id))
        return await do_step(kit, request, call, this="phone", following="phone")

    return await once.run(fingerprint(None), work)


@router.post("/{change_id}/code/confirmation", response_model=StepAnswer, responses=DO)
async def confirm(
    change_id: UUID, body: CodeBody, request: Request, kit: Kit, caller: ClientCaller, once: OnceDep
) -> Response:
    """The six digits that came to the new number; then the operators are asked whose it is."""

    async def work() -> Outcome:
        async with kit.records.moment() as moment:
            row = await _open(moment, caller, change_id)
        call = _call(row, once, "confirm_phone", ConfirmPhone(code=body.code, key=once.action_id))
        return await do_step(kit, request, call, this="phone", following="face")

    return await once.run(fingerprint(body), work)


@router.post("/{change_id}/challenges", status_code=201, response_model=Challenge, responses=DO)
async def challenge(change_id: UUID, kit: Kit, caller: ClientCaller, once: OnceDep) -> Response:
    """The movements to film. Rules: para 35."""

    async def work() -> Outcome:
        async with kit.records.moment() as moment:
            await _open(moment, caller, change_id)
        return await new_challenge(kit, caller, desk.ACT)

    return await once.run(fingerprint(None), work)


@router.put(
    "/{change_id}/face",
    response_model=StepAnswer,
    responses=SEND,
    openapi_extra=multipart(selfie="file", video="file", challenge_id="text"),
)
async def face(change_id: UUID, request: Request, kit: Kit, caller: ClientCaller, once: OnceDep) -> Response:
    """A selfie (JPEG or PNG, 10 MiB) and the filmed challenge (MP4 or WebM, 20 MiB)."""
    async with kit.records.moment() as moment:
        await _own(moment, caller, change_id)
    form = await read_form(request, files=frozenset({"selfie", "video"}), fields=frozenset({"challenge_id"}))
    selfie, video, challenge_id = form.image("selfie"), form.video("video"), challenge_id_of(form)

    async def work() -> Outcome:
        async with kit.records.moment() as moment:
            row = await _open(moment, caller, change_id)
            client = await kit.records.clients.get(moment.session, caller.client_id)
            shown = SubmitFace(
                selfie_id=await papers.receive(kit, moment, client, selfie, "selfie"),
                video_id=await papers.receive(kit, moment, client, video, "liveness_video"),
                challenge_id=challenge_id,
            )
        call = _call(row, once, "submit_face", shown)
        following = "signature" if row.signature_needed else "done"
        return await do_step(kit, request, call, this="face", following=following, patience_seconds=BIOMETRIC_SECONDS)

    return await once.run(form.fingerprint, work)


@router.put("/{change_id}/signature", response_model=StepAnswer, responses=SEND)
async def sign(
    change_id: UUID, body: StatementSignature, request: Request, kit: Kit, caller: ClientCaller, once: OnceDep
) -> Response:
    """The client's electronic signature (CMS) over the statement; then the number is changed."""

    async def work() -> Outcome:
        cms = Upload(base64.b64decode(body.cms), "application/pkcs7-signature")
        async with kit.records.moment() as moment:
            row = await _open(moment, caller, change_id)
            if row.statement_id is None:
                raise Conflict("statement-not-ready")
            client = await kit.records.clients.get(moment.session, caller.client_id)
            given = SubmitSignature(
                statement_id=row.statement_id, cms_id=await papers.receive(kit, moment, client, cms, "cms")
            )
        call = _call(row, once, "submit_signature", given)
        return await do_step(kit, request, call, this="signature", following="done")

    return await once.run(fingerprint(body), work)
