"""Callbacks of the bank and the SMS gateway: signed, believed only as far as "look again".

A callback's content moves no money: it wakes the workflow, which asks the bank's own books.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import ValidationError

from activities.money_sources import bank_key, terminal_key
from api import terminal_payouts
from api.actions import Call
from api.incoming import look
from api.routes.problems import problems
from api.schemas_cash import TerminalAnswer
from api.schemas_lending import CallbackBody
from api.services import Kit, Services
from rules import callbacks
from rules.calendar import local_date
from rules.errors import Conflict, InvalidInput, NotConfirmed, NotFound
from rules.payment_keys import case_of
from storage import audit
from storage.clock import now

router = APIRouter(prefix="/callbacks", tags=["callbacks"])

_RESPONSES = problems(403, 422)
_OF_TERMINALS: dict[int | str, dict[str, Any]] = {
    **problems(403, 404, 409, 422),
    200: {"model": TerminalAnswer, "description": "To payout.requested: whether to count the money out"},
}
_WORD = re.compile(r"[\x21-\x7e]{1,60}", re.ASCII)


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
    """payout.updated wakes the payment's case; payment.received makes us look at the statement for that line."""
    callback = await _read(request, kit, "bank")
    if callback.type == "payment.received":
        return await _look(kit, "bank", callback, bank_key(_word(callback, "bank_ref")), "booked_at")
    if callback.type == "payout.updated":
        try:
            case = case_of(str(callback.data.get("order_id")))
        except InvalidInput:
            raise InvalidInput("field-format", field="/data/order_id") from None
        # a closed or unknown case: the statement will tell, the bank need not repeat itself
        with suppress(NotFound, Conflict):
            await kit.actions.door.signal(case, "payout_updated")
    await _record(kit, "bank", callback)
    return Response(status_code=204)


@router.post("/terminal", status_code=204, response_class=Response, responses=_OF_TERMINALS)
async def terminal(request: Request, kit: Kit) -> Response:
    """payment.received makes us look at the network's register for that receipt; payouts ask and tell of orders."""
    callback = await _read(request, kit, "terminal")
    if callback.type == "payment.received":
        key = terminal_key(_word(callback, "terminal_id"), _word(callback, "receipt"))
        return await _look(kit, "terminal", callback, key, "at")
    answered = await terminal_payouts.take(kit, callback)
    await _record(kit, "terminal", callback)
    return answered or Response(status_code=204)


@router.post("/sms", status_code=204, response_class=Response, responses=_RESPONSES)
async def sms(request: Request, kit: Kit) -> Response:
    """Delivery states; kept in the audit trail, nothing waits for them."""
    await _record(kit, "sms", await _read(request, kit, "sms"))
    return Response(status_code=204)


def _word(callback: CallbackBody, name: str) -> str:
    """What names a sum at its source; what else the callback says of it is not read."""
    value = callback.data.get(name)
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        raise InvalidInput("field-format", field=f"/data/{name}")
    return value


async def _look(kit: Services, party: str, callback: CallbackBody, key: str, at: str) -> Response:
    """Start the case of a sum; while Temporal is away the outbox keeps it, so the party need not call again.

    at: the field with the instant, which says no more than in which day's books to look first.
    """
    async with kit.records.database.begin() as session:
        day = local_date(await now(session))
    told = str(callback.data.get(at))
    with suppress(ValueError, OverflowError):
        day = min(day, local_date(datetime.fromisoformat(told)))
    call = look(key, day)
    await _record(kit, party, callback, call)
    await kit.actions.begin(call)
    return Response(status_code=204)


async def _record(kit: Services, party: str, callback: CallbackBody, call: Call | None = None) -> None:
    """Note that they called; with an action that follows from it, both or neither."""
    detail = {
        name: callback.data[name]
        for name in ("payout_id", "order_id", "message_id", "status", "bank_ref", "terminal_id", "receipt")
        if isinstance(callback.data.get(name), str) and len(callback.data[name]) <= 64
    }
    async with kit.records.database.begin() as session:
        if call is not None:
            await kit.actions.keep(session, call)
        await audit.record(
            session,
            actor=f"system:{party}",
            action="callback",
            subject=f"callback:{callback.event_id}",
            reason=callback.type,
            paragraph="32",
            detail=detail,
        )
