"""A leak of a client's personal data: the client is told, the measures are noted, and what follows from them.

Rules: para 36.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlmodel import col, func, select
from temporalio import activity

from activities import identifications, letters, personal_account
from activities.context import Moment, Records
from activities.ports import PhoneOwners, Sms
from rules.editions import edition
from rules.errors import Conflict, InvalidInput, NotAllowed, NotFound
from rules.evidence import Frozen
from rules.leaks import Measure, failed_measures, open_measures
from storage import audit, devices, sessions
from storage.database import run
from storage.tables import Client, Leak, LeakMeasure

ACT = "LEAK"  # what the client's face is for
_SMS_LIVES_SECONDS = 24 * 3600


class RespondToLeak(Frozen):
    """Start of the case: the leak is stored."""

    leak_id: UUID
    client_id: UUID
    n: int
    edition: str


def id_of(client_id: UUID, n: int) -> str:
    """The id of the case."""
    return f"leak/{client_id}/{n}"


class LeakRef(Frozen):
    """Which leak."""

    leak_id: UUID


class LeakSeen(Frozen):
    """How it stands. open, failed: measures of rules.leaks."""

    state: str
    known_at: datetime
    open: list[str]
    failed: list[str]


class FaceSeen(Frozen):
    """The client's face passed, or did not and nothing else is to be tried."""

    leak_id: UUID
    is_client: bool
    challenge_id: UUID


class Leaks:
    """The steps of the case."""

    def __init__(self, records: Records, sms: Sms, owners: PhoneOwners) -> None:
        self._records, self._sms, self._owners = records, sms, owners

    @activity.defn
    async def tell_leak(self, ref: LeakRef) -> LeakSeen:
        """End the client's log-ins and tell of the leak in the personal account and by SMS; once.

        Raises:
            Fault: the SMS gateway is away.
        """
        async with self._records.moment() as moment:
            row = await locked(moment, ref.leak_id)
            client = await self._records.clients.get(moment.session, row.client_id)
            if row.told_at is None:
                await sessions.end_all(moment.session, client_id=client.id)
                text = letters.message("leak", client.language)
                await personal_account.write(self._records, moment, client, text, None)
                row.told_at = moment.at
                moment.session.add(row)
                await record(moment, row, "system:worker", "leak-told")
            phone, words = self._records.clients.person(client).phone, letters.sms_notice(client.language)
            seen = await seen_of(moment, row)
        try:
            await self._sms.send(f"leak/{ref.leak_id}", phone, words, _SMS_LIVES_SECONDS)
        except InvalidInput:
            return seen  # the gateway refuses the number: the message in the account stands, the call will show it
        return seen

    @activity.defn
    async def check_phone_owner(self, ref: LeakRef) -> LeakSeen:
        """Whether the number is the client's by the operators' base; a base that does not know leaves it to people.

        Rules: para 36, point 2.

        Raises:
            Fault: the base is away.
        """
        async with self._records.moment() as moment:
            row = await locked(moment, ref.leak_id)
            person = self._records.clients.person(await self._records.clients.get(moment.session, row.client_id))
        owned = await self._owners.owned_by(person.iin, person.phone)
        async with self._records.moment() as moment:
            row = await locked(moment, ref.leak_id)
            client = await self._records.clients.get(moment.session, row.client_id)
            await devices.note_owner(moment.session, client, devices.outcome_of(owned), "operators")
            if owned is not None and row.state == "OPEN":
                await note(moment, row, Measure.PHONE_OWNER, owned, {"by": "operators"})
            return await seen_of(moment, row)

    @activity.defn
    async def note_face(self, face: FaceSeen) -> LeakSeen:
        """Keep what the face has shown. Rules: para 36, point 1."""
        async with self._records.moment() as moment:
            row = await locked(moment, face.leak_id)
            if row.state == "OPEN":
                evidence = {"challenge": str(face.challenge_id)}
                await note(moment, row, Measure.BIOMETRICS, face.is_client, evidence)
            return await seen_of(moment, row)

    @activity.defn
    async def look_at_leak(self, ref: LeakRef) -> LeakSeen:
        """How it stands; with every measure done and right the client may borrow again."""
        async with self._records.moment() as moment:
            row = await locked(moment, ref.leak_id)
            seen = await seen_of(moment, row)
            if row.state == "OPEN" and not seen.open and not seen.failed:
                row.state, row.ended_at = "CONFIRMED", moment.at
                moment.session.add(row)
                await record(moment, row, "system:worker", "leak-confirmed")
                client = await self._records.clients.get(moment.session, row.client_id)
                await identifications.close(self._records, moment, client, ACT, edition=edition(moment.day).name)
                text = letters.message("leak_ended", client.language)
                await personal_account.write(self._records, moment, client, text, None)
            return seen.model_copy(update={"state": row.state})

    def all(self) -> list[Callable[..., Any]]:
        """Its activities."""
        return [self.tell_leak, self.check_phone_owner, self.note_face, self.look_at_leak]


