"""The mobile operators' base: whether a number belongs to a person. Rules: para 36."""

from __future__ import annotations

from typing import Literal

import httpx

from activities.integrations.http import Service, Wire
from rules.errors import BrokenContract


class _Answer(Wire):
    iin: str
    msisdn: str
    match: Literal["YES", "NO", "UNKNOWN"]


class Operators:
    """The base."""

    def __init__(
        self, url: str, token: str, client: httpx.AsyncClient | None = None, *, timeout_seconds: float = 10.0
    ) -> None:
        self._service = Service("operator", url, token, client, timeout_seconds=timeout_seconds)

    async def owned_by(self, iin: str, phone: str) -> bool | None:
        """True or False by the base, None where it does not know. Raises BrokenContract('operator-other-subject')."""
        answer = await self._service.ask(_Answer, "POST", "/owner-check", json={"iin": iin, "msisdn": phone})
        if (answer.iin, answer.msisdn) != (iin, phone):
            raise BrokenContract("operator-other-subject")
        return {"YES": True, "NO": False, "UNKNOWN": None}[answer.match]
