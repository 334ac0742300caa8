"""What the terminals' network says of a day, against our books: payouts, and the money its operator sends us.

A payout that the network shows and whose terminal never told us is booked now, where order, terminal and amount agree:
the money has left. Everything else that differs is named.

Rules: para 9; para 9, part 2.
"""

from __future__ import annotations

from datetime import date, timedelta

from sqlmodel.ext.asyncio.session import AsyncSession

from activities import cash_desk
from activities.context import Records
from activities.money_ports import TerminalNetwork
from rules import terminal_operators
from rules.errors import NotSettled
from rules.evidence import Frozen
from rules.money import Money
from storage import cash_orders, settlements, terminal_payouts
from storage.settlements import Settled
from storage.terminal_payouts import Differs, Receipt, Shown

_NOTHING = Money(0)
_A_DAY = timedelta(days=1)
_DAYS_BACK = 3  # a terminal may tell us that late what its network has on the day itself


class PayoutsReconciled(Frozen):
    """The network's payouts of a day against our orders.

    differs: those of the network that our books have otherwise, and why. missing: numbers of orders that were paid
    that day by our books and that no register shows. other_day: numbers of those that the register of an earlier day
    shows. taken: numbers of orders that were booked as paid only now.
    """

    entries: int
    matched: int
    differs: list[Differs] = []
    missing: list[str] = []
    other_day: list[str] = []
    taken: list[str] = []

    @property
    def clean(self) -> bool:
        """Whether both say the same."""
        return not self.differs and not self.missing


class SettlementChecked(Frozen):
    """A sum of the operator's on the bank account, against what the terminals of its days took less what they paid.

    settled: with the other sums for the same days. difference: what came too much; minus: what is missing.
    """

    key: str
    since: date
    until: date
    expected: Money
    settled: Money
    difference: Money

    @classmethod
    def of(cls, found: Settled) -> SettlementChecked:
        """As the reconciliation tells it."""
        return cls(**found.model_dump(), difference=found.difference)


class Unsettled(Frozen):
    """A day whose money the operator had to send by now, and did not. expected: how much."""

    operator: str
    day: date
    expected: Money


class TerminalsReconciled(Frozen):
    """The network's registers against our books. unexplained: keys of receipts that are not in tenge or stand with
    another amount. missing: keys of payments of that day that the register does not show. payouts: the same of what
    terminals handed out. settlements: sums of the operator that came that day. unsettled: days whose money was due.
    """

    entries: int
    matched: int
    unexplained: list[str]
    missing: list[str]
    taken: list[str] = []
    payouts: PayoutsReconciled | None = None
    settlements: list[SettlementChecked] = []
    unsettled: list[Unsettled] = []

    @property
    def clean(self) -> bool:
        """Whether both say the same."""
        payouts = self.payouts is None or self.payouts.clean
        settled = not self.unsettled and all(one.difference == _NOTHING for one in self.settlements)
        return payouts and settled and not self.unexplained and not self.missing


class TerminalPayouts:
    """The network's register of payouts."""

    def __init__(self, records: Records, terminals: TerminalNetwork) -> None:
        self._records, self._terminals = records, terminals

    async def reconciled(self, day: date) -> PayoutsReconciled:
        """Both ways, after what terminals have kept to themselves is booked; again is the same as once.

        Raises:
            NotSettled: the network has no register of payouts of this day yet.
        """
        shown = await self._shown(day)
        if shown is None:
            raise NotSettled("the day's register of payouts is not ready")
        taken = await self._take(day, shown)
        async with self._records.database.begin() as session:
            ours = await terminal_payouts.orders_of(session, day, [one.order for one in shown])
        found = terminal_payouts.match(shown, ours)
        named = {one.order for one in shown}
        quiet = [one for one in ours if one.state == "paid" and one.value_date == day and one.number not in named]
        earlier = await self._earlier(day, {one.named for one in quiet})
        still_open = [Differs(key=one.key, order=one.order, why="order-paying") for one in found.open]
        return PayoutsReconciled(
            entries=len(shown),
            matched=len(found.matched),
            differs=[*found.differs, *still_open],
            missing=[one.number for one in quiet if one.named not in earlier],
            other_day=[one.number for one in quiet if one.named in earlier],
            taken=taken,
        )

    async def _shown(self, day: date) -> list[Shown] | None:
        entries = await self._terminals.payouts(day)
        return None if entries is None else [Shown(**one.model_dump()) for one in entries]

    async def _take(self, day: date, shown: list[Shown]) -> list[str]:
        """Book what a terminal was told to pay, has paid by its network, and never told us; one transaction each."""
        async with self._records.database.begin() as session:
            ours = await terminal_payouts.orders_of(session, day, [one.order for one in shown])
        return [one.order for one in terminal_payouts.match(shown, ours).open if await self._booked(one, day)]

    async def _booked(self, one: Shown, day: date) -> bool:
        async with self._records.moment() as moment:
            order = await cash_orders.lock(moment.session, one.order)
            if order.state != "paying" or order.terminal_id != one.terminal_id:
                return False
            return (await cash_desk.seen_paid(moment, order, one.receipt, day)).error is None

    async def _earlier(self, day: date, named: set[Receipt]) -> set[Receipt]:
        """Which of these receipts stand in the registers of the days before."""
        found: set[Receipt] = set()
        for back in range(1, _DAYS_BACK + 1):
            if named <= found:
                break
            shown = await self._shown(day - back * _A_DAY) or []
            found |= {(one.terminal_id, one.receipt) for one in shown} & named
        return found


async def unsettled(session: AsyncSession, day: date) -> list[Unsettled]:
    """Days whose money had to be on the bank account by the end of this day, and is not."""
    found = []
    for operator, of in terminal_operators.due_by(day):
        owed = await settlements.taken(session, of, of)
        if owed > _NOTHING and not await settlements.is_settled(session, operator.code, of):
            found.append(Unsettled(operator=operator.code, day=of, expected=owed))
    return found
