"""The queue of records for the credit bureau: what it rejected, and sending it anew.

Law on microfinance, art. 4. Rules: para 27.
"""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from activities.furnishing_queue import send_again
from api.actions import Call
from api.routes.problems import problems
from api.schemas_furnishing import FurnishingAnswer, SendAgainBody
from api.schemas_staff import Role
from api.services import Kit
from api.staff import Member, needs
from storage import furnishing
from storage.tables import FurnishingRecord
from workflows.furnishing import RoundDue

router = APIRouter(prefix="/staff/api/furnishing", tags=["staff"])

Officer = Annotated[Member, Depends(needs(Role.OFFICER))]
_SHOWN = 200
_HEAD = {"op", "contract_no", "as_of"}


@router.get("", responses=problems(401, 403, 422))
async def queue(
    kit: Kit,
    member: Officer,
    state: Annotated[Literal["waiting", "sent", "accepted", "rejected", "superseded"], Query()] = "rejected",
) -> list[FurnishingAnswer]:
    """Records in a state, oldest first: the rejected ones hold up everything later of their loans."""
    async with kit.records.moment() as moment:
        found = await furnishing.in_state(moment.session, state, _SHOWN)
        return [_told(record, contract_no) for record, contract_no in found]


@router.post("/{record_id}/retry", status_code=201, responses=problems(401, 403, 404, 409, 422))
async def retry(record_id: UUID, body: SendAgainBody, kit: Kit, member: Officer) -> FurnishingAnswer:
    """Send a rejected record anew, with the figures of its day as they are known now, once its cause is corrected."""
    async with kit.records.moment() as moment:
        record = await send_again(moment, record_id, actor=member.who, reason=body.reason_code)
        call = Call(
            "FurnishingRound",
            f"furnishing-round/{record.id}",
            "run",
            RoundDue(by=f"record:{record.id}"),
            record.id.hex,
            operation="start",
        )
        await kit.actions.keep(moment.session, call)  # whoever dies now, the round will come
        answer = _told(record, str(record.body["contract_no"]))
    await kit.actions.begin(call)
    return answer


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
