"""The line of records that a loan has for the bureau: what is put at its end, what is sent anew in its old place, and
what two people drop or have told otherwise because the bureau will never take it.

Law on microfinance, art. 4. Rules: para 13, part 2.
"""

from __future__ import annotations

from datetime import date
from uuid import UUID

from activities import loan_book
from activities.context import Moment
from rules.errors import Conflict
from rules.evidence import Frozen
from rules.furnishing import RECALLING, Op, RecordBody, body_of
from storage import audit, furnishing, loans
from storage.tables import FurnishingRecord, Loan

_OF_FRAUD = frozenset({Op.CORRECTION, Op.SUSPEND_REPORTING, Op.RESUME})
_OF_DEBT = frozenset({Op.NEW, Op.UPDATE})  # not told while reporting is suspended


class FurnishWanted(Frozen):
    """Something the bureau must be told. key: the business fact, for example `update:{loan_id}:2026-03-01`.

    as_of: the day it speaks of, without one today (of a NEW: the day the money left). reason, legal_basis: of a
    CORRECTION, SUSPEND_REPORTING or RESUME; a kebab-case code, and act and article; no personal data.
    """

    key: str
    loan_id: UUID
    op: Op
    as_of: date | None = None
    reason: str | None = None
    legal_basis: str | None = None


async def enqueue_in(moment: Moment, wanted: FurnishWanted) -> UUID | None:
    """Put a record at the end of its loan's line, in the caller's transaction; its id. The same key again: the same.

    None where nothing is to be told: an UPDATE while reporting is suspended (the RESUME will have the figures).

    Raises:
        Conflict: `furnishing-key-reused` for another fact; `loan-still-owed`: a CLOSE of a loan that is not closed.
        InvalidInput: `furnishing-basis-missing`.

    Rules: para 13, part 2.
    """
    loan = await loans.lock(moment.session, wanted.loan_id)
    known = await furnishing.by_key(moment.session, wanted.key)
    if known is not None:
        if (known.loan_id, known.op) != (loan.id, wanted.op):
            raise Conflict("furnishing-key-reused")
        return known.id
    if wanted.op is Op.UPDATE and await furnishing.reporting_suspended(moment.session, loan.id):
        return None
    today = loan.disbursed_on if wanted.op is Op.NEW else max(moment.day, loan.disbursed_on)
    body = await _body(moment, loan, wanted.op, wanted.as_of or today, wanted.reason, wanted.legal_basis)
    if wanted.op in RECALLING:
        await _recall_updates(moment, loan, wanted)
    place = await furnishing.next_place(moment.session, loan.id)
    return (await _add(moment, loan, body, key=wanted.key, place=place)).id


async def send_again(moment: Moment, record_id: UUID, *, actor: str, reason: str) -> FurnishingRecord:
    """A rejected record's successor in the same place, with the figures of its day as they are known now.

    Raises:
        NotFound: `furnishing-unknown`.
        Conflict: `furnishing-not-rejected`: it was not, or somebody was quicker; `loan-still-owed`;
            `furnishing-suspended`: the debt is not told while a fraud is looked into.

    Rules: para 13, part 2.
    """
    loan, old = await rejected(moment, record_id)
    said = RecordBody.model_validate(old.body)
    await _check_not_suspended(moment, loan, said.op)
    body = await _body(moment, loan, said.op, old.as_of, said.reason, said.legal_basis)
    new = await _instead(moment, loan, old, body, key=f"again:{old.id}")
    await audit.record(
        moment.session,
        actor=actor,
        action="furnishing-sent-again",
        subject=f"loan:{loan.id}",
        reason=reason,
        paragraph=paragraph_of(said.op),
        detail={"rejected": str(old.id), "code": old.rejection_code, "record": str(new.id), "hash": new.record_hash},
    )
    return new


