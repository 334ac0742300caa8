"""The life of a loan after the money has left, on the whole stack: to its early end, and through arrears to new terms.

Real: PostgreSQL, Temporal, the S3 archive, workers with their models, the API, seal and signatures. Simulated: bank,
bureau, SMS gateway and the borrower. The loan in arrears is put into the database with a past first day.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import col, select
from temporalio.client import WorkflowExecutionStatus

from activities.seal import SealCheck, certificates, check
from infra.borrower.app import BorrowerApp
from infra.borrower.town import Town
from infra.borrower.transport import filmed
from infra.settings import Settings
from infra.stack import Stack
from rules.calendar import local_date
from rules.money import Money
from rules.retention import retain_until
from rules.schedule import LoanTerms, Method
from storage.tables import Document, Loan
from tests.e2e.test_incoming_payments import transfer
from tests.support.real_world import Colleague, offered, our_records, soon, temporal, trail
from tests.support.servicing_world import lent_to
from workflows.servicing import ServeLoan, Servicing

A_DAY = timedelta(days=1)
ABOVE = "777.00"


async def at_bureau(town: Town, contract_no: str) -> list[str]:
    """The records that the bureau took of a contract."""
    answer = await town.world.get("/_control/bureau/contracts", params={"contract_no": contract_no})
    return [record["op"] for held in answer.json() for record in held["records"]]


async def paid_back(town: Town, loan_id: str, n: int = 1) -> list[tuple[str, str, str]]:
    """What the bank paid out under a refund's name."""
    found = await town.world.get("/_control/bank/payouts", params={"order_id": f"refund:{loan_id}:{n}"})
    return [(one["amount"], one["iban"], one["status"]) for one in found.json()]


async def seal_of(settings: Settings, pdf: bytes) -> SealCheck:
    """What the lender's seal on a file is worth."""
    authorities = certificates(settings.seal.trusted_authorities.read_bytes())
    return await asyncio.to_thread(check, pdf, authorities)


async def documents_of(settings: Settings, loan_id: str) -> list[Document]:
    async with our_records(settings) as kept, kept.database.begin() as session:
        loan = await session.get_one(Loan, UUID(loan_id))
        query = select(Document).where(col(Document.application_id) == loan.application_id)
        return list((await session.exec(query)).all())


async def test_a_loan_is_repaid_early_closed_and_the_overpayment_comes_back(client, town: Town, settings: Settings):
    app: BorrowerApp = await client()
    application = await offered(app, "60000.00", 3)
    await app.sign_contract(application)
    loan_id = (await app.issued(application))["loan_id"]
    loan = await app.call("GET", f"/loans/{loan_id}")

    shown = await app.call("POST", f"/loans/{loan_id}/early-repayment/preview", json={})
    sum_sent = Money(shown["total_to_close"]) + Money(ABOVE)
    await transfer(town, app.persona.iban, str(sum_sent), f"Погашение по договору {loan['number']}")

    async def certified() -> bytes | None:
        if (await app.call("GET", f"/loans/{loan_id}"))["status"] != "CLOSED":
            return None
        found = [one for one in await app.call("GET", f"/loans/{loan_id}/notices") if one["kind"] == "CLOSED"]
        return await app.fetch(f"/loans/{loan_id}/certificate") if found else None

    pdf = await soon(certified, "the certificate of no debt")
    sealed = await seal_of(settings, pdf)
    assert sealed.bottom_line
    assert sealed.timestamped
    (message,) = await app.call("GET", "/messages")
    assert message["document_id"] is not None

    async def refunded() -> bool:
        debt = await app.call("GET", f"/loans/{loan_id}/debt")
        return (debt["total_to_close"], debt["overpaid"]) == ("0.00", "0.00")

    await soon(refunded, "the refund")
    assert await paid_back(town, loan_id) == [(ABOVE, app.persona.iban, "DONE")]

    async def reported() -> bool:
        return await at_bureau(town, loan["number"]) == ["NEW", "CLOSE"]

    await soon(reported, "the CLOSE record at the bureau")

    case = (await temporal(settings)).get_workflow_handle(f"loan/{loan_id}")
    outcome = await case.result()
    assert outcome["reason"] == "repaid"
    assert (await case.describe()).status is WorkflowExecutionStatus.COMPLETED
    kept = await documents_of(settings, loan_id)
    assert "no_debt_certificate" in {one.kind for one in kept}
    assert sum(one.kind.startswith("loan_history_") for one in kept) == 1
    today = local_date(datetime.now(UTC))
    assert all(one.retain_until >= retain_until(today, today) for one in kept)
    actions = [one["action"] for one in await trail(settings, f"loan:{loan_id}")]
    assert actions.count("notice-closed") == 1
    assert actions.count("loan-paid") == 1
    assert actions.count("loan-refunded") == 1

    # money that comes after the end finds the loan's case again, and goes back too
    await transfer(town, app.persona.iban, "100.00", f"Ещё раз по договору {loan['number']}")

    async def back_again() -> bool:
        payments = await app.call("GET", f"/loans/{loan_id}/payments")  # first: the debt may be of a moment later
        debt = await app.call("GET", f"/loans/{loan_id}/debt")
        return len(payments) == 2 and debt["overpaid"] == "0.00"

    await soon(back_again, "the second refund")
    assert await paid_back(town, loan_id, 2) == [("100.00", app.persona.iban, "DONE")]
    assert [one["kind"] for one in await app.call("GET", f"/loans/{loan_id}/notices")] == ["CLOSED"]
    await case.result()
    assert sum(one.kind.startswith("loan_history_") for one in await documents_of(settings, loan_id)) == 2
    assert await at_bureau(town, loan["number"]) == ["NEW", "CLOSE"]


