"""Played activities of money that comes in: one sum with its states, and the books of a day."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any
from uuid import UUID, uuid4

from temporalio import activity

from activities.incoming import AssignmentGiven, MoneyTaken, MoneyWanted, PaymentRef
from activities.reconciliation import DayReconciled, StatementDay, TerminalsReconciled
from rules.errors import NotConfirmed
from rules.money import Money
from storage.cash_check import CashChecked

NOTHING = CashChecked(came=Money(0), left=Money(0), debit=Money(0), credit=Money(0))


def a_day(day: date, **changes: Any) -> DayReconciled:
    """A day on which everything agrees, but for what is changed."""
    plain: dict[str, Any] = {
        "day": day, "lines": 1, "matched": 1, "incoming": 0, "unexplained": [], "missing": [], "adds_up": True,
        "ledger": NOTHING,
    }  # fmt: skip
    return DayReconciled(**(plain | changes))


class PlayedIncoming:
    """One sum and one day.

    unseen: how often the source does not show the sum yet. state: of the row. words: what two people have confirmed,
    by id, newest last. refuses: why the loan does not take it, once each. days: what is found, the last one again.
    """

    def __init__(self, calls: list[str]) -> None:
        self.calls = calls
        self.payment_id, self.loan_id = uuid4(), uuid4()
        self.unseen = 0
        self.state = "BOOKED"
        self.words: dict[UUID, str] = {}
        self.refuses: list[str] = []
        self.open = asyncio.Event()  # cleared: the source is still being asked
        self.open.set()
        self.days: list[DayReconciled] = []
        self.registers: list[TerminalsReconciled] = [
            TerminalsReconciled(entries=0, matched=0, unexplained=[], missing=[])
        ]

    def confirm(self, to: str) -> UUID:
        """Two people have spoken."""
        word = uuid4()
        self.words[word] = to
        return word

    def _told(self, why: str | None = None) -> MoneyTaken:
        if self.state in ("absent", "came-back", "foreign"):
            return MoneyTaken(state=self.state)
        loan_id = self.loan_id if self.state == "BOOKED" else None
        to = list(self.words.values())
        return MoneyTaken(
            state=self.state,
            payment_id=self.payment_id,
            loan_id=loan_id,
            why=why,
            attempt=max(1, to.count("payer")),
            kept=self.state == "UNMATCHED" and to[-1:] == ["queue"],
        )

    def activities(self) -> Sequence[Callable[..., Any]]:
        """The real names and shapes."""
        return [*self._of_payments(), *self._of_days()]

    def _of_payments(self) -> Sequence[Callable[..., Any]]:
        @activity.defn
        async def take_money(wanted: MoneyWanted) -> MoneyTaken:
            await self.open.wait()
            self.calls.append(f"take:{wanted.key}")
            if self.unseen > 0:
                self.unseen -= 1
                return MoneyTaken(state="absent")
            return self._told()

        @activity.defn
        async def assignment_stands(given: AssignmentGiven) -> str:
            if given.assignment_id not in self.words:
                raise NotConfirmed("decision-unknown")
            return self.words[given.assignment_id]

        @activity.defn
        async def follow_assignment(ref: PaymentRef) -> MoneyTaken:
            self.calls.append("follow")
            if self.state == "UNMATCHED" and self.words:
                to = list(self.words.values())[-1]
                if to == "loan" and self.refuses:
                    return self._told(self.refuses.pop())
                self.state = {"loan": "BOOKED", "payer": "RETURNING", "queue": "UNMATCHED"}[to]
            return self._told()

        @activity.defn
        async def wait_again(ref: PaymentRef) -> MoneyTaken:
            self.calls.append("wait-again")
            if self.state == "RETURNING":
                self.state = "UNMATCHED"
            return self._told()

        return [take_money, assignment_stands, follow_assignment, wait_again]

    def _of_days(self) -> Sequence[Callable[..., Any]]:
        @activity.defn
        async def reconcile_day(wanted: StatementDay) -> DayReconciled:
            self.calls.append(f"day:{wanted.day}")
            return self.days.pop(0) if len(self.days) > 1 else self.days[0]

        @activity.defn
        async def reconcile_terminals(wanted: StatementDay) -> TerminalsReconciled:
            return self.registers.pop(0) if len(self.registers) > 1 else self.registers[0]

        return [reconcile_day, reconcile_terminals]
