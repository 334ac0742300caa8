"""The client's open log-ins, and what the client was told of them. Rules: para 25; para 26."""

from __future__ import annotations

from typing import cast

from fastapi import APIRouter, Path
from fastapi.responses import Response
from sqlmodel import col, select

from activities import security_notices
from api.routes.problems import ASK, problems
from api.schemas_access import OwnSession, SecurityNoticeAnswer
from api.schemas_registration import Application
from api.services import Kit, Services
from api.sessions import ClientCaller, limits
from rules.errors import NotFound
from storage import audit, sessions
from storage.tables import SecurityNotice

router = APIRouter(prefix="/account", tags=["personal account"])

PAGE = 200


def _name(kit: Services, token_hash: bytes) -> str:
    """What a log-in is called outside: nothing that opens it follows from its name."""
    return kit.records.vault.index("session-name", token_hash.hex()).hex()[:32]


def _masked(device_id: str | None) -> str | None:
    return None if device_id is None else "••••" + device_id[-4:]


@router.get("/sessions", responses=problems(401, 403))
async def open_sessions(kit: Kit, caller: ClientCaller) -> list[OwnSession]:
    """The log-ins that are open, the newest first."""
    async with kit.records.moment() as moment:
        found = await sessions.alive(moment.session, caller.client_id, **limits(moment))
    return [
        OwnSession(
            session_id=_name(kit, one.token_hash),
            current=one.token_hash == caller.session_hash,
            application=Application.MOBILE if one.device_id else Application.WEB,
            device=_masked(one.device_id),
            created_at=one.created_at,
            last_seen_at=one.last_seen_at,
        )
        for one in found
    ]


@router.delete("/sessions", status_code=204, response_class=Response, responses=problems(401, 403))
async def end_others(kit: Kit, caller: ClientCaller) -> Response:
    """End all log-ins but this one."""
    async with kit.records.moment() as moment:
        await sessions.end_all(moment.session, client_id=caller.client_id, besides=caller.session_hash)
        await audit.record(
            moment.session, actor=caller.who, action="other-log-ins-ended", subject=caller.who, paragraph="25"
        )
    return Response(status_code=204)


@router.delete("/sessions/{session_id}", status_code=204, response_class=Response, responses=ASK)
async def end_one(kit: Kit, caller: ClientCaller, session_id: str = Path(pattern=r"^[0-9a-f]{32}$")) -> Response:
    """End one log-in, this one too."""
    async with kit.records.moment() as moment:
        found = await sessions.alive(moment.session, caller.client_id, **limits(moment))
        named = [one for one in found if _name(kit, one.token_hash) == session_id]
        if not named:
            raise NotFound("not-found")
        await sessions.end_hash(moment.session, named[0].token_hash)
        await audit.record(moment.session, actor=caller.who, action="log-in-ended", subject=caller.who, paragraph="25")
    return Response(status_code=204)


@router.get("/security-notices", responses=problems(401, 403))
async def notices(kit: Kit, caller: ClientCaller) -> list[SecurityNoticeAnswer]:
    """What the client was told of log-ins and changes of access, the newest first."""
    async with kit.records.moment() as moment:
        client = await kit.records.clients.get(moment.session, caller.client_id)
        query = select(SecurityNotice).where(col(SecurityNotice.client_id) == client.id)
        query = query.order_by(col(SecurityNotice.at).desc()).limit(PAGE)
        found = list((await moment.session.exec(query)).all())
    return [
        SecurityNoticeAnswer(
            notice_id=one.id,
            kind=one.kind,
            text=security_notices.words_of(kit.records, client, one),
            device=cast("Application | None", one.device),
            new_device=one.new_device,
            by_sms=one.to_text,
            at=one.at,
        )
        for one in found
    ]