@pytest.fixture(scope="module")
async def late(regular: BorrowerApp, settings: Settings) -> dict[str, Any]:
    """A loan whose first instalment has been late for five days, as the case finds it when it begins."""
    today = local_date(datetime.now(UTC))
    terms = LoanTerms(
        principal=Money(90_000),
        rate_percent_per_year=Decimal("36.5"),
        periods=6,
        method=Method.ANNUITY,
        disbursed=today - 36 * A_DAY,
        first_due=today - 5 * A_DAY,
    )
    async with our_records(settings) as kept, kept.moment() as moment:
        client = await kept.clients.get(moment.session, UUID(regular.client_id))
        # not the bank's money, and no application that other tests count
        loan = await lent_to(moment, client, terms, kept.vault, stage="WITHDRAWN", through="cash-desk")
        found = {"loan_id": str(loan.id), "number": loan.number, "today": today, "terms": terms}
    case = await temporal(settings)
    await case.start_workflow(
        Servicing.run,
        ServeLoan(loan_id=loan.id, client_id=loan.client_id, edition="2025b"),
        id=f"loan/{loan.id}",
        task_queue="origination",
    )
    return found


@pytest.fixture(scope="module")
async def officer(stack: Stack, settings: Settings) -> AsyncIterator[Colleague]:
    one = await Colleague.hired(stack, settings, f"terms-{secrets.token_hex(3)}", "officer")
    assert (await one.log_in()).status_code == 201
    yield one
    await one.http.aclose()


class TestArrears:
    """One loan, from the notice to the signed addendum."""

    async def test_the_borrower_is_told_in_writing_by_sms_and_the_bureau_hears_of_it(
        self, regular: BorrowerApp, late: dict[str, Any], town: Town
    ):
        async def told() -> list[Any]:
            return [one for one in await regular.call("GET", f"/loans/{late['loan_id']}/notices")]

        (notice,) = await soon(told, "the arrears notice")
        assert (notice["kind"], notice["due_on"]) == ("ARREARS", (late["today"] + 5 * A_DAY).isoformat())
        content = notice["document"]["content"].removeprefix("/api/v1")
        assert (await regular.fetch(content)).startswith(b"%PDF-")

        async def texted() -> bool:
            outbox = (await town.world.get("/_control/sms", params={"to": regular.persona.phone})).json()
            return any("кабинет" in one["text"] or "account" in one["text"] for one in outbox)

        await soon(texted, "the SMS")

        async def reported() -> bool:
            ops = await at_bureau(town, late["number"])
            return ops[:1] == ["NEW"]

        await soon(reported, "the record at the bureau")

    async def test_new_terms_are_asked_for_proposed_signed_and_booked(
        self, regular: BorrowerApp, late: dict[str, Any], officer: Colleague, settings: Settings
    ):
        path = f"/loans/{late['loan_id']}"
        asked = await regular.call(
            "POST", f"{path}/restructuring", json={"ground": "income-lower", "text": "Жалақым азайды."}
        )
        assert asked["answer_due"] == (late["today"] + 15 * A_DAY).isoformat()

        review = await officer.review_of(f"restructuring/{late['loan_id']}/1")
        assert review["kind"] == "DECISION"
        first_due = late["today"] + 40 * A_DAY
        terms = {"rate_percent_per_year": "24", "periods": 12, "first_due": first_due.isoformat()}
        answer = await officer.http.post(
            f"/staff/api/restructuring/{asked['request_id']}/answer",
            json={"decision": "approve", "terms": terms | {"forgive_penalty": True}, "reason_code": "hardship-shown"},
        )
        assert answer.status_code == 200, answer.text

        async def proposed() -> Any:
            (found,) = await regular.call("GET", f"{path}/restructuring")
            return found if found["state"] == "PROPOSED" else None

        offer = await soon(proposed, "the written answer")
        signing = f"{path}/restructuring/{asked['request_id']}/signing"

        async def signed() -> dict[str, Any]:
            start = await regular.call("POST", signing)
            files, data = await regular.face(start["challenge"])
            content = await regular.fetch(start["pdf"].removeprefix("/api/v1"))
            files["cms"] = ("addendum.cms", await regular.sign(content), "application/pkcs7-signature")
            await regular.step("PUT", signing, files=files, data=data)
            return start

        content = await regular.fetch((await filmed(signed))["pdf"].removeprefix("/api/v1"))

        async def accepted() -> Any:
            (found,) = await regular.call("GET", f"{path}/restructuring")
            return found if found["state"] == "ACCEPTED" else None

        done = await soon(accepted, "the new terms")
        upcoming = await regular.call("GET", f"{path}/upcoming")
        assert upcoming == offer["terms"]["rows"]
        assert len(upcoming) == 12
        loan = await regular.call("GET", path)
        assert (loan["status"], loan["overdue_days"], loan["next_due"]) == ("ACTIVE", 0, first_due.isoformat())
        sealed = await regular.fetch(done["addendum"]["content"].removeprefix("/api/v1"))
        assert sealed.startswith(content)
        assert (await seal_of(settings, sealed)).bottom_line
        outcome = await (await temporal(settings)).get_workflow_handle(f"restructuring/{late['loan_id']}/1").result()
        assert outcome["state"] == "ACCEPTED"
        kinds = {one.kind for one in await documents_of(settings, late["loan_id"])}
        assert {
            "arrears_notice", "restructuring_request", "restructuring_answer", "addendum", "sealed_addendum",
        } <= kinds  # fmt: skip
        assert any(kind.startswith("restructuring_history_") for kind in kinds)
