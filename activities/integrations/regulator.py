"""The regulators' inboxes: reports to the National Bank, notices to the agency.

Rules: para 4; para 5; para 13, part 1.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote

import httpx
from pydantic import AwareDatetime, BaseModel, Field

from activities.integrations.http import Refusals, Service, Wire
from activities.ports import NoticeReceipt
from rules.errors import BrokenContract, Conflict, InvalidInput, NotConfirmed, NotFound


class ReportState(BaseModel):
    """What became of an upload. control_errors: form, cell, rule, message."""

    state: Literal["IN_WORK", "ACCEPTED", "REJECTED"]
    at: datetime | None = None
    control_errors: list[dict[str, Any]] = []


class Upload(BaseModel):
    """An upload that the portal has taken. received_at: when, by the portal's clock; None where it does not say."""

    upload_id: str
    received_at: datetime | None = None


class _Uploaded(Wire):
    upload_id: str = Field(min_length=1)
    received_at: AwareDatetime | None = None


class _State(Wire):
    upload_id: str
    state: Literal["IN_WORK", "ACCEPTED", "REJECTED"]
    at: AwareDatetime | None = None
    control_errors: list[dict[str, Any]] = []


class _Receipt(Wire):
    reg_no: str = Field(min_length=1)
    received_at: AwareDatetime


_REFUSALS: Refusals = {
    "403 SIGNATURE": lambda: NotConfirmed("regulator-signature-refused"),
    "422 FORM": lambda: InvalidInput("regulator-form-refused"),
    "422 KEY_REUSED": lambda: Conflict("regulator-key-reused"),
}


class Regulator:
    """Both inboxes. url: the common base of /nbk and /ardfm."""

    def __init__(
        self, url: str, token: str, client: httpx.AsyncClient | None = None, *, timeout_seconds: float = 30.0
    ) -> None:
        self._service = Service("regulator", url, token, client, timeout_seconds=timeout_seconds)

    async def upload(self, key: str, form: str, period: str, branch: str, file: bytes, cms: bytes) -> Upload:
        """Hand in one form for one period, signed; the portal's word on it, the first one again for the same key.

        Raises:
            NotConfirmed: `regulator-signature-refused`.
            InvalidInput: `regulator-form-refused`.
            Conflict: `regulator-key-reused`.
        """
        report = {
            "form": form,
            "period": period,
            "branch": branch,
            "payload_sha256": hashlib.sha256(file).hexdigest(),
            "file": b64encode(file).decode(),
            "cms": b64encode(cms).decode(),
        }
        taken = await self._service.ask(_Uploaded, "POST", "/nbk/reports", key=key, json=report, refusals=_REFUSALS)
        return Upload(upload_id=taken.upload_id, received_at=taken.received_at)

    async def report_state(self, upload_id: str) -> ReportState:
        """What became of an upload. Raises NotFound('upload-unknown')."""
        answer = await self._service.ask(
            _State,
            "GET",
            f"/nbk/reports/{quote(upload_id, safe='')}",
            refusals={"404 NOT_FOUND": lambda: NotFound("upload-unknown")},
        )
        if answer.upload_id != upload_id:
            raise BrokenContract("regulator-other-subject")
        return ReportState(state=answer.state, at=answer.at, control_errors=answer.control_errors)

    async def notice(
        self,
        key: str,
        kind: Literal["INCIDENT", "RESOURCE_OPENING", "CHANGE"],
        *,
        occurred_at: datetime,
        detected_at: datetime,
        description: str,
        measures: str,
        cms: bytes,
        attachments: Sequence[bytes] = (),
    ) -> NoticeReceipt:
        """Tell the agency; the receipt with its number. Raises as `upload`."""
        body = {
            "type": kind,
            "occurred_at": occurred_at.isoformat(),
            "detected_at": detected_at.isoformat(),
            "description": description,
            "measures": measures,
            "attachments": [b64encode(one).decode() for one in attachments],
            "cms": b64encode(cms).decode(),
        }
        answer = await self._service.ask(_Receipt, "POST", "/ardfm/notices", key=key, json=body, refusals=_REFUSALS)
        return NoticeReceipt(registration_number=answer.reg_no, received_at=answer.received_at)
