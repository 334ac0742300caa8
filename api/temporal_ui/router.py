"""Temporal UI for staff: the proxy under /temporal, the codec under /codec, the log-in page under /staff.

Nothing of it appears in the API's description: these are pages, not an interface.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import Response

from api.temporal_ui.answers import log_in_needed
from api.temporal_ui.decoding import Decoding
from api.temporal_ui.pages import Pages
from api.temporal_ui.proxy import Proxy
from api.temporal_ui.staff import LogIn, LogOut, OnDecode, StaffSession
from infra.codec import EncryptionCodec

_EVERY_METHOD = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def router(
    ui_url: str,
    codec: EncryptionCodec,
    staff_session: StaffSession,
    on_decode: OnDecode,
    log_in: LogIn,
    log_out: LogOut,
    *,
    secure_cookies: bool = True,
    transport: httpx.AsyncBaseTransport | None = None,
) -> APIRouter:
    """All routes; their connections close with the application.

    Args:
        ui_url: the UI server's private address, for example http://127.0.0.1:8233.
        codec: the strict one of the data converter; for showing, its lenient twin is used.
        staff_session: identity behind the cookie `nesie_staff`, None where there is none; may prolong the session.
        on_decode: records (staff, workflow id, run id, payloads opened), awaited before anything is shown.
        log_in: login, password, six digits -> session token; raises BusinessError (any: the answer is the same,
            except status 429) or Fault.
        log_out: ends the request's session.
        secure_cookies: False only for plain HTTP on one machine.
        transport: of HTTP to the UI server; tests give their own.
    """
    proxy = Proxy(ui_url, codec, staff_session, transport)
    decoding = Decoding(codec, staff_session, on_decode)
    pages = Pages(staff_session, log_in, log_out, secure_cookies=secure_cookies)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await proxy.close()

    async def proxied(request: Request) -> Response:
        return await proxy(request)

    async def refresh(request: Request) -> Response:
        """The UI asks here whether a refused request is worth repeating."""
        return Response(status_code=204) if await staff_session(request) else log_in_needed()

    routes = APIRouter(include_in_schema=False, lifespan=lifespan)
    routes.add_route("/temporal", proxied, methods=_EVERY_METHOD)
    routes.add_route("/temporal/{rest:path}", proxied, methods=_EVERY_METHOD)
    routes.add_route("/codec/decode", decoding.decode, methods=["POST"])
    routes.add_route("/codec/encode", decoding.encode, methods=["POST"])
    routes.add_route("/auth/refresh", refresh, methods=["GET", "POST"])
    routes.add_route("/staff/login", pages.show, methods=["GET"])
    routes.add_route("/staff/login", pages.submit, methods=["POST"])
    routes.add_route("/staff/logout", pages.leave, methods=["POST"])
    routes.add_route("/staff/login.css", pages.style, methods=["GET"])
    return routes
