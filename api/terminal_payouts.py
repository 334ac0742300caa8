"""What terminals tell about money they hand out: they ask before they count it, and tell when they have.

The answer is the transaction's, not a workflow's: a terminal waits for seconds only. The case is told afterwards.

Rules: para 9.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ValidationError

from activities import cash_desk
from activities.cash_desk import Outcome
from activities.context import Moment
from api.actions import Call
from api.routes.staff_cash import changed
from api.schemas_cash import TerminalAnswer, TerminalAsks, TerminalFailed, TerminalPaid
from api.schemas_lending import CallbackBody
from api.services import Services
from rules.errors import NotFound
from storage import cash_orders

Shape = TypeVar("Shape", bound=BaseModel)


async def take(kit: Services, callback: CallbackBody) -> Response | None:
    """Answer a callback about a payout, None where it is about something else.

    Raises:
        Conflict: `cash-order-paid` under another receipt, `cash-order-not-asked`: nothing was booked, people look.
        NotFound: `cash-order-unknown`.
    """
    if callback.type == "payout.requested":
        return JSONResponse((await _asked(kit, _read(TerminalAsks, callback))).model_dump(mode="json"))
    if callback.type == "payout.done":
        paid = _read(TerminalPaid, callback)
        await _told(kit, lambda moment: cash_desk.terminal_paid(moment, paid.order, paid.terminal_id, paid.receipt))
        return Response(status_code=204)
    if callback.type == "payout.failed":
        failed = _read(TerminalFailed, callback)
        await _told(kit, lambda moment: cash_desk.terminal_failed(moment, failed.order, failed.terminal_id))
        return Response(status_code=204)
    return None


async def _asked(kit: Services, asks: TerminalAsks) -> TerminalAnswer:
    """Whether to pay, and how much; a refusal is an answer too."""
    try:
        async with kit.records.moment() as moment:
            tried = await cash_desk.terminal_asks(moment, kit.records, asks.order, asks.code, asks.terminal_id)
            order = await cash_orders.get(moment.session, asks.order)
            if tried.error is None:
                await kit.actions.keep(moment.session, changed(tried.application_id))  # the outbox tells the case
    except NotFound as error:
        return TerminalAnswer(pay=False, reason=error.code)
    if tried.error is not None:
        return TerminalAnswer(pay=False, reason=tried.error.code)
    return TerminalAnswer(pay=True, amount=order.amount)


async def _told(kit: Services, work: Callable[[Moment], Awaitable[Outcome]]) -> None:
    call: Call | None = None
    async with kit.records.moment() as moment:
        tried = await work(moment)
        if tried.error is None:
            call = changed(tried.application_id)
            await kit.actions.keep(moment.session, call)
    if tried.error is not None:
        raise tried.error
    if call is not None:
        await kit.actions.deliver(call)


def _read(shape: type[Shape], callback: CallbackBody) -> Shape:
    try:
        return shape.model_validate(callback.data)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        raise RequestValidationError([{**one, "loc": ("body", "data", *one["loc"])} for one in found]) from None
