"""A client has another phone number: every proof of a registration anew, then it is changed.

Each step is an update of the workflow `change/{client_id}/{n}`. Rules: para 6, part 5.
"""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from activities import details_desk as desk
from activities.context import Moment
from activities.details_desk import PHONE
from api import details_cases as cases
from api.log_in_limits import may_send_code
from api.once import Outcome, fingerprint
from api.problems import language_of
from api.routes.problems import ASK, DO, SEND, problems
from api.schemas_common import Challenge, StepAnswer
from api.schemas_details import DetailsChangeAnswer, PhoneChangeBody
from api.schemas_registration import CodeBody, StatementSignature
from api.services import Kit
from api.sessions import ClientCaller, OnceDep
from api.steps import do_step
from api.uploads import multipart
from storage.tables import Client, DetailsChange
from workflows.messages import ConfirmPhone, SendCode

router = APIRouter(prefix="/account/phone-changes", tags=["personal account"])


@router.post("", status_code=201, response_model=DetailsChangeAnswer, responses=DO)
async def ask(body: PhoneChangeBody, request: Request, kit: Kit, caller: ClientCaller, once: OnceDep) -> Response:
    """Ask for another number; nothing changes before the last proof is shown."""

    async def wish(moment: Moment, client: Client) -> DetailsChange:
        return await desk.ask(kit.records, moment, client, once.new_id, body.phone, caller.session_hash)

    return await once.run(fingerprint(body), lambda: cases.begin(kit, request, caller, once, wish))


@router.get("", responses=ASK)
async def changes(request: Request, kit: Kit, caller: ClientCaller) -> list[DetailsChangeAnswer]:
    """The client's changes of the number, newest first."""
    return await cases.listed(kit, request, caller, PHONE)


@router.get("/{change_id}", responses=ASK)
async def change(change_id: UUID, request: Request, kit: Kit, caller: ClientCaller) -> DetailsChangeAnswer:
    """How it stands."""
    async with kit.records.moment() as moment:
        return await cases.told(moment, await cases.own(moment, caller, change_id, PHONE), language_of(request.scope))


@router.post("/{change_id}/code", response_model=StepAnswer, responses={**DO, **problems(429)})
async def send_code(change_id: UUID, request: Request, kit: Kit, caller: ClientCaller, once: OnceDep) -> Response:
    """Have a one-time code sent to the new number; it lives one minute."""

    async def work() -> Outcome:
        async with kit.records.moment() as moment:
            row = await cases.still_open(moment, caller, change_id, PHONE)
        call = cases.call(row, once, "send_code", SendCode(key=once.action_id))
        return await do_step(kit, request, call, this="phone", following="phone")

    await may_send_code(kit, once.new_id)
    return await once.run(fingerprint(None), work)


@router.post("/{change_id}/code/confirmation", response_model=StepAnswer, responses=DO)
async def confirm(
    change_id: UUID, body: CodeBody, request: Request, kit: Kit, caller: ClientCaller, once: OnceDep
) -> Response:
    """The six digits that came to the new number; then the operators are asked whose it is."""

    async def work() -> Outcome:
        async with kit.records.moment() as moment:
            row = await cases.still_open(moment, caller, change_id, PHONE)
        call = cases.call(row, once, "confirm_phone", ConfirmPhone(code=body.code, key=once.action_id))
        return await do_step(kit, request, call, this="phone", following="face")

    return await once.run(fingerprint(body), work)


@router.post("/{change_id}/challenges", status_code=201, response_model=Challenge, responses=DO)
async def challenge(change_id: UUID, kit: Kit, caller: ClientCaller, once: OnceDep) -> Response:
    """The movements to film. Rules: para 35."""
    return await once.run(fingerprint(None), lambda: cases.challenge(kit, caller, change_id, PHONE))


@router.put(
    "/{change_id}/face",
    response_model=StepAnswer,
    responses=SEND,
    openapi_extra=multipart(selfie="file", video="file", challenge_id="text"),
)
async def face(change_id: UUID, request: Request, kit: Kit, caller: ClientCaller, once: OnceDep) -> Response:
    """A selfie (JPEG or PNG, 10 MiB) and the filmed challenge (MP4 or WebM, 20 MiB)."""
    return await cases.face(kit, request, caller, once, change_id, PHONE)


@router.put("/{change_id}/signature", response_model=StepAnswer, responses=SEND)
async def sign(
    change_id: UUID, body: StatementSignature, request: Request, kit: Kit, caller: ClientCaller, once: OnceDep
) -> Response:
    """The client's electronic signature (CMS) over the statement; then the number is changed."""
    return await cases.sign(kit, request, caller, once, change_id, PHONE, body)
