"""`nesie identification`: which proofs an act needs on a day, of which kind of client, and by which edition.

Asks no database: the answer is a pure function of the day.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, date, datetime
from typing import Any

from cli import records
from rules.calendar import local_date
from rules.client import ClientKind
from rules.identification import OFFERED, Needed, needed_on
from rules.policy import UnknownPolicy
from rules.proofs import Act, ProofRule

_BAD_INPUT = 2


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("identification", help="which proofs an act needs")
    parser.add_argument("--act", required=True, type=_name, choices=[one.value for one in Act], help="what is done")
    parser.add_argument("--client", required=True, type=_name, choices=[one.lower() for one in ClientKind], help="kind")
    parser.add_argument("--on", type=date.fromisoformat, help="the day in Almaty; today without it")
    parser.add_argument("--business", action="store_true", help="a contract, or its amendment, for entrepreneurship")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(run=run)


def _name(text: str) -> str:
    return text.strip().lower().replace("-", "_")


def run(args: argparse.Namespace) -> int:
    """Exit code 2 for a day before the first edition."""
    on = args.on or local_date(datetime.now(UTC))
    try:
        found = needed_on(Act(args.act), ClientKind(args.client.upper()), on, business=args.business)
    except UnknownPolicy as error:
        print(f"nesie identification: {error}", file=sys.stderr)
        return _BAD_INPUT
    told = tell(found, on)
    if args.json:
        records.tell(told)
        return 0
    print(f"{told['act']} of {told['client']} on {on}: edition {told['edition']} (from {told['in_force']})")
    for name in ("certainty", "paragraph", "source"):
        print(f"  {name:<10}{told[name] or 'nothing is asked for'}")
    print(f"  always    {', '.join(told['always']) or '-'}")
    print(f"  choices   {told['count']} of {', '.join(told['choices']) or '-'}")
    print(f"  checks    {', '.join(told['checks']) or '-'}")
    return 0


def tell(found: Needed, on: date) -> dict[str, Any]:
    """The answer as it is printed. count: how many of choices, those of always among them. asked: by our own cases,
    which take the face and the signature; None where others are shown. two_factor: what it takes, where it is a method.
    """
    of, rule, factors = found.edition, found.rule, found.edition.two_factor
    return {
        "act": found.act.value,
        "client": found.kind.value,
        "on": on.isoformat(),
        "edition": of.name,
        "in_force": of.in_force.isoformat(),
        "certainty": of.certainty.value,
        "paragraph": found.paragraph,
        "always": sorted(rule.always),
        "choices": sorted(rule.choices),
        "count": rule.count,
        "two_factor": None
        if factors is None
        else {"always": sorted(factors.always), "of": sorted(factors.of), "count": factors.count},
        "asked": _asked(rule),
        "checks": list(found.on_the_way),
        "source": of.act,
    }


def _asked(rule: ProofRule) -> list[str] | None:
    try:
        return sorted(rule.asked(OFFERED))
    except ValueError:
        return None
