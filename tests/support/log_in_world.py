"""Clients with second factors, through the API; what the outbox holds is done at once, the SMS land in a list."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import httpx
import pyotp
from temporalio.testing import ActivityEnvironment

from activities.context import Records
from activities.log_in_codes import LogInCodes, LogInCodeWanted
from activities.security_notices import NoticeRef, SecurityNotices
from api.outbox import send_one
from api.services import Services
from storage import devices
from storage.database import run
from tests.support.api_world import ORIGIN, PASSWORD, Borrower, StandInDoor
from tests.support.authenticator import Authenticator

HOST = "nesie.test"
JSON = dict[str, Any]


@dataclass
class Texts:
    """The SMS gateway: one message a key."""

    sent: dict[str, tuple[str, str]] = field(default_factory=dict)
    down: bool = False

    async def send(self, key: str, phone: str, text: str, lives_seconds: int) -> None:
        from rules.errors import Unavailable

        if self.down:
            raise Unavailable("the gateway is away")
        self.sent.setdefault(key, (phone, text))

    def code(self, phone: str) -> str:
        """The newest code to a number."""
        texts = [text for to, text in self.sent.values() if to == phone]
        return next(found.group() for text in reversed(texts) if (found := re.search(r"\b[0-9]{6}\b", text)))

    def to(self, phone: str) -> list[str]:
        return [text for to, text in self.sent.values() if to == phone]


@dataclass
class Account:
    """A client at the API, and the world around."""

    borrower: Borrower
    services: Services
    door: StandInDoor
    texts: Texts

    @property
    def records(self) -> Records:
        return self.services.records

    @property
    def phone(self) -> str:
        return self.borrower.phone

    async def owns_phone(self, outcome: str = "OWNED") -> None:
        """The operators' base has answered."""
        async with self.records.moment() as moment:
            client = await self.records.clients.get(moment.session, self.borrower.client_id)
            await devices.note_owner(moment.session, client, outcome, "operators")

    async def deliver(self) -> None:
        """Start what the outbox holds and do it: the codes, the notices. Done twice it is done once."""
        while await send_one(self.records, self.services.actions):
            pass
        codes, notices = LogInCodes(self.records, self.texts), SecurityNotices(self.records, self.texts)
        for case, (name, argument) in list(self.door.started.items()):
            given = argument if isinstance(argument, dict) else argument.model_dump()
            if name == "LogInCode":
                await ActivityEnvironment().run(codes.send_log_in_code, LogInCodeWanted.model_validate(given))
                del self.door.started[case]  # another run of it would send another code
            if name == "ClientNotice":
                await ActivityEnvironment().run(notices.text_notice, NoticeRef.model_validate(given))

    async def post(self, path: str, body: JSON, *, device: str | None = None) -> httpx.Response:
        """A call without a log-in, of the mobile application."""
        headers = {"X-Device-Id": device or self.borrower.device}
        return await self.borrower.http.post(f"/api/v1{path}", json=body | {"application": "mobile"}, headers=headers)

    async def password(self, device: str | None = None, password: str = PASSWORD) -> httpx.Response:
        return await self.post("/sessions", {"phone": self.phone, "password": password}, device=device)

    async def step_up(self, **proof: Any) -> str:
        """The password once more, with a proof where one is asked for."""
        begun = (await self.borrower.call("POST", "/account/step-ups", json={"password": PASSWORD})).json()
        if not begun["enough"]:
            ref = {"step_up_id": begun["step_up_id"]}
            if proof.pop("by_code", False):
                assert (await self.borrower.call("POST", "/account/step-ups/code", json=ref)).status_code == 204
                await self.deliver()
                proof = {"code": self.texts.code(self.phone)}
            done = await self.borrower.call("POST", "/account/step-ups/proof", json=ref | proof)
            assert done.json()["enough"], done.text
        return str(begun["step_up_id"])

    async def add_totp(self, **proof: Any) -> pyotp.TOTP:
        """An authenticator application; its present digits are used up by the enrolment."""
        asked = await self.borrower.call(
            "POST", "/account/factors/totp", json={"step_up_id": await self.step_up(**proof)}
        )
        assert asked.status_code == 201, asked.text
        totp = pyotp.TOTP(asked.json()["secret"])
        done = await self.borrower.call("POST", "/account/factors/totp/confirmation", json={"totp": totp.now()})
        assert done.status_code == 201, done.text
        return totp

    async def new_step(self) -> None:
        """Half a minute passes: the digits shown now may be used again."""
        async with self.records.database.begin() as session:
            await run(session, "update totp_factor set last_step = 0 where client_id = :id", id=self.borrower.client_id)

    async def add_passkey(self, name: str = "Телефон", **proof: Any) -> Authenticator:
        device = Authenticator(ORIGIN, HOST)
        ref = {"step_up_id": await self.step_up(**proof)}
        options = (await self.borrower.call("POST", "/account/factors/passkeys/options", json=ref)).json()["options"]
        body = {"name": name, "passkey": device.create(options)}
        added = await self.borrower.call("POST", "/account/factors/passkeys", json=body)
        assert added.status_code == 201, added.text
        return device

    async def passkey_log_in(self, device_id: str | None = None) -> tuple[str, JSON]:
        """Begun without a number; the log-in's id and what the passkey is asked."""
        begun = (await self.post("/sessions/passkeys", {}, device=device_id)).json()
        return begun["log_in_id"], begun["options"]

    async def notices(self) -> list[JSON]:
        found = (await self.borrower.call("GET", "/account/security-notices")).json()
        return list(found)
