"""RFC 9457 problems for everything that is not a success.

A business error keeps its status and code; a fault outside is 503 with Retry-After; everything else is
500 without details. What came in is never echoed, what broke is never shown: the trace id joins the
answer with the log. Rules: para 24; para 26.
"""

from __future__ import annotations

import json
import logging
import traceback
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from api.schemas_common import FieldProblem, Problem
from api.titles import best_language, title
from rules.errors import BusinessError, Busy, Fault

log = logging.getLogger("nesie.api")

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5

_PYDANTIC = {
    "missing": "field-missing",
    "extra_forbidden": "unknown-field",
    "string_too_long": "field-too-long",
    "too_long": "field-too-long",
    "string_too_short": "field-too-short",
    "too_short": "field-too-short",
    "string_pattern_mismatch": "field-format",
    "greater_than": "field-out-of-range",
    "greater_than_equal": "field-out-of-range",
    "less_than": "field-out-of-range",
    "less_than_equal": "field-out-of-range",
    "date_from_datetime_inexact": "field-format",
    "enum": "field-not-allowed",
    "literal_error": "field-not-allowed",
    "json_invalid": "malformed-body",
}
_LIMITS = ("max_length", "min_length", "pattern", "gt", "ge", "lt", "le", "expected")
_HTTP = {
    400: "malformed-body",
    401: "log-in-needed",
    403: "not-allowed",
    404: "not-found",
    405: "method-not-allowed",
    413: "body-too-large",
    415: "content-type",
}


class TooMany(BusinessError):
    """Too many tries; come back after some seconds."""

    status = 429

    def __init__(self, code: str, retry_after_seconds: int) -> None:
        super().__init__(code)
        self.retry_after_seconds = retry_after_seconds


class LogInNeeded(BusinessError):
    """No session, or one that ended."""

    status = 401


class TooLarge(BusinessError):
    """More bytes than the limit."""

    status = 413


class WrongContent(BusinessError):
    """Not a kind of content that is taken here."""

    status = 415


class BodyTooLarge(HTTPException):
    """The same while a body is still being read: FastAPI lets only HTTP exceptions through there."""

    def __init__(self) -> None:
        super().__init__(413)


def language_of(scope: Scope) -> str:
    """The language of an answer, from Accept-Language."""
    for name, value in scope.get("headers", ()):
        if name == b"accept-language":
            return best_language(value.decode("latin-1"))
    return best_language(None)


def describe(
    scope: Scope,
    status: int,
    code: str,
    *,
    detail: str | None = None,
    field: str | None = None,
    errors: list[FieldProblem] | None = None,
) -> Problem:
    """A problem in the asker's language."""
    return Problem(
        type=f"/problems/{code}",
        title=title(code, language_of(scope)),
        status=status,
        code=code,
        trace_id=scope.get("state", {}).get("trace_id", ""),
        detail=detail if detail != code else None,
        field=field,
        errors=errors,
    )


def answer(scope: Scope, problem: Problem, headers: dict[str, str] | None = None) -> JSONResponse:
    """The problem as a response."""
    return JSONResponse(
        problem.model_dump(mode="json", exclude_none=True),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers={"Content-Language": language_of(scope), "Vary": "Accept-Language", **(headers or {})},
    )


def of_business_error(scope: Scope, error: BusinessError) -> Problem:
    """Business errors speak for themselves: their messages carry no personal data by the house rules."""
    errors = None
    if error.field:
        errors = [FieldProblem(pointer=error.field, code=error.code, title=title(error.code, language_of(scope)))]
    return describe(scope, error.status, error.code, detail=str(error), field=error.field, errors=errors)


def pointer(location: tuple[Any, ...]) -> str:
    """A JSON pointer from pydantic's location; query and path fields keep their own prefix.

    >>> pointer(("body", "document", "number")), pointer(("query", "on")), pointer(("body",))
    ('/document/number', '/query/on', '')
    """
    parts = [str(part) for part in location]
    if parts and parts[0] == "body":
        parts = parts[1:]
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)


