"""The problems that routes declare in OpenAPI."""

from __future__ import annotations

from typing import Any

from api.schemas_common import Accepted, Problem

_WORDS = {
    400: "Malformed, or the Idempotency-Key is missing",
    401: "No session, or it ended",
    403: "Not allowed",
    404: "Absent, or not yours",
    409: "Not possible now",
    410: "Over: its time, or it was answered",
    413: "Too large",
    415: "Not a kind of content that is taken here",
    422: "A value that cannot be right; `errors` names the fields",
    429: "Too many tries",
    503: "Something we need is away; try again after Retry-After",
}


def problems(*statuses: int, accepted: bool = False) -> dict[int | str, dict[str, Any]]:
    """Declared responses: these problems, 503 always, 202 where an action may wait."""
    found: dict[int | str, dict[str, Any]] = {
        status: {"model": Problem, "description": _WORDS[status], "content": {"application/problem+json": {}}}
        for status in (*statuses, 503)
    }
    if accepted:
        found[202] = {"model": Accepted, "description": "Kept; will be done. Ask `poll`"}
    return found


ASK = problems(401, 403, 404, 422)
DO = problems(400, 401, 403, 404, 409, 422, accepted=True)
SEND = problems(400, 401, 403, 404, 409, 413, 415, 422, accepted=True)
