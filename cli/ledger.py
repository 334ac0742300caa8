"""`nesie ledger trial-balance | check`: the books of a day, and the ledger against the loans' own facts."""

from __future__ import annotations

import argparse
from datetime import date
from typing import Any

from cli import records
from infra import settings as infra_settings
from rules.calendar import local_date
from rules.money import Money
from storage import book_check, ledger
from storage.clock import now
from storage.ledger import AccountTurnover


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands of the ledger."""
    parser = subparsers.add_parser("ledger", help="the books: trial balance, and the ledger against the loans")
    commands = parser.add_subparsers(required=True, metavar="command")
    trial = commands.add_parser("trial-balance", help="every account at the end of a day")
    trial.add_argument("--on", type=date.fromisoformat, help="a day in Almaty, YYYY-MM-DD; today when not given")
    trial.add_argument("--as-known-on", type=date.fromisoformat, help="the books as they were seen on this day's end")
    trial.add_argument("--json", action="store_true")
    trial.set_defaults(run=trial_balance)
    check = commands.add_parser("check", help="compare every loan's balances with its facts and name differences")
    check.add_argument("--json", action="store_true")
    check.set_defaults(run=check_books)


def trial_balance(args: argparse.Namespace) -> int:
    """Exit code 0 where debits and credits are equal, 1 where they are not."""
    on, lines = records.wait(_trial_balance(args.on, args.as_known_on))
    debit, credit = Money.total(one.debit for one in lines), Money.total(one.credit for one in lines)
    if args.json:
        accounts = [
            {
                "account": one.account,
                "kind": one.kind,
                "debit": str(one.debit),
                "credit": str(one.credit),
                "balance": str(one.balance),
            }
            for one in lines
        ]
        told: dict[str, Any] = {"on": on, "as_known_on": args.as_known_on, "accounts": accounts}
        records.tell({**told, "debit": str(debit), "credit": str(credit), "balanced": debit == credit})
    else:
        print(f"{on}  {'account':<20}{'debit':>20}{'credit':>20}{'balance':>20}")
        for one in lines:
            print(f"            {one.account:<20}{one.debit!s:>20}{one.credit!s:>20}{one.balance!s:>20}")
        print(f"            {'':<20}{debit!s:>20}{credit!s:>20}{debit - credit!s:>20}")
    return 0 if debit == credit else 1


async def _trial_balance(on: date | None, known_on: date | None) -> tuple[date, tuple[AccountTurnover, ...]]:
    database = records.reader(infra_settings.load())
    try:
        async with database.begin() as session:
            day = on or local_date(await now(session))
            return day, await ledger.trial_balance(session, day, known_on=known_on)
    finally:
        await database.close()


def check_books(args: argparse.Namespace) -> int:
    """Exit code 0 where ledger, loans and payments say the same, 1 where they do not."""
    found = records.wait(_check())
    if args.json:
        records.tell({"ok": found.ok, **found.model_dump(mode="json")})
        return 0 if found.ok else 1
    print(f"{found.loans} loans compared, {found.behind} of them not booked up to today")
    for one in found.differs:
        what = one.problem or f"{one.account}: ledger {one.in_ledger}, loan {one.in_loan}"
        print(f"  loan {one.loan_id} on {one.on}: {what}")
    print(f"debits {found.debit}, credits {found.credit}")
    print(f"not placed: ledger {found.unmatched_in_ledger}, payments {found.unmatched_payments}")
    print("the books agree" if found.ok else "THE BOOKS DIFFER")
    return 0 if found.ok else 1


async def _check() -> book_check.BookCheck:
    database = records.reader(infra_settings.load())
    try:
        async with database.begin() as session:
            today = local_date(await now(session))
        async with database.begin() as session:
            return await book_check.check(session, today)
    finally:
        await database.close()
