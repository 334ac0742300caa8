"""`nesie deadline`: the last day of a term of the law, with every day that was not counted and why.

Counts by the table of days off, and by what staff have confirmed since where a database is configured and answers.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.exc import DBAPIError

from cli import records
from infra import settings as infra_settings
from rules.calendar import ALMATY, local_date
from rules.clocks import CLOCKS, ClockRule, Deadline, deadline
from rules.days_off import CALENDAR, Calendar
from rules.errors import BusinessError, InvalidInput, Unavailable
from rules.policy import policy
from storage import clocks
from storage.database import Database

_BAD_INPUT = 2


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("deadline", help="the last day of a term of the law")
    parser.add_argument("--rule", help="the term's name, for example P13.2; --list names all")
    parser.add_argument("--received", help="when the document came, for example 2026-03-19T18:30+05:00")
    parser.add_argument("--list", action="store_true", help="name all terms")
    parser.add_argument("--base", action="store_true", help="count by the released table alone, ask no database")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit code 2 where what was asked cannot be."""
    try:
        if args.list:
            return _tell_all(args.json)
        return _tell(_found(args), args.json)
    except BusinessError as error:
        place = f" at {error.field}" if error.field else ""
        print(f"nesie deadline: {error.code}{place}: {_WORDS.get(error.code, error.code)}", file=sys.stderr)
        return _BAD_INPUT


_WORDS = {
    "clock-rule-missing": "give --rule and --received, or --list",
    "clock-rule-unknown": "no such term; nesie deadline --list names all",
    "instant-unreadable": "write the instant as 2026-03-19T18:30+05:00",
    "instant-without-zone": "give the zone, for example +05:00",
}


def _found(args: argparse.Namespace) -> Deadline:
    if args.rule is None or args.received is None:
        raise InvalidInput("clock-rule-missing")
    try:
        received = datetime.fromisoformat(args.received)
    except ValueError:
        raise InvalidInput("instant-unreadable", field="/received") from None
    return deadline(args.rule, received, CALENDAR if args.base else records.wait(_calendar()))


async def _calendar() -> Calendar:
    """With the confirmed changes; the released table where no database is configured or none answers."""
    configured = infra_settings.database()
    if configured is None:
        return CALENDAR
    database = Database(configured.reading(), pool_size=1)
    try:
        async with database.begin() as session:
            return await clocks.calendar(session)
    except (Unavailable, DBAPIError):
        print("nesie deadline: the database does not answer: counted by the released table", file=sys.stderr)
        return CALENDAR
    finally:
        await database.close()


def _tell(found: Deadline, as_json: bool) -> int:
    told: dict[str, Any] = {
        "rule": found.rule,
        "received": found.received.astimezone(ALMATY).isoformat(),
        "last_day": found.last_day.isoformat(),
        "due": found.due.astimezone(ALMATY).isoformat(),
        "working_days": found.working_days,
        "skipped": [{"day": one.day.isoformat(), "why": one.why} for one in found.skipped],
        "calendar_version": found.calendar_version,
    }
    if as_json:
        records.tell(told)
        return 0
    print(f"{found.rule}: {found.days} {found.unit} from {told['received']}, {found.policy_row}")
    for one in found.skipped:
        print(f"  {one.day}  not counted: {one.why}")
    print(f"last day {found.last_day}, missed from {told['due']}, calendar {found.calendar_version}")
    return 0


def _tell_all(as_json: bool) -> int:
    rules = [_described(rule) for rule in CLOCKS.values()]
    if as_json:
        records.tell({"rules": rules})
        return 0
    for one in rules:
        days = f"{one['days']} {one['unit']}"
        print(f"{one['rule']:<22}{days:<20}{one['paragraph']:<36}{one['policy_row']} ({one['certainty']})")
    return 0


def _described(rule: ClockRule) -> dict[str, Any]:
    """As in force today."""
    today = policy(local_date(datetime.now(UTC)))
    row = today.row(rule.days)
    return {
        "rule": rule.name,
        "days": today.whole(rule.days),
        "unit": row.unit,
        "paragraph": rule.paragraph,
        "policy_row": row.row_id,
        "certainty": row.certainty.value,
        "source": row.source,
        "title": rule.title,
    }
