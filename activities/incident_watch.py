"""Incidents that the system finds itself: a forged audit row, a damaged document, a broken lock, unusual access.

Each watch goes on from where it stopped: nothing is read all at once but what is new. The same cause is one incident.

Rules: para 13, part 1; para 11; para 32.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel import col, select
from temporalio import activity

from activities import incident_words as words
from activities.context import Moment, Records
from activities.incident_desk import Entry, Touched, enter
from activities.incidents import IncidentRef
from rules.calendar import end_of_day, local_date
from rules.errors import BrokenContract, BusinessError
from rules.evidence import Frozen
from rules.incidents import LOOKS, SEVERITY, Excess, Kind, Look, is_of_client, unusual
from storage import audit, conformance, incidents
from storage.database import run
from storage.tables import ArchiveConformance, Document, Incident

_HOUR = timedelta(hours=1)
_ROWS_AT_ONCE = 20_000
_DOCUMENTS_AT_ONCE, _SCRUB_SECONDS = 100, 15.0
_BEGUN_AT_ONCE, _NAMED = 50, 50
_DAMAGE = frozenset({"document-absent", "document-damaged", "sealed-damaged"})
_FAILED_LOG_IN = "staff-log-in-failed"
_EVERYBODY = "all"


class AuditSeen(Frozen):
    """How far a night's verification has come: the last row with its hash. over: the whole chain was looked at."""

    n: int = 0
    head: str = audit.START
    over: bool = False


class Scrubbed(Frozen):
    """Documents that were hashed again. over: a pass through the whole archive has ended."""

    checked: int
    damaged: int
    over: bool


class Due(Frozen):
    """A watch is due; it knows itself where it stopped."""


class NotBegun(Frozen):
    """An incident without a case, and when it was detected."""

    ref: IncidentRef
    detected_at: datetime


