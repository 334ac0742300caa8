"""Staff: who they are and what their roles let them do. Rules: para 27; para 28; para 29."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import pyotp
from fastapi import Depends, Request
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from api.guards import ADDRESS
from api.once import Once, key_of
from api.problems import LogInNeeded, TooMany
from api.schemas_staff import Role
from api.services import Kit, Services
from api.sessions import limits
from rules.errors import BusinessError, NotAllowed
from storage import audit, passwords, sessions, throttle
from storage.database import run
from storage.tables import Staff
from storage.vault import Vault

ISSUER = "Nesie"
COOKIE = "nesie_staff"  # the same as the log-in page's


@dataclass(frozen=True)
class Member:
    """A logged-in member of staff."""

    staff_id: UUID
    login: str
    roles: frozenset[Role]
    token: str = field(repr=False)
    desk: str | None = None

    @property
    def who(self) -> str:
        """As in audit."""
        return f"staff:{self.staff_id}"

    @property
    def oversees(self) -> bool:
        """Whether this person looks after more than one desk."""
        return bool(self.roles & {Role.OFFICER, Role.COMPLIANCE})


async def member_of(request: Request, kit: Kit) -> Member:
    """The member of staff behind a request.

    Raises:
        LogInNeeded: no session, an ended one, or an account that was blocked meanwhile.
    """
    token = request.cookies.get(COOKIE)
    if not token:
        raise LogInNeeded("log-in-needed")
    async with kit.records.moment() as moment:
        try:
            idle, absolute = limits(moment)["idle_seconds"], limits(moment)["absolute_seconds"]
            session = await sessions.touch(moment.session, token[:200], idle_seconds=idle, absolute_seconds=absolute)
        except BusinessError as error:
            raise LogInNeeded(error.code) from None
        staff = await moment.session.get(Staff, session.staff_id) if session.staff_id else None
    if staff is None or not staff.active:
        raise LogInNeeded("session-expired")
    return Member(staff.id, staff.login, frozenset(Role(role) for role in staff.roles), token, staff.desk)


AnyMember = Annotated[Member, Depends(member_of)]


def needs(*roles: Role) -> Callable[[AnyMember], Awaitable[Member]]:
    """A dependency: one of these roles."""

    async def check(member: AnyMember) -> Member:
        if not member.roles & set(roles):
            raise NotAllowed("role-needed")
        return member

    return check


Reviewer = Annotated[Member, Depends(needs(Role.OFFICER, Role.COMPLIANCE))]
Cashier = Annotated[Member, Depends(needs(Role.CASHIER))]
Approver = Annotated[Member, Depends(needs(Role.CASHIER, Role.OFFICER, Role.COMPLIANCE))]


async def _once(request: Request, kit: Kit, member: AnyMember) -> Once:
    return Once(request, kit, member.who, key_of(request))


StaffOnce = Annotated[Once, Depends(_once)]


async def by_login(session: AsyncSession, login: str) -> Staff | None:
    """The account of a login, blocked or not."""
    return (await session.exec(select(Staff).where(col(Staff.login) == login))).one_or_none()


def totp_context(login: str) -> str:
    """What a sealed TOTP secret is bound to."""
    return f"staff:{login}:totp"


async def totp_accepted(session: AsyncSession, vault: Vault, staff: Staff, digits: str) -> bool:
    """Whether the six digits are right and of a later time step than any before: each step counts once."""
    secret = vault.open_own(staff.totp_secret, totp_context(staff.login)).decode()
    step = _step(pyotp.TOTP(secret), digits)
    if step is None:
        return False
    used = await run(
        session,
        "update staff set totp_last_step = :step where id = :id and totp_last_step < :step returning 1",
        step=step,
        id=staff.id,
    )
    return used.one_or_none() is not None


def _step(totp: pyotp.TOTP, digits: str) -> int | None:
    """The time step of a right code, this one or a neighbour."""
    present = totp.timecode(datetime.now(UTC))
    matching = (
        present + offset
        for offset in (0, -1, 1)
        if pyotp.utils.strings_equal(totp.generate_otp(present + offset), digits)
    )
    return next(matching, None)


async def log_in(kit: Services, login: str, password: str, digits: str) -> tuple[Staff, str]:
    """Open a session by password and authenticator; the account and the token.

    Raises:
        LogInNeeded: `log-in-wrong`: whatever was wrong, the account unknown or blocked.
        TooMany: this account failed too often from this address.
    """
    subject = kit.records.vault.index("staff-login", f"{login}|{ADDRESS.get()}")
    async with kit.records.moment() as moment:
        wait = await throttle.blocked_seconds(moment.session, subject)
        staff = await by_login(moment.session, login)
    if wait:
        raise TooMany("too-many-log-ins", wait)
    stored = staff.password_hash if staff and staff.active else None
    right = await asyncio.to_thread(passwords.verify_password, stored, password)
    async with kit.records.moment() as moment:
        wait = await throttle.held_seconds(moment.session, [subject])
        if wait:  # it was let in together with those that have failed meanwhile
            raise TooMany("too-many-log-ins", wait)
        if staff and right and await totp_accepted(moment.session, kit.records.vault, staff, digits):
            await throttle.forgive(moment.session, subject)
            token = await sessions.open(moment.session, "staff", staff_id=staff.id)
            await _record(moment.session, f"staff:{staff.id}", "staff-logged-in", f"staff:{staff.id}")
            return staff, token
        allowed, window = moment.policy.whole("login-tries"), moment.policy.whole("login-lock-minutes") * 60
        await throttle.failed(moment.session, subject, allowed=allowed, window_seconds=window)
        who = f"staff:{staff.id}" if staff else f"attempt:{subject.hex()[:16]}"
        await _record(moment.session, "system:api", "staff-log-in-failed", who)
    raise LogInNeeded("log-in-wrong")


async def log_out(kit: Services, member: Member) -> None:
    """End the session at once."""
    async with kit.records.moment() as moment:
        await sessions.end(moment.session, member.token)
        await _record(moment.session, member.who, "staff-logged-out", member.who)


async def _record(session: AsyncSession, actor: str, action: str, subject: str) -> None:
    await audit.record(session, actor=actor, action=action, subject=subject, paragraph="28")
