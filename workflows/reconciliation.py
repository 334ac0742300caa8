"""Reconcile: one day's books of the bank and of the terminals against ours. Id `reconcile-YYYY-MM-DD`.

Every night a schedule starts ReconcileNight, which takes the day from the time it was due at: a night that was
missed is caught up with its own day. Money that came in unnoticed is taken, and goes on in a case of its own. What
nobody can explain waits here for two people.

Rules: para 9, part 2.
"""

from __future__ import annotations

import contextlib
from datetime import date, datetime, timedelta
from uuid import UUID

from temporalio import workflow
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

from activities.client_files import ClientFiles, ReviewWanted
from activities.reconciliation import GROUND, DayReconciled, Reconciliation, StatementDay
from activities.terminal_books import TerminalsReconciled
from rules.calendar import local_date
from rules.editions import edition
from rules.evidence import Frozen
from workflows import incoming, options
from workflows.cases import Case, decision_of, do, wrong_step
from workflows.incoming import IncomingPayment, TakeMoney
from workflows.messages import ReviewDecided

_DUE_AT: SearchAttributeKey[datetime] = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")


class ReconcileDay(Frozen):
    """Start: a day in Almaty that is over."""

    day: date


def id_of(day: date) -> str:
    """The id of a day's case."""
    return f"reconcile-{day.isoformat()}"


@workflow.defn
class Reconcile:
    """See the module."""

    @workflow.init
    def __init__(self, start: ReconcileDay) -> None:
        self._day = start.day
        self._case = Case("reconciliation", edition(start.day).name)
        self._found: DayReconciled | None = None
        self._review_id: UUID | None = None
        self._telling = False
        self._decision: str | None = None

    @workflow.run
    async def run(self, start: ReconcileDay) -> DayReconciled:
        """Reconcile; with something unexplained, again until two people have decided."""
        await self._reconcile()
        while self._review_id is not None:
            await workflow.wait_condition(lambda: self._decision is not None)
            decision, self._decision, self._review_id = self._decision, None, None
            if decision == "retry":
                await self._reconcile()
        await workflow.wait_condition(workflow.all_handlers_finished)
        found = self._found or await self._reconcile()
        self._show("RECONCILED" if found.clean else "DECIDED")
        return found

    async def _reconcile(self) -> DayReconciled:
        self._show("STATEMENT")
        wanted = StatementDay(day=self._day, since=workflow.now())
        found = await do(Reconciliation.reconcile_day, wanted, "выписка банка за день", options.MONEY)
        await self._follow([*found.taken, *found.waiting])
        terminals = await do(Reconciliation.reconcile_terminals, wanted, "реестр терминалов за день", options.MONEY)
        await self._follow(terminals.taken)
        found = found.model_copy(update={"terminals": terminals})
        if not found.clean:
            self._telling = True
            review = ReviewWanted(kind="MONEY", workflow_id=workflow.info().workflow_id, ground=GROUND)
            self._review_id = await do(ClientFiles.open_review, review, "расхождения: двум сотрудникам")
            self._telling = False
        found = found.model_copy(update={"review_id": self._review_id})  # once opened, people decide
        self._found = found
        self._show("RECONCILED" if found.clean else "UNEXPLAINED", needs_person=not found.clean)
        return found

    async def _follow(self, keys: list[str]) -> None:
        """A case for each sum, which tells the loan or waits for people; one that runs already goes on."""
        for key in dict.fromkeys(keys):
            with contextlib.suppress(WorkflowAlreadyStartedError):
                await workflow.start_child_workflow(
                    IncomingPayment.run,
                    TakeMoney(key=key, day=self._day, edition=edition(self._day).name),
                    id=incoming.id_of(key),
                    parent_close_policy=ParentClosePolicy.ABANDON,
                    static_summary="поступление по сверке",
                )

    @workflow.update(description="Сверить день и сказать, что найдено")
    async def look(self) -> DayReconciled:
        """The finding of the first reconciliation, or of a new one where that is done already."""
        if self._found is None:
            await workflow.wait_condition(lambda: self._found is not None)
        else:
            await self._reconcile()
        if self._found is None:
            raise wrong_step("wrong-step")
        return self._found

    @workflow.update(description="Решение двух сотрудников (действует только запись в базе)")
    async def review_decided(self, decided: ReviewDecided) -> str:
        """retry = reconcile again (the bank has mended its statement); approve, refuse = explained, kept as decided."""
        decision = await decision_of(decided)
        await workflow.wait_condition(lambda: not self._telling)
        if self._review_id == decided.review_id:
            self._decision = decision
        return decision

    @review_decided.validator
    def _may_decide(self, decided: ReviewDecided) -> None:
        if self._review_id != decided.review_id and not self._telling:
            raise wrong_step("review-not-open")

    def _show(self, stage: str, *, needs_person: bool = False) -> None:
        found = self._found
        text = "" if found is None else (
            f"строк {found.lines}, сошлось {found.matched}, без объяснения {len(found.unexplained)},"
            f" нет в выписке {len(found.missing)}, остатки {'сходятся' if found.adds_up else 'не сходятся'},"
            f" в нашей книге расходится {len(found.ledger.differs)}, принято сейчас {len(found.taken)}"
            f"{_of_terminals(found.terminals)}"
        )  # fmt: skip
        self._case.show(stage, f"выписка за {self._day.isoformat()}\n\n{text}", needs_person=needs_person)


def _of_terminals(found: TerminalsReconciled | None) -> str:
    """What the terminals' books leave open; nothing where all agree."""
    if found is None or found.clean:
        return ""
    payouts = "" if found.payouts is None or found.payouts.clean else (
        f", выдач без объяснения {len(found.payouts.differs)}, нет в реестре выдач {len(found.payouts.missing)}"
    )  # fmt: skip
    sums = [
        f", перечисление `{one.key}`: разница {one.difference} ₸" for one in found.settlements if one.difference.root
    ]
    days = [f", за {one.day.isoformat()} не перечислено {one.expected} ₸" for one in found.unsettled]
    receipts = f"\n\nтерминалы: чеков без объяснения {len(found.unexplained)}, нет в реестре {len(found.missing)}"
    return "".join((receipts, payouts, *sums, *days))


@workflow.defn
class ReconcileNight:
    """What the schedule starts: the case of the day that was over when it was due."""

    @workflow.run
    async def run(self) -> str:
        """The id of the case."""
        due = workflow.info().typed_search_attributes.get(_DUE_AT) or workflow.now()
        day = local_date(due) - timedelta(days=1)
        with contextlib.suppress(WorkflowAlreadyStartedError):  # somebody asked for it by hand
            await workflow.start_child_workflow(
                Reconcile.run,
                ReconcileDay(day=day),
                id=id_of(day),
                parent_close_policy=ParentClosePolicy.ABANDON,
                static_summary=f"сверка выписки за {day.isoformat()}",
            )
        return id_of(day)
