"""Wishes for another phone number in our records: asked, what is proved, ended.

Rules: para 6, part 4; para 6, part 5.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlmodel import col, func, select

from activities import leaks
from activities.context import Moment, Records
from rules.client import ClientKind
from rules.editions import Proof, edition, registration_proofs
from rules.errors import Conflict, NotFound
from rules.evidence import Frozen, StepOutcome
from storage import audit
from storage.tables import Check, Client, DetailsChange, Review, ReviewDecision, Signature

ACT = "DETAILS"  # what the client's face and signature are for


class ChangeSeen(Frozen):
    """How it stands."""

    state: str
    ground: str | None


async def ask(
    records: Records, moment: Moment, client: Client, change_id: UUID, phone: str, session_hash: bytes | None
) -> DetailsChange:
    """Note the wish for another number.

    Raises:
        Conflict: `identity-to-be-confirmed` while a leak of the client's data stands, `phone-not-new`, `phone-taken`,
            `details-change-open`: one is being dealt with.
    """
    if await leaks.standing(moment, client.id) is not None:
        raise Conflict("identity-to-be-confirmed")
    taken = await records.clients.by_phone(moment.session, phone)
    if taken is not None:
        raise Conflict("phone-not-new" if taken.id == client.id else "phone-taken")
    of = select(DetailsChange).where(col(DetailsChange.client_id) == client.id)
    if (await moment.session.exec(of.where(col(DetailsChange.state) == "OPEN"))).first() is not None:
        raise Conflict("details-change-open")
    n = 1 + int((await moment.session.exec(select(func.count()).select_from(of.subquery()))).one())
    of_today, seal = edition(moment.day), records.vault.seal
    row = DetailsChange(
        id=change_id, client_id=client.id, n=n, session_hash=session_hash, edition=of_today.name,
        old_phone=seal(client.data_key, records.clients.person(client).phone.encode(), _context(change_id, "old")),
        new_phone=seal(client.data_key, phone.encode(), _context(change_id, "new")),
        signature_needed=Proof.SIGNATURE in registration_proofs(of_today, ClientKind(client.kind)).always,
        policy_version=moment.policy.version, asked_at=moment.at,
        expires_at=moment.at + timedelta(hours=moment.policy.whole("details-change-hours")),
    )  # fmt: skip
    moment.session.add(row)
    await moment.session.flush()
    await record(moment, row, f"client:{client.id}", "phone-change-asked")
    return row


async def missing(moment: Moment, row: DetailsChange) -> list[str]:
    """The proofs that our records do not hold yet, in their order. Rules: para 6, part 4; para 6, part 5."""
    query = select(Check.step, Check.evidence).where(
        col(Check.client_id) == row.client_id,
        col(Check.act) == ACT,
        col(Check.outcome) == StepOutcome.PASSED,
        col(Check.at) >= row.asked_at,
    )
    found = (await moment.session.exec(query)).all()
    # the same client's earlier change proved another number: the code and its owner are of this change alone
    shown = {step for step, evidence in found if step == "face" or evidence.get("change") == str(row.id)}
    if await _face_approved(moment, row):
        shown.add("face")
    if await signature_of(moment, row) is not None:
        shown.add("signature")
    wanted = ["phone", "phone-owner", "face", *(["signature"] if row.signature_needed else [])]
    return [step for step in wanted if step not in shown]


async def end(moment: Moment, row: DetailsChange, state: str, ground: str | None) -> ChangeSeen:
    """End a change, in the caller's transaction."""
    row.state, row.ground, row.ended_at = state, ground, moment.at
    moment.session.add(row)
    await moment.session.flush()
    action = "phone-changed" if state == "CHANGED" else f"phone-change-{state.lower()}"
    await record(moment, row, "system:worker", action, ground)
    return ChangeSeen(state=state, ground=ground)


async def locked(moment: Moment, change_id: UUID) -> DetailsChange:
    """A change, held until the transaction ends.

    Raises:
        NotFound: `details-change-unknown`.
    """
    query = select(DetailsChange).where(col(DetailsChange.id) == change_id).with_for_update()
    row = (await moment.session.exec(query.execution_options(populate_existing=True))).one_or_none()
    if row is None:
        raise NotFound("details-change-unknown")
    return row


def opened(records: Records, client: Client, row: DetailsChange, which: str) -> str:
    """The `old` or the `new` number."""
    sealed = row.old_phone if which == "old" else row.new_phone
    return records.vault.open(client.data_key, sealed, _context(row.id, which)).decode()


def case_id(row: DetailsChange) -> str:
    """The id of the case."""
    return f"change/{row.client_id}/{row.n}"


def purpose_of(change_id: UUID) -> str:
    """What a code is for: this change's number, not that of an earlier one."""
    return f"details:{change_id}"


def _context(change_id: UUID, which: str) -> str:
    return f"change:{change_id}:{which}"


async def signature_of(moment: Moment, row: DetailsChange) -> UUID | None:
    """The client's signature under the statement of this change."""
    query = select(Signature.id).where(
        col(Signature.client_id) == row.client_id, col(Signature.document_id) == row.statement_id
    )
    return (await moment.session.exec(query.order_by(col(Signature.verified_at)))).first()


async def _face_approved(moment: Moment, row: DetailsChange) -> bool:
    query = (
        select(ReviewDecision.id)
        .join(Review, col(Review.id) == col(ReviewDecision.review_id))
        .where(
            col(Review.workflow_id) == case_id(row),
            col(ReviewDecision.final),
            col(ReviewDecision.decision) == "approve",
        )
    )
    return (await moment.session.exec(query)).first() is not None


async def record(moment: Moment, row: DetailsChange, actor: str, action: str, reason: str | None = None) -> None:
    """The audit entry of a step; no number in it."""
    await audit.record(
        moment.session,
        actor=actor,
        action=action,
        subject=f"client:{row.client_id}",
        reason=reason,
        paragraph="6",
        detail={"change": str(row.id), "n": row.n},
    )
