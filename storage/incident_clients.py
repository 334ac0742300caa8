"""Whom an incident touches: lists and queries become rows, rows are told slice by slice.

A query is a JSON object with its `kind`: DOCUMENT (document_id), DOCUMENTS (document_kind, since, until), LOOKED_AT
(who, since or from_row, until) or ALL (until: registered before).

Rules: para 13, part 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.errors import InvalidInput
from rules.incidents import LOOKS, is_of_client
from storage import incidents
from storage.database import run
from storage.tables import Client, IncidentClient, IncidentRound

# The clients of a query that come after one, in order; each takes the query's own values.
_QUERIES = {
    "DOCUMENT": "c.id = (select client_id from document where id = cast(:document_id as uuid))",
    "DOCUMENTS": (
        "c.id in (select client_id from document where kind = :document_kind"
        " and created_at >= cast(:since as timestamptz) and created_at < cast(:until as timestamptz))"
    ),
    "ALL": "c.created_at < cast(:until as timestamptz)",
}
_CLIENT = frozenset({"client", "registration", "leak", "change", "disposal"})
_APPLICATION = frozenset({"application", "disbursement", "collection"})


@dataclass(frozen=True)
class Progress:
    """How far the telling of one or all rounds has come: clients; of them in the personal account, by SMS, not."""

    clients: int
    told: int
    texted: int
    unreached: int


async def add_list(session: AsyncSession, round_: IncidentRound, clients: Sequence[UUID]) -> int:
    """Put a list of clients into a round; those of an earlier round stay there. How many are new.

    Raises:
        InvalidInput: `client-unknown`, with the place in the list.
    """
    known = await run(session, "select id from client where id = any(:ids)", ids=list(clients))
    missing = set(clients) - set(known.scalars())
    if missing:
        place = next(place for place, one in enumerate(clients) if one in missing)
        raise InvalidInput("client-unknown", field=f"/clients/{place}")
    added = await run(
        session,
        "insert into incident_client (incident_id, client_id, round_n) select :incident, id, :n"
        " from unnest(cast(:ids as uuid[])) as id on conflict do nothing",
        incident=round_.incident_id,
        n=round_.n,
        ids=list(clients),
    )
    return int(added.rowcount)


async def find_more(session: AsyncSession, round_: IncidentRound, limit: int) -> bool:
    """Look for the next clients of a round's query; whether all are found now. The round is locked by the caller."""
    query = round_.query
    if query is None:
        return True
    if query["kind"] == "LOOKED_AT":
        await _looked_at(session, round_, query)
        return True
    values = {name: value for name, value in query.items() if name != "kind"}
    insert = (
        "with slice as (select c.id from client c where (cast(:after as uuid) is null or c.id > cast(:after as uuid))"  # noqa: S608  # nosec
        f" and {_QUERIES[query['kind']]} order by c.id limit :limit), added as (insert into incident_client"
        " (incident_id, client_id, round_n) select :incident, id, :n from slice on conflict do nothing)"
        " select count(*) as clients, max(id::text) as last from slice"
    )
    found = await run(
        session, insert, after=round_.looked_up_to, limit=limit, incident=round_.incident_id, n=round_.n, **values
    )
    slice_ = found.one()
    if slice_.last is not None:
        round_.looked_up_to = UUID(slice_.last)
    return int(slice_.clients) < limit


async def _looked_at(session: AsyncSession, round_: IncidentRound, query: dict[str, Any]) -> None:
    """Clients whose records a member of staff has opened, by the audit trail."""
    first = query.get("from_row")
    if first is None:
        first = await incidents.first_audit_row(session, datetime.fromisoformat(query["since"]))
    last = await incidents.first_audit_row(session, datetime.fromisoformat(query["until"]))
    rows = await run(
        session,
        "select distinct subject, detail -> 'payments' as payments from audit_entry where n >= :first and n < :last"
        " and actor = :who and action ~ :looks",
        first=first,
        last=last,
        who=query["who"],
        looks=LOOKS,
    )
    clients: set[UUID] = set()
    payments: set[UUID] = set()
    subjects: set[str] = set()
    for row in rows:
        subjects.add(row.subject)
        payments.update(UUID(one) for one in row.payments or ())
    clients |= await _clients_of(session, subjects, payments)
    await run(
        session,
        "insert into incident_client (incident_id, client_id, round_n) select :incident, id, :n"
        " from unnest(cast(:ids as uuid[])) as id on conflict do nothing",
        incident=round_.incident_id,
        n=round_.n,
        ids=list(clients),
    )


