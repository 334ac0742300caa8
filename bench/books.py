"""After a load: does every accepted application have its money once, and the right sum?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import httpx
from sqlmodel import col, select

from activities.context import open_records
from infra.settings import Settings
from rules.calendar import local_date
from rules.money import Money
from storage import audit, book_check, ledger
from storage.clock import now
from storage.tables import Application, LedgerEntry, LedgerPosting, Loan, OutboundPayment


async def compare(settings: Settings, applications: Sequence[str], amount: str) -> dict[str, Any]:
    """double, lost, wrong_amount: counts over our books and the bank's own; all must be zero.

    books_agree: the ledger repeats every loan's facts.
    """
    kept = open_records(**settings.records())
    double = lost = wrong = 0
    bank = settings.parties.bank
    headers = {"Authorization": f"Bearer {bank.token.get_secret_value()}"}
    try:
        async with kept.database.begin() as session, httpx.AsyncClient(headers=headers, timeout=20) as http:
            ids = (await session.exec(select(Application.id).where(col(Application.stage) == "ISSUED"))).all()
            by_hand = col(OutboundPayment.channel).in_(("cash-desk", "terminal"))
            cash = set((await session.exec(select(OutboundPayment.application_id).where(by_hand))).all())
            for application in {*ids, *map(UUID, applications)} - cash:  # of cash the bank knows nothing
                loans = (await session.exec(select(Loan).where(col(Loan.application_id) == application))).all()
                query = (
                    select(LedgerEntry)
                    .join(LedgerPosting)
                    .where(col(LedgerPosting.key) == f"disburse:{application}", col(LedgerEntry.side) == "D")
                )
                booked = (await session.exec(query)).all()
                answer = (await http.get(f"{bank.url}/v1/payouts", params={"order_id": str(application)})).json()
                paid = [one for one in (answer if isinstance(answer, list) else [answer]) if one.get("payout_id")]
                double += len(paid) > 1 or len(booked) > 1 or len(loans) > 1
                lost += not paid or not booked or not loans
                sums = {one["amount"] for one in paid} | {str(one.amount) for one in booked}
                wrong += bool(sums) and sums != {amount}
            debits, credits = await ledger.totals(session)
            trail = await audit.verify(session)
            today = local_date(await now(session))
        async with kept.database.begin() as session:
            checked = await book_check.check(session, today)
    finally:
        await kept.close()
    return {
        "double": double,
        "lost": lost,
        "wrong_amount": wrong,
        "books_agree": checked.ok,
        "ledger_balances": debits == credits and debits >= Money(0),
        "audit_verified": trail.verified,
    }
