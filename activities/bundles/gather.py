"""Puts the proof of one loan together: its records, its part of the audit trail up to a sealed head, and the seals.

No personal data: ids, hashes, figures, decisions. The documents themselves stay in the archive.

Rules: para 11; para 32.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from activities import loan_book
from activities.audit_seals import AuditSeals
from activities.bundles.container import canonical, manifest, packed
from activities.context import Moment, Records
from activities.lender_signature import LenderSignature
from rules import loan as fold
from rules.merkle import Tree
from storage import loans, proofs, seals
from storage.tables import Application, AuditSeal, Loan

FORMAT = 1


class Bundles:
    """Makes bundles; the trail is sealed first, so that every row of the loan lies under a seal."""

    def __init__(self, records: Records, signature: LenderSignature) -> None:
        self._records, self._signature = records, signature
        self._seals = AuditSeals(records, signature)

    async def made(self, loan_id: UUID) -> bytes:
        """The file, as of now.

        Raises:
            NotFound: `loan-unknown`.
            Unavailable: archive or time-stamping authority are away.
        """
        async with self._records.moment() as moment:
            await loan_book.catch_up(moment, loan_id)  # so that the ledger shown is the debt shown
        async with self._records.moment() as moment:
            sealed = await self._seals.seal_in(moment)
            while sealed.more:
                sealed = await self._seals.seal_in(moment)
        async with self._records.moment() as moment:
            loan = await loans.get(moment.session, loan_id)
            members = await self._members(moment, loan, sealed.last)
            head = {"format": FORMAT, "loan": str(loan.id), "number": loan.number, "made_at": moment.at.isoformat()}
        listed = manifest(members, head)
        return packed(members, listed, await self._signature.sign(listed))

    async def _members(self, moment: Moment, loan: Loan, last: int) -> dict[str, bytes]:
        found = await proofs.parts(
            moment.session, loan_id=loan.id, application_id=loan.application_id, client_id=loan.client_id
        )
        values = {**found, "loan": await _loan(moment, loan)}
        documents = [one["id"] for one in found["documents"]]
        subjects = proofs.subjects(loan.id, loan.application_id, loan.client_id, documents)
        rows = await seals.rows_of(moment.session, subjects, last)
        over = await seals.covering(moment.session, [row.n for row in rows])
        values["audit"] = await _audit(moment, rows, over)
        members = {f"{name}.json": canonical(value) for name, value in values.items()}
        for seal in over:
            members[f"seals/{seal.n}.json"] = (await self._load(moment, seal.document_id))[1]
            members[f"seals/{seal.n}.p7s"] = (await self._load(moment, seal.cms_document_id))[1]
        return members

    async def _load(self, moment: Moment, document_id: UUID) -> tuple[Any, bytes]:
        return await self._records.documents.load(moment.session, document_id)


async def _loan(moment: Moment, loan: Loan) -> dict[str, Any]:
    """The loan with its facts and its debt today; whoever checks computes the debt again, and the ledger beside it."""
    application = await moment.session.get_one(Application, loan.application_id)
    events, terms = await loans.events(moment.session, loan.id), loans.terms(loan)
    on = max(moment.day, loan.disbursed_on)
    return {
        "id": str(loan.id),
        "number": loan.number,
        "status": loan.status,
        "application": str(application.id),
        "client": str(loan.client_id),
        "edition": application.edition,
        "policy_version": application.policy_version,
        "product": f"{application.product_code}@{application.product_version}",
        "decision": application.decision,
        "terms": terms.model_dump(mode="json"),
        "facts": [event.model_dump(mode="json") for event in events],
        "as_of": on.isoformat(),
        "debt": fold.position(events, terms, on).model_dump(mode="json"),
    }


async def _audit(moment: Moment, rows: list[seals.AuditRow], over: list[AuditSeal]) -> list[dict[str, Any]]:
    """The rows with their way to the root of the seal that covers them."""
    told = []
    for seal in over:
        tree = Tree(await seals.hashes(moment.session, seal.first, seal.last))
        told += [
            {
                "n": row.n,
                "hash": row.hash,
                "text": row.hashed,
                "seal": seal.n,
                "path": [step.hex() for step in tree.path(row.n - seal.first)],
            }
            for row in rows
            if seal.first <= row.n <= seal.last
        ]
    return told
