"""The client's phone: one-time codes by SMS, and who owns the number.

Rules: para 6, part 4; para 36.
"""

from __future__ import annotations

from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from temporalio import activity

from activities import code_texts
from activities.context import Records, conclude
from activities.ports import Sms
from rules.errors import BusinessError
from rules.evidence import Frozen, StepOutcome, StepResult
from rules.identification import passed
from storage import audit, codes
from storage.tables import Check


class CodeWanted(Frozen):
    """Who needs a code and what for. key: the business fact of this sending."""

    client_id: UUID
    purpose: str
    key: str


class CodeGiven(Frozen):
    """Six digits that a client typed."""

    client_id: UUID
    purpose: str
    code: str
    key: str


class Phone:
    """One-time codes."""

    def __init__(self, records: Records, sms: Sms) -> None:
        self._records, self._sms = records, sms

    @activity.defn
    async def send_code(self, wanted: CodeWanted) -> StepResult:
        """Issue a code and hand it to the SMS gateway; a repeated try issues a new one and voids the old."""
        try:
            async with self._records.moment() as moment:
                client = await self._records.clients.get(moment.session, wanted.client_id)
                text = await code_texts.issue(self._records, moment, client, wanted.purpose)
                await audit.record(
                    moment.session,
                    actor="system:worker",
                    action="code-sent",
                    subject=f"client:{client.id}",
                    paragraph="6",
                    detail={"purpose": wanted.purpose},
                )
        except BusinessError as error:
            return code_texts.not_sent(error)
        return await code_texts.send(self._sms, wanted.key, text)

    @activity.defn
    async def confirm_code(self, given: CodeGiven) -> StepResult:
        """Consume a code by one statement. A wrong try is counted and committed, so it is no exception here."""
        ground = None
        async with self._records.moment() as moment:
            client = await self._records.clients.get(moment.session, given.client_id)
            if await confirmed_by(moment.session, given.key):
                return passed("phone")
            try:
                await codes.consume(moment.session, given.client_id, given.purpose, given.code)
            except BusinessError as error:
                ground = error.code
            return await conclude(
                moment,
                client,
                act=given.purpose.upper(),
                step="phone",
                ground=ground,
                evidence={"key": given.key},
                paragraph="6",
            )


async def confirmed_by(session: AsyncSession, key: str) -> bool:
    """Whether this very action passed already: the worker may have died between commit and answer."""
    query = select(Check.id).where(
        col(Check.step) == "phone",
        col(Check.outcome) == StepOutcome.PASSED,
        col(Check.evidence)["key"].astext == key,
    )
    return (await session.exec(query)).first() is not None
