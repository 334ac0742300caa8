"""The embedded PostgreSQL: its cluster, its owner role, and the migrations."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psycopg
from psycopg import sql

from infra.stack.errors import StartFailed
from infra.stack.postgres_run import OS_USER, as_database_user, binaries, ensure_os_user
from infra.stack.programs import ROOT

DATABASE = "nesie"
OWNER = "nesie_migrations"  # logs in; the schema itself belongs to nesie_owner, which cannot


def owner_url(port: int, password: str) -> str:
    """The connection of the embedded database's owner, which runs the migrations."""
    return f"postgresql://{OWNER}:{password}@127.0.0.1:{port}/{DATABASE}"


def _give(path: Path, mode: int) -> None:
    if os.geteuid() == 0:
        shutil.chown(path, OS_USER, OS_USER)
    path.chmod(mode)


def make_cluster(data: Path, superuser_password: str) -> None:
    """Make the cluster once: in a side folder that is renamed, so that a crash leaves no half of one."""
    ensure_os_user()
    if (data / "PG_VERSION").exists():
        return
    new, secret = data.with_name("postgres.new"), data.with_name("postgres.password")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    _give(new, 0o700)
    secret.touch(mode=0o600)
    try:
        secret.write_text(superuser_password)
        _give(secret, 0o600)
        options = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"]
        command = [*as_database_user(data.parent), str(binaries() / "initdb"), "-D", str(new), "-U", "postgres"]
        command += [f"--pwfile={secret}", "--data-checksums", *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    finally:
        secret.unlink()
    if done.returncode:
        raise StartFailed(f"initdb failed: {done.stderr.strip()[-500:]}")
    new.rename(data)


def answers(url: str) -> bool:
    """Whether SELECT 1 works (a process id or an open port prove nothing)."""
    try:
        with psycopg.connect(url, connect_timeout=2) as connection:
            connection.execute("select 1")
    except psycopg.OperationalError:
        return False
    return True


def make_database(superuser_url: str, owner_password: str) -> None:
    """The database and its owner: may create roles, is no superuser; like the owner a managed server gives."""
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        role, database, secret = sql.Identifier(OWNER), sql.Identifier(DATABASE), sql.Literal(owner_password)
        if connection.execute("select 1 from pg_roles where rolname = %s", (OWNER,)).fetchone():
            connection.execute(sql.SQL("alter role {} login createrole password {}").format(role, secret))
        else:
            connection.execute(sql.SQL("create role {} login createrole password {}").format(role, secret))
        if not connection.execute("select 1 from pg_database where datname = %s", (DATABASE,)).fetchone():
            connection.execute(sql.SQL("create database {} owner {}").format(database, role))


def migrate(environment: Mapping[str, str]) -> None:
    """Bring roles and tables up to date, in a process of its own: the stack knows nothing of the tables."""
    command = [sys.executable, "-m", "storage.setup"]
    whole = {**os.environ, **environment}
    done = subprocess.run(command, cwd=ROOT, env=whole, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StartFailed(f"the database migration failed: {(done.stderr or done.stdout).strip()[-800:]}")
