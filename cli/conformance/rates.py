"""Effective rates printed by others, each under its own year."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

from cli.conformance.report import FileReport, day
from rules.effective_rate import YEAR_DAYS, roots

Flows = list[tuple[Decimal, Decimal]]

_OF_THE_EC = re.compile(r"ec_(?:[a-z]+_)*example_(\d+)")
_TO_SIX_DIGITS = Decimal("0.00001")
_BY_ITS_OWN_DAYS = Decimal("0.002")
_TENTH, _FAR = Decimal("0.1"), Decimal(1)
_NEAR = Decimal("0.0001")


class Example(NamedTuple):
    """An example of the document: the rates we found for its cases, and those printed with them."""

    found: list[Decimal]
    printed: set[Decimal]


def judge_apr(content: dict[str, Any]) -> FileReport:
    """Rates rounded as printed; and the roots that the document of examples prints to six digits."""
    report = FileReport()
    by_example: dict[int, Example] = defaultdict(lambda: Example([], set()))
    for case in content["cases"]:
        found = roots(_by_day(case["flows"]), Decimal(case["day_count_year"]))
        unit = Decimal(1).scaleb(-case["decimals"])
        wanted = Decimal(case["expected_apr_percent"]).quantize(unit)
        same = wanted in [rate.quantize(unit, ROUND_HALF_UP) for rate in found]
        report.compare(case["id"], None if same else f"rates found: {_words(found)}, printed {wanted}")
        example = _OF_THE_EC.search(case["id"])
        if example:
            by_example[int(example[1])].found.extend(found)
            by_example[int(example[1])].printed.add(wanted)
    for root in content.get("ec_published_roots_percent", []):
        _judge_root(report, root, by_example[root["example"]])
    return report


def _judge_root(report: FileReport, root: dict[str, Any], example: Example) -> None:
    """A root belongs to one of the example's cases; where none is printed with that rate, its flows are elsewhere."""
    printed = Decimal(root["x_percent"])
    distance = min((abs(rate - printed) for rate in example.found), default=_FAR)
    if distance > _BY_ITS_OWN_DAYS and printed.quantize(_TENTH, ROUND_HALF_UP) not in example.printed:
        report.skip("a root printed without its flows")
    elif distance <= _TO_SIX_DIGITS:
        report.compare(f"root of example {root['example']}: {printed}", None)
    elif distance <= _BY_ITS_OWN_DAYS:
        report.skip("a root whose odd days the document counts by its own rule; ours is within 0.002")
    else:
        report.compare(f"root of example {root['example']}: {printed}", f"rates found: {_words(example.found)}")


def judge_xirr(content: dict[str, Any]) -> FileReport:
    """Internal rates of any flows. Where several rates solve them, the printed one must be among ours."""
    report = FileReport()
    for case in content["cases"]:
        flows = _by_date(case["flows"])
        found, printed = roots(flows), case["expected_xirr"]
        if printed is None:
            if found:
                report.skip("no rate printed, though one solves the flows")
            else:
                report.compare(case["id"], None)
            continue
        wanted = Decimal(printed) * 100
        near = min((abs(rate - wanted) for rate in found), default=None)
        same = near is not None and near <= _NEAR
        report.compare(case["id"], None if same else f"rates found: {_words(found)}, printed {wanted}")
    return report


def judge_gesv(content: dict[str, Any]) -> FileReport:
    """The rate of printed Kazakh contracts: one advance, one payment, days over 365."""
    report = FileReport()
    for n, case in enumerate(content["cases"], 1):
        flows = [(Decimal(0), Decimal(case["advance"])), (Decimal(case["days"]), -Decimal(case["payment"]))]
        wanted = Decimal(case["expected_gesv_percent"])
        found = [rate.quantize(Decimal("0.01"), ROUND_HALF_UP) for rate in roots(flows, YEAR_DAYS)]
        report.compare(str(case.get("id", n)), None if found == [wanted] else f"rates found: {_words(found)}")
    return report


def _by_day(flows: Sequence[Sequence[Any]]) -> Flows:
    return [(Decimal(when), Decimal(amount)) for when, amount in flows]


def _by_date(flows: Sequence[Sequence[Any]]) -> Flows:
    first = min(day(when) for when, _ in flows)
    return [(Decimal((day(when) - first).days), Decimal(amount)) for when, amount in flows]


def _words(found: Sequence[Decimal]) -> str:
    return ", ".join(map(str, found)) or "none"
