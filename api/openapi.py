"""OpenAPI 3.1: what FastAPI derives, and what it cannot know: the headers of keyed and mobile calls, the sessions."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "16 to 64 letters, digits, - or _; the same key with the same body gives the same answer again",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{16,64}$"},
    "example": "b7e1f0c2a94d4c7f8a51",
}
_LANGUAGE = {
    "name": "Accept-Language",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "example": "ru",
    "description": "kk, ru or en",
}
_SCHEMES = {
    "web": {"type": "apiKey", "in": "cookie", "name": "__Host-nesie_session"},
    "mobile": {"type": "http", "scheme": "bearer", "description": "with the header X-Device-Id of the device"},
    "staff": {"type": "apiKey", "in": "cookie", "name": "nesie_staff"},
    "telephone": {"type": "http", "scheme": "bearer", "description": "the token that GET /mgovSign gave"},
}
_KEYED_STAFF = ("/staff/api/cash-orders/",)
_UNKEYED = (
    "/api/v1/sessions", "/api/v1/callbacks/",
    # each is good once by itself, and what it tells once is not kept to be told again
    "/api/v1/account/step-ups", "/api/v1/account/factors", "/api/v1/account/password",
)  # fmt: skip
_UNKEYED_PATHS = frozenset({"/api/v1/recoveries", "/api/v1/recoveries/code", "/api/v1/recoveries/confirmation"})

_ASKED = ("/preview",)  # nothing is made, only computed


def keyed(method: str, path: str) -> bool:
    """Whether a call needs an Idempotency-Key."""
    if method not in ("post", "put") or path.endswith(_ASKED):
        return False
    if path in ("/staff/api/payments", "/staff/api/papers", "/staff/api/incidents") or path.startswith(_KEYED_STAFF):
        return True
    return path.startswith("/api/v1/") and not path.startswith(_UNKEYED) and path not in _UNKEYED_PATHS


def install(app: FastAPI) -> None:
    """Replace the application's schema builder."""

    def build() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
            schema.setdefault("components", {})["securitySchemes"] = _SCHEMES
            for path, methods in schema["paths"].items():
                for method, operation in methods.items():
                    _complete(path, method, operation)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = build  # type: ignore[method-assign]


def _security(path: str) -> list[dict[str, list[str]]]:
    if path.startswith("/mgovSign"):
        return [{"telephone": []}]
    return [{"staff": []}] if path.startswith("/staff/") else [{"web": []}, {"mobile": []}]


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    parameters = operation.setdefault("parameters", [])
    parameters.append(_LANGUAGE)
    if keyed(method, path):
        parameters.append(_KEY)
    responses = operation["responses"]
    if "401" in responses:
        operation["security"] = _security(path)
    for status, response in responses.items():
        # a problem is never plain JSON
        content = response.get("content", {})
        if status[0] in "45" and "application/json" in content:
            content["application/problem+json"] = content.pop("application/json")
