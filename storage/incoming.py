"""Money that came in: kept once under the key of its source, its payer and purpose sealed by the lender's key.

Rules: para 7, part 5; para 27.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import tuple_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.errors import NotFound
from rules.matching import MatchedBy
from rules.money import Money
from storage import loans
from storage.database import run
from storage.tables import IncomingPayment
from storage.vault import Vault

OPEN = ("UNMATCHED", "RETURNING")  # people or the bank still owe an answer


class Payer(BaseModel):
    """Who paid, as the source tells it; empty where it does not. Personal data."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(default="", repr=False)
    iin: str = Field(default="", repr=False)
    iban: str = Field(default="", repr=False)


class Received(BaseModel):
    """A sum as its source tells it. key, channel: see storage.tables.IncomingPayment. purpose: personal data."""

    model_config = ConfigDict(frozen=True)

    key: str
    channel: str
    amount: Money
    value_date: date
    payer: Payer = Field(default=Payer(), repr=False)
    purpose: str = Field(default="", repr=False)
    entered_by: UUID | None = None


class IncomingPayments:
    """The file of money that came in; holds the vault."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def keep(
        self, session: AsyncSession, received: Received, reference: str | None = None
    ) -> tuple[IncomingPayment, bool]:
        """The row of a sum, and whether it is fresh: the same money twice is one row, however close the race.

        reference: the contract number that the payment names.
        """
        key, payer = received.key, received.payer
        made = await run(
            session,
            "insert into incoming_payment (id, key, channel, amount, value_date, received_at, payer, payer_index,"
            " purpose, reference, state, entered_by) values (:id, :key, :channel, :amount, :value_date,"
            " clock_timestamp(), :payer, :index, :purpose, :reference, 'UNMATCHED', :by)"
            " on conflict (key) do nothing returning 1",
            id=uuid4(),
            key=key,
            channel=received.channel,
            amount=received.amount.root,
            value_date=received.value_date,
            payer=self._vault.seal_own(payer.model_dump_json().encode(), f"incoming:{key}:payer"),
            index=self._vault.index("iban", payer.iban) if payer.iban else None,
            purpose=self._vault.seal_own(received.purpose.encode(), f"incoming:{key}:purpose"),
            reference=reference,
            by=received.entered_by,
        )
        fresh = made.one_or_none() is not None
        query = select(IncomingPayment).where(col(IncomingPayment.key) == key)
        return (await session.exec(query.execution_options(populate_existing=True))).one(), fresh

    def payer(self, payment: IncomingPayment) -> Payer:
        """Who paid, opened: personal data, for the member of staff who has to look and for the bank alone."""
        return Payer.model_validate_json(self._vault.open_own(payment.payer, f"incoming:{payment.key}:payer"))

    def purpose(self, payment: IncomingPayment) -> str:
        """What the payer wrote, opened: personal data."""
        return self._vault.open_own(payment.purpose, f"incoming:{payment.key}:purpose").decode()


async def get(session: AsyncSession, payment_id: UUID, *, lock: bool = False) -> IncomingPayment:
    """The row as it stands in the database now. lock: held against every other change until the transaction ends.

    Raises:
        NotFound: `payment-unknown`.
    """
    query = select(IncomingPayment).where(col(IncomingPayment.id) == payment_id)
    query = query.with_for_update() if lock else query
    found = (await session.exec(query.execution_options(populate_existing=True))).one_or_none()
    if found is None:
        raise NotFound("payment-unknown")
    return found


async def by_keys(session: AsyncSession, keys: Iterable[str]) -> dict[str, IncomingPayment]:
    """The rows that stand under these keys."""
    query = select(IncomingPayment).where(col(IncomingPayment.key).in_(list(keys)))
    return {row.key: row for row in await session.exec(query)}


async def of_day(session: AsyncSession, channel: str, day: date) -> list[IncomingPayment]:
    """What a channel brought with this value date."""
    query = select(IncomingPayment).where(
        col(IncomingPayment.channel) == channel, col(IncomingPayment.value_date) == day
    )
    return list((await session.exec(query.order_by(col(IncomingPayment.key)))).all())


async def queue(
    session: AsyncSession, states: Iterable[str] = OPEN, limit: int = 100, *, after: IncomingPayment | None = None
) -> list[IncomingPayment]:
    """Payments in these states, oldest first. after: the last one of the part before."""
    place = tuple_(col(IncomingPayment.received_at), col(IncomingPayment.id))
    query = select(IncomingPayment).where(col(IncomingPayment.state).in_(list(states)))
    if after is not None:
        query = query.where(place > tuple_(after.received_at, after.id))
    return list((await session.exec(query.order_by(place).limit(limit))).all())


async def place(session: AsyncSession, payment_id: UUID, loan_id: UUID, by: MatchedBy) -> bool:
    """Give an unmatched payment its loan. True for the one caller that moved it.

    The loan is locked first: two payments that refer to it and then both lock it would wait for each other for ever.
    """
    await loans.lock(session, loan_id)
    return await _move(
        session, payment_id, "UNMATCHED", "state = 'BOOKED', loan_id = :loan, matched_by = :by", loan=loan_id, by=by
    )


async def settled(session: AsyncSession, payment_id: UUID) -> bool:
    """An unmatched payment is the settlement of the terminals' operator. True for the one caller that moved it."""
    change = "state = 'BOOKED', matched_by = :by"
    return await _move(session, payment_id, "UNMATCHED", change, by=MatchedBy.OPERATOR)


async def send_back(session: AsyncSession, payment_id: UUID) -> bool:
    """An unmatched payment begins its way back to the payer. True for the one caller that moved it."""
    return await _move(session, payment_id, "UNMATCHED", "state = 'RETURNING'")


async def stay(session: AsyncSession, payment_id: UUID) -> bool:
    """The way back failed: people look again. True for the one caller that moved it."""
    return await _move(session, payment_id, "RETURNING", "state = 'UNMATCHED'")


async def _move(session: AsyncSession, payment_id: UUID, origin: str, change: str, **values: object) -> bool:
    # change is one of the four texts above, never a caller's
    statement = f"update incoming_payment set {change} where id = :id and state = :origin returning 1"  # noqa: S608  # nosec B608
    moved = await run(session, statement, id=payment_id, origin=origin, **values)
    return moved.one_or_none() is not None
