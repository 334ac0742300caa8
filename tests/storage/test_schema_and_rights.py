"""The migrated schema is the one the code speaks of, and the application may not do what it must not."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from psycopg import errors
from sqlalchemy import create_engine
from sqlmodel import SQLModel

import storage.tables  # noqa: F401  fills the metadata
from storage.database import libpq_url, sqlalchemy_url
from storage.migrations.guards import APPEND_ONLY_TABLES
from storage.setup import migrate

APPENDED = [
    *APPEND_ONLY_TABLES,
    "archive_conformance",
    "audit_entry",
    "repayment_wish",
    "report_retry",
    "disposal_object",
    "fraud_duty",
    "identification",
    "client_authority",
]


@pytest.fixture
def app(database_url: str) -> Iterator[psycopg.Connection]:
    """A plain connection as the application."""
    with psycopg.connect(libpq_url(database_url), autocommit=True) as connection:
        yield connection


def test_the_migrated_schema_is_the_metadata(superuser: str) -> None:
    engine = create_engine(sqlalchemy_url(superuser))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, SQLModel.metadata)
        tables = {name for name in engine.dialect.get_table_names(connection) if name != "alembic_version"}
    engine.dispose()
    assert differences == []
    assert tables == set(SQLModel.metadata.tables)


def test_migrating_twice_changes_nothing(database_urls: dict[str, str]) -> None:
    migrate(database_urls["owner"])
    migrate(database_urls["owner"])
    with psycopg.connect(libpq_url(database_urls["app"])) as connection:
        assert connection.execute("select version_num from alembic_version").fetchall() == [("0024",)]


@pytest.mark.parametrize("table", APPENDED)
@pytest.mark.parametrize("statement", ["update {} set id = id", "delete from {}", "truncate {}"])
def test_the_application_cannot_change_what_is_appended(app: psycopg.Connection, table: str, statement: str) -> None:
    statement = statement.replace("id = id", "n = n") if table == "audit_entry" else statement
    with pytest.raises(errors.InsufficientPrivilege) as refused:
        app.execute(statement.format(table))
    assert refused.value.sqlstate == "42501"


@pytest.mark.parametrize("table", APPENDED)
@pytest.mark.parametrize("statement", ["update {} set id = id", "delete from {}", "truncate {} cascade"])
def test_even_a_superuser_is_stopped_by_the_second_wall(superuser: str, table: str, statement: str) -> None:
    statement = statement.replace("id = id", "n = n") if table == "audit_entry" else statement
    with psycopg.connect(libpq_url(superuser), autocommit=True) as connection:
        with pytest.raises(errors.InsufficientPrivilege, match="appended, never changed"):
            connection.execute(statement.format(table))


@pytest.mark.parametrize(
    "statement",
    [
        "insert into audit_entry values (1, now(), 'a', 'b', 'c', null, null, '{}', 'x', 'y')",
        "insert into audit_pending values (gen_random_uuid(), 'a', 'b', 'c', null, null, '{}')",
        "select * from audit_pending",
        "update outbound_payment set amount = 1",
        "update outbound_payment set account = 'x'",
        "update client set iin_index = 'x'",
        "update client set data_key = 'x'",
        "update document set sha256 = 'x'",
        "delete from client",
        "delete from outbound_payment",
        "delete from idempotency_record",
        "delete from session",
        "create table mine (id int)",
        "alter table ledger_entry disable trigger all",
        "drop trigger audit_entry_append_only on audit_entry",
        "set role nesie_audit",
        "set role nesie_owner",
        "set session_replication_role = replica",
    ],
)
def test_the_application_is_refused(app: psycopg.Connection, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege) as refused:
        app.execute(statement)
    assert refused.value.sqlstate == "42501"


def test_the_application_deletes_from_no_table_but_the_throttle(superuser: str) -> None:
    with psycopg.connect(libpq_url(superuser)) as connection:
        may = connection.execute(
            "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'"
            " and has_table_privilege('nesie_app', oid, 'delete,truncate')"
        ).fetchall()
    assert may == [("throttle",)]


def test_readers_read_and_do_nothing_else(database_urls: dict[str, str]) -> None:
    with psycopg.connect(libpq_url(database_urls["read"]), autocommit=True) as connection:
        (loans,) = connection.execute("select count(*) from loan").fetchone() or (None,)
        assert isinstance(loans, int)
        for secret in ("session", "one_time_code", "master_key_canary", "audit_pending"):
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute(f"select * from {secret}")
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("select password_hash from staff")
        connection.execute("set default_transaction_read_only = off")
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("insert into throttle values ('x', 1, now())")
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("select audit_append('a', 'b', 'c', null, null, '{}')")


@pytest.mark.parametrize(
    "statement",
    [
        "insert into throttle values ('a', 1, now()); insert into client values (gen_random_uuid(), 'COMPANY',"
        " 'REGISTERING', 'kk', '2025', 'i', 'p', 'k', 'd', null, null, null, now(), null)",
        "insert into statement_line values ('b', now(), null, 'D', 0, null, 'unmatched', now(), 'KZT')",
        "insert into session values ('t', 'client', null, null, null, now(), now(), null)",
        "insert into outbound_payment (key, order_id, purpose, channel, request_hash, amount, limit_amount, account,"
        " state, made_at) values ('k', 'o', 'p', 'bank', 'h', -1, 1, 'a', 'sending', now())",
    ],
)
def test_impossible_rows_are_refused(app: psycopg.Connection, statement: str) -> None:
    with pytest.raises(errors.CheckViolation):
        app.execute(statement)


def test_no_extension_is_needed(superuser: str) -> None:
    with psycopg.connect(libpq_url(superuser)) as connection:
        assert connection.execute("select extname from pg_extension").fetchall() == [("plpgsql",)]
