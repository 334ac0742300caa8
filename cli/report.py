"""`nesie report list | build | show | backfill`: reports to the regulator."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from temporalio.service import RPCError

from activities.context import Records, open_records
from activities.report_files import figures_of, files_of
from activities.report_reading import Behind, Kept, kept, search, snapshot_of
from activities.report_snapshots import SnapshotSource
from activities.reports import ReportRef, Reports, SnapshotWanted, VersionRef
from cli import records
from infra import settings as infra_settings
from infra.codec import PayloadKeys
from infra.settings import Settings
from infra.temporal import connect, data_converter
from rules.errors import Conflict, InvalidInput, NotFound, Unavailable
from rules.lender import EXAMPLE
from rules.report_snapshot import Built, Snapshot, build
from rules.reports import REPORTS, Report, report, span, spans
from storage import reports
from storage.database import Database
from workflows import report_schedules
from workflows.report import case_id

_PERIODS = 500


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands of reports."""
    parser = subparsers.add_parser("report", help="reports to the regulator")
    commands = parser.add_subparsers(required=True, metavar="command")
    listed = commands.add_parser("list", help="every report there is, and the periods that were begun")
    listed.add_argument("--json", action="store_true")
    listed.set_defaults(run=show_list)
    made = commands.add_parser("build", help="build a report anew from its snapshot; nothing is delivered")
    made.add_argument("code", choices=sorted(REPORTS), metavar="CODE")
    made.add_argument("--period", required=True, metavar="PERIOD", help="2026-10, or 2026-Q3 for a quarter")
    made.add_argument("--version", type=int, metavar="N", help="the version in work where none is named")
    made.add_argument("--fresh", action="store_true", help="take another snapshot, kept as a draft")
    made.add_argument("--snapshot", type=Path, metavar="FILE", help="a snapshot's lines, instead of the database")
    made.add_argument("--out", type=Path, metavar="FOLDER", help="write the files and the snapshot's lines there")
    made.add_argument("--json", action="store_true", help="one JSON object")
    made.set_defaults(run=build_report)
    shown = commands.add_parser("show", help="the loans and cases behind a figure")
    shown.add_argument("code", choices=sorted(REPORTS), metavar="CODE")
    shown.add_argument("--period", required=True, metavar="PERIOD")
    shown.add_argument("--cell", metavar="ROW/COL", help="for example total/n1-30; without it the figures are shown")
    shown.add_argument("--version", type=int, metavar="N")
    shown.add_argument("--json", action="store_true")
    shown.set_defaults(run=show_cell)
    past = commands.add_parser("backfill", help="begin the reports of past periods")
    past.add_argument("--from", dest="first", required=True, metavar="PERIOD")
    past.add_argument("--to", dest="last", required=True, metavar="PERIOD")
    past.add_argument("--code", choices=sorted(REPORTS), metavar="CODE", help="this report only")
    past.add_argument("--json", action="store_true")
    past.set_defaults(run=backfill)


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[tuple[Records, Reports]]:
    """Our records, and the steps of a report over them."""
    reading = Database(settings.database.reading(), pool_size=2)
    opened = open_records(**settings.records())
    try:
        yield opened, Reports(opened, SnapshotSource(reading, settings.database.reading(), EXAMPLE))
    finally:
        await opened.close()
        await reading.close()


def show_list(args: argparse.Namespace) -> int:
    """The registry, with where each period stands."""
    begun = records.wait(_begun(infra_settings.load()))
    told = [_described(one) | {"periods": begun.get(one.code, [])} for one in REPORTS.values()]
    if args.json:
        records.tell({"reports": told})
        return 0
    for one in told:
        print(f"{one['code']:<24}{one['every']:<9}{one['recipient']:<5}{one['format']:<6}{one['names']['en']}")
        for line in one["periods"]:
            print(f"    {line['period']:<9} {line['state']:<9} version {line['version']}")
    return 0


