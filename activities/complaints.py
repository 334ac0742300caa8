"""Complaints of clients as they come in, their cases, and the lender's written answers.

Rules: para 7, part 7; para 34.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from temporalio import activity

from activities import personal_account
from activities.context import Moment, Records
from rules.complaints import Outcome, Topic, answer_due
from rules.errors import Conflict, NotFound
from rules.evidence import Frozen
from storage import audit, clocks
from storage.tables import Client, Complaint, Document, StatutoryClock

TEXT = "text/plain; charset=utf-8"


class AnswerComplaint(Frozen):
    """Start of the case: the complaint is stored."""

    complaint_id: UUID
    edition: str


class ComplaintRef(Frozen):
    """Which complaint."""

    complaint_id: UUID


class ComplaintSeen(Frozen):
    """How it stands. state: RECEIVED | ANSWERED. document_id: the complaint as it was archived."""

    client_id: UUID
    loan_id: UUID | None
    topic: str
    received_at: datetime
    document_id: UUID
    state: str
    outcome: str | None
    answered_at: datetime | None
    answer_document_id: UUID | None


class Complaints:
    """What the case of a complaint looks at."""

    def __init__(self, records: Records) -> None:
        self._records = records

    @activity.defn
    async def see_complaint(self, ref: ComplaintRef) -> ComplaintSeen:
        """How the complaint stands in the database.

        Raises:
            NotFound: `complaint-unknown`.
        """
        async with self._records.moment() as moment:
            row = await moment.session.get(Complaint, ref.complaint_id)
            if row is None:
                raise NotFound("complaint-unknown")
            return ComplaintSeen(**row.model_dump(include=set(ComplaintSeen.model_fields)))


def subject_of(complaint_id: UUID) -> str:
    """As in audit and clocks; also the key of its clock."""
    return f"complaint:{complaint_id}"


def id_of(complaint_id: UUID) -> str:
    """The id of the case."""
    return f"complaint/{complaint_id}"


def begin_action(complaint_id: UUID) -> str:
    """Under which id the start of its case is kept: it is started once, whoever asks."""
    return f"complaint-begin:{complaint_id}"


async def dues(session: AsyncSession, found: Sequence[Complaint]) -> dict[UUID, date]:
    """The last day for each answer, as its clock has it: days off may have moved it since the receipt."""
    keys = {subject_of(one.id): one for one in found}
    query = select(StatutoryClock).where(col(StatutoryClock.key).in_(keys))
    moved = {keys[one.key].id: one.last_day for one in (await session.exec(query)).all() if one.last_day is not None}
    return {one.id: moved.get(one.id, one.answer_due) for one in found}


async def receive(
    records: Records, moment: Moment, client: Client, topic: Topic, text: str, loan_id: UUID | None, complaint_id: UUID
) -> Complaint:
    """Archive a complaint and note by when it is answered; the same id again is the same complaint.

    Raises:
        CalendarUnknown: the days off of a year are not known.
    """
    known = await moment.session.get(Complaint, complaint_id)
    if known is not None:
        return known
    due = answer_due(moment.day, moment.policy, await clocks.calendar(moment.session))
    document = await _archive(records, moment, client, text, "complaint", "received")
    made = Complaint(
        id=complaint_id,
        client_id=client.id,
        loan_id=loan_id,
        topic=topic.value,
        text=records.vault.seal(client.data_key, text.encode(), context(complaint_id)),
        document_id=document.id,
        received_at=moment.at,
        answer_due=due,
    )
    moment.session.add(made)
    await moment.session.flush()
    await audit.record(
        moment.session,
        actor=f"client:{client.id}",
        action="complaint-received",
        subject=subject_of(made.id),
        reason=topic.value,
        paragraph="7",
        detail={"answer_due": due, "loan": str(loan_id) if loan_id else None},
    )
    return made


async def answer(
    records: Records, moment: Moment, complaint: Complaint, staff_id: UUID, outcome: Outcome, text: str
) -> Complaint:
    """Answer a locked complaint in writing: archived, and in the personal account.

    Raises:
        Conflict: `complaint-answered` already.
    """
    if complaint.state != "RECEIVED":
        raise Conflict("complaint-answered")
    client = await records.clients.get(moment.session, complaint.client_id)
    due = (await dues(moment.session, [complaint]))[complaint.id]
    document = await _archive(records, moment, client, text, "complaint_answer", "sent")
    complaint.message_id = await personal_account.write(records, moment, client, text, document.id)
    complaint.state, complaint.outcome, complaint.answered_by = "ANSWERED", outcome.value, staff_id
    complaint.answered_at, complaint.answer_document_id = moment.at, document.id
    moment.session.add(complaint)
    await moment.session.flush()
    await audit.record(
        moment.session,
        actor=f"staff:{staff_id}",
        action="complaint-answered",
        subject=subject_of(complaint.id),
        reason=outcome.value,
        paragraph="7",
        detail={"in_time": moment.day <= due, "document": str(document.id)},
    )
    return complaint


async def locked(session: AsyncSession, complaint_id: UUID) -> Complaint:
    """A complaint, and nobody else answers it in this transaction.

    Raises:
        NotFound: `complaint-unknown`.
    """
    query = select(Complaint).where(col(Complaint.id) == complaint_id).with_for_update()
    found = (await session.exec(query.execution_options(populate_existing=True))).one_or_none()
    if found is None:
        raise NotFound("complaint-unknown")
    return found


def words(records: Records, client: Client, complaint: Complaint) -> str:
    """What the client wrote. Personal."""
    return records.vault.open(client.data_key, complaint.text, context(complaint.id)).decode()


def context(complaint_id: UUID) -> str:
    """What the client's sealed words are bound to."""
    return f"complaint:{complaint_id}"


async def _archive(
    records: Records, moment: Moment, client: Client, text: str, kind: str, direction: str
) -> Document:  # fmt: skip
    return await records.documents.keep(
        moment.session,
        text.encode(),
        kind=kind,
        media_type=TEXT,
        direction=direction,
        client=client,
        retain_until=moment.retain_until(),
    )
