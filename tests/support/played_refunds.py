"""Played activities of a refund that asks its client for an account."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID, uuid4

from temporalio import activity

from activities.payout_orders import AccountNamed
from activities.refund_accounts import AccountAsked, AccountReminded, AccountWanted, AskingEnded
from rules.evidence import StepOutcome, StepResult


class PlayedRefunds:
    """grounds: what the bank says of each account that is named, None where it is the client's; `nothing-to-refund`
    ends the asking. ended: set once the request is over and nobody may be written to any more.
    """

    def __init__(self, calls: list[str]) -> None:
        self.calls = calls
        self.grounds: dict[UUID, str | None] = {}
        self.letters = 0
        self.ended = False

    def account(self, ground: str | None = None) -> UUID:
        """The client types an account."""
        account_id = uuid4()
        self.grounds[account_id] = ground
        return account_id

    def activities(self) -> Sequence[Callable[..., Any]]:
        """The real names and shapes."""

        @activity.defn
        async def ask_for_account(wanted: AccountWanted) -> AccountAsked:
            self.calls.append(f"ask-account:{wanted.ground}")
            self.letters += 1
            return AccountAsked(notice_id=uuid4(), n=self.letters, every_days=7, reminders=2)

        @activity.defn
        async def remind_of_account(reminder: AccountReminded) -> UUID | None:
            self.calls.append(f"remind-account:{reminder.n}")
            return None if self.ended else uuid4()

        @activity.defn
        async def end_asking(ended: AskingEnded) -> None:
            self.calls.append(f"end-asking:{ended.outcome}")

        @activity.defn
        async def check_named(named: AccountNamed) -> StepResult:
            self.calls.append("check-account")
            ground = self.grounds[named.account_id]
            if ground is None:
                return StepResult(step="refund-account", outcome=StepOutcome.PASSED)
            outcome = StepOutcome.REFUSED if ground == "nothing-to-refund" else StepOutcome.RETRY
            return StepResult(step="refund-account", outcome=outcome, ground=ground)

        return [ask_for_account, remind_of_account, end_asking, check_named]
