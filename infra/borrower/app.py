"""A borrower's application: walks the public API the way a phone does, step by step.

Used by the demonstration, the benchmark and the end-to-end tests. It knows nothing but HTTP, and it repeats a call
with the same key while the answer is "later" or does not come, as a good application does.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from infra.borrower import qr
from infra.borrower.outcomes import Refused as Refused
from infra.borrower.outcomes import Stopped as Stopped
from infra.borrower.person import Persona

JSON = dict[str, Any]
SmsOf = Callable[[str], Awaitable[str]]
Clip = Callable[[bytes, list[str]], Awaitable[bytes]]
Sign = Callable[[bytes], Awaitable[bytes]]

_FILMS = 4  # tries in all; the lender takes five
_FILM_AGAIN = frozenset({"liveness-wrong-order", "liveness-seen-before"})
ACKNOWLEDGEMENTS = ("lending_rules", "payments_information", "rights_and_duties")


@dataclass
class BorrowerApp:
    """One borrower with a device.

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
    patience_seconds: float = 60.0
    language: str = "kk"
    device: str = field(default_factory=lambda: secrets.token_hex(16))
    token: str | None = None
    client_id: str = ""
    scan: qr.Scan | None = None
    latencies: dict[str, list[float]] = field(default_factory=dict)

    # ---- the journey

    async def register(self) -> str:
        """All steps of registration; returns the client's id."""
        await self.begin()
        await self.confirm_phone()
        await self.show_card()
        await self.show_face()
        await self.sign_statement()
        await self.choose_password()
        return self.client_id

    async def begin(self) -> None:
        """Name, IIN, document, phone."""
        p = self.persona
        body = {
            "kind": "INDIVIDUAL",
            "surname": p.surname,
            "given_name": p.given_name,
            "patronymic": p.patronymic,
            "iin": p.iin,
            "document": {"number": p.document_number, "expires": p.expires.isoformat()},
            "phone": p.phone,
            "language": self.language,
            "application": "mobile",
        }
        started = await self.call("POST", "/registrations", json=body)
        self.client_id, self.token = started["client_id"], started["token"]

    async def confirm_phone(self) -> None:
        """Ask for a code, read it from the SMS, type it. A code that came too late is asked for again."""
        for _ in range(3):
            await self.step("POST", f"{self._registration}/code")
            code = await self.sms(self.persona.phone)
            answer = await self.call("POST", f"{self._registration}/code/confirmation", json={"code": code})
            if answer["outcome"] == "passed":
                return
            if answer["ground"] not in ("code-expired", "code-wrong", "code-used"):
                break
        raise Stopped(answer)

    async def show_card(self) -> None:
        """Both sides of the card."""
        files = {"front": ("front.jpg", self.front, "image/jpeg"), "back": ("back.jpg", self.back, "image/jpeg")}
        await self.step("POST", f"{self._registration}/document", files=files)

    async def show_face(self) -> None:
        """Selfie, and a clip along the sequence that the server issued."""

        async def once() -> JSON:
            files, data = await self._face(await self.call("POST", f"{self._registration}/challenges"))
            return await self.step("POST", f"{self._registration}/face", files=files, data=data)

        await _repeated(once)

    async def sign_statement(self) -> None:
        """The electronic signature under the registration statement."""
        if self.scan is not None:
            await qr.sign_statement_in_telephone(self, self.scan)
            return
        content = await self.fetch(f"{self._registration}/statement/content")
        await self.step("PUT", f"{self._registration}/signature", json={"cms": _b64(await self.sign(content))})

    async def choose_password(self) -> None:
        """The last step of registration."""
        await self.step("PUT", f"{self._registration}/password", json={"password": self.password})

    async def log_in(self) -> None:
        """By phone and password."""
        body = {"phone": self.persona.phone, "password": self.password, "application": "mobile"}
        answer = await self.call("POST", "/sessions", json=body)
        if "log_in_id" in answer:  # a device that the lender does not know: a code to the number besides
            answer = await self._second_factor({"log_in_id": answer["log_in_id"], "application": "mobile"})
        self.token, self.client_id = answer["token"], answer["client_id"]

    async def _second_factor(self, log_in: JSON) -> JSON:
        """The code of an SMS; one that came too late is asked for again."""
        for _ in range(3):
            await self.call("POST", "/sessions/factors/code", json=log_in)
            code = await self.sms(self.persona.phone)
            try:
                answer: JSON = await self.call("POST", "/sessions/factors", json={**log_in, "code": code})
            except Refused as refused:
                if refused.code not in ("code-expired", "code-wrong"):
                    raise
                continue
            return answer
        raise Stopped({"step": "log-in", "outcome": "retry", "ground": "code-expired"})

    async def apply(
        self,
        amount: str,
        months: int,
        purpose: str = "PERSONAL_NEEDS",
        iban: str | None = None,
        receiving: JSON | None = None,
    ) -> str:
        """Submit an application; returns its id. receiving: how the money is to come, else to the own account."""
        own = {"method": "OWN_ACCOUNT", "iban": iban or self.persona.iban}
        body = {"amount": amount, "term_months": months, "purpose": purpose, "receiving": receiving or own}
        return str((await self.call("POST", "/applications", json=body))["application_id"])

    async def offers(self, application: str) -> list[JSON]:
        """The three draft schedules, once the decision is there.

        Raises:
            Stopped: the application was refused.
        """
        await self.until(application, "OFFERED")
        return list((await self.call("GET", f"/applications/{application}/offers"))["offers"])

    async def choose(self, application: str, method: str) -> None:
        """Read and mark the three texts, then choose a schedule."""
        texts = await self.call("GET", f"/applications/{application}/acknowledgements")
        for text in texts:
            mark = {"text_version": text["text_version"], "text_sha256": text["text_sha256"]}
            await self.call("PUT", f"/applications/{application}/acknowledgements/{text['subject']}", json=mark)
        await self.call("PUT", f"/applications/{application}/choice", json={"method": method})

    async def sign_contract(self, application: str) -> JSON:
        """Read the PDF, show the face again, sign exactly those bytes. Returns what was signed."""
        await self.until(application, "SIGNING")
        return await _repeated(lambda: self._sign_once(application))

    async def _sign_once(self, application: str) -> JSON:
        start: JSON = await self.call("POST", f"/applications/{application}/signing")
        content = await self.fetch(start["pdf"].removeprefix("/api/v1"))
        if hashlib.sha256(content).hexdigest() != start["sha256"]:
            raise AssertionError("the PDF is not the one that is to be signed")
        files, data = await self._face(start["challenge"])
        if self.scan is None:
            files["cms"] = ("contract.cms", await self.sign(content), "application/pkcs7-signature")
        else:
            request = await qr.sign_in_telephone(self, start["document_id"], self.scan)
            data["signing_request_id"] = request["signing_request_id"]
        await self.step("PUT", f"/applications/{application}/signing", files=files, data=data)
        return start

    async def confirm_merchant(self, application: str) -> JSON:
        """Show the face for exactly the payment to the seller. Returns what was confirmed."""
        await self.until(application, "MERCHANT_CONFIRMATION")
        return await _repeated(lambda: self._confirm_once(application))

    async def _confirm_once(self, application: str) -> JSON:
        path = f"/applications/{application}/merchant-confirmation"
        check: JSON = await self.call("POST", f"{path}/challenges")
        files, data = await self._face(check["challenge"])
        await self.step("POST", path, files=files, data=data)
        return check

    async def collection(self, application: str) -> JSON:
        """The order that waits at a desk or a terminal, with the code that is shown once."""
        await self.until(application, "DISBURSING")
        path = f"/applications/{application}/collection"
        waiting: JSON = await self.call("GET", path)
        return waiting | {"code": (await self.call("POST", f"{path}/codes"))["code"]}

    async def issued(self, application: str) -> JSON:
        """Wait for the money; the application's final state."""
        return await self.until(application, "ISSUED")

    # ---- tools

    @property
    def _registration(self) -> str:
        return f"/registrations/{self.client_id}"

    async def _face(self, challenge: JSON) -> tuple[dict[str, tuple[str, bytes, str]], dict[str, str]]:
        clip = await self.clip(self.selfie, challenge["movements"])
        files = {"selfie": ("selfie.jpg", self.selfie, "image/jpeg"), "video": ("live.mp4", clip, "video/mp4")}
        return files, {"challenge_id": challenge["challenge_id"]}

    async def until(self, application: str, stage: str) -> JSON:
        """Wait for a stage.

        Raises:
            Stopped: the case ended elsewhere, or a person is needed.
        """
        end, pause = time.monotonic() + self.patience_seconds, 0.05
        while True:
            state: JSON = await self.call("GET", f"/applications/{application}", name="GET /applications/{id}")
            if state["stage"] == stage:
                return state
            if state["stage"] in ("REFUSED", "WITHDRAWN", "EXPIRED", "REVIEW") or time.monotonic() > end:
                grounds = [ground["code"] for ground in state.get("grounds", [])]
                raise Stopped({"step": state["stage"], "outcome": "stopped", "ground": ",".join(grounds)})
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 1.0)

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


def _b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


async def _repeated(once: Callable[[], Awaitable[JSON]]) -> JSON:
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
