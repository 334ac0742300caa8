"""Every code that the system can give has words in Kazakh, Russian and English.

Read from the source: arguments of business errors and of refusals by workflows, grounds, enumerations.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from api import problems
from api.titles import LANGUAGES, table
from rules import errors
from rules.evidence import FaceProblem, LivenessVerdict, SignatureGround
from rules.identification import grounds

ROOT = Path(__file__).parents[2]
CODE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
ERRORS = {
    name
    for module in (errors, problems)
    for name, kind in vars(module).items()
    if isinstance(kind, type) and issubclass(kind, errors.BusinessError)
} | {"KeyMissing"}


# Given by way of a variable, so that no reader of the source finds them.
INDIRECT = {
    "account-not-owned", "account-owner-unknown", "recipient-listed", "bank-mismatch", "payout-status-unknown",
    "bank-debt-overdue", "microcredit-overdue", "mrz-not-found", "declined-after-waiting", "withdrawn-by-client",
    "registration-expired", "offer-not-chosen", "contract-not-signed", "not-confirmed-after-waiting",
    "card-token-missing", "merchant-missing", "desk-missing", "not-collected", "merchant-not-confirmed",
    "merchant-agreement-ended", "amount-above-terminal-limit",
    "refund-not-made", "restructuring-requested", "able-to-pay", "hardship-not-shown", "terms-changed-before",
    "new-terms-not-bearable",
    "invalid-input", "unknown-code", "broken", "payment-not-in-tenge",
}  # fmt: skip

# What stands under the key "code" and is none: the binary format of a column of storage/portfolio.py.
NO_CODES = {"int2send"}


def _literal(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _in_call(call: ast.Call) -> Iterator[str | None]:
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    if name in ERRORS | {"wrong_step"} and call.args:
        yield from (_literal(node) for node in ast.walk(call.args[0]) if isinstance(node, ast.Constant))
    if name == "_Ended":
        yield from (_literal(argument) for argument in call.args[1:] if not isinstance(argument, ast.Starred))
    if name == "ground" and call.args:
        yield _literal(call.args[0])
    if name == "describe" and len(call.args) > 2:
        yield _literal(call.args[2])
    if name == "PydanticCustomError":
        for node in ast.walk(call.args[-1]):
            if isinstance(node, ast.Dict):
                yield from (
                    _literal(value)
                    for key, value in zip(node.keys, node.values, strict=True)
                    if key is not None and _literal(key) == "code"
                )
    yield from (_literal(word.value) for word in call.keywords if word.arg == "ground")


def codes_of(source: str) -> set[str]:
    """The codes that a module can give."""
    found: set[str | None] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            found.update(_in_call(node))
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if key is not None and _literal(key) == "code":
                    found.add(_literal(value))
    return {code for code in found if code and CODE.fullmatch(code)}


@cache
def every_code() -> frozenset[str]:
    folders = ("rules", "storage", "activities", "workflows", "api")
    found = {str(ground) for ground in grounds()}
    found |= {one.value for one in FaceProblem} | {one.value for one in SignatureGround}
    found |= {f"liveness-{one.value.replace('_', '-')}" for one in LivenessVerdict if one is not LivenessVerdict.LIVE}
    found |= set(problems._PYDANTIC.values()) | set(problems._HTTP.values()) | {"field-format"}
    for folder in folders:
        for path in (ROOT / folder).rglob("*.py"):
            found |= codes_of(path.read_text("utf-8"))
    return frozenset((found | INDIRECT) - NO_CODES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_code_has_words(language: str) -> None:
    assert sorted(every_code() - set(table(language))) == []


def test_the_languages_have_the_same_codes() -> None:
    kk, ru, en = (set(table(language)) for language in LANGUAGES)
    assert kk == ru == en


def test_no_words_without_a_reader() -> None:
    assert all(
        text.strip() == text and 3 <= len(text) <= 200 for language in LANGUAGES for text in table(language).values()
    )


def test_the_reader_of_codes_finds_each_kind() -> None:
    source = """
raise Conflict("one-a", field="/x")
raise wrong_step("two-b")
raise _Ended("REFUSED", "three-c")
StepResult(step="x", ground="four-d")
{"code": "five-e"}
raise Conflict("six-f" if x else "seven-g")
raise PydanticCustomError("business", "{code}", {"code": "eight-h"})
"""
    assert codes_of(source) == {"one-a", "two-b", "three-c", "four-d", "five-e", "six-f", "seven-g", "eight-h"}
