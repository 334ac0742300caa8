"""One valuation in a process of its own: `python -m bench.portfolio_run`, what is wanted in as JSON, figures out.

A process of its own, because memory is to be measured without what filled the database, and the start with it.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from activities.portfolio.portfolio import Batch, value_portfolio
from activities.portfolio.valuation import Debts

_SUMS = ("principal", "interest_due", "interest_accrued", "penalty", "overdue_principal", "total_to_close")


@dataclass(frozen=True)
class _Told:
    """What a report keeps of one range: counts, sums, and the figures of the sampled loans."""

    loans: int
    facts: int
    scalar: int
    sums: dict[str, int]
    sample: dict[int, dict[str, int]]


def row(debts: Debts, index: int) -> dict[str, int]:
    """The debt of one loan."""
    return {name: int(getattr(debts, name)[index]) for name in Debts.__dataclass_fields__ if name != "odd"}


def _told(batch: Batch, sample: frozenset[int]) -> _Told:
    wanted = [index for index, number in enumerate(batch.numbers.tolist()) if number in sample]
    return _Told(
        loans=len(batch.numbers),
        facts=batch.facts,
        scalar=batch.scalar,
        sums={name: int(getattr(batch.debts, name).sum()) for name in _SUMS},
        sample={int(batch.numbers[index]): row(batch.debts, index) for index in wanted},
    )


def measured(url: str, on: str, sample: list[int]) -> dict[str, Any]:
    """A valuation with everything that a worker does not have yet: connections, and the compiled fold to be loaded."""
    chosen = frozenset(sample)
    began = time.monotonic()
    told = list(value_portfolio(url, date.fromisoformat(on), lambda batch: _told(batch, chosen)))
    seconds = time.monotonic() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "loans": sum(one.loans for one in told),
        "facts": sum(one.facts for one in told),
        "scalar_loans": sum(one.scalar for one in told),
        "seconds": seconds,
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "rss_mb": _peak_mb(),
        "totals_tiyn": {name: sum(one.sums[name] for one in told) for name in _SUMS},
        "sample": {number: figures for one in told for number, figures in one.sample.items()},
    }


def _peak_mb() -> float:
    """The most memory of this process; ru_maxrss would be that of whoever started it, where that was more."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


if __name__ == "__main__":
    json.dump(measured(**json.load(sys.stdin)), sys.stdout)
