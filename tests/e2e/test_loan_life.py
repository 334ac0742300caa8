"""The life of a loan after the money has left, on the whole stack: to its early end, and through arrears to new terms.

Real: PostgreSQL, Temporal, the S3 archive, workers with their models, the API, seal and signatures. Simulated: bank,
bureau, SMS gateway and the borrower. The loan in arrears is put into the database with a past first day.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import col, select
from temporalio.client import WorkflowExecutionStatus

from activities.seal import certificates, check
from infra.borrower.app import BorrowerApp
from infra.borrower.town import Town
from infra.settings import Settings
from infra.stack import Stack
from rules.calendar import local_date
from rules.money import Money
from rules.retention import retain_until
from rules.schedule import LoanTerms, Method
from storage.tables import Document, Loan
from tests.e2e.test_incoming_payments import balance, transfer
from tests.support.real_world import Colleague, offered, our_records, soon, temporal, trail
from tests.support.servicing_world import lent_to
from workflows.servicing import ServeLoan, Servicing

A_DAY = timedelta(days=1)
ABOVE = "777.00"


async def at_bureau(town: Town, contract_no: str) -> list[str]:
    """The records that the bureau took of a contract."""
    answer = await town.world.get("/_control/bureau/contracts", params={"contract_no": contract_no})
    return [record["op"] for held in answer.json() for record in held["records"]]


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
    before = await balance(town, app.persona.iban)
    sum_sent = Money(shown["total_to_close"]) + Money(ABOVE)
    await transfer(town, app.persona.iban, str(sum_sent), f"Погашение по договору {loan['number']}")

    async def certified() -> bytes | None:
        if (await app.call("GET", f"/loans/{loan_id}"))["status"] != "CLOSED":
            return None
        found = [one for one in await app.call("GET", f"/loans/{loan_id}/notices") if one["kind"] == "CLOSED"]
        return await app.fetch(f"/loans/{loan_id}/certificate") if found else None

    pdf = await soon(certified, "the certificate of no debt", 40)
    sealed = check(pdf, certificates(settings.seal.trusted_authorities.read_bytes()))
    assert sealed.bottom_line
    assert sealed.timestamped
    (message,) = await app.call("GET", "/messages")
    assert message["document_id"] is not None

    async def refunded() -> bool:
        return await balance(town, app.persona.iban) == before + Money(ABOVE)

    await soon(refunded, "the overpayment on the borrower's account", 40)
    debt = await app.call("GET", f"/loans/{loan_id}/debt")
    assert (debt["total_to_close"], debt["overpaid"]) == ("0.00", "0.00")

    async def reported() -> bool:
        return await at_bureau(town, loan["number"]) == ["NEW", "CLOSE"]

    await soon(reported, "the CLOSE record at the bureau", 40)

    case = (await temporal(settings)).get_workflow_handle(f"loan/{loan_id}")
    outcome = await case.result()
    assert outcome["reason"] == "repaid"
    assert (await case.describe()).status is WorkflowExecutionStatus.COMPLETED
    kinds = {one.kind: one for one in await documents_of(settings, loan_id)}
    assert {"no_debt_certificate", "loan_history_1"} <= set(kinds)
    today = local_date(datetime.now(UTC))
    assert all(one.retain_until >= retain_until(today, today) for one in kinds.values())
    actions = [one["action"] for one in await trail(settings, f"loan:{loan_id}")]
    assert actions.count("notice-closed") == 1
    assert actions.count("loan-paid") == 1
    assert actions.count("loan-refunded") == 1

    # money that comes after the end finds the loan's case again, and goes back too
    await transfer(town, app.persona.iban, "100.00", f"Ещё раз по договору {loan['number']}")

    async def back_again() -> bool:
        debt = await app.call("GET", f"/loans/{loan_id}/debt")
        payments = await app.call("GET", f"/loans/{loan_id}/payments")
        return len(payments) == 2 and debt["overpaid"] == "0.00"

    await soon(back_again, "the second refund", 40)
    assert [one["kind"] for one in await app.call("GET", f"/loans/{loan_id}/notices")] == ["CLOSED"]


class TestArrears:
    """One loan, from the notice to the signed addendum."""

    @pytest.fixture(scope="class")
    async def late(self, regular: BorrowerApp, settings: Settings) -> dict[str, Any]:
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
            loan = await lent_to(moment, client, terms)
            found = {"loan_id": str(loan.id), "number": loan.number, "today": today, "terms": terms}
        case = await temporal(settings)
        await case.start_workflow(
            Servicing.run,
            ServeLoan(loan_id=loan.id, client_id=loan.client_id, edition="2025b"),
            id=f"loan/{loan.id}",
            task_queue="origination",
        )
        return found

    @pytest.fixture(scope="class")
    async def officer(self, stack: Stack, settings: Settings) -> Colleague:
        one = await Colleague.hired(stack, settings, f"terms-{secrets.token_hex(3)}", "officer")
        assert (await one.log_in()).status_code == 201
        return one

    async def test_the_borrower_is_told_in_writing_by_sms_and_the_bureau_hears_of_it(
        self, regular: BorrowerApp, late: dict[str, Any], town: Town
    ):
        async def told() -> list[Any]:
            return [one for one in await regular.call("GET", f"/loans/{late['loan_id']}/notices")]

        (notice,) = await soon(told, "the arrears notice", 30)
        assert (notice["kind"], notice["due_on"]) == ("ARREARS", (late["today"] + 5 * A_DAY).isoformat())
        content = notice["document"]["content"].removeprefix("/api/v1")
        assert (await regular.fetch(content)).startswith(b"%PDF-")

        async def texted() -> bool:
            outbox = (await town.world.get("/_control/sms", params={"to": regular.persona.phone})).json()
            return any("кабинет" in one["text"] or "account" in one["text"] for one in outbox)

        await soon(texted, "the SMS", 20)

        async def reported() -> bool:
            ops = await at_bureau(town, late["number"])
            return ops[:1] == ["NEW"]

        await soon(reported, "the record at the bureau", 40)

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

        offer = await soon(proposed, "the written answer", 30)
        signing = f"{path}/restructuring/{asked['request_id']}/signing"
        start = await regular.call("POST", signing)
        content = await regular.fetch(start["pdf"].removeprefix("/api/v1"))
        files, data = await regular._face(start["challenge"])
        files["cms"] = ("addendum.cms", await regular.sign(content), "application/pkcs7-signature")
        await regular.step("PUT", signing, files=files, data=data)

        async def accepted() -> Any:
            (found,) = await regular.call("GET", f"{path}/restructuring")
            return found if found["state"] == "ACCEPTED" else None

        done = await soon(accepted, "the new terms", 30)
        upcoming = await regular.call("GET", f"{path}/upcoming")
        assert upcoming == offer["terms"]["rows"]
        assert len(upcoming) == 12
        loan = await regular.call("GET", path)
        assert (loan["status"], loan["overdue_days"], loan["next_due"]) == ("ACTIVE", 0, first_due.isoformat())
        sealed = await regular.fetch(done["addendum"]["content"].removeprefix("/api/v1"))
        assert sealed.startswith(content)
        assert check(sealed, certificates(settings.seal.trusted_authorities.read_bytes())).bottom_line
        outcome = await (await temporal(settings)).get_workflow_handle(f"restructuring/{late['loan_id']}/1").result()
        assert outcome["state"] == "ACCEPTED"
        kinds = {one.kind for one in await documents_of(settings, late["loan_id"])}
        assert {
            "arrears_notice", "restructuring_request", "restructuring_answer", "addendum", "sealed_addendum",
            "restructuring_history_1",
        } <= kinds  # fmt: skip
