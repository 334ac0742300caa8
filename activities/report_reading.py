"""Reading what a report says: its figures, and the loans and cases behind each of them.

Rules: para 34.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from activities.context import Records
from rules.errors import InvalidInput
from rules.report_forms import Form, cell_of
from rules.report_snapshot import Snapshot
from storage import reports
from storage.tables import Report, ReportFile, ReportVersion


@dataclass(frozen=True)
class Kept:
    """A version as it is kept, with its files by their formats."""

    report: Report
    version: ReportVersion
    files: dict[str, ReportFile]


@dataclass(frozen=True)
class Behind:
    """What is behind a cell. count: how many facts there are in all; facts: those that were asked for."""

    form: Form
    row: str
    column: str
    count: int
    facts: Sequence[dict[str, Any]]


async def kept(records: Records, code: str, period: str, n: int | None = None) -> Kept:
    """A version of a report; without a number the one in work.

    Raises:
        NotFound: `report-not-built`.
    """
    async with records.database.begin() as session:
        row = await reports.get(session, code, period)
        made = await reports.numbered(session, row, n)
        return Kept(row, made, await reports.files(session, made.id))


async def snapshot_of(records: Records, version: ReportVersion) -> Snapshot:
    """A version's snapshot as the archive has it.

    Raises:
        BusinessError: `document-damaged`.
    """
    async with records.database.begin() as session:
        _, packed = await records.documents.load(session, version.snapshot_document_id)
    return Snapshot(packed, version.snapshot_sha256)


async def facts_behind(records: Records, version: ReportVersion, cell: str, skip: int, most: int) -> Behind:
    """The facts behind a cell, in the order of the snapshot.

    Raises:
        NotFound: `report-cell-unknown`. Conflict: `report-layout-other`.
    """
    if skip < 0 or most < 0:
        raise InvalidInput("invalid-input")
    snapshot = await snapshot_of(records, version)
    return await asyncio.to_thread(search, snapshot, cell, skip, most)


def search(snapshot: Snapshot, cell: str, skip: int = 0, most: int | None = None) -> Behind:
    """The same over a snapshot in hand."""
    form, row, column = cell_of(snapshot.definition.forms, cell)
    count, found = 0, list[dict[str, Any]]()
    for _, fact in snapshot.facts((form.facts,)):
        if form.behind(row, column, fact):
            count += 1
            if count > skip and (most is None or len(found) < most):
                found.append(dict(fact))
    return Behind(form, row, column, count, found)
