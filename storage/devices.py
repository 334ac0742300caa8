"""Devices that a client has logged in from, and whose the client's number is.

Rules: para 6, part 4; para 26.
"""

from __future__ import annotations

from uuid import UUID, uuid4

from sqlmodel.ext.asyncio.session import AsyncSession

from storage.database import run
from storage.tables import Client


async def known(session: AsyncSession, client_id: UUID | None, device_index: bytes | None) -> bool:
    """Whether the client has logged in from this device. Nobody's device is known, which takes as long to find out."""
    found = await run(
        session,
        "select 1 from client_device where client_id = cast(:client as uuid)"
        " and device_index = cast(:device as bytea) and forgotten_at is null",
        client=client_id,
        device=device_index,
    )
    return found.one_or_none() is not None


async def remember(session: AsyncSession, client_id: UUID, device_index: bytes, kind: str) -> None:
    """The client is logged in on this device. kind: web | mobile."""
    await run(
        session,
        "insert into client_device (client_id, device_index, kind, first_seen_at, last_seen_at)"
        " select :client, :device, :kind, moment, moment from clock_timestamp() as moment"
        " on conflict (client_id, device_index) do update set last_seen_at = excluded.last_seen_at,"
        " forgotten_at = null",
        client=client_id,
        device=device_index,
        kind=kind,
    )


async def forget_all(session: AsyncSession, client_id: UUID) -> None:
    """No device is known any more: each has to show a second factor again."""
    await run(
        session,
        "update client_device set forgotten_at = clock_timestamp() where client_id = :client and forgotten_at is null",
        client=client_id,
    )


async def note_owner(session: AsyncSession, client: Client, outcome: str, found_by: str) -> None:
    """Note whose the client's present number is. outcome: see PhoneOwnerCheck."""
    await run(
        session,
        "insert into phone_owner_check (id, client_id, phone_index, outcome, found_by, at)"
        " values (:id, :client, :phone, :outcome, :by, clock_timestamp())",
        id=uuid4(),
        client=client.id,
        phone=client.phone_index,
        outcome=outcome,
        by=found_by,
    )


async def owner(session: AsyncSession, client: Client) -> str | None:
    """The newest word on whose the client's present number is; None where nobody has asked."""
    found = await run(
        session,
        "select outcome from phone_owner_check where client_id = :client and phone_index = :phone"
        " order by at desc limit 1",
        client=client.id,
        phone=client.phone_index,
    )
    outcome: str | None = found.scalar_one_or_none()
    return outcome


def outcome_of(owned: bool | None) -> str:
    """The operators' answer as it is kept.

    >>> outcome_of(True), outcome_of(None)
    ('OWNED', 'UNKNOWN')
    """
    return {True: "OWNED", False: "NOT_OWNED", None: "UNKNOWN"}[owned]


async def count(session: AsyncSession, client_id: UUID) -> int:
    """How many devices a client is known by."""
    query = "select count(*) from client_device where client_id = :client and forgotten_at is null"
    return int((await run(session, query, client=client_id)).scalar_one())
