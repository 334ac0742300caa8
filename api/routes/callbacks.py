"""Callbacks of the bank and the SMS gateway: signed, believed only as far as "look again".

A callback's content moves no money: it wakes the workflow, which asks the bank's own books.
"""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import ValidationError

from api.routes.problems import problems
from api.schemas_lending import CallbackBody
from api.services import Kit, Services
from rules import callbacks
from rules.errors import Conflict, InvalidInput, NotConfirmed, NotFound
from storage import audit
from storage.clock import now

router = APIRouter(prefix="/callbacks", tags=["callbacks"])

_RESPONSES = problems(403, 422)


async def _read(request: Request, kit: Services, party: str) -> CallbackBody:
    """The body, after its signature held.

    Raises:
        NotConfirmed: no secret agreed, or the signature is wrong or old.
    """
    body = await request.body()
    secret = kit.callback_secrets.get(party)
    if not secret:
        raise NotConfirmed("callback-signature")
    async with kit.records.database.begin() as session:
        at = await now(session)
    callbacks.verify(secret, request.headers.get(callbacks.HEADER), body, at)
    try:
        return CallbackBody.model_validate_json(body)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in found]) from None


@router.post("/bank", status_code=204, response_class=Response, responses=_RESPONSES)
async def bank(request: Request, kit: Kit) -> Response:
    """payout.updated wakes the disbursement; payment.received is kept for reconciliation with the statement."""
    callback = await _read(request, kit, "bank")
    if callback.type == "payout.updated":
        try:
            application_id = UUID(str(callback.data.get("order_id")))
        except ValueError:
            raise InvalidInput("field-format", field="/data/order_id") from None
        # a closed or unknown case: the statement will tell, the bank need not repeat itself
        with suppress(NotFound, Conflict):
            await kit.actions.door.signal(f"disbursement/{application_id}", "payout_updated")
    await _record(kit, "bank", callback)
    return Response(status_code=204)


@router.post("/sms", status_code=204, response_class=Response, responses=_RESPONSES)
async def sms(request: Request, kit: Kit) -> Response:
    """Delivery states; kept in the audit trail, nothing waits for them."""
    await _record(kit, "sms", await _read(request, kit, "sms"))
    return Response(status_code=204)


async def _record(kit: Services, party: str, callback: CallbackBody) -> None:
    detail = {
        name: callback.data[name]
        for name in ("payout_id", "order_id", "message_id", "status")
        if isinstance(callback.data.get(name), str) and len(callback.data[name]) <= 64
    }
    async with kit.records.database.begin() as session:
        await audit.record(
            session,
            actor=f"system:{party}",
            action="callback",
            subject=f"callback:{callback.event_id}",
            reason=callback.type,
            paragraph="32",
            detail=detail,
        )