def field_problem(error: dict[str, Any], language: str) -> FieldProblem:
    """One validation error without its input."""
    context = error.get("ctx") or {}
    kind = str(error["type"])
    code = str(context["code"]) if kind == "business" else _PYDANTIC.get(kind, "field-format")
    limits = [str(context[name]) for name in _LIMITS if name in context]
    location = tuple(error["loc"])
    if kind == "json_invalid":
        location = ("body",)
    return FieldProblem(
        pointer=pointer(location) + str(context.get("field", "")),
        code=code,
        title=title(code, language),
        limit=limits[0] if limits and kind != "json_invalid" else None,
    )


def of_validation(scope: Scope, found: list[dict[str, Any]]) -> Problem:
    """All fields at fault; the problem has their code where they share one."""
    language = language_of(scope)
    errors = [field_problem(error, language) for error in found]
    codes = {error.code for error in errors}
    code = codes.pop() if len(codes) == 1 else "invalid-input"
    status = 400 if code == "malformed-body" else 422
    return describe(scope, status, code, field=errors[0].pointer if len(errors) == 1 else None, errors=errors)


async def _business(request: Request, error: BusinessError) -> JSONResponse:
    headers = {"Retry-After": str(error.retry_after_seconds)} if isinstance(error, TooMany) else None
    if error.code == "in-progress":
        headers = {"Retry-After": "1"}
    return answer(request.scope, of_business_error(request.scope, error), headers)


async def _validation(request: Request, error: RequestValidationError) -> JSONResponse:
    return answer(request.scope, of_validation(request.scope, list(error.errors())))


async def _http(request: Request, error: HTTPException) -> JSONResponse:
    code = _HTTP.get(error.status_code, "not-allowed" if error.status_code < 500 else "broken")
    return answer(
        request.scope, describe(request.scope, error.status_code, code), dict(error.headers) if error.headers else None
    )


def unavailable(scope: Scope) -> JSONResponse:
    """Something we need is away; nothing was done by halves."""
    return answer(scope, describe(scope, 503, "unavailable"), {"Retry-After": str(RETRY_AFTER_SECONDS)})


def _busy(scope: Scope, error: Busy) -> JSONResponse:
    """Too many are waiting; nothing was begun."""
    return answer(scope, describe(scope, 503, error.code), {"Retry-After": str(error.retry_after_seconds)})


async def _fault(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, Busy):
        return _busy(request.scope, error)
    log.warning("fault %s trace=%s", type(error).__name__, request.scope.get("state", {}).get("trace_id"))
    return unavailable(request.scope)


def database_is_away(error: BaseException) -> bool:
    """Whether the database was lost or too busy, not asked something wrong."""
    if isinstance(error, PoolTimeout):
        return True
    if isinstance(error, IntegrityError) or not isinstance(error, DBAPIError):
        return False
    return error.connection_invalidated or type(error).__name__ in ("OperationalError", "InterfaceError")


def install(app: FastAPI) -> None:
    """Handlers for all kinds of errors."""
    app.add_exception_handler(BusinessError, _business)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, _validation)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, _http)  # type: ignore[arg-type]
    app.add_exception_handler(Fault, _fault)
    app.add_middleware(CatchAll)


class CatchAll:
    """The last net: an unknown error is logged by kind and place, never by its text, and answered 500."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched(message: Any) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            response = unavailable(scope) if database_is_away(error) else None
            if response is None:
                # frames only: an exception's text may hold what a client sent
                frames = [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)]
                log.error(
                    "%s",
                    json.dumps(
                        {
                            "error": type(error).__name__,
                            "trace": scope.get("state", {}).get("trace_id"),
                            "at": frames[-6:],
                        }
                    ),
                )
                response = answer(scope, describe(scope, 500, "broken"))
            if not started:
                await response(scope, receive, send)


__all__ = ["BodyTooLarge", "LogInNeeded", "TooLarge", "TooMany", "WrongContent", "answer", "describe", "install"]
