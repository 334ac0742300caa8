"""Logging: one JSON object a line, on standard error, without personal data.

Exceptions are written as class names and places in the code. Their messages are written only for classes
whose texts are neutral: our own (rules.errors), Temporal's, the operating system's. Database drivers and
validators put values of clients into theirs. What is left is masked (rules.masking), the whole line at once.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO

from temporalio.exceptions import FailureError
from temporalio.service import RPCError

from rules.errors import BusinessError, Fault
from rules.masking import mask

_NEUTRAL = (BusinessError, Fault, FailureError, RPCError, OSError)
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
_FRAMES = 6  # innermost frames of a traceback kept


class JsonLines(logging.Formatter):
    """Formats a record as one masked JSON line. `extra=` fields become fields of the object."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """See the base class."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "process": self._process,
            "logger": record.name,
            "message": _without_query(record),
        }
        for name, value in vars(record).items():
            if name not in _STANDARD and not name.startswith("_") and isinstance(value, str | int | float | dict):
                line[name] = value
        if record.exc_info and record.exc_info[1]:
            line["exception"] = describe(record.exc_info[1])
        return mask(json.dumps(line, ensure_ascii=False, default=_class_name))


def set_up(process: str, *, level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Make JSON lines the only way out for every logger of this process, uvicorn's and Temporal's included.

    Args:
        process: name in each line: api, worker, biometrics.
        level: of the root logger.
        stream: standard error when not given.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines(process))
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for name in ("httpx", "httpcore", "urllib3", "asyncio", "fontTools", "weasyprint"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)


def describe(error: BaseException) -> list[dict[str, Any]]:
    """An exception and its causes, outermost first, without the texts that may carry a client's values."""
    chain: list[dict[str, Any]] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        one: dict[str, Any] = {"class": _class_name(current), "at": _places(current.__traceback__)}
        if isinstance(current, _NEUTRAL):
            one["message"] = str(current)
        chain.append(one)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return chain


def _places(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)[-_FRAMES:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]


def _without_query(record: logging.LogRecord) -> str:
    # uvicorn.access: (client, method, path with query, version, status). Queries hold decoded texts and searches.
    if record.name == "uvicorn.access" and isinstance(record.args, tuple) and len(record.args) == 5:
        client, method, path, version, status = record.args
        return f'{client} - "{method} {str(path).partition("?")[0]} HTTP/{version}" {status}'
    # A message made from an exception by hand (`logger.error("...: %s", error)`) would bring its text in again.
    if isinstance(record.args, tuple) and any(isinstance(value, BaseException) for value in record.args):
        safe = (_neutral_text(value) if isinstance(value, BaseException) else value for value in record.args)
        return str(record.msg) % tuple(safe)
    return record.getMessage()


def _neutral_text(error: BaseException) -> str:
    return str(error) if isinstance(error, _NEUTRAL) else _class_name(error)


def _class_name(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
