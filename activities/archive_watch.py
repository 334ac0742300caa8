"""The archive's lock is tried again and again: when the worker starts and once a day.

Rules: para 11; para 34.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from activities import incident_watch
from activities.context import Records
from rules.errors import BusinessError, Fault
from storage import conformance
from storage.archive_lock import LockCheck
from storage.tables import ArchiveConformance

# A worker that is killed and started over and over does not fill the store with trials.
FRESH = timedelta(minutes=15)
EVERY = timedelta(hours=24)
_LOOK_SECONDS, _AGAIN_SECONDS = 30 * 60, 60

_log = logging.getLogger(__name__)


async def try_lock(records: Records) -> tuple[ArchiveConformance, list[LockCheck]]:
    """Try every rule in a scratch bucket and keep the result; a broken lock is an incident.

    Raises:
        Fault: archive or database are away; then nothing is kept.
    """
    archive = records.documents.archive
    checks = await archive.verify_lock()
    async with records.moment() as moment:
        row = await conformance.record(moment.session, archive.endpoint, checks)
        if not row.held:
            await incident_watch.enter_broken_lock(records, moment, row)
    if not row.held:
        _log.error("archive-lock-broken: %s", "; ".join(conformance.broken_rules(row)))
    return row, checks


async def is_due(records: Records, age: timedelta) -> bool:
    """Whether the newest result is older than this, was not good, or is of another store."""
    async with records.moment() as moment:
        row = await conformance.newest(moment.session)
        return (
            row is None
            or not row.held
            or row.endpoint != records.documents.archive.endpoint
            or moment.at - row.at > age
        )


async def watch(records: Records) -> None:
    """For the life of a worker; ends by being cancelled. What is away is tried again after a minute."""
    age = FRESH
    while True:
        try:
            if await is_due(records, age):
                await try_lock(records)
            await records.documents.archive.clear_scratch()
            age, pause = EVERY, _LOOK_SECONDS
        except (BusinessError, Fault) as fault:
            _log.warning("the archive's lock could not be tried: %s", fault)
            pause = _AGAIN_SECONDS
        await asyncio.sleep(pause)
