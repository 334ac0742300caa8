"""Authenticator applications and passkeys of clients: added, used once each time, removed. Time is the database's.

Rules: para 6, part 4.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

import pyotp
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.errors import Conflict, NotConfirmed, NotFound
from rules.log_in import Factor
from storage.clock import now
from storage.database import run
from storage.tables import Client, Passkey, TotpFactor
from storage.vault import Vault

_CHALLENGE_BYTES = 32

# ---- authenticator application


async def ask_totp(session: AsyncSession, vault: Vault, client: Client) -> tuple[TotpFactor, str]:
    """A new secret that does not count yet; the secret itself is told here only, and replaces one not confirmed.

    Raises:
        Conflict: `factor-exists`: one is confirmed already.
    """
    await _one_by_one(session, client)
    if await totp_of(session, client.id) is not None:
        raise Conflict("factor-exists")
    await run(
        session,
        "update totp_factor set removed_at = clock_timestamp() where client_id = :client and removed_at is null",
        client=client.id,
    )
    secret, factor_id = pyotp.random_base32(), uuid4()
    sealed = vault.seal(client.data_key, secret.encode(), _secret_context(factor_id))
    row = TotpFactor(id=factor_id, client_id=client.id, secret=sealed, asked_at=await now(session))
    session.add(row)
    await session.flush()
    return row, secret


async def confirm_totp(
    session: AsyncSession, vault: Vault, client: Client, digits: str, *, window: int, life_minutes: int
) -> TotpFactor:
    """The first digits show that the application has the secret; from now on it is a factor.

    Raises:
        NotConfirmed: `totp-wrong`, also where nothing waits to be confirmed or waited too long.
    """
    query = select(TotpFactor).where(
        col(TotpFactor.client_id) == client.id,
        col(TotpFactor.confirmed_at).is_(None),
        col(TotpFactor.removed_at).is_(None),
    )
    row = (await session.exec(query.with_for_update())).one_or_none()
    at = await now(session)
    if row is None or (at - row.asked_at).total_seconds() > life_minutes * 60:
        raise NotConfirmed("totp-wrong")
    step = _step(vault, client, row, digits, at, window)
    if step is None:
        raise NotConfirmed("totp-wrong")
    row.confirmed_at, row.last_step, row.last_used_at = at, step, at
    session.add(row)
    await session.flush()
    return row


async def use_totp(session: AsyncSession, vault: Vault, client: Client, digits: str, *, window: int) -> UUID:
    """Use digits up: right, and of a later step than any before, whoever else tries at the same moment.

    Args:
        window: steps of 30 seconds that the client's clock may be off, either way.

    Raises:
        NotConfirmed: `totp-wrong`, `totp-used`.
    """
    row = await totp_of(session, client.id)
    step = None if row is None else _step(vault, client, row, digits, await now(session), window)
    if row is None or step is None:
        raise NotConfirmed("totp-wrong")
    used = await run(
        session,
        "update totp_factor set last_step = :step, last_used_at = clock_timestamp()"
        " where id = :id and last_step < :step and removed_at is null returning 1",
        step=step,
        id=row.id,
    )
    if used.one_or_none() is None:
        raise NotConfirmed("totp-used")
    return row.id


async def totp_of(session: AsyncSession, client_id: UUID) -> TotpFactor | None:
    """The confirmed application of a client."""
    query = select(TotpFactor).where(
        col(TotpFactor.client_id) == client_id,
        col(TotpFactor.confirmed_at).is_not(None),
        col(TotpFactor.removed_at).is_(None),
    )
    return (await session.exec(query.execution_options(populate_existing=True))).one_or_none()


def _step(vault: Vault, client: Client, row: TotpFactor, digits: str, at: datetime, window: int) -> int | None:
    """The time step of right digits; the newest first, so that an older reading cannot use up a newer one."""
    secret = vault.open(client.data_key, row.secret, _secret_context(row.id)).decode()
    totp = pyotp.TOTP(secret)
    present = totp.timecode(at)
    steps = (present + offset for offset in range(window, -window - 1, -1))
    return next((step for step in steps if pyotp.utils.strings_equal(totp.generate_otp(step), digits)), None)


def _secret_context(factor_id: UUID) -> str:
    return f"totp:{factor_id}"


# ---- passkeys


async def add_passkey(
    session: AsyncSession,
    vault: Vault,
    client: Client,
    *,
    name: str,
    credential_id: bytes,
    public_key: bytes,
    sign_count: int,
    backed_up: bool,
    most: int,
) -> Passkey:
    """Keep a passkey that its device has shown.

    Raises:
        Conflict: `too-many-passkeys`, `passkey-known`: this credential is somebody's already.
    """
    await _one_by_one(session, client)
    if len(await passkeys_of(session, client.id)) >= most:
        raise Conflict("too-many-passkeys")
    if (await session.exec(select(Passkey.id).where(col(Passkey.credential_id) == credential_id))).first() is not None:
        raise Conflict("passkey-known")
    passkey_id = uuid4()
    row = Passkey(
        id=passkey_id, client_id=client.id, credential_id=credential_id, public_key=public_key, sign_count=sign_count,
        name=vault.seal(client.data_key, name.encode(), _name_context(passkey_id)), backed_up=backed_up,
        created_at=await now(session),
    )  # fmt: skip
    session.add(row)
    await session.flush()
    return row


async def passkeys_of(session: AsyncSession, client_id: UUID) -> Sequence[Passkey]:
    """The client's passkeys, oldest first."""
    query = select(Passkey).where(col(Passkey.client_id) == client_id, col(Passkey.removed_at).is_(None))
    return (await session.exec(query.order_by(col(Passkey.created_at)).execution_options(populate_existing=True))).all()


