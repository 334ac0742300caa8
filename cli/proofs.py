"""What one case has left behind in bank, ledger, archive, audit trail and database; and whether it is right."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import httpx
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from activities.context import open_records
from infra.settings import Settings, state_folder
from rules.calendar import local_date
from rules.money import Money
from storage import audit, book_check, ledger
from storage.clock import now
from storage.tables import (
    Application,
    BureauReport,
    Client,
    Contract,
    Document,
    LedgerEntry,
    LedgerPosting,
    Loan,
    OutboundPayment,
)


class Progress(Protocol):
    """Where lines go."""

    def line(self, text: str) -> None:
        """One line."""


async def proofs_of(settings: Settings, application_id: str, show: Progress) -> dict[str, Any]:
    """Everything to look at, read back from the stores themselves."""
    kept = open_records(**settings.records())
    try:
        async with kept.database.begin() as session:
            application = await session.get_one(Application, UUID(application_id))
            contract = (
                await session.exec(select(Contract).where(col(Contract.application_id) == application.id))
            ).one()
            loan = (await session.exec(select(Loan).where(col(Loan.application_id) == application.id))).one()
            payment = await session.get_one(OutboundPayment, f"disburse:{application.id}")
            client = await session.get_one(Client, application.client_id)
            documents = (
                await session.exec(
                    select(Document).where(col(Document.client_id) == client.id).order_by(col(Document.created_at))
                )
            ).all()
            _, pdf = await kept.documents.load(session, contract.document_id)
            intact = 0
            for document in documents:
                _, content = await kept.documents.load(session, document.id)
                intact += hashlib.sha256(content).hexdigest() == document.sha256
            trail = await audit.verify(session)
            posted = await _posting(session, f"disburse:{application.id}")
            debits, credits = await ledger.totals(session)
            asked = (
                await session.exec(
                    select(BureauReport.occasion).where(col(BureauReport.application_id) == application.id)
                )
            ).all()
            today = local_date(await now(session))
        async with kept.database.begin() as session:
            books = await book_check.check(session, today)
        payouts = await _payouts(settings, application_id)
    finally:
        await kept.close()
    file = state_folder() / "demo" / f"{contract.number}.pdf"
    _save(file, pdf)
    return {
        "loan_id": str(loan.id),
        "contract": {"sha256": contract.sha256, "pages": contract.pages, "number": contract.number, "file": str(file)},
        "archive": [
            {
                "kind": one.kind,
                "key": one.key,
                "version_id": one.version_id,
                "sha256": one.sha256,
                "retain_until": one.retain_until.isoformat(),
            }
            for one in documents
        ],
        "bank": {
            "payout_id": payment.payout_id,
            "amount": str(payment.amount),
            "reference": payment.bank_reference,
            "payouts": payouts,
        },
        "ledger": {"debit": str(posted["D"]), "credit": str(posted["C"])},
        "audit": {"rows": trail.rows, "head": trail.head, "verified": trail.verified},
        "checks": {
            "stage": application.stage,
            "amount": str(application.amount),
            "documents_intact": intact == len(documents),
            "pdf_is_what_was_signed": hashlib.sha256(pdf).hexdigest() == contract.sha256,
            "signed": contract.signature_id is not None and contract.sealed_document_id is not None,
            "books": [str(debits), str(credits)],
            "books_agree": books.ok,
            "bureau_asked": sorted(asked),
            "client": client.status,
        },
    }


def invariants_of(proofs: dict[str, Any]) -> dict[str, bool]:
    """The promises of the system, checked on this one case."""
    checks, bank, ledger_of_loan = proofs["checks"], proofs["bank"], proofs["ledger"]
    amount = checks["amount"]
    return {
        "client_registered_with_all_proofs": checks["client"] == "REGISTERED",
        "contract_signed_and_sealed_before_money": checks["signed"] and checks["stage"] == "ISSUED",
        "signed_bytes_are_the_archived_ones": checks["pdf_is_what_was_signed"],
        "every_document_archived_locked_and_intact": checks["documents_intact"] and bool(proofs["archive"]),
        "bureau_asked_twice": checks["bureau_asked"] == ["before_disbursement", "decision"],
        "money_left_once": len(bank["payouts"]) == 1 and bank["payouts"][0]["status"] == "DONE",
        "amount_right_to_the_tiyn": amount == bank["amount"] == ledger_of_loan["debit"] == bank["payouts"][0]["amount"],
        "ledger_balances": checks["books"][0] == checks["books"][1]
        and ledger_of_loan["debit"] == ledger_of_loan["credit"],
        "ledger_repeats_the_facts_of_every_loan": checks["books_agree"],
        "audit_chain_verified": proofs["audit"]["verified"],
    }


async def _posting(session: AsyncSession, key: str) -> dict[str, Money]:
    query = select(LedgerEntry).join(LedgerPosting).where(col(LedgerPosting.key) == key)
    sides = {"D": Money(0), "C": Money(0)}
    for entry in (await session.exec(query)).all():
        sides[entry.side] += entry.amount
    return sides


async def _payouts(settings: Settings, order_id: str) -> list[dict[str, Any]]:
    """The bank's own books on this order, asked directly."""
    bank = settings.parties.bank
    headers = {"Authorization": f"Bearer {bank.token.get_secret_value()}"}
    async with httpx.AsyncClient(headers=headers, timeout=10) as http:
        response = await http.get(f"{bank.url}/v1/payouts", params={"order_id": order_id})
        answer = response.json()
    return answer if isinstance(answer, list) else [answer]


def _save(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
