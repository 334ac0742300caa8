"""The device that is speaking: by its own id in the application, by a cookie of ours in a browser.

The cookie opens nothing: it only says that the client has logged in from this browser before. Rules: para 24; para 26.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from fastapi import Request
from fastapi.responses import Response

from api.guards import ADDRESS
from api.schemas_registration import Application
from api.services import Services
from api.sessions import device_of

COOKIE = "nesie_device"
_LIFE_SECONDS = 400 * 24 * 3600  # browsers keep no cookie longer


@dataclass(frozen=True)
class Device:
    """index: keyed hash, as it is stored. origin: whose tries are counted. fresh: a cookie that must be set."""

    kind: str
    index: bytes
    origin: str = field(repr=False)
    fresh: str | None = field(default=None, repr=False)


def device_at(request: Request, kit: Services, application: Application) -> Device:
    """Which device a request comes from; a browser that is new here gets a cookie with the answer.

    Raises:
        InvalidInput: `device-id`: the mobile application did not say.
    """
    address = ADDRESS.get()
    if application is Application.MOBILE:
        own = device_of(request, needed=True) or ""
        return Device("mobile", kit.records.vault.index("device", f"mobile|{own}"), own)
    given = request.cookies.get(_name(kit))
    token = given[:64] if given else secrets.token_urlsafe(32)
    # its own cookie first: a browser that is known may not count as another one by naming itself anew
    origin = token if given else request.headers.get("x-device-id", "")[:100] or address
    index = kit.records.vault.index("device", f"web|{token}")
    return Device("web", index, origin, None if given else token)


def keep(kit: Services, response: Response, device: Device) -> None:
    """Let a new browser know its name."""
    if device.fresh is not None:
        response.set_cookie(
            _name(kit), device.fresh, max_age=_LIFE_SECONDS, httponly=True, samesite="lax", secure=kit.secure_cookies,
            path="/",
        )  # fmt: skip


def _name(kit: Services) -> str:
    return f"__Host-{COOKIE}" if kit.secure_cookies else COOKIE
