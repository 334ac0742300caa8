"""Other people's books of a day against ours: the bank's statement, the terminal network's registers.

Money that came in and that nobody told us of is taken now, by the same door as ever. What cannot be explained is
named; two people look at it. The terminals have a module of their own, activities.terminal_books.

Rules: para 9, part 2.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession
from temporalio import activity

from activities.context import Records
from activities.incoming import Incoming
from activities.money_ports import Bank, BankStatement, TerminalNetwork
from activities.money_sources import Sighted, in_register, in_statement
from activities.terminal_books import SettlementChecked, TerminalPayouts, TerminalsReconciled, unsettled
from rules.errors import NotSettled
from rules.evidence import Frozen
from rules.money import Money
from storage import audit, cash_check, incoming, reconciliation, settlements
from storage.cash_check import CashChecked
from storage.reconciliation import TENGE, Line, Reconciled

__all__ = ["DayReconciled", "Reconciliation", "StatementDay", "TerminalsReconciled"]

GROUND = "statement-unexplained"
_CLOCKS = timedelta(minutes=5)  # our database and Temporal need not agree on the time to the second
_MOST_WAITING = 500


class StatementDay(Frozen):
    """A day in Almaty that is to be reconciled. since: when the case began to, so that a retry tells what it took."""

    day: date
    since: datetime | None = None


class DayReconciled(Frozen):
    """What was found. No names or accounts: the bank's references and our payments' keys.

    lines = matched (payments of ours, returned ones too) + incoming (payments to us) + unexplained.
    unexplained: references of lines that left without their payment, differ, or brought a payment back.
    missing: keys of payments, out or in, of that day and that no line shows. adds_up: opening balance and lines give
    the closing balance. ledger: our own bank account against the statement. taken: keys of payments that were taken
    only now. waiting: keys of payments of any day that still wait for people. review_id: the case for two people,
    where one is open.
    """

    day: date
    lines: int
    matched: int
    incoming: int
    unexplained: list[str]
    missing: list[str]
    adds_up: bool
    ledger: CashChecked
    terminals: TerminalsReconciled | None = None
    taken: list[str] = []
    waiting: list[str] = []
    review_id: UUID | None = None

    @property
    def clean(self) -> bool:
        """Whether nothing is left for a person to explain."""
        statement = self.adds_up and not self.unexplained and not self.missing and self.ledger.clean
        return statement and (self.terminals is None or self.terminals.clean)


class Reconciliation:
    """Reconciles one day at a time; as often as wanted."""

    def __init__(self, records: Records, bank: Bank, terminals: TerminalNetwork, door: Incoming) -> None:
        self._records, self._bank, self._terminals, self._door = records, bank, terminals, door
        self._payouts = TerminalPayouts(records, terminals)

    @activity.defn
    async def reconcile_day(self, wanted: StatementDay) -> DayReconciled:
        """Take what came and was not taken, keep every line, match what can be matched, compare the ledger.

        Raises:
            NotSettled: the bank has no statement of this day yet.
        """
        statement = await self._bank.statement(wanted.day)
        if statement is None:
            raise NotSettled("the day's statement is not ready")
        shown = in_statement(statement)
        await self._take(shown)
        lines = _lines(statement)
        adds_up = _adds_up(statement, lines)
        async with self._records.database.begin() as session:
            result = await reconciliation.reconcile_day(session, wanted.day, lines)
            ledger = await cash_check.check(session, result)
            if not adds_up or not ledger.clean:
                await audit.record(
                    session,
                    actor="system:reconciliation",
                    action="statement-does-not-add-up" if not adds_up else "ledger-differs",
                    subject=f"statement:{wanted.day.isoformat()}",
                    detail={
                        "opening": str(statement.opening),
                        "closing": str(statement.closing),
                        "ledger": ledger.model_dump(mode="json"),
                    },
                )
            waiting = await incoming.queue(session, limit=_MOST_WAITING)
            taken = await self._taken_since(session, wanted, shown)
        return _of(result, adds_up, ledger, taken, [one.key for one in waiting])

    @activity.defn
    async def reconcile_terminals(self, wanted: StatementDay) -> TerminalsReconciled:
        """The same with the registers of the terminal network, and with what its operator sent to the bank account.

        Raises:
            NotSettled: the network has no register of this day yet.
        """
        receipts = await self._terminals.register(wanted.day)
        if receipts is None:
            raise NotSettled("the day's register is not ready")
        shown = in_register(receipts, wanted.day)
        await self._take(shown)
        payouts = await self._payouts.reconciled(wanted.day)
        async with self._records.database.begin() as session:
            known = await incoming.by_keys(session, [one.key for one in shown])
            ours = await incoming.of_day(session, "TERMINAL", wanted.day)
            taken = await self._taken_since(session, wanted, shown)
            wrong = [one.key for one in shown if one.key not in known or known[one.key].amount != one.amount]
            missing = sorted({one.key for one in ours} - {one.key for one in shown})
            result = TerminalsReconciled(
                entries=len(shown),
                matched=len(shown) - len(wrong),
                unexplained=sorted(wrong),
                missing=missing,
                taken=taken,
                payouts=payouts,
                settlements=[SettlementChecked.of(one) for one in await settlements.of_day(session, wanted.day)],
                unsettled=await unsettled(session, wanted.day),
            )
            await audit.record(
                session,
                actor="system:reconciliation",
                action="register-reconciled" if result.clean else "register-differs",
                subject=f"register:{wanted.day.isoformat()}",
                detail=result.model_dump(mode="json"),
            )
        return result

    async def _take(self, shown: list[Sighted]) -> None:
        """Book what nobody told us of, one transaction each."""
        async with self._records.database.begin() as session:
            known = await incoming.by_keys(session, [one.key for one in shown])
        for one in shown:
            if one.key not in known:
                await self._door.take(one)

    async def _taken_since(self, session: AsyncSession, wanted: StatementDay, shown: list[Sighted]) -> list[str]:
        if wanted.since is None:
            return []
        rows = await incoming.by_keys(session, [one.key for one in shown])
        return sorted(key for key, row in rows.items() if row.received_at >= wanted.since - _CLOCKS)


_NAMES = (
    ("bank_reference", "bank_ref"),
    ("side", "side"),
    ("amount", "amount"),
    ("order_id", "order_id"),
    ("currency", "currency"),
)


def _lines(statement: BankStatement) -> list[Line]:
    entries = [{"currency": TENGE, **entry} for entry in statement.entries]
    return [Line.model_validate({name: entry.get(theirs) for name, theirs in _NAMES}) for entry in entries]


def _adds_up(statement: BankStatement, lines: list[Line]) -> bool:
    return statement.opening + Money.total(line.signed for line in lines) == statement.closing


def _of(result: Reconciled, adds_up: bool, ledger: CashChecked, taken: list[str], waiting: list[str]) -> DayReconciled:
    incoming_lines, unexplained = len(result.incoming), result.unexplained
    return DayReconciled(
        day=result.day,
        lines=len(result.matches),
        matched=len(result.matches) - incoming_lines - len(unexplained),
        incoming=incoming_lines,
        unexplained=[match.line.bank_reference for match in unexplained],
        missing=list(result.missing),
        adds_up=adds_up,
        ledger=ledger,
        taken=taken,
        waiting=waiting,
    )
