"""What the lender writes into the personal account: the text sealed, the document archived before anybody reads it.

Rules: para 7, part 7; para 34.
"""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID, uuid4

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from activities.context import Moment, Records
from activities.retention import loan_end
from storage import audit
from storage.tables import Client, Document, Loan, LoanNotice, Message


async def write(records: Records, moment: Moment, client: Client, text: str, document_id: UUID | None) -> UUID:
    """A message to the client, in the caller's transaction; its id."""
    written = message(records, moment, client, text, document_id)
    moment.session.add(written)
    await moment.session.flush()
    return written.id


def message(records: Records, moment: Moment, client: Client, text: str, document_id: UUID | None) -> Message:
    """A message to the client, sealed and not stored yet: whoever writes to many stores them together.

    Raises:
        BusinessError: `sealed-damaged`: the client's key cannot be opened.
    """
    message_id = uuid4()
    return Message(
        id=message_id,
        client_id=client.id,
        direction="to_client",
        body=records.vault.seal(client.data_key, text.encode(), f"message:{message_id}"),
        document_id=document_id,
        at=moment.at,
    )


async def archive_paper(
    records: Records, moment: Moment, loan: Loan, client: Client, pdf: bytes, kind: str
) -> Document:
    """A PDF about a loan for its borrower, locked until the loan's end and the years after it."""
    return await records.documents.keep(
        moment.session,
        pdf,
        kind=kind,
        media_type="application/pdf",
        direction="sent",
        client=client,
        application_id=loan.application_id,
        retain_until=moment.retain_until(await loan_end(moment.session, loan, moment.day)),
    )


async def noticed(session: AsyncSession, key: str) -> LoanNotice | None:
    """The notice of a business fact, once it was given."""
    return (await session.exec(select(LoanNotice).where(col(LoanNotice.key) == key))).first()


async def give_notice(
    records: Records,
    moment: Moment,
    loan: Loan,
    client: Client,
    *,
    key: str,
    kind: str,
    text: str,
    document_id: UUID,
    figures: dict[str, Any],
    due_on: date | None = None,
) -> LoanNotice:
    """Put an archived notice into the personal account and note it, with whether it was in time.

    The caller has locked the loan and seen that there is no notice with this key yet.
    """
    notice = LoanNotice(
        key=key,
        loan_id=loan.id,
        kind=kind,
        language=client.language,
        due_on=due_on,
        document_id=document_id,
        message_id=await write(records, moment, client, text, document_id),
        figures=figures,
        sent_at=moment.at,
    )
    moment.session.add(notice)
    await moment.session.flush()
    await audit.record(
        moment.session,
        actor="system:worker",
        action=f"notice-{kind.lower().replace('_', '-')}",
        subject=f"loan:{loan.id}",
        paragraph="7",
        detail={
            "notice": str(notice.id),
            "document": str(document_id),
            "due": due_on,
            "in_time": due_on is None or moment.day <= due_on,
        },
    )
    return notice
