"""Complaints of clients as they come in, and the lender's written answers.

Rules: para 7, part 7; para 34.
"""

from __future__ import annotations

from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from activities import personal_account
from activities.context import Moment, Records
from rules.complaints import Outcome, Topic, answer_due
from rules.errors import Conflict, NotFound
from storage import audit, clocks
from storage.tables import Client, Complaint, Document

TEXT = "text/plain; charset=utf-8"


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
        subject=f"complaint:{made.id}",
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
        subject=f"complaint:{complaint.id}",
        reason=outcome.value,
        paragraph="7",
        detail={"in_time": moment.day <= complaint.answer_due, "document": str(document.id)},
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
