"""Staff: money taken at the desk, the queue of money nobody could place, and the word of two people about it.

Rules: para 7, part 5; para 27; para 28.
"""

from __future__ import annotations

from typing import Annotated, Literal, cast
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from sqlmodel import col, select

from activities import incoming_book
from activities.context import Moment
from activities.money_sources import desk_key
from api import incoming as calls
from api.once import Outcome, fingerprint
from api.routes.problems import problems
from api.schemas_payments import (
    AssignmentAnswer,
    AssignmentBody,
    DeskPaymentAnswer,
    DeskPaymentBody,
    IncomingAnswer,
    IncomingState,
    ReturnTry,
)
from api.schemas_staff import Role
from api.services import Kit, Services
from api.staff import Member, Reviewer, StaffOnce, needs
from rules.errors import BusinessError, Conflict, InvalidInput
from rules.matching import MatchedBy
from rules.payment_keys import attempt_of
from storage import assignments, audit, incoming
from storage import payments as outgoing
from storage.incoming import IncomingPayments, Payer, Received
from storage.tables import IncomingPayment, Loan, OutboundPayment, PaymentAssignment

router = APIRouter(prefix="/staff/api/payments", tags=["staff"])
Officer = Annotated[Member, Depends(needs(Role.OFFICER))]

_MOST_SHOWN = 100


@router.get("", responses=problems(401, 403, 404, 422))
async def payments(
    kit: Kit,
    member: Reviewer,
    state: Annotated[IncomingState, Query()] = IncomingState.UNMATCHED,
    after: Annotated[UUID | None, Query(description="the last payment of the part before")] = None,
) -> list[IncomingAnswer]:
    """Money that came in, in one state, oldest first, a hundred at a time.

    Who paid and what for is opened; each look is audited.
    """
    async with kit.records.moment() as moment:
        last = None if after is None else await incoming.get(moment.session, after)
        found = await incoming.queue(moment.session, [state], _MOST_SHOWN, after=last)
        words = await assignments.of_payments(moment.session, [one.id for one in found])
        tries = await outgoing.returns_of(moment.session, [one.id for one in found])
        numbers = await _numbers(moment, found, [word for some in words.values() for word in some])
        await audit.record(
            moment.session,
            actor=member.who,
            action="payments-looked-at",
            subject=f"payments:{state}",
            paragraph="27",
            detail={"payments": [str(one.id) for one in found]},
        )
        return [
            _told(kit, one, words.get(one.id, []), numbers).model_copy(
                update={"returns": [_tried(payment) for payment in tries.get(one.id, [])]}
            )
            for one in found
        ]


def _tried(payment: OutboundPayment) -> ReturnTry:
    return ReturnTry(
        attempt=attempt_of(payment.key), state=payment.state, code=payment.refusal_code, made_at=payment.made_at
    )


def _told(
    kit: Services, one: IncomingPayment, words: list[PaymentAssignment], numbers: dict[UUID, str]
) -> IncomingAnswer:
    file, payer, purpose, readable = IncomingPayments(kit.records.vault), Payer(), "", True
    try:
        payer, purpose = file.payer(one), file.purpose(one)
    except BusinessError:  # one damaged row must not hide the others
        readable = False
    return IncomingAnswer(
        payment_id=one.id,
        key=one.key,
        channel=cast(Literal["BANK", "TERMINAL", "CASH_DESK"], one.channel),
        amount=one.amount,
        value_date=one.value_date,
        received_at=one.received_at,
        state=IncomingState(one.state),
        matched_by=one.matched_by,
        contract_number=numbers.get(one.loan_id) if one.loan_id else one.reference,
        payer_name=payer.name,
        payer_iban=payer.iban,
        purpose=purpose,
        readable=readable,
        assignments=[_word(kit, word, numbers) for word in words],
    )


def _word(
    kit: Services, word: PaymentAssignment, numbers: dict[UUID, str], *, delivered: bool | None = None
) -> AssignmentAnswer:
    state = "confirmed" if word.confirmed_by else "refused" if word.refused_by else "open"
    to = "loan" if word.loan_id is not None else "queue" if word.keep else "payer"
    try:
        iban = assignments.other_account(kit.records.vault, word)
    except BusinessError:  # one damaged row must not hide the others
        iban = ""
    return AssignmentAnswer(
        assignment_id=word.id,
        payment_id=word.payment_id,
        to=cast(Literal["loan", "payer", "queue"], to),
        contract_number=None if word.loan_id is None else numbers.get(word.loan_id),
        iban=iban,
        attempt=word.attempt,
        reason=word.reason,
        proposed_by=word.proposed_by,
        proposed_at=word.proposed_at,
        state=cast(Literal["open", "confirmed", "refused"], state),
        decided_by=word.confirmed_by or word.refused_by,
        decided_at=word.confirmed_at or word.refused_at,
        delivered=delivered,
    )


async def _numbers(moment: Moment, found: list[IncomingPayment], words: list[PaymentAssignment]) -> dict[UUID, str]:
    ids = {one.loan_id for one in found} | {one.loan_id for one in words}
    query = select(Loan.id, Loan.number).where(col(Loan.id).in_([one for one in ids if one is not None]))
    return {loan_id: number for loan_id, number in await moment.session.exec(query)}


