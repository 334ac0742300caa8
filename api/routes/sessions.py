"""Log-in, in as many steps as it takes, log-out, and who I am.

A number that nobody has and one that somebody has look and last the same at every step: before the password was shown,
nothing in an answer depends on the account. Rules: para 6, part 4; para 24; para 26.
"""

from __future__ import annotations

import asyncio
from uuid import uuid4

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from sqlmodel import col, func, select

from activities.context import Moment
from api import log_in_limits, second_factors
from api.devices import Device, device_at, keep
from api.log_in import GoesOn, LoggedIn, advance, code_call, count_wrong
from api.problems import LogInNeeded
from api.routes.problems import problems
from api.schemas_access import (
    ApplicationBody,
    CodeLogInBody,
    FactorBody,
    LogInRef,
    PasskeyLogIn,
    PasskeyOptions,
    SecondFactors,
)
from api.schemas_registration import LogInBody, Me, SessionAnswer
from api.services import Kit, Services
from api.sessions import AnyCaller, ClientCaller, drop_cookie
from rules.client import ClientKind
from rules.contacts import masked
from rules.errors import NotAllowed, NotConfirmed
from rules.log_in import Factor
from storage import audit, authentications, passwords, sessions
from storage.tables import Authentication, Client, Message

router = APIRouter(tags=["session"])

_OPENED = problems(401, 403, 409, 422, 429)
_GOES_ON: dict[int | str, dict[str, object]] = {
    200: {"model": SecondFactors, "description": "Right so far: show one of `second_factors` at /sessions/factors"}
}


@router.post("/sessions", status_code=201, response_model=SessionAnswer, responses={**_OPENED, **_GOES_ON})
async def log_in(body: LogInBody, request: Request, kit: Kit) -> Response:
    """Log in by number and password: 201, or 200 where a second factor is asked for.

    An unknown number and a wrong password look and last the same.
    """
    device = device_at(request, kit, body.application)
    phone_index = kit.records.vault.index("phone", body.phone)
    async with kit.records.moment() as moment:
        client = await kit.records.clients.by_phone(moment.session, body.phone)
        of = await log_in_limits.counted(kit, moment, phone_index, client.id if client else None, device)
        await log_in_limits.check(moment, of)
    right = await asyncio.to_thread(passwords.verify_password, client.password_hash if client else None, body.password)
    after: LoggedIn | GoesOn | None = None
    async with kit.records.moment() as moment:
        right = right and client is not None and await kit.records.clients.password_stands(moment.session, client)
        await log_in_limits.hold(moment, of)
        if right and client is not None:
            shown = frozenset({Factor.PASSWORD})
            after = await advance(request, kit, moment, client, body.application, device, shown, of)
        else:
            await count_wrong(moment, of)
    if after is None:
        raise LogInNeeded("log-in-wrong")
    return after.response(kit, device)


@router.post("/sessions/codes", response_model=SecondFactors, responses=_OPENED)
async def log_in_by_code(body: CodeLogInBody, request: Request, kit: Kit) -> Response:
    """Log in by a code to this number, where the lender allows it; the code goes to /sessions/factors.

    The answer is the same whether somebody has the number or not.
    """
    device = device_at(request, kit, body.application)
    async with kit.records.moment() as moment:
        if not moment.policy.switch("log-in-by-code-rule"):
            raise NotAllowed("log-in-way-off")
    await log_in_limits.may_send_code(kit, uuid4())
    async with kit.records.moment() as moment:
        client = await kit.records.clients.by_phone(moment.session, body.phone)
        life = moment.policy.whole("log-in-minutes") * 60
        token = await authentications.begin(
            moment.session, "LOG_IN", client_id=client.id if client else None,
            account_index=kit.records.vault.index("phone", body.phone), bound_to=device.index,
            application=body.application.value, offered=frozenset({Factor.CODE}), life_seconds=life,
        )  # fmt: skip
        row = await authentications.open_one(moment.session, token, "LOG_IN", device.index)
        await second_factors.ask_code(kit, moment, row)
    await kit.actions.begin(code_call(row, row.codes))
    return GoesOn(SecondFactors(log_in_id=token, second_factors=[Factor.CODE], idle_seconds=life)).response(kit, device)


@router.post("/sessions/passkeys", response_model=PasskeyLogIn, responses=_OPENED)
async def log_in_by_passkey(body: ApplicationBody, request: Request, kit: Kit) -> Response:
    """Log in by a passkey that the device has for us, without a number or a password; then /sessions/factors."""
    device = device_at(request, kit, body.application)
    await log_in_limits.may_begin(kit, uuid4())
    async with kit.records.moment() as moment:
        if not moment.policy.switch("log-in-by-passkey-rule"):
            raise NotAllowed("log-in-way-off")
        token = await authentications.begin(
            moment.session, "LOG_IN", client_id=None, account_index=b"", bound_to=device.index,
            application=body.application.value, offered=frozenset({Factor.PASSKEY}),
            life_seconds=moment.policy.whole("log-in-minutes") * 60,
        )  # fmt: skip
        row = await authentications.open_one(moment.session, token, "LOG_IN", device.index)
        options = await second_factors.passkey_options(kit, moment, row)
    response = JSONResponse(PasskeyLogIn(log_in_id=token, options=options).model_dump(mode="json"))
    keep(kit, response, device)
    return response