def _described(one: Report) -> dict[str, Any]:
    return {
        "code": one.code,
        "names": dict(one.names),
        "every": one.every.value,
        "due_rule": one.clock,
        "recipient": one.recipient.code,
        "branch": one.recipient.branch,
        "format": one.format,
        "signer": one.signer,
        "layout": one.layout,
        "forms": {form.code: [column.code for column in form.columns] for form in one.forms},
        "checks": {check.rule: check.formula for check in one.checks},
    }


async def _begun(settings: Settings) -> dict[str, list[dict[str, Any]]]:
    database = records.reader(settings)
    found: dict[str, list[dict[str, Any]]] = {}
    try:
        async with database.begin() as session:
            for row in await reports.periods(session, None, _PERIODS):
                line = {"period": row.period, "state": row.state, "version": row.version}
                found.setdefault(row.code, []).append(line)
    finally:
        await database.close()
    return found


def build_report(args: argparse.Namespace) -> int:
    """Exit code 0 where every check holds and the files are those of the archive, 1 where not."""
    definition = report(args.code)
    span(definition.every, args.period)
    if args.snapshot is not None:
        snapshot, archived = Snapshot.of_lines(args.snapshot.read_bytes()), dict[str, Any]()
    else:
        snapshot, archived = records.wait(_snapshot(infra_settings.load(), args))
    built = build(snapshot)
    if (built.report.code, built.head.period) != (args.code, args.period):
        raise NotFound("report-not-built", "the snapshot is of another report or period")
    files = {} if built.faults else files_of(built, snapshot.sha256)
    told = _told(built, snapshot, files, archived)
    if args.out is not None:
        _write(args.out, f"{args.code}-{args.period}", snapshot, files)
    if args.json:
        records.tell(told)
    else:
        _print(built, told)
    return 0 if told["ok"] else 1


async def _snapshot(settings: Settings, args: argparse.Namespace) -> tuple[Snapshot, dict[str, Any]]:
    """The snapshot of a version with what the archive has of it; taken now, as a draft, where there is none."""
    async with _opened(settings) as (opened, steps):
        found = None
        if not args.fresh:
            try:
                found = await kept(opened, args.code, args.period, args.version)
            except NotFound:
                if args.version is not None:
                    raise
        if found is None:
            found = await _draft(opened, steps, ReportRef(code=args.code, period=args.period))
        archived = {
            "version": found.version.n,
            "draft": found.version.draft,
            "files": {name: one.sha256 for name, one in found.files.items()},
        }
        return await snapshot_of(opened, found.version), archived


async def _draft(opened: Records, steps: Reports, ref: ReportRef) -> Kept:
    wanted = SnapshotWanted(version_id=uuid4(), ref=ref, draft=True)
    taken = await steps.take_snapshot(wanted)
    version = VersionRef(version_id=wanted.version_id)
    if not (await steps.check_forms(version)).count:
        await steps.make_files(version)
    return await kept(opened, ref.code, ref.period, taken.n)


def _told(
    built: Built, snapshot: Snapshot, files: dict[str, bytes], archived: dict[str, Any]
) -> dict[str, Any]:  # fmt: skip
    known = archived.get("files", {})
    made = {
        name: {"sha256": hashlib.sha256(one).hexdigest(), "size": len(one), "archived_sha256": known.get(name)}
        for name, one in files.items()
    }
    same = all(one["archived_sha256"] in (None, one["sha256"]) for one in made.values())
    return {
        "ok": not built.faults and same,
        "report": built.report.code,
        "period": built.head.period,
        "version": archived.get("version"),
        "draft": archived.get("draft"),
        "taken_at": built.head.taken_at.isoformat(),
        "snapshot_sha256": snapshot.sha256,
        "facts": built.facts,
        "files": made,
        "same_as_archived": same,
        "figures": figures_of(built),
        "checks": [one.model_dump() for one in built.checks],
        "faults": [one.model_dump() for one in built.faults],
    }


