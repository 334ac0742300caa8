"""Issued microcredits: debt on any day, schedule, payments, ways to repay. Rules: para 7, part 5; para 7, part 6."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from sqlmodel import col, select

from activities.context import Moment
from activities.loan_book import position_of, status_of
from api.fields import Day
from api.problems import language_of
from api.routes.problems import ASK, problems
from api.schemas_loans import Debt, LoanAnswer, PaymentAnswer, ScheduleAnswer, WayToRepay
from api.services import Kit
from api.sessions import ClientCaller
from rules import loan as fold
from rules.errors import NotFound
from rules.schedule import Installment, build
from storage import loans as stored
from storage.tables import Loan

router = APIRouter(prefix="/loans", tags=["loans"])


async def _own(moment: Moment, client_id: UUID, loan_id: UUID) -> Loan:
    found = await moment.session.get(Loan, loan_id)
    if found is None or found.client_id != client_id:
        raise NotFound("not-found")
    return found


def _today(moment: Moment, loan: Loan) -> date:
    """The present day; the day of the disbursement where the bank dates it later."""
    return max(moment.day, loan.disbursed_on)


async def _told(moment: Moment, loan: Loan) -> LoanAnswer:
    terms = stored.terms(loan)
    today = await position_of(moment.session, loan.id, _today(moment, loan))
    return LoanAnswer(
        loan_id=loan.id,
        number=loan.number,
        application_id=loan.application_id,
        contract_id=loan.contract_id,
        status=status_of(today),
        principal=terms.principal,
        rate_percent_per_year=terms.rate_percent_per_year,
        method=terms.method,
        disbursed_on=loan.disbursed_on,
        debt_today=today.total_to_close,
        overdue_days=today.overdue_days,
        next_due=today.next_due,
        next_payment=today.next_payment,
    )


@router.get("", responses=problems(401, 403))
async def loans(kit: Kit, caller: ClientCaller) -> list[LoanAnswer]:
    """The client's microcredits, newest first."""
    async with kit.records.moment() as moment:
        query = (
            select(Loan).where(col(Loan.client_id) == caller.client_id).order_by(col(Loan.created_at).desc()).limit(100)
        )
        return [await _told(moment, one) for one in (await moment.session.exec(query)).all()]


@router.get("/{loan_id}", responses=ASK)
async def loan(loan_id: UUID, kit: Kit, caller: ClientCaller) -> LoanAnswer:
    """One microcredit."""
    async with kit.records.moment() as moment:
        return await _told(moment, await _own(moment, caller.client_id, loan_id))


@router.get("/{loan_id}/debt", responses={**ASK, **problems(409)})
async def debt(loan_id: UUID, kit: Kit, caller: ClientCaller, on: Annotated[Day | None, Query()] = None) -> Debt:
    """What is owed at the end of a day, today where none is given; later days as if nothing more is paid."""
    async with kit.records.moment() as moment:
        found = await _own(moment, caller.client_id, loan_id)
        position = await position_of(moment.session, found.id, on or _today(moment, found))
    return Debt(
        loan_id=found.id,
        on=position.on,
        principal=position.principal,
        principal_due=position.principal_due,
        interest_due=position.interest_due,
        interest_accrued=position.interest_accrued,
        penalty=position.penalty,
        overdue_amount=position.overdue_amount,
        overdue_principal=position.overdue_principal,
        overdue_interest=position.overdue_interest,
        overdue_days=position.overdue_days,
        advance=position.advance,
        overpaid=position.overpaid,
        suspended=position.suspended,
        interest_suspended=position.interest_suspended,
        total_to_close=position.total_to_close,
        next_due=position.next_due,
        next_payment=position.next_payment,
    )


@router.get("/{loan_id}/schedule", responses=ASK)
async def schedule(loan_id: UUID, kit: Kit, caller: ClientCaller) -> ScheduleAnswer:
    """The schedule of the contract."""
    async with kit.records.moment() as moment:
        found = await _own(moment, caller.client_id, loan_id)
    built = build(stored.terms(found))
    return ScheduleAnswer(
        loan_id=found.id,
        method=built.terms.method,
        annual_effective_rate_percent=built.annual_effective_rate_percent,
        total_payment=built.total_payment,
        total_interest=built.total_interest,
        rows=list(built.rows),
    )


@router.get("/{loan_id}/upcoming", responses=ASK)
async def upcoming(loan_id: UUID, kit: Kit, caller: ClientCaller) -> list[Installment]:
    """Instalments still to come, as things stand today: after early repayments, moved due dates, restructuring."""
    async with kit.records.moment() as moment:
        found = await _own(moment, caller.client_id, loan_id)
        events = await stored.events(moment.session, found.id)
    return list(fold.upcoming(events, stored.terms(found), _today(moment, found)))


@router.get("/{loan_id}/payments", responses=ASK)
async def payments(loan_id: UUID, kit: Kit, caller: ClientCaller) -> list[PaymentAnswer]:
    """Payments received, and how each was divided between principal, interest and penalty."""
    async with kit.records.moment() as moment:
        found = await _own(moment, caller.client_id, loan_id)
        events = await stored.events(moment.session, found.id)
    insteads = [one.instead for one in events if isinstance(one, fold.Corrected)]
    facts = {one.key: one for one in (*events, *insteads) if isinstance(one, fold.Paid)}
    return [
        PaymentAnswer(
            on=facts[one.key].value_date,
            amount=facts[one.key].amount,
            principal=one.principal,
            interest=one.interest,
            penalty=one.penalty,
            waiting=one.waiting,
            overpaid=one.overpaid,
            known_at=facts[one.key].known_at,
        )
        for one in fold.divisions(events, stored.terms(found), _today(moment, found))
    ]


@router.get("/{loan_id}/ways-to-repay", responses=ASK)
async def ways_to_repay(loan_id: UUID, request: Request, kit: Kit, caller: ClientCaller) -> list[WayToRepay]:
    """How this microcredit can be repaid."""
    async with kit.records.moment() as moment:
        found = await _own(moment, caller.client_id, loan_id)
    lender, language = kit.lender, language_of(request.scope)
    bank = {"account": lender.account, "bank": lender.bank, "bin": lender.bin, "receiver": lender.names[language]}
    desk = {"address": lender.addresses[language]}
    return [
        WayToRepay(kind="bank_transfer", reference=found.number, details=bank),
        WayToRepay(kind="terminal", reference=found.number, details={}),
        WayToRepay(kind="cash_desk", reference=found.number, details=desk),
    ]
