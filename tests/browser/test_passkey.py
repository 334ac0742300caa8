"""A passkey made and used in a real browser, on a page of ours, with Chromium's own virtual authenticator.

Real are the API, PostgreSQL, the browser's WebAuthn and its cookies; nothing here is written by us but the calls.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
import uvicorn
from outside_world import free_port
from playwright.async_api import Page, async_playwright

from activities.context import Records
from api.actions import Actions
from api.app import create_app
from api.services import Services
from storage import passwords
from tests.api.conftest import _QUICK, _services, records  # noqa: F401 - a fixture
from tests.browser.test_ncalayer import FLAGS, PATIENCE_MS
from tests.support.api_world import PASSWORD, StandInDoor, new_iin, new_phone

DEVICE = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip
CALLS = """
globalThis.call = async (method, path, body) => {
  const answer = await fetch('/api/v1' + path, {
    method, headers: {'Content-Type': 'application/json'}, body: body && JSON.stringify(body),
  });
  return { status: answer.status, body: answer.status === 204 ? null : await answer.json() };
};
globalThis.make = async (options) => {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
  return (await navigator.credentials.create({ publicKey })).toJSON();
};
globalThis.show = async (options) => {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  return (await navigator.credentials.get({ publicKey })).toJSON();
};
0;  // a value that is a function would be called
"""


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_HASHER", _QUICK)
    passwords._nobody.cache_clear()


@pytest_asyncio.fixture
async def page(records: Records, _quick: None) -> AsyncIterator[Page]:  # noqa: F811
    chromium = shutil.which("chromium")
    if not chromium:
        pytest.fail("no `chromium` on this machine: apt-get install --no-install-recommends chromium", pytrace=False)
    port = free_port()
    origin = f"http://localhost:{port}"  # a number is no host for a passkey
    services: Services = replace(_services(records, StandInDoor()), origin=origin)
    services = replace(services, actions=Actions(records, StandInDoor()))
    config = uvicorn.Config(create_app(services=services), host="127.0.0.1", port=port, log_level="warning")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        opened = await browser.new_page()
        opened.set_default_timeout(PATIENCE_MS)
        while not server.started:
            await asyncio.sleep(0.02)
        devices = await opened.context.new_cdp_session(opened)
        await devices.send("WebAuthn.enable")
        await devices.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
        await opened.goto(f"{origin}/api/docs")
        await opened.evaluate(CALLS)
        yield opened
        await browser.close()
    server.should_exit = True
    await serving


async def call(page: Page, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = await page.evaluate("([m, p, b]) => call(m, p, b)", [method, path, body])
    return answer


async def test_a_passkey_is_made_and_opens_the_account_in_a_real_browser(page: Page, records: Records) -> None:  # noqa: F811
    phone = await registered(records)
    opened = await call(page, "POST", "/sessions", {"phone": phone, "password": PASSWORD})
    assert opened["status"] == 201, opened
    ref = {"step_up_id": (await call(page, "POST", "/account/step-ups", {"password": PASSWORD}))["body"]["step_up_id"]}
    options = (await call(page, "POST", "/account/factors/passkeys/options", ref))["body"]["options"]
    made = await page.evaluate("(options) => make(options)", options)
    added = await call(page, "POST", "/account/factors/passkeys", {"name": "Chromium", "passkey": made})
    assert added["status"] == 201, added
    assert (await call(page, "DELETE", "/sessions/current"))["status"] == 204
    assert (await call(page, "GET", "/me"))["status"] == 401
    for _ in range(2):
        begun = (await call(page, "POST", "/sessions/passkeys", {}))["body"]
        shown = await page.evaluate("(options) => show(options)", begun["options"])
        body = {"log_in_id": begun["log_in_id"], "passkey": shown}
        answer = await call(page, "POST", "/sessions/factors", body)
        assert answer["status"] == 201, answer
        assert answer["body"]["token"] is None
        assert (await call(page, "GET", "/me"))["status"] == 200


async def registered(records: Records) -> str:  # noqa: F811
    """A client; the number."""
    from datetime import date

    from rules.client import ClientKind, IdentityDocument, Person

    phone = new_phone()
    person = Person(
        surname="АХМЕТОВА", given_name="АЙГЕРІМ", iin=new_iin(), phone=phone,
        document=IdentityDocument(number="012345678", expires=date(2035, 4, 11)),
    )  # fmt: skip
    async with records.database.begin() as session:
        client = await records.clients.register(session, person, ClientKind.INDIVIDUAL, "kk", "2025")
        await records.clients.complete(session, client, _QUICK.hash(PASSWORD))
    return phone
