"""Money that goes back to a client: how it stands, and the account they name for it.

Rules: para 9, part 2; para 13, part 5.
"""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from activities.context import Moment
from activities.loan_book import position_of
from api.actions import Call, Waiting
from api.lending import kept_account, own_loan
from api.once import Outcome, fingerprint
from api.problems import language_of
from api.routes.problems import ASK, DO
from api.schemas_common import StepAnswer
from api.schemas_refunds import RefundAccountBody, RefundAnswer, RefundPaid
from api.services import Kit, Services
from api.sessions import ClientCaller, OnceDep
from api.steps import accepted, step_answer
from api.titles import title
from rules.contacts import masked
from rules.errors import AccountNotOwned, BusinessError, Conflict
from rules.evidence import StepOutcome, StepResult
from rules.loan_events import Refunded
from rules.money import Money
from rules.payment_keys import case_of
from storage import audit, loans, payments, refunds
from storage.tables import Loan
from workflows.messages import NameAccount

router = APIRouter(prefix="/loans", tags=["loans"])

_NOT_THEIRS = frozenset({"account-not-owned", "account-owner-unknown"})
_PATIENCE_SECONDS = 15.0  # the bank is asked meanwhile


@router.get("/{loan_id}/refund", responses=ASK)
async def refund(loan_id: UUID, request: Request, kit: Kit, caller: ClientCaller) -> RefundAnswer:
    """What is owed back under this microcredit, and whether an account is wanted for it."""
    async with kit.records.moment() as moment:
        loan = await own_loan(moment.session, caller.client_id, loan_id)
        return await _told(kit, moment, loan, language_of(request.scope))


async def _told(kit: Services, moment: Moment, loan: Loan, language: str) -> RefundAnswer:
    position = await position_of(moment.session, loan.id, max(moment.day, loan.disbursed_on))
    request = await refunds.open_of_loan(moment.session, loan.id)
    named = await refunds.shown(moment.session, loan.id)
    facts = [one for one in await loans.events(moment.session, loan.id) if isinstance(one, Refunded)]
    moves = await payments.under_way(moment.session, loan.id)
    state = "paid" if facts else "none"
    if position.overpaid > Money(0) or moves > Money(0):
        state = "under-way" if request is None else "account-wanted"
    return RefundAnswer.model_validate(
        {
            "loan_id": loan.id,
            "state": state,
            "owed": position.overpaid,
            "ground": request.ground if request else None,
            "ground_title": title(request.ground, language) if request else None,
            "asked_at": request.asked_at if request else None,
            "account": masked(refunds.opened(kit.records.vault, named).value) if named else None,
            "paid": [RefundPaid(on=one.value_date, amount=one.amount) for one in facts],
        }
    )


@router.put("/{loan_id}/refund/account", response_model=StepAnswer, responses=DO)
async def name_account(
    loan_id: UUID, body: RefundAccountBody, request: Request, kit: Kit, caller: ClientCaller, once: OnceDep
) -> Response:
    """Name an account or a card of your own for the money that is owed back; the bank says whether it is yours."""

    async def work() -> Outcome:
        call = await _kept(kit, caller, loan_id, body, once.new_id, once.action_id)
        answer = await kit.actions.update(call, _PATIENCE_SECONDS)
        if isinstance(answer, Waiting):
            return accepted(answer.action_id)
        refused = _refusal(StepResult.model_validate(answer), body.field)
        if refused is not None:
            raise refused
        return Outcome(step_answer(answer, language_of(request.scope), this="refund-account", following="wait"))

    return await once.run(fingerprint(body), work)


async def _kept(
    kit: Services, caller: ClientCaller, loan_id: UUID, body: RefundAccountBody, account_id: UUID, action_id: str
) -> Call:
    """The account sealed and stored, and the word to the refund that waits for it.

    Raises:
        Conflict: `refund-account-not-asked`, `refund-account-tries`, `account-not-kept`.
    """
    async with kit.records.moment() as moment:
        await own_loan(moment.session, caller.client_id, loan_id)
        loan = await loans.lock(moment.session, loan_id)  # before the request, as whoever writes letters about it
        waits = await refunds.open_of_loan(moment.session, loan.id)
        if waits is None:
            raise Conflict("refund-account-not-asked")
        asked = await refunds.lock(moment.session, waits.payment_key)
        if asked.ended_at is not None:
            raise Conflict("refund-account-not-asked")
        most = moment.policy.whole("refund-account-tries")
        named = body.named(await kept_account(kit, moment, loan.client_id) if body.kept else None)
        made = await refunds.name(moment.session, kit.records.vault, asked, account_id, named, most)
        await audit.record(
            moment.session,
            actor=caller.who,
            action="refund-account-named",
            subject=f"loan:{loan.id}",
            paragraph="9",
            detail={"key": asked.payment_key, "account": str(made.id), "kind": made.kind},
        )
        return Call("Refund", case_of(asked.payment_key), "account_named", NameAccount(account_id=made.id), action_id)


def _refusal(result: StepResult, field: str) -> BusinessError | None:
    """Why the account is not taken; None where it is."""
    if result.outcome is StepOutcome.PASSED or result.ground is None:
        return None
    if result.ground in _NOT_THEIRS:
        return AccountNotOwned(result.ground, field=field)
    return Conflict(result.ground, field=field if result.outcome is StepOutcome.RETRY else None)
