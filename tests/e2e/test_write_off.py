"""A court's verdict on the whole stack: a loan that is being repaid is suspended, then written off in every respect.

Real: PostgreSQL, Temporal, the S3 archive, workers with their models, the API, seal and signatures. Simulated: bank,
bureau, SMS gateway and the borrower.

Rules: para 13, part 4.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from cli.reconcile import reconcile
from infra.borrower.app import BorrowerApp, Refused
from infra.borrower.town import Town
from infra.settings import Settings
from infra.stack import Stack
from rules.calendar import local_date
from storage import book_check
from storage.tables import StatementLine
from tests.e2e.test_fraud import confirmed, entered, proved
from tests.e2e.test_incoming_payments import transfer
from tests.e2e.test_loan_life import at_bureau, documents_of, seal_of
from tests.support.outside_world import iban
from tests.support.real_world import Colleague, offered, our_records, soon, stage_of, temporal, trail

PAID, LATER = "7000.00", "450.00"


@pytest.fixture(scope="module")
async def people(stack: Stack, settings: Settings) -> AsyncIterator[tuple[Colleague, Colleague]]:
    """Who enters papers, and who confirms them."""
    both = [
        await Colleague.hired(stack, settings, f"{role}-{secrets.token_hex(3)}", role)
        for role in ("officer", "compliance")
    ]
    for one in both:
        assert (await one.log_in()).status_code == 201
    yield both[0], both[1]
    for one in both:
        await one.http.aclose()


async def returned(town: Town, loan_id: str, n: int) -> list[tuple[str, str, str]]:
    """What the bank paid out of what had been collected."""
    found = await town.world.get("/_control/bank/payouts", params={"order_id": f"return-collected:{loan_id}:{n}"})
    return [(one["amount"], one["iban"], one["status"]) for one in found.json()]


async def second_account(town: Town, app: BorrowerApp) -> str:
    """Another account of the client's own; the microcredit went to the first."""
    own = iban(700_000_000 + secrets.randbelow(10**6))
    body = {"accounts": [{"iban": app.persona.iban}, {"iban": own}]}
    (await town.world.patch(f"/_control/personas/{app.persona.iin}", json=body)).raise_for_status()
    return own


async def lines_of(settings: Settings, *keys: str) -> dict[str, str]:
    """State of the statement's lines of these payments."""
    async with our_records(settings) as kept, kept.database.begin() as session:
        query = select(StatementLine).where(col(StatementLine.matched_key).in_(keys))
        return {str(one.matched_key): one.state for one in (await session.exec(query)).all()}


async def assert_books_agree(settings: Settings, loan_id: str) -> None:
    """What `nesie ledger check` looks at: the loan's ledger is its facts, all debits are all credits."""
    async with our_records(settings) as kept, kept.database.begin() as session:
        found = await book_check.check(session, local_date(datetime.now(UTC)))
    assert [one for one in found.differs if str(one.loan_id) == loan_id] == []
    assert found.debit == found.credit


