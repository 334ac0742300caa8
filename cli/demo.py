"""`nesie demo`: one loan on the real stack, from a phone number to money on the account, with everything to look at."""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import sys
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from cli.demo_fraud import FraudStory
from cli.proofs import invariants_of, proofs_of
from infra.borrower.app import BorrowerApp, Stopped
from infra.borrower.person import PEOPLE
from infra.borrower.town import Town
from infra.settings import Settings, load, state_folder
from infra.stack import Stack

T = TypeVar("T")
AMOUNT, MONTHS, METHOD = "150000.00", 6, "annuity"


def register(subparsers: Any) -> None:
    """Add `nesie demo`."""
    parser = subparsers.add_parser("demo", help="originate one loan on the real stack")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    parser.add_argument("--amount", default=AMOUNT)
    parser.add_argument("--months", type=int, default=MONTHS)
    parser.add_argument("--method", default=METHOD, choices=["annuity", "differentiated", "own"])
    parser.add_argument("--fraud", action="store_true", help="then suspended, resumed and written off in skipped time")
    parser.set_defaults(run=run)


class Show:
    """Prints steps with their durations, and remembers them."""

    def __init__(self, quiet: bool) -> None:
        self.steps: list[dict[str, Any]] = []
        self._quiet, self._start = quiet, time.perf_counter()

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.perf_counter() - self._start

    def line(self, text: str) -> None:
        """Progress goes to the terminal; with --json to standard error, so that the object stands alone."""
        print(text, file=sys.stderr if self._quiet else sys.stdout, flush=True)

    async def step(self, name: str, work: Awaitable[T]) -> T:
        """One step of the case."""
        began = time.perf_counter()
        result = await work
        took = time.perf_counter() - began
        self.steps.append({"name": name, "seconds": round(took, 2)})
        self.line(f"  {name:<46} {took:6.2f} s")
        return result


def run(args: argparse.Namespace) -> int:
    """Start the stack, originate, look, stop. Exit code 0 only when every invariant holds."""
    state, show = state_folder(), Show(args.json)
    show.line("starting the stack (PostgreSQL, Temporal, S3 archive, counterparties, workers, API) ...")
    stack = Stack(state)
    with stack:
        show.steps.append({"name": "stack", "seconds": round(show.seconds, 2)})
        show.line(f"  {'stack is up':<46} {show.seconds:6.2f} s")
        try:
            result = asyncio.run(_originate(stack, state, show, args))
        except Stopped as stopped:
            result = {"ok": False, "problem": f"the case stopped: {stopped}"}
    result["seconds"] = round(show.seconds, 2)
    if args.json:
        print(json.dumps(result, ensure_ascii=False))
    if result["ok"]:
        show.line(f"done in {result['seconds']:.1f} s: every invariant holds")
        return 0
    broken = result.get("problem") or "broken: " + ", ".join(
        name for name, held in result["invariants"].items() if not held
    )
    print(f"nesie demo: {broken}", file=sys.stderr)
    return 1


async def _originate(stack: Stack, state: Path, show: Show, args: argparse.Namespace) -> dict[str, Any]:
    from activities.integrations.biometrics.mesh import FaceMesh

    settings, addresses = load(state), stack.addresses()
    town = Town(
        addresses["api"],
        addresses["counterparties"],
        settings.parties.sms.token.get_secret_value(),
        state / "photos",
        FaceMesh(settings.models).of_photo,
    )
    try:
        # another person each time: the state folder keeps the earlier ones
        app = await show.step("a borrower with phone, card and signing key", town.borrower(secrets.randbelow(PEOPLE)))
        application = await _journey(app, show, args)
        proofs = await show.step("history of the case archived", _with_history(settings, application, show))
        fraud = await _fraud(settings, addresses["api"], town, app, application, show, state) if args.fraud else None
    finally:
        await town.close()
    temporal_ui = f"{addresses['temporal_ui']}/namespaces/{settings.temporal.namespace}/workflows/" + quote(
        f"application/{application}", safe=""
    )
    held = invariants_of(proofs)
    result = {
        "ok": all(held.values()),
        "seconds": 0.0,
        "steps": show.steps,
        "application_id": application,
        "temporal_ui": temporal_ui,
        **proofs,
        "invariants": held,
    }
    if fraud is not None:
        result |= {"fraud": fraud, "invariants": held | fraud["invariants"]}
        result["ok"] = all(result["invariants"].values())
    _tell(show, result, state)
    return result


async def _fraud(
    settings: Settings, api: str, town: Town, app: BorrowerApp, application: str, show: Show, state: Path
) -> dict[str, Any]:
    """The loan's life after fraud was found: told step by step."""
    show.line("\nfraud: suspended, resumed, written off")
    loan_id = (await app.call("GET", f"/applications/{application}"))["loan_id"]
    return await FraudStory(settings, api, town, app, loan_id, show).told(state)


async def _with_history(settings: Settings, application: str, show: Show) -> dict[str, Any]:
    """What the case has left behind; its history is archived a moment after the money has left."""
    for _ in range(50):
        proofs = await proofs_of(settings, application, show)
        if any(document["kind"] == "history" for document in proofs["archive"]):
            break
        await asyncio.sleep(0.2)
    return proofs


async def _journey(app: BorrowerApp, show: Show, args: argparse.Namespace) -> str:
    """Registration, application, contract, money."""
    await show.step("registration: name, IIN, document, phone", app.begin())
    await show.step("registration: one-time code by SMS", app.confirm_phone())
    await show.step("registration: both sides of the card", app.show_card())
    await show.step("registration: selfie, liveness, identity centre", app.show_face())
    await show.step("registration: electronic signature (GOST)", app.sign_statement())
    await show.step("registration: password", app.choose_password())
    await show.step("log-in", app.log_in())
    application = await show.step("application", app.apply(args.amount, args.months))
    offers = await show.step("due diligence, decision, three offers", app.offers(application))
    for offer in offers:
        show.line(
            f"      {offer['method']:<15} effective rate {offer['annual_effective_rate_percent']} %, "
            f"to repay {offer['total_to_repay']}"
        )
    await show.step("texts read, schedule chosen", app.choose(application, args.method))
    await show.step("contract: face, liveness, signature", app.sign_contract(application))
    await show.step("owner of the account, payout, ledger", app.issued(application))
    return application


def _tell(show: Show, result: dict[str, Any], state: Path) -> None:
    """Where to look."""
    show.line("\nwhere to look")
    show.line(f"  Temporal UI     {result['temporal_ui']}")
    show.line("                  (needs the stack: nesie up, and a staff log-in: nesie staff add)")
    show.line(f"  contract        {result['contract']['file']}  ({result['contract']['pages']} pages)")
    for document in result["archive"]:
        show.line(
            f"  archive         {document['kind']:<24} {document['key']}  version {document['version_id']}"
            f"  locked until {document['retain_until'][:10]}"
        )
    bank, ledger, audit = result["bank"], result["ledger"], result["audit"]
    show.line(f"  bank            payout {bank['payout_id']}, reference {bank['reference']}, {bank['amount']} tenge")
    show.line(f"  ledger          debit {ledger['debit']}, credit {ledger['credit']}")
    show.line(f"  audit           {audit['rows']} rows, verified {audit['verified']}, head {audit['head']}")
    show.line("\ninvariants")
    for name, held in result["invariants"].items():
        show.line(f"  {'holds ' if held else 'BROKEN'}  {name.replace('_', ' ')}")
