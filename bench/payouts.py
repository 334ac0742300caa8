"""Payouts while parts die by kill -9, for each kind of bank: nothing twice, nothing lost, books that agree.

One stack of its own. For each profile the bank changes its manners and the worker its settings; disbursements of signed
applications and refunds run all the time, with answers that are dropped, callbacks that come twice, late or never, and
500 after booking, while the worker, the counterparties, PostgreSQL and Temporal are killed at random. Two scripted
people decide what a bank leaves open that can neither be asked nor knows keys. In the end the bank's own list of what
it took is compared with our payments and our ledger, and the statement is reconciled.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import random
import secrets
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
from dotenv import dotenv_values
from temporalio.client import Client, WithStartWorkflowOperation, WorkflowUpdateStage
from temporalio.common import WorkflowIDConflictPolicy

from activities.context import open_records
from activities.reconciliation import DayReconciled
from bench.engine import client_of
from bench.payout_load import Load, persist
from bench.payout_people import TwoPeople
from bench.payout_truth import Truth, truth
from infra.settings import Settings, load, state_folder
from infra.stack import PARTS, Stack, StartFailed, free_ports
from infra.stack.environment import save_settings
from infra.temporal import log_through_python
from rules.bank_profile import PROFILES
from rules.calendar import local_date
from workflows.reconciliation import Reconcile, ReconcileDay, id_of
from workflows.schedules import QUEUE

POSTING_SECONDS = 2.0  # of the played bank: until a payout can be found (below), and a little more
SETTLE_SECONDS = 17.0  # the hand-over (5 s), a whole request of ours (10 s), and the bank's posting time
# the bank's own manners under each profile; posting_lag: a payout cannot be found before
MANNERS = {"keyed": {"posting_lag": 0.0}, "lookup_only": {"posting_lag": 1.0}, "neither": {"posting_lag": 0.0}}
# part -> seconds for which it is left alone after it died; the worker needs some to count as started
KILLED = {"worker": 10.0, "counterparties": 3.0, "postgres": 3.0, "temporal": 4.0}
_PATIENCE_SECONDS = 600.0  # to come to rest after the last kill


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this benchmark."""
    parser.add_argument("--kills", type=int, default=300, help="of all parts, over all profiles")
    parser.add_argument("--concurrency", type=int, default=48, help="payments under way at once")
    parser.add_argument("--profiles", nargs="+", choices=sorted(PROFILES), default=sorted(PROFILES))
    parser.add_argument("--seed", type=int, default=None, help="of people, faults and kills; printed")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """All profiles one after another; a state folder of its own, removed afterwards."""
    seed = args.seed if args.seed is not None else secrets.randbelow(2**31)
    log_through_python()
    logging.getLogger("temporalio.core").setLevel(logging.CRITICAL)  # it dies all the time: that is the point
    with tempfile.TemporaryDirectory(prefix="nesie-bench-", dir="/tmp") as folder:  # nosec B108
        state = Path(folder)
        for name in ("bin", "models", "photos"):
            (state / name).symlink_to(state_folder() / name)
        stack = Stack(state, ports=free_ports())
        stack.up([name for name in PARTS if name != "biometrics"], patience_seconds=120)
        try:
            return asyncio.run(_measure(stack, state, args, seed))
        finally:
            stack.down()


async def _measure(stack: Stack, state: Path, args: argparse.Namespace, seed: int) -> dict[str, Any]:
    began, first = time.monotonic(), local_date(datetime.now(UTC))
    by_profile: dict[str, Any] = {}
    failures: list[str] = []
    shares = _shares(args.kills, len(args.profiles))
    for name, kills in zip(args.profiles, shares, strict=True):
        one = Profile(stack, state, name, random.Random(f"{seed} {name}"), args.concurrency)  # noqa: S311  # nosec B311
        by_profile[name] = await one.measure(kills)
        failures += by_profile[name].pop("failures")
    reconciled = await _reconciled(load(state), {first, local_date(datetime.now(UTC))})
    failures += [] if reconciled else ["the statement and our books do not agree"]
    summed = ("kills", "payouts", "double", "lost", "wrong_amount", "parked")
    return {
        **{name: sum(one[name] for one in by_profile.values()) for name in summed},
        "reconciled": reconciled,
        "by_profile": by_profile,
        "seconds": round(time.monotonic() - began, 1),
        "seed": seed,
        "failures": failures,
    }


