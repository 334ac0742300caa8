"""Files of the folder that are about names, not about money: counted, so that nothing passes unseen."""

from __future__ import annotations

from typing import Any

from cli.conformance.report import FileReport

_REASON = "screening of names, no loan maths"
_FIELDS = 4


def judge(content: dict[str, Any]) -> FileReport:
    """Scores of pairs of names."""
    report = FileReport()
    for _ in content["cases"]:
        report.skip(_REASON)
    return report


def judge_pairs(text: str) -> FileReport | None:
    """Lines of query, match, least score, description, without a header; None for any other table."""
    lines = [line.split(",") for line in text.splitlines() if line and not line.startswith("#")]
    if not lines or any(len(line) != _FIELDS for line in lines):
        return None
    report = FileReport()
    for _ in lines:
        report.skip(_REASON)
    return report
