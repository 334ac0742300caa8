"""Where we see money come in: a line of the bank's statement, a receipt of the terminal network's register.

What a callback says is never booked: it only says where to look.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from pydantic import BaseModel, ConfigDict, Field

from activities.money_ports import Bank, BankStatement, TerminalNetwork, TerminalReceipt
from rules.errors import InvalidInput
from rules.money import Money
from storage.incoming import Payer, Received

TENGE = "KZT"


class Sighted(BaseModel):
    """A sum as the bank or the network shows it. order_id: of ours, where an outgoing payment came back.

    amount counts in the currency; only tenge is ours to book. purpose and payer are personal data.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    channel: str
    amount: Money
    currency: str
    day: date
    order_id: str | None = None
    payer: Payer = Field(default=Payer(), repr=False)
    purpose: str = Field(default="", repr=False)

    @property
    def received(self) -> Received:
        """As the file of incoming money keeps it. Its value date is the source's day.

        Raises:
            InvalidInput: `currency-not-tenge`.
        """
        if self.currency != TENGE:
            raise InvalidInput("currency-not-tenge", field="/currency")
        return Received(
            key=self.key,
            channel=self.channel,
            amount=self.amount,
            value_date=self.day,
            payer=self.payer,
            purpose=self.purpose,
        )


def bank_key(bank_reference: str) -> str:
    """The key of an incoming line."""
    return f"bank:{bank_reference}"


def terminal_key(terminal_id: str, receipt: str) -> str:
    """The key of a receipt."""
    return f"terminal:{terminal_id}:{receipt}"


def desk_key(receipt: str) -> str:
    """The key of a cash desk's receipt."""
    return f"desk:{receipt}"


def in_statement(statement: BankStatement) -> list[Sighted]:
    """The lines of a day by which money came in."""
    return [_line(entry, statement.day) for entry in statement.entries if entry["side"] == "C"]


def _line(entry: dict[str, object], day: date) -> Sighted:
    return Sighted(
        key=bank_key(str(entry["bank_ref"])),
        channel="BANK",
        amount=Money(str(entry["amount"])),
        currency=str(entry.get("currency") or TENGE),
        day=day,
        order_id=None if entry.get("order_id") is None else str(entry["order_id"]),
        payer=Payer.model_validate(entry["counterparty"]),
        purpose=str(entry["purpose"]),
    )


def in_register(receipts: Iterable[TerminalReceipt], day: date) -> list[Sighted]:
    """A day's receipts."""
    return [
        Sighted(
            key=terminal_key(one.terminal_id, one.receipt),
            channel="TERMINAL",
            amount=one.amount,
            currency=one.currency,
            day=day,
            purpose=one.reference,
        )
        for one in receipts
    ]


async def find(key: str, days: Iterable[date], bank: Bank, terminals: TerminalNetwork) -> Sighted | None:
    """The sum with this key on one of the days; None where neither the bank nor the network shows it (yet)."""
    for day in days:
        if key.startswith("bank:"):
            statement = await bank.statement(day)
            shown = [] if statement is None else in_statement(statement)
        else:
            shown = in_register(await terminals.register(day) or [], day)
        found = next((one for one in shown if one.key == key), None)
        if found is not None:
            return found
    return None
