"""Bank details that a client keeps with us, and how they become others: every proof of a registration anew.

The bank says first whose the account is. Each step is an update of the workflow `change/{client_id}/{n}`.

Rules: para 6, part 5; para 8, part 7.
"""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from activities import details_desk as desk
from activities.context import Moment
from activities.details_desk import ACCOUNT
from api import details_cases as cases
from api.once import fingerprint
from api.problems import language_of
from api.routes.problems import ASK, DO, SEND, problems
from api.schemas_common import Challenge, StepAnswer
from api.schemas_details import AccountChangeBody, BankDetails, DetailsChangeAnswer
from api.schemas_registration import StatementSignature
from api.services import Kit
from api.sessions import ClientCaller, OnceDep
from api.uploads import multipart
from rules.contacts import masked
from storage import client_accounts
from storage.tables import Client, DetailsChange

router = APIRouter(prefix="/account/bank-details", tags=["personal account"])


@router.get("", responses=problems(401, 403))
async def kept(kit: Kit, caller: ClientCaller) -> BankDetails:
    """The account or card that is kept now, masked; nulls where none is."""
    async with kit.records.moment() as moment:
        client = await kit.records.clients.get(moment.session, caller.client_id)
        account = await client_accounts.active(moment.session, client.id)
        if account is None:
            return BankDetails()
        named = client_accounts.opened(kit.records.vault, client, account)
        return BankDetails(kind=named.kind, account=masked(named.value), since=account.since)


@router.post("/changes", status_code=201, response_model=DetailsChangeAnswer, responses=DO)
async def ask(body: AccountChangeBody, request: Request, kit: Kit, caller: ClientCaller, once: OnceDep) -> Response:
    """Ask to keep other bank details, or the first; nothing changes before the last proof is shown."""

    async def wish(moment: Moment, client: Client) -> DetailsChange:
        return await desk.ask_account(kit.records, moment, client, once.new_id, body.named(), caller.session_hash)

    return await once.run(fingerprint(body), lambda: cases.begin(kit, request, caller, once, wish))


@router.get("/changes", responses=ASK)
async def changes(request: Request, kit: Kit, caller: ClientCaller) -> list[DetailsChangeAnswer]:
    """The client's changes of bank details, newest first."""
    return await cases.listed(kit, request, caller, ACCOUNT)


@router.get("/changes/{account_change_id}", responses=ASK)
async def change(account_change_id: UUID, request: Request, kit: Kit, caller: ClientCaller) -> DetailsChangeAnswer:
    """How it stands."""
    async with kit.records.moment() as moment:
        row = await cases.own(moment, caller, account_change_id, ACCOUNT)
        return await cases.told(moment, row, language_of(request.scope))


@router.post("/changes/{account_change_id}/challenges", status_code=201, response_model=Challenge, responses=DO)
async def challenge(account_change_id: UUID, kit: Kit, caller: ClientCaller, once: OnceDep) -> Response:
    """The movements to film. Rules: para 35."""
    return await once.run(fingerprint(None), lambda: cases.challenge(kit, caller, account_change_id, ACCOUNT))


@router.put(
    "/changes/{account_change_id}/face",
    response_model=StepAnswer,
    responses=SEND,
    openapi_extra=multipart(selfie="file", video="file", challenge_id="text"),
)
async def face(account_change_id: UUID, request: Request, kit: Kit, caller: ClientCaller, once: OnceDep) -> Response:
    """A selfie (JPEG or PNG, 10 MiB) and the filmed challenge (MP4 or WebM, 20 MiB)."""
    return await cases.face(kit, request, caller, once, account_change_id, ACCOUNT)


@router.put("/changes/{account_change_id}/signature", response_model=StepAnswer, responses=SEND)
async def sign(
    account_change_id: UUID, body: StatementSignature, request: Request, kit: Kit, caller: ClientCaller, once: OnceDep
) -> Response:
    """The client's electronic signature (CMS) over the statement; then the bank details are changed."""
    return await cases.sign(kit, request, caller, once, account_change_id, ACCOUNT, body)
