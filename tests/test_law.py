"""Every citation of the law has the agreed form and names a paragraph that exists. Read: the docstrings of all code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("rules", "workflows", "activities", "storage", "api", "infra", "cli")
LAST = 37
CITATION = re.compile(
    r"(para (?P<paragraph>[0-9]+)(, part [0-9]+)?(, point [0-9]+)?( \(edition [0-9a-z]+\))?"
    r"|law on microfinance, art\. [0-9-]+(, part [0-9]+)?|law 205-VIII)"
)


def citations() -> list[tuple[str, str]]:
    found = []
    for folder in FOLDERS:
        for file in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                    text = ast.get_docstring(node) or ""
                    for line in re.findall(r"(?<!Edition )\bRules: ([^`]+?)\.(?:\s|$)", text):
                        found.append((str(file.relative_to(ROOT)), line))
    return found


@pytest.mark.parametrize(("file", "line"), sorted(set(citations())))
def test_a_citation_names_a_paragraph_that_exists(file, line):
    for one in line.split("; "):
        matched = CITATION.fullmatch(one)
        assert matched, f"{file}: {one!r}"
        assert matched["paragraph"] is None or 1 <= int(matched["paragraph"]) <= LAST


def test_the_paragraphs_this_issue_is_about_are_cited():
    cited = {int(number) for _, line in citations() for number in re.findall(r"para ([0-9]+)", line)}
    assert {6, 7, 8, 9, 10, 11, 12, 32, 34, 35, 36} <= cited
