"""Documents: sealed under the client's key, put into the archive, noted in the database, and read back as they were.

Rules: para 11; para 34.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from uuid import UUID, uuid4

from sqlmodel.ext.asyncio.session import AsyncSession

from rules.errors import BusinessError, Gone, NotFound
from storage import audit
from storage.archive import Archive
from storage.clock import now
from storage.tables import Client, Document
from storage.vault import Vault


class Documents:
    """The archive with the vault in front of it and its register behind it."""

    def __init__(self, archive: Archive, vault: Vault) -> None:
        self._archive, self._vault = archive, vault

    @property
    def archive(self) -> Archive:
        """The store behind the documents."""
        return self._archive

    async def keep(
        self,
        session: AsyncSession,
        content: bytes,
        *,
        kind: str,
        media_type: str,
        direction: str,
        client: Client | None,
        application_id: UUID | None = None,
        retain_until: datetime,
        actor: str | None = None,
    ) -> Document:
        """Archive bytes. When this returns they are locked and read back; the row stands when the caller commits.

        A transaction that is rolled back leaves sealed bytes in the archive that nothing points to.

        Args:
            direction: received (from the client) | sent (shown to the client) | made (by us).
            client: whose key seals it; a document of no client gets a key of its own.
            retain_until: the lock's end, at least.
            actor: who brought it, for the audit trail, where that is neither the client nor we.

        Raises:
            Fault: the archive is away, or does not keep what it promised.
        """
        document_id = uuid4()
        own_key = None if client is not None else self._vault.new_data_key()
        sealed = self._vault.seal(client.data_key if client else own_key or b"", content, f"document:{document_id}")
        stored = await self._archive.put(sealed, kind, retain_until)
        document = Document(
            id=document_id,
            client_id=client.id if client else None,
            application_id=application_id,
            kind=kind,
            media_type=media_type,
            direction=direction,
            key=stored.key,
            version_id=stored.version_id,
            sha256=sha256(content).hexdigest(),
            size=len(content),
            sealed_sha256=stored.sha256,
            data_key=own_key,
            retain_until=stored.retain_until,
            created_at=await now(session),
        )
        session.add(document)
        await session.flush()
        await audit.record(
            session,
            actor=actor or (f"client:{client.id}" if client and direction == "received" else "system:documents"),
            action="document-archived",
            subject=f"document:{document_id}",
            paragraph="34",
            detail={
                "kind": kind,
                "sha256": document.sha256,
                "key": stored.key,
                "version": stored.version_id,
                "sealed_sha256": stored.sha256,
                "retain_until": stored.retain_until.isoformat(),
                "application": application_id,
            },
        )
        return document

    async def load(self, session: AsyncSession, document_id: UUID) -> tuple[Document, bytes]:
        """A document's row and its original bytes.

        Raises:
            NotFound: `document-unknown`, or `document-absent` from the archive.
            Gone: `data-destroyed` after its retention.
            BusinessError: `document-damaged`: the archive gave other bytes than were put.
            Fault: the archive is away.
        """
        document = await session.get(Document, document_id)
        if document is None:
            raise NotFound("document-unknown")
        wrapped = document.data_key
        if wrapped is None:
            wrapped = (await session.get_one(Client, document.client_id)).data_key
        if not wrapped:  # before the archive is asked: the object may be gone too
            raise Gone("data-destroyed")
        sealed = await self._archive.get(document.key, document.version_id)
        if sha256(sealed).hexdigest() != document.sealed_sha256:
            raise BusinessError("document-damaged")
        content = self._vault.open(wrapped, sealed, f"document:{document_id}")
        if sha256(content).hexdigest() != document.sha256:
            raise BusinessError("document-damaged")
        return document, content

    async def extend(self, session: AsyncSession, document_id: UUID, until: datetime, reason: str) -> None:
        """Keep a document longer: its obligations end later, or a dispute is open. Never shorter."""
        document = await session.get(Document, document_id)
        if document is None:
            raise NotFound("document-unknown")
        if until <= document.retain_until:
            return
        await self._archive.extend(document.key, document.version_id, until)
        document.retain_until = until
        session.add(document)
        await audit.record(
            session,
            actor="system:documents",
            action="retention-extended",
            subject=f"document:{document_id}",
            reason=reason,
            paragraph="34",
            detail={"until": until.isoformat()},
        )
