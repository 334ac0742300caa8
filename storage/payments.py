"""Outgoing payments: the intent is committed before the bank is called, the answer moves it once.

Rules: para 9, part 2.
"""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from rules.errors import Conflict
from rules.money import Money
from storage.database import run
from storage.tables import OutboundPayment

# What a payment may become, and from where. A refused payment never moves again: a new try is a new fact.
_FROM = {
    "accepted": ["sending", "unknown"],
    "unknown": ["sending", "accepted"],
    "refused": ["sending", "accepted", "unknown"],
    "done": ["sending", "accepted", "unknown"],
    "returned": ["accepted", "done", "unknown"],
}


async def intend(
    session: AsyncSession,
    *,
    key: str,
    purpose: str,
    request_hash: str,
    amount: Money,
    account_sealed: bytes,
    application_id: UUID | None,
) -> tuple[OutboundPayment, bool]:
    """The intent of a payment, and whether it is fresh. Commit before the bank hears of it.

    Not fresh: an earlier try may have reached the bank, so ask it before sending anything again.

    Args:
        key: the business fact, never a random id.
        request_hash: of amount and receiver; the same fact with another of these is refused.

    Raises:
        Conflict: `payment-key-reused`.
    """
    made = await run(
        session,
        "insert into outbound_payment (key, application_id, purpose, request_hash, amount, account, state, sent_at)"
        " values (:key, :application, :purpose, :hash, :amount, :account, 'sending', clock_timestamp())"
        " on conflict (key) do nothing returning 1",
        key=key,
        application=application_id,
        purpose=purpose,
        hash=request_hash,
        amount=amount.root,
        account=account_sealed,
    )
    fresh = made.one_or_none() is not None
    payment = (await session.exec(_by_key(key))).one()
    if payment.request_hash != request_hash:
        raise Conflict("payment-key-reused")
    return payment, fresh


async def get(session: AsyncSession, key: str) -> OutboundPayment | None:
    """The payment of a fact as it stands in the database now."""
    return (await session.exec(_by_key(key))).one_or_none()


def _by_key(key: str) -> SelectOfScalar[OutboundPayment]:
    return select(OutboundPayment).where(col(OutboundPayment.key) == key).execution_options(populate_existing=True)


async def by_payout(session: AsyncSession, payout_id: str) -> OutboundPayment | None:
    """The payment that the bank knows by its own id."""
    query = select(OutboundPayment).where(col(OutboundPayment.payout_id) == payout_id)
    return (await session.exec(query)).one_or_none()


async def settle(
    session: AsyncSession,
    key: str,
    state: str,
    payout_id: str | None = None,
    bank_reference: str | None = None,
    value_date: date | None = None,
    *,
    refusal_code: str | None = None,
) -> bool:
    """Move a payment to what the bank says. True for the one caller that moved it: only that one books.

    Book in the same transaction. An answer that comes late or twice moves nothing and is False.

    Args:
        state: accepted | done | refused | returned | unknown.
    """
    moved = await run(
        session,
        """
        update outbound_payment set state = :state, payout_id = coalesce(:payout, payout_id),
            bank_reference = coalesce(:reference, bank_reference), value_date = coalesce(:value_date, value_date),
            refusal_code = coalesce(:refusal, refusal_code), answered_at = clock_timestamp()
        where key = :key and state = any(:origins) returning 1
        """,
        key=key,
        state=state,
        payout=payout_id,
        reference=bank_reference,
        value_date=value_date,
        refusal=refusal_code,
        origins=_FROM[state],
    )
    return moved.one_or_none() is not None


async def unsettled(session: AsyncSession, older_than_seconds: int = 0) -> list[OutboundPayment]:
    """Payments whose outcome the bank still owes, oldest first."""
    keys = await run(
        session,
        "select key from outbound_payment where state in ('sending', 'accepted', 'unknown')"
        " and sent_at <= clock_timestamp() - make_interval(secs => :age) order by sent_at",
        age=older_than_seconds,
    )
    query = (
        select(OutboundPayment)
        .where(col(OutboundPayment.key).in_(keys.scalars().all()))
        .order_by(col(OutboundPayment.sent_at))
    )
    return list((await session.exec(query)).all())
