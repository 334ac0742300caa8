"""What every service is given: the store, the faults and the agenda; and the keyed answer they share."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse

from infra.counterparties.agenda import Agenda
from infra.counterparties.errors import Refusal
from infra.counterparties.faults import Faults
from infra.counterparties.personas import Persona
from infra.counterparties.store import Store

KEY_LIFE_SECONDS = 24 * 3600.0
Work = Callable[[], tuple[int, dict[str, Any]]]


@dataclass(frozen=True)
class World:
    """One simulated outside world."""

    store: Store
    faults: Faults
    agenda: Agenda

    def persona(self, iin: str) -> Persona | None:
        """The planted person, None for a stranger."""
        body = self.store.get("persona", iin)
        return Persona.model_validate(body) if body else None

    def listed(self) -> list[Persona]:
        """The planted people who stand on some list."""
        return [Persona.model_validate(body) for body in self.store.all("listed")]

    def honours_keys(self, service: str) -> bool:
        """Whether a second call under a key in work is refused; a bank may not know keys."""
        return service != "bank" or (self.store.get("setting", "bank") or {}).get("mode", "keyed") == "keyed"

    async def keyed(
        self, request: Request, scope: str, work: Work, *, life_seconds: float = KEY_LIFE_SECONDS, ignored: bool = False
    ) -> JSONResponse:
        """Do the work once per Idempotency-Key: the effect and the first answer are one transaction.

        Args:
            ignored: the service does not know keys at all; every call works anew.

        Raises:
            Refusal: 400 without a key, 422 KEY_REUSED with another body under it.
        """
        key = request.headers.get("idempotency-key", "")
        if ignored:
            with self.store.transaction():
                status, body = _settled(work, request)
            return JSONResponse(body, status)
        if not key:
            raise Refusal(400, "BAD_REQUEST", "Idempotency-Key is required")
        request_hash = hashlib.sha256(await request.body()).hexdigest()
        with self.store.transaction():
            first = self.store.answer(scope, key, life_seconds)
            if first and first[0] != request_hash:
                raise Refusal(422, "KEY_REUSED", "this key came with another body")
            if first:
                return JSONResponse(first[2], first[1], headers={"Idempotent-Replay": "true"})
            status, body = _settled(work, request)
            if status < 500 and status != 402:  # what may pass is not a first answer
                self.store.keep_answer(scope, key, request_hash, status, body)
        return JSONResponse(body, status)


def _settled(work: Work, request: Request) -> tuple[int, dict[str, Any]]:
    """A refusal is an answer too: the same key gets the same one."""
    try:
        return work()
    except Refusal as refusal:
        return refusal.status, refusal.body(request.headers.get("x-request-id"))
