"""What carries money: the lender's bank and the network of terminals. Errors as in activities.ports.

Rules: para 9.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, model_validator

from rules.money import Money


class AccountOwner(BaseModel):
    """The bank's word on an account. result: MATCH | MISMATCH | UNKNOWN."""

    result: str
    reference: str


class Destination(BaseModel):
    """Where money goes. kind: `iban`, or `card` with the acquirer's token (never a card number). Personal data."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["iban", "card"]
    value: str


class Recipient(BaseModel):
    """Whose money it becomes: a person by IIN or an organisation by BIN. Personal data: it stays in the activity."""

    model_config = ConfigDict(frozen=True)

    name: str
    iin: str | None = None
    bin: str | None = None

    @model_validator(mode="after")
    def _one_number(self) -> Recipient:
        if (self.iin is None) == (self.bin is None):
            raise ValueError("either an IIN or a BIN")
        return self

    @property
    def number(self) -> str:
        """The IIN or the BIN."""
        return self.iin or self.bin or ""


class Payout(BaseModel):
    """A payout as the bank knows it. status: ACCEPTED, IN_PROGRESS, DONE, REJECTED, RETURNED."""

    payout_id: str
    order_id: str
    amount: Money
    currency: str = "KZT"
    destination: Destination
    receiver: str | None = None  # IIN or BIN, where the bank tells it
    status: str
    bank_reference: str | None = None
    value_date: date | None = None
    code: str | None = None


class BankStatement(BaseModel):
    """One day's statement."""

    day: date
    opening: Money
    closing: Money
    entries: list[dict[str, Any]]


class Bank(Protocol):
    """The lender's bank. A refusal is NotAllowed('payout-refused'); every other failure is unknown, not unpaid."""

    async def verify_owner(self, destination: Destination, owner: Recipient) -> AccountOwner:
        """Who owns the account or the card. Rules: para 9, part 2."""

    async def pay(
        self, key: str, order_id: str, amount: Money, destination: Destination, recipient: Recipient, purpose: str
    ) -> Payout:
        """Send one payout under a key; a bank that honours keys never pays the same one twice."""

    async def find(self, order_id: str) -> Payout | None:
        """By order id; None means not found yet."""

    async def statement(self, day: date) -> BankStatement | None:
        """None while the day's statement is not ready."""


class TerminalReceipt(BaseModel):
    """Money that somebody paid at a terminal. reference: what was typed, as a rule the contract's number."""

    model_config = ConfigDict(frozen=True)

    terminal_id: str
    receipt: str
    reference: str
    amount: Money
    currency: str = "KZT"


class TerminalPayout(BaseModel):
    """Money that a terminal handed out. order: the lender's number of it."""

    model_config = ConfigDict(frozen=True)

    terminal_id: str
    receipt: str
    order: str
    amount: Money
    currency: str = "KZT"


class TerminalNetwork(Protocol):
    """The network of payment terminals that takes repayments for the lender, and hands its money out."""

    async def register(self, day: date) -> list[TerminalReceipt] | None:
        """A day's receipts, so far where the day is today; None while there is no register of the day."""

    async def payouts(self, day: date) -> list[TerminalPayout] | None:
        """What terminals handed out on a day, in the same way."""
