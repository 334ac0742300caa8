"""Loans a second, processor seconds a loan, and the latency of every call; with kills on demand.

Three measurements in one run on one stack: with the biometrics, with a worker that answers the biometric activities at
once, and the engine alone: a workflow with as many no-op activities and updates as one loan has.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from bench import engine
from bench.books import compare
from bench.processes import Processes
from infra.borrower.app import BorrowerApp
from infra.borrower.person import PEOPLE
from infra.borrower.town import Town
from infra.settings import Settings, load, state_folder
from infra.stack import Stack, StartFailed, free_ports

Kills = Callable[[asyncio.Event], Coroutine[Any, Any, list[str]]]
AMOUNT, MONTHS = "150000.00", 6
KILLED = ("worker", "api", "temporal", "postgres", "counterparties")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this benchmark."""
    parser.add_argument("--loans", type=int, default=100)
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--kills", type=int, default=0, help="kill -9 of random parts during the load")
    parser.add_argument("--seed", type=int, default=None, help="of people and kills; printed")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """All three measurements; a state folder of its own, removed afterwards."""
    seed = args.seed if args.seed is not None else secrets.randbelow(PEOPLE)
    with tempfile.TemporaryDirectory(prefix="nesie-bench-", dir="/tmp") as folder:  # nosec B108
        state = Path(folder)
        for name in ("bin", "models", "photos"):
            (state / name).symlink_to(state_folder() / name)
        with Stack(state, ports=free_ports()) as stack:
            return asyncio.run(_measure(stack, state, args, seed))


async def _measure(stack: Stack, state: Path, args: argparse.Namespace, seed: int) -> dict[str, Any]:
    settings = load(state)
    town = _town(stack, settings, state)
    try:
        _say(f"{args.loans} borrowers with cards and keys ...")
        people = [await town.borrower(seed + n, who="ab"[n % 2]) for n in range(2 * args.loans)]
        processes = Processes(stack)
        with_models = await _load(people[: args.loans], args.concurrency, processes, _kills(stack, args, seed))
        without = engine_result = None
        if not args.kills:
            stack.stop("biometrics")
            async with engine.instant_biometrics(settings):
                without = await _load(people[args.loans :], args.concurrency, processes, None)
            sizes = await engine.sizes_of_a_case(settings, without["cases"][0])
            engine_result = await engine.raw(settings, state, sizes, args.loans, args.concurrency)
        done = with_models["cases"] + (without["cases"] if without else [])
        books = await compare(settings, [case["application"] for case in done], AMOUNT)
    finally:
        await town.close()
    rate = without["rate"] if without else None
    raw_rate = engine_result["rate"] if engine_result else None
    return {
        "loans": args.loans,
        "seed": seed,
        "concurrency": args.concurrency,
        "kills": with_models["kills"],
        "seconds": with_models["seconds"],
        "loans_per_second": {
            "with_biometrics": with_models["rate"],
            "without_biometrics": rate,
            "raw_engine": raw_rate,
        },
        "engine_ratio": round(rate / raw_rate, 3) if rate and raw_rate else None,
        "engine": engine_result,
        "cpu_seconds_per_loan": with_models["cpu"],
        "cpu_seconds_per_loan_without_biometrics": without["cpu"] if without else None,
        "api_ms": _latencies(people[: args.loans]),
        "failures": with_models["failures"] + (without["failures"] if without else []),
        **books,
    }


def _town(stack: Stack, settings: Settings, state: Path) -> Town:
    from activities.integrations.biometrics.mesh import FaceMesh

    addresses = stack.addresses()
    return Town(
        addresses["api"],
        addresses["counterparties"],
        settings.parties.sms.token.get_secret_value(),
        state / "photos",
        FaceMesh(settings.models).of_photo,
    )


async def _load(
    people: Sequence[BorrowerApp],
    concurrency: int,
    processes: Processes,
    kills: Kills | None,
) -> dict[str, Any]:
    for person in people:  # filmed and drawn beforehand: the phone's work is not ours
        person.patience_seconds = 180
    slots, cases, failures = asyncio.Semaphore(concurrency), list[dict[str, str]](), list[str]()
    before, began, over = processes.cpu(), time.perf_counter(), asyncio.Event()

    async def one(person: BorrowerApp) -> None:
        async with slots:
            try:
                cases.append(await journey(person))
            except Exception as error:
                failures.append(f"{type(error).__name__}: {error}")

    killer = asyncio.create_task(kills(over)) if kills else None
    await asyncio.gather(*map(one, people))
    seconds = time.perf_counter() - began
    _say(f"{len(cases)} of {len(people)} loans in {seconds:.1f} s")
    over.set()
    cpu = processes.spent(before, len(people))
    return {
        "seconds": round(seconds, 1),
        "rate": round(len(cases) / seconds, 3),
        "cases": cases,
        "failures": failures,
        "cpu": cpu,
        "kills": await killer if killer else [],
    }


async def journey(app: BorrowerApp) -> dict[str, str]:
    """From a phone number to money; the ids of the case."""
    await app.register()
    await app.log_in()
    application = await app.apply(AMOUNT, MONTHS)
    await app.offers(application)
    await app.choose(application, random.choice(("annuity", "differentiated", "own")))  # noqa: S311  # nosec B311
    await app.sign_contract(application)
    state = await app.issued(application)
    return {"application": application, "client": app.client_id, "loan": str(state["loan_id"])}


def _kills(
    stack: Stack, args: argparse.Namespace, seed: int
) -> Callable[[asyncio.Event], Coroutine[Any, Any, list[str]]] | None:
    if not args.kills:
        return None
    dice = random.Random(seed)  # noqa: S311  # nosec B311

    async def kill(over: asyncio.Event) -> list[str]:
        done: list[str] = []
        while len(done) < args.kills and not over.is_set():
            await asyncio.sleep(dice.uniform(2, 5))
            name = dice.choice(KILLED)
            try:
                await asyncio.to_thread(stack.kill, name)
            except StartFailed:  # it is being restarted just now: another throw of the dice
                continue
            done.append(name)
            _say(f"kill -9 {name} ({len(done)})")
        return done

    return kill


def _latencies(people: Sequence[BorrowerApp]) -> dict[str, dict[str, float]]:
    merged: dict[str, list[float]] = {}
    for person in people:
        for route, values in person.latencies.items():
            merged.setdefault(route, []).extend(values)
    return {
        route: {
            "p50": round(statistics.median(values), 1),
            "p99": round(statistics.quantiles(values, n=100)[98] if len(values) > 1 else values[0], 1),
            "calls": len(values),
        }
        for route, values in sorted(merged.items())
    }


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
