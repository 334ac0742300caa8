"""The one door through which money that comes in is booked: kept once, placed where that is certain, held where not.

Everything here runs in the transaction of whoever calls: the row, the loan's event, the ledger and the audit trail
stand together or not at all. Money without a loan stays on `clients:unmatched` until two people have spoken.

Rules: para 7, part 5; para 32.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ColumnElement
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from activities import loan_book, wishes
from activities.context import Moment, Records
from rules import matching, terminal_operators
from rules.loan_events import Paid
from rules.matching import Candidate, Match, MatchedBy
from rules.terminal_operators import Operator
from storage import audit, incoming, settlements
from storage.incoming import IncomingPayments, Received
from storage.tables import Application, IncomingPayment, Loan, PaymentAssignment

_ENDED = ("CLOSED", "WRITTEN_OFF")
_LONGEST_REFERENCE = 60
_MOST_NAMED = 10  # numbers of one text that are looked up


async def receive(
    records: Records, moment: Moment, received: Received, *, refused: str | None = None
) -> tuple[IncomingPayment, bool]:
    """Keep a sum and book it; the row, and whether it is fresh. The same sum again changes nothing.

    refused: why its loan would not take it in an earlier transaction; then the money is held.

    Raises:
        Conflict: what the loan's fold refuses, for example `loan-not-disbursed` on the payment's day. Nothing of the
            transaction may stay then; call again in another one, with the code as `refused`.
    """
    operator = _operator(received)
    # what an operator writes is about its terminals' days: a contract named there was paid at a terminal before
    named = {} if operator is not None else await _named(moment.session, received)
    found = await _match(records, moment.session, received, named)
    # a number that no contract has may be anything, a telephone too: it stays in the sealed text alone
    number = next(iter(named)) if len(named) == 1 else None
    kept, fresh = await IncomingPayments(records.vault).keep(moment.session, received, reference=number)
    if not fresh:
        return kept, False
    why = refused or found.why
    if operator is not None:
        why = await _settle(moment, kept, operator, received.purpose)
    elif why is None and found.loan_id is not None and found.by is not None:
        await incoming.place(moment.session, kept.id, found.loan_id, found.by)
        await _book(moment, kept, found.loan_id, actor="system:incoming", reason=f"matched by {found.by}")
    else:
        await loan_book.hold(moment, kept)
    kept = await incoming.get(moment.session, kept.id)
    await audit.record(
        moment.session,
        actor="system:incoming" if received.entered_by is None else f"staff:{received.entered_by}",
        action="money-received",
        subject=f"incoming:{kept.id}",
        reason=why,
        paragraph="7",
        detail={
            "key": kept.key,
            "amount": str(kept.amount),
            "state": kept.state,
            "loan": str(kept.loan_id) if kept.loan_id else None,
            "matched_by": kept.matched_by,
        },
    )
    return kept, True


def _operator(received: Received) -> Operator | None:
    """The operator of the terminals, where a sum of the bank's comes from it."""
    if received.channel != "BANK":
        return None
    return terminal_operators.operator_who_paid(received.payer.iin, received.payer.iban)


async def _settle(moment: Moment, payment: IncomingPayment, operator: Operator, purpose: str) -> str:
    """What the terminals had taken is on the bank account now; no loan changes by it. The days it is for, in words."""
    await incoming.settled(moment.session, payment.id)
    days = terminal_operators.days_settled(purpose, payment.value_date)
    kept = await settlements.keep(moment.session, payment, operator.code, days)
    await loan_book.settle(moment, payment)
    return f"settlement of {operator.code} for {kept.since} to {kept.until}"


async def place(moment: Moment, payment: IncomingPayment, assignment: PaymentAssignment) -> None:
    """Book a held payment to the loan that two people named; again is the same as once.

    Raises:
        Conflict: what the loan's fold refuses, for example `loan-not-disbursed` on the payment's day.
    """
    if assignment.loan_id is None or assignment.confirmed_by is None:
        raise ValueError("only a confirmed word that names a loan places a payment")
    if not await incoming.place(moment.session, payment.id, assignment.loan_id, MatchedBy.PEOPLE):
        return
    placed = await incoming.get(moment.session, payment.id)
    await loan_book.release(moment, placed)
    await _book(moment, placed, assignment.loan_id, actor=f"staff:{assignment.confirmed_by}", reason=assignment.reason)


async def _book(moment: Moment, payment: IncomingPayment, loan_id: UUID, *, actor: str, reason: str) -> None:
    fact = Paid(
        key=f"paid:{payment.key}",
        value_date=payment.value_date,
        known_at=moment.at,
        amount=payment.amount,
        use=await wishes.use_for(moment.session, loan_id, payment.value_date),
        through=loan_book.THROUGH[payment.channel],
    )
    await loan_book.record(
        moment,
        loan_id,
        fact,
        actor=actor,
        paragraph="7",
        reason=reason,
        detail={"incoming": str(payment.id), "channel": payment.channel},
    )


async def _named(session: AsyncSession, received: Received) -> dict[str, Candidate]:
    """The loans whose contract's number stands in the text, or is the text itself where that is short."""
    whole = received.purpose.strip().upper()
    numbers = matching.numbers_in(received.purpose) or (whole[:_LONGEST_REFERENCE],)
    return await _candidates(session, col(Loan.number).in_(numbers[:_MOST_NAMED]))


async def _match(records: Records, session: AsyncSession, received: Received, named: dict[str, Candidate]) -> Match:
    if named or not received.payer.iban:
        return matching.match(named.values(), [])
    index = records.vault.index("iban", received.payer.iban)
    # an account counts once money went there: then its owner was shown to be the client, not merely claimed
    query = (
        select(Application.client_id)
        .where(
            col(Application.account_index) == index,
            col(Application.receiving_method) == "OWN_ACCOUNT",
            col(Application.loan_id).is_not(None),
        )
        .distinct()
        .limit(2)
    )
    owners = list((await session.exec(query)).all())
    of_account = await _candidates(session, col(Loan.client_id).in_(owners)) if owners else {}
    return matching.match([], of_account.values(), several_owners=len(owners) > 1)


async def _candidates(session: AsyncSession, condition: ColumnElement[bool]) -> dict[str, Candidate]:
    query = select(Loan.number, Loan.id, Loan.client_id, Loan.status).where(condition)
    return {
        number: Candidate(loan_id=loan_id, client_id=client_id, is_open=status not in _ENDED)
        for number, loan_id, client_id, status in await session.exec(query)
    }
