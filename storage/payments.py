"""Outgoing payments: the intent is committed before the bank is called, the answer moves it once.

Rules: para 9, part 2.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from rules.errors import Conflict, NotFound
from rules.money import Money
from rules.payment_keys import order_of
from storage.database import is_duplicate, run
from storage.tables import OutboundPayment

# What a payment may become, and from where. A refused payment never moves again: a new try is a new fact.
_FROM = {
    "accepted": ["sending", "unknown"],
    "unknown": ["sending", "accepted"],
    "refused": ["held", "sending", "accepted", "unknown"],
    "done": ["sending", "accepted", "unknown"],
    "returned": ["accepted", "done", "unknown"],
}
UNSETTLED = ("held", "sending", "accepted", "unknown")
UNPAID = ("refused", "returned")


async def intend(
    session: AsyncSession,
    *,
    key: str,
    purpose: str,
    request_hash: str,
    amount: Money,
    account_sealed: bytes,
    application_id: UUID | None = None,
    loan_id: UUID | None = None,
    incoming_payment_id: UUID | None = None,
    channel: str = "bank",
    limit: Money | None = None,
) -> tuple[OutboundPayment, bool]:
    """The intent of a payment, and whether it is fresh. Commit before the bank hears of it.

    Fresh and not held: sent_at stands already, send it now. Not fresh: an earlier try may have reached the bank, so
    ask it before sending anything again.

    Args:
        key: the business fact (rules.payment_keys), never a random id.
        request_hash: of amount and receiver; the same fact with another of these is refused.
        channel: bank | card | merchant | cash-desk | terminal.
        limit: an amount above it is held until two people approved it; none where another rule asks for them.

    Raises:
        Conflict: `payment-key-reused`; `refund-under-way`: another payment returns the same incoming sum.
    """
    # looked at first: who inserts what stands waits for whoever settles it, and they may wait for the caller's locks
    payment, fresh = await get(session, key), False
    if payment is None:
        fresh = await _made(
            session,
            key=key,
            application=application_id,
            loan=loan_id,
            incoming=incoming_payment_id,
            purpose=purpose,
            channel=channel,
            hash=request_hash,
            amount=amount.root,
            limit=(limit or amount).root,
            account=account_sealed,
            held=limit is not None and amount > limit,
        )
        payment = await get(session, key)
    if payment is None:
        raise Conflict("refund-under-way")
    if payment.request_hash != request_hash:
        raise Conflict("payment-key-reused")
    return payment, fresh


async def _made(session: AsyncSession, *, key: str, **told: object) -> bool:
    made = await run(
        session,
        """
        insert into outbound_payment (key, order_id, application_id, loan_id, incoming_payment_id, purpose, channel,
            request_hash, amount, limit_amount, account, state, made_at, first_sent_at, sent_at)
        select :key, :order_id, :application, :loan, :incoming, :purpose, :channel, :hash, :amount, :limit, :account,
            case when held then 'held' else 'sending' end, at, case when held then null else at end,
            case when held then null else at end
        from (select clock_timestamp() as at, cast(:held as boolean) as held) as made
        on conflict do nothing returning 1
        """,  # whichever index sees the same fact first: the key's, the order's, or the one of returns
        key=key,
        order_id=order_of(key),
        **told,
    )
    return made.one_or_none() is not None


async def get(session: AsyncSession, key: str) -> OutboundPayment | None:
    """The payment of a fact as it stands in the database now."""
    return (await session.exec(_by_key(key))).one_or_none()


async def lock(session: AsyncSession, key: str) -> OutboundPayment:
    """The payment as it stands now, held against every other answer until the transaction ends.

    Raises:
        NotFound: `payment-unknown`.
    """
    found = (await session.exec(_by_key(key).with_for_update())).one_or_none()
    if found is None:
        raise NotFound("payment-unknown")
    return found


def _by_key(key: str) -> SelectOfScalar[OutboundPayment]:
    return select(OutboundPayment).where(col(OutboundPayment.key) == key).execution_options(populate_existing=True)


async def by_payout(session: AsyncSession, payout_id: str) -> OutboundPayment | None:
    """The payment that the bank knows by its own id."""
    query = select(OutboundPayment).where(col(OutboundPayment.payout_id) == payout_id)
    return (await session.exec(query)).one_or_none()


async def claim_sending(session: AsyncSession, key: str, seen: datetime | None) -> OutboundPayment | None:
    """Note that the payment is sent now; None where somebody else has sent it since `seen`. Commit before sending.

    Args:
        seen: its sent_at when it was found that it may be sent: of two tries that found so, one sends.
    """
    claimed = await run(
        session,
        """
        update outbound_payment set state = 'sending', doubt = null, sent_at = clock_timestamp(),
            first_sent_at = coalesce(first_sent_at, clock_timestamp())
        where key = :key and state in ('sending', 'unknown') and payout_id is null
            and sent_at is not distinct from cast(:seen as timestamptz)
        returning 1
        """,
        key=key,
        seen=seen,
    )
    return await get(session, key) if claimed.one_or_none() is not None else None


async def approve(session: AsyncSession, key: str, review_id: UUID) -> bool:
    """Let a held payment be sent. The database refuses it unless two people approved it in this very review."""
    moved = await run(
        session,
        "update outbound_payment set state = 'sending', review_id = :review where key = :key and state = 'held'"
        " returning 1",
        key=key,
        review=review_id,
    )
    return moved.one_or_none() is not None


async def settle(
    session: AsyncSession,
    key: str,
    state: str,
    payout_id: str | None = None,
    bank_reference: str | None = None,
    value_date: date | None = None,
    *,
    refusal_code: str | None = None,
    doubt: str | None = None,
    decision_id: UUID | None = None,
) -> bool:
    """Move a payment to what became of it. True for the one caller that moved it: only that one books.

    Book in the same transaction. An answer that comes late or twice moves nothing and is False.

    Args:
        state: accepted | done | refused | returned | unknown.
        doubt: why people look, with unknown; another doubt than before is a move too.
        decision_id: where two people said so and not the bank.

    Raises:
        Conflict: `bank-reference-used`: this line of the bank's books is another payment's.
    """
    try:
        async with session.begin_nested():
            return await _settled(
                session,
                state=state,
                payout=payout_id,
                reference=bank_reference,
                value_date=value_date,
                refusal=refusal_code,
                doubt=doubt,
                decision=decision_id,
                key=key,
            )
    except IntegrityError as error:
        if not is_duplicate(error):
            raise
        raise Conflict("bank-reference-used") from None


async def _settled(session: AsyncSession, *, state: str, **told: object) -> bool:
    moved = await run(
        session,
        """
        update outbound_payment set state = :state, payout_id = coalesce(:payout, payout_id),
            bank_reference = coalesce(:reference, bank_reference), value_date = coalesce(:value_date, value_date),
            refusal_code = coalesce(:refusal, refusal_code), doubt = :doubt, decision_id = :decision,
            answered_at = clock_timestamp()
        where key = :key and (state = any(:origins)
            or (state = 'unknown' and :state = 'unknown' and doubt is distinct from :doubt))
        returning 1
        """,
        state=state,
        origins=_FROM[state],
        **told,
    )
    return moved.one_or_none() is not None


async def under_way(session: AsyncSession, loan_id: UUID) -> Money:
    """What is on its way back to the client of a loan and not settled yet. Lock the loan before."""
    found = await run(
        session,
        "select coalesce(sum(amount), 0) from outbound_payment where loan_id = :loan and state = any(:states)"
        " and purpose <> 'disbursement'",
        loan=loan_id,
        states=list(UNSETTLED),
    )
    return Money(found.scalar_one())


async def returns_of(
    session: AsyncSession, incoming_payment_ids: Collection[UUID]
) -> dict[UUID, list[OutboundPayment]]:
    """The payments that were to send these incoming payments back, oldest first."""
    query = select(OutboundPayment).where(col(OutboundPayment.incoming_payment_id).in_(incoming_payment_ids))
    query = query.order_by(col(OutboundPayment.made_at)).execution_options(populate_existing=True)
    found: dict[UUID, list[OutboundPayment]] = {}
    for row in await session.exec(query):
        if row.incoming_payment_id is not None:
            found.setdefault(row.incoming_payment_id, []).append(row)
    return found


async def unsettled(session: AsyncSession, older_than_seconds: int = 0) -> list[OutboundPayment]:
    """Payments whose outcome is still owed, oldest first."""
    keys = await run(
        session,
        "select key from outbound_payment where state = any(:states)"
        " and made_at <= clock_timestamp() - make_interval(secs => :age) order by made_at",
        states=list(UNSETTLED),
        age=older_than_seconds,
    )
    query = (
        select(OutboundPayment)
        .where(col(OutboundPayment.key).in_(keys.scalars().all()))
        .order_by(col(OutboundPayment.made_at))
    )
    return list((await session.exec(query)).all())
