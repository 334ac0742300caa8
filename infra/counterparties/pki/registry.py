"""What the authority remembers: its own keys, and every certificate with its status. One SQLite file.

The keys lie there unencrypted: they are worth nothing outside this machine. The file survives kill -9, and two
processes may open it at once (the service, and the command that issues the lender's certificate).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, get_args

from infra.counterparties.pki import layout
from infra.counterparties.pki.keys import Alg, Family, family, generate, load
from infra.counterparties.pki.layout import Issuer, Role

Status = Literal["GOOD", "REVOKED", "HOLD", "NEVER_ISSUED", "UNKNOWN", "TRY_LATER", "UNAUTHORIZED"]
_YEARS = {"root": 20, "ca": 15, "ocsp": 10, "tsa": 10, "plain": 10}
_BACK = timedelta(days=3 * 365)  # so that a certificate that expired long ago can be issued for a test
_SCHEMA = """
create table if not exists authority(alg text, role text, pkcs8 blob, certificate blob, primary key(alg, role));
create table if not exists certificate(
    serial text primary key, alg text not null, iin text not null, certificate blob not null,
    status text not null default 'GOOD', reason text, at text
);
"""


@dataclass(frozen=True)
class Issued:
    """A certificate and where it stands. serial: 40 hex digits."""

    serial: str
    alg: str
    iin: str
    status: Status
    reason: str | None
    at: datetime | None


class Registry:
    """One authority, for both algorithms. Made in one thread, used from one at a time."""

    def __init__(self, state: Path) -> None:
        state.mkdir(parents=True, exist_ok=True)
        file = state / "pki.sqlite3"
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
        self._db = sqlite3.connect(file, isolation_level=None, timeout=30, check_same_thread=False)
        self._db.execute("pragma journal_mode=wal")
        self._db.execute("pragma synchronous=full")
        with self._transaction():
            for statement in filter(str.strip, _SCHEMA.split(";")):
                self._db.execute(statement)
            self._own = {(alg, role): self._authority(alg, role) for alg in get_args(Family) for role in get_args(Role)}

    def own(self, alg: str, role: Role) -> Issuer:
        """One of the authority's own keys with its certificate."""
        return self._own[family(alg), role]

    def pinned(self) -> list[bytes]:
        """What others trust: root and issuing certificate of each algorithm, DER."""
        return [self.own(alg, role).certificate for alg in get_args(Family) for role in ("root", "ca")]

    def add(self, serial: int, alg: str, iin: str, certificate: bytes) -> str:
        """Remember a new certificate, good. Returns its serial in hex."""
        name = f"{serial:040x}"
        with self._transaction():
            self._db.execute(
                "insert into certificate(serial,alg,iin,certificate) values(?,?,?,?)",
                (name, family(alg), iin, certificate),
            )
        return name

    def change(self, serial: str, status: Status, reason: str | None, at: datetime | None) -> Issued | None:
        """Another status; None for a serial that was never issued."""
        with self._transaction():
            self._db.execute(
                "update certificate set status=?, reason=?, at=? where serial=?",
                (status, reason, (at or datetime.now(UTC)).astimezone(UTC).isoformat(), serial),
            )
        return self.find(serial)

    def find(self, serial: str) -> Issued | None:
        """By serial, hex."""
        row = self._db.execute(
            "select serial,alg,iin,status,reason,at from certificate where serial=?", (serial,)
        ).fetchone()
        return self._issued(row) if row else None

    def certificate(self, serial: str) -> bytes:
        """The certificate itself, DER. Raises KeyError for a serial that was never issued."""
        row = self._db.execute("select certificate from certificate where serial=?", (serial,)).fetchone()
        if row is None:
            raise KeyError(serial)
        return bytes(row[0])

    def revoked(self, alg: str) -> list[Issued]:
        """What a revocation list of one algorithm holds."""
        rows = self._db.execute(
            "select serial,alg,iin,status,reason,at from certificate where alg=? and status in ('REVOKED','HOLD')"
            " order by at, serial",
            (alg,),
        )
        return [self._issued(row) for row in rows]

    def close(self) -> None:
        """The file is closed."""
        self._db.close()

    @staticmethod
    def _issued(row: tuple[str, str, str, Status, str | None, str | None]) -> Issued:
        return Issued(*row[:5], at=datetime.fromisoformat(row[5]) if row[5] else None)

    def _authority(self, alg: Alg, role: Role) -> Issuer:
        row = self._db.execute("select pkcs8,certificate from authority where alg=? and role=?", (alg, role)).fetchone()
        if row:
            return Issuer(load(alg, row[0]), row[1])
        key = generate(alg)
        above: dict[Role, Role | None] = {"root": None, "ca": "root"}
        parent = above.get(role, "ca")
        not_before, not_after = layout.life(_YEARS[role], _BACK)
        certificate = layout.certificate(
            key,
            layout.service_name(role, alg),
            layout.service_extensions(role),
            self._authority(alg, parent) if parent else None,
            serial=layout.new_serial(),
            not_before=not_before,
            not_after=not_after,
        )
        self._db.execute("insert into authority values(?,?,?,?)", (alg, role, key.pkcs8(), certificate))
        return Issuer(key, certificate)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")
