"""What end-to-end tests look at besides the API: our books and the bank's, Temporal, staff, parts that are down."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pyotp
from sqlmodel import col, select
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError

from activities.context import Records, open_records
from bench import books as bench_books
from cli import staff
from infra.borrower.app import BorrowerApp
from infra.borrower.town import Town
from infra.codec import PayloadKeys
from infra.settings import Settings
from infra.stack import Stack
from infra.temporal import connect, data_converter
from storage import audit
from storage.tables import Application, LedgerEntry, LedgerPosting, Loan, OutboundPayment

PASSWORD = "a long pass phrase of staff"


@asynccontextmanager
async def our_records(settings: Settings) -> AsyncIterator[Records]:
    """Database, vault and archive of the stack."""
    kept = open_records(**settings.records())
    try:
        yield kept
    finally:
        await kept.close()


@dataclass
class Books:
    """One application in our books and in the bank's own.

    payment: state of the intent, None where there is none; posted: (account, side, amount) of every entry under
    the payout's key; paid: the bank's accepted payouts, doubles included; received: balance of the account.
    """

    stage: str
    grounds: list[str]
    payment: OutboundPayment | None
    posted: set[tuple[str, str, str]]
    postings: int
    loans: int
    paid: list[dict[str, Any]]
    received: str


async def books_of(settings: Settings, town: Town, app: BorrowerApp, application: str) -> Books:
    """Both sides' books, read from the sources."""
    async with our_records(settings) as kept, kept.database.begin() as session:
        row = await session.get_one(Application, UUID(application))
        key = f"disburse:{application}"
        payment = await session.get(OutboundPayment, key)
        query = select(LedgerEntry, LedgerPosting).join(LedgerPosting).where(col(LedgerPosting.key) == key)
        found = (await session.exec(query)).all()
        loans = (await session.exec(select(Loan).where(col(Loan.application_id) == row.id))).all()
        grounds = [] if row.decision is None else [one["code"] for one in row.decision["grounds"]]
    paid = await town.world.get("/_control/bank/payouts", params={"order_id": application})
    account = await town.world.get(f"/_control/bank/accounts/{app.persona.iban}")
    return Books(
        stage=row.stage,
        grounds=grounds,
        payment=payment,
        posted={(entry.account, entry.side, str(entry.amount)) for entry, _ in found},
        postings=len({posting.id for _, posting in found}),
        loans=len(loans),
        paid=paid.json(),
        received=account.json()["balance"],
    )


async def assert_paid_once(
    settings: Settings, town: Town, app: BorrowerApp, application: str, amount: str, before: str = "0.00"
) -> None:
    """One payout, one posting, one loan, the same sum everywhere, the receiver richer by exactly that."""
    books = await books_of(settings, town, app, application)
    assert books.stage == "ISSUED"
    assert books.payment is not None
    assert books.payment.state == "done"
    assert [(one["amount"], one["iban"], one["status"]) for one in books.paid] == [(amount, app.persona.iban, "DONE")]
    assert books.posted == {("loans:principal", "D", amount), ("cash:bank", "C", amount)}
    assert (books.postings, books.loans) == (1, 1)
    assert (books.payment.payout_id, books.payment.bank_reference) == (
        books.paid[0]["payout_id"],
        books.paid[0]["bank_ref"],
    )
    assert round(float(books.received) - float(before), 2) == float(amount)
    compared = await bench_books.compare(settings, [application], amount)
    assert (compared["double"], compared["lost"]) == (0, 0)
    assert compared["ledger_balances"]
    assert compared["audit_verified"]


async def assert_nothing_paid(settings: Settings, town: Town, app: BorrowerApp, application: str) -> Books:
    """No payout at the bank, no posting, no loan."""
    books = await books_of(settings, town, app, application)
    assert [one for one in books.paid if one["status"] != "REJECTED"] == []
    assert (books.posted, books.postings, books.loans) == (set(), 0, 0)
    return books


async def offered(app: BorrowerApp, amount: str = "20000.00", months: int = 3) -> str:
    """An application with its schedule chosen: the contract is being drawn up."""
    application = await app.apply(amount, months)
    await app.offers(application)
    await app.choose(application, "annuity")
    return application


async def past_review(app: BorrowerApp, application: str) -> None:
    """Wait until the case has gone on from a person's decision."""

    async def look() -> bool:
        return bool((await app.call("GET", f"/applications/{application}"))["stage"] != "REVIEW")

    await soon(look, "the case after its review")


