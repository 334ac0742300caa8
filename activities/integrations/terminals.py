"""The network of payment terminals: each day's registers of what was paid at them for us, and what they handed out."""

from __future__ import annotations

from datetime import date
from typing import TypeVar

import httpx
from pydantic import Field

from activities.integrations.http import Service, Wire
from activities.money_ports import TerminalPayout, TerminalReceipt
from rules.errors import BrokenContract, NotFound
from rules.money import Money

# Together they make our key of the payment, `terminal:{terminal}:{receipt}`: one colon less keeps two keys apart.
_TERMINAL, _RECEIPT = r"^[\x21-\x39\x3b-\x7e]{1,60}$", r"^[\x21-\x7e]{1,60}$"


Answered = TypeVar("Answered", "_Register", "_Payouts")
Entry = TypeVar("Entry", TerminalReceipt, TerminalPayout)


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


class _Payout(Wire):
    terminal_id: str = Field(pattern=_TERMINAL)
    receipt: str = Field(pattern=_RECEIPT)
    order: str = Field(pattern=r"^[\x21-\x7e]{1,60}$")
    amount: Money
    currency: str = "KZT"
    at: str


class _Payouts(Wire):
    date: date
    entries: list[_Payout]


class Terminals:
    """The registers of the network."""

    def __init__(
        self, url: str, token: str, client: httpx.AsyncClient | None = None, *, timeout_seconds: float = 10.0
    ) -> None:
        self._service = Service("terminal", url, token, client, timeout_seconds=timeout_seconds)

    async def register(self, day: date) -> list[TerminalReceipt] | None:
        """A day's receipts, None while there is no register of the day.

        Raises:
            BrokenContract: `terminal-mismatch`: the register of another day, or one receipt twice with two amounts.
        """
        answer = await self._ask(_Register, "/v1/register", day)
        return None if answer is None else _whole(answer, day, TerminalReceipt)

    async def payouts(self, day: date) -> list[TerminalPayout] | None:
        """What terminals handed out on a day; None and errors as of the register."""
        answer = await self._ask(_Payouts, "/v1/payouts", day)
        return None if answer is None else _whole(answer, day, TerminalPayout)

    async def _ask(self, shape: type[Answered], path: str, day: date) -> Answered | None:
        try:
            return await self._service.ask(
                shape,
                "GET",
                path,
                params={"date": day.isoformat()},
                refusals={"404 NOT_READY": lambda: NotFound("register-not-ready")},
            )
        except NotFound:
            return None


def _whole(answer: _Register | _Payouts, day: date, shape: type[Entry]) -> list[Entry]:
    """The entries, one of each receipt."""
    found = {shape.model_validate(entry.model_dump(include=set(shape.model_fields))) for entry in answer.entries}
    named = {(one.terminal_id, one.receipt) for one in found}
    if answer.date != day or len(found) != len(named):
        raise BrokenContract("terminal-mismatch")
    return sorted(found, key=lambda one: (one.terminal_id, one.receipt))
