"""The reverse proxy to the UI server's private address, under our origin and behind our log-in.

Forwarded are the headers listed here and of cookies only the UI's own `_csrf`: never ours, never a method
override. Answers are streamed (the UI waits in long polls); two are rewritten: the settings, so that the UI
asks our codec and shows a reader no buttons, and pages, which get a Content-Security-Policy because the UI
drops its own under a public path. Nothing here is logged: queries of `/render` are decoded text.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
from http.cookies import SimpleCookie

import httpx
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from api.temporal_ui import bodies, gate
from api.temporal_ui.answers import log_in_needed, refuse
from api.temporal_ui.gate import Verdict
from api.temporal_ui.staff import StaffIdentity, StaffSession
from infra.codec import EncryptionCodec
from rules.errors import InvalidInput

_FORWARDED = frozenset({
    "accept", "accept-language", "caller-type", "content-type", "if-modified-since", "if-none-match", "range",
    "user-agent", "x-csrf-token", "x-namespace",
})  # fmt: skip
_DROPPED = frozenset({
    "connection", "content-length", "date", "keep-alive", "proxy-authenticate", "proxy-connection", "server", "te",
    "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip
_SETTINGS = b"/temporal/api/v1/settings"
_IMMUTABLE = b"/temporal/_app/immutable/"
_INLINE_SCRIPT = re.compile(rb"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL)


class Proxy:
    """One per application.

    Args:
        ui_url: private address of the UI server, which serves under /temporal.
        codec: opens what is sent, to prove that it is sealed.
        staff_session: who asks.
        transport: of HTTP to the UI server; tests give their own.
    """

    def __init__(
        self,
        ui_url: str,
        codec: EncryptionCodec,
        staff_session: StaffSession,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        # The UI polls for 20 s; no proxy variables of the environment: the address is private.
        timeout = httpx.Timeout(connect=5, read=90, write=30, pool=30)
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=20)
        self._http = httpx.AsyncClient(
            base_url=ui_url, timeout=timeout, limits=limits, trust_env=False, transport=transport
        )
        self._codec, self._staff_session = codec, staff_session

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def __call__(self, request: Request) -> Response:
        """Answer one request under /temporal."""
        raw_path: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
        raw_path = raw_path.partition(b"?")[0]
        static = gate.is_static(request.method, raw_path)
        staff = None if static else await self._staff_session(request)
        verdict = gate.judge(request.method, raw_path, staff, request.headers.get("sec-fetch-site"))
        if verdict is Verdict.MALFORMED:
            return refuse(400, "malformed-path", "This path is not one of Temporal UI")
        if raw_path == b"/temporal/login":
            target = gate.safe_return(request.query_params.get("returnUrl"), request.url.netloc)
            return RedirectResponse(gate.login_url(target), 303)
        if verdict is Verdict.LOG_IN:
            return _to_log_in(request)
        if verdict is Verdict.REFUSE:
            return refuse(403, "not-allowed", "Your role may not do this here")
        return await self._forward(request, raw_path, staff, check=verdict is Verdict.CHECK_PAYLOADS)

    async def _forward(
        self, request: Request, raw_path: bytes, staff: StaffIdentity | None, *, check: bool
    ) -> Response:
        try:
            body = await _read(request)
            body = await bodies.sealed(body, self._codec) if check else b""
        except InvalidInput as error:
            return refuse(error.status, error.code, str(error))
        url = self._http.base_url.copy_with(raw_path=_upstream(raw_path, request.scope["query_string"]))
        sent = self._http.build_request(request.method, url, headers=_headers(request), content=body or None)
        try:
            upstream = await self._answer(sent, request)
            if upstream is None:
                return Response(status_code=499)  # nobody is there to see it
            if raw_path == _SETTINGS and upstream.status_code == 200 and request.method == "GET":
                return _with_headers(upstream, Response(_settings(await _whole(upstream), staff)))
            if upstream.headers.get("content-type", "").startswith("text/html") and request.method == "GET":
                return _page(upstream, await _whole(upstream))
        except httpx.HTTPError:
            return refuse(503, "temporal-ui-away", "Temporal UI does not answer; try again in a moment")
        response = _with_headers(upstream, _Piped(upstream))
        return _kept_by_browser(response) if raw_path.startswith(_IMMUTABLE) else response

    async def _answer(self, sent: httpx.Request, request: Request) -> httpx.Response | None:
        """The head of the UI server's answer; None when the browser goes away during a long poll."""
        answering = asyncio.ensure_future(self._http.send(sent, stream=True))
        leaving = asyncio.ensure_future(request.receive())  # the body is read: only a disconnect can come
        try:
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
            return await answering if answering.done() else None
        finally:
            leaving.cancel()
            if not answering.done():
                answering.cancel()


