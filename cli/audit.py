"""`nesie audit verify | show`: the audit trail."""

from __future__ import annotations

import argparse

from cli import records
from infra import settings as infra_settings
from storage import audit


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands of the audit trail."""
    parser = subparsers.add_parser("audit", help="the audit trail: verify its chain")
    commands = parser.add_subparsers(required=True, metavar="command")
    verify = commands.add_parser("verify", help="compute the chain again and name the first row that does not fit")
    verify.add_argument("--expect", metavar="ROW:HASH", help="a row noted earlier, elsewhere, that must still be there")
    verify.add_argument("--json", action="store_true")
    verify.set_defaults(run=verify_chain)
    show = commands.add_parser("show", help="the entries of one subject, for example application:ID")
    show.add_argument("subject")
    show.add_argument("--json", action="store_true")
    show.set_defaults(run=show_subject)


def verify_chain(args: argparse.Namespace) -> int:
    """Exit code 0 where every row fits, 1 where one does not."""
    expected = None
    if args.expect:
        row, _, noted = args.expect.partition(":")
        expected = (int(row), noted)
    report = records.wait(_verify(expected))
    if args.json:
        records.tell(report.model_dump())
    elif report.verified:
        print(f"{report.rows} rows, all fit; head {report.head}")
    else:
        print(f"row {report.forged_row} does not fit: {report.problem}; the {report.rows} rows before it do")
    return 0 if report.verified else 1


async def _verify(expected: tuple[int, str] | None) -> audit.AuditReport:
    database = records.reader(infra_settings.load())
    try:
        async with database.begin() as session:
            return await audit.verify(session, expected)
    finally:
        await database.close()


def show_subject(args: argparse.Namespace) -> int:
    """Print the entries of one subject, oldest first."""
    entries = records.wait(_entries(args.subject))
    if args.json:
        records.tell({"subject": args.subject, "entries": entries})
        return 0
    for entry in entries:
        why = " ".join(str(entry[name]) for name in ("reason", "paragraph") if entry[name])
        print(f"{entry['n']:>8}  {entry['at']:%Y-%m-%d %H:%M:%S}  {entry['actor']}  {entry['action']}  {why}")
    return 0


async def _entries(subject: str) -> list[dict[str, object]]:
    database = records.reader(infra_settings.load())
    try:
        async with database.begin() as session:
            return await audit.of_subject(session, subject)
    finally:
        await database.close()
