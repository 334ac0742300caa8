"""What a running loan needs now, and when it must be looked at again: the eyes of its workflow.

Nothing runs over all loans: each loan's workflow sleeps until the day that is told here, or until its books change.

Rules: para 7, part 5; para 13, part 2; para 34.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlmodel import col, select
from temporalio import activity

from activities import loan_book, personal_account
from activities.context import Moment, Records
from activities.loans import LoanRef
from activities.retention import shorter_locks
from activities.write_off_cases import open_return
from rules.calendar import end_of_day
from rules.evidence import Frozen
from rules.loan import LoanEvent, position
from rules.loan_care import Arrears, arrears, ended_on, month_of, next_look
from rules.loan_events import Refunded
from rules.policy import PolicySet
from rules.schedule import LoanTerms
from rules.write_off import standing
from storage import audit, fraud, loans
from storage.tables import Loan, RestructuringRequest

_LOCKS_LEFT = timedelta(days=365)  # documents of a loan that outlives its plan are locked on, a year before they open


class ArrearsFound(Frozen):
    """Arrears of a loan. since: their first day, which names them. due_on: the last day for the notice.

    began_at: the notice's days are counted from the day of this instant; None in what older releases have found.
    """

    loan_id: UUID
    client_id: UUID
    since: date
    due_on: date
    began_at: datetime | None = None


class Tended(Frozen):
    """How a loan stands, and what it needs. No amounts: those stay in our database.

    wake_at: when to look again, unless the books change before; None where nothing is owed any more.
    ended: the day on which the debt ended.
    arrears_since: None where nothing is overdue or collection is held. notice: arrears that are to be told of now.
    notice_by: when their notice is late; None where it has gone out. bureau_on: the last day on which the bureau is
    told in any case. owed_back: the client has money to get; refund_n numbers that refund. return_collected: it goes
    back because the loan was written off; return_case: the number of the write-off that sees to it now.
    """

    on: date
    status: str
    wake_at: datetime | None
    ended: date | None = None
    written_off: bool = False
    arrears_since: date | None = None
    notice: ArrearsFound | None = None
    notice_by: datetime | None = None
    bureau_on: date | None = None
    owed_back: bool = False
    refund_n: int = 1
    return_collected: bool = False
    return_case: int | None = None
    locks_short: bool = False
    restructuring_n: int | None = None


class LoanCare:
    """Looks at one loan."""

    def __init__(self, records: Records) -> None:
        self._records = records

    @activity.defn
    async def tend(self, ref: LoanRef) -> Tended:
        """Book what has fallen due, and say how the loan stands and what it needs; again is the same as once.

        Raises:
            Conflict: the loan's facts contradict each other: people must correct them.
        """
        async with self._records.moment() as moment:
            await loan_book.catch_up(moment, ref.loan_id)
            loan = await loans.get(moment.session, ref.loan_id)
            events, terms = await loans.events(moment.session, loan.id), loans.terms(loan)
            on = max(moment.day, loan.disbursed_on)
            held = await fraud.is_held(moment.session, loan.id)
            late = None if held else arrears(events, terms, on, moment.policy)
            found = stands(
                ref, loan.status, events, terms, on, moment.policy,
                late=late, told=late is not None and await is_told(moment, loan.id, late),
            )  # fmt: skip
            beside = {
                "locks_short": found.ended is None and await self._locks_short(moment, loan),
                "restructuring_n": await _open_request(moment, loan),
                "return_case": await open_return(moment.session, loan.id) if found.return_collected else None,
            }
            return found.model_copy(update=beside)

    async def _locks_short(self, moment: Moment, loan: Loan) -> bool:
        """Whether documents would open to change within the year although the loan still runs. Rules: para 34."""
        least = moment.at + _LOCKS_LEFT
        return bool(await shorter_locks(moment.session, loan.client_id, loan.application_id, least, 1))

    @activity.defn
    async def ref_of(self, loan_id: UUID) -> LoanRef:
        """Whose loan it is.

        Raises:
            NotFound: `loan-unknown`.
        """
        async with self._records.moment() as moment:
            loan = await loans.get(moment.session, loan_id)
            return LoanRef(loan_id=loan.id, client_id=loan.client_id)

    @activity.defn
    async def notice_late(self, found: ArrearsFound) -> None:
        """Keep that the last day for the arrears notice has passed without it; once an episode."""
        async with self._records.moment() as moment:
            await loans.lock(moment.session, found.loan_id)
            subject, action = f"loan:{found.loan_id}", "arrears-notice-late"
            since = found.since.isoformat()
            known = await audit.of_subject(moment.session, subject)
            if any(one["action"] == action and one["detail"].get("since") == since for one in known):
                return
            await audit.record(
                moment.session,
                actor="system:worker",
                action=action,
                subject=subject,
                paragraph="7",
                detail={"since": since, "due": found.due_on},
            )


def stands(
    ref: LoanRef,
    status: str,
    events: Sequence[LoanEvent],
    terms: LoanTerms,
    on: date,
    rules: PolicySet,
    *,
    late: Arrears | None,
    told: bool,
) -> Tended:
    """How a loan with these facts stands at the end of a day.

    Args:
        late: its arrears of that day; told: whether their notice has gone out.
    """
    today, off = position(events, terms, on), standing(events, on)
    found = Tended(
        on=on,
        status=status,
        wake_at=None,
        ended=ended_on(events, terms, on),
        written_off=today.closed and today.written_off.root > 0,
        owed_back=today.overpaid.root > 0,
        refund_n=1 + sum(isinstance(event, Refunded) for event in events),
        return_collected=off is not None and off.return_paid,
    )
    if today.closed:
        return found
    bureau_on, bureau_next = month_of(terms.disbursed, on, rules.whole("bureau-update-months"))
    look = next_look(today, late, told=told, bureau=bureau_next)
    running: dict[str, object] = {"wake_at": end_of_day(look - timedelta(days=1)), "bureau_on": bureau_on}
    if late is not None:
        running["arrears_since"] = late.since
    if late is not None and not told:
        running["notice_by"] = end_of_day(late.notice_due)
        if on >= late.notice_from:
            running["notice"] = ArrearsFound(
                loan_id=ref.loan_id,
                client_id=ref.client_id,
                since=late.since,
                due_on=late.notice_due,
                began_at=_began(late, rules),
            )
    return found.model_copy(update=running)


def _began(late: Arrears, rules: PolicySet) -> datetime:
    """The last instant of the day that passed without the money, so that the next day is the first one counted.

    Later by the days on which the loan was suspended: those are not counted.
    """
    day = late.notice_due - timedelta(days=rules.whole("arrears-notice-days"))
    return end_of_day(day) - timedelta(microseconds=1)


def notice_key(loan_id: UUID, since: date) -> str:
    """The business fact that one episode of arrears was told of."""
    return f"arrears:{loan_id}:{since.isoformat()}"


async def is_told(moment: Moment, loan_id: UUID, late: Arrears) -> bool:
    """Whether the notice of these arrears has gone out."""
    return await personal_account.noticed(moment.session, notice_key(loan_id, late.since)) is not None


async def _open_request(moment: Moment, loan: Loan) -> int | None:
    query = select(RestructuringRequest.n).where(
        col(RestructuringRequest.loan_id) == loan.id,
        col(RestructuringRequest.state).in_(("RECEIVED", "DECIDED", "PROPOSED")),
    )
    return (await moment.session.exec(query)).first()
