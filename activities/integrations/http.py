"""One thin client for every outside service: deadlines, bearer, request id, size limit, schema, and one error table.

| what happens                                  | what the caller gets                           |
|-----------------------------------------------|------------------------------------------------|
| an error answer the adapter names             | the error the adapter gave for it              |
| no connection, time-out, cut answer           | Unavailable                                    |
| 402, 408, 425, 429, 5xx                       | Unavailable                                    |
| any other 3xx or 4xx, too large, not in shape | BrokenContract                                 |

Bodies and addresses are never logged: they carry personal data. No error text holds anything of an answer
but its status and its code, and no error keeps the one it came from as its cause.
"""

from __future__ import annotations

import asyncio
import json as _json
import logging
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import uuid4

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import to_jsonable_python

from rules.errors import BrokenContract, BusinessError, Fault, Unavailable

# httpx writes every address it asks at INFO; the identity centre's carries an IIN
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)

_PASSING = frozenset({402, 408, 425, 429})
_CODE = re.compile(r"[A-Z0-9_-]{1,40}", re.ASCII)
_CONNECT_SECONDS = 3.0
_KEEPALIVE_SECONDS = 2.0  # shorter than any server's, so that a call seldom meets a connection just closed

Refusals = Mapping[str, Callable[[], BusinessError | Fault]]


class Wire(BaseModel):
    """Base of the answers' shapes: right types or nothing; fields we do not know are let pass."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


Shape = TypeVar("Shape", bound=BaseModel)


@dataclass(frozen=True)
class Reply:
    """An answer that was given, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Service:
    """One outside service.

    Args:
        name: short, for error texts: `bank`.
        url: base address, its path included.
        token: our bearer token.
        client: shared client; without one the service opens its own at the first call.
        timeout_seconds: for the whole call, from connecting to the last byte.
        largest_answer: bytes.
    """

    def __init__(
        self,
        name: str,
        url: str,
        token: str,
        client: httpx.AsyncClient | None = None,
        *,
        timeout_seconds: float = 10.0,
        largest_answer: int = 8 * 2**20,
    ) -> None:
        self.name = name
        self._url, self._token, self._client = url.rstrip("/"), token, client
        self._timeout, self._largest = timeout_seconds, largest_answer

    async def ask(
        self,
        shape: type[Shape],
        method: str,
        path: str,
        *,
        refusals: Refusals | None = None,
        key: str | None = None,
        params: Mapping[str, str] | None = None,
        json: Any = None,
    ) -> Shape:
        """One call whose answer is JSON of a known shape.

        Args:
            refusals: `"<status> <code>"` of an error answer -> the error to raise for it.
            key: the Idempotency-Key.

        Raises:
            BusinessError, Unavailable, BrokenContract, NotSettled: by the table of the module.
        """
        reply = await self.fetch(method, path, refusals=refusals, key=key, params=params, json=json)
        return self.read(shape, reply)

    def read(self, shape: type[Shape], reply: Reply) -> Shape:
        """The answer in its shape. Raises BrokenContract."""
        try:
            return shape.model_validate_json(reply.body)
        except ValidationError:
            pass  # its text quotes the answer, so it is not kept as a cause either
        raise BrokenContract(f"{self.name}-unreadable")

    async def fetch(
        self,
        method: str,
        path: str,
        *,
        refusals: Refusals | None = None,
        key: str | None = None,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        accepted: Collection[int] = (),
    ) -> Reply:
        """One call; its 2xx answer (or one of `accepted`) as it came."""
        request_id = str(uuid4())
        sent = {
            "Authorization": f"Bearer {self._token}",
            "X-Request-ID": request_id,
            "Accept-Encoding": "identity",
            **({"Idempotency-Key": key} if key else {}),
            **({"Content-Type": "application/json"} if json is not None else {}),
            **(headers or {}),
        }
        if json is not None:
            content = _json.dumps(to_jsonable_python(json), ensure_ascii=False).encode()
        reply = await self._exchange(method, path, sent, params, content)
        if reply.headers.get("x-request-id", request_id) != request_id:
            raise BrokenContract(f"{self.name}-other-request")
        if not (200 <= reply.status < 300 or reply.status in accepted):
            raise self._error(reply, refusals or {})
        return reply

    async def _exchange(
        self, method: str, path: str, headers: dict[str, str], params: Mapping[str, str] | None, content: bytes | None
    ) -> Reply:
        if self._client is None:
            self._client = httpx.AsyncClient(
                trust_env=False, limits=httpx.Limits(max_connections=50, keepalive_expiry=_KEEPALIVE_SECONDS)
            )
        failure = "time-out"
        try:
            async with asyncio.timeout(self._timeout):
                async with self._client.stream(
                    method,
                    self._url + path,
                    headers=headers,
                    params=params,
                    content=content,
                    follow_redirects=False,
                    timeout=httpx.Timeout(self._timeout, connect=min(_CONNECT_SECONDS, self._timeout)),
                ) as answer:
                    return Reply(answer.status_code, answer.headers, await self._body(answer))
        except TimeoutError:
            pass
        except (httpx.TransportError, ConnectionError) as error:
            failure = type(error).__name__
        except (httpx.InvalidURL, httpx.DecodingError):
            failure = ""
        if failure:
            raise Unavailable(f"{self.name}-unavailable: {failure}")
        raise BrokenContract(f"{self.name}-unreadable")

    async def _body(self, answer: httpx.Response) -> bytes:
        body = bytearray()
        async for piece in answer.aiter_bytes():
            body += piece
            if len(body) > self._largest:
                raise BrokenContract(f"{self.name}-answer-too-large")
        return bytes(body)

    def _error(self, reply: Reply, refusals: Refusals) -> BusinessError | Fault:
        code = _code(reply.body)
        known = refusals.get(f"{reply.status} {code}")
        if known is not None:
            return known()
        if reply.status in _PASSING or reply.status >= 500:
            return Unavailable(f"{self.name}-unavailable: {reply.status} {code}".rstrip())
        return BrokenContract(f"{self.name}-unexpected: {reply.status} {code}".rstrip())


def _code(body: bytes) -> str:
    """The `code` of an error body, empty where there is none or it is no code."""
    try:
        code = _json.loads(body)["code"]
    except (ValueError, KeyError, TypeError):
        return ""
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""
