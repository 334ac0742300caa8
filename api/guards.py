"""What every request passes first: a trace id, a limit on its size, the check that it is not another site's.

Plain ASGI, so that nothing is read before it is allowed. Rules: para 24; para 26.
"""

from __future__ import annotations

import ipaddress
import secrets
from contextvars import ContextVar
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import BodyTooLarge, answer, describe

KIB, MIB = 1024, 1024 * 1024
JSON_LIMIT = MIB
# by the end of the path: two photographs; a selfie and a clip; the same with a CMS, or all of it as base64
_LIMITS = (
    ("/document", 21 * MIB), ("/face", 31 * MIB), ("/merchant-confirmation", 31 * MIB), ("/signing", 43 * MIB),
    ("/power-of-attorney", 11 * MIB), ("/authority", 41 * MIB), ("/papers", 11 * MIB), ("/force", 11 * MIB),
    ("/incidents", 6 * MIB), ("/clients", 6 * MIB), ("/documents", 11 * MIB),
)  # fmt: skip
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_GUARDED = ("/api/", "/staff/api/", "/mgovSign")
_CSP = "default-src 'self'; frame-ancestors 'none'; base-uri 'self'; object-src 'none'; form-action 'self'"


# Where the request in hand comes from, for limits only.
ADDRESS: ContextVar[str] = ContextVar("address", default="unknown")


def party(address: str) -> str:
    """Whom an address stands for: of IPv6 the network, for whoever has one address of it has 2 ** 64 others.

    >>> party("2001:db8:1:2:aaaa::7"), party("::ffff:93.184.216.34"), party("93.184.216.34"), party("unknown")
    ('2001:db8:1:2::', '93.184.216.34', '93.184.216.34', 'unknown')
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((int(found), 64), strict=False).network_address)


def body_limit(path: str) -> int:
    """Bytes that a body may have at most."""
    return next((limit for end, limit in _LIMITS if path.endswith(end)), JSON_LIMIT)


class Trace:
    """Gives each request an id that joins answer and log, and each answer its safety headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        trace_id = secrets.token_hex(8)
        ADDRESS.set(party(scope["client"][0]) if scope.get("client") else "unknown")
        scope.setdefault("state", {})["trace_id"] = trace_id
        ours = scope["path"].startswith((*_GUARDED, "/health", "/ready"))

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Trace-Id"] = trace_id
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("Referrer-Policy", "same-origin")
                if ours:
                    headers.setdefault("Cache-Control", "no-store")
                    headers.setdefault("Content-Security-Policy", _CSP)
            await send(message)

        await self._app(scope, receive, stamped)


class BodyLimit:
    """Refuses a body by its announced size, and stops reading one that grows beyond the limit."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(_GUARDED):
            await self._app(scope, receive, send)
            return
        limit = body_limit(scope["path"])
        announced = Headers(scope=scope).get("content-length", "0")
        if not announced.isdecimal() or int(announced) > limit:
            await answer(scope, describe(scope, 413, "body-too-large"))(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
                raise BodyTooLarge
            return message

        await self._app(scope, counted, send)


class SameSite:
    """Refuses a change that a page of another site asks a browser for.

    A browser says where a request comes from; a client without a session cookie that says nothing is no browser.
    Callbacks are signed and bearer tokens are not sent by browsers on their own.
    """

    def __init__(self, app: ASGIApp, origin: str, cookies: tuple[str, ...]) -> None:
        self._app, self._origin, self._cookies = app, origin, cookies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        guarded = scope["type"] == "http" and scope["path"].startswith(_GUARDED)
        if guarded and scope["method"] not in _SAFE and not self._ours(Headers(scope=scope)):
            await answer(scope, describe(scope, 403, "cross-site"))(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _ours(self, headers: Headers) -> bool:
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if site is not None and site not in ("same-origin", "none"):
            return False
        if origin is not None:
            return origin == self._origin
        if site is not None:
            return True
        cookie = headers.get("cookie", "")
        return not any(f"{name}=" in cookie for name in self._cookies)


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL.

    >>> origin_of("http://127.0.0.1:8080/app")
    'http://127.0.0.1:8080'
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