class _Piped(Response):
    """Passes an upstream body on as it comes; the upstream is closed whatever happens to the browser."""

    def __init__(self, upstream: httpx.Response) -> None:
        super().__init__(status_code=upstream.status_code)
        self._upstream = upstream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            async for chunk in self._upstream.aiter_raw():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            await self._upstream.aclose()


def policy_of(page: bytes) -> str:
    """The Content-Security-Policy that lets exactly this page's inline scripts run."""
    hashes = [base64.b64encode(hashlib.sha256(found).digest()).decode() for found in _INLINE_SCRIPT.findall(page)]
    scripts = " ".join(["'strict-dynamic'", *(f"'sha256-{value}'" for value in hashes)])
    return (
        f"default-src 'self'; script-src {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "font-src 'self' data:; connect-src 'self'; frame-src 'self'; worker-src 'self' blob:; "
        "frame-ancestors 'self'; base-uri 'self'; object-src 'none'; form-action 'self'"
    )


def _to_log_in(request: Request) -> Response:
    mode = request.headers.get("sec-fetch-mode")
    navigates = mode == "navigate" or (mode is None and "text/html" in request.headers.get("accept", ""))
    if not navigates or request.method != "GET":
        return log_in_needed()
    target = gate.safe_return(f"{request.url.path}?{request.url.query}".rstrip("?"), request.url.netloc)
    return RedirectResponse(gate.login_url(target), 303, headers={"Cache-Control": "no-store"})


def _upstream(raw_path: bytes, query: bytes) -> bytes:
    # The UI server mounts its Markdown page under the public path twice.
    path = b"/temporal" + raw_path if raw_path == b"/temporal/render" else raw_path
    return path + (b"?" + query if query else b"")


def _headers(request: Request) -> list[tuple[str, str]]:
    headers = [(name, value) for name, value in request.headers.items() if name in _FORWARDED]
    headers.append(("accept-encoding", "identity"))  # pages and settings are read here
    cookies = SimpleCookie()
    cookies["_csrf"] = request.cookies.get("_csrf", "")
    return [*headers, ("cookie", f"_csrf={cookies['_csrf'].coded_value}")] if cookies["_csrf"].value else headers


async def _read(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > bodies.LIMIT:
            raise InvalidInput("body-too-large", "A request to Temporal has two megabytes at most")
    return bytes(body)


async def _whole(upstream: httpx.Response) -> bytes:
    try:
        return await upstream.aread()
    finally:
        await upstream.aclose()


def _page(upstream: httpx.Response, page: bytes) -> Response:
    response = _with_headers(upstream, Response(page, upstream.status_code))
    if "content-security-policy" not in response.headers:  # the Markdown page brings a narrower one
        response.headers["content-security-policy"] = policy_of(page)
    response.headers["cache-control"] = "no-store"
    return response


def _settings(answer: bytes, staff: StaffIdentity | None) -> bytes:
    settings = json.loads(answer)
    codec = settings.setdefault("Codec", {})
    codec.update(Endpoint="/codec", PassAccessToken=False, IncludeCredentials=False)
    settings["DisableNewsFetch"] = True
    settings["DisableWriteActions"] = staff is None or not staff.may_write
    return json.dumps(settings).encode()


def _kept_by_browser(response: Response) -> Response:
    # Their names carry a hash of their content, but the UI server doesn't say so: 200 requests a page without this.
    if response.status_code == 200:
        kept = [pair for pair in response.raw_headers if pair[0] not in (b"set-cookie", b"vary", b"cache-control")]
        response.raw_headers = [*kept, (b"cache-control", b"public, max-age=31536000, immutable")]
    return response


def _with_headers(upstream: httpx.Response, response: Response) -> Response:
    length = [
        pair for pair in response.raw_headers if pair[0] == b"content-length" and not isinstance(response, _Piped)
    ]
    kept = [(name.lower(), value) for name, value in upstream.headers.raw if name.lower().decode() not in _DROPPED]
    if isinstance(response, _Piped) and "content-length" in upstream.headers:
        length = [(b"content-length", upstream.headers["content-length"].encode())]
    response.raw_headers = kept + length
    return response
