"""One borrower with a loan, on a real database and a real archive, on any day that a test wants."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID, uuid4

from sqlmodel import col, select

from activities import loan_book
from activities.context import Moment, Records
from activities.loans import LoanRef, open_loan
from rules.client import ClientKind, IdentityDocument, Person
from rules.lender import EXAMPLE
from rules.loan_events import LoanEvent
from rules.policy import policy
from rules.schedule import LoanTerms
from storage import audit, loans
from storage.archive import Archive
from storage.clients import Clients
from storage.database import Database
from storage.documents import Documents
from storage.tables import Application, Client, Contract, Document, Loan, LoanNotice, Message
from storage.vault import Vault
from tests.support.api_world import new_iin, new_phone
from tests.support.loan_world import a_loan, noon, paid

if TYPE_CHECKING:
    from infra.settings import Archive as ArchiveSettings

A_DAY = timedelta(days=1)
TERMS = a_loan()
LENDER = EXAMPLE


@asynccontextmanager
async def opened_records(database_url: str, at: ArchiveSettings) -> AsyncIterator[Records]:
    """Our records on these servers, with keys of their own."""
    archive = Archive(at.endpoint, at.access_key, at.secret_key.get_secret_value(), at.bucket)
    await archive.prepare()
    vault = Vault({"first": secrets.token_bytes(32)}, "first", secrets.token_bytes(32))
    records = Records(Database(database_url, pool_size=10), vault, Clients(vault), Documents(archive, vault))
    yield records
    await records.close()


class Almanac:
    """Records that believe it is noon of `day`."""

    def __init__(self, kept: Records, day: date) -> None:
        self.database, self.vault, self.clients, self.documents = (
            kept.database,
            kept.vault,
            kept.clients,
            kept.documents,
        )
        self.day = day

    @asynccontextmanager
    async def moment(self) -> AsyncIterator[Moment]:
        """One transaction of that day."""
        async with self.database.begin() as session:
            yield Moment(session, noon(self.day), self.day, policy(self.day))

    @property
    def records(self) -> Records:
        """As the activities want them."""
        return cast(Records, self)


class Stamp:
    """A lender's seal that is only a mark; the real one has tests of its own."""

    async def seal(self, pdf: bytes) -> bytes:
        """The PDF with the mark behind it."""
        return pdf + b"%sealed"


class Gateway:
    """An SMS gateway: what was handed over by key, and a refusal or a failure where a test wants one."""

    def __init__(self) -> None:
        self.sent: dict[str, tuple[str, str]] = {}
        self.failure: Exception | None = None

    async def send(self, key: str, phone: str, text: str, ttl_seconds: int) -> str:
        """Hand over once a key."""
        if self.failure is not None:
            raise self.failure
        self.sent.setdefault(key, (phone, text))
        return f"sms-{key}"


@dataclass
class Borrowed:
    """A loan and whose it is."""

    world: Almanac
    client: Client
    person: Person
    ref: LoanRef
    terms: LoanTerms
    loan: Loan = field(repr=False)

    async def pay(self, on: date, amount: Any, **more: Any) -> None:
        """Money comes in and is booked on that day."""
        await self.happened(paid(on, amount, **more), on)

    async def happened(self, event: LoanEvent, on: date | None = None) -> None:
        """A fact is booked."""
        self.world.day = on or event.value_date
        async with self.world.moment() as moment:
            await loan_book.record(moment, self.ref.loan_id, event, actor="system:test", paragraph="7")

    async def row(self) -> Loan:
        """The loan's row now."""
        async with self.world.moment() as moment:
            return await loans.get(moment.session, self.ref.loan_id)

    async def notices(self) -> list[LoanNotice]:
        """All notices, oldest first."""
        async with self.world.moment() as moment:
            query = select(LoanNotice).where(col(LoanNotice.loan_id) == self.ref.loan_id)
            return list((await moment.session.exec(query.order_by(col(LoanNotice.sent_at)))).all())

    async def messages(self) -> list[str]:
        """The texts in the personal account."""
        async with self.world.moment() as moment:
            query = select(Message).where(col(Message.client_id) == self.client.id)
            found = (await moment.session.exec(query)).all()
        vault = self.world.vault
        return [vault.open(self.client.data_key, one.body, f"message:{one.id}").decode() for one in found]

    async def document(self, document_id: UUID) -> tuple[Document, bytes]:
        """A document with its bytes."""
        async with self.world.moment() as moment:
            return await self.world.documents.load(moment.session, document_id)

    async def trail(self) -> list[str]:
        """Actions of the audit trail."""
        async with self.world.moment() as moment:
            return [one["action"] for one in await audit.of_subject(moment.session, f"loan:{self.ref.loan_id}")]


async def borrowed(kept: Records, terms: LoanTerms = TERMS, language: str = "ru") -> Borrowed:
    """A loan whose money has just left."""
    world = Almanac(kept, terms.disbursed)
    person = Person(
        surname="АХМЕТОВА",
        given_name="АЙГЕРІМ",
        iin=new_iin(),
        document=IdentityDocument(number="012345678", expires=date(2035, 4, 11)),
        phone=new_phone(),
    )
    async with world.moment() as moment:
        client = await kept.clients.register(moment.session, person, ClientKind.INDIVIDUAL, language, "2025b")
        loan = await lent_to(moment, client, terms)
    return Borrowed(world, client, person, LoanRef(loan_id=loan.id, client_id=client.id), terms, loan)


async def lent_to(moment: Moment, client: Client, terms: LoanTerms, vault: Vault | None = None, **changes: str) -> Loan:
    """A loan of a client whose money left on the first day of the terms.

    vault: seals the account as real applications have it. changes: stage of the application, `through` of the money.
    """
    through = changes.pop("through", "bank")
    application_id = uuid4()
    account = b"a"
    if vault is not None:
        account = vault.seal_own(b"KZ86125KZT5004100100", f"application:{application_id}:account")
    plain = {"stage": "DISBURSING", **changes}
    application = Application(
        id=application_id, client_id=client.id, amount=terms.principal, term_months=terms.periods,
        purpose="REPAIR", receiving_method="OWN_ACCOUNT", account=account, account_index=b"a", edition="2025b",
        policy_version="1", product_code="personal", product_version="1", created_at=moment.at,
        updated_at=moment.at, **plain,
    )  # fmt: skip
    moment.session.add(application)
    await moment.session.flush()
    contract = Contract(
        application_id=application.id, client_id=client.id, created_at=moment.at,
        number=f"MK-2026-{secrets.token_hex(5).upper()}", document_id=uuid4(), sha256="0" * 64, pages=1,
        template_version="1", terms=terms.model_dump(mode="json"),
    )  # fmt: skip
    moment.session.add(contract)
    await moment.session.flush()
    return await open_loan(moment, application, terms.disbursed, through)
