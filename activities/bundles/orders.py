"""Bundles that the regulator or staff ask for: made by a case of their own, archived, then fetched.

Rules: para 32.
"""

from __future__ import annotations

from uuid import UUID

from sqlmodel import col, func, select
from temporalio import activity

from activities.bundles.gather import Bundles
from activities.context import Moment, Records
from activities.lender_signature import LenderSignature
from activities.retention import loan_end
from rules.errors import NotFound
from rules.evidence import Frozen
from storage import audit, loans
from storage.tables import ProofBundle


class BundleRef(Frozen):
    """Which bundle."""

    bundle_id: UUID


class BundleMade(Frozen):
    """The archived file."""

    document_id: UUID
    sha256: str


class BundleOrders:
    """Makes what was asked for."""

    def __init__(self, records: Records, signature: LenderSignature) -> None:
        self._records, self._bundles = records, Bundles(records, signature)

    @activity.defn
    async def make_bundle(self, ref: BundleRef) -> BundleMade:
        """Make the file and archive it, once.

        Raises:
            NotFound: `bundle-unknown`.
            Unavailable: archive or time-stamping authority are away.
        """
        async with self._records.moment() as moment:
            asked = await get(moment, ref.bundle_id)
        if asked.document_id is not None and asked.sha256 is not None:
            return BundleMade(document_id=asked.document_id, sha256=asked.sha256)
        content = await self._bundles.made(asked.loan_id)
        async with self._records.moment() as moment:
            asked = await get(moment, ref.bundle_id, lock=True)
            if asked.document_id is not None and asked.sha256 is not None:
                return BundleMade(document_id=asked.document_id, sha256=asked.sha256)
            loan = await loans.get(moment.session, asked.loan_id)
            document = await self._records.documents.keep(
                moment.session,
                content,
                kind="proof_bundle",
                media_type="application/zip",
                direction="made",
                client=None,
                retain_until=moment.retain_until(await loan_end(moment.session, loan, moment.day)),
            )
            asked.document_id, asked.sha256, asked.made_at = document.id, document.sha256, moment.at
            moment.session.add(asked)
            return BundleMade(document_id=document.id, sha256=document.sha256)


async def ask(moment: Moment, loan_id: UUID, staff_id: UUID) -> ProofBundle:
    """Note that somebody wants a bundle of a loan, in the caller's transaction.

    Raises:
        NotFound: `loan-unknown`.
    """
    loan = await loans.lock(moment.session, loan_id)
    query = select(func.count()).where(col(ProofBundle.loan_id) == loan.id)
    n = 1 + int((await moment.session.exec(query)).one())
    asked = ProofBundle(loan_id=loan.id, n=n, asked_by=staff_id, asked_at=moment.at)
    moment.session.add(asked)
    await audit.record(
        moment.session,
        actor=f"staff:{staff_id}",
        action="bundle-asked",
        subject=f"loan:{loan.id}",
        paragraph="32",
        detail={"bundle": str(asked.id), "n": n},
    )
    await moment.session.flush()
    return asked


async def get(moment: Moment, bundle_id: UUID, *, lock: bool = False) -> ProofBundle:
    """A bundle that was asked for.

    Raises:
        NotFound: `bundle-unknown`.
    """
    query = select(ProofBundle).where(col(ProofBundle.id) == bundle_id)
    found = (await moment.session.exec(query.with_for_update() if lock else query)).one_or_none()
    if found is None:
        raise NotFound("bundle-unknown")
    return found
