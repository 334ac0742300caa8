"""Where people say that an unmatched payment belongs: one proposes, another one confirms or refuses.

One proposal without its second word stands at a time; the database checks it, and that two people did it. Each word
that sends the money back to its payer is one try of its own: when the bank has refused that, only another word tries
again, by the same account or by another one of the payer's.

Rules: para 27; para 28.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.errors import Conflict, NotAllowed, NotFound
from rules.payment_keys import attempt_of
from storage import incoming, payments
from storage.clock import now
from storage.database import is_duplicate
from storage.payments import UNPAID
from storage.tables import PaymentAssignment
from storage.vault import Vault


def sealed(vault: Vault, iban: str) -> Callable[[UUID], bytes]:
    """Another account of the payer, for `propose`."""
    return lambda assignment_id: vault.seal_own(iban.encode(), f"assignment:{assignment_id}")


def other_account(vault: Vault, word: PaymentAssignment) -> str | None:
    """The other account of the payer that a word names, opened: for the bank, and for who has to look."""
    if word.account is None:
        return None
    return vault.open_own(word.account, f"assignment:{word.id}").decode()


async def propose(
    session: AsyncSession,
    payment_id: UUID,
    loan_id: UUID | None,
    reason: str,
    staff_id: UUID,
    *,
    keep: bool = False,
    account: Callable[[UUID], bytes] | None = None,
) -> PaymentAssignment:
    """The first person's word.

    Args:
        loan_id: None sends the money back to its payer.
        keep: or leaves it in the queue.
        account: another account of the payer than it came from, from `sealed`; after the bank has refused that one.

    Raises:
        NotFound: `payment-unknown`.
        Conflict: `payment-not-unmatched`; `assignment-open`: another proposal waits for its second word;
            `return-not-tried`: the account that the money came from was not refused yet.
    """
    payment = await incoming.get(session, payment_id, lock=True)
    if payment.state != "UNMATCHED":
        raise Conflict("payment-not-unmatched")
    if account is not None and not await payments.returns_of(session, [payment_id]):
        raise Conflict("return-not-tried")
    made_id = uuid4()
    made = PaymentAssignment(
        id=made_id,
        payment_id=payment_id,
        loan_id=loan_id,
        keep=keep,
        account=None if account is None else account(made_id),
        reason=reason,
        proposed_by=staff_id,
        proposed_at=await now(session),
    )
    try:
        async with session.begin_nested():
            session.add(made)
    except IntegrityError as error:
        if not is_duplicate(error):
            raise
        raise Conflict("assignment-open") from None
    return made


async def confirm(session: AsyncSession, payment_id: UUID, assignment_id: UUID, staff_id: UUID) -> PaymentAssignment:
    """The second person agrees.

    Raises:
        NotFound: `assignment-unknown`.
        NotAllowed: `second-person-needed`: the same person proposed it.
        Conflict: `assignment-decided`, or `payment-not-unmatched`.
    """
    found = await _undecided(session, payment_id, assignment_id)
    if found.proposed_by == staff_id:
        raise NotAllowed("second-person-needed")
    attempt, at = await _next_try(session, payment_id) if sends_back(found) else None, await now(session)
    found.attempt, found.confirmed_by, found.confirmed_at = attempt, staff_id, at
    session.add(found)
    await session.flush()
    return found


def sends_back(word: PaymentAssignment) -> bool:
    """Whether a word sends the money back to its payer."""
    return word.loan_id is None and not word.keep


def try_of(word: PaymentAssignment) -> int:
    """Which try to send the money back a confirmed word is. Words older than tries were all the first one."""
    return word.attempt or 1


async def _next_try(session: AsyncSession, payment_id: UUID) -> int:
    earlier = (await of_payments(session, [payment_id])).get(payment_id, [])
    return 1 + max((try_of(one) for one in earlier if one.confirmed_by is not None and sends_back(one)), default=0)


async def is_spent(session: AsyncSession, word: PaymentAssignment) -> bool:
    """Whether the try of a word has ended without money: only another word of two people begins another one."""
    made = (await payments.returns_of(session, [word.payment_id])).get(word.payment_id, [])
    return sends_back(word) and any(attempt_of(one.key) == try_of(word) and one.state in UNPAID for one in made)


async def refuse(session: AsyncSession, payment_id: UUID, assignment_id: UUID, staff_id: UUID) -> PaymentAssignment:
    """Somebody says no, or the one who proposed it takes it back: another proposal can be made.

    Raises:
        NotFound: `assignment-unknown`.
        Conflict: `assignment-decided`, or `payment-not-unmatched`.
    """
    found = await _undecided(session, payment_id, assignment_id)
    found.refused_by, found.refused_at = staff_id, await now(session)
    session.add(found)
    await session.flush()
    return found


async def _undecided(session: AsyncSession, payment_id: UUID, assignment_id: UUID) -> PaymentAssignment:
    payment = await incoming.get(session, payment_id, lock=True)  # one word at a time
    found = await session.get(PaymentAssignment, assignment_id, populate_existing=True)
    if found is None or found.payment_id != payment_id:
        raise NotFound("assignment-unknown")
    if found.confirmed_by is not None or found.refused_by is not None:
        raise Conflict("assignment-decided")
    if payment.state != "UNMATCHED":
        raise Conflict("payment-not-unmatched")
    return found


async def confirmed(session: AsyncSession, payment_id: UUID) -> PaymentAssignment | None:
    """The newest word of two people on a payment."""
    query = (
        select(PaymentAssignment)
        .where(col(PaymentAssignment.payment_id) == payment_id, col(PaymentAssignment.confirmed_at).is_not(None))
        .order_by(col(PaymentAssignment.confirmed_at).desc())
        .limit(1)
    )
    return (await session.exec(query.execution_options(populate_existing=True))).first()


async def of_try(session: AsyncSession, payment_id: UUID, attempt: int) -> PaymentAssignment | None:
    """The newest word of two people that is this try to send a payment back."""
    query = (
        select(PaymentAssignment)
        .where(
            col(PaymentAssignment.payment_id) == payment_id,
            col(PaymentAssignment.confirmed_at).is_not(None),
            col(PaymentAssignment.loan_id).is_(None),
            col(PaymentAssignment.keep).is_(False),
            func.coalesce(col(PaymentAssignment.attempt), 1) == attempt,
        )
        .order_by(col(PaymentAssignment.confirmed_at).desc())
        .limit(1)
    )
    return (await session.exec(query.execution_options(populate_existing=True))).first()


async def of_payments(session: AsyncSession, payment_ids: list[UUID]) -> dict[UUID, list[PaymentAssignment]]:
    """Every word on these payments, oldest first."""
    query = select(PaymentAssignment).where(col(PaymentAssignment.payment_id).in_(payment_ids))
    found: dict[UUID, list[PaymentAssignment]] = {}
    for row in await session.exec(query.order_by(col(PaymentAssignment.proposed_at))):
        found.setdefault(row.payment_id, []).append(row)
    return found