@router.post("", status_code=201, response_model=DeskPaymentAnswer, responses=problems(400, 401, 403, 409, 422))
async def enter(body: DeskPaymentBody, kit: Kit, member: Officer, once: StaffOnce) -> Response:
    """Money taken at a cash desk: booked to its loan at once. The same receipt is the same money."""

    async def work() -> Outcome:
        async with kit.records.moment() as moment:
            kept = await _at_desk(kit, moment, member, body)
            call = calls.look(kept.key, moment.day)
            await kit.actions.keep(moment.session, call)  # whoever dies now, the loan's case will be told
            number = (await _numbers(moment, [kept], [])).get(kept.loan_id) if kept.loan_id else None
        await kit.actions.begin(call)
        told = DeskPaymentAnswer(
            payment_id=kept.id,
            receipt=body.receipt,
            contract_number=number,
            amount=kept.amount,
            value_date=kept.value_date,
            state=IncomingState(kept.state),
        )
        return Outcome(told, 201)

    return await once.run(fingerprint(body), work)


async def _at_desk(kit: Services, moment: Moment, member: Member, body: DeskPaymentBody) -> IncomingPayment:
    """Booked, or refused while the officer can still mend it: at the desk nothing is unmatched.

    Raises:
        InvalidInput: `value-date-wrong`, `contract-unknown`.
        Conflict: `receipt-used` for another sum.
    """
    loan = await calls.loan_of(moment.session, body.contract_number)
    if loan is None:
        raise InvalidInput("contract-unknown", field="/contract_number")
    if not loan.disbursed_on <= body.value_date <= moment.day:
        raise InvalidInput("value-date-wrong", field="/value_date")
    received = Received(
        key=desk_key(body.receipt),
        channel="CASH_DESK",
        amount=body.amount,
        value_date=body.value_date,
        purpose=loan.number,
        entered_by=member.staff_id,
    )
    kept, fresh = await incoming_book.receive(kit.records, moment, received)
    if not fresh and (kept.amount, kept.value_date, kept.loan_id) != (body.amount, body.value_date, loan.id):
        raise Conflict("receipt-used")
    if kept.matched_by != MatchedBy.REFERENCE:
        raise Conflict("payment-not-booked")  # the whole entry is undone: the desk must not keep what no loan takes
    return kept


@router.post("/{payment_id}/assignments", status_code=201, responses=problems(401, 403, 404, 409, 422))
async def propose(payment_id: UUID, body: AssignmentBody, kit: Kit, member: Reviewer) -> AssignmentAnswer:
    """One person says where the money belongs: to a loan, back to its payer, or in the queue. A second one confirms it.

    Where the bank refused to take it back to the payer, this is how it is tried again.
    """
    async with kit.records.moment() as moment:
        payment = await incoming.get(moment.session, payment_id)
        loan = None if body.contract_number is None else await calls.loan_of(moment.session, body.contract_number)
        if body.to == "loan":
            if loan is None:
                raise InvalidInput("contract-unknown", field="/contract_number")
            if payment.value_date < loan.disbursed_on:
                raise Conflict("loan-not-disbursed")
        elif body.to == "payer" and not (body.iban or IncomingPayments(kit.records.vault).payer(payment).iban):
            raise Conflict("payer-account-unknown")
        word = await assignments.propose(
            moment.session,
            payment_id,
            None if loan is None else loan.id,
            body.reason,
            member.staff_id,
            keep=body.to == "queue",
            account=None if body.iban is None else assignments.sealed(kit.records.vault, body.iban),
        )
        await _record(moment, member, "assignment-proposed", word)
        return _word(kit, word, {} if loan is None else {loan.id: loan.number})


@router.post("/{payment_id}/assignments/{assignment_id}/confirm", responses=problems(401, 403, 404, 409, 422))
async def confirm(payment_id: UUID, assignment_id: UUID, kit: Kit, member: Reviewer) -> AssignmentAnswer:
    """A second, different person agrees: the money goes where the first one said."""
    async with kit.records.moment() as moment:
        word = await assignments.confirm(moment.session, payment_id, assignment_id, member.staff_id)
        payment = await incoming.get(moment.session, payment_id)
        await _record(moment, member, "assignment-confirmed", word)
        start, told = calls.look(payment.key, moment.day), calls.confirmed(payment.key, word.id)
        await kit.actions.keep(moment.session, start)  # its case may not have begun yet
        await kit.actions.keep(moment.session, told)
        numbers = await _numbers(moment, [], [word])
    await kit.actions.begin(start)
    delivered = await kit.actions.deliver(told)
    return _word(kit, word, numbers, delivered=delivered)


@router.post("/{payment_id}/assignments/{assignment_id}/refuse", responses=problems(401, 403, 404, 409, 422))
async def refuse(payment_id: UUID, assignment_id: UUID, kit: Kit, member: Reviewer) -> AssignmentAnswer:
    """Somebody says no, or the one who proposed it takes it back: another proposal can be made."""
    async with kit.records.moment() as moment:
        word = await assignments.refuse(moment.session, payment_id, assignment_id, member.staff_id)
        await _record(moment, member, "assignment-refused", word)
        return _word(kit, word, await _numbers(moment, [], [word]))


async def _record(moment: Moment, member: Member, action: str, word: PaymentAssignment) -> None:
    await audit.record(
        moment.session,
        actor=member.who,
        action=action,
        subject=f"incoming:{word.payment_id}",
        reason=word.reason,
        paragraph="27",
        detail={
            "assignment": str(word.id),
            "loan": str(word.loan_id) if word.loan_id else None,
            "keep": word.keep,
            "other_account": word.account is not None,
            "attempt": word.attempt,
        },
    )
