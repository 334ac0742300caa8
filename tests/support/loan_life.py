"""A loan's case on a virtual clock: start it, turn the clock, let money come in, and see what was done on which day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from uuid import UUID, uuid4

from temporalio.client import WorkflowHandle
from temporalio.common import TypedSearchAttributes

from rules.calendar import end_of_day, local_date
from rules.money import Money
from rules.schedule import Installment, instalments
from tests.support.played import Played
from tests.support.turned import Patience, at_rest
from workflows import attributes
from workflows.servicing import LoanView, ServeLoan, Servicing

A_DAY = timedelta(days=1)
_NOON = timedelta(hours=12)


@dataclass
class LoanLife:
    """One loan's case. start: what the fixture `case` gives."""

    start: object
    played: Played
    loan_id: UUID = field(default_factory=uuid4)
    handle: WorkflowHandle = field(init=False)

    @classmethod
    async def begun(cls, start: object, played: Played, periods: int = 3) -> LoanLife:
        """The case of a loan that was lent today, asleep."""
        life = cls(start, played)
        played.servicing.lent(life.today_outside(), periods)
        with start.environment.with_time_skipping_disabled():  # type: ignore[attr-defined]
            life.handle = await start.run(Servicing.run, life.serve, life.case_id)  # type: ignore[attr-defined]
        await life.asleep()
        return life

    @property
    def serve(self) -> ServeLoan:
        """What the case is started with."""
        return ServeLoan(loan_id=self.loan_id, client_id=self.played.servicing.client_id, edition="2025b")

    @property
    def case_id(self) -> str:
        return f"loan/{self.loan_id}"

    @property
    def rows(self) -> tuple[Installment, ...]:
        """The schedule."""
        return tuple(instalments(self.played.servicing.terms))

    @property
    def calls(self) -> list[str]:
        return self.played.calls

    @staticmethod
    def today_outside() -> date:
        """The real day, on which every virtual clock begins."""
        from datetime import UTC, datetime

        return local_date(datetime.now(UTC))

    async def asleep(self, done: Callable[[LoanView], bool] = lambda view: True) -> LoanView:
        """Wait until the loan was looked at and the case sleeps again."""
        async for _ in Patience():
            await at_rest(self.handle, ("Furnishing",))
            view: LoanView = await self.handle.query(Servicing.view)
            if (view.tended is not None or view.trouble is not None) and done(view):
                return view
        raise AssertionError(f"never asleep: {view}")

    async def noon_of(self, day: date) -> LoanView:
        """Turn the clock to noon of a day in Almaty."""
        environment = self.start.environment  # type: ignore[attr-defined]
        wanted = end_of_day(day - A_DAY) + _NOON
        left = wanted - await environment.get_current_time(self.handle)
        assert left > timedelta(0), "the clock only goes forward"
        assert await environment.fast_forward(self.handle, left)
        return await self.asleep()

    async def until(self, call: str) -> None:
        """Wait until something has been done."""
        async for _ in Patience():
            if any(one.startswith(call) for one in self.calls):
                return
        raise AssertionError(f"never {call}: {self.calls}")

    async def missed(self, rule: str) -> None:
        """Wait until the clock of a rule has been missed."""
        async for _ in Patience():
            if any(one.row.rule == rule and "MISSED" in one.kinds for one in self.played.clocks.kept.values()):
                return
        raise AssertionError(f"never missed: {rule}")

    async def shows_a_person(self) -> TypedSearchAttributes:
        """Wait until the case is on the list of those that need a person; what that list shows of it."""
        async for _ in Patience():
            shown = (await self.handle.describe()).typed_search_attributes
            if shown.get(attributes.NEEDS_PERSON):
                return shown
        raise AssertionError("never needs a person")

    async def pays(self, on: date, amount: Money) -> None:
        """Money is booked, and the case is told."""
        self.played.servicing.paid(on, amount)
        await self.handle.signal(Servicing.loan_changed)

    def days_of(self, call: str) -> list[str]:
        """The days on which something was done."""
        return [one.partition(":")[2] for one in self.calls if one.startswith(f"{call}:")]
