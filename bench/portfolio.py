"""The debts of a whole portfolio on a day, straight from PostgreSQL, and a sample of it beside the scalar fold."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np

from activities.portfolio.valuation import nothing
from bench import portfolio_data
from bench.memory import Memory
from bench.portfolio_run import row
from bench.processes import Processes
from infra.settings import state_folder
from infra.stack import Stack, free_ports
from infra.stack.environment import StackFile, with_login
from rules.calendar import local_date
from rules.loan import figures
from storage.portfolio import readers

_REAPED_SECONDS = 0.5  # until PostgreSQL has taken note of the end of its processes, and of their time


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this benchmark."""
    parser.add_argument("--loans", type=int, default=1_000_000)
    parser.add_argument("--sample", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--keep", type=Path, help="a folder to keep the database in, or to find it")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Fill a database of its own, value it, compare; the state folder is removed afterwards unless it is to be kept."""
    with _folder(args.keep) as state:
        state.mkdir(parents=True, exist_ok=True)
        if not (state / "bin").exists():
            (state / "bin").symlink_to(state_folder() / "bin")
        stack = Stack(state, ports=free_ports())
        try:
            stack.up({"postgres"})
            return _measure(StackFile.load(state), stack, args)
        finally:
            stack.down()


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        yield keep.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="nesie-bench-", dir="/tmp") as folder:  # nosec B108
        yield Path(folder)


def _measure(stored: StackFile, stack: Stack, args: argparse.Namespace) -> dict[str, Any]:
    from infra.settings import load

    database = load(stack.state).database
    owner = database.owner_url.get_secret_value() if database.owner_url else ""
    read = (database.read_url or database.url).get_secret_value()
    made = _filled(stack.state, with_login(owner, "postgres", stored.secrets["postgres_password"]), args)
    chosen = np.random.default_rng(args.seed).choice(args.loans, min(args.sample, args.loans), replace=False) + 1
    told, outside = _run_apart(stack, {"url": read, "on": made["on"], "sample": chosen.tolist()})
    sample = {int(number): seen for number, seen in told.pop("sample").items()}
    differs = _differing(read, sample, date.fromisoformat(made["on"]))
    return {
        **made,
        **{name: round(value, 2) if isinstance(value, float) else value for name, value in (told | outside).items()},
        "memory_mb": round(told["rss_mb"] + outside["postgres_pss_mb"]),
        "sample": len(sample),
        "sample_differs": len(differs),
        "failures": len(differs) + len(chosen) - len(sample),
        "differing": differs[:10],
    }


def _filled(state: Path, superuser: str, args: argparse.Namespace) -> dict[str, Any]:
    """Fill the database, unless a run before this one did so with the same numbers."""
    note, asked = state / "portfolio.json", {"loans": args.loans, "seed": args.seed}
    if note.exists() and (kept := json.loads(note.read_text())).items() >= asked.items():
        return dict(kept)
    on = local_date(datetime.now(UTC))
    _say(f"{args.loans} loans are made ...")
    began = time.monotonic()
    made = portfolio_data.fill(superuser, args.loans, on, args.seed)
    _say(f"made in {time.monotonic() - began:.0f} s")
    told = asked | {"events": made.events, "on": on.isoformat()}
    note.write_text(json.dumps(told))
    return told


def _run_apart(stack: Stack, asked: dict[str, Any]) -> tuple[dict[str, Any], dict[str, float]]:
    """A valuation in a process of its own, and what it costs outside of that: the start, and PostgreSQL."""
    processes, before, began = Processes(stack), Processes(stack).cpu(), time.monotonic()
    with Memory(stack, "postgres") as memory:
        command = [sys.executable, "-m", "bench.portfolio_run"]
        done = subprocess.run(command, input=json.dumps(asked), stdout=subprocess.PIPE, text=True, check=True)
        cold = time.monotonic() - began
    time.sleep(_REAPED_SECONDS)
    spent = processes.cpu()["postgres"] - before["postgres"]
    outside = {"cold_seconds": cold, "postgres_cpu_seconds": spent, "postgres_pss_mb": memory.peak_mb}
    return json.loads(done.stdout), outside


def _differing(url: str, seen: dict[int, dict[str, int]], on: date) -> list[dict[str, Any]]:
    """Sampled loans of which the scalar fold says something else, from the loan's own terms and events."""
    found = []
    one = nothing(1)
    with readers(url) as (reading,):
        for number, terms, events in reading.whole(sorted(seen)):
            one.put(0, figures(events, terms, on))
            if row(one, 0) != seen[number]:
                found.append({"no": number, "columns": seen[number], "scalar": row(one, 0)})
    return found


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
