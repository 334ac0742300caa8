"""A client has lost the password, or what goes with it: a code to their number, the living face, a new password.

What is recovered begins anew: every log-in ends, every device has to show itself again, tokens that were enrolled open
nothing any more, for whoever has the telephone may have them too.

Rules: para 6, part 4; para 25; para 35.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlmodel import col, func, select
from temporalio import activity

from activities import identifications, leaks, security_notices
from activities.context import Moment, Records
from activities.security_notices import Event, NoticeRef
from rules.editions import edition
from rules.errors import Conflict, NotFound
from rules.evidence import Frozen, StepOutcome
from storage import audit, devices, factors, sessions
from storage.database import run
from storage.tables import Check, Client, PasswordRecovery, Review, ReviewDecision


class RecoveryRef(Frozen):
    """Which recovery."""

    recovery_id: UUID


class NewPassword(Frozen):
    """The argon2 hash of the new password."""

    recovery_id: UUID
    password_hash: str


class RecoveryEnd(Frozen):
    """How it ends without a new password. state: REFUSED | EXPIRED."""

    recovery_id: UUID
    state: str
    ground: str


class RecoverySeen(Frozen):
    """How it stands. notice: what must be sent by SMS."""

    state: str
    ground: str | None
    notice: NoticeRef | None = None


class Recoveries:
    """The steps of the case."""

    def __init__(self, records: Records) -> None:
        self._records = records

    @activity.defn
    async def apply_recovery(self, wanted: NewPassword) -> RecoverySeen:
        """The new password, in one transaction with all that ends by it, and once.

        Raises:
            Conflict: `recovery-not-proved`: the face is not in our records.
        """
        async with self._records.moment() as moment:
            row = await locked(moment, wanted.recovery_id)
            client = await self._records.clients.get(moment.session, row.client_id)
            if row.state != "OPEN":
                return RecoverySeen(state=row.state, ground=row.ground)
            if not await face_shown(moment, row):
                raise Conflict("recovery-not-proved")
            leak = await leaks.standing(moment, client.id)
            if leak is not None and leak.state == "BLOCKED":
                return await end(self._records, moment, client, row, "REFUSED", "identity-to-be-confirmed")
            client.password_hash = wanted.password_hash
            moment.session.add(client)
            await moment.session.flush()
            await factors.remove_all(moment.session, client.id)
            await sessions.end_all(moment.session, client_id=client.id)  # last: what was opened meanwhile ends too
            await devices.forget_all(moment.session, client.id)
            await devices.remember(moment.session, client.id, row.device_index, row.device)
            notice = await security_notices.write(
                self._records, moment, client, Event.PASSWORD_RECOVERED, f"recovery:{row.id}", row.device
            )
            ended = await end(self._records, moment, client, row, "CHANGED", None)
            return ended.model_copy(update={"notice": notice})

    @activity.defn
    async def end_recovery(self, wanted: RecoveryEnd) -> RecoverySeen:
        """Nothing changes; what has ended already stays as it is."""
        async with self._records.moment() as moment:
            row = await locked(moment, wanted.recovery_id)
            if row.state != "OPEN":
                return RecoverySeen(state=row.state, ground=row.ground)
            client = await self._records.clients.get(moment.session, row.client_id)
            return await end(self._records, moment, client, row, wanted.state, wanted.ground)

    def all(self) -> list[Callable[..., Any]]:
        """Its activities."""
        return [self.apply_recovery, self.end_recovery]


def act_of(n: int) -> str:
    """What the face is for: this recovery, and no earlier one."""
    return f"RECOVERY-{n}"


def case_id(row: PasswordRecovery) -> str:
    """The id of the case."""
    return f"recovery/{row.client_id}/{row.n}"


async def end(
    records: Records, moment: Moment, client: Client, row: PasswordRecovery, state: str, ground: str | None
) -> RecoverySeen:
    """End a recovery and the identification that it was, in the caller's transaction."""
    row.state, row.ground, row.ended_at = state, ground, moment.at
    moment.session.add(row)
    await identifications.close(records, moment, client, act_of(row.n), edition=row.edition, ground=ground)
    action = "password-recovered" if state == "CHANGED" else f"recovery-{state.lower()}"
    await record(moment, row, "system:worker", action, ground)
    return RecoverySeen(state=state, ground=ground)