async def enter(
    records: Records,
    moment: Moment,
    client: Client,
    leak_id: UUID,
    source: str,
    story: str,
    known_at: datetime,
    staff_id: UUID | None,
) -> Leak:
    """Note a leak; the same id again is the same leak. From now on the client gets no new microcredit.

    Args:
        staff_id: None where an incident that the system found has made it.

    Raises:
        Conflict: `leak-open`: one is being dealt with.
        InvalidInput: `instant-in-the-future`.
    """
    known = await moment.session.get(Leak, leak_id)
    if known is not None:
        return known
    if known_at > moment.at:
        raise InvalidInput("instant-in-the-future", field="/known_at")
    if await standing_alone(moment, client.id) is not None:
        raise Conflict("leak-open")
    query = select(func.count()).where(col(Leak.client_id) == client.id)
    row = Leak(
        id=leak_id, client_id=client.id, n=1 + int((await moment.session.exec(query)).one()), source=source,
        story=records.vault.seal(client.data_key, story.encode(), f"leak:{leak_id}"), known_at=known_at,
        entered_by=staff_id, entered_at=moment.at,
    )  # fmt: skip
    moment.session.add(row)
    await moment.session.flush()
    await record(moment, row, f"staff:{staff_id}" if staff_id else "system:worker", "leak-entered", source)
    return row


async def note(
    moment: Moment, row: Leak, measure: Measure, is_client: bool, evidence: dict[str, Any], staff_id: UUID | None = None
) -> None:
    """Append what a measure has shown, in the caller's transaction."""
    moment.session.add(
        LeakMeasure(
            id=uuid4(), leak_id=row.id, measure=measure, is_client=is_client, evidence=evidence, staff_id=staff_id,
            at=moment.at,
        )
    )  # fmt: skip
    await moment.session.flush()
    who = f"staff:{staff_id}" if staff_id else "system:worker"
    await record(moment, row, who, "leak-measure", f"{measure}:{'client' if is_client else 'not-client'}".lower())


async def block(moment: Moment, leak_id: UUID, staff_id: UUID) -> Leak:
    """The client is not who they were: one person proposes it, another one agrees; then nothing is lent any more.

    Raises:
        Conflict: `leak-ended`.
        NotAllowed: `second-person-needed`.
    """
    row = await locked(moment, leak_id)
    if row.state != "OPEN":
        raise Conflict("leak-ended")
    if row.block_proposed_by is None:
        row.block_proposed_by = staff_id
    elif row.block_proposed_by == staff_id:
        raise NotAllowed("second-person-needed")
    else:
        row.block_confirmed_by, row.state, row.ended_at = staff_id, "BLOCKED", moment.at
    moment.session.add(row)
    action = "leak-blocked" if row.state == "BLOCKED" else "leak-block-proposed"
    await record(moment, row, f"staff:{staff_id}", action)
    return row


async def standing(moment: Moment, client_id: UUID) -> Leak | None:
    """What keeps a client from borrowing: a leak that is open, or after which the client was blocked."""
    query = select(Leak).where(col(Leak.client_id) == client_id, col(Leak.state).in_(("OPEN", "BLOCKED")))
    return (await moment.session.exec(query)).one_or_none()


async def standing_alone(moment: Moment, client_id: UUID) -> Leak | None:
    """As `standing`, and nobody else enters a leak of this client until the transaction ends."""
    lock = "select pg_advisory_xact_lock(hashtextextended(:key, 36))"
    await run(moment.session, lock, key=f"leak:{client_id}")
    return await standing(moment, client_id)


async def locked(moment: Moment, leak_id: UUID) -> Leak:
    """A leak, held until the transaction ends.

    Raises:
        NotFound: `leak-unknown`.
    """
    query = select(Leak).where(col(Leak.id) == leak_id).with_for_update().execution_options(populate_existing=True)
    row = (await moment.session.exec(query)).one_or_none()
    if row is None:
        raise NotFound("leak-unknown")
    return row


async def seen_of(moment: Moment, row: Leak) -> LeakSeen:
    """How it stands, by the last look of each measure."""
    query = select(LeakMeasure).where(col(LeakMeasure.leak_id) == row.id).order_by(col(LeakMeasure.at))
    outcomes = {Measure(one.measure): one.is_client for one in (await moment.session.exec(query)).all()}
    return LeakSeen(
        state=row.state,
        known_at=row.known_at,
        open=list(open_measures(outcomes)),
        failed=list(failed_measures(outcomes)),
    )


async def record(moment: Moment, row: Leak, actor: str, action: str, reason: str | None = None) -> None:
    """The audit entry of a step."""
    await audit.record(
        moment.session,
        actor=actor,
        action=action,
        subject=f"client:{row.client_id}",
        reason=reason,
        paragraph="36",
        detail={"leak": str(row.id), "n": row.n},
    )
