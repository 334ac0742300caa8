"""Loans on a real database, on any day that a test wants: client, application and contract are made, time is given."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from activities.context import Moment
from activities.loans import open_loan
from rules.calendar import ALMATY
from rules.loan_events import LoanEvent, Paid
from rules.money import Money
from rules.policy import policy
from rules.schedule import LoanTerms, Method
from storage import ledger, loans
from storage.database import Database, run
from storage.tables import Application, Client, Contract


def a_loan(**changes: Any) -> LoanTerms:
    """Terms of a small loan of the year 2026."""
    plain: dict[str, Any] = {
        "principal": Money(150_000),
        "rate_percent_per_year": Decimal("37.8"),
        "periods": 6,
        "method": Method.ANNUITY,
        "disbursed": date(2026, 1, 31),
        "first_due": date(2026, 2, 28),
    }
    return LoanTerms.model_validate(plain | changes)


def noon(day: date) -> datetime:
    """An instant of a day in Almaty."""
    return datetime.combine(day, time(12), ALMATY).astimezone(UTC)


@dataclass
class LoanWorld:
    """Makes loans and moments."""

    database: Database
    made: list[UUID] = field(default_factory=list)

    @asynccontextmanager
    async def on(self, day: date) -> AsyncIterator[Moment]:
        """One transaction that believes it is noon of a day."""
        async with self.database.begin() as session:
            yield Moment(session, noon(day), day, policy(day))

    async def applied(
        self, amount: Money, months: int, day: date, client_id: UUID | None = None, kind: str = "INDIVIDUAL"
    ) -> Application:
        """An application for a personal loan, of a new client where none is given."""
        async with self.on(day) as moment:
            plain = {"created_at": moment.at, "edition": "2025b"}
            if client_id is None:
                client = Client(
                    kind=kind, status="REGISTERING", language="kk", iin_index=secrets.token_bytes(8),
                    iin_hash=secrets.token_bytes(8), bin_hash=b"b" if kind == "LEGAL_ENTITY" else None,
                    phone_index=secrets.token_bytes(8), data_key=b"k", personal=b"p", **plain,
                )  # fmt: skip
                moment.session.add(client)
                await moment.session.flush()
                client_id = client.id
            application = Application(
                client_id=client_id, stage="DISBURSING", amount=amount, term_months=months, purpose="REPAIR",
                receiving_method="OWN_ACCOUNT", account=b"a", account_index=b"a", policy_version="1",
                product_code="personal", product_version="1", updated_at=moment.at, **plain,
            )  # fmt: skip
            moment.session.add(application)
        return application

    async def contracted(self, application: Application, terms: LoanTerms) -> Application:
        """The contract of an application."""
        async with self.on(terms.disbursed) as moment:
            contract = Contract(
                application_id=application.id, client_id=application.client_id, created_at=moment.at,
                number=f"MK-2026-{secrets.token_hex(5).upper()}", document_id=uuid4(), sha256="0" * 64, pages=1,
                template_version="1", terms=terms.model_dump(mode="json"),
            )  # fmt: skip
            moment.session.add(contract)
        return application

    async def application(self, terms: LoanTerms) -> Application:
        """An application whose contract has these terms; no money has left."""
        applied = await self.applied(terms.principal, terms.periods, terms.disbursed)
        return await self.contracted(applied, terms)

    async def issued(self, terms: LoanTerms, day: date | None = None) -> UUID:
        """A loan whose money has left."""
        application, day = await self.application(terms), day or terms.disbursed
        async with self.on(day) as moment:
            loan = await open_loan(moment, application, day)
        self.made.append(loan.id)
        return loan.id

    async def ledger_of(self, loan_id: UUID) -> dict[str, Money]:
        """Balances of the loan's postings."""
        async with self.database.begin() as session:
            return await ledger.of_loan(session, loan_id)

    async def facts(self, loan_id: UUID) -> list[LoanEvent]:
        """The stored events."""
        async with self.database.begin() as session:
            return await loans.events(session, loan_id)

    async def status(self, loan_id: UUID) -> str:
        """As the loan's row shows it."""
        async with self.database.begin() as session:
            return (await loans.get(session, loan_id)).status

    async def by_day(self, loan_id: UUID) -> dict[tuple[date, str], Money]:
        """What each day added to each account of the loan."""
        async with self.database.begin() as session:
            rows = await run(
                session,
                "select value_date, account, sum(case side when 'D' then amount else -amount end) as amount"
                " from ledger_entry join ledger_posting on ledger_posting.id = posting_id where loan_id = :loan"
                " group by 1, 2",
                loan=loan_id,
            )
            return {(row.value_date, row.account): Money(row.amount) for row in rows if row.amount}

    async def postings(self, loan_id: UUID) -> list[str]:
        """Keys of the loan's postings, in the order of their days."""
        async with self.database.begin() as session:
            rows = await run(
                session,
                "select key from ledger_posting where loan_id = :loan order by value_date, posted_at",
                loan=loan_id,
            )
            return list(rows.scalars())


def paid(on: date, amount: Money | str, key: str | None = None, *, known: date | None = None, **more: Any) -> Paid:
    """A payment."""
    return Paid(
        key=key or f"bank:{secrets.token_hex(8)}", value_date=on, known_at=noon(known or on), amount=amount, **more
    )


A_DAY = timedelta(days=1)
