"""Orders to hand money out in cash: placed once, opened by a one-time code, paid or annulled once.

A code is kept as a keyed hash bound to its order. Every change is made on the locked row, so that a desk, a terminal
and the end of the order's life meet one after the other.

Rules: para 9; para 11.
"""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.errors import Conflict, Fault, NotConfirmed, NotFound
from rules.money import Money
from storage.database import run
from storage.tables import CashOrder
from storage.vault import Vault

OPEN = ("waiting", "paying")


def number_of(application_id: UUID) -> str:
    """The order's number: known before its row, the same on every try."""
    return f"CO-{application_id.hex[:12].upper()}"


async def place(
    session: AsyncSession,
    *,
    payment_key: str,
    application_id: UUID,
    client_id: UUID,
    channel: str,
    desk: str | None,
    amount: Money,
    two_people: bool,
    life_hours: int,
) -> CashOrder:
    """The order of an application, placed now or before; locked either way.

    Args:
        channel: cash-desk | terminal. desk: its code, None for a terminal.
        two_people: a second member of staff must approve the amount.
        life_hours: how long it may be collected, from the first placing, by the database's clock.

    Raises:
        Fault: another application has the number.
    """
    number = number_of(application_id)
    await run(
        session,
        "insert into cash_order (number, payment_key, application_id, client_id, channel, desk, amount, two_people,"
        " state, codes, attempts, expires_at, created_at) select :number, :key, :application, :client, :channel, :desk,"
        " :amount, :two_people, 'waiting', 0, 0, moment + make_interval(hours => :life), moment"
        " from clock_timestamp() as moment on conflict do nothing",
        number=number,
        key=payment_key,
        application=application_id,
        client=client_id,
        channel=channel,
        desk=desk,
        amount=amount.root,
        two_people=two_people,
        life=life_hours,
    )
    order = await lock(session, number)
    if order.application_id != application_id:  # twelve digits of two ids may meet; nobody collects another's money
        raise Fault("the number of this cash order is another application's")
    return order


async def lock(session: AsyncSession, number: str) -> CashOrder:
    """The order as it stands now, held until the transaction ends.

    Raises:
        NotFound: `cash-order-unknown`.
    """
    query = select(CashOrder).where(col(CashOrder.number) == number).with_for_update()
    found = (await session.exec(query.execution_options(populate_existing=True))).one_or_none()
    if found is None:
        raise NotFound("cash-order-unknown")
    return found


async def get(session: AsyncSession, number: str) -> CashOrder:
    """The order, to look at. Raises as lock()."""
    found = await session.get(CashOrder, number)
    if found is None:
        raise NotFound("cash-order-unknown")
    return found


async def of_application(session: AsyncSession, application_id: UUID) -> CashOrder | None:
    """The order of an application; None where nothing waits to be collected yet."""
    query = select(CashOrder).where(col(CashOrder.application_id) == application_id)
    return (await session.exec(query.execution_options(populate_existing=True))).one_or_none()


async def receipt_used(session: AsyncSession, terminal_id: str, receipt: str) -> bool:
    """Whether a terminal has paid some order under this receipt; nobody else pays under it in this transaction."""
    lock = f"receipt:{terminal_id}:{receipt}"
    await run(session, "select pg_advisory_xact_lock(hashtextextended(:key, 13))", key=lock)
    query = select(CashOrder.number).where(col(CashOrder.terminal_id) == terminal_id, col(CashOrder.receipt) == receipt)
    return (await session.exec(query)).first() is not None


def new_code(order: CashOrder, vault: Vault, at: datetime, *, digits: int, most: int) -> str:
    """A fresh code for a locked order; the one before opens nothing any more.

    Args:
        digits: of the code. most: codes that one order may have in all.

    Raises:
        Conflict: `cash-order-ended`, `cash-order-expired`, `cash-order-in-payment`, `collection-codes-used-up`.
    """
    check_open(order, at)
    if order.state != "waiting":
        raise Conflict("cash-order-in-payment")
    if order.codes >= most:
        raise Conflict("collection-codes-used-up")
    code = f"{secrets.randbelow(10**digits):0{digits}d}"
    order.code_hash, order.attempts, order.codes = _hash(order, vault, code), 0, order.codes + 1
    return code


def check_open(order: CashOrder, at: datetime) -> None:
    """Whether the order can still be paid at this instant.

    Raises:
        Conflict: `cash-order-paid`, `cash-order-ended`, `cash-order-expired`.
    """
    if order.state == "paid":
        raise Conflict("cash-order-paid")
    if order.state == "annulled":
        raise Conflict("cash-order-ended")
    if order.state == "waiting" and at >= order.expires_at:
        raise Conflict("cash-order-expired")


def check_code(order: CashOrder, vault: Vault, code: str, tries: int) -> None:
    """Whether the code opens the locked order. The caller counts a wrong try by failed() and commits it.

    Args:
        tries: wrong ones allowed a code; after them the code is void, right or not.

    Raises:
        NotConfirmed: `collection-code-not-asked`, `too-many-tries`, `code-wrong`.
    """
    if order.code_hash is None:
        raise NotConfirmed("collection-code-not-asked")
    if order.attempts >= tries:
        raise NotConfirmed("too-many-tries")
    if not hmac.compare_digest(order.code_hash, _hash(order, vault, code)):
        raise NotConfirmed("code-wrong", field="/code")


def failed(order: CashOrder) -> None:
    """Count a wrong try on the locked order."""
    order.attempts += 1


def _hash(order: CashOrder, vault: Vault, code: str) -> bytes:
    return vault.index("collection-code", f"{order.number}:{code}")
