"""The network of payment terminals: each day's register of what was paid at them for us."""

from __future__ import annotations

from datetime import date

import httpx
from pydantic import Field

from activities.integrations.http import Service, Wire
from activities.ports import TerminalReceipt
from rules.errors import BrokenContract, NotFound
from rules.money import Money

# Together they make our key of the payment, `terminal:{terminal}:{receipt}`: one colon less keeps two keys apart.
_TERMINAL, _RECEIPT = r"^[\x21-\x39\x3b-\x7e]{1,60}$", r"^[\x21-\x7e]{1,60}$"


class _Entry(Wire):
    terminal_id: str = Field(pattern=_TERMINAL)
    receipt: str = Field(pattern=_RECEIPT)
    reference: str
    amount: Money
    currency: str = "KZT"
    at: str


class _Register(Wire):
    date: date
    entries: list[_Entry]


class Terminals:
    """The register of the network."""

    def __init__(
        self, url: str, token: str, client: httpx.AsyncClient | None = None, *, timeout_seconds: float = 10.0
    ) -> None:
        self._service = Service("terminal", url, token, client, timeout_seconds=timeout_seconds)

    async def register(self, day: date) -> list[TerminalReceipt] | None:
        """A day's receipts, None while there is no register of the day.

        Raises:
            BrokenContract: `terminal-mismatch`: the register of another day, or one receipt twice with two amounts.
        """
        try:
            answer = await self._service.ask(
                _Register,
                "GET",
                "/v1/register",
                params={"date": day.isoformat()},
                refusals={"404 NOT_READY": lambda: NotFound("register-not-ready")},
            )
        except NotFound:
            return None
        receipts = {
            TerminalReceipt(**entry.model_dump(include=set(TerminalReceipt.model_fields))) for entry in answer.entries
        }
        if answer.date != day or len(receipts) != len({(one.terminal_id, one.receipt) for one in receipts}):
            raise BrokenContract("terminal-mismatch")
        return sorted(receipts, key=lambda one: (one.terminal_id, one.receipt))
