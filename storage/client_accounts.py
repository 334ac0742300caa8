"""Bank details that a client keeps with us: one account or card at a time, shown by the bank to be the client's.

Rules: para 6, part 5; para 8, part 7.
"""

from __future__ import annotations

from uuid import UUID, uuid4

from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.clock import now
from storage.database import run
from storage.refunds import Named
from storage.tables import Client, ClientAccount
from storage.vault import Vault


async def active(session: AsyncSession, client_id: UUID) -> ClientAccount | None:
    """The account that is kept now."""
    query = select(ClientAccount).where(col(ClientAccount.client_id) == client_id, col(ClientAccount.until).is_(None))
    return (await session.exec(query.execution_options(populate_existing=True))).one_or_none()


def opened(vault: Vault, client: Client, account: ClientAccount) -> Named:
    """The account in the clear."""
    value = vault.open(client.data_key, account.account, _context(account.id)).decode()
    return Named(kind="card" if account.kind == "card" else "iban", value=value)


async def keep(
    session: AsyncSession, vault: Vault, client: Client, named: Named, *, source: str, bank_reference: str
) -> ClientAccount:
    """Keep this account from now on; the one before ends. source: contract | change."""
    # one after another: two that begin together would both be the only one
    await run(session, "select 1 from client where id = :id for update", id=client.id)
    at, before = await now(session), await active(session, client.id)
    if before is not None:
        before.until = at
        session.add(before)
        await session.flush()
    query = select(func.count()).where(col(ClientAccount.client_id) == client.id)
    account_id = uuid4()
    made = ClientAccount(
        id=account_id,
        client_id=client.id,
        n=1 + (await session.exec(query)).one(),
        kind=named.kind,
        account=vault.seal(client.data_key, named.value.encode(), _context(account_id)),
        source=source,
        bank_reference=bank_reference,
        since=at,
    )
    session.add(made)
    await session.flush()
    return made


async def keep_first(
    session: AsyncSession, vault: Vault, client: Client, named: Named, bank_reference: str
) -> ClientAccount | None:
    """Keep the account of a signed contract, where none was ever kept; None where one was."""
    await run(session, "select 1 from client where id = :id for update", id=client.id)
    query = select(ClientAccount.id).where(col(ClientAccount.client_id) == client.id).limit(1)
    if (await session.exec(query)).one_or_none() is not None:
        return None
    return await keep(session, vault, client, named, source="contract", bank_reference=bank_reference)


def _context(account_id: UUID) -> str:
    return f"client-account:{account_id}"
