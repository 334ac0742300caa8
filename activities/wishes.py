"""What money above the debt due is for, as the borrower wishes it.

The borrower chooses beforehand in the personal account; whoever records a payment asks here. Without a wish money
waits for the next due date, unless it repays the whole loan.

Rules: para 7, part 5; para 7, part 6.
"""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from activities.context import Moment
from rules.loan_events import Use
from storage import audit
from storage.tables import RepaymentWish


async def use_for(session: AsyncSession, loan_id: UUID, on: date) -> Use:
    """What money of this value date is for: the newest wish where it holds on that day, else `Use.DUE`."""
    wish = await newest(session, loan_id)
    return Use(wish.choice) if wish is not None and wish.since <= on <= wish.until else Use.DUE


async def newest(session: AsyncSession, loan_id: UUID) -> RepaymentWish | None:
    """The wish that counts; an older one is only history."""
    query = (
        select(RepaymentWish)
        .where(col(RepaymentWish.loan_id) == loan_id)
        .order_by(col(RepaymentWish.created_at).desc(), col(RepaymentWish.id))
        .limit(1)
    )
    return (await session.exec(query)).first()


async def wish(moment: Moment, loan_id: UUID, choice: Use, *, wish_id: UUID, actor: str) -> RepaymentWish:
    """Keep a wish, from today for as long as the policy row `repayment-wish-days` says; `Use.DUE` takes one back.

    wish_id: the same whenever the same call is done again.
    """
    kept = await moment.session.get(RepaymentWish, wish_id)
    if kept is not None:
        return kept
    until = moment.day + timedelta(days=moment.policy.whole("repayment-wish-days"))
    kept = RepaymentWish(
        id=wish_id, loan_id=loan_id, choice=choice.value, since=moment.day, until=until, created_at=moment.at
    )
    moment.session.add(kept)
    await audit.record(
        moment.session,
        actor=actor,
        action="repayment-wished",
        subject=f"loan:{loan_id}",
        paragraph="7",
        detail={"choice": choice.value, "until": until},
    )
    return kept
