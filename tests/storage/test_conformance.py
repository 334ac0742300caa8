"""Trials of the archive's lock are kept, and the newest one decides whether contracts are drawn up."""

from __future__ import annotations

import pytest

from activities.archive_watch import FRESH, is_due, try_lock
from activities.context import Records
from storage import audit, conformance
from storage.archive import Archive
from storage.archive_lock import HELD, LockCheck
from storage.clients import Clients
from storage.database import Database
from storage.documents import Documents
from storage.vault import Vault

VITAL, OTHER = "deleting a locked version is refused", "a legal hold outlives the retention"


def _checks(vital: str, other: str = HELD) -> list[LockCheck]:
    return [LockCheck(rule=VITAL, vital=True, result=vital), LockCheck(rule=OTHER, vital=False, result=other)]


async def test_a_broken_vital_rule_stops_until_a_trial_holds_again(database: Database) -> None:
    async with database.begin() as session:
        row = await conformance.record(session, "store-a:1", _checks("BROKEN"))
        assert (row.held, conformance.broken_rules(row)) == (False, [VITAL])
    async with database.begin() as session:
        with pytest.raises(conformance.ArchiveLockBroken, match=f"archive-lock-broken.*store-a:1.*{VITAL}"):
            await conformance.require_lock(session)
        entries = await audit.of_subject(session, "archive:store-a:1")
        assert (entries[-1]["action"], entries[-1]["detail"]["broken"]) == ("archive-lock-broken", [VITAL])
    async with database.begin() as session:
        await conformance.record(session, "store-a:1", _checks(HELD))
    async with database.begin() as session:
        await conformance.require_lock(session)


async def test_a_rule_that_is_worked_around_stops_nothing(database: Database) -> None:
    async with database.begin() as session:
        await conformance.record(session, "store-b:1", _checks(HELD, "not held (worked around by x)"))
    async with database.begin() as session:
        await conformance.require_lock(session)


async def test_the_lock_is_tried_when_no_fresh_good_result_of_this_store_is_there(
    database: Database, archive: Archive, vault: Vault
) -> None:
    records = Records(database, vault, Clients(vault), Documents(archive, vault))
    async with database.begin() as session:
        await conformance.record(session, "another:1", _checks(HELD))
    assert await is_due(records, FRESH)  # another store's
    row, checks = await try_lock(records)
    assert (row.held, row.endpoint, len(row.checks)) == (True, archive.endpoint, len(checks))
    assert not await is_due(records, FRESH)
    async with database.begin() as session:
        await conformance.record(session, archive.endpoint, _checks("BROKEN"))
    assert await is_due(records, FRESH)  # broken: tried again at once
    await try_lock(records)
