"""The queue of records for the credit bureau: what it rejected, sending it anew, and the word of two people about what
it refuses for ever.

Law on microfinance, art. 4. Rules: para 27.
"""

from __future__ import annotations

from typing import Annotated, Literal, cast
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from activities import furnishing_decisions as words
from activities.furnishing_queue import send_again
from api.actions import Call
from api.routes.problems import problems
from api.schemas_furnishing import (
    FurnishingAnswer,
    FurnishingDecisionAnswer,
    FurnishingDecisionBody,
    SendAgainBody,
)
from api.schemas_staff import Role
from api.services import Kit, Services
from api.staff import Member, Reviewer, needs
from rules.errors import BusinessError
from rules.furnishing import Op
from storage import furnishing, furnishing_decisions
from storage.furnishing_decisions import FurnishingDecisions
from storage.tables import FurnishingDecision, FurnishingRecord
from workflows.furnishing import RoundDue

router = APIRouter(prefix="/staff/api/furnishing", tags=["staff"])

Officer = Annotated[Member, Depends(needs(Role.OFFICER))]
Compliance = Annotated[Member, Depends(needs(Role.COMPLIANCE))]
_SHOWN = 200
_HEAD = {"op", "contract_no", "as_of"}


@router.get("", responses=problems(401, 403, 422))
async def queue(
    kit: Kit,
    member: Reviewer,
    state: Annotated[Literal["waiting", "sent", "accepted", "rejected", "superseded", "dropped"], Query()] = "rejected",
) -> list[FurnishingAnswer]:
    """Records in a state, oldest first: the rejected ones hold up everything later of their loans."""
    async with kit.records.moment() as moment:
        found = await furnishing.in_state(moment.session, state, _SHOWN)
        said = await furnishing_decisions.of_records(moment.session, [record.id for record, _ in found])
        return [
            _told(record, contract_no).model_copy(
                update={"decisions": [_word(kit, one) for one in said.get(record.id, [])]}
            )
            for record, contract_no in found
        ]


@router.post("/{record_id}/retry", status_code=201, responses=problems(401, 403, 404, 409, 422))
async def retry(record_id: UUID, body: SendAgainBody, kit: Kit, member: Officer) -> FurnishingAnswer:
    """Send a rejected record anew, with the figures of its day as they are known now, once its cause is corrected."""
    async with kit.records.moment() as moment:
        record = await send_again(moment, record_id, actor=member.who, reason=body.reason_code)
        call = _round("record", record.id)
        await kit.actions.keep(moment.session, call)  # whoever dies now, the round will come
        answer = _told(record, str(record.body["contract_no"]))
    await kit.actions.begin(call)
    return answer


@router.post("/{record_id}/decisions", status_code=201, responses=problems(401, 403, 404, 409, 422))
async def propose(record_id: UUID, body: FurnishingDecisionBody, kit: Kit, member: Officer) -> FurnishingDecisionAnswer:
    """An officer says what becomes of a record that the bureau will never take. Compliance must confirm it."""
    async with kit.records.moment() as moment:
        word = await words.propose(
            kit.records,
            moment,
            record_id,
            way=body.way,
            tell_as=None if body.tell_as is None else Op(body.tell_as),
            reason=body.reason_code,
            words=body.words,
            staff_id=member.staff_id,
        )
        return _word(kit, word)


@router.post("/{record_id}/decisions/{decision_id}/confirm", responses=problems(401, 403, 404, 409, 422))
async def confirm(record_id: UUID, decision_id: UUID, kit: Kit, member: Compliance) -> FurnishingDecisionAnswer:
    """A second, different person agrees: it is done, and what waited behind the record leaves."""
    async with kit.records.moment() as moment:
        word, told = await words.confirm(moment, record_id, decision_id, member.staff_id)
        call = _round("decision", word.id)
        await kit.actions.keep(moment.session, call)
        answer = _word(kit, word, told)
    await kit.actions.begin(call)
    return answer


@router.post("/{record_id}/decisions/{decision_id}/refuse", responses=problems(401, 403, 404, 409, 422))
async def refuse(record_id: UUID, decision_id: UUID, kit: Kit, member: Reviewer) -> FurnishingDecisionAnswer:
    """Somebody says no, or the one who proposed it takes it back: another proposal can be made."""
    async with kit.records.moment() as moment:
        return _word(kit, await words.refuse(moment, record_id, decision_id, member.staff_id))


def _round(cause: str, cause_id: UUID) -> Call:
    due = RoundDue(by=f"{cause}:{cause_id}")
    return Call("FurnishingRound", f"furnishing-round/{cause_id}", "run", due, cause_id.hex, operation="start")


def _word(kit: Services, word: FurnishingDecision, told: FurnishingRecord | None = None) -> FurnishingDecisionAnswer:
    state = "confirmed" if word.confirmed_by else "refused" if word.refused_by else "open"
    try:
        text = FurnishingDecisions(kit.records.vault).words(word)
    except BusinessError:  # one damaged row must not hide the others
        text = ""
    return FurnishingDecisionAnswer(
        decision_id=word.id,
        record_id=word.record_id,
        way=cast(Literal["drop", "replace"], word.way),
        tell_as=word.op,
        reason=word.reason,
        words=text,
        proposed_by=word.proposed_by,
        proposed_at=word.proposed_at,
        state=cast(Literal["open", "confirmed", "refused"], state),
        decided_by=word.confirmed_by or word.refused_by,
        decided_at=word.confirmed_at or word.refused_at,
        told_by=None if told is None else told.id,
    )


def _told(record: FurnishingRecord, contract_no: str) -> FurnishingAnswer:
    return FurnishingAnswer(
        record_id=record.id,
        loan_id=record.loan_id,
        contract_no=contract_no,
        op=record.op,
        as_of=record.as_of,
        figures={name: value for name, value in record.body.items() if name not in _HEAD},
        state=record.state,
        batch_id=record.batch_id,
        rejection_code=record.rejection_code,
        rejection_message=record.rejection_message,
        supersedes=record.supersedes,
        attempts=record.attempts,
        created_at=record.created_at,
        answered_at=record.answered_at,
    )
