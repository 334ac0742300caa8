"""`nesie staff`: accounts of the lender's own people. The address for the authenticator is shown once."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import re
import sys

import pyotp
from sqlmodel.ext.asyncio.session import AsyncSession

from api.schemas_staff import Role
from api.staff import ISSUER, by_login, totp_context
from cli import records
from infra.settings import Settings, load
from rules.desks import DESKS
from rules.errors import Conflict, InvalidInput, NotFound
from storage import audit, passwords, sessions
from storage.clock import now
from storage.tables import Staff
from storage.vault import Vault, check_master_key

_LOGIN = re.compile(r"[a-z0-9._-]{2,40}")
_SHORTEST_PASSWORD = 12


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    staff = subparsers.add_parser("staff", help="people who work for the lender")
    actions = staff.add_subparsers(dest="action", required=True)
    add = actions.add_parser("add", help="make an account and show its authenticator address once")
    add.add_argument("login", help="2 to 40 small letters, digits, . _ -")
    add.add_argument("--name", required=True, help="as colleagues know them")
    add.add_argument("--role", required=True, action="append", choices=[role.value for role in Role])
    add.add_argument("--desk", choices=[desk.code for desk in DESKS], help="where a cashier sits")
    add.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    add.add_argument("--json", action="store_true", help="one JSON object")
    add.set_defaults(run=_add)
    disable = actions.add_parser("disable", help="block an account and end its sessions")
    disable.add_argument("login")
    disable.add_argument("--json", action="store_true", help="one JSON object")
    disable.set_defaults(run=_disable)


def _password(from_stdin: bool) -> str:
    given = sys.stdin.readline().rstrip("\n") if from_stdin else getpass.getpass("Password: ")
    if len(given) < _SHORTEST_PASSWORD:
        raise InvalidInput("field-too-short", f"a password has at least {_SHORTEST_PASSWORD} characters")
    return given


def _add(args: argparse.Namespace) -> int:
    if not _LOGIN.fullmatch(args.login):
        raise InvalidInput("field-format", "a login has 2 to 40 small letters, digits, . _ -")
    password, settings = _password(args.password_stdin), load()

    async def work(session: AsyncSession, vault: Vault) -> dict[str, object]:
        return await create(session, vault, args.login, args.name, args.role, password, desk=args.desk)

    made = asyncio.run(_with(settings, work))
    if args.json:
        print(json.dumps(made, ensure_ascii=False))
    else:
        print(f"{made['login']}: {', '.join(args.role)}\nFor the authenticator, shown once: {made['totp_uri']}")
    return 0


def _disable(args: argparse.Namespace) -> int:
    async def work(session: AsyncSession, vault: Vault) -> dict[str, object]:
        return await disable(session, args.login)

    done = asyncio.run(_with(load(), work))
    print(json.dumps(done) if args.json else f"{args.login} is disabled; its sessions are ended")
    return 0


async def _with(settings: Settings, work) -> dict[str, object]:  # type: ignore[no-untyped-def]
    """Run work in one transaction with the keys of the settings."""
    database, vault = records.application(settings), records.vault(settings)
    try:
        async with database.begin() as session:
            await check_master_key(session, vault)
            result: dict[str, object] = await work(session, vault)
            return result
    finally:
        await database.close()


async def create(
    session: AsyncSession,
    vault: Vault,
    login: str,
    name: str,
    roles: list[str],
    password: str,
    *,
    desk: str | None = None,
) -> dict[str, object]:
    """A new account; the answer carries the authenticator's address, which is kept nowhere in the clear.

    Args:
        desk: code of the cash desk where a cashier sits.

    Raises:
        Conflict: `staff-login-taken`.
    """
    if await by_login(session, login) is not None:
        raise Conflict("staff-login-taken", f"the login {login} is taken")
    secret = pyotp.random_base32()
    staff = Staff(
        login=login,
        name=name,
        roles=sorted(set(roles)),
        desk=desk,
        password_hash=passwords.hash_password(password),
        totp_secret=vault.seal_own(secret.encode(), totp_context(login)),
        created_at=await now(session),
    )
    session.add(staff)
    await session.flush()
    await audit.record(
        session,
        actor="system:cli",
        action="staff-added",
        subject=f"staff:{staff.id}",
        paragraph="29",
        detail={"roles": staff.roles, "desk": desk},
    )
    uri = pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=ISSUER)
    return {"staff_id": str(staff.id), "login": login, "roles": staff.roles, "totp_uri": uri, "totp_secret": secret}


async def disable(session: AsyncSession, login: str) -> dict[str, object]:
    """Block an account and end its sessions at once.

    Raises:
        NotFound: `staff-unknown`.
    """
    staff = await by_login(session, login)
    if staff is None:
        raise NotFound("staff-unknown", f"no account is called {login}")
    staff.active = False
    session.add(staff)
    await sessions.end_all(session, staff_id=staff.id)
    await audit.record(
        session, actor="system:cli", action="staff-disabled", subject=f"staff:{staff.id}", paragraph="29"
    )
    return {"staff_id": str(staff.id), "login": login, "active": False}


__all__ = ["create", "disable", "register"]
