"""What two people decide about a payment: a large amount before it is sent, an outcome that the bank leaves open.

Their word is a row of the database with two different names on it; the database checks it too. The bank's own word,
where it can be had, goes before theirs.

Rules: para 9, part 2; para 27.
"""

from __future__ import annotations

from activities.context import Moment
from activities.payout_orders import NOT_APPROVED, NOT_BOOKABLE, UNKNOWN, PaymentDecided, PaymentState
from activities.payouts import FINAL, Payouts, note
from rules.errors import Conflict, NotConfirmed, NotSettled
from storage import payments, reviews
from storage.tables import OutboundPayment, ReviewDecision


async def decide(payouts: Payouts, decided: PaymentDecided) -> PaymentState:
    """Do what two people decided, unless the bank has said otherwise meanwhile.

    Raises:
        NotConfirmed: `decision-unknown`: no final decision with that id about this payment.
    """
    async with payouts.records.moment() as moment:
        payment = await payments.lock(moment.session, decided.key)
        decision, word = await _word(moment, decided)
    if payment.state in FINAL:
        return await payouts.known(decided, payment)
    if payment.state == "held":
        return await _about_amount(payouts, decided, word)
    shown = await payouts.books.shown(payment, payouts.destination(payment), moment.day)
    if shown is not None:
        return await payouts.apply(decided, shown)
    if decision == "refuse":
        return await _given_up(payouts, decided, payment, word)
    if word is not None and word.bank_reference is not None:
        return await _paid(payouts, decided, payment, word)
    return await payouts.ask(decided)


async def _word(moment: Moment, decided: PaymentDecided) -> tuple[str, ReviewDecision | None]:
    """What was decided, and the row; no row where the case is older than decisions about payments.

    Then the case itself has seen the row, and the only thing that could be decided was that nothing was paid.
    """
    if decided.review_id is None or decided.decision_id is None:
        return "refuse", None
    word = await reviews.decision(moment.session, decided.review_id, decided.decision_id)
    review = await reviews.get(moment.session, decided.review_id)
    if word is None or review.payment_key not in (decided.key, None):
        raise NotConfirmed("decision-unknown")
    return word.decision, word if review.payment_key is not None else None


async def _about_amount(payouts: Payouts, decided: PaymentDecided, word: ReviewDecision | None) -> PaymentState:
    if word is None or word.decision == "retry":
        return await payouts.ask(decided)
    async with payouts.records.moment() as moment:
        if word.decision == "approve":
            if await payments.approve(moment.session, decided.key, word.review_id):
                await note(moment, decided, "payout-approved", word.reason_code, review=str(word.review_id))
            return PaymentState(state="absent")
        if await payments.settle(
            moment.session, decided.key, "refused", refusal_code=NOT_APPROVED, decision_id=word.id
        ):
            await payouts.ended(moment, decided)
            await note(moment, decided, "payout-not-approved", word.reason_code, review=str(word.review_id))
    return PaymentState(state="refused", ground=NOT_APPROVED)


async def _given_up(
    payouts: Payouts, decided: PaymentDecided, payment: OutboundPayment, word: ReviewDecision | None
) -> PaymentState:
    """Nothing was paid. Before the bank's own time is over nobody can know that: then the bank is asked once more."""
    if not await payouts.is_old(payment):
        raise NotSettled("the bank may still post it")
    decision_id = word.id if word is not None else None
    async with payouts.records.moment() as moment:
        if await payments.settle(moment.session, decided.key, "refused", refusal_code=UNKNOWN, decision_id=decision_id):
            await payouts.ended(moment, decided)
            await note(moment, decided, "payout-given-up", "decided by two people", decision=str(decision_id))
        settled = await payments.lock(moment.session, decided.key)
    return await payouts.known(decided, settled)


async def _paid(
    payouts: Payouts, decided: PaymentDecided, payment: OutboundPayment, word: ReviewDecision
) -> PaymentState:
    """Book what two people saw in the bank's books, as the bank's answer would have been booked."""
    reference, value_date = word.bank_reference, word.value_date
    try:
        async with payouts.records.moment() as moment:
            if await payments.settle(
                moment.session, decided.key, "done", None, reference, value_date, decision_id=word.id
            ):
                await payouts.ended(moment, decided)
                seen = {"decision": str(word.id), "bank_reference": reference}
                await note(moment, decided, "payout-confirmed-by-people", word.reason_code, **seen)
            settled = await payments.lock(moment.session, decided.key)
    except Conflict as error:
        return await payouts.doubt(decided, payment, NOT_BOOKABLE, reason=error.code)
    return await payouts.known(decided, settled)
