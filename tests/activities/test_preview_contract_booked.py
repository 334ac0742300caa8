"""One schedule: what the client was shown, what the contract says, what the personal account tells, what is booked."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from loan_world import LoanWorld, paid
from sqlmodel import select

from activities import loan_book
from activities.applications import ApplicationRef, Applications, draft
from activities.context import Records
from activities.loans import open_loan
from rules.loan import divisions, upcoming
from rules.money import Money
from rules.schedule import Installment, LoanTerms, build
from rules.terms import Method
from storage import loans
from storage.database import Database
from storage.tables import Application, Offer

AMOUNT, MONTHS = Money("317260.00"), 11


@pytest.fixture(scope="module")
async def world(database_url: str) -> AsyncIterator[LoanWorld]:
    database = Database(database_url, pool_size=5)
    yield LoanWorld(database)
    await database.close()


async def _shown(world: LoanWorld, application: Application) -> dict[str, list[Installment]]:
    """The offers as the workflow's own activity makes them and as the database keeps them."""
    records = Records(world.database, None, None, None)  # type: ignore[arg-type]  # no keys, no archive: none is needed
    ref = ApplicationRef(application_id=application.id, client_id=application.client_id)
    await Applications(records).make_offers(ref)
    async with world.database.begin() as session:
        offers = (await session.exec(select(Offer).where(Offer.application_id == application.id))).all()
    return {one.method: [Installment.model_validate(row) for row in one.schedule["rows"]] for one in offers}


@pytest.mark.parametrize("method", [Method.ANNUITY, Method.DIFFERENTIATED, Method.OWN])
async def test_preview_contract_account_and_books_have_the_same_figures(world: LoanWorld, method: Method) -> None:
    async with Records(world.database, None, None, None).moment() as moment:  # type: ignore[arg-type]
        today = moment.day
    application = await world.applied(AMOUNT, MONTHS, today)
    shown = (await _shown(world, application))[method.value]
    async with world.on(today) as moment:
        drawn = draft(application, method, moment)
    await world.contracted(application, drawn.terms)
    async with world.on(today) as moment:
        loan = await open_loan(moment, application, today)
    terms: LoanTerms = loans.terms(loan)
    assert list(build(terms).rows) == list(drawn.rows) == shown
    assert list(upcoming(await world.facts(loan.id), terms, today)) == shown
    for row in shown:
        before = await world.ledger_of(loan.id)
        async with world.on(row.due) as moment:
            await loan_book.catch_up(moment, loan.id)
            position = await loan_book.position_of(moment.session, loan.id, row.due)
        assert (position.principal_due, position.interest_due) == (row.principal, row.interest)
        after = await world.ledger_of(loan.id)
        assert _change(before, after, "income:interest") == -row.interest
        assert _change(before, after, "loans:interest") == row.interest
        payment = paid(row.due, row.payment)
        async with world.on(row.due) as moment:
            await loan_book.record(moment, loan.id, payment, actor="system:test", paragraph="7")
        paid_off = await world.ledger_of(loan.id)
        assert paid_off.get("loans:principal", Money(0)) == row.balance
        assert _change(after, paid_off, "cash:bank") == row.payment
        assert "loans:interest" not in paid_off
    told = divisions(await world.facts(loan.id), terms, shown[-1].due)
    assert [(one.principal, one.interest) for one in told] == [(row.principal, row.interest) for row in shown]
    assert await world.status(loan.id) == "CLOSED"
    assert set(paid_off) == {"cash:bank", "income:interest"}


def _change(before: dict[str, Money], after: dict[str, Money], account: str) -> Money:
    return after.get(account, Money(0)) - before.get(account, Money(0))
