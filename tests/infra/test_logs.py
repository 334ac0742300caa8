"""Log lines: JSON, without personal data, whoever wrote them."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from infra.logs import JsonLines, set_up
from rules.errors import Unavailable


@pytest.fixture
def log() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    text, logger = io.StringIO(), logging.getLogger("test.logs")
    handler = logging.StreamHandler(text)
    handler.setFormatter(JsonLines("test"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield logger, text
    logger.removeHandler(handler)


def only(text: io.StringIO) -> dict[str, Any]:
    [line] = text.getvalue().splitlines()
    return dict(json.loads(line))


def test_a_line_is_one_json_object_with_its_extra_fields(log: tuple[logging.Logger, io.StringIO]) -> None:
    log[0].info("case %s\nwent on", "a", extra={"application_id": "17"})
    line = only(log[1])
    assert (line["message"], line["level"], line["application_id"]) == ("case a\nwent on", "INFO", "17")


def test_numbers_of_persons_are_masked_wherever_they_stand(log: tuple[logging.Logger, io.StringIO]) -> None:
    log[0].info("iin 880412401006", extra={"phone": "+77071234567", "account": {"iban": "KZ86125KZT5004100100"}})
    assert not {"880412401006", "77071234567", "KZ86125KZT5004100100"} & set(
        log[1].getvalue().replace('"', " ").split()
    )
    assert log[1].getvalue().count("••••") == 3


def test_an_exception_shows_its_place_and_its_text_only_where_the_text_is_neutral(
    log: tuple[logging.Logger, io.StringIO],
) -> None:
    class Person(BaseModel):
        age: int

    try:
        try:
            Person(age="ИВАНОВА")  # type: ignore[arg-type]
        except ValidationError as error:
            raise Unavailable("the register did not answer") from error
    except Unavailable as error:
        log[0].exception("step failed: %s", error.__cause__)
    line = only(log[1])
    assert "ИВАНОВА" not in log[1].getvalue()
    assert line["message"].endswith("ValidationError")
    [outer, inner] = line["exception"]
    assert outer["message"] == "the register did not answer"
    assert "message" not in inner
    assert "test_logs.py" in inner["at"][-1] or "pydantic" in inner["at"][-1]


def test_access_lines_carry_no_query(monkeypatch: pytest.MonkeyPatch) -> None:
    # servers of other tests live in this process too, and quieten this logger
    access = logging.getLogger("uvicorn.access")
    monkeypatch.setattr(access, "disabled", False)
    quiet = access.level
    access.setLevel(logging.NOTSET)
    text = io.StringIO()
    root, level = logging.getLogger(), logging.getLogger().level
    before = root.handlers[:]
    try:
        set_up("api", stream=text)
        access.info('%s - "%s %s HTTP/%s" %d', "127.0.0.1:1", "GET", "/temporal/render?content=secret", "1.1", 200)
    finally:
        root.handlers[:] = before
        root.setLevel(level)
        logging.captureWarnings(False)
        access.setLevel(quiet)
    assert only(text)["message"] == '127.0.0.1:1 - "GET /temporal/render HTTP/1.1" 200'
