"""Records for the bureau as rows: each loan's line, what may travel next, what became of it.

A record may travel when nothing before it in its loan's line is waiting, under way or rejected. So a batch holds one
record of a loan at most, and a later word never overtakes an earlier one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.errors import NotFound
from storage.database import run
from storage.tables import FurnishingBatch, FurnishingDecision, FurnishingRecord, Loan

_LOCK = 4217  # of making batches: two makers would see the same records
_DUE = """
    from furnishing_record r where r.state = 'waiting' and r.batch_id is null and not exists (
        select 1 from furnishing_record e where e.loan_id = r.loan_id and e.place < r.place
        and e.state in ('waiting', 'sent', 'rejected'))
"""
_TAKE_DUE = "select r.id" + _DUE + "order by r.created_at, r.id limit :limit for update of r"
_ANY_DUE = "select 1" + _DUE + "limit 1"


async def by_key(session: AsyncSession, key: str) -> FurnishingRecord | None:
    """The record of a business fact."""
    return (await session.exec(select(FurnishingRecord).where(col(FurnishingRecord.key) == key))).one_or_none()


async def by_id(session: AsyncSession, record_id: UUID) -> FurnishingRecord:
    """The record as it stands in the database now.

    Raises:
        NotFound: `furnishing-unknown`.
    """
    query = select(FurnishingRecord).where(col(FurnishingRecord.id) == record_id)
    record = (await session.exec(query.execution_options(populate_existing=True))).one_or_none()
    if record is None:
        raise NotFound("furnishing-unknown")
    return record


async def newest(session: AsyncSession, key: str) -> FurnishingRecord:
    """What stands now in the place of a business fact's record: itself, or what was sent instead of it.

    Raises:
        NotFound: `furnishing-unknown`.
    """
    first = await by_key(session, key)
    if first is None:
        raise NotFound("furnishing-unknown")
    query = select(FurnishingRecord).where(
        col(FurnishingRecord.loan_id) == first.loan_id,
        col(FurnishingRecord.place) == first.place,
        col(FurnishingRecord.state) != "superseded",
    )
    return (await session.exec(query.execution_options(populate_existing=True))).one()


async def next_place(session: AsyncSession, loan_id: UUID) -> int:
    """The end of the loan's line; the caller holds the loan's lock."""
    query = select(func.max(FurnishingRecord.place)).where(col(FurnishingRecord.loan_id) == loan_id)
    return ((await session.exec(query)).one() or 0) + 1


async def word_on_reporting(session: AsyncSession, loan_id: UUID) -> FurnishingRecord | None:
    """The last SUSPEND_REPORTING or RESUME of a loan, sent or not; None where there was none."""
    query = (
        select(FurnishingRecord)
        .where(
            col(FurnishingRecord.loan_id) == loan_id,
            col(FurnishingRecord.op).in_(("SUSPEND_REPORTING", "RESUME")),
            col(FurnishingRecord.state) != "superseded",
        )
        .order_by(col(FurnishingRecord.place).desc())
        .limit(1)
    )
    return (await session.exec(query.execution_options(populate_existing=True))).first()


async def reporting_suspended(session: AsyncSession, loan_id: UUID) -> bool:
    """Whether the last word on reporting, sent or not, is that the debt is not sent. Rules: para 13, part 2."""
    last = await word_on_reporting(session, loan_id)
    return last is not None and last.op == "SUSPEND_REPORTING"


async def held_up(session: AsyncSession, record: FurnishingRecord) -> bool:
    """Whether the bureau has rejected this record, or one before it in the loan's line: people must mend that first."""
    query = select(FurnishingRecord.id).where(
        col(FurnishingRecord.loan_id) == record.loan_id,
        col(FurnishingRecord.place) <= record.place,
        col(FurnishingRecord.state) == "rejected",
    )
    return (await session.exec(query.limit(1))).first() is not None


async def loans_of(session: AsyncSession, batch_id: UUID | None, decision_id: UUID | None) -> set[UUID]:
    """Loans that a batch tells of, or the record that two people have decided on."""
    query = select(FurnishingRecord.loan_id)
    if batch_id is not None:
        query = query.where(col(FurnishingRecord.batch_id) == batch_id)
    else:
        query = query.join(FurnishingDecision, col(FurnishingDecision.record_id) == col(FurnishingRecord.id))
        query = query.where(col(FurnishingDecision.id) == decision_id)
    return set((await session.exec(query)).all())


async def recall_updates(session: AsyncSession, loan_id: UUID) -> int:
    """Take back the loan's updates that are not at the bureau; how many there were."""
    taken = await run(
        session,
        "update furnishing_record set state = 'superseded' where loan_id = :loan and op = 'UPDATE'"
        " and (state = 'rejected' or (state = 'waiting' and batch_id is null))",
        loan=loan_id,
    )
    return taken.rowcount


