"""The error body all services share: {code, message, request_id}."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    403: "NO_ACCESS",
    404: "NOT_FOUND",
    405: "NOT_FOUND",
    413: "TOO_LARGE",
    429: "RATE_LIMITED",
    500: "INTERNAL",
    502: "UPSTREAM",
    503: "UNAVAILABLE",
}


class Refusal(Exception):
    """An error answer of a service."""

    def __init__(self, status: int, code: str, message: str = "", **more: Any) -> None:
        super().__init__(code)
        self.status, self.code, self.message, self.more = status, code, message, more

    def body(self, request_id: str | None) -> dict[str, Any]:
        """The answer's JSON."""
        return {"code": self.code, "message": self.message or self.code, "request_id": request_id} | self.more


def install(app: FastAPI) -> None:
    """Make the framework's own errors look like the services'."""

    @app.exception_handler(Refusal)
    async def refused(request: Request, refusal: Refusal) -> JSONResponse:
        return JSONResponse(refusal.body(request.headers.get("x-request-id")), refusal.status)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        where = [".".join(str(part) for part in problem["loc"]) for problem in error.errors()]
        refusal = Refusal(400, "BAD_REQUEST", "wrong or missing: " + ", ".join(where))
        return JSONResponse(refusal.body(request.headers.get("x-request-id")), 400)

    @app.exception_handler(HTTPException)
    async def other(request: Request, error: HTTPException) -> JSONResponse:
        refusal = Refusal(error.status_code, CODES.get(error.status_code, "ERROR"))
        return JSONResponse(refusal.body(request.headers.get("x-request-id")), error.status_code)
