"""`nesie demo --fraud`: the loan just issued is suspended on a victim's resolution, resumed, written off by a court.

Everything real but the time between: the clock of the demonstration's database is turned (cli.demo_clock). The clocks
of the law are told of by the dates of the papers, so each is met or missed by the turned time.

Rules: para 13, part 2; para 13, part 3; para 13, part 4.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from activities.bundles.verify import verify_bundle
from activities.context import Records, open_records
from activities.loan_book import position_of
from cli.bundle import made as bundle_of
from cli.demo_clock import DemoClock, demo_clock
from cli.demo_people import Member
from infra.borrower.app import BorrowerApp
from infra.borrower.person import iban_of
from infra.borrower.town import Town
from infra.settings import Settings
from infra.stack.environment import StackFile, with_login
from rules.calendar import local_date
from rules.errors import Unavailable
from rules.loan import Position
from rules.policy import UnknownPolicy, policy

SUSPENSION = ("accrual", "collection", "bureau", "notice")
RESUMPTION = ("accrual-ended", "collection-ended", "bureau-ended", "notice-ended")
WRITE_OFF = ("decision", "written-off", "bureau", "returned", "notice", "certificate")
PAID = "20000.00"
_PATIENCE_SECONDS = 90
_DAYS = (20, 30, 10)  # before the paper, suspended, before the verdict


class FraudStory:
    """One loan's way, step by step."""

    def __init__(self, settings: Settings, api_url: str, town: Town, app: BorrowerApp, loan_id: str, show: Any) -> None:
        self._settings, self._api, self._town, self._app, self._show = settings, api_url, town, app, show
        self._loan_id = loan_id
        self._records: Records = open_records(**settings.records())

    async def told(self, state: Path) -> dict[str, Any]:
        """Run it; what it has come to."""
        owner = self._settings.database.owner_url
        password = StackFile.load(state).secrets["postgres_password"]
        superuser = with_login(owner.get_secret_value() if owner else "", "postgres", password)
        try:
            with demo_clock(superuser, self._town.world) as clock:
                return await self._run(clock)
        finally:
            await self._town.world.post("/_control/clock", json={"now": None})
            await self._records.close()

    async def _run(self, clock: DemoClock) -> dict[str, Any]:
        step, number = self._show.step, (await self._app.call("GET", f"/loans/{self._loan_id}"))["number"]
        first, suspended, more = _days_that_are_known(local_date(clock.now))
        await step(f"{first} days pass; the borrower pays 20 000 tenge", self._pay(clock, number, first))
        paper = await step(
            "a victim's resolution: two people, four duties",
            self._paper(clock, number, SUSPENSION, kind="VICTIM_RESOLUTION", number_="77/26"),
        )
        self._tell(paper)
        before = await self._debt(clock)
        await step(f"{suspended} days pass", clock.turn(suspended))
        during = await self._debt(clock)
        self._show.line(f"      owed to close before {before.total_to_close}, and after them {during.total_to_close}")
        cancelled = await step(
            "the resolution is cancelled: interest runs again",
            self._cancel(clock, number, paper),
        )
        self._tell(cancelled, "-ended")
        await step(f"{more} days pass", clock.turn(more))
        verdict = await step(
            "a court's verdict in force: order, books, bureau, money back", self._verdict(clock, number)
        )
        self._tell(verdict)
        after = await self._debt(clock)
        proof = await step("proof of the loan: signed, then checked offline", self._proof())
        ops = [one["op"] for held in await self._bureau(number) for one in held["records"]]
        self._show.line(f"      the bureau heard: {', '.join(ops)}; returned by the bank: {PAID}")
        return {
            "loan_id": self._loan_id,
            "suspension": {"clock": paper["clock"], "duties": [one["name"] for one in paper["duties"]]},
            "write_off": {"clock": verdict["clock"], "duties": [one["name"] for one in verdict["duties"]]},
            "owed": {
                "before": str(before.total_to_close),
                "during": str(during.total_to_close),
                "after": str(after.total_to_close),
            },
            "bureau": ops,
            "invariants": {
                "no_interest_while_suspended": before.total_to_close == during.total_to_close,
                "both_clocks_met": (paper["clock"], verdict["clock"]) == ("MET", "MET"),
                "nothing_owed_after_the_write_off": str(after.total_to_close) == "0.00",
                "all_that_was_paid_came_back": await self._returned() == [PAID],
                "the_proof_holds_offline": proof,
            },
        }  # fmt: skip

    async def _pay(self, clock: DemoClock, number: str, days: int) -> None:
        await clock.turn(days)
        words = {"iban": self._app.persona.iban, "amount": PAID, "purpose": f"Погашение по договору {number}"}
        (await self._town.world.post("/_control/bank/incoming", json=words)).raise_for_status()

        async def booked() -> bool:
            async with self._records.moment() as moment:
                debt = await position_of(moment.session, UUID(self._loan_id), moment.day)
            return str(debt.paid) == PAID

        await self._soon(booked, "the payment in the books")

    async def _paper(
        self,
        clock: DemoClock,
        contract: str,
        wanted: tuple[str, ...],
        *,
        number_: str,
        of: str | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """A paper that reached the lender an hour ago: entered, confirmed, its duties proved (of: of another paper)."""
        officer, second = await self._hired("officer"), await self._hired("compliance")
        received = clock.now - timedelta(hours=1)
        entered = await officer.enter(
            contract_number=contract, number=number_, day=local_date(received - timedelta(days=2)).isoformat(),
            authority="ДП города Алматы", received_at=received.isoformat(), **more,
        )  # fmt: skip
        await second.confirm(entered["paper_id"])
        return await self._proved(second, of or entered["paper_id"], wanted)

    async def _cancel(self, clock: DemoClock, number: str, paper: dict[str, Any]) -> dict[str, Any]:
        return await self._paper(
            clock, number, RESUMPTION, number_="78/26", of=paper["paper_id"], kind="CANCELLATION",
            cancels=paper["paper_id"], charge_later=False,
        )  # fmt: skip

    async def _verdict(self, clock: DemoClock, number: str) -> dict[str, Any]:
        """The account of the microcredit is not used for what comes back: the client names another."""
        naming = asyncio.create_task(self._name_account())
        try:
            return await self._paper(
                clock, number, WRITE_OFF, number_="1-55/26", kind="COURT_VERDICT", guilty_client=False,
                in_force_on=local_date(clock.now - timedelta(days=1)).isoformat(),
            )  # fmt: skip
        finally:
            await naming

    async def _name_account(self) -> None:
        own = iban_of(f"S{secrets.randbelow(10**12):012d}")
        body = {"accounts": [{"iban": self._app.persona.iban}, {"iban": own}]}
        (await self._town.world.patch(f"/_control/personas/{self._app.persona.iin}", json=body)).raise_for_status()

        async def asked() -> bool:
            await self._app.log_in()
            found = await self._app.call("GET", f"/loans/{self._loan_id}/refund")
            return bool(found["state"] == "account-wanted")

        await self._soon(asked, "the question for an account")
        await self._app.step("PUT", f"/loans/{self._loan_id}/refund/account", json={"iban": own})

    async def _hired(self, role: str) -> Member:
        return await Member.hired(self._records, self._api, self._settings.public_url, role)

    async def _proved(self, who: Member, paper_id: str, wanted: tuple[str, ...]) -> dict[str, Any]:
        found: dict[str, Any] = {}

        async def look() -> bool:
            found.update(await who.paper(paper_id))
            done = {one["name"] for one in found["duties"]}
            return set(wanted) <= done and found["clock"] not in (None, "RUNNING")

        try:
            await self._soon(look, "the proofs")
        except Unavailable:
            missing = set(wanted) - {one["name"] for one in found["duties"]}
            raise Unavailable(f"not proved in {_PATIENCE_SECONDS} s: {', '.join(sorted(missing))}") from None
        return found

    async def _debt(self, clock: DemoClock) -> Position:
        async with self._records.moment() as moment:
            return await position_of(moment.session, UUID(self._loan_id), local_date(clock.now))

    async def _bureau(self, number: str) -> list[dict[str, Any]]:
        answer = await self._town.world.get("/_control/bureau/contracts", params={"contract_no": number})
        return list(answer.json())

    async def _returned(self) -> list[str]:
        order = f"return-collected:{self._loan_id}:1"
        answer = await self._town.world.get("/_control/bank/payouts", params={"order_id": order})
        return [one["amount"] for one in answer.json() if one["status"] == "DONE"]

    async def _proof(self) -> bool:
        content = await bundle_of(UUID(self._loan_id))
        trusted = self._settings.seal.trusted_authorities.read_bytes()
        return (await asyncio.to_thread(verify_bundle, content, trusted)).ok

    def _tell(self, paper: dict[str, Any], ending: str = "") -> None:
        for duty in paper["duties"]:
            if duty["name"].endswith("-ended") == bool(ending):
                self._show.line(f"      {duty['name']:<18} {duty['done_at'][:16]}")
        self._show.line(f"      clock {paper['clock']}, last day {paper['last_day']}")

    async def _soon(self, look: Callable[[], Awaitable[bool]], what: str) -> None:
        for _ in range(_PATIENCE_SECONDS * 4):
            if await look():
                return
            await asyncio.sleep(0.25)
        raise Unavailable(f"{what}: not within {_PATIENCE_SECONDS} s")


def _days_that_are_known(today: date) -> tuple[int, ...]:
    """How far the clock may be turned: a year whose numbers of the law are not announced yet stops every payment."""
    total = sum(_DAYS)
    while total > len(_DAYS) and not _is_known(today + timedelta(days=total)):
        total -= 1
    return tuple(max(days * total // sum(_DAYS), 1) for days in _DAYS)


def _is_known(day: date) -> bool:
    try:
        return bool(policy(day).row("mrp"))
    except UnknownPolicy:
        return False
