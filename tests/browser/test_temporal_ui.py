"""The real Temporal UI in a real browser, through our proxy and codec, on a real Temporal server.

Pretended are only the sessions and the record of decodes. Proved: log in, list, case with decoded summaries,
details and input; a reader cannot signal; on-call staff can, and what they type is sealed. Any error of the page's
Content-Security-Policy fails the test. Pictures go to NESIE_SCREENSHOTS when that names a folder.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import socket
import sys
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import demo_case
import pytest
import pytest_asyncio
import uvicorn
from fastapi import FastAPI
from playwright.async_api import Browser, Page, async_playwright, expect
from playwright.async_api import Request as Asked
from starlette.requests import Request
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.interceptors import BusinessErrors
from api.temporal_ui.router import router
from api.temporal_ui.staff import StaffIdentity
from infra.codec import EncryptionCodec, PayloadKeys
from infra.temporal import RUNNER, data_converter
from rules.errors import NotConfirmed
from rules.money import Money
from workflows import attributes

TEMPORAL = str(Path(sys.executable).with_name("temporal"))
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
CASE_ID = "application/demo-17"
PATIENCE_MS = 180_000  # of the browser, on a busy machine
expect.set_options(timeout=PATIENCE_MS)
PICTURES = os.environ.get("NESIE_SCREENSHOTS")  # read now: fixtures clear NESIE_* variables


@dataclass
class Site:
    """The running application: where it is, who is logged in, what was decoded."""

    url: str
    handle: WorkflowHandle[demo_case.Demo, demo_case.DemoView]
    decoded: list[tuple[str, str | None, str | None, int]]
    sessions: dict[str, StaffIdentity]


@dataclass
class Staff:
    """Two people with sessions in memory."""

    people: dict[str, StaffIdentity] = field(
        default_factory=lambda: {
            "aliya": StaffIdentity(uuid4(), "Алия", frozenset({"officer"})),
            "daniyar": StaffIdentity(uuid4(), "Данияр", frozenset({"oncall"})),
        }
    )
    sessions: dict[str, StaffIdentity] = field(default_factory=dict)
    decoded: list[tuple[str, str | None, str | None, int]] = field(default_factory=list)

    async def session(self, request: Request) -> StaffIdentity | None:
        return self.sessions.get(request.cookies.get("nesie_staff", ""))

    async def log_in(self, login: str, password: str, totp: str) -> str:
        if login not in self.people or (password, totp) != ("a long password", "123456"):
            raise NotConfirmed("log-in-wrong")
        token = secrets.token_urlsafe()
        self.sessions[token] = self.people[login]
        return token

    async def log_out(self, request: Request) -> None:
        self.sessions.pop(request.cookies.get("nesie_staff", ""), None)

    async def on_decode(self, staff: StaffIdentity, workflow: str | None, run: str | None, count: int) -> None:
        self.decoded.append((staff.name, workflow, run, count))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    port = free_port()
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=port,
        http="httptools",
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    await serving


async def waiting_case(client: Client) -> WorkflowHandle[demo_case.Demo, demo_case.DemoView]:
    case = demo_case.DemoCase(iin=demo_case.PLANTED_IIN, amount=Money("150000"))
    handle = await client.start_workflow(
        demo_case.Demo.run, args=[case, 1], id=CASE_ID, task_queue=demo_case.QUEUE,
        static_summary="Заём 150 000 ₸", static_details="Дело **17**, редакция 2025",
    )  # fmt: skip
    while (await handle.query(demo_case.Demo.view)).stage != "WAITS":
        await asyncio.sleep(0.1)
    return handle


@asynccontextmanager
async def running_site() -> AsyncIterator[Site]:
    keys, staff, ui_port = PayloadKeys({"k": secrets.token_bytes(32)}, "k"), Staff(), free_port()
    environment = await WorkflowEnvironment.start_local(
        dev_server_existing_path=TEMPORAL, data_converter=data_converter(keys), ui=True, ui_port=ui_port,
        search_attributes=[attributes.CASE_KIND, attributes.STAGE, attributes.NEEDS_PERSON], ip="127.0.0.1",
        dev_server_extra_args=[
            "--ui-public-path", "/temporal", "--ui-codec-endpoint", "/codec", "--ui-disable-news-fetch",
        ],
    )  # fmt: skip
    app = FastAPI()
    codec = EncryptionCodec(keys)
    outside = (staff.session, staff.on_decode, staff.log_in, staff.log_out)
    app.include_router(router(f"http://127.0.0.1:{ui_port}", codec, *outside, secure_cookies=False))
    async with environment, served(app) as url:
        async with Worker(
            environment.client, task_queue=demo_case.QUEUE, workflows=[demo_case.Demo, demo_case.Child],
            activities=[demo_case.ask_bureau, demo_case.nothing], interceptors=[BusinessErrors()],
            workflow_runner=RUNNER,
        ):  # fmt: skip
            yield Site(url, await waiting_case(environment.client), staff.decoded, staff.sessions)


@pytest_asyncio.fixture(scope="module")
async def site() -> AsyncIterator[Site]:
    async with running_site() as running:
        yield running


@pytest_asyncio.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    chromium = shutil.which("chromium")
    if not chromium:
        pytest.fail("no `chromium` on this machine: apt-get install --no-install-recommends chromium", pytrace=False)
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield launched
        await launched.close()


@asynccontextmanager
async def logged_in(browser: Browser, site: Site, login: str) -> AsyncIterator[tuple[Page, list[str]]]:
    """A page of somebody who has gone through the log-in form; with the problems that the browser saw."""
    context = await browser.new_context(viewport={"width": 1500, "height": 1000}, locale="ru-RU")
    context.set_default_timeout(PATIENCE_MS)
    problems: list[str] = []

    def guard(request: Asked) -> None:
        if not request.url.startswith((site.url, "data:", "blob:")):
            problems.append(f"asked an outside host: {request.url}")

    context.on("request", guard)
    page = await context.new_page()
    page.on("console", lambda said: problems.append(said.text) if "Content Security" in said.text else None)
    await page.goto(f"{site.url}/temporal/namespaces/default/workflows")
    await page.wait_for_url("**/staff/login?next=*")
    await page.fill("input[name=login]", login)
    await page.fill("input[name=password]", "a long password")
    await page.fill("input[name=totp]", "123456")
    await picture(page, "log-in")
    await page.click("button")
    await page.wait_for_url("**/temporal/namespaces/default/workflows*")
    yield page, problems
    await context.close()


async def picture(page: Page, name: str) -> None:
    if PICTURES:
        await page.screenshot(path=str(Path(PICTURES) / f"{name}.png"))


async def signal_status(page: Page) -> int:
    """What a hand-made signal with a properly sealed payload gets."""
    return int(
        await page.evaluate("""async (id) => {
            const csrf = document.cookie.match(/_csrf=([^;]+)/)?.[1] ?? '';
            const post = (url, body) => fetch(url, {method: 'POST', body: JSON.stringify(body),
                headers: {'content-type': 'application/json', 'x-csrf-token': csrf}});
            const plain = {metadata: {encoding: btoa('json/plain')}, data: btoa('"by hand"')};
            const encoded = await post('/codec/encode', {payloads: [plain]});
            const payloads = encoded.ok ? (await encoded.json()).payloads : [plain];
            const path = `/temporal/api/v1/namespaces/default/workflows/${encodeURIComponent(id)}/signal/note`;
            return (await post(path, {signalName: 'note', input: {payloads},
                workflowExecution: {workflowId: id}})).status;
        }""", CASE_ID)
    )  # fmt: skip


async def test_a_reader_sees_the_case_in_clear_text_cannot_signal_and_is_sent_to_log_in_when_the_session_ends(
    site: Site, browser: Browser
) -> None:
    async with logged_in(browser, site, "aliya") as (page, problems):
        await expect(page.get_by_text(CASE_ID).first).to_be_visible()
        await picture(page, "list")
        await page.get_by_text(CASE_ID).first.click()
        await expect(page.get_by_text("Отчёт кредитного бюро").first).to_be_visible()
        await expect(page.get_by_text(demo_case.PLANTED_IIN).first).to_be_visible()
        await picture(page, "case")
        run_id = page.url.split("/workflows/")[1].split("/")[1]
        await page.goto(page.url.rsplit("/", 1)[0] + "/user-metadata")
        details = page.frame_locator("#user-metadata-current-details").get_by_text("Стадия: WAITS").first
        await expect(details).to_be_visible()
        await picture(page, "details")
        assert await signal_status(page) == 403
        assert problems == []
        site.sessions.clear()
        await page.get_by_text("Back to Workflows").first.click()
        await page.wait_for_url("**/staff/login?next=*")
    assert ("Алия", CASE_ID, run_id, 1) in site.decoded
    assert (await site.handle.query(demo_case.Demo.view)).signals == 0


async def test_on_call_staff_signal_and_what_they_type_is_sealed(site: Site, browser: Browser) -> None:
    async with logged_in(browser, site, "daniyar") as (page, problems):
        await page.get_by_text(CASE_ID).first.click()
        await expect(page.get_by_text("Отчёт кредитного бюро").first).to_be_visible()
        await page.get_by_role("button", name="More Actions").last.click()
        await page.locator(':text("Send a Signal"):visible').last.click()
        dialog = page.locator("dialog[open]")
        await dialog.locator("[data-testid=signal-select-button]:visible").click()
        await dialog.locator('li:has-text("note"):visible').click()
        await dialog.locator(".cm-content:visible").first.click()
        await page.keyboard.type('"by hand"')
        await picture(page, "signal")
        async with page.expect_response("**/signal/note*") as answered:
            await dialog.locator('button:has-text("Submit"):visible').click()
        assert (await answered.value).status == 200
        assert problems == []
    assert (await site.handle.query(demo_case.Demo.view)).signals == 1
    assert b64encode(b'"by hand"').decode() not in (await site.handle.fetch_history()).to_json()
