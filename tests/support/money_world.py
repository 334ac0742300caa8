"""Money that comes in on a real database: a played bank and a played network of terminals, on any day."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID, uuid4

from loan_world import LoanWorld, noon

from activities.context import Moment, Records
from activities.incoming import Incoming, MoneyTaken, MoneyWanted
from activities.money_ports import BankStatement, TerminalPayout, TerminalReceipt
from activities.reconciliation import Reconciliation
from rules.client import Person
from rules.money import Money
from rules.policy import policy
from storage import audit, incoming, ledger
from storage.clients import Clients
from storage.database import Database, run
from storage.tables import IncomingPayment
from storage.vault import Vault

PAYER = {"name": "АХМЕТОВА АЙГҮЛ", "iin": "880412401006", "iban": "KZ86125KZT5004100100"}


@dataclass(frozen=True)
class Then(Records):
    """Records that believe it is noon of a day."""

    day: date = date(2026, 3, 2)

    @asynccontextmanager
    async def moment(self) -> AsyncIterator[Moment]:
        async with self.database.begin() as session:
            yield Moment(session, noon(self.day), self.day, policy(self.day))


class PlayedBank:
    """Statements of our account, as the bank shows them now."""

    def __init__(self) -> None:
        self.entries: dict[date, list[dict[str, Any]]] = {}
        self.off = Money(0)  # what the closing balance is wrong by

    def line(self, day: date, amount: str, purpose: str, *, side: str = "C", **more: Any) -> str:
        """Book a line; its reference."""
        reference = more.pop("bank_ref", f"P{secrets.token_hex(7).upper()}")
        payer = PAYER | more.pop("payer", {})
        entry = {"bank_ref": reference, "order_id": None, "amount": amount, "side": side, "counterparty": payer}
        entry |= {"purpose": purpose, "booked_at": noon(day).isoformat(), "currency": "KZT"} | more
        self.entries.setdefault(day, []).append(entry)
        return str(reference)

    async def statement(self, day: date) -> BankStatement | None:
        entries = self.entries.get(day, [])
        signed = [(1 if one["side"] == "C" else -1, one) for one in entries if one["currency"] == "KZT"]
        total = sum((sign * Money(one["amount"]).root for sign, one in signed), Money(0).root)
        opening = Money(1_000_000)
        closing = opening + Money(total) + self.off
        return BankStatement(day=day, opening=opening, closing=closing, entries=[dict(one) for one in entries])


class PlayedTerminals:
    """Registers of the network."""

    def __init__(self) -> None:
        self.receipts: dict[date, list[TerminalReceipt]] = {}
        self.out: dict[date, list[TerminalPayout]] = {}

    def paid(self, day: date, amount: str, reference: str, **more: Any) -> str:
        """Somebody pays; the key of it."""
        receipt = str(more.pop("receipt", secrets.token_hex(6).upper()))
        one = TerminalReceipt(terminal_id="T-1", receipt=receipt, reference=reference, amount=Money(amount), **more)
        self.receipts.setdefault(day, []).append(one)
        return f"terminal:T-1:{receipt}"

    def handed_out(self, day: date, order: str, amount: str, **more: Any) -> str:
        """A terminal counts money out; the receipt's number."""
        receipt = str(more.pop("receipt", secrets.token_hex(6).upper()))
        plain: dict[str, Any] = {"terminal_id": "T-1", "receipt": receipt, "order": order, "amount": Money(amount)}
        self.out.setdefault(day, []).append(TerminalPayout(**(plain | more)))
        return receipt

    async def register(self, day: date) -> list[TerminalReceipt] | None:
        return list(self.receipts.get(day, []))

    async def payouts(self, day: date) -> list[TerminalPayout] | None:
        return list(self.out.get(day, []))


@dataclass
class MoneyWorld:
    """Loans, a bank and terminals, and what our books say."""

    database: Database
    day: date
    vault: Vault = field(
        default_factory=lambda: Vault({"first": secrets.token_bytes(32)}, "first", secrets.token_bytes(32))
    )
    bank: PlayedBank = field(default_factory=PlayedBank)
    terminals: PlayedTerminals = field(default_factory=PlayedTerminals)

    def __post_init__(self) -> None:
        self.loans = LoanWorld(self.database)

    @property
    def records(self) -> Then:
        nothing: Any = None  # no document is touched
        return Then(self.database, self.vault, Clients(self.vault), nothing, self.day)

    @property
    def door(self) -> Incoming:
        return Incoming(self.records, self.bank, self.terminals)  # type: ignore[arg-type]

    @property
    def reconciliation(self) -> Reconciliation:
        return Reconciliation(self.records, self.bank, self.terminals, self.door)  # type: ignore[arg-type]

    async def take(self, key: str, day: date | None = None) -> MoneyTaken:
        """As the case does."""
        return await self.door.take_money(MoneyWanted(key=key, day=day or self.day))

    async def loan(self, terms: Any, iban: str | None = None) -> tuple[UUID, str]:
        """An issued loan and its number; with an account, money went there."""
        loan_id = await self.loans.issued(terms)
        index = self.vault.index("iban", iban) if iban else secrets.token_bytes(8)
        async with self.database.begin() as session:
            number = await run(
                session,
                "update application set account_index = :index, loan_id = loan.id from loan"
                " where loan.application_id = application.id and loan.id = :loan returning loan.number",
                index=index,
                loan=loan_id,
            )
            return loan_id, str(number.scalar_one())

    async def colleague(self) -> UUID:
        """A member of staff."""
        async with self.database.begin() as session:
            made = await run(
                session,
                "insert into staff (id, login, name, roles, password_hash, totp_secret, totp_last_step, active,"
                " created_at) values (:id, :login, 'Colleague', '{officer}', 'h', 's', 0, true, now()) returning id",
                id=uuid4(),
                login=secrets.token_hex(8),
            )
            return UUID(str(made.scalar_one()))

    async def row(self, key: str) -> IncomingPayment | None:
        """The stored payment."""
        async with self.database.begin() as session:
            return (await incoming.by_keys(session, [key])).get(key)

    async def posted(self, *keys: str) -> dict[str, dict[str, str]]:
        """Posting -> account -> amount, debit-positive, of these postings that exist."""
        async with self.database.begin() as session:
            rows = await run(
                session,
                "select key, account, sum(case side when 'D' then amount else -amount end) as net from ledger_posting"
                " join ledger_entry on posting_id = ledger_posting.id where key = any(:keys) group by key, account",
                keys=list(keys),
            )
            found: dict[str, dict[str, str]] = {}
            for row in rows:
                found.setdefault(row.key, {})[row.account] = str(row.net)
            return found

    async def unmatched_balance(self) -> Money:
        """What is owed to nobody known."""
        async with self.database.begin() as session:
            return -await ledger.balance(session, "clients:unmatched")

    async def trail(self, payment_id: UUID | None) -> list[dict[str, Any]]:
        """The audit entries about one payment."""
        async with self.database.begin() as session:
            return await audit.of_subject(session, f"incoming:{payment_id}")


def says_nothing_of(person: dict[str, str] | Person, told: Any) -> None:
    """Nothing of the payer in what is stored in the clear or goes into a history."""
    text = json.dumps(told, default=str, ensure_ascii=False)
    for secret in (person if isinstance(person, dict) else person.model_dump()).values():
        assert str(secret) not in text
