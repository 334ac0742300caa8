"""A client's and a colleague's way through the API, and a stand-in for the door to Temporal that records what came."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import pyotp

from api.actions import NoAnswer
from rules.iin import check_digit

ORIGIN = "http://nesie.test"
BANK_SECRET = b"the bank's and ours"
PASSWORD = "correct horse battery"


class StandInDoor:
    """Answers updates with `answers[name]`, counts them by id, and can be away."""

    def __init__(self) -> None:
        self.away = False
        self.started: dict[str, Any] = {}
        self.updates: list[tuple[str, str, str]] = []
        self.done: dict[str, Any] = {}
        self.signals: list[tuple[str, str]] = []
        self.answers: dict[str, Any] = {}
        self.delay = 0.0

    async def start(self, workflow: str, workflow_id: str, argument: Any) -> None:
        if self.away:
            raise NoAnswer("away")
        self.started.setdefault(workflow_id, (workflow, argument))

    async def update(self, workflow_id: str, name: str, argument: Any, action_id: str, patience_seconds: float) -> Any:
        if self.away:
            raise NoAnswer("away")
        if self.delay:
            await asyncio.sleep(self.delay)
        self.updates.append((workflow_id, name, action_id))
        answer = self.answers.get(name, {"step": name, "outcome": "passed"})
        if isinstance(answer, Exception):
            raise answer
        return self.done.setdefault(action_id, answer)

    async def signal(self, workflow_id: str, name: str) -> None:
        if self.away:
            raise NoAnswer("away")
        self.signals.append((workflow_id, name))

    async def query(self, workflow_id: str, name: str) -> dict[str, Any]:
        if self.away:
            raise NoAnswer("away")
        return {"status": "REGISTERING", "step": "phone", "ground": None}

    async def alive(self) -> bool:
        return not self.away


def new_key() -> str:
    """An Idempotency-Key."""
    return secrets.token_hex(16)


_GIVEN: set[str] = set()  # of ten million numbers, two of some thousand are the same more often than one thinks


def new_iin() -> str:
    """A valid IIN that nobody has."""
    while True:
        year, month, day = 60 + secrets.randbelow(40), 1 + secrets.randbelow(12), 1 + secrets.randbelow(28)
        eleven = f"{year:02d}{month:02d}{day:02d}4{secrets.randbelow(10**4):04d}"
        digit = check_digit(eleven)
        if digit is not None and eleven not in _GIVEN:
            _GIVEN.add(eleven)
            return eleven + digit


def new_phone() -> str:
    """A mobile number that nobody has."""
    while (number := f"+7701{secrets.randbelow(10**7):07d}") in _GIVEN:
        pass
    _GIVEN.add(number)
    return number


def registration_body(**changes: Any) -> dict[str, Any]:
    """A good registration."""
    body: dict[str, Any] = {
        "surname": "АХМЕТОВА",
        "given_name": "АЙГЕРІМ",
        "iin": new_iin(),
        "document": {"number": "012345678", "expires": "2035-04-11"},
        "phone": new_phone(),
        "application": "mobile",
    }
    return body | changes


def application_body(**changes: Any) -> dict[str, Any]:
    """A good application."""
    body: dict[str, Any] = {
        "amount": "150000.00",
        "term_months": 6,
        "purpose": "PERSONAL_NEEDS",
        "receiving": {"method": "OWN_ACCOUNT", "iban": "KZ86125KZT5004100100"},
    }
    return body | changes


@dataclass
class Borrower:
    """A registered client and how they call."""

    client_id: UUID
    phone: str
    http: httpx.AsyncClient
    device: str
    token: str = field(default="", repr=False)

    async def log_in(self) -> httpx.Response:
        body = {"phone": self.phone, "password": PASSWORD, "application": "mobile"}
        answer = await self.http.post("/api/v1/sessions", json=body, headers={"X-Device-Id": self.device})
        if answer.status_code == 201:
            self.token = answer.json()["token"]
        return answer

    async def call(self, method: str, path: str, *, key: str | None = None, **more: Any) -> httpx.Response:
        headers = {"X-Device-Id": self.device, "Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        if method in ("POST", "PUT"):
            headers["Idempotency-Key"] = key or new_key()
        return await self.http.request(method, f"/api/v1{path}", headers=headers, **more)


@dataclass
class Colleague:
    """A member of staff with a browser of their own."""

    staff_id: UUID
    login: str
    secret: str
    http: httpx.AsyncClient

    async def log_in(self, digits: str | None = None) -> httpx.Response:
        totp = digits or pyotp.TOTP(self.secret).now()
        return await self.http.post(
            "/staff/api/sessions",
            json={"login": self.login, "password": PASSWORD, "totp": totp},
            headers={"Origin": ORIGIN},
        )


def assert_problem(answer: httpx.Response, status: int, code: str, pointer: str | None = None) -> dict[str, Any]:
    """A typed problem: status, code, media type, words, trace id."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["code"]) == (status, code), body
    assert body["type"] == f"/problems/{code}"
    assert body["status"] == status
    assert len(body["title"]) >= 3
    assert body["trace_id"] == answer.headers["x-trace-id"]
    if pointer is not None:
        assert pointer in [one["pointer"] for one in body["errors"]], body
    return body
