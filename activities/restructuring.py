"""The answer to a borrower who asked for other terms: in writing and in time; agreed terms become a fact of the loan.

Terms hold from the day of the answer; the addendum shown is the very plan that is booked when the client has signed it.

Rules: para 7, part 7; para 9; para 34.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import col, select
from temporalio import activity

from activities import identifications, letters, loan_book, personal_account
from activities.context import Moment, Records
from activities.contracts import Sealer
from activities.restructuring_papers import Papers
from activities.restructuring_requests import OPEN, case_id, decide, locked, terms_of
from rules.calendar import end_of_day
from rules.editions import edition
from rules.errors import Conflict, Fault
from rules.evidence import Frozen
from rules.lender import Lender
from rules.restructuring import restructured
from storage import audit, loans, reviews
from storage.conformance import require_lock
from storage.tables import Client, Document, Loan, RestructuringRequest, Review

REQUESTED = "restructuring-requested"


class RequestRef(Frozen):
    """Which request."""

    request_id: UUID
    client_id: UUID


class RequestOpened(Frozen):
    """In the queue of staff. warn_at: they are reminded; due_at: the answer is late.

    received_at, document_id: of the request; None in what older releases have opened.
    """

    review_id: UUID
    warn_at: datetime
    due_at: datetime
    received_at: datetime | None = None
    document_id: UUID | None = None


class DecisionTaken(Frozen):
    """A decision of staff about a request, by its ids."""

    ref: RequestRef
    review_id: UUID
    decision_id: UUID


class RequestAnswered(Frozen):
    """state: RECEIVED (nothing that could be answered was decided) | REFUSED | PROPOSED | OVERTAKEN."""

    state: str
    notice_id: UUID | None = None
    addendum_id: UUID | None = None
    accept_until: datetime | None = None


class AddendumSigned(Frozen):
    """The client's verified signature over the addendum; None where the edition asks for none and the face signed."""

    ref: RequestRef
    signature_id: UUID | None


class RequestEnded(Frozen):
    """A request ends without a change. state: DECLINED | LAPSED | OVERTAKEN."""

    ref: RequestRef
    state: str


