"""Scripts of ours that pages load. Each is one file without dependencies.

A page that uses `ncalayer.js` needs `connect-src 'self' wss://127.0.0.1:13579` in its Content-Security-Policy: the
program that holds the client's keys listens there, on the client's own machine.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response

from rules.errors import NotFound

router = APIRouter(prefix="/static", include_in_schema=False)

_FOLDER = Path(__file__).parents[1] / "static"
_HEADERS = {
    "Cache-Control": "no-cache",  # asked for again each time, by its tag: a fix reaches everybody at once
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@cache
def _scripts() -> dict[str, tuple[bytes, str]]:
    """Name -> content and tag: what is in the folder, and no other path."""
    found = {file.name: file.read_bytes() for file in _FOLDER.glob("*.js")}
    return {name: (content, f'"{sha256(content).hexdigest()[:32]}"') for name, content in found.items()}


@router.get("/{name}", response_class=Response)
async def script(name: str, request: Request) -> Response:
    """One script."""
    if name not in _scripts():
        raise NotFound("not-found")
    content, tag = _scripts()[name]
    headers = {**_HEADERS, "ETag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="text/javascript", headers=headers)
