"""Conformance of the loan maths: published figures, computed again by our rules, case by case.

A file is recognised by its structure, never by its name. What a case asks is read from its terms and its product's
name alone, so a file nobody has seen is judged by the same rules.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from cli.conformance import calculator_tests, month_ends, names, rates, schedules, unit_period_rates
from cli.conformance.report import FileReport
from rules.errors import InvalidInput

Judge = Callable[[dict[str, Any]], FileReport]

_JUDGES: tuple[tuple[frozenset[str], Judge], ...] = (
    (frozenset({"product", "advances", "schedule"}), schedules.judge),
    (frozenset({"periods", "sequence", "rate_percent"}), calculator_tests.judge),
    (frozenset({"rule", "day_count", "schedule"}), month_ends.judge),
    (frozenset({"flows", "expected_apr_percent"}), rates.judge_apr),
    (frozenset({"flows", "unit_period"}), unit_period_rates.judge),
    (frozenset({"flows", "expected_xirr"}), rates.judge_xirr),
    (frozenset({"advance", "payment", "expected_gesv_percent"}), rates.judge_gesv),
    (frozenset({"indexed", "search", "score"}), names.judge),
)


def conformance(folder: Path) -> dict[str, dict[str, Any]]:
    """A report for each file of the folder whose structure is known, by file name.

    Raises:
        InvalidInput: no such folder, or a file that breaks off inside a known structure.
    """
    if not folder.is_dir():
        raise InvalidInput("file-wrong", f"there is no folder {folder}")
    found = {}
    for path in sorted(folder.iterdir()):
        report = _report(path)
        if report is not None:
            found[path.name] = report.as_json()
    return found


def _report(path: Path) -> FileReport | None:
    if path.suffix == ".csv":
        return names.judge_pairs(path.read_text(encoding="utf-8"))
    if path.suffix != ".json":
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except ValueError as error:
        raise InvalidInput("file-wrong", f"{path.name} is no JSON: {error}") from None
    judge = _judge(content)
    if judge is None:
        return None
    try:
        return judge(content)
    except (LookupError, TypeError, ValueError, ArithmeticError) as error:
        raise InvalidInput("file-wrong", f"{path.name} does not keep to its structure: {error!r}") from error


def _judge(content: Any) -> Judge | None:
    cases = content.get("cases") if isinstance(content, dict) else None
    if not (isinstance(cases, list) and cases and isinstance(cases[0], dict)):
        return None
    for keys, judge in _JUDGES:
        if keys <= cases[0].keys():
            return judge
    return None
