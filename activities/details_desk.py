"""Wishes for another phone number or other bank details in our records: asked, what is proved, ended.

Rules: para 6, part 4; para 6, part 5.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlmodel import col, func, select

from activities import leaks
from activities.context import Moment, Records
from rules.client import ClientKind
from rules.editions import edition
from rules.errors import Conflict, NotFound
from rules.evidence import Frozen, StepOutcome
from rules.identification import needed
from rules.proofs import Act
from storage import audit, client_accounts
from storage.refunds import Named
from storage.tables import Check, Client, DetailsChange, Review, ReviewDecision, Signature

ACT = "DETAILS"  # what the client's face and signature are for
PHONE, ACCOUNT = "PHONE", "ACCOUNT"
_ACTS = {PHONE: Act.PHONE_CHANGE, ACCOUNT: Act.BANK_DETAILS_CHANGE}
_OWN = {PHONE: ["phone", "phone-owner"], ACCOUNT: ["account-owner"]}  # the steps of a kind, before the face


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
    await _check_no_leak(moment, client)
    taken = await records.clients.by_phone(moment.session, phone)
    if taken is not None:
        raise Conflict("phone-not-new" if taken.id == client.id else "phone-taken")
    before = records.clients.person(client).phone
    return await _noted(records, moment, client, change_id, PHONE, (before, phone), session_hash)


async def ask_account(
    records: Records, moment: Moment, client: Client, change_id: UUID, named: Named, session_hash: bytes | None
) -> DetailsChange:
    """Note the wish to keep other bank details with us, the first ones too.

    Raises:
        Conflict: as ask(); `account-not-new`: these are kept already.
    """
    await _check_no_leak(moment, client)
    kept = await client_accounts.active(moment.session, client.id)
    before = client_accounts.opened(records.vault, client, kept) if kept else None
    if before == named:
        raise Conflict("account-not-new")
    values = (before.model_dump_json() if before else None, named.model_dump_json())
    return await _noted(records, moment, client, change_id, ACCOUNT, values, session_hash)


async def _check_no_leak(moment: Moment, client: Client) -> None:
    if await leaks.standing(moment, client.id) is not None:
        raise Conflict("identity-to-be-confirmed")


async def _noted(
    records: Records,
    moment: Moment,
    client: Client,
    change_id: UUID,
    kind: str,
    values: tuple[str | None, str],
    session_hash: bytes | None,
) -> DetailsChange:
    """The row, open. values: the old one, where there is one, and the new one."""
    of = select(DetailsChange).where(col(DetailsChange.client_id) == client.id)
    if (await moment.session.exec(of.where(col(DetailsChange.state) == "OPEN"))).first() is not None:
        raise Conflict("details-change-open")
    n = 1 + int((await moment.session.exec(select(func.count()).select_from(of.subquery()))).one())
    of_today, seal = edition(moment.day), records.vault.seal
    old, new = values
    row = DetailsChange(
        id=change_id, client_id=client.id, n=n, kind=kind, session_hash=session_hash, edition=of_today.name,
        old_value=seal(client.data_key, old.encode(), _context(change_id, "old")) if old is not None else None,
        new_value=seal(client.data_key, new.encode(), _context(change_id, "new")),
        signature_needed=needed(_ACTS[kind], ClientKind(client.kind), of_today).signature,
        policy_version=moment.policy.version, asked_at=moment.at,
        expires_at=moment.at + timedelta(hours=moment.policy.whole("details-change-hours")),
    )  # fmt: skip
    moment.session.add(row)
    await moment.session.flush()
    await record(moment, row, f"client:{client.id}", f"{kind.lower()}-change-asked")
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
    wanted = [*_OWN[row.kind], "face", *(["signature"] if row.signature_needed else [])]
    return [step for step in wanted if step not in shown]


async def end(moment: Moment, row: DetailsChange, state: str, ground: str | None) -> ChangeSeen:
    """End a change, in the caller's transaction."""
    row.state, row.ground, row.ended_at = state, ground, moment.at
    moment.session.add(row)
    await moment.session.flush()
    what = row.kind.lower()
    action = f"{what}-changed" if state == "CHANGED" else f"{what}-change-{state.lower()}"
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
    """The `old` or the `new` number, or the JSON of an account; empty where there was none."""
    sealed = row.old_value if which == "old" else row.new_value
    return "" if sealed is None else records.vault.open(client.data_key, sealed, _context(row.id, which)).decode()


def account_of(records: Records, client: Client, row: DetailsChange, which: str) -> Named | None:
    """The `old` or the `new` account of a change of bank details; None where there was none."""
    text = opened(records, client, row, which)
    return Named.model_validate_json(text) if text else None


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