class Restructurings:
    """Answers requests."""

    def __init__(self, records: Records, sealer: Sealer, lender: Lender) -> None:
        self._records, self._sealer, self._lender = records, sealer, lender

    @activity.defn
    async def open_request(self, ref: RequestRef) -> RequestOpened:
        """Put a request into the queue of staff; again is the same as once, unless a decision left it unanswered."""
        async with self._records.moment() as moment:
            request = await locked(moment.session, ref.request_id)
            if request.state == "RECEIVED":
                review = await reviews.open_review(
                    moment.session,
                    kind="DECISION",
                    workflow_id=case_id(request),
                    ground=REQUESTED,
                    client_id=ref.client_id,
                )
            else:
                query = select(Review).where(
                    col(Review.workflow_id) == case_id(request), col(Review.ground) == REQUESTED
                )
                review = (await moment.session.exec(query.order_by(col(Review.created_at).desc()).limit(1))).one()
            warning = timedelta(days=moment.policy.whole("restructuring-warning-days"))
            due_at = end_of_day(request.answer_due)
            return RequestOpened(
                review_id=review.id,
                warn_at=due_at - warning,
                due_at=due_at,
                received_at=request.received_at,
                document_id=request.document_id,
            )

    @activity.defn
    async def warn_answer_due(self, ref: RequestRef) -> None:
        """Keep that staff were reminded of the answer."""
        await self._note(ref, "warned_at", "restructuring-answer-due-soon")

    @activity.defn
    async def answer_late(self, ref: RequestRef) -> None:
        """Keep that the last day for the answer passed without it."""
        await self._note(ref, "late_at", "restructuring-answer-late")

    async def _note(self, ref: RequestRef, column: str, action: str) -> None:
        async with self._records.moment() as moment:
            request = await locked(moment.session, ref.request_id)
            if getattr(request, column) is not None:
                return
            setattr(request, column, moment.at)
            moment.session.add(request)
            await _record(moment, request, action, {"answer_due": request.answer_due})

    @activity.defn
    async def answer_request(self, taken: DecisionTaken) -> RequestAnswered:
        """Write the answer that was decided, archive it, and put it into the personal account; once.

        A decision from the common queue can refuse; it has no terms to propose, so an approval there changes nothing.

        Raises:
            ArchiveLockBroken: an addendum could be altered; tried again until the archive's lock is sound.
        """
        async with self._records.moment() as moment:
            request = await locked(moment.session, taken.ref.request_id)
            if request.state == "RECEIVED" and not await self._refused_in_queue(moment, request, taken):
                return RequestAnswered(state="RECEIVED")
            if request.state != "DECIDED":
                return await self._told(moment, request)
            if request.terms is not None:
                await require_lock(moment.session)
            loan = await loans.lock(moment.session, request.loan_id)
            if loan.closed_at is not None:
                await self._finish(moment, request, "OVERTAKEN")
                return RequestAnswered(state="OVERTAKEN")
            client = await self._records.clients.get(moment.session, loan.client_id)
            await self._answer(moment, request, loan, client)
            return await self._told(moment, request)

    async def _refused_in_queue(self, moment: Moment, request: RestructuringRequest, taken: DecisionTaken) -> bool:
        found = await reviews.decision(moment.session, taken.review_id, taken.decision_id)
        if found is None or found.decision != "refuse":
            return False
        await decide(moment, request, found.staff_id, None, found.reason_code)
        return True

    async def _answer(self, moment: Moment, request: RestructuringRequest, loan: Loan, client: Client) -> None:
        write = Papers(moment, request, loan, self._records.clients.person(client), self._lender)
        letter, proposed = write.letter(client.language), request.terms is not None
        if proposed:
            paper = await write.addendum()
            letter = letter.model_copy(update={"first_payment": paper.rows[0].payment})
            made = await asyncio.to_thread(letters.addendum, paper)
            request.addendum_document_id = (await self._keep(moment, loan, client, made.pdf, "addendum")).id
        made = await asyncio.to_thread(letters.restructuring_answer, letter)
        document = await self._keep(moment, loan, client, made.pdf, "restructuring_answer")
        request.state, request.ended_at = ("PROPOSED", None) if proposed else ("REFUSED", moment.at)
        request.answer_document_id, request.answered_at = document.id, moment.at
        moment.session.add(request)
        await personal_account.give_notice(
            self._records,
            moment,
            loan,
            client,
            key=_notice_key(request),
            kind="RESTRUCTURING_ANSWER",
            text=write.message(client.language),
            document_id=document.id,
            due_on=request.answer_due,
            figures={"request": str(request.id), "state": request.state, "template": made.template_version},
        )

    async def _keep(self, moment: Moment, loan: Loan, client: Client, pdf: bytes, kind: str) -> Document:
        return await personal_account.archive_paper(self._records, moment, loan, client, pdf, kind)

    async def _told(self, moment: Moment, request: RestructuringRequest) -> RequestAnswered:
        notice = await personal_account.noticed(moment.session, _notice_key(request))
        return RequestAnswered(
            state=request.state,
            notice_id=notice.id if notice else None,
            addendum_id=request.addendum_document_id,
            accept_until=end_of_day(request.accept_until) if request.accept_until else None,
        )

    @activity.defn
    async def apply_addendum(self, signed: AddendumSigned) -> str:
        """The lender's seal over the signed addendum, and the new terms as a fact of the loan; the state afterwards.

        OVERTAKEN: the debt ended before the terms could change it.
        """
        async with self._records.moment() as moment:
            request = await locked(moment.session, signed.ref.request_id)
            if request.state not in OPEN:
                return request.state
            await require_lock(moment.session)
            if request.addendum_document_id is None:
                raise Fault("the addendum's document is missing")
            _, pdf = await self._records.documents.load(moment.session, request.addendum_document_id)
        sealed = await self._sealer.seal(pdf)
        async with self._records.moment() as moment:
            request = await locked(moment.session, signed.ref.request_id)
            if request.state not in OPEN:
                return request.state
            loan = await loans.lock(moment.session, request.loan_id)
            if loan.closed_at is not None:
                return await self._finish(moment, request, "OVERTAKEN")
            client = await self._records.clients.get(moment.session, loan.client_id)
            document = await self._keep(moment, loan, client, sealed, "sealed_addendum")
            request.signature_id, request.sealed_document_id = signed.signature_id, document.id
            await identifications.close(
                self._records, moment, client, "ADDENDUM", edition=edition(moment.day).name,
                application_id=loan.application_id,
            )  # fmt: skip
            terms, effective, _ = terms_of(request)
            await loan_book.record(
                moment,
                loan.id,
                restructured(terms, request.id, effective, moment.at),
                actor=f"client:{client.id}",
                paragraph="9",
                detail={
                    "request": str(request.id),
                    "signature": str(signed.signature_id) if signed.signature_id else None,
                    "addendum": str(document.id),
                },
            )
            return await self._finish(moment, request, "ACCEPTED")

    @activity.defn
    async def end_request(self, ended: RequestEnded) -> str:
        """The request ends without a change; the state that stands."""
        async with self._records.moment() as moment:
            request = await locked(moment.session, ended.ref.request_id)
            if request.state not in OPEN:
                return request.state
            return await self._finish(moment, request, ended.state)

    async def _finish(self, moment: Moment, request: RestructuringRequest, state: str) -> str:
        if state not in ("ACCEPTED", "DECLINED", "LAPSED", "OVERTAKEN"):
            raise Conflict("restructuring-state")
        request.state, request.ended_at = state, moment.at
        moment.session.add(request)
        await _record(moment, request, f"restructuring-{state.lower()}", {})
        return state


def _notice_key(request: RestructuringRequest) -> str:
    return f"restructuring:{request.id}"


async def _record(moment: Moment, request: RestructuringRequest, action: str, detail: dict[str, object]) -> None:
    await audit.record(
        moment.session,
        actor="system:worker",
        action=action,
        subject=f"loan:{request.loan_id}",
        paragraph="7",
        detail={"request": str(request.id), "n": request.n, **detail},
    )
