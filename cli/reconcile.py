"""`nesie reconcile`: the books of the bank and of the terminals against ours, by the day's own case in Temporal."""

from __future__ import annotations

import argparse
import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import cast

from temporalio.client import WithStartWorkflowOperation, WorkflowUpdateStage
from temporalio.common import WorkflowIDConflictPolicy

from activities.reconciliation import DayReconciled
from activities.terminal_books import TerminalsReconciled
from cli import records
from infra import settings as infra_settings
from infra.codec import PayloadKeys
from infra.settings import Settings
from infra.temporal import connect, data_converter
from rules.calendar import local_date
from rules.errors import InvalidInput, NotSettled
from workflows.reconciliation import Reconcile, ReconcileDay, id_of
from workflows.schedules import QUEUE

_PATIENCE_SECONDS = 60


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("reconcile", help="a day's books of the bank and the terminals against ours")
    parser.add_argument(
        "--date",
        "--day",
        dest="day",
        type=date.fromisoformat,
        metavar="DATE",
        help="a day in Almaty, YYYY-MM-DD; yesterday when not given",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit code 0 where everything is explained, 1 where two people have to look."""
    today = local_date(datetime.now(UTC))
    day = args.day or today - timedelta(days=1)
    if day > today:
        raise InvalidInput("day-in-the-future", "the bank has no statement of a day to come")
    found = records.wait(reconcile(infra_settings.load(), day))
    if args.json:
        records.tell({"ok": found.clean, **found.model_dump(mode="json")})
    else:
        _print(found)
    return 0 if found.clean else 1


async def reconcile(settings: Settings, day: date) -> DayReconciled:
    """Ask the day's case, started where it is not running, and wait for what it finds.

    Raises:
        NotSettled: no statement or register yet; the case goes on asking.
    """
    temporal, converter = settings.temporal, data_converter(PayloadKeys.of(settings.keys))
    client = await connect(temporal.address, temporal.namespace, converter, retry="quick")
    start = WithStartWorkflowOperation(
        Reconcile.run,
        ReconcileDay(day=day),
        id=id_of(day),
        task_queue=QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        static_summary=f"сверка выписки за {day.isoformat()}",
    )
    asked = client.start_update_with_start_workflow(
        Reconcile.look, start_workflow_operation=start, wait_for_stage=WorkflowUpdateStage.ACCEPTED
    )
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return cast(DayReconciled, await (await asked).result())
    except TimeoutError:
        raise NotSettled(f"not all books of {day} are open yet; {id_of(day)} goes on asking") from None


def _print_terminals(found: TerminalsReconciled) -> None:
    print(f"terminals: {found.entries} receipts, {found.matched} matched")
    lines = []
    if found.payouts is not None:
        print(f"terminals: {found.payouts.entries} payouts, {found.payouts.matched} matched")
        lines += [("payout " + one.why, f"{one.key} {one.order}") for one in found.payouts.differs]
        lines += [("payout missing", number) for number in found.payouts.missing]
        lines += [("payout of another day", number) for number in found.payouts.other_day]
        lines += [("payout taken now", number) for number in found.payouts.taken]
    for sent in found.settlements:
        what = f"{sent.key} for {sent.since} to {sent.until}: {sent.settled} of {sent.expected}"
        lines.append(("settlement", f"{what}, difference {sent.difference}"))
    lines += [("not settled", f"{owed.operator} {owed.day} {owed.expected}") for owed in found.unsettled]
    for name, text in lines:
        print(f"  {name:<28}{text}")


def _print(found: DayReconciled) -> None:
    print(f"{found.day}: {found.lines} lines, {found.matched} matched, {found.incoming} incoming")
    if found.terminals is not None:
        _print_terminals(found.terminals)
    unexplained, missing = list(found.unexplained), list(found.missing)
    if found.terminals is not None:
        unexplained += found.terminals.unexplained
        missing += found.terminals.missing
    named = {
        "unexplained": unexplained,
        "missing": missing,
        "ledger differs": found.ledger.differs,
        "booked on another day": found.ledger.other_day,
        "taken now": found.taken,
        "waits for people": found.waiting,
    }
    for what, keys in named.items():
        for key in keys:
            print(f"  {what:<22}{key}")
    if not found.adds_up:
        print("  the balances and the lines do not add up")
    print("everything is explained" if found.clean else f"two people have to look: review {found.review_id}")