async def test_a_verdict_takes_the_debt_away_and_gives_everything_back(
    client: Any, people: tuple[Colleague, Colleague], town: Town, settings: Settings
):
    officer, second = people
    app: BorrowerApp = await client()
    application = await offered(app, "60000.00", 3)
    await app.sign_contract(application)
    loan_id = (await app.issued(application))["loan_id"]
    number, path = (await app.call("GET", f"/loans/{loan_id}"))["number"], f"/loans/{loan_id}"
    await transfer(town, app.persona.iban, PAID, f"Погашение по договору {number}")

    async def paid() -> bool:
        return len(await app.call("GET", f"{path}/payments")) == 1

    await soon(paid, "the payment")

    # the victim's resolution stands when the verdict comes
    resolution = await entered(officer, number)
    await confirmed(second, resolution)
    await proved(second, resolution, "accrual", "collection", "bureau", "notice")

    # the verdict, not in force yet: nothing happens, and no clock runs
    passed = (local_date(datetime.now(UTC)) - timedelta(days=20)).isoformat()
    verdict = await entered(
        officer, number, kind="COURT_VERDICT", number="1-55/26", day=passed, authority="суд № 2 города Алматы",
        guilty_client=False,
    )  # fmt: skip
    await confirmed(second, verdict)
    case = (await temporal(settings)).get_workflow_handle(verdict["workflow_id"])

    async def waits() -> bool:
        return await stage_of(case) == "WAITING_FOR_FORCE"

    await soon(waits, "the wait for the proof of force")
    assert (await app.call("GET", path))["status"] == "SUSPENDED"
    assert (await second.http.get(f"/staff/api/papers/{verdict['paper_id']}")).json()["clock"] is None

    # the court's note that it is in force, by two people
    now = datetime.now(UTC)
    answer = await officer.http.post(
        f"/staff/api/papers/{verdict['paper_id']}/force",
        files={"scan": ("note.pdf", b"%PDF-1.7 in force", "application/pdf")},
        data={"force": f'{{"in_force_on": "{local_date(now)}", "received_at": "{now.isoformat()}"}}'},
        headers={"Idempotency-Key": secrets.token_hex(16)},
    )
    assert answer.status_code == 201, answer.text
    proof = answer.json()
    path_of_proof = f"/staff/api/papers/{verdict['paper_id']}/force/{proof['force_id']}/confirm"
    assert (await officer.http.post(path_of_proof)).json()["code"] == "second-person-needed"
    assert (await second.http.post(path_of_proof)).status_code == 200

    async def gone() -> bool:
        return bool((await app.call("GET", path))["status"] == "WRITTEN_OFF")

    await soon(gone, "the write-off")
    debt = await app.call("GET", f"{path}/debt")
    assert (debt["total_to_close"], debt["overdue_days"], debt["overpaid"]) == ("0.00", 0, PAID)

    # the account that the microcredit went to is not used: the client names another
    async def asked() -> dict[str, Any] | None:
        found = await app.call("GET", f"{path}/refund")
        return found if found["state"] == "account-wanted" else None

    wanted = await soon(asked, "the question for an account")
    assert (wanted["ground"], wanted["owed"]) == ("account-disputed", PAID)
    own = await second_account(town, app)
    with pytest.raises(Refused):
        await app.call("PUT", f"{path}/refund/account", json={"iban": iban(999_999_999)})
    await app.step("PUT", f"{path}/refund/account", json={"iban": own})

    outcome = await case.result()
    assert (outcome["state"], outcome["in_time"]) == ("WRITTEN_OFF", True)
    assert await returned(town, loan_id, 1) == [(PAID, own, "DONE")]

    # the bureau, the papers, the suspension, the proofs
    assert await at_bureau(town, number) == ["NEW", "SUSPEND_REPORTING", "CORRECTION"]
    held = (await town.world.get("/_control/bureau/contracts", params={"contract_no": number})).json()[0]
    assert (held["status"], held["outstanding"], held["overdue_days"]) == ("WRITTEN_OFF", "0.00", 0)
    notices = {one["kind"]: one for one in await app.call("GET", f"{path}/notices")}
    assert {"SUSPENSION", "WRITTEN_OFF", "CLOSED", "REFUND_ACCOUNT"} <= set(notices)
    letter = await app.fetch(notices["WRITTEN_OFF"]["document"]["content"].removeprefix("/api/v1"))
    assert letter.startswith(b"%PDF-")
    certificate = await app.fetch(f"{path}/certificate")
    assert (await seal_of(settings, certificate)).bottom_line
    suspension = (await temporal(settings)).get_workflow_handle(resolution["workflow_id"])
    assert (await suspension.result())["why"] == "WRITTEN_OFF"
    shown = await proved(second, verdict, "decision", "written-off", "bureau", "returned", "notice", "certificate")
    assert shown["clock"] == "MET"
    kinds = {one.kind for one in await documents_of(settings, loan_id)}
    assert {"official_paper", "write_off_order", "write_off_notice", "no_debt_certificate"} <= kinds
    assert any(kind.startswith("write_off_history") for kind in kinds)
    actions = [one["action"] for one in await trail(settings, f"loan:{loan_id}")]
    assert actions.count("loan-written-off") == 1
    assert "verdict-force-confirmed" in actions

    # a payment that comes afterwards goes back as well, to the same account
    await transfer(town, app.persona.iban, LATER, f"Ещё раз по договору {number}")

    async def again() -> bool:
        return await returned(town, loan_id, 2) == [(LATER, own, "DONE")]

    await soon(again, "the return of the late payment")

    async def nothing_owed() -> bool:
        return bool((await app.call("GET", f"{path}/debt"))["overpaid"] == "0.00")

    await soon(nothing_owed, "the books after the late return")
    await assert_books_agree(settings, loan_id)
    refund = await app.call("GET", f"{path}/refund")
    assert (refund["state"], [one["amount"] for one in refund["paid"]]) == ("paid", [PAID, LATER])
    found = await reconcile(settings, local_date(datetime.now(UTC)))
    assert found.adds_up
    ours = [f"disburse:{application}", f"return-collected:{loan_id}:1", f"return-collected:{loan_id}:2"]
    assert not set(ours) & set(found.missing)
    assert await lines_of(settings, *ours) == dict.fromkeys(ours, "matched")
    assert await at_bureau(town, number) == ["NEW", "SUSPEND_REPORTING", "CORRECTION"]
