"""Who is calling: sessions by cookie for the web, by a device-bound bearer token for the mobile application.

Idle and absolute limits are policy rows, kept by the database's clock; log-out ends a session at once.
Rules: para 24; para 26.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from fastapi.responses import Response

from activities.context import Moment
from api.guards import ADDRESS
from api.once import Once, key_of
from api.problems import LogInNeeded
from api.schemas_registration import Application
from api.services import Kit, Services
from rules.errors import BusinessError, InvalidInput, NotAllowed, NotFound
from storage import sessions

COOKIE = "nesie_session"
_DEVICE = re.compile(r"[A-Za-z0-9_-]{16,64}")


@dataclass(frozen=True)
class Caller:
    """A client with a session. scope: registration | client."""

    client_id: UUID
    scope: str
    token: str = field(repr=False)
    device_id: str | None = None

    @property
    def who(self) -> str:
        """As in audit and idempotency."""
        return f"client:{self.client_id}"

    @property
    def session_hash(self) -> bytes:
        """Binds a liveness challenge to this session."""
        return hashlib.sha256(self.token.encode()).digest()


def cookie_name(secure: bool) -> str:
    """Browsers accept a `__Host-` cookie only over TLS, from this host, for the whole of it."""
    return f"__Host-{COOKIE}" if secure else COOKIE


def set_cookie(kit: Services, response: Response, token: str) -> None:
    """Put a session on a response: no script reads it, no other site sends it with a change."""
    response.set_cookie(
        cookie_name(kit.secure_cookies), token, httponly=True, samesite="lax", secure=kit.secure_cookies, path="/"
    )


def drop_cookie(kit: Services, response: Response) -> None:
    """Take the cookie away."""
    response.delete_cookie(
        cookie_name(kit.secure_cookies), httponly=True, samesite="lax", secure=kit.secure_cookies, path="/"
    )


def device_of(request: Request, *, needed: bool = False) -> str | None:
    """The device's own id.

    Raises:
        InvalidInput: missing where needed, or not 16 to 64 letters, digits, `-`, `_`.
    """
    device = request.headers.get("x-device-id")
    if device is None and not needed:
        return None
    if device is None or not _DEVICE.fullmatch(device):
        raise InvalidInput("device-id", "16 to 64 letters, digits, - or _", field="/header/X-Device-Id")
    return device


def limits(moment: Moment) -> dict[str, int]:
    """Life of a session in seconds, by the policy of the day."""
    return {
        "idle_seconds": moment.policy.whole("session-idle-minutes") * 60,
        "absolute_seconds": moment.policy.whole("session-absolute-hours") * 3600,
    }


def given_token(request: Request, secure: bool) -> tuple[str | None, str | None]:
    """Token and device id: a bearer token needs its device, a cookie does not."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token[:200], device_of(request, needed=True)
    cookie = request.cookies.get(cookie_name(secure))
    return (cookie[:200] if cookie else None), None


def _by_hand(request: Request) -> bool:
    """Polling in the background says so, and keeps nobody logged in."""
    return request.headers.get("x-background") != "1"


async def _caller(request: Request, kit: Kit) -> Caller:
    token, device = given_token(request, kit.secure_cookies)
    if token is None:
        raise LogInNeeded("log-in-needed")
    async with kit.records.moment() as moment:
        try:
            session = await sessions.touch(moment.session, token, device, extend=_by_hand(request), **limits(moment))
        except BusinessError as error:
            raise LogInNeeded(error.code) from None
    if session.client_id is None:
        raise LogInNeeded("log-in-needed")
    return Caller(session.client_id, session.scope, token, device)


AnyCaller = Annotated[Caller, Depends(_caller)]


async def _client(caller: AnyCaller) -> Caller:
    if caller.scope != "client":
        raise NotAllowed("registration-not-finished")
    return caller


ClientCaller = Annotated[Caller, Depends(_client)]


async def _registrant(registration_id: UUID, caller: AnyCaller) -> Caller:
    if registration_id != caller.client_id:
        raise NotFound("not-found")  # another's looks like none
    return caller


Registrant = Annotated[Caller, Depends(_registrant)]


async def _once(request: Request, kit: Kit, caller: AnyCaller) -> Once:
    return Once(request, kit, caller.who, key_of(request))


OnceDep = Annotated[Once, Depends(_once)]


async def _stranger_once(request: Request, kit: Kit) -> Once:
    """Of a caller who has no session yet: the key belongs to the device or the address."""
    origin = request.headers.get("x-device-id") or ADDRESS.get()
    return Once(request, kit, f"stranger:{kit.records.vault.index('origin', origin).hex()}", key_of(request))


StrangerOnce = Annotated[Once, Depends(_stranger_once)]


@dataclass(frozen=True)
class Opened:
    """A fresh session. token: to be given in the body; cookie: as a cookie; one of the two is None."""

    token: str | None = field(repr=False)
    cookie: str | None = field(repr=False)


async def open_session(
    request: Request, moment: Moment, client_id: UUID, scope: str, application: Application
) -> Opened:
    """Open a session of the kind that the application needs."""
    mobile = application is Application.MOBILE
    device = device_of(request, needed=mobile) if mobile else None
    token = await sessions.open(moment.session, scope=scope, client_id=client_id, device_id=device)
    return Opened(token, None) if mobile else Opened(None, token)


def cookie_setter(kit: Services) -> Callable[[Response, str], None]:
    """For Once.run."""
    return lambda response, token: set_cookie(kit, response, token)