@router.post("/sessions/factors/code", status_code=204, response_class=Response, responses=_OPENED)
async def send_code(body: LogInRef, request: Request, kit: Kit) -> Response:
    """Have a code sent by SMS for a log-in that goes on; it lives one minute, three of them a log-in."""
    device = device_at(request, kit, body.application)
    async with kit.records.moment() as moment:
        await _open_row(moment, body.log_in_id, device)
    await log_in_limits.may_send_code(kit, uuid4())
    async with kit.records.moment() as moment:
        row = await _open_row(moment, body.log_in_id, device)
        await second_factors.ask_code(kit, moment, row)
    await kit.actions.begin(code_call(row, row.codes))
    return Response(status_code=204)


@router.post("/sessions/factors/passkey", responses=_OPENED)
async def passkey_options(body: LogInRef, request: Request, kit: Kit) -> PasskeyOptions:
    """A challenge for the passkeys of the client whose log-in goes on."""
    device = device_at(request, kit, body.application)
    async with kit.records.moment() as moment:
        row = await _open_row(moment, body.log_in_id, device)
        return PasskeyOptions(options=await second_factors.passkey_options(kit, moment, row))


@router.post("/sessions/factors", status_code=201, response_model=SessionAnswer, responses={**_OPENED, **_GOES_ON})
async def show_factor(body: FactorBody, request: Request, kit: Kit) -> Response:
    """Show what is asked for: 201 when it is enough. After five wrong tries the log-in has to be begun anew."""
    device = device_at(request, kit, body.application)
    after: LoggedIn | GoesOn | None = None
    code = ""
    async with kit.records.moment() as moment:
        row = await _open_row(moment, body.log_in_id, device)
        before = await _client_of(kit, moment, row)
        of = await _counted(kit, moment, row, before, device)
        await log_in_limits.hold(moment, of)
        try:
            client = await second_factors.show(kit, moment, row, body)
        except NotConfirmed as error:
            await authentications.failed(moment.session, row)
            await count_wrong(moment, of, second=True)
            # who has shown nothing yet is told nothing: not even why
            code = error.code if row.shown or body.passkey else "log-in-wrong"
        else:
            shown = frozenset(Factor(one) for one in row.shown) | {second_factors.kind_of(body)}
            # who came without a number is known now; nobody guesses a passkey, so others' guesses do not stop it
            of = await _counted(kit, moment, row, client, device)
            after = await advance(request, kit, moment, client, body.application, device, shown, of, row)
    if after is None:
        raise LogInNeeded(code)
    if isinstance(after, GoesOn):
        after = GoesOn(after.answer.model_copy(update={"log_in_id": body.log_in_id}))
    return after.response(kit, device)


async def _open_row(moment: Moment, token: str, device: Device) -> Authentication:
    try:
        return await authentications.open_one(moment.session, token, "LOG_IN", device.index)
    except NotConfirmed as error:
        raise LogInNeeded(error.code) from None


async def _client_of(kit: Services, moment: Moment, row: Authentication) -> Client | None:
    return None if row.client_id is None else await kit.records.clients.get(moment.session, row.client_id)


async def _counted(
    kit: Services, moment: Moment, row: Authentication, client: Client | None, device: Device
) -> log_in_limits.Counted:
    """By the number that was given, whether somebody has it or not; by its own token where none was."""
    account = client.phone_index if client else row.account_index or row.token_hash
    return await log_in_limits.counted(kit, moment, account, client.id if client else None, device)


@router.delete("/sessions/current", status_code=204, response_class=Response, responses=problems(401, 403))
async def log_out(kit: Kit, caller: AnyCaller) -> Response:
    """Log out: the session ends at once."""
    async with kit.records.moment() as moment:
        await sessions.end(moment.session, caller.token)
        await audit.record(moment.session, actor=caller.who, action="logged-out", subject=caller.who, paragraph="25")
    response = Response(status_code=204)
    drop_cookie(kit, response)
    return response


@router.get("/me", responses=problems(401, 403))
async def me(kit: Kit, caller: ClientCaller) -> Me:
    """The client: numbers are masked."""
    async with kit.records.moment() as moment:
        client = await kit.records.clients.get(moment.session, caller.client_id)
        unread = select(func.count()).where(
            col(Message.client_id) == client.id,
            col(Message.direction) == "to_client",
            col(Message.read_at).is_(None),
        )
        count = (await moment.session.exec(unread)).one()
    person = kit.records.clients.person(client)
    return Me(
        client_id=client.id,
        kind=ClientKind(client.kind),
        status=client.status,
        language=client.language,
        full_name=person.full_name,
        iin=masked(person.iin),
        phone=masked(person.phone),
        registered_at=client.registered_at,
        unread_messages=count,
    )
