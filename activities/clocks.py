"""Statutory clocks as they are kept: started by a receipt, reminded of, moved with the days off, met or missed.

A workflow waits (workflows.clock); here is what is written and read. Each step once, however often it is asked.

Rules: para 13; para 32.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from temporalio import activity

from activities.context import Moment, Records
from rules.calendar import end_of_day, local_date
from rules.clocks import CLOCKS, HALF_WAY, Alarm, Term, alarms, last_day
from rules.days_off import Calendar, CalendarUnknown
from rules.errors import Conflict, InvalidInput
from rules.evidence import Frozen
from rules.policy import PolicySet, policy
from storage import audit, clocks
from storage.tables import StatutoryClock

RUNNING, MISSED, MET, CANCELLED, RAN_OUT = "RUNNING", "MISSED", "MET", "CANCELLED", "RAN_OUT"


class ClockWanted(Frozen):
    """A clock to be started. key: the business fact. subject: `loan:{id}`, `incident:{id}` ...

    received_at: of the document that starts it; document_id: that document in the archive.
    """

    key: str
    rule: str
    subject: str
    workflow_id: str
    received_at: datetime
    client_id: UUID | None = None
    loan_id: UUID | None = None
    document_id: UUID | None = None


class ClockRef(Frozen):
    """Which clock."""

    clock_id: UUID


class ClockState(Frozen):
    """How a clock stands. due_at: None while the days off of a year are unknown. alarms: those still to come.

    state: as of storage.tables.StatutoryClock. title: of its rule, for staff. moved_by: the act that moved it last;
    moved_from: the last day that it had before, None where it had none.
    """

    clock_id: UUID
    rule: str
    title: str
    due_at: datetime | None
    last_day: str | None
    alarms: list[Alarm]
    state: str
    moved_by: str | None = None
    moved_from: str | None = None


class ClockRang(Frozen):
    """An alarm was due at that instant of the workflow. kind: HALF_WAY | WARNING | MISSED."""

    clock_id: UUID
    kind: str
    at: datetime


class ClockEnded(Frozen):
    """What the clock was for was done at that instant of the workflow, or falls away (why: cancelled).

    ran_out: nothing was to be done but to let the term pass; before its end the clock stays open.


    evidence: ids, numbers, instants; no personal data.
    """

    clock_id: UUID
    at: datetime
    evidence: dict[str, Any] = {}
    cancelled: bool = False
    ran_out: bool = False


class Clocks:
    """The clocks of all cases."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def all(self) -> list[Callable[..., Any]]:
        """Its activities."""
        return [self.start_clock, self.read_clock, self.ring_clock, self.end_clock]

    @activity.defn
    async def start_clock(self, wanted: ClockWanted) -> ClockState:
        """Start a clock once; the same key again is the same clock.

        Raises:
            InvalidInput: `clock-rule-unknown`.
            Conflict: `clock-key-reused` for another rule, subject or receipt.
        """
        if wanted.rule not in CLOCKS:
            raise InvalidInput("clock-rule-unknown")
        async with self._records.moment() as moment:
            calendar = await clocks.settled_calendar(moment.session)
            row = row_of(wanted, calendar, moment.at)
            known = await clocks.add(moment.session, row)
            if known is None:
                await clocks.note(moment.session, row.id, "STARTED", moment.at, terms_of(row))
                await tell(moment, row, "clock-started", terms_of(row))
                return await _state(moment, row, calendar)
            if (known.rule, known.received_at, known.subject) != (row.rule, row.received_at, row.subject):
                raise Conflict("clock-key-reused")
            return await _state(moment, known, calendar)

    @activity.defn
    async def read_clock(self, ref: ClockRef) -> ClockState:
        """How a clock stands now: its term may have been moved."""
        async with self._records.moment() as moment:
            row = await clocks.locked(moment.session, ref.clock_id)
            return await _state(moment, row, await clocks.calendar(moment.session))

    @activity.defn
    async def ring_clock(self, rang: ClockRang) -> ClockState:
        """Keep that staff were reminded, or that the term has passed undone; nothing where it was moved meanwhile."""
        async with self._records.moment() as moment:
            row = await clocks.locked(moment.session, rang.clock_id)
            if rings(row, rang) and await clocks.note(moment.session, row.id, rang.kind, rang.at, terms_of(row)):
                if rang.kind == MISSED:
                    row.state = MISSED
                    moment.session.add(row)
                await tell(moment, row, f"clock-{rang.kind.lower().replace('_', '-')}", terms_of(row))
            return await _state(moment, row, await clocks.calendar(moment.session))

    @activity.defn
    async def end_clock(self, ended: ClockEnded) -> ClockState:
        """Met in time, met late, or cancelled: the state that it has from now on.

        A clock without a last day stays open where nobody can say yet whether that was in time: it reaches into a
        year whose days off are unknown, and that year has begun. Ask again when staff have added the year.
        """
        async with self._records.moment() as moment:
            row = await clocks.locked(moment.session, ended.clock_id)
            calendar = await clocks.calendar(moment.session)
            state = ending(row, ended, calendar) if row.state in clocks.OPEN else row.state
            if row.state in clocks.OPEN and state not in clocks.OPEN:
                row.state, row.ended_at, row.evidence = state, ended.at, ended.evidence
                moment.session.add(row)
                kind = CANCELLED if ended.cancelled else RAN_OUT if ended.ran_out else MET
                await clocks.note(moment.session, row.id, kind, ended.at, ended.evidence)
                await tell(moment, row, f"clock-{state.lower().replace('_', '-')}", ended.evidence)
            return await _state(moment, row, calendar)


