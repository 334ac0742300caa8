"""The simulated telephone by itself: what it says to a lender, and that it speaks to nobody else.

What our own API makes of each behaviour: tests/api/test_signing_requests.py.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
from asn1crypto import cms
from cryptography.x509 import ExtensionOID
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from outside_world import persona, served_app

from infra.counterparties.app import Config, create_app
from infra.counterparties.pki.registry import Registry
from infra.counterparties.pki.verdicts import look

CONTENT = b"%PDF of somebody"
EXTENDED = ExtensionOID.EXTENDED_KEY_USAGE
ANN = persona(7001)


@dataclass
class Lender:
    """A lender that takes everything and writes down what came."""

    url: str = ""
    uri: str = ""
    life: timedelta = timedelta(minutes=5)
    method: str = "CMS_SIGN_ONLY"
    calls: list[tuple[str, str, str | None]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)

    def app(self) -> FastAPI:
        api = FastAPI()

        @api.get("/mgovSign")
        async def wish(request: Request) -> Any:
            self.calls.append(("GET", str(request.url.query), None))
            if request.url.query == "gone":
                return JSONResponse({"code": "signing-request-ended"}, 410)
            return {
                "description": "", "expiry_date": (datetime.now(UTC) + self.life).isoformat(), "organisation": {},
                "document": {"uri": self.uri, "auth_type": "Token", "auth_token": "t"},
            }  # fmt: skip

        @api.get("/mgovSign/documents/1")
        async def document(request: Request) -> Any:
            self.calls.append(("GET", "document", request.headers.get("authorization")))
            file = {"mime": "@file/pdf", "data": b64encode(CONTENT).decode()}
            return {"signMethod": self.method, "documentsToSign": [{"id": 1, "meta": [], "document": {"file": file}}]}

        @api.put("/mgovSign/documents/1")
        async def signed(request: Request) -> Any:
            self.calls.append(("PUT", "document", request.headers.get("authorization")))
            self.bodies.append(json.loads(await request.body()))
            return {}

        return api

    def fresh(self) -> None:
        """As in the beginning."""
        self.uri, self.life, self.method = f"{self.url}/mgovSign/documents/1", timedelta(minutes=5), "CMS_SIGN_ONLY"
        self.calls.clear()
        self.bodies.clear()

    def cms(self) -> bytes:
        """The signature that came last."""
        return b64decode(self.bodies[-1]["documentsToSign"][0]["document"]["file"]["data"])


@dataclass
class Telephone:
    lender: Lender
    control: httpx.AsyncClient
    registry: Registry

    async def scan(self, behaviour: str = "sign", qr: str | None = None, **more: Any) -> httpx.Response:
        body = {"qr": qr or f"mobileSign:{self.lender.url}/mgovSign?1", "iin": ANN["iin"], "behaviour": behaviour}
        return await self.control.post("/_control/egov-mobile/scan", json=body | more)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Telephone]:
    lender, state = Lender(), tmp_path_factory.mktemp("outside")
    async with served_app(lender.app()) as url:
        lender.url = url
        app = create_app(Config(state=state, token="x", api_url=url))
        registry = Registry(state)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://outside") as control:
            (await control.post("/_control/personas", json=ANN)).raise_for_status()
            yield Telephone(lender, control, registry)
        registry.close()
        app.world.store.close()


@pytest.fixture
def telephone(shared: Telephone) -> Telephone:
    shared.lender.fresh()
    return shared


@pytest.mark.parametrize(
    ("behaviour", "calls"),
    [
        ("sign", "GET GET PUT"), ("refuse", "GET GET"), ("never", "GET"), ("double_put", "GET GET PUT PUT"),
        ("put_without_get", "GET PUT"),
    ],
)  # fmt: skip
async def test_each_behaviour_makes_its_calls(telephone: Telephone, behaviour: str, calls: str) -> None:
    told = (await telephone.scan(behaviour)).json()
    assert [method for method, _, _ in telephone.lender.calls] == calls.split()
    assert all(token == "Bearer t" for _, what, token in telephone.lender.calls if what == "document")
    assert told["put_status"] == (200 if "PUT" in calls else None)


@pytest.mark.parametrize("alg", ["RSA", "GOST2015"])
@pytest.mark.parametrize(
    ("behaviour", "own", "holds", "usage_right", "in_life", "good"),
    [
        ("sign", True, True, True, True, True),
        ("wrong_person", False, True, True, True, True),
        ("auth_certificate", True, True, False, True, True),
        ("expired_certificate", True, True, True, False, True),
        ("revoked", True, True, True, True, False),
        ("altered_document", True, False, True, True, True),
    ],
)
async def test_each_signature_is_wrong_in_its_one_way(
    telephone: Telephone, alg: str, behaviour: str, own: bool, holds: bool, usage_right: bool, in_life: bool, good: bool
) -> None:
    (await telephone.scan(behaviour, alg=alg)).raise_for_status()
    (seen,) = look(telephone.registry, telephone.lender.cms(), CONTENT)
    subject = seen.certificate.subject.rfc4514_string()
    extended = seen.certificate.extensions.get_extension_for_oid(EXTENDED).value
    assert (f"IIN{ANN['iin']}" in subject) == own
    assert seen.holds == holds
    assert ("1.3.6.1.5.5.7.3.4" in [one.dotted_string for one in extended]) == usage_right
    assert (seen.in_life, seen.issued.status == "GOOD") == (in_life, good)


@pytest.mark.parametrize(("method", "inside"), [("CMS_SIGN_ONLY", False), ("CMS_WITH_DATA", True)])
async def test_the_document_goes_inside_where_the_lender_asks_for_it(
    telephone: Telephone, method: str, inside: bool
) -> None:
    telephone.lender.method = method
    for behaviour, there in (("sign", inside), ("attached_instead_of_detached", not inside)):
        await telephone.scan(behaviour)
        signed = cms.ContentInfo.load(telephone.lender.cms())["content"]
        assert (signed["encap_content_info"]["content"].native == CONTENT) == there


async def test_late_is_after_the_time_of_the_request(telephone: Telephone) -> None:
    telephone.lender.life = timedelta(milliseconds=300)
    began = datetime.now(UTC)
    assert (await telephone.scan("late")).json()["put_status"] == 200
    assert datetime.now(UTC) - began > telephone.lender.life
    telephone.lender.life = timedelta(minutes=10)
    assert (await telephone.scan("late")).status_code == 409  # no test waits so long


async def test_a_lenders_refusal_is_told(telephone: Telephone) -> None:
    told = (await telephone.scan(qr=f"mobileSign:{telephone.lender.url}/mgovSign?gone")).json()
    assert (told["open_status"], told["put_status"], told["code"]) == (410, None, "signing-request-ended")


async def test_the_telephone_speaks_to_the_lender_and_to_nobody_else(telephone: Telephone) -> None:
    host = telephone.lender.url.removeprefix("http://")
    for address in (
        "http://169.254.169.254/mgovSign?1",
        f"https://{host}/mgovSign?1",
        f"http://{host}@evil.example/mgovSign?1",
        f"http://user@{host}/mgovSign?1",
        f"http://{host}.evil.example/mgovSign?1",
        f"http://{host}/_control/reset",
        "file:///etc/passwd",
        "//evil.example/mgovSign",
    ):
        assert (await telephone.scan(qr=f"mobileSign:{address}")).status_code == 400, address
    assert (await telephone.scan(qr=f"{telephone.lender.url}/mgovSign?1")).status_code == 400
    assert telephone.lender.calls == []
    telephone.lender.uri = "http://127.0.0.1:1/mgovSign/documents/1"  # a lender cannot send it elsewhere either
    assert (await telephone.scan()).status_code == 400
    assert [method for method, _, _ in telephone.lender.calls] == ["GET"]


async def test_strangers_and_unknown_behaviours_are_refused(telephone: Telephone) -> None:
    assert (await telephone.scan(iin="000000000000")).status_code == 404
    assert (await telephone.scan("dance")).status_code == 400
    assert telephone.lender.calls == []
