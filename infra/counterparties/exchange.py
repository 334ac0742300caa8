"""Every call passes here: bearer, request id, size limit, journal, and the faults all services play.

It stands outside the framework, because a fault may be that no answer comes at all.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infra.counterparties.errors import CODES, Refusal
from infra.counterparties.faults import Fault
from infra.counterparties.spoiled import Answer, json_answer, spoil
from infra.counterparties.world import World

_LARGEST_BODY = 16 * 2**20
_JOURNALLED_BODY = 8 * 2**10
_OPEN = ("pki", "ncanode")  # they know no callers: the one is public, the other stands inside the lender's walls
# service, operation, method, path
OPERATIONS = [
    (service, operation, method, re.compile(path))
    for service, operation, method, path in (
        ("bureau", "report", "POST", "/fcb/v1/reports"),
        ("state_bureau", "report", "POST", "/gkb/v1/reports"),
        ("state_bureau", "submit", "POST", "/gkb/v1/submissions"),
        ("state_bureau", "submission", "GET", "/gkb/v1/submissions/[^/]+"),
        ("idec", "verify", "POST", "/kisc/identity/1.1.0/verify"),
        ("idec", "vendors", "GET", "/kisc/identity/1.1.0/vendors"),
        ("person_register", "person", "POST", "/gbdfl/v1/person"),
        ("digital_documents", "shown", "POST", "/digital-documents"),
        ("aml", "active", "GET", "/afm/active.xml"),
        ("aml", "excluded", "GET", "/afm/excluded.xml"),
        ("aml", "wmd", "GET", "/afm/wmd.xml"),
        ("aml", "un", "GET", "/afm/un.xml|/un/consolidated.xml"),
        ("aml", "message", "POST", "/afm/messages"),
        ("antifraud", "check", "POST", "/antifraud/check"),
        ("bank", "verify_owner", "POST", "/bank/v1/accounts/verify"),
        ("bank", "pay", "POST", "/bank/v1/payouts"),
        ("bank", "payout", "GET", "/bank/v1/payouts(/[^/]+)?"),
        ("bank", "statement", "GET", "/bank/v1/statement"),
        ("terminal", "register", "GET", "/terminals/v1/register"),
        ("terminal", "payouts", "GET", "/terminals/v1/payouts"),
        ("sms", "send", "POST", "/sms/v1/messages"),
        ("sms", "status", "GET", "/sms/v1/messages/[^/]+"),
        ("operator", "owner_check", "POST", "/operator/owner-check"),
        ("regulator", "report", "POST", "/nbk/reports"),
        ("regulator", "report_status", "GET", "/nbk/reports/[^/]+"),
        ("regulator", "notice", "POST", "/ardfm/notices"),
        ("ncanode", "verify", "POST", "/ncanode/cms/verify"),
        ("ncanode", "health", "GET", "/ncanode/actuator/health"),
        ("pki", "ocsp", "POST", "/pki/ocsp"),
        ("pki", "tsp", "POST", "/pki/tsp"),
        ("pki", "file", "GET", "/pki/[^/]+"),
    )
]


@dataclass
class Call:
    """What the faults and the journal want to know of a request. key: as sent in a header; names: all it may match."""

    service: str
    operation: str
    request_id: str
    iin: str | None = None
    key: str | None = None
    names: list[str] = field(default_factory=list)
    text: str | None = None


class Exchange:
    """The outermost application; `/_control`, `/health` and `/docs` pass untouched."""

    def __init__(self, app: ASGIApp, world: World, token: str) -> None:
        self._app, self.world, self._token = app, world, token
        self._at_work: set[tuple[str, str]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        found = _operation(scope) if scope["type"] == "http" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        body = await _whole(receive)
        call = _call(found, scope, headers, body)
        answer, kind = await self._answer(call, scope, headers, body, receive)
        self.world.store.record(
            {
                "service": call.service,
                "operation": call.operation,
                "iin": call.iin,
                "key": call.key or next(iter(call.names), None),
                "request_id": call.request_id,
                "status": answer.status if answer else None,
                "fault": kind,
                "request": call.text,
            }
        )
        if answer is None:
            await _cut(send)
            return
        kept = [
            (name, value) for name, value in answer.headers if name.lower() not in (b"content-length", b"x-request-id")
        ]
        kept += [(b"x-request-id", call.request_id.encode()), (b"content-length", str(answer.length).encode())]
        await send({"type": "http.response.start", "status": answer.status, "headers": kept})
        await send({"type": "http.response.body", "body": answer.body, "more_body": len(answer.body) < answer.length})
        if len(answer.body) < answer.length:
            await _cut(send)

    async def _answer(
        self, call: Call, scope: Scope, headers: dict[str, str], body: bytes | None, receive: Receive
    ) -> tuple[Answer | None, str | None]:
        """The answer, None where none is given, and the fault that was played."""
        if body is None:
            return _error(413, call), None
        given = headers.get("authorization", "").encode()
        if call.service not in _OPEN and not compare_digest(given, f"Bearer {self._token}".encode()):
            return _error(401, call), None
        fault = self.world.faults.take(call.service, call.operation, iin=call.iin, keys=call.names)
        if fault is None:
            if (call.operation, call.key or "") in self._at_work:
                return _error(409, call), None
            return await self._work(scope, body, call), None
        return await self._faulty(fault, call, scope, body, receive), fault.fault

    async def _faulty(self, fault: Fault, call: Call, scope: Scope, body: bytes, receive: Receive) -> Answer | None:
        kind = fault.fault
        if kind == "hang_before":
            await _gone(receive, fault.number("seconds", 120))
        if kind in ("hang_before", "reset_before"):
            return None
        if kind == "http" and not fault.params.get("after"):
            return _http(fault, call)
        if kind == "slow":
            at_work = (call.operation, call.key) if call.key and self.world.honours_keys(call.service) else None
            if at_work:
                self._at_work.add(at_work)
            await asyncio.sleep(fault.number("ms", 1000) / 1000)
            if at_work:
                self._at_work.discard(at_work)
        answer = await self._work(scope, body, call)
        if kind == "hang_after":
            await _gone(receive, fault.number("seconds", 120))
        if kind in ("hang_after", "reset_after"):
            return None
        return _http(fault, call) if kind == "http" else spoil(answer, fault, iin=call.iin, names=call.names)

    async def _work(self, scope: Scope, body: bytes, call: Call) -> Answer:
        """The service itself."""
        given = False
        answer = Answer(500, [], b"")

        async def receive() -> Message:
            nonlocal given
            if given:
                await asyncio.Event().wait()  # the services never ask twice
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status, answer.headers = message["status"], list(message.get("headers", []))
            elif message["type"] == "http.response.body":
                answer.body += message.get("body", b"")

        headers = [pair for pair in scope["headers"] if pair[0] != b"x-request-id"]
        headers.append((b"x-request-id", call.request_id.encode()))
        await self._app({**scope, "headers": headers}, receive, send)
        return answer


def _operation(scope: Scope) -> tuple[str, str] | None:
    for service, operation, method, path in OPERATIONS:
        if method == scope["method"] and path.fullmatch(scope["path"]):
            return service, operation
    return None


def _call(found: tuple[str, str], scope: Scope, headers: dict[str, str], body: bytes | None) -> Call:
    query = {name: values[0] for name, values in parse_qs(scope["query_string"].decode("latin-1")).items()}
    text: Any = None
    if body and "json" in headers.get("content-type", ""):
        with suppress(ValueError):
            text = json.loads(body)
    content: dict[str, Any] = text if isinstance(text, dict) else {}
    recipient = content.get("recipient")
    iin = query.get("iin") or content.get("iin") or (recipient.get("iin") if isinstance(recipient, dict) else None)
    key = headers.get("idempotency-key") or headers.get("x-idempotency-key")
    candidates = [key, content.get("order_id"), content.get("batch_id"), query.get("order_id"), content.get("to")]
    if found[1] in ("payout", "submission", "status", "report_status"):
        candidates.append(scope["path"].rsplit("/", 1)[1])
    return Call(
        *found,
        request_id=headers.get("x-request-id") or uuid4().hex,
        iin=iin if isinstance(iin, str) else None,
        key=key,
        names=[name for name in candidates if isinstance(name, str)],
        text=body.decode() if content and body and len(body) <= _JOURNALLED_BODY else None,
    )


def _error(status: int, call: Call) -> Answer:
    code = "IN_PROGRESS" if status == 409 else CODES[status]
    return json_answer(status, Refusal(status, code).body(call.request_id))


def _http(fault: Fault, call: Call) -> Answer:
    status = int(fault.number("status", 503))
    answer = json_answer(
        status, Refusal(status, str(fault.params.get("code", CODES.get(status, "ERROR")))).body(call.request_id)
    )
    if status in (429, 503):
        answer.headers.append((b"retry-after", b"1"))
    return answer


async def _whole(receive: Receive) -> bytes | None:
    """The request's body, None where it is too large."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > _LARGEST_BODY:
            return None
        if not message.get("more_body"):
            return bytes(body)


async def _gone(receive: Receive, seconds: float) -> None:
    """Until the caller hangs up, or so long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass


async def _cut(send: Send) -> None:
    """Cut the connection with a reset; in a test without sockets the caller gets the error itself."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionResetError("cut by a fault")
    handle = transport.get_extra_info("socket")
    with suppress(OSError, AttributeError):
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    await asyncio.sleep(0.02)  # let the server see that the connection is gone
