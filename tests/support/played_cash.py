"""Played orders for cash: the real names and shapes, answers as a test wants them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from temporalio import activity

from activities.applications import ApplicationRef
from activities.cash_orders import CashOrderDecided, CashOrderState, DigitalDocumentShown
from rules.evidence import StepResult
from rules.identification import finding, passed


class PlayedCash:
    """place_order answers `placed`, look_at_order `order`; settle_order `settled`. All may be changed by a test."""

    def __init__(self, calls: list[str]) -> None:
        self._calls = calls
        self.loan_id = uuid4()
        self.life = timedelta(hours=72)
        self.placed = self.order = CashOrderState(state="waiting", expires_at=datetime.now(UTC) + self.life)
        self.settled = CashOrderState(state="refused", ground="payout-outcome-unknown")
        self.digital: str | None = None

    @property
    def paid(self) -> CashOrderState:
        """The order as it stands once it is paid."""
        return CashOrderState(state="done", loan_id=self.loan_id)

    def activities(self) -> Sequence[Callable[..., Any]]:
        @activity.defn
        async def place_order(ref: ApplicationRef) -> CashOrderState:
            self._calls.append("order")
            return self.placed

        @activity.defn
        async def look_at_order(ref: ApplicationRef) -> CashOrderState:
            self._calls.append("look")
            return self.order

        @activity.defn
        async def settle_order(decided: CashOrderDecided) -> CashOrderState:
            self._calls.append("settle")
            return self.settled

        @activity.defn
        async def check_digital_document(shown: DigitalDocumentShown) -> StepResult:
            self._calls.append("digital")
            return passed("document") if self.digital is None else finding("document", self.digital, 1, 5)

        return [place_order, look_at_order, settle_order, check_digital_document]
