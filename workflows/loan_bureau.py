"""What the credit bureau hears of a loan while it lives: NEW, UPDATE, CLOSE.

UPDATE when arrears begin and when they end, and once in `bureau-update-months`; CLOSE when the debt ends. While a loan
is suspended its debt is not told of. A written-off loan gets its CORRECTION from the case that decides the write-off.
Records are stored here and travel by workflows.furnishing.

Rules: para 13, part 2; para 13, part 4.
"""

from __future__ import annotations

from datetime import date
from uuid import UUID

from activities.care import Tended
from activities.furnishing import Furnishing
from activities.furnishing_queue import FurnishWanted
from rules.evidence import Frozen
from rules.furnishing import Op
from workflows import options
from workflows.cases import do
from workflows.furnishing import send_soon


class BureauTold(Frozen):
    """What the bureau was last told. month: the last day told in any case; ended: the day of the CLOSE."""

    late: bool = False
    month: date | None = None
    ended: date | None = None


async def tell_bureau(loan_id: UUID, told: BureauTold, tended: Tended | None) -> BureauTold:
    """Enqueue what the bureau must hear now; what it is told afterwards. tended None: the loan has just been issued."""
    if tended is None:
        await _enqueue(loan_id, Op.NEW, f"new:{loan_id}")
        await send_soon()
        return told
    if tended.ended is not None:
        return await _close(loan_id, told, tended)
    return told if tended.status == "SUSPENDED" else await _update(loan_id, told, tended)


async def _close(loan_id: UUID, told: BureauTold, tended: Tended) -> BureauTold:
    if tended.written_off or told.ended == tended.ended:
        return told
    await _enqueue(loan_id, Op.CLOSE, f"close:{loan_id}:{tended.ended}")
    await send_soon()
    return told.model_copy(update={"ended": tended.ended, "late": False})


async def _update(loan_id: UUID, told: BureauTold, tended: Tended) -> BureauTold:
    late = tended.arrears_since is not None
    now = told.model_copy(update={"late": late, "month": tended.bureau_on, "ended": None})
    if late != told.late:
        what = "overdue" if late else "current"
        await _enqueue(loan_id, Op.UPDATE, f"update:{loan_id}:{tended.on}:{what}", tended.on)
    elif tended.bureau_on is not None and tended.bureau_on != told.month:
        await _enqueue(loan_id, Op.UPDATE, f"update:{loan_id}:{tended.bureau_on}", tended.bureau_on)
    elif told.ended is not None:  # the debt is back: a payment was no payment
        await _enqueue(loan_id, Op.UPDATE, f"update:{loan_id}:{tended.on}:reopened", tended.on)
    return now


async def _enqueue(loan_id: UUID, op: Op, key: str, as_of: date | None = None) -> None:
    wanted = FurnishWanted(key=key, loan_id=loan_id, op=op, as_of=as_of)
    await do(Furnishing.enqueue, wanted, f"бюро: запись {op.value}", options.LOAN)
