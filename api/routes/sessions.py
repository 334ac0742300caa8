"""Log-in by mobile number and password, log-out, and who I am."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from sqlmodel import col, func, select

from api.guards import ADDRESS
from api.problems import LogInNeeded, TooMany
from api.routes.problems import problems
from api.schemas_registration import LogInBody, Me, SessionAnswer
from api.services import Kit, Services
from api.sessions import (
    AnyCaller,
    ClientCaller,
    drop_cookie,
    limits,
    open_session,
    set_cookie,
)
from rules.client import ClientKind
from rules.contacts import masked
from storage import audit, passwords, sessions, throttle
from storage.tables import Message

router = APIRouter(tags=["session"])

ADDRESS_FACTOR = 20  # an address may stand for many people behind one router


def _subjects(kit: Services, request: Request, body: LogInBody) -> dict[bytes, int]:
    """What is counted, with how many times the policy's tries each may fail: account + device, and address."""
    vault = kit.records.vault
    address = ADDRESS.get()
    device = request.headers.get("x-device-id") or address
    return {
        vault.index("login", f"{body.phone}|{device[:100]}"): 1,
        vault.index("login-address", address): ADDRESS_FACTOR,
    }


@router.post("/sessions", status_code=201, response_model=SessionAnswer, responses=problems(401, 403, 422, 429))
async def log_in(body: LogInBody, request: Request, kit: Kit) -> Response:
    """Log in. An unknown number and a wrong password look and last the same."""
    subjects = _subjects(kit, request, body)
    async with kit.records.moment() as moment:
        allowed = moment.policy.whole("login-tries")
        window = moment.policy.whole("login-lock-minutes") * 60
        wait = max([await throttle.blocked_seconds(moment.session, subject) for subject in subjects])
        client = await kit.records.clients.by_phone(moment.session, body.phone)
    if wait:
        raise TooMany("too-many-log-ins", wait)
    right = await asyncio.to_thread(passwords.verify_password, client.password_hash if client else None, body.password)
    if client is None or not right:
        async with kit.records.moment() as moment:
            for subject, factor in subjects.items():
                await throttle.failed(moment.session, subject, allowed=allowed * factor, window_seconds=window)
            # the same audit row either way: who was meant is known only by the keyed hash of the attempt
            await audit.record(
                moment.session,
                actor="system:api",
                action="log-in-failed",
                subject=f"attempt:{next(iter(subjects)).hex()[:16]}",
                paragraph="26",
            )
        raise LogInNeeded("log-in-wrong")
    async with kit.records.moment() as moment:
        await throttle.forgive(moment.session, next(iter(subjects)))
        opened = await open_session(request, moment, client.id, "client", body.application)
        await audit.record(
            moment.session,
            actor=f"client:{client.id}",
            action="logged-in",
            subject=f"client:{client.id}",
            paragraph="25",
            detail={"application": body.application.value},
        )
        idle = limits(moment)["idle_seconds"]
    answer = SessionAnswer(client_id=client.id, scope="client", token=opened.token, idle_seconds=idle)
    response = JSONResponse(answer.model_dump(mode="json"), status_code=201)
    if opened.cookie:
        set_cookie(kit, response, opened.cookie)
    return response


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
