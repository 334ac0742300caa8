"""Idempotency-Key: the same call twice has one effect and one answer.

Without a key 400; the same key with another body 422; while the first runs 409; afterwards the first answer
again, with `Idempotent-Replay: true`. Keys belong to whom they came from: another client's key looks unused.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from api.problems import MEDIA_TYPE, of_business_error
from api.services import Services
from rules.errors import BusinessError, InvalidInput
from storage import idempotency

_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")
REPLAY = "Idempotent-Replay"


class KeyMissing(BusinessError):
    """A creating or money-moving call without its key."""

    status = 400


@dataclass(frozen=True)
class Outcome:
    """What a keyed call leads to. cookie: a session token that goes out as a cookie, also on a replay."""

    body: BaseModel | list[BaseModel] | None
    status: int = 200
    cookie: str | None = field(default=None, repr=False)


class Once:
    """One keyed call of one caller."""

    def __init__(self, request: Request, kit: Services, who: str, key: str) -> None:
        self._request, self._kit, self._key = request, kit, key
        self._scope = f"{who} {request.method} {request.url.path}"
        self._digest = hashlib.sha256(f"{self._scope}\0{key}".encode()).digest()

    @property
    def action_id(self) -> str:
        """The id of the action, and of the update in the workflow."""
        return self._digest[:16].hex()

    @property
    def new_id(self) -> UUID:
        """The id of what this call creates: the same whenever the call is done again."""
        return UUID(bytes=self._digest[16:], version=5)

    async def run(
        self,
        fingerprint: str,
        work: Callable[[], Awaitable[Outcome]],
        respond: Callable[[Response, str], None] | None = None,
    ) -> Response:
        """Do the work unless it was done.

        Args:
            fingerprint: of the body, so that another body under the same key is found out.
            respond: puts a session cookie on the response.

        A business error is an answer and is kept; a fault is not, the caller tries again with the same key.
        """
        database = self._kit.records.database
        # keyed: a body may hold a password, and a plain hash could be guessed at leisure
        request_hash = self._kit.records.vault.index("request", f"{self._scope}:{fingerprint}").hex()
        async with database.begin() as session:
            record = await idempotency.begin(session, self._scope, self._key, request_hash)
        if record is not None:
            kept = json.loads(self._kit.records.vault.open_own(record.answer or b"", self._context))
            response = self._response(kept, respond)
            response.headers[REPLAY] = "true"
            return response
        try:
            outcome = await work()
            kept = {"status": outcome.status, "body": _plain(outcome.body), "cookie": outcome.cookie}
        except BusinessError as error:
            problem = of_business_error(self._request.scope, error)
            kept = {"status": problem.status, "body": problem.model_dump(mode="json", exclude_none=True), "problem": 1}
        except BaseException:
            async with database.begin() as session:
                await idempotency.abandon(session, self._scope, self._key)
            raise
        sealed = self._kit.records.vault.seal_own(json.dumps(kept).encode(), self._context)
        async with database.begin() as session:
            await idempotency.finish(session, self._scope, self._key, kept["status"], sealed)
        return self._response(kept, respond)

    @property
    def _context(self) -> str:
        return f"idempotency:{self._scope}:{self._key}"

    def _response(self, kept: dict[str, Any], respond: Callable[[Response, str], None] | None) -> Response:
        if kept["body"] is None:
            response = Response(status_code=kept["status"])
        else:
            media_type = MEDIA_TYPE if kept.get("problem") else "application/json"
            response = JSONResponse(kept["body"], status_code=kept["status"], media_type=media_type)
        if kept.get("cookie") and respond is not None:
            respond(response, kept["cookie"])
        return response


def _plain(body: BaseModel | list[BaseModel] | None) -> Any:
    if isinstance(body, list):
        return [one.model_dump(mode="json") for one in body]
    return None if body is None else body.model_dump(mode="json")


def key_of(request: Request) -> str:
    """The caller's key.

    Raises:
        KeyMissing: none given.
        InvalidInput: not 16 to 64 letters, digits, `-`, `_`.
    """
    key = request.headers.get("idempotency-key")
    if key is None:
        raise KeyMissing("key-missing", "send an Idempotency-Key header")
    if not _KEY.fullmatch(key):
        raise InvalidInput("key-format", "16 to 64 letters, digits, - or _", field="/header/Idempotency-Key")
    return key


def fingerprint(body: BaseModel | None) -> str:
    """Of a JSON body: equal for equal values, whatever their spelling."""
    content = b"" if body is None else body.model_dump_json().encode()
    return hashlib.sha256(content).hexdigest()
