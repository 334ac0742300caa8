"""The debts of a whole portfolio on a day, straight from PostgreSQL, and a sample of it beside the scalar fold."""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from activities.portfolio.portfolio import Batch, value_portfolio
from activities.portfolio.valuation import Debts, nothing
from bench import portfolio_data
from infra.settings import state_folder
from infra.stack import Stack, free_ports
from infra.stack.environment import StackFile, with_login
from rules.calendar import local_date
from rules.loan import figures
from storage.portfolio import PortfolioReader, reader

_SUMS = ("principal", "interest_due", "interest_accrued", "penalty", "overdue_principal", "total_to_close")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this benchmark."""
    parser.add_argument("--loans", type=int, default=1_000_000)
    parser.add_argument("--sample", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=7)


@dataclass(frozen=True)
class _Told:
    """What one range hands back: sums, the sampled figures, and what the process has cost."""

    loans: int
    facts: int
    scalar: int
    sums: dict[str, int]
    sample: dict[int, dict[str, int]]
    process: int
    rss: int
    cpu: float


def _summary(batch: Batch, sample: frozenset[int]) -> _Told:
    wanted = [index for index, number in enumerate(batch.numbers.tolist()) if number in sample]
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return _Told(
        loans=len(batch.numbers),
        facts=batch.facts,
        scalar=batch.scalar,
        sums={name: int(getattr(batch.debts, name).sum()) for name in _SUMS},
        sample={int(batch.numbers[index]): _row(batch.debts, index) for index in wanted},
        process=os.getpid(),
        rss=usage.ru_maxrss,
        cpu=usage.ru_utime + usage.ru_stime,
    )


def _row(debts: Debts, index: int) -> dict[str, int]:
    return {name: int(getattr(debts, name)[index]) for name in Debts.__dataclass_fields__ if name != "odd"}


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Fill a database of its own, value it, compare; the state folder is removed afterwards."""
    on = local_date(datetime.now(UTC))
    with tempfile.TemporaryDirectory(prefix="nesie-bench-", dir="/tmp") as folder:  # nosec B108
        state = Path(folder)
        (state / "bin").symlink_to(state_folder() / "bin")
        stack = Stack(state, ports=free_ports())
        try:
            stack.up({"postgres"})
            return _measure(StackFile.load(state), stack, args, on)
        finally:
            stack.down()


def _measure(stored: StackFile, stack: Stack, args: argparse.Namespace, on: date) -> dict[str, Any]:
    from infra.settings import load

    database = load(stack.state).database
    owner = database.owner_url.get_secret_value() if database.owner_url else ""
    superuser = with_login(owner, "postgres", stored.secrets["postgres_password"])
    read = (database.read_url or database.url).get_secret_value()
    _say(f"{args.loans} loans are made ...")
    began = time.monotonic()
    made = portfolio_data.fill(superuser, args.loans, on, args.seed)
    _say(f"made in {time.monotonic() - began:.0f} s; valued ...")
    chosen = np.random.default_rng(args.seed).choice(made.loans, min(args.sample, made.loans), replace=False)
    sample = frozenset((chosen + 1).tolist())
    began = time.monotonic()
    told = list(value_portfolio(read, on, partial(_summary, sample=sample)))
    seconds = time.monotonic() - began
    seen = {number: row for one in told for number, row in one.sample.items()}
    with reader(read) as reading:
        differs = _differing(reading, seen, on)
    return {
        "loans": sum(one.loans for one in told),
        "events": made.events,
        "on": on.isoformat(),
        "seconds": round(seconds, 2),
        "cpu_seconds": round(sum(_greatest(told, "cpu")), 2),
        "rss_mb": round((sum(_greatest(told, "rss")) + resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 1024),
        "scalar_loans": sum(one.scalar for one in told),
        "sample": len(seen),
        "sample_differs": len(differs),
        "differing": differs[:10],
        "totals_tiyn": {name: sum(one.sums[name] for one in told) for name in _SUMS},
        "seed": args.seed,
    }


def _greatest(told: Iterable[_Told], name: str) -> list[float]:
    most: dict[int, float] = {}
    for one in told:
        most[one.process] = max(most.get(one.process, 0.0), getattr(one, name))
    return list(most.values())


def _differing(reading: PortfolioReader, seen: dict[int, dict[str, int]], on: date) -> list[dict[str, Any]]:
    """Sampled loans of which the scalar fold says something else, from the loan's own terms and events."""
    found = []
    one = nothing(1)
    for number, terms, events in reading.whole(sorted(seen)):
        one.put(0, figures(events, terms, on))
        if _row(one, 0) != seen[number]:
            found.append({"no": number, "columns": seen[number], "scalar": _row(one, 0)})
    return found


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
