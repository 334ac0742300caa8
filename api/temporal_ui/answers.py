"""Refusals of the proxy and the codec, in the form that Temporal UI shows: `message` beside the RFC 9457 members."""

from __future__ import annotations

from starlette.responses import JSONResponse


def refuse(status: int, code: str, message: str) -> JSONResponse:
    """A problem. The texts are for staff and developers, in English like the UI itself."""
    problem = {"type": f"/problems/{code}", "title": message, "status": status, "code": code, "message": message}
    headers = {"Cache-Control": "no-store"}
    return JSONResponse(problem, status_code=status, media_type="application/problem+json", headers=headers)


def log_in_needed() -> JSONResponse:
    """No session, or one that ended."""
    return refuse(401, "log-in-needed", "Log in as a member of staff")
