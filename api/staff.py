"""Staff: who they are and what their roles let them do. Rules: para 27; para 28; para 29."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import pyotp
from fastapi import Depends, Request
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from api.problems import LogInNeeded
from api.schemas_staff import Role
from api.services import Kit
from api.sessions import STAFF_COOKIE, cookie_name, limits
from rules.errors import BusinessError, NotAllowed
from storage import sessions
from storage.database import run
from storage.tables import Staff
from storage.vault import Vault

ISSUER = "Nesie"


@dataclass(frozen=True)
class Member:
    """A logged-in member of staff."""

    staff_id: UUID
    login: str
    roles: frozenset[Role]
    token: str = field(repr=False)

    @property
    def who(self) -> str:
        """As in audit."""
        return f"staff:{self.staff_id}"


async def member_of(request: Request, kit: Kit) -> Member:
    """The member of staff behind a request.

    Raises:
        LogInNeeded: no session, an ended one, or an account that was blocked meanwhile.
    """
    token = request.cookies.get(cookie_name(kit.secure_cookies, STAFF_COOKIE))
    if not token:
        raise LogInNeeded("log-in-needed")
    async with kit.records.moment() as moment:
        try:
            session = await sessions.touch(moment.session, token[:200], None, **limits(moment))
        except BusinessError as error:
            raise LogInNeeded(error.code) from None
        staff = await moment.session.get(Staff, session.staff_id) if session.staff_id else None
    if staff is None or not staff.active:
        raise LogInNeeded("session-expired")
    return Member(staff.id, staff.login, frozenset(Role(role) for role in staff.roles), token)


AnyMember = Annotated[Member, Depends(member_of)]


def needs(*roles: Role) -> Callable[[AnyMember], Awaitable[Member]]:
    """A dependency: one of these roles."""

    async def check(member: AnyMember) -> Member:
        if not member.roles & set(roles):
            raise NotAllowed("role-needed")
        return member

    return check


Reviewer = Annotated[Member, Depends(needs(Role.OFFICER, Role.COMPLIANCE))]


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
