"""What a client is told of log-ins and of changes of access: in the personal account at once, by SMS where policy says.

The words are written in the transaction of the event itself, so that neither is without the other, and only once. The
SMS goes afterwards, by a case of its own: a gateway that is slow or away delays no log-in, and loses nothing.

Rules: para 25.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlmodel import col, select
from temporalio import activity

from activities import localised
from activities.context import Moment, Records
from activities.ports import Sms
from rules.calendar import ALMATY
from rules.errors import InvalidInput, NotFound
from rules.evidence import Frozen
from rules.policy import PolicySet
from storage import audit
from storage.database import run
from storage.tables import Client, SecurityNotice

_SMS_LIVES_SECONDS = 24 * 3600


class Event(StrEnum):
    """What happened."""

    LOG_IN = "LOG_IN"
    NEW_DEVICE = "NEW_DEVICE"
    PASSWORD_CHANGED = "PASSWORD_CHANGED"  # noqa: S105  # nosec B105  # the name of an event
    PASSWORD_RECOVERED = "PASSWORD_RECOVERED"  # noqa: S105  # nosec B105  # the name of an event
    FACTOR_ADDED = "FACTOR_ADDED"
    FACTOR_REMOVED = "FACTOR_REMOVED"
    PASSKEY_CLONED = "PASSKEY_CLONED"


class NoticeRef(Frozen):
    """Which notice."""

    notice_id: UUID


def by_sms(policy: PolicySet, event: Event) -> bool:
    """Whether an SMS goes with the words in the account."""
    if event is Event.LOG_IN:
        return policy.switch("known-log-in-sms-rule")
    return policy.switch("new-device-sms-rule" if event is Event.NEW_DEVICE else "access-changed-sms-rule")


async def write(
    records: Records, moment: Moment, client: Client, event: Event, key: str, device: str | None = None
) -> NoticeRef | None:
    """Tell in the account, in the caller's transaction. What must still be sent by SMS, None where nothing must.

    Args:
        key: names this very event; a second time it is told already.
        device: web | mobile, where one was used.
    """
    notice_id = uuid4()
    at = moment.at.astimezone(ALMATY)
    words = localised.render(
        f"security_notice.{client.language}.txt", event=event.value, device=device, at=f"{at:%d.%m.%Y %H:%M}"
    ).strip()
    to_text = by_sms(moment.policy, event)
    made = await run(
        moment.session,
        "insert into security_notice (id, client_id, key, kind, body, device, new_device, to_text, at)"
        " values (:id, :client, :key, :kind, :body, :device, :new, :to_text, :at) on conflict (key) do nothing"
        " returning 1",
        id=notice_id,
        client=client.id,
        key=key,
        kind=event.value,
        body=records.vault.seal(client.data_key, words.encode(), _context(notice_id)),
        device=device,
        new=event is Event.NEW_DEVICE,
        to_text=to_text,
        at=moment.at,
    )
    told = made.one_or_none() is not None
    return NoticeRef(notice_id=notice_id) if told and to_text else None


def words_of(records: Records, client: Client, notice: SecurityNotice) -> str:
    """The words of a notice."""
    return records.vault.open(client.data_key, notice.body, _context(notice.id)).decode()


def _context(notice_id: UUID) -> str:
    return f"security-notice:{notice_id}"


class SecurityNotices:
    """Sends what goes by SMS."""

    def __init__(self, records: Records, sms: Sms) -> None:
        self._records, self._sms = records, sms

    @activity.defn
    async def text_notice(self, ref: NoticeRef) -> None:
        """One SMS a notice, to the number that the client has now; the gateway knows it by its key.

        Raises:
            Fault: the gateway is away.
            NotFound: `notice-unknown`.
        """
        async with self._records.moment() as moment:
            row = await moment.session.get(SecurityNotice, ref.notice_id)
            if row is None:
                raise NotFound("notice-unknown")
            client = await self._records.clients.get(moment.session, row.client_id)
            if not row.to_text or row.texted_at is not None or client.status != "REGISTERED":
                return
            phone = self._records.clients.person(client).phone
            words = localised.render(f"sms_security.{client.language}.txt", event=row.kind).strip()
        try:
            await self._sms.send(f"security-notice/{ref.notice_id}", phone, words, _SMS_LIVES_SECONDS)
        except InvalidInput:
            return  # the gateway refuses the number: the words in the account stand
        async with self._records.moment() as moment:
            query = select(SecurityNotice).where(col(SecurityNotice.id) == ref.notice_id).with_for_update()
            row = (await moment.session.exec(query)).one()
            row.texted_at = moment.at
            moment.session.add(row)
            await audit.record(
                moment.session,
                actor="system:worker",
                action="security-notice-texted",
                subject=f"client:{row.client_id}",
                paragraph="25",
                detail={"notice": str(row.id), "kind": row.kind},
            )

    def all(self) -> list[Callable[..., Any]]:
        """Its activities."""
        return [self.text_notice]
