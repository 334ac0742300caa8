"""Cash handed out: who may have it is seen first, then order, loan, ledger and audit are one transaction.

A cashier sees the receiver with their identity document, or with what the digital documents service showed; for a
legal entity with a power of attorney besides. A terminal asks before it counts the money out, and tells when it has.
Both need the collection code of the personal account. These run inside the caller's transaction.

Rules: para 9.
"""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from sqlmodel import col, select

from activities.applications import enter_stage, get_application
from activities.context import Moment, Records
from activities.loans import open_loan
from rules.client import ClientKind
from rules.errors import BusinessError, Conflict, NotAllowed, NotConfirmed
from rules.evidence import Frozen, StepOutcome
from storage import audit, cash_orders, payments, reviews
from storage.tables import CashOrder, Check, Client, Document

DESK_ACT = "CASH_DESK"  # of the checks that an identification at a desk leaves
AUTHORITY = "power_of_attorney"  # kind of the archived document
_COUNTED = frozenset({"code-wrong", "document-number-wrong"})  # wrong tries that use a code up


class HandedOut(Frozen):
    """What the cashier saw and was told. Personal data: it never leaves this process.

    receipt: of this paying; the same again is the same paying, whose answer got lost. document_number: of the identity
    document in the receiver's hand. digital: whether the digital documents service showed it instead. authority_id:
    the archived power of attorney, for a legal entity.
    """

    number: str
    receipt: str
    code: str
    staff_id: UUID
    desk: str | None
    document_number: str | None = None
    digital: bool = False
    authority_id: UUID | None = None


class Outcome(Frozen):
    """What came of a try. error: why not; the try itself is kept, so the caller commits first and raises after."""

    model_config = {"frozen": True, "arbitrary_types_allowed": True}

    application_id: UUID
    state: str
    loan_id: UUID | None = None
    error: BusinessError | None = None


async def hand_out(moment: Moment, records: Records, given: HandedOut) -> Outcome:
    """A cashier pays an order. Of many at once one pays; the others are told that it is paid.

    Raises:
        NotFound: `cash-order-unknown`.
    """
    order = await cash_orders.lock(moment.session, given.number)
    actor = f"staff:{given.staff_id}"
    if order.state == "paid" and (order.paid_by, order.receipt) == (given.staff_id, given.receipt):
        return await _known(moment, order)
    try:
        cash_orders.check_open(order, moment.at)
        _may_pay(order, given)
        client = await records.clients.get(moment.session, order.client_id)
        await _identified(moment, records, order, client, given)
        tries = moment.policy.whole("collection-code-tries")
        cash_orders.check_code(order, records.vault, given.code, tries)
    except BusinessError as error:
        return await _tried(moment, order, actor, error)
    how = "digital-document" if given.digital else "document"
    return await _paid(
        moment,
        order,
        actor,
        receipt=given.receipt,
        identified_by=how,
        paid_by=given.staff_id,
        authority=given.authority_id,
    )


def _may_pay(order: CashOrder, given: HandedOut) -> None:
    if order.channel != "cash-desk":
        raise Conflict("cash-order-other-channel")
    if given.desk != order.desk:
        raise NotAllowed("cash-order-other-desk")
    if order.two_people and order.approved_by in (None, given.staff_id):
        raise NotAllowed("second-person-needed")


async def _identified(moment: Moment, records: Records, order: CashOrder, client: Client, given: HandedOut) -> None:
    """The receiver is the client, by a document; for a legal entity a person with a power of attorney."""
    person = records.clients.person(client)
    if given.digital:
        if not await _document_shown(moment, order):
            raise NotConfirmed("digital-document-not-shown")
    elif given.document_number != person.document.number:
        raise NotConfirmed("document-number-wrong", field="/document_number")
    elif person.document.expires < moment.day:
        raise NotConfirmed("document-expired", field="/document_number")
    if client.kind != ClientKind.LEGAL_ENTITY:
        return
    authority = await moment.session.get(Document, given.authority_id) if given.authority_id else None
    fits = authority is not None and authority.kind == AUTHORITY and authority.application_id == order.application_id
    if not fits:
        raise NotConfirmed("power-of-attorney-needed", field="/authority_id")


async def _document_shown(moment: Moment, order: CashOrder) -> bool:
    """Whether the digital documents service showed the client's document at the desk a moment ago."""
    since = moment.at - timedelta(minutes=moment.policy.whole("digital-document-minutes"))
    query = select(Check.id).where(
        col(Check.application_id) == order.application_id,
        col(Check.act) == DESK_ACT,
        col(Check.outcome) == StepOutcome.PASSED,
        col(Check.at) >= since,
    )
    return (await moment.session.exec(query)).first() is not None


async def approve(moment: Moment, number: str, staff_id: UUID) -> CashOrder:
    """A second member of staff lets a large amount out; whoever approves does not pay.

    Raises:
        NotFound, Conflict: as of the order; `approval-not-needed`; `cash-order-approved` by another.
    """
    order = await cash_orders.lock(moment.session, number)
    cash_orders.check_open(order, moment.at)
    if not order.two_people:
        raise Conflict("approval-not-needed")
    if order.approved_by not in (None, staff_id):
        raise Conflict("cash-order-approved")
    if order.approved_by is None:
        order.approved_by, order.approved_at = staff_id, moment.at
        moment.session.add(order)
        await _record(moment, order, f"staff:{staff_id}", "cash-order-approved", None)
    return order


