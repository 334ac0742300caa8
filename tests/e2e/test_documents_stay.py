"""How long documents stay, and that none is drawn up on an archive whose lock is broken.

Real: the whole stack. Simulated: the counterparties and the people; the broken trial is a planted row.
"""

from __future__ import annotations

import asyncio
from uuid import UUID

from sqlmodel import col, select

from activities.retention import planned_end
from infra.settings import Settings
from rules.calendar import add_months, end_of_day
from storage import conformance
from storage.archive_lock import HELD, LockCheck
from storage.tables import Client, Contract, Document, Loan
from tests.support.real_world import offered, our_records, soon, temporal

RULE = "deleting a locked version is refused"


async def _tried(settings: Settings, result: str) -> None:
    """A trial with this result, as the worker would keep it."""
    async with our_records(settings) as kept, kept.database.begin() as session:
        await conformance.record(session, "planted", [LockCheck(rule=RULE, vital=True, result=result)])


async def test_every_document_of_a_loan_is_locked_until_its_end_and_five_years(client, settings: Settings) -> None:
    app = await client()
    application = await offered(app, months=6)
    await app.sign_contract(application)
    loan_id = UUID((await app.issued(application))["loan_id"])
    async with our_records(settings) as kept:

        async def documents() -> list[Document]:
            async with kept.database.begin() as session:
                loan = await session.get_one(Loan, loan_id)
                assert await session.get(Client, loan.client_id)
                query = select(Document).where(col(Document.client_id) == loan.client_id)
                return list((await session.exec(query)).all())

        async with kept.database.begin() as session:
            last_due = await planned_end(session, UUID(application))
        assert last_due is not None
        least = end_of_day(add_months(last_due, 60))

        async def kept_long() -> list[Document] | None:
            found = await documents()
            whole = any(one.kind == "history" for one in found) and all(one.retain_until >= least for one in found)
            return found if whole else None

        found = await soon(kept_long, "the documents locked for the loan's life")
        assert {"id_card_front", "selfie", "registration_statement", "contract", "sealed_contract", "cms"} <= {
            one.kind for one in found
        }
        locked = [
            kept.documents.archive._locked_until(one.key, one.version_id, {})  # asked of the archive itself
            for one in found
        ]
        assert all(one >= least for one in locked)


async def test_no_contract_is_drawn_up_while_the_archives_lock_is_broken(client, settings: Settings) -> None:
    app = await client()
    application = await app.apply("20000.00", 3)
    await app.offers(application)
    await _tried(settings, "BROKEN")
    try:
        await app.choose(application, "annuity")
        handle = (await temporal(settings)).get_workflow_handle(f"application/{application}")

        async def stopped() -> str | None:
            pending = (await handle.describe()).raw_description.pending_activities
            return next((one.last_failure.application_failure_info.type for one in pending if one.attempt > 1), None)

        assert await soon(stopped, "draw_up tried again") == "ArchiveLockBroken"
        await asyncio.sleep(1)
        async with our_records(settings) as kept, kept.database.begin() as session:
            query = select(Contract).where(col(Contract.application_id) == UUID(application))
            assert (await session.exec(query)).first() is None
    finally:
        await _tried(settings, HELD)
    await app.sign_contract(application)  # goes on by itself
    await app.issued(application)
