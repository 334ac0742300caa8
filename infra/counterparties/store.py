"""What the outside services remember: one SQLite file that survives kill -9.

A service commits its effect and its keyed answer in one transaction with synchronous=FULL. The journal of
calls goes through a second connection that does not wait for the disk: the kill of a process cannot lose it.
Everything runs on the event loop's thread and no transaction is held across an await.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

_SCHEMA = """
create table if not exists document(
  kind text, key text, ref text, seq integer, body text not null, primary key(kind, key));
create index if not exists document_seq on document(kind, seq);
create index if not exists document_ref on document(kind, ref, seq);
create table if not exists answer(
  scope text, key text, hash text, status integer, body text, at real, primary key(scope, key));
create table if not exists call(
  n integer primary key autoincrement, at text, service text, operation text, iin text,
  key text, request_id text, status integer, fault text, request text);
create index if not exists call_service on call(service, operation);
create table if not exists due(
  n integer primary key autoincrement, at real, kind text, attempts integer default 0, body text);
create index if not exists due_at on due(at);
"""
_JOURNAL_ROWS = 200_000
_TABLES = ("document", "answer", "call", "due")


class Store:
    """JSON documents by kind and key, keyed answers, the journal of calls and the agenda of what is due."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "counterparties.db"
        self._db = _connect(file, "full")
        self._db.executescript(_SCHEMA)
        self._journal = _connect(file, "normal")
        self._in_transaction = False
        clock = self.get("setting", "clock") or {"offset_seconds": 0.0}
        self._offset = timedelta(seconds=clock["offset_seconds"])
        self._callbacks_moved = False

    def close(self) -> None:
        """Let go of the file."""
        self._journal.close()
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, on the disk when it returns; nests into the outer one."""
        if self._in_transaction:
            yield
            return
        self._db.execute("begin immediate")
        self._in_transaction = True
        try:
            yield
        except BaseException:
            self._db.execute("rollback")
            raise
        else:
            self._db.execute("commit")
        finally:
            self._in_transaction = False

    # documents

    def get(self, kind: str, key: str) -> dict[str, Any] | None:
        """One document, None where there is none."""
        row = self._db.execute("select body from document where kind=? and key=?", (kind, key)).fetchone()
        return json.loads(row[0]) if row else None

    def put(self, kind: str, key: str, body: dict[str, Any], ref: str | None = None) -> None:
        """Store or replace; a replaced document keeps its place in the order. ref: a second name to find it by."""
        with self.transaction():
            self._db.execute(
                "insert into document values(?,?,?,(select coalesce(max(seq),0)+1 from document where kind=?),?)"
                " on conflict(kind,key) do update set body=excluded.body, ref=excluded.ref",
                (kind, key, ref, kind, json.dumps(body, ensure_ascii=False)),
            )

    def remove(self, kind: str, key: str) -> bool:
        """Whether there was one."""
        with self.transaction():
            return self._db.execute("delete from document where kind=? and key=?", (kind, key)).rowcount > 0

    def all(self, kind: str) -> list[dict[str, Any]]:
        """Every document of a kind, oldest first."""
        rows = self._db.execute("select body from document where kind=? order by seq", (kind,))
        return [json.loads(body) for (body,) in rows]

    def where(self, kind: str, ref: str) -> list[dict[str, Any]]:
        """Documents by their second name, oldest first."""
        rows = self._db.execute("select body from document where kind=? and ref=? order by seq", (kind, ref))
        return [json.loads(body) for (body,) in rows]

    # keyed answers

    def answer(self, scope: str, key: str, life_seconds: float) -> tuple[str, int, dict[str, Any]] | None:
        """(hash of the request, status, body) of the first answer, while the key lives."""
        row = self._db.execute(
            "select hash,status,body,at from answer where scope=? and key=?", (scope, key)
        ).fetchone()
        if row is None or self.now().timestamp() - row[3] >= life_seconds:
            return None
        return row[0], row[1], json.loads(row[2])

    def keep_answer(self, scope: str, key: str, request_hash: str, status: int, body: dict[str, Any]) -> None:
        """Remember the answer to a key, in the caller's transaction."""
        self._db.execute(
            "insert or replace into answer values(?,?,?,?,?,?)",
            (scope, key, request_hash, status, json.dumps(body, ensure_ascii=False), self.now().timestamp()),
        )

    def forget_answer(self, scope: str, key: str) -> None:
        """As if the key had never come."""
        self._db.execute("delete from answer where scope=? and key=?", (scope, key))

    # journal

    def record(self, row: dict[str, Any]) -> None:
        """One line of the journal."""
        number = self._journal.execute(
            "insert into call(at,service,operation,iin,key,request_id,status,fault,request)"
            " values(:at,:service,:operation,:iin,:key,:request_id,:status,:fault,:request)",
            row | {"at": self.now().isoformat()},
        ).lastrowid
        if number and number % 1000 == 0:
            self._journal.execute("delete from call where n<=?", (number - _JOURNAL_ROWS,))

    def calls(self, service: str | None, operation: str | None, limit: int) -> list[dict[str, Any]]:
        """The newest lines of the journal, oldest first."""
        rows = self._journal.execute(
            "select * from call where (?1 is null or service=?1) and (?2 is null or operation=?2)"
            " order by n desc limit ?3",
            (service, operation, limit),
        )
        names = [column[0] for column in rows.description]
        return [dict(zip(names, row, strict=True)) for row in reversed(rows.fetchall())]

    # agenda

    def plan(self, kind: str, body: dict[str, Any], delay_seconds: float = 0.0) -> int:
        """Something to be done later; survives a restart."""
        with self.transaction():
            at = self.now().timestamp() + delay_seconds
            row = self._db.execute("insert into due(at,kind,body) values(?,?,?)", (at, kind, json.dumps(body)))
            return int(row.lastrowid or 0)

    def due(self, limit: int = 50) -> list[tuple[int, str, int, dict[str, Any]]]:
        """(number, kind, attempts, body) of what is due now."""
        rows = self._db.execute(
            "select n,kind,attempts,body from due where at<=? order by at,n limit ?", (self.now().timestamp(), limit)
        )
        return [(n, kind, attempts, json.loads(body)) for n, kind, attempts, body in rows]

    def seconds_to_next(self) -> float | None:
        """Until the next thing is due, None for an empty agenda."""
        (at,) = self._db.execute("select min(at) from due").fetchone()
        return None if at is None else max(0.0, at - self.now().timestamp())

    def done(self, number: int) -> None:
        """Strike from the agenda."""
        self._db.execute("delete from due where n=?", (number,))

    def postpone(self, number: int, delay_seconds: float) -> None:
        """Try again later."""
        at = self.now().timestamp() + delay_seconds
        self._db.execute("update due set at=?, attempts=attempts+1 where n=?", (at, number))

    # clock and reset

    def now(self) -> datetime:
        """The services' clock: the machine's, moved by POST /_control/clock."""
        return datetime.now(UTC) + self._offset

    def signing_now(self) -> datetime:
        """When callbacks say that they were signed: by the machine's clock, unless everybody's was moved."""
        return self.now() if self._callbacks_moved else datetime.now(UTC)

    def set_clock(self, now: datetime | None, *, callbacks: bool = False) -> None:
        """Move the clock; None goes back to the machine's. callbacks: whoever hears them has moved theirs as well."""
        self._offset = now - datetime.now(UTC) if now else timedelta()
        self._callbacks_moved = callbacks and now is not None
        self.put("setting", "clock", {"offset_seconds": self._offset.total_seconds()})

    def reset(self) -> None:
        """Forget everything."""
        with self.transaction():
            for table in _TABLES:
                self._db.execute(f"delete from {table}")  # noqa: S608  # nosec B608  # names of our own
        self._offset = timedelta()


def _connect(file: Path, synchronous: str) -> sqlite3.Connection:
    connection = sqlite3.connect(file, isolation_level=None, timeout=10, check_same_thread=False)
    connection.execute("pragma journal_mode=wal")
    connection.execute(f"pragma synchronous={synchronous}")
    return connection
