"""Reports in the database: a row a period, a row a version with its files, and the words of staff about them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.errors import Conflict, NotFound
from rules.reports import Span
from storage.tables import Report, ReportFile, ReportRetry, ReportVersion

# a person may ask for another version: what is wrong is known, or no receipt has come
WAITING = ("FAULTY", "REJECTED", "SENT", "READY")


async def opened(session: AsyncSession, code: str, period: Span, at: datetime) -> Report:
    """The report's row for a period, made where there is none, and nobody else changes it in this transaction."""
    row = insert(Report).values(
        id=uuid4(), code=code, period=period.code, first_day=period.first, last_day=period.last, state="BUILDING",
        version=0, created_at=at, updated_at=at,
    )  # fmt: skip
    await session.exec(row.on_conflict_do_nothing(index_elements=["code", "period"]))
    return await get(session, code, period.code, lock=True)


async def get(session: AsyncSession, code: str, period: str, *, lock: bool = False) -> Report:
    """A report's row as it stands now.

    Raises:
        NotFound: `report-not-built`: nothing was made for that period yet.
    """
    found = await find(session, code, period, lock=lock)
    if found is None:
        raise NotFound("report-not-built")
    return found


async def find(session: AsyncSession, code: str, period: str, *, lock: bool = False) -> Report | None:
    """The same, None where there is none."""
    query = select(Report).where(col(Report.code) == code, col(Report.period) == period)
    query = query.with_for_update() if lock else query
    return (await session.exec(query.execution_options(populate_existing=True))).one_or_none()


async def periods(session: AsyncSession, code: str | None, limit: int) -> Sequence[Report]:
    """What there is, newest period first."""
    query = select(Report).order_by(col(Report.last_day).desc(), col(Report.code)).limit(limit)
    return (await session.exec(query if code is None else query.where(col(Report.code) == code))).all()


async def version(session: AsyncSession, version_id: UUID, *, lock: bool = False) -> ReportVersion:
    """A version as it stands now.

    Raises:
        NotFound: `report-not-built`.
    """
    query = select(ReportVersion).where(col(ReportVersion.id) == version_id)
    query = query.with_for_update() if lock else query
    found = (await session.exec(query.execution_options(populate_existing=True))).one_or_none()
    if found is None:
        raise NotFound("report-not-built")
    return found


async def versions(session: AsyncSession, report_id: UUID) -> Sequence[ReportVersion]:
    """All versions of a report, oldest first."""
    query = select(ReportVersion).where(col(ReportVersion.report_id) == report_id).order_by(col(ReportVersion.n))
    return (await session.exec(query)).all()


async def numbered(session: AsyncSession, report: Report, n: int | None) -> ReportVersion:
    """A version by its number; without one the version in work, or else the newest draft.

    Raises:
        NotFound: `report-not-built`.
    """
    known = {one.n: one for one in await versions(session, report.id)}
    wanted = n if n is not None else report.version or max(known, default=0)
    if wanted not in known:
        raise NotFound("report-not-built")
    return known[wanted]


async def add_version(session: AsyncSession, report: Report, made: ReportVersion) -> ReportVersion:
    """Keep a version under the next number; the caller holds the report's lock. A draft leaves the report as it is."""
    query = select(func.max(ReportVersion.n)).where(col(ReportVersion.report_id) == report.id)
    made.n = 1 + ((await session.exec(query)).one() or 0)
    session.add(made)
    if not made.draft:
        report.version = made.n
        session.add(report)
    await session.flush()
    return made


async def files(session: AsyncSession, version_id: UUID) -> dict[str, ReportFile]:
    """The files of a version by their formats."""
    query = select(ReportFile).where(col(ReportFile.version_id) == version_id)
    return {one.format: one for one in (await session.exec(query)).all()}


async def reach(session: AsyncSession, made: ReportVersion, state: str, at: datetime) -> None:
    """Bring a version, and with it its report where it is the one in work, to a state."""
    made.state = state
    session.add(made)
    report = await session.get_one(Report, made.report_id, with_for_update=True, populate_existing=True)
    if not made.draft and report.version == made.n:
        report.state = "BUILDING" if state in ("TAKEN", "CHECKED") else state
        report.updated_at = at
        session.add(report)
    await session.flush()


async def ask_again(
    session: AsyncSession, report: Report, staff_id: UUID, reason_code: str, at: datetime
) -> ReportRetry:
    """A person's word that another version may be made; the caller holds the report's lock.

    Raises:
        Conflict: `report-not-waiting`: nothing waits for a person.
    """
    made = await numbered(session, report, report.version or None)
    if report.state not in WAITING or made.draft:
        raise Conflict("report-not-waiting")
    word = ReportRetry(version_id=made.id, reason_code=reason_code, staff_id=staff_id, at=at)
    session.add(word)
    await session.flush()
    return word


async def retry_of(session: AsyncSession, retry_id: UUID) -> ReportRetry:
    """A person's word by its id.

    Raises:
        NotFound: `report-retry-unknown`.
    """
    word = await session.get(ReportRetry, retry_id)
    if word is None:
        raise NotFound("report-retry-unknown")
    return word
