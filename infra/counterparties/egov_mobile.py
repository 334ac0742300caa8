"""The state's mobile application, from its user's side: scans our QR code, fetches the document, brings the signature.

`POST /_control/egov-mobile/scan {qr, iin, behaviour}` is a person who holds the telephone before our page. The
application speaks HTTP to the lender's API, and to nobody else: an address that is not the lender's is refused.
"""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import httpx
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from infra.counterparties.errors import Refusal
from infra.counterparties.personas import Persona
from infra.counterparties.pki.keys import Alg
from infra.counterparties.pki.layout import Kind
from infra.counterparties.signers import Signer, Signers
from infra.counterparties.world import World

Behaviour = Literal[
    "sign", "refuse", "never", "late", "wrong_person", "auth_certificate", "expired_certificate", "revoked",
    "altered_document", "attached_instead_of_detached", "double_put", "put_without_get",
]  # fmt: skip
_SCHEME = "mobileSign:"
_OTHERS = ("900101350007", "880412401006")  # invented numbers with right check digits
_LONGEST_WAIT = timedelta(seconds=60)


class Scan(BaseModel):
    """Who holds the telephone, what it sees, and what becomes of it. bin, kind: a signer for an organisation."""

    model_config = ConfigDict(extra="forbid")

    qr: str = Field(max_length=500)
    iin: str = Field(pattern="^[0-9]{12}$")
    behaviour: Behaviour = "sign"
    alg: Alg | None = None
    bin: str | None = Field(default=None, pattern="^[0-9]{12}$")
    kind: Kind = "INDIVIDUAL"


class Scanned(BaseModel):
    """The statuses that the lender answered, null for calls not made. code: of the last refusal."""

    open_status: int | None = None
    get_status: int | None = None
    put_status: int | None = None
    first_put_status: int | None = None
    code: str | None = None


@dataclass
class _Telephone:
    """One scan."""

    http: httpx.AsyncClient
    lender: str
    scan: Scan
    signers: Signers
    person: Persona
    told: Scanned = field(default_factory=Scanned)

    async def run(self) -> Scanned:
        wish = await self._open()
        if wish is None or self.scan.behaviour == "never":
            return self.told
        uri = self._lenders(str(wish["document"]["uri"]))
        bearer = {"Authorization": f"Bearer {wish['document']['auth_token']}"}
        papers = await self._fetch(uri, bearer)
        if papers is None or self.scan.behaviour == "refuse":
            return self.told
        (paper,) = papers["documentsToSign"]
        content = b64decode(paper["document"]["file"]["data"])
        cms = await self._cms(content, detached=papers["signMethod"] == "CMS_SIGN_ONLY")
        paper["document"]["file"]["data"] = b64encode(cms).decode()
        if self.scan.behaviour == "late":
            await _after(datetime.fromisoformat(wish["expiry_date"]))
        self.told.put_status = await self._put(uri, bearer, papers)
        if self.scan.behaviour == "double_put":
            self.told.first_put_status = self.told.put_status
            self.told.put_status = await self._put(uri, bearer, papers)
        return self.told

    async def _open(self) -> dict[str, Any] | None:
        answer = await self.http.get(self._lenders(self.scan.qr.removeprefix(_SCHEME)))
        self.told.open_status = self._noted(answer)
        return answer.json() if answer.is_success else None

    async def _fetch(self, uri: str, bearer: dict[str, str]) -> dict[str, Any] | None:
        if self.scan.behaviour == "put_without_get":  # it cannot know what it signs
            file = {"mime": "@file/pdf", "data": ""}
            return {"signMethod": "CMS_SIGN_ONLY", "documentsToSign": [{"id": 1, "document": {"file": file}}]}
        answer = await self.http.get(uri, headers=bearer)
        self.told.get_status = self._noted(answer)
        return answer.json() if answer.is_success else None

    async def _put(self, uri: str, bearer: dict[str, str], papers: dict[str, Any]) -> int:
        return self._noted(await self.http.put(uri, headers=bearer, json=papers))

    def _noted(self, answer: httpx.Response) -> int:
        if not answer.is_success and "json" in answer.headers.get("content-type", ""):
            self.told.code = answer.json().get("code")
        return answer.status_code

    async def _cms(self, content: bytes, *, detached: bool) -> bytes:
        behaviour = self.scan.behaviour
        signer = await self._signer()
        if behaviour == "revoked":
            self.signers.registry.change(signer.serial, "REVOKED", "keyCompromise", None)
        if behaviour == "altered_document":
            content += b" "
        if behaviour == "attached_instead_of_detached":
            detached = not detached
        return await asyncio.to_thread(signer.sign, content, detached=detached)

    async def _signer(self) -> Signer:
        behaviour, person = self.scan.behaviour, self.person
        of, bin_, kind = self.signers.of, self.scan.bin, self.scan.kind
        if behaviour == "wrong_person":
            other = next(one for one in _OTHERS if one != person.iin)
            return await of(person.model_copy(update={"iin": other}), alg=self.scan.alg, bin_=bin_, kind=kind)
        if behaviour == "auth_certificate":
            return await of(person, alg=self.scan.alg, bin_=bin_, kind=kind, usage="AUTH")
        if behaviour == "expired_certificate":
            now = datetime.now(UTC)
            life = now - timedelta(days=400), now - timedelta(days=30)
            return await of(person, alg=self.scan.alg, bin_=bin_, kind=kind, life=life, fresh=True)
        return await of(person, alg=self.scan.alg, bin_=bin_, kind=kind, fresh=behaviour == "revoked")

    def _lenders(self, address: str) -> str:
        """An address of the lender's own, nothing else: what a QR code says is anybody's word."""
        try:
            place, ours = httpx.URL(address), httpx.URL(self.lender)
        except httpx.InvalidURL:
            raise Refusal(400, "BAD_REQUEST", "no address") from None
        same = (place.scheme, place.host, place.port) == (ours.scheme, ours.host, ours.port)
        if not same or place.userinfo or not place.path.startswith("/mgovSign"):
            raise Refusal(400, "BAD_REQUEST", "not an address of the lender")
        return address


async def _after(expiry: datetime) -> None:
    wait = expiry - datetime.now(UTC) + timedelta(milliseconds=200)
    if wait > _LONGEST_WAIT:
        raise Refusal(409, "TOO_LONG", "the request lives longer than this telephone waits")
    await asyncio.sleep(max(wait.total_seconds(), 0))


def router(world: World, signers: Signers, lender: str) -> APIRouter:
    """The control of the telephone. lender: public address of the lender's API; empty: no scan is possible."""
    routes = APIRouter(prefix="/_control/egov-mobile", tags=["control"])

    @routes.post("/scan")
    async def scan(wanted: Scan) -> Scanned:
        """Scan a QR code and behave in some way; what the lender answered."""
        if not lender or not wanted.qr.startswith(_SCHEME):
            raise Refusal(400, "BAD_REQUEST", "no lender is known, or not a code to sign")
        person = signers.persona(wanted.iin)
        try:
            async with httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=20) as http:
                told = await _Telephone(http, lender, wanted, signers, person).run()
        except httpx.HTTPError:
            raise Refusal(502, "UPSTREAM", "the lender does not answer") from None
        world.store.record(
            {
                "service": "egov_mobile", "operation": wanted.behaviour, "iin": wanted.iin, "key": None,
                "request_id": "", "status": told.put_status, "fault": None, "request": None,
            }
        )  # fmt: skip
        return told

    return routes
