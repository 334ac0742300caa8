"""Our script signs through a simulated NCALayer in a real browser, under a strict Content-Security-Policy.

What comes out is verified by the lender's own verifier against the same authority.
"""

from __future__ import annotations

import shutil
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from fastapi.responses import HTMLResponse, Response
from outside_world import free_port, persona, served_app
from playwright.async_api import Page, async_playwright

from activities.integrations.signature.verifier import NativeVerifier
from api import problems
from api.routes import static
from infra.counterparties.app import Config, create_app
from infra.counterparties.pki import issue_lender
from rules.evidence import SignatureGround

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENCE_MS = 180_000  # of the browser, on a busy machine
ANN = persona(7101)
BIN = "490740000014"
CONTENT = bytes(range(256)) * 400  # more than one piece, every byte
SCRIPT = """
import { NcaLayerError, sign } from '/static/ncalayer.js';
globalThis.signBytes = async (base64, options) => {
  const bytes = Uint8Array.from(atob(base64), (one) => one.charCodeAt(0));
  try {
    return { cms: await sign(bytes, options) };
  } catch (error) {
    return { code: error.code, details: error.details, known: error instanceof NcaLayerError };
  }
};
"""


@dataclass
class Desk:
    """A page of ours, and the NCALayer on its machine."""

    page: Page
    control: httpx.AsyncClient
    verifier: NativeVerifier
    address: str
    console: list[str] = field(default_factory=list)

    async def holds(self, behaviour: str = "sign", **more: Any) -> None:
        body = {"iin": ANN["iin"], "behaviour": behaviour, **more}
        (await self.control.put("/_control/ncalayer", json=body)).raise_for_status()

    async def sign(self, **options: Any) -> dict[str, Any]:
        asked = {"address": self.address, "connectSeconds": 60, "signSeconds": 60, **options}
        call = "([content, options]) => globalThis.signBytes(content, options)"
        told: dict[str, Any] = await self.page.evaluate(call, [b64encode(CONTENT).decode(), asked])
        return told

    async def failure(self, **options: Any) -> str:
        told = await self.sign(**options)
        assert told["known"], told
        return str(told["code"])


def site(address: str) -> FastAPI:
    app = FastAPI()
    app.include_router(static.router)
    problems.install(app)
    csp = f"default-src 'none'; script-src 'self'; connect-src {address}"

    @app.get("/")
    async def page() -> HTMLResponse:
        return HTMLResponse(
            "<!doctype html><title>Қол қою</title><script type=module src=/page.js></script>",
            headers={"Content-Security-Policy": csp},
        )

    @app.get("/page.js")
    async def script() -> Response:
        return Response(SCRIPT, media_type="text/javascript")

    return app


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    chromium = shutil.which("chromium")
    if not chromium:
        pytest.fail("no `chromium` on this machine: apt-get install --no-install-recommends chromium", pytrace=False)
    state: Path = tmp_path_factory.mktemp("outside")
    outside = create_app(Config(state=state, token="x"))
    issue_lender.write(state, state / "out")
    trust = (state / "out" / "authorities.pem").read_bytes()
    port = free_port()
    address = f"ws://127.0.0.1:{port}/ncalayer"
    async with (
        served_app(outside, port) as url,
        served_app(site(f"ws://127.0.0.1:{port}")) as home,
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as control,
        async_playwright() as playwright,
    ):
        (await control.post("/_control/personas", json=ANN)).raise_for_status()
        browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = await (await browser.new_context(locale="kk-KZ")).new_page()
        page.set_default_timeout(PATIENCE_MS)
        made = Desk(page, control, NativeVerifier(trust, control, f"{url}/pki"), address)
        page.on("console", lambda said: made.console.append(said.text))
        await page.goto(home)
        await page.evaluate(
            "async () => { while (!globalThis.signBytes) await new Promise((go) => setTimeout(go, 20)); }"
        )
        yield made
        await browser.close()
    outside.world.store.close()


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("alg", ["RSA", "GOST2015"])
async def test_what_the_page_signs_our_verifier_accepts(desk: Desk, alg: str, old: bool) -> None:
    await desk.holds(alg=alg, old=old)
    for detached in (True, False):
        cms = b64decode((await desk.sign(detached=detached, locale="kk"))["cms"], validate=True)
        assert (CONTENT in cms) != detached
        found = await desk.verifier.verify(cms, CONTENT, iin=ANN["iin"])
        assert (found.accepted, found.ground) == (True, None)
        other = await desk.verifier.verify(cms, CONTENT + b" ", iin=ANN["iin"])
        assert other.ground is SignatureGround.OTHER_CONTENT
    assert [said for said in desk.console if "Content Security" in said] == []


@pytest.mark.parametrize(
    ("signer", "kind", "signs"),
    [
        ("individual", "INDIVIDUAL", True),
        ("head", "CEO", True),
        ("trusted", "CAN_SIGN", True),
        ("individual", "CEO", False),
        ("head", "INDIVIDUAL", False),
        ("trusted", "CEO", False),
    ],
)
async def test_the_key_offered_is_one_for_signing_of_the_kind_that_is_asked_for(
    desk: Desk, signer: str, kind: str, signs: bool
) -> None:
    bin_ = None if kind == "INDIVIDUAL" else BIN
    await desk.holds(alg="GOST2015", kind=kind, bin=bin_)
    told = await desk.sign(signer=signer)
    if not signs:
        assert (told["code"], told["details"]) == ("refused", "NO_KEY no suitable key in no storage")
        return
    found = await desk.verifier.verify(b64decode(told["cms"]), CONTENT, iin=ANN["iin"], bin=bin_)
    assert found.accepted


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize(
    ("behaviour", "code"),
    [("cancel", "cancelled"), ("error", "refused"), ("closes", "closed"), ("garbage", "unreadable")],
)
async def test_each_failure_has_its_own_name(desk: Desk, behaviour: str, code: str, old: bool) -> None:
    await desk.holds(behaviour, old=old)
    assert await desk.failure() == code


@pytest.mark.parametrize("old", [False, True])
async def test_nobody_chooses_a_key(desk: Desk, old: bool) -> None:
    await desk.holds("never", old=old)
    assert await desk.failure(signSeconds=0.4) == "timed-out"
    await desk.holds(alg="GOST2015")  # and the next one is heard
    assert "cms" in await desk.sign()


async def test_nobody_is_there_or_does_not_greet(desk: Desk) -> None:
    assert await desk.failure(address=desk.address.replace("/ncalayer", "/nobody")) == "not-running"
    await desk.holds(mute=True)
    assert await desk.failure(connectSeconds=0.4) == "timed-out"
    blocked = await desk.failure(address="ws://127.0.0.1:1")  # the page's policy allows NCALayer's place alone
    assert blocked == "not-running"
    assert any("Content Security" in said for said in desk.console)


async def test_the_script_is_served_as_a_script_and_nothing_else_is(desk: Desk) -> None:
    async with httpx.AsyncClient(base_url=desk.page.url, trust_env=False, timeout=60) as http:
        answer = await http.get("/static/ncalayer.js")
        assert answer.headers["content-type"].startswith("text/javascript")
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        again = await http.get("/static/ncalayer.js", headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        for name in ("", "x.js", "..%2fapp.py", "ncalayer.js%00", "ncalayer.js/.."):
            assert (await http.get(f"/static/{name}")).status_code in (404, 405), name
