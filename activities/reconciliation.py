"""The bank's statement of a day against our payments; what nobody can explain goes to two people.

Rules: para 9, part 2.
"""

from __future__ import annotations

from datetime import date
from uuid import UUID

from temporalio import activity

from activities.context import Records
from activities.ports import Bank, BankStatement
from rules.errors import NotSettled
from rules.evidence import Frozen
from rules.money import Money
from storage import audit, reconciliation, reviews
from storage.reconciliation import Line, Reconciled

GROUND = "statement-unexplained"


class StatementDay(Frozen):
    """A day in Almaty whose statement is to be reconciled, by the case with this workflow id."""

    day: date
    workflow_id: str


class DayReconciled(Frozen):
    """What was found. No names or accounts: the bank's references and our payments' keys.

    unexplained: references of lines that left without their payment, differ, or brought a payment back.
    missing: keys of payments that are done on that day and that no line shows. incoming: lines left for repayments.
    adds_up: opening balance and lines give the closing balance. review_id: the case for two people, where one is open.
    """

    day: date
    lines: int
    matched: int
    incoming: int
    unexplained: list[str]
    missing: list[str]
    adds_up: bool
    review_id: UUID | None = None

    @property
    def clean(self) -> bool:
        """Whether nothing is left for a person."""
        return self.adds_up and not self.unexplained and not self.missing


class Reconciliation:
    """Reconciles one day at a time; as often as wanted."""

    def __init__(self, records: Records, bank: Bank) -> None:
        self._records, self._bank = records, bank

    @activity.defn
    async def reconcile_day(self, wanted: StatementDay) -> DayReconciled:
        """Keep every line, match what can be matched, and open a MONEY review for the rest.

        Raises:
            NotSettled: the bank has no statement of this day yet.
        """
        statement = await self._bank.statement(wanted.day)
        if statement is None:
            raise NotSettled("the day's statement is not ready")
        lines = [Line.model_validate({name: entry[theirs] for name, theirs in _NAMES}) for entry in statement.entries]
        adds_up = _adds_up(statement, lines)
        async with self._records.database.begin() as session:
            result = await reconciliation.reconcile_day(session, wanted.day, lines)
            if not adds_up:
                await audit.record(
                    session,
                    actor="system:reconciliation",
                    action="statement-does-not-add-up",
                    subject=f"statement:{wanted.day.isoformat()}",
                    detail={"opening": str(statement.opening), "closing": str(statement.closing)},
                )
            found = _told(result, adds_up)
            if found.clean:
                return found
            review = await reviews.open_review(session, kind="MONEY", workflow_id=wanted.workflow_id, ground=GROUND)
            return found.model_copy(update={"review_id": review.id})


_NAMES = (("bank_reference", "bank_ref"), ("side", "side"), ("amount", "amount"), ("order_id", "order_id"))


def _adds_up(statement: BankStatement, lines: list[Line]) -> bool:
    came = Money.total(line.amount for line in lines if line.side == "C")
    left = Money.total(line.amount for line in lines if line.side == "D")
    return statement.opening + came - left == statement.closing


def _told(result: Reconciled, adds_up: bool) -> DayReconciled:
    unexplained = [match.line.bank_reference for match in result.unexplained]
    matched = sum(match.state == "matched" for match in result.matches)
    return DayReconciled(
        day=result.day,
        lines=len(result.matches),
        matched=matched,
        incoming=len(result.matches) - matched - len(unexplained),
        unexplained=unexplained,
        missing=list(result.missing),
        adds_up=adds_up,
    )
