"""A record that the bureau refuses for ever: an officer proposes what becomes of it, compliance confirms it.

Dropped, or told anew as the loan stands now; either way the rest of the loan's line moves again. Who may be the first
person and who the second is asked by the API, that they are two by the database as well.

Law on microfinance, art. 4. Rules: para 13, part 2; para 27.
"""

from __future__ import annotations

from uuid import UUID

from activities.context import Moment, Records
from activities.furnishing_queue import drop, paragraph_of, rejected, tell_otherwise
from rules.errors import InvalidInput
from rules.furnishing import Op
from storage import audit, furnishing, furnishing_decisions
from storage.furnishing_decisions import FurnishingDecisions
from storage.tables import FurnishingDecision, FurnishingRecord

_OF_CONTRACT = frozenset({Op.NEW, Op.UPDATE})  # a bureau may know a contract that we call new, or have lost one


def told_as(record: FurnishingRecord, wanted: Op | None) -> Op:
    """What a record is told as when it is told anew.

    Raises:
        InvalidInput: `furnishing-op-wrong`: only a NEW and an UPDATE can take each other's place.
    """
    op = Op(record.op)
    if wanted is None or wanted is op:
        return op
    if {wanted, op} != _OF_CONTRACT:
        raise InvalidInput("furnishing-op-wrong", field="/tell_as")
    return wanted


async def propose(
    records: Records,
    moment: Moment,
    record_id: UUID,
    *,
    way: str,
    tell_as: Op | None,
    reason: str,
    words: str,
    staff_id: UUID,
) -> FurnishingDecision:
    """The first person's word about a rejected record. way: drop | replace.

    Raises:
        NotFound: `furnishing-unknown`.
        Conflict: `furnishing-not-rejected`, or `furnishing-decision-open`.
        InvalidInput: `furnishing-op-wrong`.
    """
    _, record = await rejected(moment, record_id)
    if way == "drop" and tell_as is not None:
        raise InvalidInput("furnishing-op-wrong", field="/tell_as")
    op = None if way == "drop" else told_as(record, tell_as)
    file = FurnishingDecisions(records.vault)
    word = await file.propose(moment.session, record.id, op, reason, words, staff_id)
    await _note(moment, record, word, "furnishing-decision-proposed", staff_id)
    return word


async def confirm(
    moment: Moment, record_id: UUID, decision_id: UUID, staff_id: UUID
) -> tuple[FurnishingDecision, FurnishingRecord | None]:
    """The second person's word, and what follows from it: the word, and the record that is told instead.

    Raises:
        NotFound: `furnishing-unknown`, `furnishing-decision-unknown`.
        Conflict: `furnishing-not-rejected`, `furnishing-decision-decided`; what forbids to tell it:
            `furnishing-suspended`, `loan-still-owed`.
        NotAllowed: `second-person-needed`.
    """
    loan, record = await rejected(moment, record_id)
    word = await furnishing_decisions.confirm(moment.session, record_id, decision_id, staff_id)
    if word.op is None:
        await drop(moment, record)
        await _note(moment, record, word, "furnishing-dropped", staff_id)
        return word, None
    new = await tell_otherwise(moment, loan, record, Op(word.op))
    await _note(moment, record, word, "furnishing-replaced", staff_id, new)
    return word, new


async def refuse(moment: Moment, record_id: UUID, decision_id: UUID, staff_id: UUID) -> FurnishingDecision:
    """Somebody says no, or the first person takes the word back.

    Raises:
        NotFound: `furnishing-unknown`, `furnishing-decision-unknown`.
        Conflict: `furnishing-decision-decided`.
    """
    record = await furnishing.by_id(moment.session, record_id)
    word = await furnishing_decisions.refuse(moment.session, record_id, decision_id, staff_id)
    await _note(moment, record, word, "furnishing-decision-refused", staff_id)
    return word


async def _note(
    moment: Moment,
    record: FurnishingRecord,
    word: FurnishingDecision,
    action: str,
    staff_id: UUID,
    new: FurnishingRecord | None = None,
) -> None:
    told = {} if new is None else {"record": str(new.id), "hash": new.record_hash, "as_of": str(new.as_of)}
    await audit.record(
        moment.session,
        actor=f"staff:{staff_id}",
        action=action,
        subject=f"loan:{record.loan_id}",
        reason=word.reason,
        paragraph=paragraph_of(record.op),
        detail={
            "decision": str(word.id),
            "way": word.way,
            "op": word.op or record.op,
            "rejected": str(record.id),
            "code": record.rejection_code,
            "proposed_by": str(word.proposed_by),
            **told,
        },
    )