class Profile:
    """One kind of bank."""

    def __init__(self, stack: Stack, state: Path, name: str, dice: random.Random, concurrency: int) -> None:
        self._stack, self._state, self._name, self._dice = stack, state, name, dice
        self._concurrency = concurrency
        self._died: dict[str, float] = {}

    async def measure(self, kills: int) -> dict[str, Any]:
        """Figures of this profile: counts of payments, of kills by part, and seconds."""
        began = time.monotonic()
        async with contextlib.AsyncExitStack() as open_things:
            settings = await self._prepared()
            records = open_records(**settings.records())
            open_things.push_async_callback(records.close)
            client = await client_of(settings)
            world = await open_things.enter_async_context(_world(self._stack, settings))
            await self._manners(world)
            load_of = Load(records, client, world, self._state / "photos", self._dice, self._concurrency)
            people = await TwoPeople(records, client, world, SETTLE_SECONDS).hired()
            over, at_work = asyncio.Event(), asyncio.create_task(people.work())
            running = asyncio.create_task(load_of.run(over))
            killed = await self._kill(kills)
            over.set()
            failures = await _rest(running, at_work, self._name)
            found = await persist(lambda: truth(records, world, load_of.ordered))
        _say(f"{self._name}: {found.figures()} in {time.monotonic() - began:.0f} s")
        return {
            "kills": len(killed),
            **found.figures(),
            "killed": {name: killed.count(name) for name in KILLED},
            "seconds": round(time.monotonic() - began, 1),
            "failures": [*failures, *load_of.failures, *_named(self._name, found)],
        }

    async def _prepared(self) -> Settings:
        """The worker started anew with this profile in its settings."""
        known = {name: value or "" for name, value in dotenv_values(self._state / "nesie.env").items()}
        bank = {
            "PROFILE": self._name,
            "SETTLE_AFTER_SECONDS": str(SETTLE_SECONDS),
            "POSTING_SECONDS": str(POSTING_SECONDS),
        }
        save_settings(self._state, known | {f"NESIE_BANK__{name}": value for name, value in bank.items()})
        await asyncio.to_thread(self._stack.kill, "worker")
        await asyncio.sleep(1.0)
        await asyncio.to_thread(self._stack.wait_healthy, "worker", 60)
        self._died["worker"] = time.monotonic()
        return load(self._state)

    async def _manners(self, world: httpx.AsyncClient) -> None:
        body = {"mode": self._name, "settle_ms": 150, **MANNERS[self._name]}
        await persist(lambda: _put(world, "/_control/bank/settings", body))

    async def _kill(self, kills: int) -> list[str]:
        """kill -9 of parts at random moments; which died."""
        done: list[str] = []
        while len(done) < kills:
            await asyncio.sleep(self._dice.uniform(1.5, 3.0))
            alive = [name for name, rest in KILLED.items() if time.monotonic() - self._died.get(name, 0.0) > rest]
            if not alive:
                continue
            name = self._dice.choice(alive)
            try:
                await asyncio.to_thread(self._stack.kill, name)
            except StartFailed:  # it is being restarted just now: another throw of the dice
                continue
            self._died[name] = time.monotonic()
            done.append(name)
            _say(f"{self._name}: kill -9 {name} ({len(done)} of {kills})")
        return done


async def _rest(running: asyncio.Task[None], at_work: asyncio.Task[None], name: str) -> list[str]:
    """Wait until everything that was begun has ended; what has not is a failure."""
    try:
        done, _ = await asyncio.wait({running, at_work}, timeout=_PATIENCE_SECONDS, return_when="FIRST_COMPLETED")
        for one in done:
            await one  # the two people only end by an error
        return [] if done else [f"{name}: not everything came to rest within {_PATIENCE_SECONDS:.0f} s"]
    finally:
        for task in (running, at_work):
            task.cancel()
        await asyncio.gather(running, at_work, return_exceptions=True)


@contextlib.asynccontextmanager
async def _world(stack: Stack, settings: Settings) -> Any:
    headers = {"Authorization": f"Bearer {settings.parties.bank.token.get_secret_value()}"}
    async with httpx.AsyncClient(base_url=stack.addresses()["counterparties"], headers=headers, timeout=10) as world:
        yield world


async def _put(world: httpx.AsyncClient, path: str, body: dict[str, Any]) -> None:
    (await world.put(path, json=body)).raise_for_status()


async def _reconciled(settings: Settings, days: set[date]) -> bool:
    """Whether the bank's statements of these days and our books say the same, by the days' own cases."""
    client = await client_of(settings)
    found = [await _day(client, day) for day in sorted(days)]
    for one in found:
        if not one.clean:
            _say(f"{one.day}: {one.model_dump_json()}")
    return all(one.clean for one in found)


async def _day(client: Client, day: date) -> DayReconciled:
    start = WithStartWorkflowOperation(
        Reconcile.run,
        ReconcileDay(day=day),
        id=id_of(day),
        task_queue=QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
    )
    asked = await client.start_update_with_start_workflow(
        Reconcile.look, start_workflow_operation=start, wait_for_stage=WorkflowUpdateStage.ACCEPTED
    )
    return DayReconciled.model_validate(await asked.result())


def _shares(kills: int, parts: int) -> Sequence[int]:
    """Kills divided over the profiles; the first ones take the odd ones."""
    base, extra = divmod(kills, parts)
    return [base + (n < extra) for n in range(parts)]


def _named(name: str, found: Truth) -> list[str]:
    """Which payments are wrong, for whoever has to look."""
    kinds = {"double": found.double, "lost": found.lost, "wrong": found.wrong, "open": found.open}
    return [f"{name}: {kind} {key}" for kind, keys in kinds.items() for key in keys]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
