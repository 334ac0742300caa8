"""The codec endpoint: the browser of a member of staff asks us to open what Temporal keeps sealed.

Same origin, same session. Each opening is recorded before anything is shown: who, which case, how many
payloads. The case is the one written (and authenticated) inside the payload; the Referer adds the run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from google.protobuf import json_format
from starlette.requests import Request
from starlette.responses import Response
from temporalio.api.common.v1 import Payload, Payloads

from api.temporal_ui import bodies, gate
from api.temporal_ui.answers import log_in_needed, refuse
from api.temporal_ui.staff import OnDecode, StaffIdentity, StaffSession
from infra.codec import EncryptionCodec, is_encrypted, workflow_of
from rules.errors import BrokenContract

_NO_STORE = {"Cache-Control": "no-store"}


class Decoding:
    """POST /codec/decode and /codec/encode."""

    def __init__(self, codec: EncryptionCodec, staff_session: StaffSession, on_decode: OnDecode) -> None:
        self._codec, self._staff_session, self._on_decode = codec.lenient(), staff_session, on_decode

    async def decode(self, request: Request) -> Response:
        """Open, after recording it."""
        asked = await self._asked(request, write=False)
        if isinstance(asked, Response):
            return asked
        staff, payloads = asked
        try:
            opened = await self._codec.decode(payloads)
        except BrokenContract as error:
            return refuse(422, "payload-unreadable", str(error))
        await self._record(staff, payloads, request.headers.get("referer"))
        return _answer(opened)

    async def encode(self, request: Request) -> Response:
        """Seal what a member of staff typed. Only for those who may send it."""
        asked = await self._asked(request, write=True)
        if isinstance(asked, Response):
            return asked
        workflow_id, _ = gate.opened_case(request.headers.get("referer"))
        return _answer(await self._codec.of_workflow(workflow_id).encode(asked[1]))

    async def _asked(self, request: Request, *, write: bool) -> tuple[StaffIdentity, list[Payload]] | Response:
        # A browser that says nothing of where the request comes from is none that we serve.
        if request.headers.get("sec-fetch-site") != "same-origin":
            return refuse(403, "cross-site", "Only pages of this site may ask")
        staff = await self._staff_session(request)
        if staff is None:
            return log_in_needed()
        if not (staff.may_write if write else staff.may_read):
            return refuse(403, "not-allowed", "Your role may not do this here")
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > 2 * bodies.LIMIT:  # sealed and in base64
                return refuse(413, "body-too-large", "Too many payloads at once")
        try:
            return staff, list(json_format.Parse(body, Payloads(), ignore_unknown_fields=True).payloads)
        except (json_format.ParseError, UnicodeDecodeError):
            return refuse(422, "malformed-body", "The body is not a list of payloads")

    async def _record(self, staff: StaffIdentity, payloads: Sequence[Payload], referer: str | None) -> None:
        page_workflow, page_run = gate.opened_case(referer)
        opened = Counter(workflow_of(payload) or page_workflow for payload in payloads if is_encrypted(payload))
        for workflow_id, count in opened.items():
            run_id = page_run if workflow_id == page_workflow else None
            await self._on_decode(staff, workflow_id, run_id, count)


def _answer(payloads: Sequence[Payload]) -> Response:
    text = json_format.MessageToJson(Payloads(payloads=payloads), indent=None)
    return Response(text, media_type="application/json", headers=_NO_STORE)