async def terminal_asks(moment: Moment, records: Records, number: str, code: str, terminal_id: str) -> Outcome:
    """A terminal wants to know whether to count the money out. The same terminal may ask again.

    Raises:
        NotFound: `cash-order-unknown`.
    """
    order = await cash_orders.lock(moment.session, number)
    actor = f"system:terminal/{terminal_id}"
    try:
        cash_orders.check_open(order, moment.at)
        if order.channel != "terminal":
            raise Conflict("cash-order-other-channel")
        if order.terminal_id not in (None, terminal_id):
            raise Conflict("cash-order-in-payment")
        cash_orders.check_code(order, records.vault, code, moment.policy.whole("collection-code-tries"))
    except BusinessError as error:
        return await _tried(moment, order, actor, error)
    if order.state == "waiting":
        order.state, order.terminal_id = "paying", terminal_id
        moment.session.add(order)
        await _record(moment, order, actor, "cash-order-paying", None)
    return Outcome(application_id=order.application_id, state=order.state)


async def terminal_paid(moment: Moment, number: str, terminal_id: str, receipt: str) -> Outcome:
    """A terminal has counted the money out; the same receipt again changes nothing.

    The outcome's error: `cash-order-paid` under another receipt; `cash-order-not-asked`: this terminal was not told to
    pay; `receipt-used` for another order.

    Raises:
        NotFound: `cash-order-unknown`.
    """
    order = await cash_orders.lock(moment.session, number)
    actor = f"system:terminal/{terminal_id}"
    if order.state == "paid":
        if (order.terminal_id, order.receipt) != (terminal_id, receipt):
            return await _tried(moment, order, actor, Conflict("cash-order-paid"))
        return await _known(moment, order)
    if order.state != "paying" or order.terminal_id != terminal_id:
        return await _tried(moment, order, actor, Conflict("cash-order-not-asked"))
    return await _paid(moment, order, actor, receipt=receipt, identified_by="terminal")


async def seen_paid(moment: Moment, order: CashOrder, receipt: str, value_date: date) -> Outcome:
    """The network's books show that a terminal has paid a locked order, though it never said so.

    The outcome's error: as of `terminal_paid`.
    """
    return await _paid(moment, order, "system:worker", receipt=receipt, identified_by="terminal", value_date=value_date)


async def terminal_failed(moment: Moment, number: str, terminal_id: str) -> Outcome:
    """A terminal could not count the money out: the order waits again, under a new code.

    Raises:
        NotFound: `cash-order-unknown`.
    """
    order = await cash_orders.lock(moment.session, number)
    if order.state == "paying" and order.terminal_id == terminal_id:
        order.state, order.terminal_id, order.code_hash = "waiting", None, None
        moment.session.add(order)
        await _record(moment, order, f"system:terminal/{terminal_id}", "cash-order-not-dispensed", None)
    return Outcome(application_id=order.application_id, state=order.state)


async def _paid(
    moment: Moment,
    order: CashOrder,
    actor: str,
    *,
    receipt: str,
    identified_by: str,
    paid_by: UUID | None = None,
    authority: UUID | None = None,
    value_date: date | None = None,
) -> Outcome:
    """Order, payment, loan, ledger and stage, all or nothing."""
    if order.terminal_id is not None and await cash_orders.receipt_used(moment.session, order.terminal_id, receipt):
        return await _tried(moment, order, actor, Conflict("receipt-used"))
    application = await get_application(moment.session, order.application_id)
    day = value_date or moment.day
    moved = await payments.settle(moment.session, order.payment_key, "done", order.number, value_date=day)
    if not moved:  # the payment was settled otherwise: no cash
        return await _tried(moment, order, actor, Conflict("cash-order-ended"))
    order.state, order.receipt, order.paid_at = "paid", receipt, moment.at
    order.identified_by, order.paid_by, order.authority_id = identified_by, paid_by, authority
    moment.session.add(order)
    loan = await open_loan(moment, application, day, order.channel)
    application.loan_id = loan.id
    detail: dict[str, object] = {"loan": str(loan.id), "order": order.number, "channel": order.channel}
    await enter_stage(moment, application, "ISSUED", paragraph="9", detail=detail, actor=actor)
    await reviews.close_of_payment(moment.session, order.payment_key)
    await _record(moment, order, actor, "cash-order-paid", order.identified_by)
    return Outcome(application_id=application.id, state="paid", loan_id=loan.id)


async def _known(moment: Moment, order: CashOrder) -> Outcome:
    application = await get_application(moment.session, order.application_id)
    return Outcome(application_id=order.application_id, state="paid", loan_id=application.loan_id)


async def _tried(moment: Moment, order: CashOrder, actor: str, error: BusinessError) -> Outcome:
    """A try that led to nothing: counted where it was a guess, and audited."""
    if error.code in _COUNTED:
        cash_orders.failed(order)
        moment.session.add(order)
    await _record(moment, order, actor, "cash-order-refused", error.code)
    return Outcome(application_id=order.application_id, state=order.state, error=error)


async def _record(moment: Moment, order: CashOrder, actor: str, action: str, reason: str | None) -> None:
    await audit.record(
        moment.session,
        actor=actor,
        action=action,
        subject=f"application:{order.application_id}",
        reason=reason,
        paragraph="9",
        detail={"order": order.number, "channel": order.channel, "desk": order.desk, "state": order.state},
    )
