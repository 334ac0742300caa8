"""Members of staff in the demonstration: hired as `nesie staff add` does, working through the staff API."""

from __future__ import annotations

import json
import secrets
from datetime import datetime
from typing import Any

import httpx
import pyotp

from activities.context import Records
from cli.staff import create
from rules.errors import Unavailable

_PDF = b"%PDF-1.7 scan of the demonstration"


class Member:
    """A logged-in member of staff."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    @classmethod
    async def hired(cls, records: Records, api_url: str, origin: str, role: str) -> Member:
        """Somebody new: a log-in does not outlive the turning of the clock."""
        password, login = secrets.token_urlsafe(18), f"demo-{role}-{secrets.token_hex(4)}"
        async with records.database.begin() as session:
            made = await create(session, records.vault, login, "Demo", [role], password)
        http = httpx.AsyncClient(
            base_url=api_url.removesuffix("/api/v1"), headers={"Origin": origin}, timeout=30, trust_env=False
        )
        digits = pyotp.TOTP(str(made["totp_secret"])).now()
        _right(await http.post("/staff/api/sessions", json={"login": login, "password": password, "totp": digits}))
        return cls(http)

    async def enter(self, **paper: Any) -> dict[str, Any]:
        """An official paper with its scan."""
        answer = await self.http.post(
            "/staff/api/papers",
            files={"scan": ("scan.pdf", _PDF, "application/pdf")},
            data={"paper": json.dumps(paper)},
            headers={"Idempotency-Key": secrets.token_hex(16)},
        )
        return dict(_right(answer).json())

    async def confirm(self, paper_id: str) -> None:
        """The second person's word."""
        _right(await self.http.post(f"/staff/api/papers/{paper_id}/confirm"))

    async def paper(self, paper_id: str) -> dict[str, Any]:
        """As it stands, with its duties and its clock."""
        return dict(_right(await self.http.get(f"/staff/api/papers/{paper_id}")).json())


def instant(at: datetime) -> str:
    """As the API reads it."""
    return at.isoformat()


def _right(answer: httpx.Response) -> httpx.Response:
    if answer.is_error:
        raise Unavailable(f"the staff API answered {answer.status_code}: {answer.json().get('code')}")
    return answer
