"""The National Bank's anti-fraud centre: no answer, no transfer."""

from __future__ import annotations

import httpx

from activities.integrations.http import Service, Wire
from rules.errors import BrokenContract
from rules.money import Money


class _Answer(Wire):
    iin: str
    listed: bool


class AntifraudCentre:
    """The centre."""

    def __init__(
        self, url: str, token: str, client: httpx.AsyncClient | None = None, *, timeout_seconds: float = 10.0
    ) -> None:
        self._service = Service("antifraud", url, token, client, timeout_seconds=timeout_seconds)

    async def listed(self, iin: str, iban: str | None, phone: str | None, amount: Money) -> bool:
        """Whether the recipient is listed. Raises BrokenContract('antifraud-other-subject')."""
        known = {"iban": iban, "msisdn": phone}
        question = {"iin": iin, "amount": str(amount)} | {name: one for name, one in known.items() if one is not None}
        answer = await self._service.ask(_Answer, "POST", "/check", json=question)
        if answer.iin != iin:
            raise BrokenContract("antifraud-other-subject")
        return answer.listed