async def rejected(moment: Moment, record_id: UUID) -> tuple[Loan, FurnishingRecord]:
    """A record that holds up its loan's line, and the loan, locked.

    Raises:
        NotFound: `furnishing-unknown`.
        Conflict: `furnishing-not-rejected`.
    """
    loan_id = (await furnishing.by_id(moment.session, record_id)).loan_id
    loan = await loans.lock(moment.session, loan_id)
    record = await furnishing.by_id(moment.session, record_id)
    if record.state != "rejected":
        raise Conflict("furnishing-not-rejected")
    return loan, record


async def drop(moment: Moment, record: FurnishingRecord) -> None:
    """The bureau is never told it. Its suspension of reporting stands all the same: we stay silent about the debt.

    The database refuses it unless two people said so.
    """
    record.state = "dropped"
    moment.session.add(record)
    await moment.session.flush()


async def tell_otherwise(moment: Moment, loan: Loan, old: FurnishingRecord, op: Op) -> FurnishingRecord:
    """In the place of a rejected record: how the loan stands today, or on the day of what waits behind it.

    What the bureau hears of a loan never goes back in time: updates behind it of days up to that one say nothing new
    any more, and every other record behind it sets the latest day that can be told before it. The database refuses
    another kind or day than the old record's unless two people said so.

    Raises:
        Conflict: `loan-still-owed`: a CLOSE; `furnishing-suspended`: the debt is not told while a fraud is looked into.

    Rules: para 13, part 2.
    """
    await _check_not_suspended(moment, loan, op)
    later = await furnishing.behind(moment.session, old)
    today = max(moment.day, loan.disbursed_on)
    day = min([today, *(one.as_of for one in later if one.op != Op.UPDATE)])
    said = RecordBody.model_validate(old.body)
    body = await _body(moment, loan, op, day, said.reason, said.legal_basis)
    for one in later:
        if one.op == Op.UPDATE and one.as_of <= day and one.batch_id is None:
            one.state = "superseded"
            moment.session.add(one)
    return await _instead(moment, loan, old, body, key=f"instead:{old.id}")


async def _check_not_suspended(moment: Moment, loan: Loan, op: Op) -> None:
    if op in _OF_DEBT and await furnishing.reporting_suspended(moment.session, loan.id):
        raise Conflict("furnishing-suspended")


async def _instead(
    moment: Moment, loan: Loan, old: FurnishingRecord, body: RecordBody, *, key: str
) -> FurnishingRecord:
    old.state = "superseded"
    moment.session.add(old)
    await moment.session.flush()
    return await _add(moment, loan, body, key=key, place=old.place, after=old)


async def _body(
    moment: Moment, loan: Loan, op: Op, as_of: date, reason: str | None, legal_basis: str | None
) -> RecordBody:
    debt = await loan_book.position_of(moment.session, loan.id, as_of)
    return body_of(op, loan.number, loans.terms(loan).principal, debt, reason=reason, legal_basis=legal_basis)


async def _add(
    moment: Moment, loan: Loan, body: RecordBody, *, key: str, place: int, after: FurnishingRecord | None = None
) -> FurnishingRecord:
    record = FurnishingRecord(
        key=key,
        loan_id=loan.id,
        place=place,
        op=body.op,
        as_of=body.as_of,
        body=body.model_dump(mode="json", exclude_none=True),
        record_hash=body.sha256,
        supersedes=after.id if after else None,
        attempts=after.attempts if after else 0,
        created_at=moment.at,
    )
    moment.session.add(record)
    await moment.session.flush()
    return record


async def _recall_updates(moment: Moment, loan: Loan, wanted: FurnishWanted) -> None:
    recalled = await furnishing.recall_updates(moment.session, loan.id)
    if recalled:
        await audit.record(
            moment.session,
            actor="system:worker",
            action="furnishing-recalled",
            subject=f"loan:{loan.id}",
            reason=wanted.reason,
            paragraph="13",
            detail={"records": recalled, "key": wanted.key},
        )


def paragraph_of(op: str) -> str:
    """Why the bureau is told, for the audit trail."""
    return "13" if op in _OF_FRAUD else "law on microfinance, art. 4"
