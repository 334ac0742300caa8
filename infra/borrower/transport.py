"""A borrower's telephone: what its owner has at hand, and calls that are repeated until the server answers.

A call keeps its key while the answer is "later" or does not come, as a good application does.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from infra.borrower import qr
from infra.borrower.outcomes import Refused, Stopped
from infra.borrower.person import Persona

JSON = dict[str, Any]
SmsOf = Callable[[str], Awaitable[str]]
Clip = Callable[[bytes, list[str]], Awaitable[bytes]]
Sign = Callable[[bytes], Awaitable[bytes]]

_FILMS = 4  # tries in all; the lender takes five
_FILM_AGAIN = frozenset({"liveness-wrong-order", "liveness-seen-before"})


@dataclass
class Telephone:
    """What one borrower has at hand.

    Args:
        http: client whose base URL is our API.
        persona: who the borrower is.
        sms: the newest SMS text to a phone.
        clip: films the borrower's face making movements.
        sign: a detached CMS over bytes.
        front, back, selfie: photographs.
        patience_seconds: how long one step may take, outages included.
        scan: shows a QR code to the borrower's telephone; who has it signs there, by the state's application.
    """

    http: httpx.AsyncClient
    persona: Persona
    sms: SmsOf
    clip: Clip
    sign: Sign
    front: bytes
    back: bytes
    selfie: bytes
    password: str = "көк-тау-2026-жаңа"  # noqa: S105 - a simulated borrower's
    patience_seconds: float = 180.0
    language: str = "kk"
    device: str = field(default_factory=lambda: secrets.token_hex(16))
    token: str | None = None
    client_id: str = ""
    scan: qr.Scan | None = None
    latencies: dict[str, list[float]] = field(default_factory=dict)

    async def face(self, challenge: JSON) -> tuple[dict[str, tuple[str, bytes, str]], dict[str, str]]:
        """The parts that show a face: a selfie, and a clip along the movements that the server asked for."""
        clip = await self.clip(self.selfie, challenge["movements"])
        files = {"selfie": ("selfie.jpg", self.selfie, "image/jpeg"), "video": ("live.mp4", clip, "video/mp4")}
        return files, {"challenge_id": challenge["challenge_id"]}

    async def step(self, method: str, path: str, **what: Any) -> JSON:
        """A step of identification that must pass.

        Raises:
            Stopped: it did not; the ground is in the exception.
        """
        answer: JSON = await self.call(method, path, **what)
        if answer.get("outcome") != "passed":
            raise Stopped(answer)
        return answer

    async def call(self, method: str, path: str, *, name: str | None = None, **what: Any) -> Any:
        """One call with its key, repeated while the server is away; 202 is waited for."""
        key = secrets.token_urlsafe(24)
        response = await self._persist(method, path, key, name, what)
        if response.status_code == 202:
            return await self._poll(response.json()["poll"])
        if response.status_code >= 400:
            raise Refused(response.status_code, response.json())
        return response.json() if response.content else None

    async def fetch(self, path: str) -> bytes:
        """Bytes of a document."""
        response = await self._persist("GET", path, "", None, {})
        if response.status_code >= 400:
            raise Refused(response.status_code, response.json())
        return response.content

    async def _persist(
        self, method: str, path: str, key: str, name: str | None, what: dict[str, Any]
    ) -> httpx.Response:
        end, pause = time.monotonic() + self.patience_seconds, 0.2
        headers = {"X-Device-Id": self.device, "Accept-Language": self.language}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if method in ("POST", "PUT") and not path.startswith("/sessions"):
            headers["Idempotency-Key"] = key
        while True:
            try:
                async with self._timed(name or f"{method} {self._route(path)}"):
                    response = await self.http.request(method, f"/api/v1{path}", headers=headers, **what)
                again = response.status_code in (429, 502, 503) or (
                    response.status_code == 409 and response.json().get("code") == "in-progress"
                )
                if not again or time.monotonic() > end:
                    return response
            except (httpx.TransportError, httpx.TimeoutException):
                if time.monotonic() > end:
                    raise
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 2.0)

    async def _poll(self, path: str) -> Any:
        end = time.monotonic() + self.patience_seconds
        while time.monotonic() < end:
            state = await self.call("GET", path.removeprefix("/api/v1"), name="GET /actions/{id}")
            if state["status"] == "done":
                return state["result"]
            if state["status"] == "failed":
                raise Refused(409, state["problem"] or {})
            await asyncio.sleep(0.3)
        raise TimeoutError("the action was not answered in time")

    @asynccontextmanager
    async def _timed(self, name: str) -> AsyncIterator[None]:
        start = time.perf_counter()
        yield
        self.latencies.setdefault(name, []).append((time.perf_counter() - start) * 1000)

    def _route(self, path: str) -> str:
        parts = path.split("?")[0].strip("/").split("/")
        return "/" + "/".join("{id}" if len(part) == 36 and part.count("-") == 4 else part for part in parts)


async def filmed(once: Callable[[], Awaitable[JSON]]) -> JSON:
    """A person who is told that a movement was not seen, or that the pictures look known, films the next challenge.

    Many people of a town have one photograph, so that their recordings are more alike than people's are.
    """
    for _ in range(_FILMS - 1):
        try:
            return await once()
        except Stopped as stopped:
            if stopped.ground not in _FILM_AGAIN:
                raise
    return await once()
