"""`nesie law`: each paragraph of the Rules with the code, clocks and tests that serve it, or why it is no software."""

from __future__ import annotations

import argparse
import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from rules.calendar import local_date
from rules.editions import EDITIONS, Edition, edition
from rules.law import PARAGRAPHS, Paragraph

ROOT = Path(__file__).parents[1]
FOLDERS = ("rules", "workflows", "activities", "storage", "api", "infra", "cli")
_LINE = re.compile(r"(?<!Edition )\bRules: ([^`]+?)\.(?:\s|$)")
_NUMBER = re.compile(r"para ([0-9]+)")


def register(subparsers: Any) -> None:
    """Add `nesie law`."""
    parser = subparsers.add_parser("law", help="each paragraph of the Rules, and what serves it")
    parser.add_argument("--on", type=date.fromisoformat, help="the edition in force on this day; today without it")
    parser.add_argument("--paragraph", type=int, help="this one alone")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)


@dataclass(frozen=True)
class Citation:
    """One line `Rules: ...` of a docstring."""

    file: str
    line: str

    @property
    def numbers(self) -> set[int]:
        """The paragraphs it names."""
        return {int(number) for number in _NUMBER.findall(self.line)}


def citations(root: Path = ROOT) -> Iterator[Citation]:
    """Every citation in the docstrings of all code."""
    for folder in FOLDERS:
        for file in sorted((root / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                    for line in _LINE.findall(ast.get_docstring(node) or ""):
                        yield Citation(str(file.relative_to(root)), line)


def served(root: Path = ROOT) -> dict[int, list[str]]:
    """Paragraph -> the files that cite it."""
    found: dict[int, set[str]] = {}
    for one in citations(root):
        for number in one.numbers:
            found.setdefault(number, set()).add(one.file)
    return {number: sorted(files) for number, files in found.items()}


def gaps(root: Path = ROOT) -> list[str]:
    """What is wrong with the traceability: a paragraph that nothing serves, a test that is not there."""
    code, found = served(root), []
    for one in PARAGRAPHS:
        if not (code.get(one.number) or one.tests or one.not_software or one.open):
            found.append(f"para {one.number}: nothing serves it")
        if code.get(one.number) and not one.tests and not one.open:
            found.append(f"para {one.number}: no test shows it")
        found += [f"para {one.number}: {test} is not there" for test in one.tests if not (root / test).is_file()]
    known = {one.number for one in PARAGRAPHS}
    found += [
        f"para {number} is cited by {files[0]} and does not exist"
        for number, files in code.items()
        if number not in known
    ]
    return found


def run(args: argparse.Namespace) -> int:
    """Print; exit code 1 where there is a gap."""
    force = edition(args.on or local_date(datetime.now(UTC)))
    code, wrong = served(), gaps()
    chosen = [one for one in PARAGRAPHS if args.paragraph in (None, one.number)]
    if args.json:
        rows = [_row(one, code.get(one.number, []), force) for one in chosen]
        print(json.dumps({"edition": force.name, "paragraphs": rows, "gaps": wrong}, ensure_ascii=False))
    else:
        print(f"edition {force.name}, in force from {force.in_force} ({force.act}, certainty {force.certainty})")
        for one in chosen:
            _print(one, code.get(one.number, []), force)
        print(f"\n{len(wrong)} gaps" + "".join(f"\n  {gap}" for gap in wrong))
    return 1 if wrong else 0


def _row(one: Paragraph, code: list[str], force: Edition) -> dict[str, Any]:
    return {
        "paragraph": one.number,
        "asks": one.otherwise.get(force.name, one.asks),
        "code": code,
        "clocks": list(one.clocks),
        "tests": list(one.tests),
        "not_software": one.not_software,
        "open": one.open,
        "other_editions": _others(one, force),
    }


def _others(one: Paragraph, force: Edition) -> dict[str, str]:
    """What the other editions ask for, where it differs from the edition shown."""
    shown = one.otherwise.get(force.name, one.asks)
    asked = {other.name: one.otherwise.get(other.name, one.asks) for other in EDITIONS if other != force}
    return {name: asks for name, asks in asked.items() if asks != shown}


def _print(one: Paragraph, code: list[str], force: Edition) -> None:
    print(f"\n{one.number:>2}  {one.otherwise.get(force.name, one.asks)}")
    for title, listed in (("code", code), ("clocks", one.clocks), ("tests", one.tests)):
        if listed:
            print(f"      {title:<8}{', '.join(listed)}")
    if one.not_software:
        print(f"      not software: {one.not_software}")
    if one.open:
        print(f"      still open: {one.open}")
    for name, asks in _others(one, force).items():
        print(f"      edition {name}: {asks}")
