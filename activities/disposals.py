"""A client's data is destroyed: the key that all of it is sealed under, its objects in the archive; and proof of it.

The key alone makes everything unreadable, wherever copies lie. The objects are removed besides, as far as the archive
lets go of them; what stays is named in the certificate: ids and hashes, nothing personal, signed by the lender.

Rules: para 34.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

from temporalio import activity

from activities.context import Moment, Records
from activities.ports import LenderSigner
from rules.errors import Conflict
from rules.evidence import Frozen
from rules.lender import Lender
from storage import audit, disposals
from storage.tables import Disposal, DisposalObject, Document

CERTIFICATE, CMS = "disposal_certificate", "disposal_certificate_cms"
_AT_ONCE = 20


class DisposalRef(Frozen):
    """Which disposal."""

    disposal_id: UUID


class Destroyed(Frozen):
    """How a disposal stands. why: the code of what forbade it, where it is STOPPED."""

    state: str
    why: str | None = None


class ObjectsRemoved(Frozen):
    """How many of the client's sealed documents are gone from the archive, and how many it keeps."""

    removed: int
    kept: int


class Certified(Frozen):
    """The certificate and the lender's signature over it, archived."""

    certificate_id: UUID
    cms_id: UUID


class Disposals:
    """Destroys what two people decided to destroy."""

    def __init__(self, records: Records, signer: LenderSigner, lender: Lender) -> None:
        self._records, self._signer, self._lender = records, signer, lender

    def all(self) -> list[Callable[..., Any]]:
        """Its activities."""
        return [self.destroy_data, self.remove_objects, self.certify_disposal]

    @activity.defn
    async def destroy_data(self, ref: DisposalRef) -> Destroyed:
        """Destroy the client's data key; once. Where something forbids it after all, the disposal is stopped."""
        async with self._records.moment() as moment:
            row = await disposals.locked(moment.session, ref.disposal_id)
            if row.state != "CONFIRMED":
                return Destroyed(state=row.state, why=row.stopped_why)
            forbidden = await disposals.destroy(moment.session, row.id)
            row = await disposals.locked(moment.session, ref.disposal_id)
            if forbidden is not None:
                row.state, row.stopped_why, row.ended_at = "STOPPED", forbidden, moment.at
                moment.session.add(row)
            await _record(moment, row, "data-destroyed" if forbidden is None else "disposal-stopped", forbidden, {})
            return Destroyed(state=row.state, why=row.stopped_why)

    @activity.defn
    async def remove_objects(self, ref: DisposalRef) -> ObjectsRemoved:
        """Remove the sealed documents from the archive, as far as their locks are over; each is tried once.

        A try that is cut off goes on where it stopped.

        Raises:
            Conflict: `disposal-not-destroyed`: as long as the key is there, the documents are.
            Unavailable: the archive is away.
        """
        while True:
            async with self._records.moment() as moment:
                row = await disposals.locked(moment.session, ref.disposal_id)
                if row.destroyed_at is None:
                    raise Conflict("disposal-not-destroyed")
                documents = await disposals.left(moment.session, row, _AT_ONCE)
                for document in documents:
                    why = await self._records.documents.archive.remove(document.key, document.version_id)
                    moment.session.add(
                        DisposalObject(
                            disposal_id=row.id, document_id=document.id, removed=why is None, why=why, at=moment.at
                        )
                    )
                if len(documents) < _AT_ONCE:
                    await moment.session.flush()
                    tried = [one for _, one in await disposals.objects(moment.session, row)]
                    removed = sum(one.removed for one in tried)
                    return ObjectsRemoved(removed=removed, kept=len(tried) - removed)

    @activity.defn
    async def certify_disposal(self, ref: DisposalRef) -> Certified:
        """The certificate, signed with the lender's key and archived; once.

        Raises:
            Conflict: `disposal-not-destroyed`.
            Unavailable: the archive or the time-stamping authority is away.
        """
        async with self._records.moment() as moment:
            row = await disposals.locked(moment.session, ref.disposal_id)
            if row.certificate_id is not None and row.cms_id is not None:
                return Certified(certificate_id=row.certificate_id, cms_id=row.cms_id)
            if row.destroyed_at is None:
                raise Conflict("disposal-not-destroyed")
            content = certificate(row, await disposals.objects(moment.session, row), self._lender)
        cms = await self._signer.sign(content)
        async with self._records.moment() as moment:
            row = await disposals.locked(moment.session, ref.disposal_id)
            if row.certificate_id is None or row.cms_id is None:
                made = await self._keep(moment, content, CERTIFICATE, "application/json")
                signed = await self._keep(moment, cms, CMS, "application/pkcs7-signature")
                row.state, row.certificate_id, row.cms_id = "CERTIFIED", made.id, signed.id
                row.ended_at = moment.at
                moment.session.add(row)
                detail = {"certificate": str(made.id), "sha256": made.sha256, "cms": str(signed.id)}
                await _record(moment, row, "disposal-certified", None, detail)
                return Certified(certificate_id=made.id, cms_id=signed.id)
            return Certified(certificate_id=row.certificate_id, cms_id=row.cms_id)

    async def _keep(self, moment: Moment, content: bytes, kind: str, media_type: str) -> Document:
        """Of no client: under a key of its own, which stays when a client's is destroyed."""
        return await self._records.documents.keep(
            moment.session,
            content,
            kind=kind,
            media_type=media_type,
            direction="made",
            client=None,
            retain_until=moment.retain_until(),
        )


def certificate(row: Disposal, objects: list[tuple[Document, DisposalObject]], lender: Lender) -> bytes:
    """What was destroyed, as JSON: ids, hashes, instants, who decided. The same rows give the same bytes."""
    told = {
        "kind": "disposal-certificate",
        "rules": "para 34",
        "lender": {"bin": lender.bin, "name": lender.name("ru")},
        "disposal": str(row.id),
        "client": str(row.client_id),
        "reason": row.reason,
        "proposed": {"by": str(row.proposed_by), "at": row.proposed_at},
        "confirmed": {"by": str(row.decided_by), "at": row.decided_at},
        "destroyed_at": row.destroyed_at,
        "destroyed": "the data key under which the client's data and documents were sealed, and sealed bank details",
        "documents": [
            {
                "id": str(document.id),
                "kind": document.kind,
                "created_at": document.created_at,
                "retained_until": document.retain_until,
                "sha256": document.sha256,
                "sealed_sha256": document.sealed_sha256,
                "archive_key": document.key,
                "archive_version": document.version_id,
                "object": "removed" if tried.removed else f"kept by the archive, unreadable: {tried.why}",
            }
            for document, tried in objects
        ],
    }
    return json.dumps(told, ensure_ascii=False, sort_keys=True, indent=1, default=_instant).encode()


def _instant(value: Any) -> str:
    return str(value.isoformat())


async def _record(moment: Moment, row: Disposal, action: str, reason: str | None, detail: dict[str, Any]) -> None:
    await audit.record(
        moment.session,
        actor="system:worker",
        action=action,
        subject=f"client:{row.client_id}",
        reason=reason,
        paragraph="34",
        detail={"disposal": str(row.id), **detail},
    )
