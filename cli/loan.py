"""`nesie loan position`: the debt of a loan on any day, and how each of its figures came about."""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from cli import records
from cli.loan_files import FORMATS, read_events, read_terms
from infra import settings as infra_settings
from rules.calendar import local_date
from rules.errors import InvalidInput, NotFound
from rules.loan import Explained, LoanEvent, Step, explain, position
from rules.schedule import LoanTerms
from storage import loans


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("loan", help="the debt of a loan on any day")
    commands = parser.add_subparsers(required=True, metavar="command")
    asked = commands.add_parser(
        "position",
        help="the debt at the end of a day, from the database or from files",
        epilog=FORMATS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    asked.add_argument("loan_id", nargs="?", metavar="LOAN_ID", help="a loan in the database")
    asked.add_argument("--events", type=Path, metavar="FILE", help="facts from a file, without a database")
    asked.add_argument("--terms", type=Path, metavar="FILE", help="terms from a file, with --events")
    asked.add_argument("--on", type=date.fromisoformat, metavar="DATE", help="a day in Almaty; today when not given")
    asked.add_argument(
        "--as-known-on", type=date.fromisoformat, metavar="DATE", help="as it was seen at the end of this day"
    )
    asked.add_argument("--explain", action="store_true", help="facts, rule, day count, rounding of each figure")
    asked.add_argument("--json", action="store_true", help="one JSON object, money as strings")
    asked.set_defaults(run=tell_position)


def tell_position(args: argparse.Namespace) -> int:
    """Print the position."""
    events, terms = _given(args)
    on = args.on or local_date(datetime.now(UTC))
    figures = position(events, terms, on, known_on=args.as_known_on).model_dump(mode="json")
    explained = explain(events, terms, on, known_on=args.as_known_on) if args.explain else ()
    if args.json:
        told: dict[str, Any] = {"loan_id": args.loan_id, "as_known_on": args.as_known_on, **figures}
        if args.explain:
            told["explain"] = [one.model_dump(mode="json") for one in explained]
        records.tell(told)
        return 0
    for name, value in figures.items():
        print(f"{name:<20} {'-' if value is None else value}")
    for one in explained:
        _print(one)
    return 0


def _given(args: argparse.Namespace) -> tuple[list[LoanEvent], LoanTerms]:
    files = (args.events is not None, args.terms is not None)
    if (args.loan_id is None) is not all(files) or any(files) is not all(files):
        raise InvalidInput("file-wrong", "name a loan, or two files: --events FILE --terms FILE")
    if args.loan_id is None:
        events = read_events(args.events)
        return events, read_terms(args.terms, events)
    try:
        loan_id = UUID(args.loan_id)
    except ValueError:
        raise NotFound("loan-unknown", "there is no such loan") from None
    return records.wait(_recorded(loan_id))


async def _recorded(loan_id: UUID) -> tuple[list[LoanEvent], LoanTerms]:
    database = records.reader(infra_settings.load())
    try:
        async with database.begin() as session:
            found = await loans.get(session, loan_id)
            return await loans.events(session, loan_id), loans.terms(found)
    except NotFound:
        raise NotFound("loan-unknown", "there is no such loan") from None
    finally:
        await database.close()


def _print(one: Explained) -> None:
    print(f"\n{one.figure} = {one.amount}")
    print(f"  rule: {one.rule}")
    print(f"  rounding: {one.rounding}" + (f"; day count: {one.day_count}" if one.day_count else ""))
    if one.policy_rows:
        print(f"  policy rows: {', '.join(one.policy_rows)}")
    if one.events:
        print(f"  facts: {', '.join(one.events)}")
    for step in one.steps:
        _print_step(step, "  ")


def _print_step(step: Step, indent: str) -> None:
    print(
        f"{indent}{step.on}  {step.amount:>14}  {step.what}" + (f"  [{', '.join(step.events)}]" if step.events else "")
    )
    for part in step.of:
        _print_step(part, indent + "    ")
