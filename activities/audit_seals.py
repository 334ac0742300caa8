"""Seals the audit trail: the hashes of its new rows, signed by the lender and archived where nobody can change them.

A chain made anew, or cut off at its end, does not have the rows that a seal kept elsewhere names.

Rules: para 32; para 11.
"""

from __future__ import annotations

import json
from datetime import datetime
from uuid import UUID

from temporalio import activity

from activities.context import Moment, Records
from activities.lender_signature import LenderSignature
from rules.evidence import Frozen
from rules.merkle import Tree
from storage import audit, seals
from storage.documents import Documents
from storage.tables import AuditSeal

_ROWS = 65_536  # of one seal: its tree must fit into memory, and a row's path into a line


class SealWanted(Frozen):
    """Seal what is not sealed yet."""


class SealMade(Frozen):
    """The newest seal: how far the trail is sealed. more: rows were left for another one."""

    n: int
    last: int
    more: bool = False


def words(n: int, first: int, last: int, root: str, head: str, at: datetime) -> bytes:
    """What is signed: canonical JSON."""
    said = {"seal": n, "first": first, "last": last, "root": root, "head": head, "sealed_at": at.isoformat()}
    return json.dumps(said, sort_keys=True, separators=(",", ":")).encode()


class AuditSeals:
    """Makes seals."""

    def __init__(self, records: Records, signature: LenderSignature) -> None:
        self._records, self._signature = records, signature

    @property
    def _documents(self) -> Documents:
        return self._records.documents

    @activity.defn
    async def seal_audit(self, wanted: SealWanted) -> SealMade:
        """Seal the next rows. Where nothing but the last seal's own rows is new there is no other seal.

        Raises:
            Unavailable: archive or time-stamping authority are away.
        """
        async with self._records.moment() as moment:
            return await self.seal_in(moment)

    async def seal_in(self, moment: Moment) -> SealMade:
        """The same in the caller's transaction."""
        await seals.lock(moment.session)
        before = await seals.last_seal(moment.session)
        first, n = (before.last + 1, before.n + 1) if before else (1, 1)
        leaves = await seals.hashes(moment.session, first, first + _ROWS - 1)
        if not leaves or (before is not None and len(leaves) <= _OWN_ROWS):
            return SealMade(n=n - 1, last=first - 1)
        last, head, root = first + len(leaves) - 1, leaves[-1].hex(), Tree(leaves).root.hex()
        content = words(n, first, last, root, head, moment.at)
        document = await self._keep(moment, content, "application/json")
        cms = await self._keep(moment, await self._signature.sign(content), "application/pkcs7-signature")
        moment.session.add(
            AuditSeal(
                n=n, first=first, last=last, root=root, head=head,
                document_id=document, cms_document_id=cms, sealed_at=moment.at,
            )
        )  # fmt: skip
        await audit.record(
            moment.session,
            actor="system:worker",
            action="audit-sealed",
            subject=f"audit-seal:{n}",
            paragraph="32",
            detail={"first": first, "last": last, "root": root, "document": str(document)},
        )
        return SealMade(n=n, last=last, more=len(leaves) == _ROWS)

    async def _keep(self, moment: Moment, content: bytes, media_type: str) -> UUID:
        kept = await self._documents.keep(
            moment.session,
            content,
            kind="audit_seal",
            media_type=media_type,
            direction="made",
            client=None,
            retain_until=moment.retain_until(),
        )
        return kept.id


_OWN_ROWS = 3  # two documents archived, and the seal itself: what a seal adds to the trail
