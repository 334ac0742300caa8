"""A new master key: everything wrapped under an old one is wrapped anew, without touching what it protects."""

from __future__ import annotations

from sqlmodel.ext.asyncio.session import AsyncSession

from storage.database import run
from storage.vault import Vault, check_master_key

# Columns that hold a wrapped data key alone, and columns whose sealed bytes carry their own in front.
_WRAPPED = (("client", "id", "data_key"), ("document", "id", "data_key"))
_SEALED_OWN = (
    ("staff", "id", "totp_secret"),
    ("application", "id", "account"),
    ("outbound_payment", "key", "account"),
    ("incoming_payment", "id", "payer"),
    ("incoming_payment", "id", "purpose"),
    ("refund_account", "id", "account"),
    ("payment_assignment", "id", "account"),
    ("furnishing_decision", "id", "words"),
    ("incident", "id", "story"),
    ("incident_task", "id", "words"),
    ("incident_task", "id", "evidence"),
    ("incident_closing", "id", "words"),
    ("outbox_action", "id", "argument"),
    ("outbox_action", "id", "result"),
    ("idempotency_record", "(scope, key)", "answer"),
)
_AT_ONCE = 500


async def rotate_master(session: AsyncSession, vault: Vault) -> int:
    """Bring every wrapped key under the vault's current master key; the number of keys changed.

    Run it as the owner of the schema, when every process already runs with the new key as the current one. A second
    run finds nothing to do. The old keys are then retired, and the settings may forget them after the commit.

    Raises:
        BusinessError: `wrong-master-key`: an old key is not at hand.
    """
    await check_master_key(session, vault)
    changed = 0
    for table, identity, column in _WRAPPED:
        changed += await _rewrap(session, vault, table, identity, column, own=False)
    for table, identity, column in _SEALED_OWN:
        changed += await _rewrap(session, vault, table, identity, column, own=True)
    await run(
        session,
        "update master_key_canary set retired_at = clock_timestamp() where key_id <> :current and retired_at is null",
        current=vault.current,
    )
    return changed


async def _rewrap(session: AsyncSession, vault: Vault, table: str, identity: str, column: str, *, own: bool) -> int:
    # nothing of these names comes from outside: they are the constants above; what was destroyed is empty
    start = 3 if own else 1  # version byte, behind a length of two bytes where the key travels in front
    stale = (
        f"select ctid::text as place, {column} as sealed from {table} where length({column}) > 0"  # noqa: S608  # nosec
        f" and substring({column} from {start} for :length) <> :head"
        f" order by {identity} limit {_AT_ONCE} for update"
    )
    change = f"update {table} set {column} = :sealed where ctid = cast(:place as tid)"  # noqa: S608  # nosec
    head, changed = vault.current_head, 0
    while True:
        rows = (await run(session, stale, length=len(head), head=head)).all()
        if not rows:
            return changed
        for row in rows:
            again = vault.rewrap_own(row.sealed) if own else vault.rewrap(row.sealed)
            await run(session, change, sealed=again, place=row.place)
        changed += len(rows)