async def _clients_of(session: AsyncSession, subjects: set[str], payments: set[UUID]) -> set[UUID]:
    by_kind: dict[str, list[UUID]] = {"client": [], "application": [], "document": [], "loan": []}
    for subject in filter(is_of_client, subjects):
        kind, number = subject.split(":")[:2]
        if kind in _CLIENT:
            place = "client"
        elif kind in _APPLICATION:
            place = "application"
        else:
            place = "document" if kind == "document" else "loan"
        by_kind[place].append(UUID(number))
    found = await run(
        session,
        "select id from client where id = any(:client)"
        " union select client_id from application where id = any(:application)"
        " union select client_id from document where id = any(:document) union select client_id from loan"
        " where id = any(:loan) union select loan.client_id from incoming_payment"
        " join loan on loan.id = incoming_payment.loan_id where incoming_payment.id = any(:payments)",
        payments=list(payments),
        **by_kind,
    )
    return {client for client in found.scalars() if client is not None}


async def untold(session: AsyncSession, incident_id: UUID, n: int, limit: int) -> list[tuple[IncidentClient, Client]]:
    """The next clients of a round who have no message yet, held: a worker that was killed leaves them to the next."""
    query = (
        select(IncidentClient, Client)
        .join(Client, col(Client.id) == col(IncidentClient.client_id))
        .where(
            col(IncidentClient.incident_id) == incident_id,
            col(IncidentClient.round_n) == n,
            col(IncidentClient.told_at).is_(None),
        )
        .order_by(col(IncidentClient.client_id))
        .limit(limit)
        .with_for_update(of=IncidentClient)
        .execution_options(populate_existing=True)
    )
    return list((await session.exec(query)).all())


async def untexted(session: AsyncSession, incident_id: UUID, n: int, limit: int) -> list[tuple[IncidentClient, Client]]:
    """The next clients of a round to whom no SMS went yet."""
    query = (
        select(IncidentClient, Client)
        .join(Client, col(Client.id) == col(IncidentClient.client_id))
        .where(
            col(IncidentClient.incident_id) == incident_id,
            col(IncidentClient.round_n) == n,
            col(IncidentClient.texted_at).is_(None),
        )
        .order_by(col(IncidentClient.client_id))
        .limit(limit)
    )
    return list((await session.exec(query)).all())


async def note_texted(
    session: AsyncSession, incident_id: UUID, at: datetime, handed: Sequence[tuple[UUID, str | None, str | None]]
) -> None:
    """Note to whom an SMS went. handed: client, the gateway's id, or why there was none."""
    await run(
        session,
        "update incident_client set texted_at = :at, sms_id = sent.sms, ground = coalesce(ground, sent.why)"
        " from unnest(cast(:clients as uuid[]), cast(:sms as text[]), cast(:grounds as text[])) as sent (id, sms, why)"
        " where incident_id = :incident and client_id = sent.id and texted_at is null",
        at=at,
        incident=incident_id,
        clients=[one[0] for one in handed],
        sms=[one[1] for one in handed],
        grounds=[one[2] for one in handed],
    )


async def progress(session: AsyncSession, incident_id: UUID, n: int | None = None) -> Progress:
    """How far one round, or all of them, have come."""
    reached = col(IncidentClient.message_id).is_not(None)
    query = select(
        func.count(),
        func.count(col(IncidentClient.told_at)),
        func.count(col(IncidentClient.texted_at)),
        func.count().filter(col(IncidentClient.told_at).is_not(None), ~reached),
    ).where(col(IncidentClient.incident_id) == incident_id)
    if n is not None:
        query = query.where(col(IncidentClient.round_n) == n)
    return Progress(*(await session.exec(query)).one())


async def leaks(session: AsyncSession, incident_id: UUID) -> dict[str, int]:
    """Responses to a leak that belong to an incident, by their states. Rules: para 36."""
    found = await run(
        session,
        "select state, count(*) as leaks from leak where id in (select leak_id from incident_client"
        " where incident_id = :incident) group by state",
        incident=incident_id,
    )
    return {row.state: row.leaks for row in found}


async def languages(session: AsyncSession, incident_id: UUID, n: int) -> list[str]:
    """Languages of the clients of a round."""
    query = (
        select(Client.language)
        .join(IncidentClient, col(IncidentClient.client_id) == col(Client.id))
        .where(col(IncidentClient.incident_id) == incident_id, col(IncidentClient.round_n) == n)
        .distinct()
    )
    return sorted((await session.exec(query)).all())


async def page(session: AsyncSession, incident_id: UUID, after: UUID | None, limit: int) -> list[IncidentClient]:
    """Touched clients in order of their ids."""
    query = select(IncidentClient).where(col(IncidentClient.incident_id) == incident_id)
    if after is not None:
        query = query.where(col(IncidentClient.client_id) > after)
    return list((await session.exec(query.order_by(col(IncidentClient.client_id)).limit(limit))).all())