async def passkey_by(session: AsyncSession, credential_id: bytes) -> Passkey | None:
    """A passkey in use, by what its device calls it."""
    query = select(Passkey).where(col(Passkey.credential_id) == credential_id, col(Passkey.removed_at).is_(None))
    return (await session.exec(query.execution_options(populate_existing=True))).one_or_none()


def name_of(vault: Vault, client: Client, passkey: Passkey) -> str:
    """What the client calls it."""
    return vault.open(client.data_key, passkey.name, _name_context(passkey.id)).decode()


async def count_use(session: AsyncSession, passkey: Passkey, sign_count: int, *, backed_up: bool) -> bool:
    """Note a use; False where the counter did not grow, so that two devices hold the same key.

    A device that does not count says 0 each time.
    """
    used = await run(
        session,
        "update passkey set sign_count = :count, backed_up = :backed_up, last_used_at = clock_timestamp()"
        " where id = :id and removed_at is null and (sign_count < :count or (sign_count = 0 and :count = 0))"
        " returning 1",
        id=passkey.id,
        count=sign_count,
        backed_up=backed_up,
    )
    return used.one_or_none() is not None


def _name_context(passkey_id: UUID) -> str:
    return f"passkey:{passkey_id}"


async def issue_challenge(
    session: AsyncSession, purpose: str, client_id: UUID | None, bound_to: bytes, life_seconds: int
) -> bytes:
    """Random bytes for a passkey to sign. purpose: REGISTER | PROVE. bound_to: hash of who asks."""
    challenge = secrets.token_bytes(_CHALLENGE_BYTES)
    await run(
        session,
        "insert into passkey_challenge (challenge, purpose, client_id, bound_to, issued_at, expires_at)"
        " select :challenge, :purpose, :client, :bound_to, moment, moment + make_interval(secs => :life)"
        " from clock_timestamp() as moment",
        challenge=challenge,
        purpose=purpose,
        client=client_id,
        bound_to=bound_to,
        life=life_seconds,
    )
    return challenge


async def take_challenge(session: AsyncSession, challenge: bytes, purpose: str, bound_to: bytes) -> None:
    """Use a challenge up, once, for whom it was issued.

    Raises:
        NotConfirmed: `passkey-challenge`: unknown, another's, used, or too old.
    """
    taken = await run(
        session,
        "update passkey_challenge set used_at = clock_timestamp() where challenge = :challenge and purpose = :purpose"
        " and bound_to = :bound_to and used_at is null and expires_at > clock_timestamp() returning 1",
        challenge=challenge,
        purpose=purpose,
        bound_to=bound_to,
    )
    if taken.one_or_none() is None:
        raise NotConfirmed("passkey-challenge")


# ---- both


async def _one_by_one(session: AsyncSession, client: Client) -> None:
    """Factors of one client are added one after the other, whoever asks at the same moment."""
    await run(session, "select 1 from client where id = :id for no key update", id=client.id)


async def enrolled(session: AsyncSession, client_id: UUID) -> frozenset[Factor]:
    """The tokens that a client has."""
    found = (
        await run(
            session,
            "select exists (select 1 from totp_factor where client_id = :client and confirmed_at is not null"
            " and removed_at is null) as totp, exists (select 1 from passkey where client_id = :client"
            " and removed_at is null) as passkey",
            client=client_id,
        )
    ).one()
    return frozenset(factor for factor, there in ((Factor.TOTP, found.totp), (Factor.PASSKEY, found.passkey)) if there)


async def remove(session: AsyncSession, client_id: UUID, factor_id: UUID, why: str = "client") -> Factor:
    """Take a factor away from its client.

    Raises:
        NotFound: `not-found`: no such factor, or another's.
    """
    passkey = await run(
        session,
        "update passkey set removed_at = clock_timestamp(), removed_why = :why"
        " where id = :id and client_id = :client and removed_at is null returning 1",
        id=factor_id,
        client=client_id,
        why=why,
    )
    if passkey.one_or_none() is not None:
        return Factor.PASSKEY
    totp = await run(
        session,
        "update totp_factor set removed_at = clock_timestamp()"
        " where id = :id and client_id = :client and confirmed_at is not null and removed_at is null returning 1",
        id=factor_id,
        client=client_id,
    )
    if totp.one_or_none() is None:
        raise NotFound("not-found")
    return Factor.TOTP


async def remove_all(session: AsyncSession, client_id: UUID) -> None:
    """Whoever recovers the access begins anew: what was lost may be in other hands."""
    await run(
        session,
        "update passkey set removed_at = clock_timestamp(), removed_why = 'recovery'"
        " where client_id = :client and removed_at is null",
        client=client_id,
    )
    await run(
        session,
        "update totp_factor set removed_at = clock_timestamp() where client_id = :client and removed_at is null",
        client=client_id,
    )
