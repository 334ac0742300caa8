"""A borrower's request for other terms, and an officer's decision about it, as they come in through the API.

Rules: para 7, part 7; para 9; para 34. Who may ask and by when we answer: rules.restructuring.
"""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from activities.applications import get_application
from activities.context import Moment, Records
from activities.retention import loan_end
from rules.client import ClientKind
from rules.errors import Conflict, NotFound
from rules.identification import needed_on
from rules.loan import upcoming
from rules.loan_care import Arrears, arrears
from rules.products import Purpose
from rules.proofs import Act
from rules.restructuring import Ground, NewTerms, answer_due, check_may_ask, check_terms, rate_of, restructured
from rules.schedule import Installment
from storage import audit, fraud, loans
from storage.tables import Client, Loan, RestructuringRequest

OPEN = ("RECEIVED", "DECIDED", "PROPOSED")


def case_id(request: RestructuringRequest) -> str:
    """The id of the workflow that answers a request."""
    return f"restructuring/{request.loan_id}/{request.n}"


async def arrears_of(moment: Moment, loan: Loan) -> Arrears | None:
    """The arrears of a loan today, if there are any."""
    events, terms = await loans.events(moment.session, loan.id), loans.terms(loan)
    return arrears(events, terms, max(moment.day, loan.disbursed_on), moment.policy)


async def receive(
    records: Records, moment: Moment, loan_id: UUID, client: Client, ground: Ground, text: str, *, request_id: UUID
) -> RestructuringRequest:
    """Archive a request and note by when it must be answered; the same id again is the same request.

    Raises:
        Conflict: `restructuring-open`: one is in work; `not-in-arrears`; `restructuring-request-late`;
            `collection-held`: a fraud is looked into.
    """
    loan = await loans.lock(moment.session, loan_id)
    known = await moment.session.get(RestructuringRequest, request_id)
    if known is not None:
        return known
    if await open_request(moment.session, loan.id) is not None:
        raise Conflict("restructuring-open")
    await check_not_held(moment, loan.id)
    late = check_may_ask(await arrears_of(moment, loan), moment.day, moment.policy)
    document = await records.documents.keep(
        moment.session,
        text.encode(),
        kind="restructuring_request",
        media_type="text/plain; charset=utf-8",
        direction="received",
        client=client,
        application_id=loan.application_id,
        retain_until=moment.retain_until(await loan_end(moment.session, loan, moment.day)),
    )
    earlier = select(func.count()).where(col(RestructuringRequest.loan_id) == loan.id)
    request = RestructuringRequest(
        id=request_id,
        loan_id=loan.id,
        n=1 + int((await moment.session.exec(earlier)).one()),
        arrears_since=late.since,
        received_at=moment.at,
        answer_due=answer_due(moment.day, moment.policy),
        ground=ground.value,
        text=records.vault.seal(client.data_key, text.encode(), text_context(request_id)),
        document_id=document.id,
        signature_needed=await _signature_needed(moment, loan, client),
    )
    moment.session.add(request)
    await moment.session.flush()
    await audit.record(
        moment.session,
        actor=f"client:{client.id}",
        action="restructuring-requested",
        subject=f"loan:{loan.id}",
        reason=ground.value,
        paragraph="7",
        detail={"request": str(request.id), "n": request.n, "answer_due": request.answer_due},
    )
    return request


async def _signature_needed(moment: Moment, loan: Loan, client: Client) -> bool:
    """Whether an addendum of today needs an electronic signature. Rules: para 9."""
    purpose = Purpose((await get_application(moment.session, loan.application_id)).purpose)
    kind = ClientKind(client.kind)
    return needed_on(Act.CONTRACT_AMENDMENT, kind, moment.day, business=purpose.business).signature


async def check_not_held(moment: Moment, loan_id: UUID) -> None:
    """A debt is not claimed in new terms either while a fraud is looked into.

    Raises:
        Conflict: `collection-held`.

    Rules: para 13, part 2.
    """
    if await fraud.is_held(moment.session, loan_id):
        raise Conflict("collection-held")


def text_context(request_id: UUID) -> str:
    """What the borrower's sealed words are bound to."""
    return f"restructuring:{request_id}"


async def open_request(session: AsyncSession, loan_id: UUID) -> RestructuringRequest | None:
    """The request in work, if there is one."""
    query = select(RestructuringRequest).where(
        col(RestructuringRequest.loan_id) == loan_id, col(RestructuringRequest.state).in_(OPEN)
    )
    return (await session.exec(query)).first()


async def locked(session: AsyncSession, request_id: UUID) -> RestructuringRequest:
    """A request's row, held until the transaction ends.

    Raises:
        NotFound: `restructuring-unknown`.
    """
    query = select(RestructuringRequest).where(col(RestructuringRequest.id) == request_id)
    found = (await session.exec(query.with_for_update().execution_options(populate_existing=True))).one_or_none()
    if found is None:
        raise NotFound("restructuring-unknown")
    return found


async def decide(
    moment: Moment, request: RestructuringRequest, staff_id: UUID, terms: NewTerms | None, reason_code: str
) -> None:
    """Keep what an officer decided about a locked request: new terms, or None for a refusal.

    Terms hold from today; the client may agree for as long as the policy row `restructuring-consent-days` says.

    Raises:
        Conflict: `restructuring-decided` already; `loan-closed`; `collection-held`: a refusal can still be written.
        InvalidInput: terms that may not be proposed, see rules.restructuring.check_terms.
    """
    if request.state != "RECEIVED":
        raise Conflict("restructuring-decided")
    if terms is not None:
        loan = await loans.lock(moment.session, request.loan_id)
        if loan.closed_at is not None:
            raise Conflict("loan-closed")
        await check_not_held(moment, loan.id)
        events = await loans.events(moment.session, loan.id)
        until = moment.day + timedelta(days=moment.policy.whole("restructuring-consent-days"))
        check_terms(terms, rate_of(events, loans.terms(loan)), moment.day, until)
        request.terms, request.accept_until = terms.model_dump(mode="json"), until
        request.effective_on = moment.day
    request.state, request.reason_code = "DECIDED", reason_code
    request.decided_by, request.decided_at = staff_id, moment.at
    moment.session.add(request)
    await audit.record(
        moment.session,
        actor=f"staff:{staff_id}",
        action="restructuring-decided",
        subject=f"loan:{request.loan_id}",
        reason=reason_code,
        paragraph="27",
        detail={"request": str(request.id), "approved": terms is not None, "terms": request.terms},
    )


def terms_of(request: RestructuringRequest) -> tuple[NewTerms, date, date]:
    """Proposed terms, the first day they hold, the last day to agree.

    Raises:
        Conflict: `restructuring-not-proposed`.
    """
    if request.terms is None or request.effective_on is None or request.accept_until is None:
        raise Conflict("restructuring-not-proposed")
    return NewTerms.model_validate(request.terms), request.effective_on, request.accept_until


async def plan(moment: Moment, loan: Loan, request: RestructuringRequest) -> tuple[Installment, ...]:
    """The schedule that the proposed terms give from their first day, by the same fold that books them."""
    terms, effective, _ = terms_of(request)
    events = await loans.events(moment.session, loan.id)
    changed = [*events, restructured(terms, request.id, effective, moment.at)]
    return upcoming(changed, loans.terms(loan), effective)
