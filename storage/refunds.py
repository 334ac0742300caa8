"""Refunds that wait for an account of the client's own, and the accounts that clients name.

An account is paid to only after the bank has shown it to be the client's; what the bank said is written once.

Rules: para 9, part 2.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.errors import Conflict, NotFound
from storage.clock import now
from storage.database import run
from storage.tables import RefundAccount, RefundRequest
from storage.vault import Vault

_A_DAY = timedelta(days=1)


class Named(BaseModel):
    """An account or a card by its token, opened. Personal data: it stays in the process that pays or shows it."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["iban", "card"]
    value: str = Field(repr=False)


async def ask(session: AsyncSession, payment_key: str, loan_id: UUID, ground: str, at: datetime) -> RefundRequest:
    """The open request about a payment; one that had ended is opened again. Locked until the transaction ends."""
    await run(
        session,
        """
        insert into refund_request (payment_key, loan_id, ground, asked_at, notices)
        values (:key, :loan, :ground, :at, 0)
        on conflict (payment_key) do update set ground = :ground, asked_at = :at, ended_at = null, outcome = null
            where refund_request.ended_at is not null
        """,
        key=payment_key,
        loan=loan_id,
        ground=ground,
        at=at,
    )
    return await lock(session, payment_key)


async def lock(session: AsyncSession, payment_key: str) -> RefundRequest:
    """The request about a payment, held until the transaction ends.

    Raises:
        NotFound: `refund-account-not-asked`.
    """
    query = select(RefundRequest).where(col(RefundRequest.payment_key) == payment_key).with_for_update()
    found = (await session.exec(query.execution_options(populate_existing=True))).one_or_none()
    if found is None:
        raise NotFound("refund-account-not-asked")
    return found


async def end(session: AsyncSession, payment_key: str, outcome: str) -> bool:
    """The request is over. True for the one caller that ended it."""
    ended = await run(
        session,
        "update refund_request set ended_at = clock_timestamp(), outcome = :outcome"
        " where payment_key = :key and ended_at is null returning 1",
        key=payment_key,
        outcome=outcome,
    )
    return ended.one_or_none() is not None


async def open_of_loan(session: AsyncSession, loan_id: UUID) -> RefundRequest | None:
    """The request of a loan that waits for its client, the newest where there are two."""
    query = (
        select(RefundRequest)
        .where(col(RefundRequest.loan_id) == loan_id, col(RefundRequest.ended_at).is_(None))
        .order_by(col(RefundRequest.asked_at).desc())
        .limit(1)
    )
    return (await session.exec(query)).first()


async def waiting(session: AsyncSession, limit: int = 200) -> list[RefundRequest]:
    """Requests that wait for their clients, oldest first."""
    query = select(RefundRequest).where(col(RefundRequest.ended_at).is_(None)).order_by(col(RefundRequest.asked_at))
    return list((await session.exec(query.limit(limit))).all())


async def name(
    session: AsyncSession, vault: Vault, request: RefundRequest, account_id: UUID, account: Named, most: int
) -> RefundAccount:
    """Keep what the client names, sealed and not checked yet; the same id again is the same account.

    Args:
        request: locked. most: accounts that one request takes within a day.

    Raises:
        Conflict: `refund-account-tries`.
    """
    known = await session.get(RefundAccount, account_id)
    if known is not None:
        return known
    at = await now(session)
    query = select(func.count()).where(
        col(RefundAccount.payment_key) == request.payment_key, col(RefundAccount.named_at) > at - _A_DAY
    )
    if (await session.exec(query)).one() >= most:
        raise Conflict("refund-account-tries")
    made = RefundAccount(
        id=account_id,
        payment_key=request.payment_key,
        loan_id=request.loan_id,
        kind=account.kind,
        account=vault.seal_own(account.value.encode(), _context(account_id)),
        named_at=at,
    )
    session.add(made)
    await session.flush()
    return made


async def named(session: AsyncSession, account_id: UUID, payment_key: str) -> RefundAccount:
    """An account that was named for this very payment, held until the transaction ends.

    Raises:
        NotFound: `account-unknown`.
    """
    query = select(RefundAccount).where(
        col(RefundAccount.id) == account_id, col(RefundAccount.payment_key) == payment_key
    )
    found = (await session.exec(query.with_for_update().execution_options(populate_existing=True))).one_or_none()
    if found is None:
        raise NotFound("account-unknown")
    return found


async def checked(session: AsyncSession, account: RefundAccount, ground: str | None, bank_reference: str) -> None:
    """Write down what the bank said of a locked account. ground: None where it was shown to be the client's."""
    account.checked_at, account.ground, account.bank_reference = await now(session), ground, bank_reference
    session.add(account)
    await session.flush()


async def shown(session: AsyncSession, loan_id: UUID, named_for: str = "") -> RefundAccount | None:
    """The newest account of a loan that was shown to be the client's; None where there is none.

    named_for: how the keys of the payments begin for which it may have been named.
    """
    query = (
        select(RefundAccount)
        .where(
            col(RefundAccount.loan_id) == loan_id,
            col(RefundAccount.payment_key).startswith(named_for),
            col(RefundAccount.checked_at).is_not(None),
            col(RefundAccount.ground).is_(None),
        )
        .order_by(col(RefundAccount.checked_at).desc())
        .limit(1)
    )
    return (await session.exec(query)).first()


def opened(vault: Vault, account: RefundAccount) -> Named:
    """The account in the clear."""
    value = vault.open_own(account.account, _context(account.id)).decode()
    return Named(kind="card" if account.kind == "card" else "iban", value=value)


def _context(account_id: UUID) -> str:
    return f"refund-account:{account_id}"