class Watches:
    """The watches. They run by schedules (workflows.incident_watch)."""

    def __init__(self, records: Records) -> None:
        self._records = records

    @activity.defn
    async def incidents_to_begin(self, due: Due) -> list[NotBegun]:
        """Incidents that were found where no case can be started."""
        async with self._records.moment() as moment:
            found = await incidents.without_case(moment.session, _BEGUN_AT_ONCE)
            return [NotBegun(ref=IncidentRef(incident_id=one.id), detected_at=one.detected_at) for one in found]

    @activity.defn
    async def look_at_access(self, due: Due) -> bool:
        """New rows of the audit trail: who looked at very many records, whose log-ins failed. Whether more wait."""
        async with self._records.moment() as moment:
            known = await incidents.position(moment.session, "access")
            newest = (await run(moment.session, "select coalesce(max(n), 0) from audit_entry")).scalar_one()
            first = known.get("n") or await incidents.first_audit_row(moment.session, moment.at - _HOUR) - 1
            last = min(newest, first + _ROWS_AT_ONCE)
            if last > first:
                await self._judge(moment, first, last)
            await incidents.move(moment.session, "access", {"n": last})
            return bool(last < newest)

    async def _judge(self, moment: Moment, first: int, last: int) -> None:
        """Rows (first, last], seen with the hour before them."""
        at = await run(moment.session, "select min(at) from audit_entry where n > :first", first=first)
        begin = await incidents.first_audit_row(moment.session, at.scalar_one() - _HOUR)
        rows = await run(
            moment.session,
            "select n, at, actor, action, subject, detail -> 'payments' as payments from audit_entry"
            " where n between :begin and :last and (action = :failed or actor like 'staff:%' and action ~ :looks)"
            " order by n",
            begin=begin,
            last=last,
            failed=_FAILED_LOG_IN,
            looks=LOOKS,
        )
        looks, fails = [], []
        for row in rows:
            if row.action == _FAILED_LOG_IN:
                fails.append(Look(row.n, row.at, row.subject, frozenset({str(row.n)})))
            else:
                seen = {row.subject} if is_of_client(row.subject) else set()
                looks.append(Look(row.n, row.at, row.actor, frozenset(seen | set(row.payments or ()))))
        whole = moment.policy.whole
        for excess in unusual(looks, whole("access-records-per-hour"), _HOUR):
            if excess.last > first:
                await self._enter_access(moment, excess)
        everybody = [Look(one.n, one.at, _EVERYBODY, one.records) for one in fails]
        for excess in [
            *unusual(fails, whole("staff-log-ins-failed-per-hour"), _HOUR),
            *unusual(everybody, whole("staff-log-ins-failed-per-hour-all"), _HOUR),
        ]:
            if excess.last > first:
                await self._enter(moment, Kind.FAILED_LOG_INS, f"log-ins:{_on_day(excess)}", _facts(excess))

    async def _enter_access(self, moment: Moment, excess: Excess) -> None:
        until = end_of_day(local_date(excess.at))
        query = {"kind": "LOOKED_AT", "who": excess.who, "from_row": excess.first, "until": until.isoformat()}
        touched = Touched(query=query)
        await self._enter(moment, Kind.UNUSUAL_ACCESS, f"access:{_on_day(excess)}", _facts(excess), touched)

    @activity.defn
    async def verify_audit(self, seen: AuditSeen) -> AuditSeen:
        """The next rows of a night's verification; the first of a night also looks for the end of the night before."""
        async with self._records.moment() as moment:
            if seen.n == 0:
                await self._look_for_noted(moment)
            found = await audit.verify_slice(moment.session, seen.n, seen.head, _ROWS_AT_ONCE)
            if found.forged:  # one incident a slice: whoever changed a thousand rows is one cause
                n, problem = found.forged[0]
                facts = {"row": n, "problem": problem, "rows": [row for row, _ in found.forged[:_NAMED]]}
                facts["times"] = len(found.forged)
                await self._enter(moment, Kind.AUDIT_CHAIN, f"audit-chain:{n}", facts)
            if found.over:
                await incidents.position(moment.session, "audit")
                await incidents.move(moment.session, "audit", {"n": found.last, "hash": found.head})
            return AuditSeen(n=found.last, head=found.head, over=found.over)

    async def _look_for_noted(self, moment: Moment) -> None:
        """A chain whose end was cut off, or that was made anew, fits in itself: the row noted last night does not."""
        noted = await incidents.position(moment.session, "audit")
        if not noted.get("n"):
            return
        stored = await audit.hash_of(moment.session, noted["n"])
        if stored != noted["hash"]:
            problem = "the row noted before is missing" if stored is None else "the row is not the one noted before"
            facts = {"row": noted["n"], "problem": problem}
            await self._enter(moment, Kind.AUDIT_CHAIN, f"audit-chain:noted:{noted['n']}", facts)

    @activity.defn
    async def scrub_slice(self, due: Due) -> Scrubbed:
        """Hash the next documents of the archive again; what is damaged or gone is an incident of its own.

        Raises:
            Fault: the archive is away; what was looked at is noted.
        """
        async with self._records.moment() as moment:
            known = await incidents.position(moment.session, "scrub")
            documents = await self._next_documents(moment, known.get("after"))
        checked, damaged, until = 0, 0, time.monotonic() + _SCRUB_SECONDS
        try:
            for document in documents:
                if checked and time.monotonic() > until:
                    break
                damaged += await self._look(document)
                checked += 1
        finally:
            over = checked == len(documents) < _DOCUMENTS_AT_ONCE
            await self._note_scrub(known, documents[:checked], over=over)
        return Scrubbed(checked=checked, damaged=damaged, over=over)

    async def _next_documents(self, moment: Moment, after: str | None) -> list[Document]:
        """Those under lock: what may be deleted by now may be gone."""
        query = select(Document).where(col(Document.retain_until) > moment.at).order_by(col(Document.id))
        if after is not None:
            query = query.where(col(Document.id) > UUID(after))
        return list((await moment.session.exec(query.limit(_DOCUMENTS_AT_ONCE))).all())

    async def _look(self, document: Document) -> bool:
        async with self._records.moment() as moment:
            problem = await self._problem(moment, document)
        if problem is None:
            return False
        facts = {"document": str(document.id), "kind": document.kind, "problem": problem}
        touched = Touched(clients=[document.client_id] if document.client_id is not None else [])
        async with self._records.moment() as moment:
            key = f"archive-damage:{document.id}:{document.version_id}"
            await self._enter(moment, Kind.ARCHIVE_DAMAGE, key, facts, touched)
        return True

    async def _problem(self, moment: Moment, document: Document) -> str | None:
        """Why a document is not what was archived; None where it is."""
        noted = await run(
            moment.session,
            "select detail ->> 'sealed_sha256' as sealed, detail ->> 'sha256' as plain from audit_entry"
            " where subject = :subject and action = 'document-archived' limit 1",
            subject=f"document:{document.id}",
        )
        audited = noted.one_or_none()
        if audited is not None and (audited.sealed, audited.plain) != (document.sealed_sha256, document.sha256):
            return "document-not-as-audited"
        try:
            await self._records.documents.load(moment.session, document.id)
        except BusinessError as error:
            if error.code not in _DAMAGE:
                raise BrokenContract(error.code) from None  # our keys are wrong, not the document
            return error.code
        return None

    async def _note_scrub(self, known: dict[str, Any], looked: list[Document], *, over: bool) -> None:
        passes = known.get("passes", 0)
        position = {"after": str(looked[-1].id) if looked else known.get("after"), "passes": passes}
        if over:
            position = {"after": None, "passes": passes + 1}
        async with self._records.moment() as moment:
            await incidents.position(moment.session, "scrub")
            await incidents.move(moment.session, "scrub", position)

    async def _enter(
        self, moment: Moment, kind: Kind, key: str, facts: dict[str, Any], touched: Touched | None = None
    ) -> Incident:
        return await _enter_found(self._records, moment, kind, key, facts, touched)


async def enter_broken_lock(records: Records, moment: Moment, trial: ArchiveConformance) -> Incident:
    """The archive's lock was not held in a trial; one incident until it holds again."""
    before = await conformance.last_held(moment.session, trial.endpoint)
    key = f"archive-lock:{trial.endpoint}:{'never-held' if before is None else before.id}"
    facts = {"endpoint": trial.endpoint, "trial": str(trial.id), "broken": conformance.broken_rules(trial)}
    return await _enter_found(records, moment, Kind.ARCHIVE_LOCK, key, facts)


async def _enter_found(
    records: Records, moment: Moment, kind: Kind, key: str, facts: dict[str, Any], touched: Touched | None = None
) -> Incident:
    entry = Entry(
        key=key, kind=kind, severity=SEVERITY[kind], story=words.Story(what=words.found(kind)),
        occurred_at=moment.at, detected_at=moment.at, facts=facts, touched=touched or Touched(),
    )  # fmt: skip
    incident, _ = await enter(records, moment, entry)
    return incident


def _on_day(excess: Excess) -> str:
    return f"{excess.who}:{local_date(excess.at).isoformat()}"


def _facts(excess: Excess) -> dict[str, Any]:
    return {"who": excess.who, "times": excess.records, "first_row": excess.first, "last_row": excess.last}
