"""Documents that clients send and see: kept in the archive, told by reference, served only to their owner."""

from __future__ import annotations

from uuid import UUID

from fastapi.responses import Response
from sqlmodel import col, select

from activities.context import Moment
from api.schemas_common import DocumentInfo
from api.services import Services
from api.uploads import Upload
from rules.errors import NotFound
from storage.tables import Client, Document, Message

# what a client may read; evidence about a client (bureau reports, screening) is the lender's
SHOWN = frozenset(
    {
        "registration_statement", "details_statement", "contract", "sealed_contract", "cms", "message",
        "id_card_front", "id_card_back", "selfie", "liveness_video", "arrears_notice", "no_debt_certificate",
        "restructuring_request", "restructuring_answer", "addendum", "sealed_addendum",
        "complaint", "complaint_answer",
        "refund_account", "write_off_notice", "suspension_notice", "suspension_ended_notice", "incident_notice",
    }
)  # fmt: skip


async def receive(
    kit: Services, moment: Moment, client: Client, upload: Upload, kind: str, application_id: UUID | None = None
) -> UUID:
    """Archive what a client sent; its id."""
    document = await kit.records.documents.keep(
        moment.session,
        upload.content,
        kind=kind,
        media_type=upload.media_type,
        direction="received",
        client=client,
        application_id=application_id,
        retain_until=moment.retain_until(),
    )
    return document.id


async def owned(moment: Moment, client_id: UUID, document_id: UUID) -> Document:
    """A document of this client that clients may see.

    Raises:
        NotFound: absent, another's, or not for clients' eyes: the three look alike.
    """
    document = await moment.session.get(Document, document_id)
    if document is None or document.kind not in SHOWN:
        raise NotFound("not-found")
    if document.client_id != client_id and not await _written_to(moment, client_id, document):
        raise NotFound("not-found")
    return document


async def _written_to(moment: Moment, client_id: UUID, document: Document) -> bool:
    """Whether a message to this client has it with it, and it is nobody's own: one text to many clients."""
    if document.client_id is not None:
        return False
    query = select(Message.id).where(col(Message.client_id) == client_id, col(Message.document_id) == document.id)
    return (await moment.session.exec(query.limit(1))).first() is not None


async def latest(moment: Moment, client_id: UUID, kind: str) -> Document | None:
    """The newest document of a kind."""
    query = (
        select(Document)
        .where(col(Document.client_id) == client_id, col(Document.kind) == kind)
        .order_by(col(Document.created_at).desc())
        .limit(1)
    )
    return (await moment.session.exec(query)).first()


def told(document: Document) -> DocumentInfo:
    """A document as clients are told of it."""
    where = f"/api/v1/documents/{document.id}"
    return DocumentInfo(
        document_id=document.id,
        kind=document.kind,
        media_type=document.media_type,
        sha256=document.sha256,
        size=document.size,
        content=f"{where}/content",
        confirmation=f"{where}/confirmation",
        created_at=document.created_at,
    )


async def serve(kit: Services, moment: Moment, document: Document) -> Response:
    """The original bytes, checked against their hash; never opened inside our own pages."""
    _, content = await kit.records.documents.load(moment.session, document.id)
    return Response(
        content,
        media_type=document.media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{document.kind}-{document.id}"',
            "Digest": f"sha-256={document.sha256}",
        },
    )
