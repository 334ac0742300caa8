"""What two people say of a record that the bureau refuses for ever: dropped, or told anew as of a later day.

One proposal without its second word stands at a time; the database checks it, and that two people did it.

Law on microfinance, art. 4. Rules: para 27; para 28.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID, uuid4

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.errors import Conflict, NotAllowed, NotFound
from rules.furnishing import Op
from storage.clock import now
from storage.database import is_duplicate
from storage.tables import FurnishingDecision
from storage.vault import Vault


class FurnishingDecisions:
    """The file of these decisions; holds the vault."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def propose(
        self, session: AsyncSession, record_id: UUID, tell_as: Op | None, reason: str, words: str, staff_id: UUID
    ) -> FurnishingDecision:
        """The first person's word. The caller holds the lock of the record's loan.

        Args:
            tell_as: how it is told anew; None drops the record.
            words: why, as the person writes it.

        Raises:
            Conflict: `furnishing-decision-open`: another proposal waits for its second word.
        """
        made_id = uuid4()
        made = FurnishingDecision(
            id=made_id,
            record_id=record_id,
            way="drop" if tell_as is None else "replace",
            op=tell_as,
            reason=reason,
            words=self._vault.seal_own(words.encode(), _context(made_id)),
            proposed_by=staff_id,
            proposed_at=await now(session),
        )
        try:
            async with session.begin_nested():
                session.add(made)
        except IntegrityError as error:
            if not is_duplicate(error):
                raise
            raise Conflict("furnishing-decision-open") from None
        return made

    def words(self, decision: FurnishingDecision) -> str:
        """Why, opened, for the member of staff who has to look."""
        return self._vault.open_own(decision.words, _context(decision.id)).decode()


def _context(decision_id: UUID) -> str:
    return f"furnishing-decision:{decision_id}"


async def confirm(session: AsyncSession, record_id: UUID, decision_id: UUID, staff_id: UUID) -> FurnishingDecision:
    """The second person agrees.

    Raises:
        NotFound: `furnishing-decision-unknown`.
        NotAllowed: `second-person-needed`: the same person proposed it.
        Conflict: `furnishing-decision-decided`.
    """
    found = await _undecided(session, record_id, decision_id)
    if found.proposed_by == staff_id:
        raise NotAllowed("second-person-needed")
    found.confirmed_by, found.confirmed_at = staff_id, await now(session)
    session.add(found)
    await session.flush()
    return found


async def refuse(session: AsyncSession, record_id: UUID, decision_id: UUID, staff_id: UUID) -> FurnishingDecision:
    """Somebody says no, or the one who proposed it takes it back: another proposal can be made.

    Raises:
        NotFound: `furnishing-decision-unknown`.
        Conflict: `furnishing-decision-decided`.
    """
    found = await _undecided(session, record_id, decision_id)
    found.refused_by, found.refused_at = staff_id, await now(session)
    session.add(found)
    await session.flush()
    return found


async def _undecided(session: AsyncSession, record_id: UUID, decision_id: UUID) -> FurnishingDecision:
    query = select(FurnishingDecision).where(col(FurnishingDecision.id) == decision_id).with_for_update()
    found = (await session.exec(query.execution_options(populate_existing=True))).one_or_none()
    if found is None or found.record_id != record_id:
        raise NotFound("furnishing-decision-unknown")
    if found.confirmed_by is not None or found.refused_by is not None:
        raise Conflict("furnishing-decision-decided")
    return found


async def of_records(session: AsyncSession, record_ids: Iterable[UUID]) -> dict[UUID, list[FurnishingDecision]]:
    """Every word on these records, oldest first."""
    query = select(FurnishingDecision).where(col(FurnishingDecision.record_id).in_(list(record_ids)))
    found: dict[UUID, list[FurnishingDecision]] = {}
    for row in await session.exec(query.order_by(col(FurnishingDecision.proposed_at))):
        found.setdefault(row.record_id, []).append(row)
    return found
