"""A victim's resolution on the whole stack: entered, confirmed by a second person, carried out, cancelled, resumed.

Real: PostgreSQL, Temporal, the S3 archive, workers, the API. Simulated: bureau, bank, SMS gateway and the borrower. The
loan is put into the database with a past first day.

Rules: para 13, part 2; para 13, part 3.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from infra.borrower.app import BorrowerApp
from infra.borrower.town import Town
from infra.settings import Settings
from infra.stack import Stack
from rules.calendar import local_date
from rules.money import Money
from rules.schedule import LoanTerms, Method
from tests.e2e.test_incoming_payments import transfer
from tests.e2e.test_loan_life import at_bureau, documents_of
from tests.support.real_world import Colleague, our_records, soon, stage_of, temporal, trail
from tests.support.servicing_world import lent_to
from workflows.servicing import ServeLoan, Servicing

A_DAY = timedelta(days=1)
PDF = b"%PDF-1.7 resolution"


@pytest.fixture(scope="module")
async def lent(regular: BorrowerApp, settings: Settings) -> dict[str, Any]:
    """A loan of three weeks ago, nothing due yet; its case runs."""
    today = local_date(datetime.now(UTC))
    terms = LoanTerms(
        principal=Money(90_000), rate_percent_per_year=Decimal("36.5"), periods=6, method=Method.ANNUITY,
        disbursed=today - 20 * A_DAY, first_due=today + 10 * A_DAY,
    )  # fmt: skip
    async with our_records(settings) as kept, kept.moment() as moment:
        client = await kept.clients.get(moment.session, UUID(regular.client_id))
        loan = await lent_to(moment, client, terms, kept.vault, stage="WITHDRAWN", through="cash-desk")
    case = await temporal(settings)
    await case.start_workflow(
        Servicing.run,
        ServeLoan(loan_id=loan.id, client_id=loan.client_id, edition="2025b"),
        id=f"loan/{loan.id}",
        task_queue="origination",
    )
    return {"loan_id": str(loan.id), "number": loan.number, "today": today}


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


async def entered(officer: Colleague, contract: str, **changes: Any) -> dict[str, Any]:
    """A paper that reached the lender yesterday."""
    received = datetime.now(UTC) - A_DAY
    day = (local_date(received) - 3 * A_DAY).isoformat()
    paper = {
        "contract_number": contract, "kind": "VICTIM_RESOLUTION", "number": "77/26", "day": day,
        "authority": "ДП города Алматы", "received_at": received.isoformat(),
    }  # fmt: skip
    answer = await officer.http.post(
        "/staff/api/papers",
        files={"scan": ("scan.pdf", PDF, "application/pdf")},
        data={"paper": json.dumps(paper | changes)},
        headers={"Idempotency-Key": secrets.token_hex(16)},
    )
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def confirmed(second: Colleague, paper: dict[str, Any]) -> None:
    answer = await second.http.post(f"/staff/api/papers/{paper['paper_id']}/confirm")
    assert answer.status_code == 200, answer.text


async def proved(who: Colleague, paper: dict[str, Any], *wanted: str) -> dict[str, Any]:
    """The paper, once these duties are proved."""

    async def look() -> dict[str, Any] | None:
        shown = (await who.http.get(f"/staff/api/papers/{paper['paper_id']}")).json()
        done = set(wanted) <= {one["name"] for one in shown["duties"]}
        return shown if done and shown["clock"] != "RUNNING" else None  # the clock ends just after its proofs

    found: dict[str, Any] = await soon(look, f"proofs of {wanted}")
    return found


async def test_a_paper_suspends_a_loan_and_its_cancellation_resumes_it(
    regular: BorrowerApp, lent: dict[str, Any], people: tuple[Colleague, Colleague], town: Town, settings: Settings
):
    officer, second = people
    path = f"/loans/{lent['loan_id']}"

    async def reported() -> bool:
        return await at_bureau(town, lent["number"]) == ["NEW"]

    await soon(reported, "the NEW record at the bureau")
    paper = await entered(officer, lent["number"])
    case = (await temporal(settings)).get_workflow_handle(paper["workflow_id"])

    async def begun() -> bool:
        return await stage_of(case) == "RECEIVED"

    await soon(begun, "the case")
    assert (await regular.call("GET", path))["status"] == "ACTIVE"  # one person alone suspends nothing
    own = await officer.http.post(f"/staff/api/papers/{paper['paper_id']}/confirm")
    assert (own.status_code, own.json()["code"]) == (403, "second-person-needed")
    scan = await second.http.get(paper["scan"])
    assert scan.content == PDF

    # the four duties
    await confirmed(second, paper)
    shown = await proved(second, paper, "accrual", "collection", "bureau", "notice")
    assert (shown["clock"], shown["held_since"] is not None) == ("MET", True)
    assert await at_bureau(town, lent["number"]) == ["NEW", "SUSPEND_REPORTING"]
    held = (await town.world.get("/_control/bureau/contracts", params={"contract_no": lent["number"]})).json()
    assert held[0]["reporting_suspended"] is True
    debt = await regular.call("GET", f"{path}/debt")
    before = await regular.call("GET", f"{path}/debt", params={"on": (lent["today"] - 2 * A_DAY).isoformat()})
    later = await regular.call("GET", f"{path}/debt", params={"on": (lent["today"] + 90 * A_DAY).isoformat()})
    assert (debt["suspended"], debt["total_to_close"]) == (True, before["total_to_close"])
    assert (later["total_to_close"], later["overdue_days"]) == (before["total_to_close"], 0)
    assert Money(debt["interest_suspended"]) > Money(0)
    (notice,) = [one for one in await regular.call("GET", f"{path}/notices") if one["kind"] == "SUSPENSION"]
    letter = await regular.fetch(notice["document"]["content"].removeprefix("/api/v1"))
    assert letter.startswith(b"%PDF-")
    assert (await regular.call("GET", "/messages"))[0]["document_id"] == notice["document"]["document_id"]
    outbox = (await town.world.get("/_control/sms", params={"to": regular.persona.phone})).json()
    assert any("кабинет" in one["text"] or "account" in one["text"] for one in outbox)

    # a payment meanwhile is booked
    await transfer(town, regular.persona.iban, "5000.00", f"Погашение по договору {lent['number']}")

    async def paid() -> bool:
        return len(await regular.call("GET", f"{path}/payments")) == 1

    await soon(paid, "the payment")
    assert (await regular.call("GET", path))["status"] == "SUSPENDED"

    # the cancellation
    more = {"kind": "CANCELLATION", "number": "78/26", "cancels": paper["paper_id"], "charge_later": False}
    await confirmed(second, await entered(officer, lent["number"], **more))
    outcome = await case.result()
    assert (outcome["why"], outcome["in_time"]) == ("CANCELLED", True)
    shown = await proved(second, paper, "accrual-ended", "collection-ended", "bureau-ended", "notice-ended")
    assert shown["released_at"] is not None
    assert await at_bureau(town, lent["number"]) == ["NEW", "SUSPEND_REPORTING", "RESUME"]
    after = await regular.call("GET", f"{path}/debt")
    yesterday = await regular.call("GET", f"{path}/debt", params={"on": (lent["today"] - A_DAY).isoformat()})
    assert (after["suspended"], yesterday["suspended"]) == (False, True)
    assert after["interest_suspended"] == yesterday["interest_suspended"]  # the night before today counts again
    assert (await regular.call("GET", path))["status"] == "ACTIVE"
    kinds = {one.kind for one in await documents_of(settings, lent["loan_id"])}
    assert {"official_paper", "suspension_notice", "suspension_ended_notice"} <= kinds
    assert any(kind.startswith("suspension_history_") for kind in kinds)
    actions = [one["action"] for one in await trail(settings, f"loan:{lent['loan_id']}")]
    assert [actions.count(one) for one in ("loan-suspended", "loan-resumed", "clock-met")] == [1, 1, 1]
