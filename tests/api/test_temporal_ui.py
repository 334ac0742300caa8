"""Temporal UI behind our proxy: each rule, with a pretended UI server and pretended sessions.

The real UI in a real browser is in tests/browser. Here the upstream only tells what reached it.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from starlette.requests import Request
from temporalio.api.common.v1 import Payload

from api.temporal_ui import gate
from api.temporal_ui.proxy import policy_of
from api.temporal_ui.router import router
from api.temporal_ui.staff import StaffIdentity
from infra.codec import EncryptionCodec, PayloadKeys
from rules.errors import BusinessError, NotConfirmed, Unavailable

CODEC = EncryptionCodec(PayloadKeys({"k": secrets.token_bytes(32)}, "k"))
API = "/temporal/api/v1/namespaces/nesie/workflows/application%252F17"
PAGE = "http://app/temporal/namespaces/nesie/workflows/application%2F17/run-1/history"
SAME = {"sec-fetch-site": "same-origin"}
INDEX = b"<html><script>start()</script><script src='/x.js'></script></html>"


@dataclass
class Seen:
    """A request as it reached the UI server."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)


@dataclass
class World:
    """The pretended outside: the UI server, sessions by token, the record of decodes."""

    seen: list[Seen] = field(default_factory=list)
    sessions: dict[str, StaffIdentity] = field(default_factory=dict)
    decoded: list[tuple[str, str | None, str | None, int]] = field(default_factory=list)

    async def ui(self, scope: dict[str, Any], receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        request = Request(scope, receive)
        raw = (scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")).decode()
        headers = [(name.decode(), value.decode()) for name, value in scope["headers"]]
        self.seen.append(Seen(scope["method"], raw, headers, await request.body()))
        kind, body = b"application/json", b'{"ok":true}'
        if raw.endswith("/settings"):
            body = json.dumps({"Version": "2", "Codec": {"Endpoint": ""}, "DisableWriteActions": False}).encode()
        if raw == "/temporal/":
            kind, body = b"text/html", INDEX
        answer = [(b"content-type", kind), (b"set-cookie", b"_csrf=1; Path=/"), (b"set-cookie", b"other=2; Path=/")]
        if "/temporal/temporal/render" in raw:
            answer[0] = (b"content-type", b"text/html")
            answer.append((b"content-security-policy", b"default-src 'none'"))
        await send({"type": "http.response.start", "status": 200, "headers": answer})
        await send({"type": "http.response.body", "body": body})

    async def session(self, request: Request) -> StaffIdentity | None:
        return self.sessions.get(request.cookies.get("nesie_staff", ""))

    async def on_decode(self, staff: StaffIdentity, workflow: str | None, run: str | None, count: int) -> None:
        self.decoded.append((staff.name, workflow, run, count))

    async def log_in(self, login: str, password: str, totp: str) -> str:
        if login == "away":
            raise Unavailable("the database is away")
        if login == "hasty":
            raise Hasty("too-many-tries")
        if (login, password, totp) != ("aliya", " secret ", "123456"):
            raise NotConfirmed("log-in-wrong")
        return "reader"

    async def log_out(self, request: Request) -> None:
        self.sessions.pop(request.cookies.get("nesie_staff", ""), None)


class Hasty(BusinessError):
    """Too many tries."""

    status = 429


@pytest.fixture
def world() -> World:
    made = World()
    made.sessions = {
        "reader": StaffIdentity(uuid4(), "Reader", frozenset({"officer"})),
        "auditor": StaffIdentity(uuid4(), "Auditor", frozenset({"auditor"})),
        "oncall": StaffIdentity(uuid4(), "On call", frozenset({"oncall"})),
        "stranger": StaffIdentity(uuid4(), "Stranger", frozenset({"cook"})),
    }
    return made


def mounted(world: World, transport: httpx.AsyncBaseTransport | None = None) -> FastAPI:
    application = FastAPI()
    upstream = transport or httpx.ASGITransport(app=world.ui)  # type: ignore[arg-type]
    outside = (world.session, world.on_decode, world.log_in, world.log_out)
    application.include_router(router("http://ui:8233", CODEC, *outside, transport=upstream))
    return application


def as_browser(app: FastAPI, token: str | None) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    cookies = {"nesie_staff": token} if token else {}
    return httpx.AsyncClient(transport=transport, base_url="http://app", cookies=cookies)


@pytest_asyncio.fixture
async def app(world: World) -> AsyncIterator[FastAPI]:
    application = mounted(world)
    async with application.router.lifespan_context(application):
        yield application


@pytest.fixture
def browser(app: FastAPI) -> Callable[..., httpx.AsyncClient]:
    return lambda token=None: as_browser(app, token)


def payload(sealed: Payload) -> dict[str, Any]:
    metadata = {name: base64.b64encode(value).decode() for name, value in sealed.metadata.items()}
    return {"metadata": metadata, "data": base64.b64encode(sealed.data).decode()}


def plain(text: bytes = b'"typed"') -> Payload:
    return Payload(metadata={"encoding": b"json/plain"}, data=text)


async def test_without_a_log_in_only_program_text_is_served(world: World, browser: Any) -> None:
    async with browser() as client:
        program = await client.get("/temporal/_app/immutable/start.js")
        assert (program.status_code, program.headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
        assert "set-cookie" not in program.headers
        page = await client.get("/temporal/namespaces?a=1", headers={"sec-fetch-mode": "navigate"})
        assert (page.status_code, page.headers["location"]) == (
            303, "/staff/login?next=%2Ftemporal%2Fnamespaces%3Fa%3D1",
        )  # fmt: skip
        assert (await client.get("/temporal/namespaces", headers={"accept": "text/html"})).status_code == 303
        assert (await client.get(f"{API}", headers={"sec-fetch-mode": "cors"})).status_code == 401
        assert (await client.post(f"{API}/signal/x", headers=SAME)).status_code == 401
        assert (await client.post("/temporal/_app/immutable/start.js")).status_code == 401
    assert [seen.path for seen in world.seen] == ["/temporal/_app/immutable/start.js"]


async def test_a_member_of_staff_without_a_role_for_it_sees_nothing(world: World, browser: Any) -> None:
    async with browser("stranger") as client:
        assert (await client.get(API)).status_code == 403
    assert world.seen == []


@pytest.mark.parametrize("token", ["reader", "auditor"])
async def test_a_reader_reads_and_queries_and_does_nothing_else(world: World, browser: Any, token: str) -> None:
    async with browser(token) as client:
        assert (await client.get(API)).status_code == 200
        assert (await client.head(API)).status_code == 200
        assert (await client.post(f"{API}/query/view", headers=SAME, content="{}")).status_code == 200
        before = len(world.seen)
        for method, path in [
            ("POST", f"{API}/signal/note"), ("POST", f"{API}/update/approve"), ("POST", f"{API}/terminate"),
            ("POST", f"{API}/query/view/more"), ("POST", f"{API}/query%2Fview"), ("DELETE", "/temporal/api/v1/x"),
            ("PUT", API), ("PATCH", API), ("OPTIONS", API), ("POST", f"{API}/signal/x?y=/query/z"),
            ("POST", "/temporal/api/v1/namespaces/nesie/workflows/a%2Fquery%2Fb/terminate"),
        ]:  # fmt: skip
            answer = await client.request(method, path, headers=SAME)
            assert (answer.status_code, answer.json()["code"]) == (403, "not-allowed"), (method, path)
        assert len(world.seen) == before


async def test_on_call_staff_may_write_but_not_from_another_site(world: World, browser: Any) -> None:
    async with browser("oncall") as client:
        assert (await client.post(f"{API}/terminate", content="{}", headers=SAME)).status_code == 200
        for site in ("cross-site", "same-site", "none"):
            assert (await client.post(f"{API}/terminate", headers={"sec-fetch-site": site})).status_code == 403


@pytest.mark.parametrize(
    "path",
    ["/temporal/%2e%2e/x", "/temporal/_app/..%2f..%2fapi/v1/settings", "/temporal/api/v1/namespaces/n/workflows/w/"
     "query/..%2F..%2Fterminate", "/temporal/a/%252e%252e/b", "/temporal/a%5Cb", "/temporal/a%00b"],
)  # fmt: skip
async def test_paths_that_could_mean_other_paths_are_refused(world: World, browser: Any, path: str) -> None:
    async with browser("oncall") as client:
        assert (await client.post(path, headers=SAME)).status_code == 400
    assert world.seen == []


async def test_the_path_goes_on_byte_for_byte(world: World, browser: Any) -> None:
    async with browser("reader") as client:
        await client.get(f"{API}?query=%60Stage%60%3D%22WAITS%22")
        await client.get("/temporal/render?content=%D0%B4%D0%B0")
    assert [seen.path for seen in world.seen] == [
        f"{API}?query=%60Stage%60%3D%22WAITS%22",
        "/temporal/temporal/render?content=%D0%B4%D0%B0",
    ]


async def test_our_cookie_and_method_overrides_stay_here_and_the_ui_keeps_its_own(world: World, browser: Any) -> None:
    async with browser("reader") as client:
        client.cookies.set("_csrf", "of-the-ui")
        headers = {"x-http-method-override": "DELETE", "authorization": "Bearer x", "x-csrf-token": "t"}
        answer = await client.get(API, headers=headers)
    [seen] = world.seen
    assert (seen.header("cookie"), seen.header("x-csrf-token")) == ("_csrf=of-the-ui", "t")
    assert seen.header("x-http-method-override") is None
    assert seen.header("authorization") is None
    assert answer.headers.get_list("set-cookie") == ["_csrf=1; Path=/", "other=2; Path=/"]


async def test_settings_name_our_codec_and_grey_the_buttons_of_readers(browser: Any) -> None:
    for token, disabled in (("reader", True), ("oncall", False)):
        async with browser(token) as client:
            settings = (await client.get("/temporal/api/v1/settings")).json()
        assert settings["Codec"] == {"Endpoint": "/codec", "PassAccessToken": False, "IncludeCredentials": False}
        assert (settings["DisableNewsFetch"], settings["DisableWriteActions"]) == (True, disabled)


async def test_pages_get_a_policy_for_their_own_scripts_and_the_markdown_page_keeps_its_own(browser: Any) -> None:
    async with browser("reader") as client:
        policy = (await client.get("/temporal/")).headers["content-security-policy"]
        markdown = (await client.get("/temporal/render?content=x")).headers["content-security-policy"]
    assert policy == policy_of(INDEX)
    assert policy.count("'sha256-") == 1
    assert markdown == "default-src 'none'"


async def test_an_upstream_that_is_away_is_said_so(world: World) -> None:
    def refused(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    async with as_browser(mounted(world, httpx.MockTransport(refused)), "reader") as client:
        answer = await client.get(API)
    assert (answer.status_code, answer.json()["code"]) == (503, "temporal-ui-away")


BODIES_REFUSED: list[Any] = [
    {"input": {"payloads": [payload(plain())]}},
    {"input": {"payloads": [{"data": "InR5cGVkIg=="}]}},
    {"input": ["typed"]},
    {"input": "typed"},
    {"input": {"payloads": "typed"}},
    {"request": {"input": {"name": "approve", "args": {"payloads": [payload(plain())]}}}},
    {"request": {"input": {"name": "approve", "args": ["typed"]}}},
    {"memo": {"fields": {"who": payload(plain())}}},
    {"memo": {"fields": {"who": {"name": "typed"}}}},
    {"user_metadata": {"summary": payload(plain())}},
    {"userMetadata": {"details": {"text": "typed"}}},
    {"failure": {"encodedAttributes": payload(plain())}},
    {"details": ["typed"]},
    {"anything": {"new": [{"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": ""}]}},
    {"input": {"payloads": [payload(Payload(metadata={"encoding": b"binary/encrypted"}, data=b"x" * 40))]}},
]


@pytest.mark.parametrize("body", BODIES_REFUSED, ids=range(len(BODIES_REFUSED)))
async def test_a_payload_that_is_not_sealed_by_us_goes_nowhere(world: World, browser: Any, body: Any) -> None:
    async with browser("oncall") as client:
        answer = await client.post(f"{API}/signal/note", json=body, headers=SAME)
    assert answer.status_code == 422
    assert world.seen == []


@pytest.mark.parametrize(
    "body", [b"{", b'{"input":{},"input":{}}', b'{"user_metadata":{},"userMetadata":{}}', b"NaN", b"\xff"]
)
async def test_a_body_that_two_readers_could_read_differently_goes_nowhere(
    world: World, browser: Any, body: bytes
) -> None:
    async with browser("oncall") as client:
        assert (await client.post(f"{API}/signal/note", content=body, headers=SAME)).status_code == 422
        assert (await client.post(f"{API}/signal/note", content=b" " * 2_100_000, headers=SAME)).status_code == 422
    assert world.seen == []


async def test_sealed_payloads_and_plain_search_attributes_go_on(world: World, browser: Any) -> None:
    [sealed] = await CODEC.encode([plain()])
    body = {
        "signalName": "note", "input": {"payloads": [payload(sealed)]}, "memo": {"fields": {"who": payload(sealed)}},
        "searchAttributes": {"indexedFields": {"Stage": payload(plain())}}, "reason": "а причина",
        "userMetadata": {"summary": payload(sealed), "details": None}, "details": None,
    }  # fmt: skip
    async with browser("oncall") as client:
        assert (await client.post(f"{API}/signal/note", json=body, headers=SAME)).status_code == 200
    assert json.loads(world.seen[0].body) == body


async def test_decoding_is_recorded_with_the_case_written_in_the_payload(world: World, browser: Any) -> None:
    [mine] = await CODEC.of_workflow("application/17").encode([plain()])
    [other] = await CODEC.of_workflow("application/18").encode([plain()])
    async with browser("reader") as client:
        answer = await client.post(
            "/codec/decode?preserveStorageRefs=true", headers={**SAME, "referer": PAGE},
            json={"payloads": [payload(mine), payload(mine), payload(other), payload(plain())], "unknown": 1},
        )  # fmt: skip
    assert [base64.b64decode(found["data"]) for found in answer.json()["payloads"]] == [b'"typed"'] * 4
    assert answer.headers["cache-control"] == "no-store"
    assert world.decoded == [("Reader", "application/17", "run-1", 2), ("Reader", "application/18", None, 1)]


async def test_when_the_record_cannot_be_written_nothing_is_shown(world: World, browser: Any) -> None:
    [sealed] = await CODEC.encode([plain()])

    async def fails(*_: Any) -> None:
        raise Unavailable("audit")

    world.on_decode = fails  # type: ignore[method-assign]
    async with as_browser(mounted(world), "reader") as client:
        answer = await client.post("/codec/decode", headers=SAME, json={"payloads": [payload(sealed)]})
    assert answer.status_code == 500
    assert "typed" not in answer.text


async def test_the_codec_answers_only_pages_of_this_site_and_the_right_roles(world: World, browser: Any) -> None:
    [sealed] = await CODEC.encode([plain()])
    body = {"payloads": [payload(sealed)]}
    async with browser("oncall") as client:
        for headers in ({}, {"sec-fetch-site": "same-site"}, {"sec-fetch-site": "cross-site"}):
            assert (await client.post("/codec/decode", headers=headers, json=body)).status_code == 403
        assert (await client.post("/codec/decode", headers=SAME, content=b"[")).status_code == 422
        sealed_by_us = (await client.post("/codec/encode", headers={**SAME, "referer": PAGE}, json=body)).json()
        changed = json.loads(json.dumps(body))
        changed["payloads"][0]["data"] = base64.b64encode(b"x" * 60).decode()
        assert (await client.post("/codec/decode", headers=SAME, json=changed)).status_code == 422
    assert base64.b64decode(sealed_by_us["payloads"][0]["metadata"]["workflow-id"]) == b"application/17"
    for token, decode, encode in (("reader", 200, 403), ("stranger", 403, 403), (None, 401, 401)):
        async with browser(token) as client:
            assert (await client.post("/codec/decode", headers=SAME, json=body)).status_code == decode
            assert (await client.post("/codec/encode", headers=SAME, json=body)).status_code == encode


async def test_an_ended_session_is_told_to_the_ui_and_its_log_in_leads_to_ours(browser: Any) -> None:
    async with browser("reader") as client:
        assert (await client.get("/auth/refresh")).status_code == 204
    async with browser() as client:
        assert (await client.get("/auth/refresh")).status_code == 401
        answer = await client.get("/temporal/login?returnUrl=http%3A%2F%2Fapp%2Ftemporal%2Fnamespaces")
        assert answer.headers["location"] == "/staff/login?next=%2Ftemporal%2Fnamespaces"


@pytest.mark.parametrize(
    "target",
    ["//evil/temporal", "https://evil/temporal", "/temporal/../staff", "/temporalx", "javascript:alert(1)", "/api/v1",
     "/\\evil", "http://[", "", "/temporal/%2e%2e/x", "/temporal\n"],
)  # fmt: skip
def test_after_the_log_in_nobody_is_sent_elsewhere(target: str) -> None:
    assert gate.safe_return(target, "app") == "/temporal"


async def hidden(client: httpx.AsyncClient, path: str = "/staff/login") -> str:
    page = await client.get(path, headers={"accept-language": "kk"})
    [mark] = re.findall(r'name="form" value="([^"]+)"', page.text)
    cookie = page.headers["set-cookie"]
    assert {"HttpOnly", "Secure", "SameSite=strict", "Path=/staff"} <= set(cookie.split("; "))
    client.cookies.set("nesie_staff_form", mark)
    return str(mark)


async def test_logging_in_sets_a_strict_cookie_and_returns_to_where_the_person_wanted(browser: Any) -> None:
    async with browser() as client:
        form = {"form": await hidden(client), "login": " aliya ", "password": " secret ", "totp": "123456"}
        answer = await client.post("/staff/login", data={**form, "next": "/temporal/namespaces"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/temporal/namespaces")
    cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith("nesie_staff="))
    assert {"nesie_staff=reader", "HttpOnly", "Secure", "SameSite=strict", "Path=/"} == set(cookie.split("; "))


@pytest.mark.parametrize(
    ("changes", "status"),
    [({"totp": "000000"}, 403), ({"password": "secret"}, 403), ({"login": "away"}, 503), ({"login": "hasty"}, 429),
     ({"form": "another"}, 403)],
)  # fmt: skip
async def test_a_wrong_log_in_shows_the_form_again_without_saying_what_was_wrong(
    browser: Any, changes: dict[str, str], status: int
) -> None:
    async with browser() as client:
        form = {"form": await hidden(client), "login": "aliya", "password": " secret ", "totp": "123456", **changes}
        answer = await client.post("/staff/login?lang=en", data=form)
    assert answer.status_code == status
    assert 'role="alert"' in answer.text
    assert not any(c.startswith("nesie_staff=") for c in answer.headers.get_list("set-cookie"))
    assert "000000" not in answer.text


async def test_forms_of_other_sites_and_without_the_forms_cookie_are_refused(world: World, browser: Any) -> None:
    async with browser("reader") as client:
        assert (await client.post("/staff/logout", data={"form": ""})).status_code == 403
        mark = await hidden(client)
        crossing = await client.post("/staff/logout", data={"form": mark}, headers={"sec-fetch-site": "cross-site"})
        assert crossing.status_code == 403
        assert "reader" in world.sessions
        assert (await client.post("/staff/logout", data={"form": mark}, headers=SAME)).status_code == 303
    assert "reader" not in world.sessions


async def test_the_page_speaks_three_languages_and_runs_no_script(browser: Any) -> None:
    async with browser() as client:
        for language, words in (("kk", "Құпиясөз"), ("ru", "Пароль"), ("en", "Password")):
            page = await client.get("/staff/login", headers={"accept-language": f"{language}-KZ,fr;q=0.5"})
            assert words in page.text
            assert page.headers["content-language"] == language
            assert "<script" not in page.text
            assert "default-src 'none'" in page.headers["content-security-policy"]
        assert "Пароль" in (await client.get("/staff/login?lang=xx", headers={"accept-language": "fr"})).text
        assert (await client.get("/staff/login.css")).headers["content-type"].startswith("text/css")


async def test_a_browser_that_leaves_during_a_long_poll_frees_the_connection(world: World) -> None:
    left = asyncio.Event()

    async def polls(scope: Any, receive: Any, send: Any) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            left.set()

    world.ui = polls  # type: ignore[method-assign]
    messages = iter([{"type": "http.request", "body": b"", "more_body": False}, {"type": "http.disconnect"}])

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        return None

    scope = {
        "type": "http", "method": "GET", "path": "/temporal/x", "raw_path": b"/temporal/x", "query_string": b"",
        "headers": [(b"host", b"app"), (b"cookie", b"nesie_staff=reader")], "server": ("app", 80), "scheme": "http",
        "root_path": "",
    }  # fmt: skip
    await asyncio.wait_for(mounted(world)(scope, receive, send), 120)
    await asyncio.wait_for(left.wait(), 120)