async def behind(session: AsyncSession, record: FurnishingRecord) -> Sequence[FurnishingRecord]:
    """What waits in the loan's line after a record that holds it up, in its order; the caller holds the loan's lock."""
    query = select(FurnishingRecord).where(
        col(FurnishingRecord.loan_id) == record.loan_id,
        col(FurnishingRecord.place) > record.place,
        col(FurnishingRecord.state) == "waiting",
    )
    query = query.order_by(col(FurnishingRecord.place))
    return (await session.exec(query.execution_options(populate_existing=True))).all()


async def make_batch(session: AsyncSession, batch_id: UUID, limit: int) -> int:
    """Put what may travel now, oldest first, into a new batch; how many records it has. Nothing waits: no batch.

    The same id again is the same batch, whatever has come to wait since.
    """
    await run(session, "select pg_advisory_xact_lock(:lock)", lock=_LOCK)
    known = await session.get(FurnishingBatch, batch_id)
    if known is not None:
        return known.size
    due = list((await run(session, _TAKE_DUE, limit=limit)).scalars())
    await put_into_batch(session, batch_id, due)
    return len(due)


async def put_into_batch(session: AsyncSession, batch_id: UUID, record_ids: Sequence[UUID]) -> None:
    """A new batch of these waiting records, in this order."""
    if not record_ids:
        return
    await run(
        session,
        "insert into furnishing_batch (id, made_at, state, size) values (:id, clock_timestamp(), 'open', :size)",
        id=batch_id,
        size=len(record_ids),
    )
    await run(
        session,
        "update furnishing_record r set batch_id = :batch, batch_index = o.n - 1, state = 'waiting'"
        " from unnest(cast(:ids as uuid[])) with ordinality as o (id, n) where r.id = o.id",
        batch=batch_id,
        ids=list(record_ids),
    )


async def locked_batch(session: AsyncSession, batch_id: UUID) -> FurnishingBatch:
    """The batch's row, this transaction's alone.

    Raises:
        NotFound: `batch-unknown`.
    """
    query = select(FurnishingBatch).where(col(FurnishingBatch.id) == batch_id).with_for_update()
    batch = (await session.exec(query.execution_options(populate_existing=True))).one_or_none()
    if batch is None:
        raise NotFound("batch-unknown")
    return batch


async def of_batch(session: AsyncSession, batch_id: UUID) -> Sequence[tuple[FurnishingRecord, UUID]]:
    """The batch's records in the bureau's order, each with the borrower's id."""
    query = (
        select(FurnishingRecord, Loan.client_id)
        .join(Loan, col(Loan.id) == col(FurnishingRecord.loan_id))
        .where(col(FurnishingRecord.batch_id) == batch_id)
        .order_by(col(FurnishingRecord.batch_index))
    )
    return (await session.exec(query.execution_options(populate_existing=True))).all()


async def set_sent(session: AsyncSession, batch: FurnishingBatch, at: datetime) -> None:
    """The bureau has taken the batch."""
    batch.state, batch.sent_at = "sent", at
    session.add(batch)
    await run(
        session,
        "update furnishing_record set state = 'sent', attempts = attempts + 1 where batch_id = :batch",
        batch=batch.id,
    )


async def set_answered(
    session: AsyncSession, batch: FurnishingBatch, rejected: Mapping[int, tuple[str, str]], at: datetime
) -> None:
    """The bureau's last word on each record. rejected: index -> code and message."""
    batch.state, batch.answered_at = "done", at
    session.add(batch)
    for record, _ in await of_batch(session, batch.id):
        refusal = rejected.get(record.batch_index or 0)
        record.state, record.answered_at = "accepted" if refusal is None else "rejected", at
        if refusal is not None:
            record.rejection_code, record.rejection_message = refusal
        session.add(record)
    await session.flush()


async def is_any_due(session: AsyncSession) -> bool:
    """Whether a batch could be made now."""
    return (await run(session, _ANY_DUE)).first() is not None


async def unfinished(session: AsyncSession, limit: int) -> Sequence[UUID]:
    """Batches without the bureau's last word, oldest first."""
    query = select(FurnishingBatch.id).where(col(FurnishingBatch.state) != "done")
    return (await session.exec(query.order_by(col(FurnishingBatch.made_at)).limit(limit))).all()


async def counts(session: AsyncSession) -> Mapping[str, int]:
    """How many records wait, are sent, are rejected."""
    query = (
        select(FurnishingRecord.state, func.count())
        .where(col(FurnishingRecord.state).in_(("waiting", "sent", "rejected")))
        .group_by(col(FurnishingRecord.state))
    )
    return dict((await session.exec(query)).all())


async def in_state(session: AsyncSession, state: str, limit: int) -> Sequence[tuple[FurnishingRecord, str]]:
    """Records in a state with their contract numbers, oldest first."""
    query = (
        select(FurnishingRecord, Loan.number)
        .join(Loan, col(Loan.id) == col(FurnishingRecord.loan_id))
        .where(col(FurnishingRecord.state) == state)
        .order_by(col(FurnishingRecord.created_at))
        .limit(limit)
    )
    return (await session.exec(query)).all()
