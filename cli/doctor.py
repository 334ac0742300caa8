"""`nesie doctor`: whether everything that must hold holds now, and whether personal data stands in the clear somewhere.

Every check is made whatever became of the others; one that cannot be made has failed.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cli import leaks, records
from infra import settings as infra_settings
from infra.settings import Settings
from rules.errors import BusinessError, Fault
from storage import audit, conformance
from storage.clock import now
from storage.database import Database
from storage.setup import revisions

_SKEW_SECONDS = 2.0  # codes, certificates and timestamps are judged by these clocks
_FREE_BYTES = 2 << 30
_LOCK_TRIED = timedelta(hours=25)  # the worker tries once a day

Finding = tuple[bool, str]
Check = Callable[[Settings, Path], Awaitable[Finding]]


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("doctor", help="check the stack, and look for personal data where none may be")
    parser.add_argument("--pii", action="store_true", help="only look for personal data")
    parser.add_argument("--canary", metavar="TEXT", action="append", default=[], help="look for this text as well")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit code 0 where every check holds and nothing is found, else 1."""
    told = records.wait(examine(infra_settings.state_folder(), args.canary, only_pii=args.pii))
    if args.json:
        records.tell(told)
    else:
        _print(told)
    return 0 if told["ok"] else 1


async def examine(state: Path, canaries: list[str], *, only_pii: bool = False) -> dict[str, Any]:
    """The report as one object; with only_pii it is the search's own."""
    settings = infra_settings.load(state)
    if only_pii:
        return await leaks.look(settings, state, canaries)
    checks = [{"name": name, **await _made(check, settings, state)} for name, check in CHECKS.items()]
    try:
        search = await leaks.look(settings, state, canaries)
    except (BusinessError, Fault) as error:
        search = {"ok": False, "problem": str(error), "scanned": {}, "found": []}
    return {"ok": all(one["ok"] for one in checks) and search["ok"], "checks": checks, "personal_data": search}


async def _made(check: Check, settings: Settings, state: Path) -> dict[str, Any]:
    try:
        ok, detail = await check(settings, state)
    except (BusinessError, Fault, OSError) as error:
        ok, detail = False, str(error)
    return {"ok": ok, "detail": detail}


async def _parts(settings: Settings, state: Path) -> Finding:
    """Every part that was started does its work."""
    from infra.stack import Stack

    parts = Stack(state).status()
    sick = [name for name, part in parts.items() if part["state"] != "stopped" and not part["healthy"]]
    if not parts:
        return False, "the stack is not running (nesie up)"
    return not sick, f"not healthy: {', '.join(sick)}" if sick else f"{len(parts)} parts are healthy"


async def _migrations(settings: Settings, state: Path) -> Finding:
    """The database stands at the newest revision."""
    stands, newest = await _ask(settings, revisions)
    return stands == newest, f"revision {stands}, newest {newest}"


async def _lock(settings: Settings, state: Path) -> Finding:
    """The archive's lock was tried lately, and every vital rule held."""
    row, at = await _ask(settings, conformance.newest), datetime.now(UTC)
    if row is None:
        return False, "the lock was never tried (nesie archive verify-lock)"
    if not row.held:
        return False, f"broken at {row.at:%Y-%m-%d %H:%M} UTC: {'; '.join(conformance.broken_rules(row))}"
    fresh = at - row.at < _LOCK_TRIED and row.endpoint == settings.archive.endpoint
    return fresh, f"held on {row.endpoint} at {row.at:%Y-%m-%d %H:%M} UTC{'' if fresh else ': not tried since'}"


async def _models(settings: Settings, state: Path) -> Finding:
    """Every model has the checksum that the project names."""
    from infra.setup.models import verify

    verify(settings.models)
    return True, "checksums are right"


async def _clocks(settings: Settings, state: Path) -> Finding:
    """The database's clock and the machine's agree, as far as one question tells."""
    database = records.application(settings)
    try:
        async with database.begin() as session:
            await now(session)  # the first one opens the connection
            before = time.time()
            theirs = (await now(session)).timestamp()
            after = time.time()
    finally:
        await database.close()
    skew = theirs - (before + after) / 2
    return abs(skew) < _SKEW_SECONDS, f"database {skew:+.3f} s from the machine, known to {(after - before) / 2:.3f} s"


async def _disk(settings: Settings, state: Path) -> Finding:
    """There is room below the state folder."""
    free = shutil.disk_usage(state).free
    return free >= _FREE_BYTES, f"{free / (1 << 30):.1f} GiB free"


async def _audit(settings: Settings, state: Path) -> Finding:
    """The audit trail's chain fits, row by row."""
    database = records.reader(settings)
    try:
        async with database.begin() as session:
            report = await audit.verify(session)
    finally:
        await database.close()
    if report.verified:
        return True, f"{report.rows} rows, head {report.head}"
    return False, f"row {report.forged_row} does not fit: {report.problem}"


CHECKS: dict[str, Check] = {
    "parts": _parts,
    "migrations": _migrations,
    "archive lock": _lock,
    "models": _models,
    "clocks": _clocks,
    "disk": _disk,
    "audit trail": _audit,
}


async def _ask(settings: Settings, question: Callable[..., Awaitable[Any]]) -> Any:
    """One question to the database as the application."""
    database: Database = records.application(settings)
    try:
        async with database.begin() as session:
            return await question(session)
    finally:
        await database.close()


def _print(told: dict[str, Any]) -> None:
    for check in told.get("checks", []):
        print(f"{'ok    ' if check['ok'] else 'FAILED'}  {check['name']:<14} {check['detail']}")
    search = told.get("personal_data", told)
    places = ", ".join(f"{place} {size / (1 << 20):.1f} MiB" for place, size in search["scanned"].items())
    print(f"{'ok    ' if search['ok'] else 'FAILED'}  personal data  {search.get('problem') or f'searched: {places}'}")
    for one in search["found"]:
        print(f"          {one['what']} in {one['place']} at {one['offset']}")
    if search.get("found_more"):
        print(f"          and {search['found_more']} more")
    for place in search.get("excluded", []):
        print(f"        not searched: {place}")
