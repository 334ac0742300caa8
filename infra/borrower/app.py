"""A borrower's application: walks the public API the way a phone does, step by step.

Used by the demonstration, the benchmark and the end-to-end tests. It knows nothing but HTTP.
"""

from __future__ import annotations

import base64

from infra.borrower import qr
from infra.borrower.lending import Lending
from infra.borrower.outcomes import Refused as Refused
from infra.borrower.outcomes import Stopped as Stopped
from infra.borrower.transport import JSON, filmed


class BorrowerApp(Lending):
    """One borrower with a device: registration, log-in, and all that comes after them."""

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
            files, data = await self.face(await self.call("POST", f"{self._registration}/challenges"))
            return await self.step("POST", f"{self._registration}/face", files=files, data=data)

        await filmed(once)

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

    @property
    def _registration(self) -> str:
        return f"/registrations/{self.client_id}"


def _b64(content: bytes) -> str:
    return base64.b64encode(content).decode()
