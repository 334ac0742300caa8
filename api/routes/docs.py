"""A page of the API for people: rendered here, without a script, from the OpenAPI document."""

from __future__ import annotations

from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

router = APIRouter()


@router.get("/api/docs", include_in_schema=False, response_class=HTMLResponse)
async def docs(request: Request) -> HTMLResponse:
    """Every route with its purpose and its answers."""
    schema = request.app.openapi()
    rows = "".join(
        _row(method, path, operation)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    )
    return HTMLResponse(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Nesie API</title>'
        '<h1>Nesie API</h1><p>Machine-readable: <a href="/api/v1/openapi.json">OpenAPI 3.1</a></p>'
        f"<table><thead><tr><th>Call<th>What it does<th>Answers</thead><tbody>{rows}</tbody></table></html>"
    )


def _row(method: str, path: str, operation: dict[str, Any]) -> str:
    what = escape(operation.get("description") or operation.get("summary") or "")
    answers = escape(", ".join(operation["responses"]))
    return f"<tr><td><code>{method.upper()} {escape(path)}</code><td>{what}<td>{answers}</tr>"
