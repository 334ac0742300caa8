"""Joins Temporal UI (api.temporal_ui) to our staff: who looks, and what they opened, row by row in the audit trail.

Rules: para 28; para 32.
"""

from __future__ import annotations

from typing import cast

from fastapi import APIRouter
from starlette.requests import Request

from api import staff
from api.problems import LogInNeeded
from api.services import Services
from api.temporal_ui.router import router
from api.temporal_ui.staff import StaffIdentity
from infra.codec import EncryptionCodec, PayloadKeys
from infra.settings import Settings
from storage import audit


class _Joint:
    """The four questions that the pages ask; the services are there once the application has started."""

    def __init__(self) -> None:
        self._services: Services | None = None

    def _kit(self, request: Request | None = None) -> Services:
        if request is not None:
            self._services = cast(Services, request.app.state.services)
        if self._services is None:
            raise RuntimeError("every page asks for the session first")
        return self._services

    async def session(self, request: Request) -> StaffIdentity | None:
        """Who is behind the cookie."""
        try:
            member = await staff.member_of(request, self._kit(request))
        except LogInNeeded:
            return None
        return StaffIdentity(member.staff_id, member.login, frozenset(member.roles))

    async def on_decode(self, who: StaffIdentity, workflow_id: str | None, run_id: str | None, count: int) -> None:
        """One audit row a decode."""
        async with self._kit().records.database.begin() as session:
            await audit.record(
                session,
                actor=f"staff:{who.id}",
                action="payloads-opened",
                subject=(workflow_id or "workflow/unknown").replace("/", ":"),
                paragraph="32",
                detail={"run": run_id, "payloads": count},
            )

    async def log_in(self, login: str, password: str, digits: str) -> str:
        """A session token."""
        _, token = await staff.log_in(self._kit(), login[:40], password[:128], digits[:6])
        return token

    async def log_out(self, request: Request) -> None:
        """End the session behind the cookie."""
        kit = self._kit(request)
        try:
            await staff.log_out(kit, await staff.member_of(request, kit))
        except LogInNeeded:
            return


def temporal_ui(settings: Settings) -> APIRouter:
    """The pages of Temporal UI behind the staff's log-in."""
    joint = _Joint()
    return router(
        settings.temporal.ui_url,
        EncryptionCodec(PayloadKeys.of(settings.keys)),
        joint.session,
        joint.on_decode,
        joint.log_in,
        joint.log_out,
        secure_cookies=settings.secure_cookies,
    )
