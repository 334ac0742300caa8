"""Our adapters, pointed at the counterparties, and one person whom every service knows."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import httpx
from outside_world import NO_TLS, TOKEN, iin, persona

from activities.integrations.aml import AfmLists
from activities.integrations.antifraud import AntifraudCentre
from activities.integrations.bank import LenderBank
from activities.integrations.bureau import Bureau
from activities.integrations.idec import Idec
from activities.integrations.operator import Operators
from activities.integrations.regulator import Regulator
from activities.integrations.sms import SmsGateway
from activities.integrations.terminals import Terminals
from activities.money_ports import Destination, Recipient
from activities.ports import BureauRecord
from infra.borrower.signing import SigningKey
from rules.calendar import local_date
from rules.client import IdentityDocument, Person
from rules.furnishing import Op
from rules.lender import EXAMPLE
from rules.money import Money
from rules.regulator_notices import signed_content

WHO = persona(1)
IIN, PHONE, IBAN = WHO["iin"], WHO["phone"], WHO["accounts"][0]["iban"]
NOW = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
AMOUNT = Money("150000.00")
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
CLIENT = Person(
    surname=WHO["surname"],
    given_name=WHO["given_name"],
    iin=IIN,
    document=IdentityDocument(number="000000001", expires=date(2031, 5, 20)),
    phone=PHONE,
)


ACCOUNT = Destination(kind="iban", value=IBAN)
RECEIVER = Recipient(name=CLIENT.full_name, iin=IIN)


@dataclass
class Adapters:
    """One of each. patience: seconds."""

    url: str
    patience: float = 10.0
    client: httpx.AsyncClient = field(default_factory=lambda: httpx.AsyncClient(trust_env=False, verify=NO_TLS))

    def __post_init__(self) -> None:
        def door(path: str) -> tuple[str, str, httpx.AsyncClient]:
            return self.url + path, TOKEN, self.client

        patient = {"timeout_seconds": self.patience}
        self.bureau = Bureau(*door("/fcb"), state=door("/gkb")[:2], **patient)  # type: ignore[arg-type]
        self.idec = Idec(*door("/kisc"), register=door("/gbdfl")[:2], **patient)  # type: ignore[arg-type]
        self.aml = AfmLists(*door("/afm"), **patient)  # type: ignore[arg-type]
        self.antifraud = AntifraudCentre(*door("/antifraud"), **patient)
        self.bank = LenderBank(*door("/bank"), **patient)  # type: ignore[arg-type]
        self.terminals = Terminals(*door("/terminals"), **patient)  # type: ignore[arg-type]
        self.sms = SmsGateway(*door("/sms"), **patient)  # type: ignore[arg-type]
        self.operator = Operators(*door("/operator"), **patient)
        self.regulator = Regulator(*door(""), **patient)


def today() -> date:
    return local_date(datetime.now(UTC))


async def pay(one: Adapters, key: str = "key-1", order_id: str = "order-1", amount: Money = AMOUNT) -> Any:
    return await one.bank.pay(key, order_id, amount, ACCOUNT, RECEIVER, "microcredit")


@dataclass(frozen=True)
class _Head:
    """Who signs for the lender."""

    iin: str = iin(7)
    surname: str = "ҮЛГІБАЕВ"
    given_name: str = "ҮЛГІ"
    patronymic: str | None = None


_SIGNED: dict[tuple[str, bytes], bytes] = {}


async def lender_signed(url: str, content: bytes) -> bytes:
    """The lender's signature; the same content has the same one, as a repeated call needs it under its key."""
    if (url, content) not in _SIGNED:
        async with httpx.AsyncClient(base_url=url, trust_env=False, verify=NO_TLS) as control:
            key = await SigningKey.obtain(control, _Head(), kind="CEO", bin=EXAMPLE.bin)
        _SIGNED[url, content] = key.sign(content)
    return _SIGNED[url, content]


async def upload(one: Adapters, file: bytes = b"form", signed: bytes = b"form") -> Any:
    cms = await lender_signed(one.url, signed)
    return await one.regulator.upload("key-1", "1-MFO", "2026-01", "ALA", file, cms)


async def notice(one: Adapters, description: str = "d") -> Any:
    cms = await lender_signed(one.url, signed_content("INCIDENT", NOW, NOW, "d", "m", [b"paper"]))
    return await one.regulator.notice(
        "key-1", "INCIDENT", occurred_at=NOW, detected_at=NOW, description=description, measures="m", cms=cms,
        attachments=[b"paper"],
    )  # fmt: skip


def record(**changes: Any) -> BureauRecord:
    figures = {"principal": AMOUNT, "outstanding": AMOUNT, "overdue_days": 0, "overdue_amount": Money(0)}
    new = BureauRecord(
        op=Op.NEW, contract_no="C-1", iin=IIN, as_of=date(2026, 1, 15), status="ACTIVE", **figures
    )  # fmt: skip
    return new.model_copy(update=changes)


async def submit(one: Adapters, batch_id: str, *records: BureauRecord) -> str:
    await one.bureau.submit(batch_id, one.bureau.pack(batch_id, records))
    return batch_id


async def settled(one: Adapters) -> Any:
    for _ in range(3000):
        found = await one.bank.find("order-1")
        if found and found.status != "ACCEPTED":
            return found
        await asyncio.sleep(0.02)
    raise AssertionError("the payout was never settled")


def says_nothing_personal(error: BaseException | None) -> None:
    """Neither the error nor what it came from: failures are stored with their causes."""
    while error is not None:
        text = f"{error} {getattr(error, 'args', '')}"
        for secret in (IIN, PHONE, IBAN, WHO["surname"], WHO["given_name"], "910203300023"):
            assert secret not in text
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
