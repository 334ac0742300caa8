"""Looking for personal data where none may be: logs, the database's dump, Temporal's files, the archive's files.

What is found is told by place, kind and offset, never by value. The counterparties keep their own state, as a bureau
or a bank would; it is not ours to search. Their log lies among our logs and is searched.

Rules: para 11; para 29.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url

from cli import records
from cli.needles import Haystack, forms
from infra.settings import Settings
from infra.stack.parts import outside_parts
from infra.stack.postgres_run import binaries
from rules.errors import InvalidInput, Unavailable
from storage.database import sqlalchemy_url
from storage.personal_data import values

_CHUNK = 1 << 20
_SHORTEST = 8  # bytes of a canary
_TOLD_AT_MOST = 200  # findings; the rest is counted

NOT_SEARCHED = "the counterparties' own state: it is theirs"


async def look(settings: Settings, state: Path, canaries: Iterable[str] = ()) -> dict[str, Any]:
    """{"ok", "values", "scanned": {place: bytes}, "found": [{"place", "what", "offset"}], "found_more", "excluded"}.

    Args:
        canaries: texts planted by whoever wants to see that the search works, or that they went nowhere.

    Raises:
        InvalidInput: a canary is too short to be told from chance.
        Unavailable: the database cannot be dumped: nothing is said about a search that is not whole.
    """
    haystack, known = await _haystack(settings, list(canaries))
    found: list[dict[str, Any]] = []
    scanned, more, excluded = dict[str, int](), 0, [NOT_SEARCHED]

    def search(place: str, name: str, chunks: Iterable[bytes]) -> None:
        nonlocal more
        for offset, what in haystack.search(_counted(scanned, place, chunks)):
            if len(found) < _TOLD_AT_MOST:
                found.append({"place": name, "what": what, "offset": offset})
            else:
                more += 1

    search("database", "database dump", dump(settings))
    for place, folder in (("logs", "logs"), ("temporal", "temporal"), ("archive", "archive")):
        scanned.setdefault(place, 0)
        if place in outside_parts():
            excluded.append(f"{place}: a server of its own that the environment names")
            continue
        for file in sorted(state.joinpath(folder).rglob("*")):
            _search_file(search, haystack, place, file, state)
    return {
        "ok": not found,
        "values": known,
        "scanned": scanned,
        "found": found,
        "found_more": more,
        "excluded": excluded,
    }


async def _haystack(settings: Settings, canaries: list[str]) -> tuple[Haystack, int]:
    if any(len(canary.encode()) < _SHORTEST for canary in canaries):
        raise InvalidInput("canary-too-short", f"a canary has at least {_SHORTEST} bytes")
    database = records.application(settings)
    try:
        async with database.begin() as session:
            known = {pair async for pair in values(session, records.vault(settings))}
    finally:
        await database.close()
    known |= {("canary", canary) for canary in canaries}
    return Haystack(form for kind, value in known for form in forms(kind, value)), len(known)


def _search_file(
    search: Callable[[str, str, Iterable[bytes]], None], haystack: Haystack, place: str, file: Path, state: Path
) -> None:
    name = str(file.relative_to(state))
    if next(haystack.search([os.fsencode(name)]), None) is not None:
        search(place, f"{place}: a name", [os.fsencode(name)])
        name = f"{place}: a file whose name is a finding itself"
    with suppress(FileNotFoundError):  # a log that was turned over, an upload that was finished
        for attribute in os.listxattr(file, follow_symlinks=False):
            search(place, f"{name} ({attribute})", [os.getxattr(file, attribute, follow_symlinks=False)])
        if file.is_file() and not file.is_symlink():
            search(place, name, _read(file))


def _read(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while chunk := opened.read(_CHUNK):
            yield chunk


def _counted(scanned: dict[str, int], place: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        scanned[place] = scanned.get(place, 0) + len(chunk)
        yield chunk


def dump(settings: Settings) -> Iterator[bytes]:
    """The whole database as pg_dump writes it: text, bytes in hexadecimal.

    Raises:
        Unavailable: pg_dump failed, or there is no owner's URL to dump as.
    """
    if settings.database.owner_url is None:
        raise Unavailable("database: the dump needs the owner's URL (NESIE_DATABASE__OWNER_URL)")
    url = make_url(sqlalchemy_url(settings.database.owner_url.get_secret_value()))
    # the password goes by the environment: arguments are seen by every process of the machine
    plain = url._replace(drivername="postgresql", password=None).render_as_string()
    environment = {**os.environ, "PGPASSWORD": url.password or ""}
    command = [str(binaries() / "pg_dump"), "--dbname", plain, "--no-password"]
    with tempfile.TemporaryFile() as errors:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environment) as process:
            while process.stdout and (chunk := process.stdout.read(_CHUNK)):
                yield chunk
        if process.returncode:
            raise Unavailable(f"database: pg_dump ended with {process.returncode}")