def _write(folder: Path, name: str, snapshot: Snapshot, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.jsonl").write_bytes(snapshot.lines())
    for kind, content in files.items():
        (folder / f"{name}.{kind.lower()}").write_bytes(content)


def _print(built: Built, told: dict[str, Any]) -> None:
    print(f"{told['report']} {told['period']}, version {told['version'] or '-'}, {told['facts']} facts")
    print(f"snapshot  {told['snapshot_sha256']}")
    for name, one in told["files"].items():
        print(f"{name:<9} {one['sha256']}  {one['size']} bytes")
    for line in _lines(built):
        print(line)
    for check in told["checks"]:
        print(f"  {'ok   ' if check['ok'] else 'FAULT'} {check['rule']:<24}{check['formula']}")
    for fault in told["faults"]:
        print(f"  {fault['form']} {fault['cell']} {fault['rule']}: {fault['reason']}")
    if not told["same_as_archived"]:
        print("THE FILES ARE NOT THOSE OF THE ARCHIVE")


def _lines(built: Built) -> Iterator[str]:
    for form, rows in figures_of(built).items():
        yield f"{form}: {', '.join(one.code for one in built.report.form_codes[form].columns)}"
        for row, cells in rows.items():
            yield f"  {row:<26}" + "".join(f"{cell!s:>12}" for cell in cells.values())


def show_cell(args: argparse.Namespace) -> int:
    """The facts behind a cell, or all figures where no cell is named."""
    span(report(args.code).every, args.period)
    snapshot, version = records.wait(_known(infra_settings.load(), args))
    if args.cell is None:
        built = build(snapshot)
        if args.json:
            told = {"report": args.code, "period": args.period, "version": version}
            records.tell(told | {"figures": figures_of(built)})
        else:
            print("\n".join(_lines(built)))
        return 0
    found = search(snapshot, args.cell)
    if args.json:
        records.tell(
            {
                "report": args.code, "period": args.period, "version": version, "form": found.form.code,
                "cell": args.cell, "count": found.count, "facts": list(found.facts),
            }
        )  # fmt: skip
    else:
        _print_facts(found)
    return 0


async def _known(settings: Settings, args: argparse.Namespace) -> tuple[Snapshot, int]:
    async with _opened(settings) as (opened, _):
        found = await kept(opened, args.code, args.period, args.version)
        return await snapshot_of(opened, found.version), found.version.n


def _print_facts(found: Behind) -> None:
    print(f"{found.form.code} {found.row}/{found.column}: {found.count}")
    for fact in found.facts:
        print("  " + "  ".join(f"{name}={value}" for name, value in fact.items() if value not in (None, "")))


def backfill(args: argparse.Namespace) -> int:
    """Begin the cases of past periods; one that was accepted already stays as it is."""
    codes = [args.code] if args.code else list(REPORTS)
    begun = records.wait(_backfill(infra_settings.load(), codes, args.first, args.last))
    if args.json:
        records.tell({"cases": begun})
    else:
        print("\n".join(begun))
    return 0


async def _backfill(settings: Settings, codes: list[str], first: str, last: str) -> list[str]:
    temporal, converter = settings.temporal, data_converter(PayloadKeys.of(settings.keys))
    client = await connect(temporal.address, temporal.namespace, converter, retry="quick")
    begun: list[str] = []
    for code in codes:
        every = report(code).every
        one, other = span(every, first), span(every, last)
        if other.window[1] > datetime.now(UTC):
            raise Conflict("report-period-not-over")
        if other.first < one.first:
            raise InvalidInput("report-period-wrong", field="/to")
        try:
            await report_schedules.backfill(client, code, one, other)
        except RPCError as error:
            raise Unavailable(f"the schedules cannot be asked: {error.status}; has a worker run yet?") from None
        begun += [case_id(code, period.code) for period in spans(every, one, other)]
    return begun