def row_of(wanted: ClockWanted, calendar: Calendar, at: datetime) -> StatutoryClock:
    """A new clock with its term: how many days it has says the policy of the day of the receipt."""
    rules = policy(local_date(wanted.received_at))
    days = rules.row(CLOCKS[wanted.rule].days)
    row = StatutoryClock(
        key=wanted.key, rule=wanted.rule, subject=wanted.subject, workflow_id=wanted.workflow_id,
        client_id=wanted.client_id, loan_id=wanted.loan_id, document_id=wanted.document_id,
        received_at=wanted.received_at, days=rules.whole(days.name), unit=days.unit, policy_row=days.row_id,
        calendar_version=calendar.version, started_at=at,
    )  # fmt: skip
    set_term(row, calendar)
    return row


def set_term(row: StatutoryClock, calendar: Calendar) -> bool:
    """Compute the end of a clock's days by a calendar; whether it is another one than before.

    Years whose days off are unknown leave it without one. How many days it has was settled when it started.
    """
    before = row.due_at
    row.calendar_version = calendar.version
    try:
        row.last_day = last_day(row.received_at, row.days, row.unit, calendar)
        row.due_at = end_of_day(row.last_day)
    except CalendarUnknown:
        row.last_day, row.due_at = None, None
    return row.due_at != before


def rings(row: StatutoryClock, rang: ClockRang) -> bool:
    """Whether an alarm still counts: the clock is open, and the instant that rang is not before its end now."""
    if rang.kind == MISSED:
        return row.state == RUNNING and row.due_at is not None and rang.at >= row.due_at
    return row.state == RUNNING


def ending(row: StatutoryClock, ended: ClockEnded, calendar: Calendar) -> str:
    """The state after its end; RUNNING where whether it was in time is not known yet."""
    if ended.cancelled:
        return CANCELLED
    if ended.ran_out:
        return RAN_OUT if row.due_at is not None and ended.at >= row.due_at else row.state
    if row.due_at is not None:
        return MET if ended.at < row.due_at else "MET_LATE"
    # its last day lies in or after the first year that is not known
    return MET if local_date(ended.at).year <= max(calendar.years) else RUNNING


def terms_of(row: StatutoryClock) -> dict[str, Any]:
    """A clock's term, as its history and the audit trail note it."""
    return {
        "rule": row.rule,
        "received": row.received_at.isoformat(),
        "due": row.due_at.isoformat() if row.due_at else None,
        "calendar": row.calendar_version,
    }


async def tell(moment: Moment, row: StatutoryClock, action: str, detail: dict[str, Any]) -> None:
    """Audit what happened to a clock."""
    await audit.record(
        moment.session,
        actor="system:worker",
        action=action,
        subject=row.subject,
        reason=row.rule,
        paragraph=CLOCKS[row.rule].paragraph.removeprefix("para "),
        detail={"clock": str(row.id), **detail},
    )


async def _state(moment: Moment, row: StatutoryClock, calendar: Calendar) -> ClockState:
    moves, last = await clocks.rung(moment.session, row.id)
    state = state_of(row, calendar, moment.policy, moves, last)
    if not moves:
        return state
    move = (await clocks.last_move(moment.session, row.id)).detail
    return state.model_copy(update={"moved_by": move["act"], "moved_from": move["last_day_before"]})


def state_of(
    row: StatutoryClock, calendar: Calendar, rules: PolicySet, moves: int, last: Mapping[str, tuple[int, datetime]]
) -> ClockState:
    """How a clock stands.

    Args:
        moves: how often it was moved. last: of each kind of event, after how many moves and when it last happened.
    """
    coming: list[Alarm] = []
    if row.state == RUNNING and row.due_at is not None and row.last_day is not None:
        term = Term(received=row.received_at, last_day=row.last_day, due=row.due_at)
        coming = [one for one in alarms(term, rules, calendar) if not _rang_before(one, moves, last)]
    return ClockState(
        clock_id=row.id,
        rule=row.rule,
        title=CLOCKS[row.rule].title,
        due_at=row.due_at,
        last_day=row.last_day.isoformat() if row.last_day else None,
        alarms=coming,
        state=row.state,
    )


def _rang_before(alarm: Alarm, moves: int, last: Mapping[str, tuple[int, datetime]]) -> bool:
    """Whether staff were reminded since the clock was last moved, or of this instant or a later one before that.

    That half of a term has passed is told once.
    """
    if alarm.kind not in last or alarm.kind == HALF_WAY:
        return alarm.kind in last
    after_moves, at = last[alarm.kind]
    return after_moves == moves or at >= alarm.at
