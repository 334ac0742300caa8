"""The authority over HTTP: its public side under /pki, and the control of tests under /_control/pki."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from fastapi import APIRouter, HTTPException, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from infra.counterparties.pki import layout, ocsp, revocation_list, tsp
from infra.counterparties.pki.keys import Alg, Key, generate
from infra.counterparties.pki.layout import Kind, Role, Usage
from infra.counterparties.pki.registry import Registry, Status

FileAlg = Literal["rsa", "gost"]


class Fault(Protocol):
    """One fault to be played."""

    @property
    def fault(self) -> str:
        """Its kind."""

    @property
    def params(self) -> dict[str, Any]:
        """Its numbers and words."""


class Faults(Protocol):
    """Where faults wait (infra/counterparties/faults.py)."""

    def take(
        self,
        service: str,
        operation: str,
        *,
        iin: str | None = None,
        keys: Collection[str] = (),
        kinds: Collection[str] = (),
    ) -> Fault | None:
        """The next fault of these kinds for this call, used up by taking it."""


class Wanted(BaseModel):
    """A certificate to issue. bin: for every kind but INDIVIDUAL."""

    model_config = ConfigDict(extra="forbid")

    iin: str = Field(pattern="^[0-9]{12}$")
    bin: str | None = Field(default=None, pattern="^[0-9]{12}$")
    organisation: str | None = None
    surname: str = Field(min_length=1, max_length=100)
    given: str = Field(min_length=1, max_length=100)
    patronymic: str | None = Field(default=None, max_length=100)
    kind: Kind = "INDIVIDUAL"
    usage: Usage = "SIGN"
    alg: Alg = "RSA"
    not_before: AwareDatetime | None = None
    not_after: AwareDatetime | None = None


class Issued(BaseModel):
    """What is handed out: certificate (DER) and private key (PKCS#8), both base64."""

    serial: str
    certificate: str
    pkcs8: str
    alg: Alg


class Change(BaseModel):
    """A certificate's new status. reason: a name of RFC 5280, for REVOKED."""

    model_config = ConfigDict(extra="forbid")

    status: Status
    reason: str | None = None
    at: AwareDatetime | None = None

    @field_validator("reason")
    @classmethod
    def _known(cls, reason: str | None) -> str | None:
        if reason is not None and reason not in ocsp.REASONS:
            raise ValueError("not a reason")
        return reason


def issue(registry: Registry, wanted: Wanted, key: Key) -> Issued:
    """A certificate for a key, remembered as good."""
    not_before, not_after = layout.life(1)
    serial = layout.new_serial()
    certificate = layout.certificate(
        key,
        layout.person_name(
            wanted.iin, wanted.surname, wanted.given, wanted.patronymic, wanted.bin, wanted.organisation
        ),
        layout.holder_extensions(wanted.kind, wanted.usage),
        registry.own(wanted.alg, "ca"),
        serial=serial,
        not_before=(wanted.not_before or not_before).astimezone(UTC),
        not_after=(wanted.not_after or not_after).astimezone(UTC),
    )
    name = registry.add(serial, wanted.alg, wanted.iin, certificate)
    return Issued(
        serial=name,
        certificate=b64encode(certificate).decode(),
        pkcs8=b64encode(key.pkcs8()).decode(),
        alg=wanted.alg,
    )


def router(state: Path, faults: Faults) -> APIRouter:
    """The authority whose memory lies in `state`; its keys are made at the first start."""
    registry = Registry(state)
    routes = APIRouter(tags=["pki"])
    routes.include_router(_public(registry, faults))
    routes.include_router(_control(registry))
    return routes


def _public(registry: Registry, faults: Faults) -> APIRouter:
    routes = APIRouter(prefix="/pki")

    def file(role: Role, alg: str) -> Response:
        return Response(registry.own(alg, role).certificate, media_type="application/pkix-cert")

    @routes.get("/root.cer")
    @routes.get("/root_{alg}.cer")
    async def root(alg: FileAlg = "rsa") -> Response:
        """The root, DER: root.cer and root_rsa.cer, root_gost.cer."""
        return file("root", alg.upper())

    @routes.get("/ca.cer")
    @routes.get("/nca_{alg}.cer")
    async def authority(alg: FileAlg = "rsa") -> Response:
        """The issuing certificate, DER: ca.cer and nca_rsa.cer, nca_gost.cer."""
        return file("ca", alg.upper())

    @routes.get("/nca.crl")
    @routes.get("/nca_{alg}.crl")
    async def crl(alg: FileAlg = "rsa") -> Response:
        """The revocation list, DER: nca.crl and nca_rsa.crl, nca_gost.crl."""
        content = revocation_list.build(registry, "RSA" if alg == "rsa" else "GOST2015")
        return Response(content, media_type="application/pkix-crl")

    @routes.post("/ocsp")
    async def status(request: Request) -> Response:
        """RFC 6960."""
        try:
            asked = ocsp.Asked(await request.body())
        except (ValueError, TypeError, KeyError, IndexError):
            return Response(ocsp.malformed(), media_type="application/ocsp-response")
        known = registry.find(asked.serial)
        fault = faults.take("pki", "ocsp", iin=known.iin if known else None, keys=[asked.serial], kinds=ocsp.FAULTS)
        content = ocsp.answer(registry, asked, fault.fault if fault else None)
        return Response(content, media_type="application/ocsp-response")

    @routes.post("/tsp")
    async def stamp(request: Request) -> Response:
        """RFC 3161."""
        fault = faults.take("pki", "tsp", kinds=tsp.FAULTS)
        kind, params = (fault.fault, fault.params) if fault else (None, {})
        content = tsp.answer(registry, await request.body(), kind, params)
        return Response(content, media_type="application/timestamp-reply")

    return routes


def _control(registry: Registry) -> APIRouter:
    routes = APIRouter(prefix="/_control/pki")

    @routes.post("/certificates", status_code=201)
    async def new(wanted: Wanted) -> Issued:
        """Issue a certificate with its key."""
        return issue(registry, wanted, await asyncio.to_thread(generate, wanted.alg))

    @routes.patch("/certificates/{serial}")
    async def change(serial: str, wanted: Change) -> dict[str, str | datetime | None]:
        """Revoke, suspend, restore, or let the responder say something else of it."""
        known = registry.change(serial, wanted.status, wanted.reason, wanted.at)
        if known is None:
            raise HTTPException(404)
        return {"serial": known.serial, "status": known.status, "reason": known.reason, "at": known.at}

    return routes