async def soon(look: Callable[[], Awaitable[Any]], what: str, patience_seconds: float = 180.0) -> Any:
    """The first true answer of `look`. The patience is a busy machine's: nothing is proved by how soon it came."""
    for _ in range(int(patience_seconds / 0.1)):
        found = await look()
        if found:
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(f"{what}: not within {patience_seconds:.0f} s")


async def trail(settings: Settings, subject: str) -> list[dict[str, Any]]:
    """The audit entries of one subject, oldest first."""
    async with our_records(settings) as kept, kept.database.begin() as session:
        return await audit.of_subject(session, subject)


async def temporal(settings: Settings) -> Client:
    """A client of the stack's Temporal, with the keys of its payloads."""
    at = settings.temporal
    return await connect(at.address, at.namespace, data_converter(PayloadKeys.of(settings.keys)))


async def stage_of(case: WorkflowHandle[Any, Any]) -> str | None:
    """The stage that a case shows; None while it has not been started, or nobody works on it."""
    try:
        return str((await case.query("view"))["stage"])
    except RPCError:
        return None


@contextmanager
def down(stack: Stack, name: str) -> Iterator[None]:
    """A part that was killed with -9 and stays dead; at the end it is back and healthy."""
    stack.kill(name, stay_down=True)
    try:
        yield
    finally:
        stack.revive(name)
        stack.wait_healthy(name, 180)


def nesie(state: Path, *words: str, given: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """One command of `nesie` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *words],
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "NESIE_STATE": str(state), **environment},
    )


@dataclass
class Colleague:
    """A member of staff with an authenticator; logged in once log_in() returned."""

    http: httpx.AsyncClient
    login: str
    staff_id: str
    totp: pyotp.TOTP

    @classmethod
    async def hired(cls, stack: Stack, settings: Settings, login: str, *roles: str) -> Colleague:
        """Made by what `nesie staff add` calls."""
        async with our_records(settings) as kept, kept.database.begin() as session:
            made = await staff.create(session, kept.vault, login, login.title(), list(roles), PASSWORD)
        return cls._of(stack, settings, made)

    @classmethod
    async def hired_by_command(cls, stack: Stack, settings: Settings, login: str, *roles: str) -> Colleague:
        """Made by `nesie staff add` itself."""
        words = [word for role in roles for word in ("--role", role)]
        done = await asyncio.to_thread(
            nesie, stack.state, "staff", "add", login, "--name", login.title(), *words, "--password-stdin", "--json",
            given=f"{PASSWORD}\n",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return cls._of(stack, settings, json.loads(done.stdout))

    @classmethod
    def _of(cls, stack: Stack, settings: Settings, made: dict[str, Any]) -> Colleague:
        http = httpx.AsyncClient(
            base_url=stack.addresses()["api"].removesuffix("/api/v1"),
            headers={"Origin": settings.public_url},
            timeout=60,  # the API itself waits for a workflow longer than a client of httpx does for it
        )
        return cls(http, made["login"], made["staff_id"], pyotp.parse_uri(made["totp_uri"]))  # type: ignore[arg-type]

    async def log_in(self, digits: str | None = None) -> httpx.Response:
        """By password and authenticator."""
        body = {"login": self.login, "password": PASSWORD, "totp": digits or self.totp.now()}
        return await self.http.post("/staff/api/sessions", json=body)

    async def queue(self) -> list[dict[str, Any]]:
        """Reviews that wait."""
        answer = await self.http.get("/staff/api/reviews")
        answer.raise_for_status()
        return list(answer.json())

    async def review_of(self, workflow_id: str) -> dict[str, Any]:
        """The open review of a case, once it is in the queue."""

        async def look() -> dict[str, Any] | None:
            return next((one for one in await self.queue() if one["workflow_id"] == workflow_id), None)

        found: dict[str, Any] = await soon(look, f"a review of {workflow_id.partition('/')[0]}")
        return found

    async def claim(self, review_id: str) -> httpx.Response:
        """Take a review."""
        return await self.http.post(f"/staff/api/reviews/{review_id}/claim")

    async def decide(self, review_id: str, decision: str = "approve") -> httpx.Response:
        """Decide on it."""
        body = {"decision": decision, "reason_code": "looked-at-it"}
        return await self.http.post(f"/staff/api/reviews/{review_id}/decide", json=body)
