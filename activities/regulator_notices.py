"""Notices to the regulator: signed by the lender, archived before they leave, sent until there is a receipt.

Each signature travels under a key of its own: a refused one is made anew and is another call.

Rules: para 4; para 5; para 13, part 1.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from temporalio import activity

from activities.context import Moment, Records
from activities.ports import LenderSigner, NoticeReceipt, RegulatorInbox
from rules.errors import BusinessError, NotFound
from rules.evidence import Frozen
from rules.regulator_notices import signed_content
from storage import audit
from storage.database import run
from storage.tables import Document, RegulatorNotice

MADE, SENT, REFUSED = "MADE", "SENT", "REFUSED"
NoticeKind = Literal["INCIDENT", "RESOURCE_OPENING", "CHANGE"]
_MEDIA = "application/pkcs7-signature"


@dataclass(frozen=True)
class NoticeDraft:
    """What the regulator is to be told. key: the business fact. subject: whose audit trail it belongs to."""

    key: str
    kind: NoticeKind
    subject: str
    occurred_at: datetime
    detected_at: datetime
    description: str
    measures: str
    attachments: Sequence[UUID] = ()


class NoticeRef(Frozen):
    """Which notice."""

    key: str


class NoticeState(Frozen):
    """How a notice stands: MADE | SENT | REFUSED (ground: why). The rest is of the receipt."""

    key: str
    state: str
    ground: str | None = None
    registration_number: str | None = None
    received_at: datetime | None = None
    receipt_id: UUID | None = None


class RegulatorNotices:
    """Makes and sends notices."""

    def __init__(self, records: Records, regulator: RegulatorInbox, signature: LenderSigner) -> None:
        self._records, self._regulator, self._signature = records, regulator, signature

    async def draw(self, draft: NoticeDraft) -> NoticeState:
        """Sign and archive a notice, once a key; what stands already stays as it is.

        Raises:
            Fault: the archive or the time-stamping authority is away.
        """
        async with self._records.moment() as moment:
            known = await find(moment.session, draft.key)
            if known is not None:
                return _state(known)
            enclosed = [(await self._records.documents.load(moment.session, one))[1] for one in draft.attachments]
        content = signed_content(
            draft.kind, draft.occurred_at, draft.detected_at, draft.description, draft.measures, enclosed
        )
        cms = await self._signature.sign(content)  # may ask the network: no transaction waits for it
        async with self._records.moment() as moment:
            await _alone(moment.session, draft.key)
            known = await find(moment.session, draft.key)
            if known is not None:
                return _state(known)
            document = await self._keep(moment, content, "regulator_notice", "application/json")
            signed = await self._keep(moment, cms, "regulator_notice_cms", _MEDIA)
            row = RegulatorNotice(
                key=draft.key, kind=draft.kind, subject=draft.subject, document_id=document.id,
                attachments=[str(one) for one in draft.attachments], cms_document_id=signed.id, made_at=moment.at,
            )  # fmt: skip
            moment.session.add(row)
            await self._record(moment, row, "regulator-notice-made")
            return _state(row)

    @activity.defn
    async def send_notice(self, ref: NoticeRef) -> NoticeState:
        """Hand the notice over, and archive the receipt. A final refusal is a result: people must look.

        Raises:
            Fault: the inbox or the archive is away.
        """
        async with self._records.moment() as moment:
            row = await get(moment.session, ref.key)
            if row.state == SENT:
                return _state(row)
            load = self._records.documents.load
            _, content = await load(moment.session, row.document_id)
            _, cms = await load(moment.session, row.cms_document_id)
            enclosed = [(await load(moment.session, UUID(one)))[1] for one in row.attachments]
        told = json.loads(content)
        try:
            receipt = await self._regulator.notice(
                f"{row.key}/{row.attempt}",
                cast(NoticeKind, row.kind),
                occurred_at=datetime.fromisoformat(told["occurred_at"]),
                detected_at=datetime.fromisoformat(told["detected_at"]),
                description=told["description"],
                measures=told["measures"],
                cms=cms,
                attachments=enclosed,
            )
        except BusinessError as error:
            return await self._refused(ref, row.attempt, error.code)
        return await self._sent(ref, receipt)

    @activity.defn
    async def renew_notice(self, ref: NoticeRef) -> NoticeState:
        """Sign a refused notice anew: the same words, another signature, another key."""
        async with self._records.moment() as moment:
            row = await get(moment.session, ref.key)
            if row.state != REFUSED:
                return _state(row)
            _, content = await self._records.documents.load(moment.session, row.document_id)
        cms = await self._signature.sign(content)
        async with self._records.moment() as moment:
            row = await get(moment.session, ref.key, lock=True)
            if row.state == REFUSED:
                row.cms_document_id = (await self._keep(moment, cms, "regulator_notice_cms", _MEDIA)).id
                row.state, row.ground, row.attempt = MADE, None, row.attempt + 1
                moment.session.add(row)
                await self._record(moment, row, "regulator-notice-signed-again")
            return _state(row)

    async def _sent(self, ref: NoticeRef, receipt: NoticeReceipt) -> NoticeState:
        content = receipt.model_dump_json().encode()
        async with self._records.moment() as moment:
            row = await get(moment.session, ref.key, lock=True)
            if row.state != SENT:
                document = await self._keep(moment, content, "regulator_receipt", "application/json", "received")
                row.state, row.ground, row.sent_at = SENT, None, moment.at
                row.registration_number, row.received_at = receipt.registration_number, receipt.received_at
                row.receipt_document_id = document.id
                moment.session.add(row)
                await self._record(moment, row, "regulator-notice-sent", number=receipt.registration_number)
            return _state(row)

    async def _refused(self, ref: NoticeRef, attempt: int, code: str) -> NoticeState:
        async with self._records.moment() as moment:
            row = await get(moment.session, ref.key, lock=True)
            if row.state == MADE and row.attempt == attempt:
                row.state, row.ground = REFUSED, code
                moment.session.add(row)
                await self._record(moment, row, "regulator-notice-refused", ground=code)
            return _state(row)

    async def _keep(
        self, moment: Moment, content: bytes, kind: str, media_type: str, direction: str = "made"
    ) -> Document:
        return await self._records.documents.keep(
            moment.session,
            content,
            kind=kind,
            media_type=media_type,
            direction=direction,
            client=None,
            retain_until=moment.retain_until(),
        )

    async def _record(self, moment: Moment, row: RegulatorNotice, action: str, **more: str) -> None:
        detail = {"notice": row.key, "document": str(row.document_id), "attempt": row.attempt, **more}
        await audit.record(
            moment.session, actor="system:worker", action=action, subject=row.subject, reason=row.kind,
            paragraph={"INCIDENT": "13, part 1", "RESOURCE_OPENING": "4", "CHANGE": "5"}[row.kind], detail=detail,
        )  # fmt: skip


async def find(session: AsyncSession, key: str) -> RegulatorNotice | None:
    """The notice of a business fact, if one was made."""
    return (await session.exec(select(RegulatorNotice).where(col(RegulatorNotice.key) == key))).one_or_none()


async def get(session: AsyncSession, key: str, *, lock: bool = False) -> RegulatorNotice:
    """A notice, held until the transaction ends where that is wanted.

    Raises:
        NotFound: `regulator-notice-unknown`.
    """
    query = select(RegulatorNotice).where(col(RegulatorNotice.key) == key)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    row = (await session.exec(query)).one_or_none()
    if row is None:
        raise NotFound("regulator-notice-unknown")
    return row


async def _alone(session: AsyncSession, key: str) -> None:
    await run(session, "select pg_advisory_xact_lock(hashtextextended(:key, 13))", key=f"regulator-notice:{key}")


def _state(row: RegulatorNotice) -> NoticeState:
    return NoticeState(
        key=row.key,
        state=row.state,
        ground=row.ground,
        registration_number=row.registration_number,
        received_at=row.received_at,
        receipt_id=row.receipt_document_id,
    )
