"""Our API on a real socket, and the state's mobile application with its authority, which scan what our API shows."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI

from activities.context import Records
from activities.integrations.signature.verifier import NativeVerifier
from api.actions import Actions
from api.app import create_app
from api.services import Services
from api.signature_check import signature_ground
from infra.counterparties.app import Config
from infra.counterparties.app import create_app as create_counterparties
from infra.counterparties.exchange import Exchange
from infra.counterparties.pki import issue_lender
from rules.lender import EXAMPLE
from storage.tables import Document
from tests.support.api_world import Borrower, StandInDoor, new_iin, new_key, new_phone, registration_body
from tests.support.outside_world import free_port, served_app

CONTENT = b"%PDF-1.7 the statement, to the last byte"
AUTHORITY = "http://authority"


class RecordingDoor(StandInDoor):
    """Keeps the arguments too."""

    def __init__(self) -> None:
        super().__init__()
        self.given: dict[str, list[Any]] = {}

    async def update(self, workflow_id: str, name: str, argument: Any, action_id: str, patience_seconds: float) -> Any:
        self.given.setdefault(name, []).append(argument)
        return await super().update(workflow_id, name, argument, action_id, patience_seconds)


@dataclass
class SigningWorld:
    """outside: the counterparties, in this process. door: what reached the workflows."""

    url: str
    app: FastAPI
    records: Records
    counterparties: Exchange
    outside: httpx.AsyncClient
    trust: bytes
    http: httpx.AsyncClient
    door: RecordingDoor = field(default_factory=RecordingDoor)

    def set_up(self, **changes: Any) -> None:
        """Fresh services with a door of their own."""
        self.door = RecordingDoor()
        self.app.state.services = replace(self._services(), **changes)

    def _services(self) -> Services:
        return Services(
            records=self.records,
            actions=Actions(self.records, self.door),
            lender=EXAMPLE,
            origin=self.url,
            secure_cookies=False,
            signature_ground=signature_ground(self.trust),
        )

    @property
    def services(self) -> Services:
        """Those that the API has now."""
        services: Services = self.app.state.services
        return services

    @property
    def given(self) -> dict[str, list[Any]]:
        """The arguments of updates by name."""
        return self.door.given

    @property
    def verifier(self) -> NativeVerifier:
        """The whole verification, with the authority's word."""
        return NativeVerifier(self.trust, self.outside, f"{AUTHORITY}/pki")

    async def plant(self, iin: str) -> None:
        """A person whom the services know."""
        body = {
            "iin": iin, "surname": "АХМЕТОВА", "given_name": "АЙГЕРІМ", "phone": new_phone(),
            "document": {"number": "012345678", "expires": "2035-04-11"},
        }  # fmt: skip
        (await self.outside.post("/_control/personas", json=body)).raise_for_status()

    async def registrant(self) -> tuple[Borrower, Document, str]:
        """Somebody at the step of the signature, their statement, their IIN."""
        iin, device, phone = new_iin(), new_key(), new_phone()
        await self.plant(iin)
        headers = {"Idempotency-Key": new_key(), "X-Device-Id": device}
        body = registration_body(iin=iin, phone=phone)
        answer = await self.http.post("/api/v1/registrations", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        me = answer.json()
        borrower = Borrower(UUID(me["client_id"]), phone, self.http, device, me["token"])
        return borrower, await self.keep(borrower.client_id, "registration_statement"), iin

    async def keep(self, client_id: UUID, kind: str, application_id: UUID | None = None) -> Document:
        """A paper that waits for the client."""
        async with self.records.moment() as moment:
            return await self.records.documents.keep(
                moment.session, CONTENT, kind=kind, media_type="application/pdf", direction="sent",
                client=await self.records.clients.get(moment.session, client_id), application_id=application_id,
                retain_until=moment.retain_until(),
            )  # fmt: skip

    async def scan(self, qr: str, iin: str, behaviour: str = "sign", **more: Any) -> dict[str, Any]:
        """A person holds the telephone before the page."""
        body = {"qr": qr, "iin": iin, "behaviour": behaviour, **more}
        answer = await self.outside.post("/_control/egov-mobile/scan", json=body)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told


async def asked(borrower: Borrower, document: Document, **more: Any) -> dict[str, Any]:
    """A request for a signature."""
    answer = await borrower.call("POST", f"/documents/{document.id}/signing-requests", **more)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def stands(borrower: Borrower, request: dict[str, Any]) -> dict[str, Any]:
    """How it stands now."""
    answer = await borrower.call("GET", f"/signing-requests/{request['signing_request_id']}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


@asynccontextmanager
async def signing_world(records: Records) -> AsyncIterator[SigningWorld]:
    """Both sides, in this process; the telephone comes to our API over a socket."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="nesie-signing-") as folder:
        state, out = Path(folder) / "state", Path(folder) / "out"
        counterparties = create_counterparties(Config(state=state, token="not asked for here", api_url=url))
        issue_lender.write(state, out)
        trust = (out / "authorities.pem").read_bytes()
        async with (
            httpx.AsyncClient(transport=httpx.ASGITransport(counterparties), base_url=AUTHORITY, timeout=60) as outside,
            httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as http,
        ):
            bare = Services(records, Actions(records, StandInDoor()), EXAMPLE, url, secure_cookies=False)
            app = create_app(services=bare)
            world = SigningWorld(url, app, records, counterparties, outside, trust, http)
            world.set_up()
            async with served_app(app, port):
                yield world
        counterparties.world.store.close()
