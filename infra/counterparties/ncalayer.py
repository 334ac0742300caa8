"""NCALayer, the authority's program on the client's own machine: a WebSocket on which pages ask for signatures.

Here it listens at `/ncalayer` of the counterparties. `PUT /_control/ncalayer` says whose keys it holds and what the
person before it does.
"""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode, b64encode
from contextlib import suppress
from typing import Any, Literal

from asn1crypto import pem
from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import BaseModel, ConfigDict, Field

from infra.counterparties.pki.keys import Alg
from infra.counterparties.pki.layout import Kind
from infra.counterparties.signers import Signers
from infra.counterparties.world import World

_BASICS, _COMMON = "kz.gov.pki.knca.basics", "kz.gov.pki.knca.commonUtils"
_OWNER = "1.2.398.3.3.4.1"
_OIDS: dict[Kind, tuple[str, ...]] = {
    "INDIVIDUAL": (f"{_OWNER}.1",),
    "CEO": (f"{_OWNER}.2", f"{_OWNER}.2.1"),
    "CAN_SIGN": (f"{_OWNER}.2", f"{_OWNER}.2.2"),
    "EMPLOYEE": (f"{_OWNER}.2", f"{_OWNER}.2.5"),
}
_SIGNING = "1.3.6.1.5.5.7.3.4"


class Holder(BaseModel):
    """Whose keys lie there. old: a version without the module `basics`. mute: it never greets.

    behaviour: sign; cancel (the window is closed); error; never (nobody chooses a key); closes; garbage.
    """

    model_config = ConfigDict(extra="forbid")

    iin: str = Field(pattern="^[0-9]{12}$")
    kind: Kind = "INDIVIDUAL"
    bin: str | None = Field(default=None, pattern="^[0-9]{12}$")
    alg: Alg | None = None
    behaviour: Literal["sign", "cancel", "error", "never", "closes", "garbage"] = "sign"
    old: bool = False
    mute: bool = False


def router(world: World, signers: Signers) -> APIRouter:
    """The program and its control."""
    routes = APIRouter(tags=["ncalayer"])

    @routes.put("/_control/ncalayer")
    async def change(holder: Holder) -> Holder:
        """Whose keys, and what happens from now on."""
        signers.persona(holder.iin)
        world.store.put("setting", "ncalayer", holder.model_dump())
        return holder

    @routes.websocket("/ncalayer")
    async def line(socket: WebSocket) -> None:
        """A page."""
        kept = world.store.get("setting", "ncalayer")
        await socket.accept()
        with suppress(WebSocketDisconnect):
            if kept is None:
                return
            await _serve(socket, Holder.model_validate(kept), signers)

    return routes


async def _serve(socket: WebSocket, holder: Holder, signers: Signers) -> None:
    if not holder.mute:
        await socket.send_json({"result": {"version": "1.1" if holder.old else "1.4"}})
    while True:
        asked = await socket.receive_text()
        if holder.behaviour == "closes":
            await socket.close()
            return
        if holder.behaviour == "never" and not (holder.old and _module(asked) == _BASICS):
            continue  # the window stays open
        if holder.behaviour == "garbage":
            await socket.send_text("<html>")
            continue
        await socket.send_json(await _answer(json.loads(asked), holder, signers))


def _module(asked: str) -> str:
    return str(json.loads(asked).get("module"))


async def _answer(asked: dict[str, Any], holder: Holder, signers: Signers) -> dict[str, Any]:
    module, method = asked.get("module"), asked.get("method")
    if (module, method) == (_BASICS, "sign") and not holder.old:
        return await _basics(asked["args"], holder, signers)
    if (module, method) == (_COMMON, "createCMSSignatureFromBase64"):
        return await _common(asked["args"], holder, signers)
    return {"code": "500", "message": "module.not.found"}


async def _basics(wanted: dict[str, Any], holder: Holder, signers: Signers) -> dict[str, Any]:
    if holder.behaviour == "cancel":
        return {"status": True, "body": {}}
    asked = set(wanted["signerParams"]["extKeyUsageOids"])
    if holder.behaviour == "error" or wanted["format"] != "cms" or not asked <= {_SIGNING, *_OIDS[holder.kind]}:
        return {"status": False, "code": "NO_KEY", "message": "no suitable key", "details": "in no storage"}
    how = wanted["signingParams"]
    cms = await _cms(b64decode(wanted["data"]), holder, signers, detached=not how["encapsulate"])
    return {"status": True, "body": {"result": pem.armor("CMS", cms).decode()}}


async def _common(wanted: list[Any], holder: Holder, signers: Signers) -> dict[str, Any]:
    _, purpose, data, attached = wanted
    if holder.behaviour == "cancel":
        return {"code": "500", "message": "action.canceled"}
    if holder.behaviour == "error" or purpose != "SIGNATURE":
        return {"code": "500", "message": "storage.empty"}
    cms = await _cms(b64decode(data), holder, signers, detached=not attached)
    return {"code": "200", "responseObject": b64encode(cms).decode()}


async def _cms(content: bytes, holder: Holder, signers: Signers, *, detached: bool) -> bytes:
    signer = await signers.of(signers.persona(holder.iin), alg=holder.alg, kind=holder.kind, bin_=holder.bin)
    return await asyncio.to_thread(signer.sign, content, detached=detached)
