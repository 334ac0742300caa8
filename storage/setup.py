"""Makes and migrates the database: `python -m storage.setup`.

Roles belong to the whole cluster, so that several databases (tests) share them; making them twice is no error.

* nesie_owner  owns the schema; nobody logs in as it
* nesie_audit  owns the audit trail and the one function that appends to it; nobody logs in as it
* nesie_app    the application: appends, changes named columns, deletes nothing that counts
* nesie_read   reports: selects
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg import errors, sql
from sqlalchemy import create_engine, pool
from sqlalchemy.engine import make_url
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.database import libpq_url, run, sqlalchemy_url

_MIGRATIONS = Path(__file__).parent / "migrations"
_ONE_AT_A_TIME = 3217_0001
_LIMITS = {
    "nesie_app": {"statement_timeout": "30s", "lock_timeout": "10s", "idle_in_transaction_session_timeout": "60s"},
    "nesie_read": {"statement_timeout": "10min", "default_transaction_read_only": "on"},
}


def migrate(owner_url: str, app_password: str | None = None, read_password: str | None = None) -> None:
    """Bring a database, made if it is missing, to the newest revision.

    Args:
        owner_url: a role that may make roles, or one that is a member of the four roles where these exist.
        app_password: new password of nesie_app; None leaves it as it is. Sent to the server as a SCRAM verifier.
        read_password: the same for nesie_read.
    """
    _ensure_database(owner_url)
    with psycopg.connect(libpq_url(owner_url), autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s)", (_ONE_AT_A_TIME,))
        _ensure_roles(connection, {"nesie_app": app_password, "nesie_read": read_password})
        _upgrade(owner_url)
        # creating in the schema is a right for the time of the migration only
        connection.execute("revoke create on schema public from nesie_owner, nesie_audit")


def _ensure_database(owner_url: str) -> None:
    url = make_url(sqlalchemy_url(owner_url))
    try:
        psycopg.connect(libpq_url(owner_url)).close()
    except psycopg.OperationalError:
        maintenance = libpq_url(url.set(database="postgres").render_as_string(hide_password=False))
        with psycopg.connect(maintenance, autocommit=True) as connection:  # away for good: the first error comes again
            known = connection.execute("select 1 from pg_database where datname = %s", (url.database,)).fetchone()
            if known:
                raise
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(url.database or "")))


def _ensure_roles(connection: psycopg.Connection, passwords: dict[str, str | None]) -> None:
    for role in ("nesie_owner", "nesie_audit", *passwords):
        can = sql.SQL("login" if role in passwords else "nologin")
        # an earlier run, another database or a neighbour just now may have made it
        with contextlib.suppress(errors.DuplicateObject, errors.UniqueViolation):
            connection.execute(sql.SQL("create role {} {}").format(sql.Identifier(role), can))
    for role, password in passwords.items():
        if password is not None:
            verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
            connection.execute(sql.SQL("alter role {} password {}").format(sql.Identifier(role), sql.Literal(verifier)))
    database = sql.Identifier(connection.info.dbname)
    for role, limits in _LIMITS.items():
        for name, value in {"timezone": "UTC", **limits}.items():
            connection.execute(
                sql.SQL("alter role {} in database {} set {} = {}").format(
                    sql.Identifier(role), database, sql.Identifier(name), sql.Literal(value)
                )
            )
    connection.execute("grant nesie_owner, nesie_audit to current_user")
    connection.execute("revoke create on schema public from public")
    connection.execute("grant usage on schema public to nesie_owner, nesie_audit, nesie_app, nesie_read")
    connection.execute("grant create on schema public to nesie_owner, nesie_audit")


async def revisions(session: AsyncSession) -> tuple[str | None, str | None]:
    """The revision the database stands at, and the newest one of this code."""
    stands = (await run(session, "select version_num from alembic_version")).scalar_one_or_none()
    return stands, ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config


def _upgrade(owner_url: str) -> None:
    config = _config()
    engine = create_engine(sqlalchemy_url(owner_url), poolclass=pool.NullPool, hide_parameters=True)
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _password(variable: str) -> str | None:
    url = os.environ.get(variable)
    return make_url(sqlalchemy_url(url)).password if url else None


def main() -> int:
    """Migrate the database that NESIE_DATABASE__OWNER_URL names; passwords come from the other two URLs."""
    owner_url = os.environ.get("NESIE_DATABASE__OWNER_URL")
    if not owner_url:
        sys.stderr.write("NESIE_DATABASE__OWNER_URL is not set\n")
        return 2
    migrate(owner_url, _password("NESIE_DATABASE__URL"), _password("NESIE_DATABASE__READ_URL"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
