"""What every activity that touches our own records is given."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.calendar import local_date
from rules.evidence import StepOutcome, StepResult
from rules.identification import finding, passed
from rules.policy import PolicySet, policy
from rules.retention import retain_until
from storage import audit
from storage.archive import Archive
from storage.clients import Clients
from storage.clock import now
from storage.database import Database
from storage.documents import Documents
from storage.tables import Check, Client
from storage.vault import Vault

# Which policy row limits the tries of a step; after the last one a person looks.
_TRIES = {
    "phone": "code-tries",
    "authority": "authority-tries",
    "document": "document-tries",
    "face": "face-tries",
    "idec": "face-tries",
    "signature": "signature-tries",
}


@dataclass(frozen=True)
class Records:
    """Database, archive and keys, as one thing to hand to an activity class."""

    database: Database
    vault: Vault
    clients: Clients
    documents: Documents

    async def close(self) -> None:
        """Give back the connections."""
        await self.documents.archive.close()
        await self.database.close()

    @asynccontextmanager
    async def moment(self) -> AsyncIterator[Moment]:
        """One transaction with its instant, its Almaty day and the policy of that day."""
        async with self.database.begin() as session:
            yield await _moment(session)


def open_records(
    *,
    database_url: str,
    pool_size: int,
    keys: Mapping[str, Any],
    archive: Mapping[str, Any],
) -> Records:
    """Records over plain values: `keys` are the arguments of Vault.from_base64, `archive` those of Archive."""
    vault = Vault.from_base64(**keys)
    documents = Documents(Archive(**archive), vault)
    return Records(Database(database_url, pool_size), vault, Clients(vault), documents)


@dataclass(frozen=True)
class Moment:
    """A transaction and the time it counts for."""

    session: AsyncSession
    at: datetime
    day: date
    policy: PolicySet

    async def later(self) -> Moment:
        """The same transaction at this instant: for one that may have waited until another was done."""
        return await _moment(self.session)

    def retain_until(self, planned_end: date | None = None) -> datetime:
        """How long a document archived now is locked at least. Rules: para 34."""
        return retain_until(planned_end or self.day, self.day)


async def _moment(session: AsyncSession) -> Moment:
    at = await now(session)
    return Moment(session, at, local_date(at), policy(local_date(at)))


async def attempts(session: AsyncSession, client_id: UUID, act: str, step: str) -> int:
    """Failed tries at a step so far."""
    query = select(func.count()).where(
        col(Check.client_id) == client_id,
        col(Check.act) == act,
        col(Check.step) == step,
        col(Check.outcome) != StepOutcome.PASSED,
    )
    return int((await session.exec(query)).one())


async def conclude(
    moment: Moment,
    client: Client,
    *,
    act: str,
    step: str,
    ground: str | None,
    evidence: dict[str, Any],
    paragraph: str,
    application_id: UUID | None = None,
) -> StepResult:
    """Store a check with its evidence, audit it, and say what follows.

    Args:
        ground: None where the step is passed, else a ground of rules.identification.
        evidence: scores, thresholds, hashes, document ids; no personal data.
    """
    if ground is None:
        result = passed(step)
    else:
        tried = 1 + await attempts(moment.session, client.id, act, step)
        result = finding(step, ground, tried, moment.policy.whole(_TRIES[step]))
    moment.session.add(
        Check(
            client_id=client.id,
            application_id=application_id,
            act=act,
            step=step,
            outcome=result.outcome,
            ground=ground,
            policy_version=moment.policy.version,
            evidence=evidence,
            at=moment.at,
        )
    )
    await audit.record(
        moment.session,
        actor="system:worker",
        action=f"{step}-{result.outcome}",
        subject=f"application:{application_id}" if application_id else f"client:{client.id}",
        reason=ground,
        paragraph=paragraph,
        detail=evidence,
    )
    return result
