"""Orders for cash on a real PostgreSQL: placed, paid and looked at, as a desk and a terminal do it.

Played: the anti-fraud centre and the service of digital documents.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID, uuid4

import psycopg
from sqlmodel import col, func, select

from activities import cash_desk
from activities.applications import ApplicationRef
from activities.cash_desk import HandedOut, Outcome
from activities.cash_orders import CashOrders
from activities.context import Records
from activities.ports import DigitalDocument
from rules.errors import NotConfirmed
from rules.money import Money
from storage import cash_orders
from storage.archive import Archive
from storage.clients import Clients
from storage.database import Database, libpq_url
from storage.documents import Documents
from storage.tables import Application, CashOrder, LedgerEntry, LedgerPosting, Loan, OutboundPayment
from storage.vault import Vault
from tests.support.cash_world import DOCUMENT, at_desk, code_for, hired, signed

PAID = {
    "stage": "ISSUED",
    "payment": "done",
    "loans": 1,
    "entries": {("loans:principal", "D", "150000.00"), ("cash:cash-desk", "C", "150000.00")},
}
UNPAID = {"stage": "DISBURSING", "payment": "accepted", "loans": 0, "entries": set()}

if TYPE_CHECKING:
    from infra.settings import Archive as ArchiveSettings


class Played:
    """The anti-fraud centre and the digital documents, as a test wants them."""

    def __init__(self) -> None:
        self.is_listed = False
        self.document: DigitalDocument | Exception = NotConfirmed("digital-document-code")

    async def listed(self, iin: str, iban: str | None, phone: str | None, amount: Money) -> bool:
        assert iban is None
        return self.is_listed

    async def shown(self, iin: str, code: str) -> DigitalDocument:
        if isinstance(self.document, Exception):
            raise self.document
        return self.document


def number(ref: ApplicationRef) -> str:
    """Of the order."""
    return cash_orders.number_of(ref.application_id)


@dataclass
class CashDesk:
    """One desk with a cashier, over one database."""

    records: Records
    cashier: UUID
    superuser: str
    played: Played = field(default_factory=Played)

    @classmethod
    @asynccontextmanager
    async def opened(cls, url: str, superuser: str, archived: ArchiveSettings | None = None) -> AsyncIterator[CashDesk]:
        """Over the application's own role; the superuser moves time. archived: None where nothing is archived."""
        database, archive = Database(url, pool_size=25), None
        if archived is not None:
            at = archived
            archive = Archive(at.endpoint, at.access_key, at.secret_key.get_secret_value(), at.bucket)
            await archive.prepare()
        vault = Vault({"first": secrets.token_bytes(32)}, "first", secrets.token_bytes(32))
        records = Records(database, vault, Clients(vault), Documents(cast(Archive, archive), vault))
        yield cls(records, await hired(records), superuser)
        await database.close()

    @property
    def orders(self) -> CashOrders:
        return CashOrders(self.records, self.played, self.played)

    async def placed(self, amount: str = "150000.00", **more: Any) -> ApplicationRef:
        """An order at the first desk that waits, with its client."""
        ref = await signed(self.records, more.pop("how", at_desk()), amount, **more)
        assert (await self.orders.place_order(ref)).state == "waiting"
        return ref

    async def code(self, ref: ApplicationRef) -> str:
        """A fresh code of the client."""
        return await code_for(self.records, ref)

    async def pay(self, ref: ApplicationRef, code: str, staff: UUID | None = None, **given: Any) -> Outcome:
        """One try at the desk."""
        plain = {"receipt": f"KO-{uuid4().hex[:12].upper()}", "desk": "almaty-1", "document_number": DOCUMENT}
        handed = HandedOut(number=number(ref), code=code, staff_id=staff or self.cashier, **{**plain, **given})
        async with self.records.moment() as moment:
            return await cash_desk.hand_out(moment, self.records, handed)

    async def row(self, ref: ApplicationRef) -> CashOrder:
        """The order as it stands."""
        async with self.records.moment() as moment:
            found = await cash_orders.of_application(moment.session, ref.application_id)
        assert found is not None
        return found

    async def booked(self, ref: ApplicationRef) -> dict[str, Any]:
        """What stands in our books of an application."""
        async with self.records.moment() as moment:
            session, key = moment.session, f"disburse:{ref.application_id}"
            posting = col(LedgerPosting.key) == key
            entries = (await session.exec(select(LedgerEntry).join(LedgerPosting).where(posting))).all()
            loans = select(func.count()).where(col(Loan.application_id) == ref.application_id)
            return {
                "stage": (await session.get_one(Application, ref.application_id)).stage,
                "payment": (await session.get_one(OutboundPayment, key)).state,
                "loans": (await session.exec(loans)).one(),
                "entries": {(entry.account, entry.side, str(entry.amount)) for entry in entries},
            }

    def ends(self, ref: ApplicationRef, seconds: float) -> None:
        """The order ends so many seconds from now; less than none: it has ended."""
        moved = "update cash_order set expires_at = clock_timestamp() + make_interval(secs => %s) where number = %s"
        with psycopg.connect(libpq_url(self.superuser), autocommit=True) as connection:
            connection.execute(moved, [seconds, number(ref)])