async def begin(
    records: Records,
    moment: Moment,
    client: Client,
    recovery_id: UUID,
    token_hash: bytes,
    device_index: bytes,
    device: str,
) -> PasswordRecovery:
    """The client has shown a code to their own number: note it. One that was left open ends by this.

    Raises:
        Conflict: `too-many-recoveries`, `face-not-enrolled`, `identity-to-be-confirmed` where two people have blocked
            the client after a leak.
    """
    if client.face_embedding is None:
        raise Conflict("face-not-enrolled")
    # two that are confirmed at the same moment: the second waits for the first, then ends it, at a later instant
    lock = int.from_bytes(client.id.bytes[:8], "big", signed=True)
    await run(moment.session, "select pg_advisory_xact_lock(:lock)", lock=lock)
    moment = await moment.later()
    leak = await leaks.standing(moment, client.id)
    if leak is not None and leak.state == "BLOCKED":
        raise Conflict("identity-to-be-confirmed")
    of = select(PasswordRecovery).where(col(PasswordRecovery.client_id) == client.id)
    today = of.where(col(PasswordRecovery.asked_at) > moment.at - timedelta(days=1)).subquery()
    if int((await moment.session.exec(select(func.count()).select_from(today))).one()) >= moment.policy.whole(
        "recoveries-a-day"
    ):
        raise Conflict("too-many-recoveries")
    left = (await moment.session.exec(of.where(col(PasswordRecovery.state) == "OPEN").with_for_update())).one_or_none()
    if left is not None:
        await end(records, moment, client, left, "REFUSED", "recovery-begun-anew")
    n = 1 + int((await moment.session.exec(select(func.count()).select_from(of.subquery()))).one())
    row = PasswordRecovery(
        id=recovery_id, client_id=client.id, n=n, token_hash=token_hash, device_index=device_index, device=device,
        edition=edition(moment.day).name, policy_version=moment.policy.version, asked_at=moment.at,
        expires_at=moment.at + timedelta(hours=moment.policy.whole("recovery-hours")),
    )  # fmt: skip
    moment.session.add(row)
    moment.session.add(
        Check(
            id=uuid4(), client_id=client.id, act=act_of(n), step="phone", outcome=StepOutcome.PASSED,
            policy_version=moment.policy.version, evidence={"recovery": str(recovery_id)}, at=moment.at,
        )
    )  # fmt: skip
    await moment.session.flush()
    await record(moment, row, f"client:{client.id}", "recovery-begun")
    return row


async def face_shown(moment: Moment, row: PasswordRecovery) -> bool:
    """Whether the living face is in our records, by machine or by an officer."""
    query = select(Check.id).where(
        col(Check.client_id) == row.client_id,
        col(Check.act) == act_of(row.n),
        col(Check.step) == "face",
        col(Check.outcome) == StepOutcome.PASSED,
        col(Check.at) >= row.asked_at,
    )
    if (await moment.session.exec(query)).first() is not None:
        return True
    approved = (
        select(ReviewDecision.id)
        .join(Review, col(Review.id) == col(ReviewDecision.review_id))
        .where(
            col(Review.workflow_id) == case_id(row),
            col(ReviewDecision.final),
            col(ReviewDecision.decision) == "approve",
        )
    )
    return (await moment.session.exec(approved)).first() is not None


async def locked(moment: Moment, recovery_id: UUID) -> PasswordRecovery:
    """A recovery, held until the transaction ends.

    Raises:
        NotFound: `recovery-unknown`.
    """
    query = select(PasswordRecovery).where(col(PasswordRecovery.id) == recovery_id).with_for_update()
    row = (await moment.session.exec(query.execution_options(populate_existing=True))).one_or_none()
    if row is None:
        raise NotFound("recovery-unknown")
    return row


async def record(moment: Moment, row: PasswordRecovery, actor: str, action: str, reason: str | None = None) -> None:
    """The audit entry of a step."""
    await audit.record(
        moment.session,
        actor=actor,
        action=action,
        subject=f"client:{row.client_id}",
        reason=reason,
        paragraph="6",
        detail={"recovery": str(row.id), "n": row.n},
    )
