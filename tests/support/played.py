"""Played activities for workflow tests: the real names and shapes, answers as a test wants them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4, uuid5

from temporalio import activity

from activities.applications import Acknowledged, ApplicationRef, OfferChosen, StageReached
from activities.authorities import AuthorityConfirmed, AuthorityShown
from activities.cards import CardShown
from activities.client_files import (
    PasswordChosen,
    RegistrationRefused,
    ReviewAnswer,
    ReviewOutcome,
    ReviewWanted,
)
from activities.contracts import ContractDrawn, ContractSealed, ContractSigned
from activities.due_diligence import BureauWanted, DecisionMade
from activities.faces import FaceShown
from activities.histories import HistoryWanted
from activities.loans import LoanRef
from activities.payout_orders import PaymentDecided, PaymentState, PayoutOrder
from activities.phone import CodeGiven, CodeWanted
from activities.signatures import SignatureGiven, SignatureStored, StatementWanted
from activities.state_register import ClientClaimed
from rules.errors import NotConfirmed
from rules.evidence import StepOutcome, StepResult
from rules.identification import finding, passed
from tests.support.played_access import PlayedAccess
from tests.support.played_cash import PlayedCash
from tests.support.played_clocks import PlayedClocks
from tests.support.played_complaints import PlayedComplaints
from tests.support.played_details import PlayedDetails
from tests.support.played_fraud import PlayedFraud
from tests.support.played_furnishing import PlayedFurnishing
from tests.support.played_incident import PlayedIncidents
from tests.support.played_incoming import PlayedIncoming
from tests.support.played_leaks import PlayedLeaks
from tests.support.played_refunds import PlayedRefunds
from tests.support.played_reports import PlayedReports
from tests.support.played_resources import PlayedResources
from tests.support.played_servicing import PlayedServicing
from tests.support.played_write_off import PlayedWriteOffs

HERE = UUID("00000000-0000-4000-8000-000000000000")
PASSED = StepOutcome.PASSED


def fact(name: str) -> UUID:
    """The same id for the same name."""
    return uuid5(HERE, name)


class Played:
    """Answers of the world. Every attribute may be changed by a test; `calls` remembers what was asked."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.drawn: list[str] = []
        self.sealed: list[UUID | None] = []  # the signature under each contract that was sealed
        self.loan_id = uuid4()
        self.stored = asyncio.Event()  # unset: what an activity stored is in the database, its answer still on the way
        self.stored.set()
        self.grounds: dict[str, list[str | None]] = {}
        self.decisions = [DecisionMade(result="approved", grounds=[])]
        self.recheck_result = DecisionMade(result="approved", grounds=[])
        self.account_ground: str | None = None
        self.orders: list[PayoutOrder] = []
        self.payments = [PaymentState(state="done", payout_id="p-1", loan_id=self.loan_id)]
        self.decided: PaymentState | None = None  # what a decision of two people leads to, where not to the next state
        self.waiting_until: datetime | None = None
        self.known_decisions: dict[UUID, str] = {}
        self.cash = PlayedCash(self.calls)
        self.clocks = PlayedClocks()
        self.fraud = PlayedFraud(self.calls)
        self.incident = PlayedIncidents(self.calls)
        self.resources = PlayedResources(self.calls)
        self.leaks = PlayedLeaks(self.calls)
        self.complaints = PlayedComplaints(self.calls)
        self.details = PlayedDetails(self.calls, self._next)
        self.access = PlayedAccess(self.calls, self._next)
        self.furnishing = PlayedFurnishing(self.calls)
        self.servicing = PlayedServicing(self.calls)
        self.incoming = PlayedIncoming(self.calls)
        self.refunds = PlayedRefunds(self.calls)
        self.reports = PlayedReports(self.calls)
        self.write_offs = PlayedWriteOffs(self.calls, self.servicing)

    def _next(self, step: str) -> StepResult:
        self.calls.append(step)
        queue = self.grounds.get(step, [])
        ground = queue.pop(0) if queue else None
        return passed(step) if ground is None else finding(step, ground, 1, 3)

    def activities(self) -> Sequence[Callable[..., Any]]:
        """Everything the workflows call."""
        return [
            *self._of_clients(), *self._of_applications(), *self._of_money(), *self.furnishing.activities(),
            *self.clocks.activities(), *self.fraud.activities(), *self.incident.activities(),
            *self.resources.activities(), *self.leaks.activities(), *self.details.activities(),
            *self.access.activities(), *self.complaints.activities(),
            *self.servicing.activities(), *self.incoming.activities(), *self.cash.activities(),
            *self.refunds.activities(), *self.reports.activities(), *self.write_offs.activities(),
        ]  # fmt: skip

    def _of_clients(self) -> Sequence[Callable[..., Any]]:  # noqa: C901
        @activity.defn
        async def send_code(wanted: CodeWanted) -> StepResult:
            return self._next("code")

        @activity.defn
        async def confirm_code(given: CodeGiven) -> StepResult:
            return self._next("phone")

        @activity.defn
        async def read_card(shown: CardShown) -> StepResult:
            return self._next("document")

        @activity.defn
        async def check_face(shown: FaceShown) -> StepResult:
            return self._next("face")

        @activity.defn
        async def verify_with_state(claimed: ClientClaimed) -> StepResult:
            return self._next("idec")

        @activity.defn
        async def draw_statement(wanted: StatementWanted) -> UUID:
            self.drawn.append("statement")
            return fact("statement")

        @activity.defn
        async def check_authority(shown: AuthorityShown) -> StepResult:
            self.calls.append("authority")
            ground = (self.grounds.get("authority") or ["authority-to-check"]).pop(0)
            return finding("authority", ground or "authority-to-check", 1, 3)

        @activity.defn
        async def confirm_authority(confirmed: AuthorityConfirmed) -> StepResult:
            return self._next("authority-confirmed")

        @activity.defn
        async def verify_signature(given: SignatureGiven) -> SignatureStored:
            result = self._next("signature")
            return SignatureStored(result=result, signature_id=fact("signature") if result.outcome is PASSED else None)

        @activity.defn
        async def complete_registration(chosen: PasswordChosen) -> StepResult:
            return self._next("password")

        @activity.defn
        async def refuse_registration(refused: RegistrationRefused) -> None:
            self.calls.append(f"refused:{refused.ground}")

        @activity.defn
        async def open_review(wanted: ReviewWanted) -> UUID:
            await self.stored.wait()
            self.calls.append(f"review:{wanted.kind}")
            return fact(f"review/{wanted.ground}")

        @activity.defn
        async def review_outcome(answer: ReviewAnswer) -> ReviewOutcome:
            if answer.decision_id not in self.known_decisions:
                raise NotConfirmed("decision-unknown")
            return ReviewOutcome(decision=self.known_decisions[answer.decision_id], reason_code="checked")

        return [
            send_code, confirm_code, read_card, check_face, verify_with_state, draw_statement, verify_signature,
            complete_registration, refuse_registration, open_review, review_outcome, check_authority, confirm_authority,
        ]  # fmt: skip

    def _of_applications(self) -> Sequence[Callable[..., Any]]:  # noqa: C901
        @activity.defn
        async def screen(ref: ApplicationRef) -> str:
            self.calls.append("screen")
            return "clear"

        @activity.defn
        async def ask_bureau(wanted: BureauWanted) -> UUID:
            self.calls.append(f"bureau:{wanted.occasion}")
            return fact(wanted.occasion)

        @activity.defn
        async def decide(ref: ApplicationRef) -> DecisionMade:
            return self.decisions[0]

        @activity.defn
        async def decide_after_review(ref: ApplicationRef) -> DecisionMade:
            return DecisionMade(result="approved", grounds=[])

        @activity.defn
        async def recheck(ref: ApplicationRef) -> DecisionMade:
            return self.recheck_result

        @activity.defn
        async def make_offers(ref: ApplicationRef) -> int:
            await self.stored.wait()
            return 3

        @activity.defn
        async def acknowledge(mark: Acknowledged) -> None:
            self.calls.append(f"acknowledged:{mark.subject}")

        @activity.defn
        async def choose(chosen: OfferChosen) -> None:
            self.calls.append(f"chosen:{chosen.method}")

        @activity.defn
        async def confirmed(reached: StageReached) -> None:
            self.calls.append("confirmed")

        @activity.defn
        async def reach_stage(reached: StageReached) -> None:
            await self.stored.wait()
            self.calls.append(f"stage:{reached.stage}:{','.join(reached.grounds)}")

        @activity.defn
        async def draw_up(ref: ApplicationRef) -> ContractDrawn:
            return ContractDrawn(contract_id=fact("contract"), document_id=fact("pdf"))

        @activity.defn
        async def seal(signed: ContractSigned) -> ContractSealed:
            self.sealed.append(signed.signature_id)
            return ContractSealed(waiting_until=self.waiting_until)

        @activity.defn
        async def archive_history(wanted: HistoryWanted) -> UUID:
            self.calls.append("history")
            return fact("history")

        return [
            screen, ask_bureau, decide, decide_after_review, recheck, make_offers, acknowledge, choose, confirmed,
            reach_stage, draw_up, seal, archive_history,
        ]  # fmt: skip

    def _of_money(self) -> Sequence[Callable[..., Any]]:
        def state() -> PaymentState:
            return self.payments.pop(0) if len(self.payments) > 1 else self.payments[0]

        @activity.defn
        async def verify_account(order: PayoutOrder) -> str | None:
            return self.account_ground

        @activity.defn
        async def pay(order: PayoutOrder) -> PaymentState:
            self.calls.append("pay")
            self.orders.append(order)
            return state()

        @activity.defn
        async def ask_bank(order: PayoutOrder) -> PaymentState:
            self.calls.append("ask")
            return state()

        @activity.defn
        async def give_up(decided: PaymentDecided) -> PaymentState:
            self.calls.append("give-up")
            return PaymentState(state="refused", ground="payout-outcome-unknown")

        @activity.defn
        async def apply_decision(decided: PaymentDecided) -> PaymentState:
            self.calls.append("decided")
            return self.decided or state()

        @activity.defn
        async def furnish_new(ref: LoanRef) -> str:
            self.calls.append("furnish")
            return "batch"

        return [verify_account, pay, ask_bank, give_up, apply_decision, furnish_new]
