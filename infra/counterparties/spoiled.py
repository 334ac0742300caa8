"""An answer, and the ways to spoil it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from infra.counterparties.faults import Fault

OTHER_IIN = "910203300023"
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})")


@dataclass
class Answer:
    """Status, headers and body; promised: the length announced where more was promised than is sent."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    promised: int | None = None

    @property
    def length(self) -> int:
        """What Content-Length says."""
        return len(self.body) if self.promised is None else self.promised


def json_answer(status: int, body: dict[str, Any]) -> Answer:
    """An answer in JSON."""
    return Answer(status, [(b"content-type", b"application/json")], json.dumps(body).encode())


def spoil(answer: Answer, fault: Fault, *, iin: str | None, names: list[str]) -> Answer:
    """The same answer with the fault in it; `slow` leaves it as it is.

    * bad_json       not JSON at all, though it says so
    * truncated      half of the body; params.cut: the connection breaks there, else the length fits the half
    * wrong_type     every value of another type
    * wrong_subject  params.iin or another IIN stands where the asked one stood; with no IIN in it, another key
    * stale          instants params.days (40) in the past; a finished payout is still ACCEPTED
    """
    match fault.fault:
        case "bad_json":
            answer.body = b"<html><body>gateway</body></html>"
        case "truncated":
            full = len(answer.body)
            answer.body = answer.body[: full // 2]
            answer.promised = full if fault.params.get("cut") else None
        case "wrong_type":
            answer.body = _wrong_types(answer.body)
        case "wrong_subject":
            other = str(fault.params.get("iin", OTHER_IIN))
            answer.body = _encode(_other_subject(_decode(answer.body), other, iin, names))
        case "stale":
            answer.body = _encode(_stale(_decode(answer.body), timedelta(days=fault.number("days", 40))))
    return answer


def _decode(body: bytes) -> str:
    return body.decode(errors="surrogateescape")  # an answer may be no text at all


def _encode(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def _wrong_types(body: bytes) -> bytes:
    try:
        content = json.loads(body)
    except ValueError:
        return b"[]"
    if not isinstance(content, dict):
        return b'{"unexpected": 1}'
    return json.dumps({name: _other_type(value) for name, value in content.items()}).encode()


def _other_type(value: Any) -> Any:
    return "wrong" if isinstance(value, int | float) else 42


def _other_subject(text: str, other: str, iin: str | None, names: list[str]) -> str:
    if iin and iin in text:
        return text.replace(iin, other)
    for name in names:
        text = text.replace(name, "other-" + name)
    return text


def _stale(text: str, age: timedelta) -> str:
    text = _INSTANT.sub(lambda found: (datetime.fromisoformat(found[0]) - age).isoformat(), text)
    try:
        content = json.loads(text)
    except ValueError:
        return text
    if isinstance(content, dict) and content.get("status") in ("IN_PROGRESS", "DONE"):
        content = {key: value for key, value in content.items() if key not in ("bank_ref", "value_date")}
        content["status"] = "ACCEPTED"
    return json.dumps(content)
