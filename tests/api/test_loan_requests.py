"""A borrower's requests while a loan runs, and staff's answers, through the API on a real database and archive.

The door to Temporal is a stand-in; what the cases do with an answer is proved with their activities and in tests/e2e.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlmodel import col, select

from activities import loan_book, wishes
from activities.closing import Closing
from activities.context import Records
from activities.loans import LoanRef
from activities.restructuring import DecisionTaken, RequestRef, Restructurings
from rules.calendar import local_date
from rules.lender import EXAMPLE
from rules.loan_events import Paid, Use
from rules.money import Money
from rules.schedule import LoanTerms, Method
from storage import audit
from storage.tables import OutboxAction
from tests.support.api_world import Borrower, Colleague, StandInDoor, assert_problem, new_key
from tests.support.servicing_world import Stamp, lent_to

A_DAY = timedelta(days=1)


def today() -> date:
    return local_date(datetime.now(UTC))


OTHER_TERMS = {
    "rate_percent_per_year": "30",
    "periods": 10,
    "first_due": (today() + 40 * A_DAY).isoformat(),
    "method": "annuity",
    "forgive_penalty": True,
}


@dataclass
class Lent:
    """A borrower and a loan of theirs."""

    records: Records
    borrower: Borrower
    loan_id: UUID

    def path(self, rest: str = "") -> str:
        return f"/loans/{self.loan_id}{rest}"

    async def call(self, method: str, rest: str, **more: Any) -> Any:
        return await self.borrower.call(method, self.path(rest), **more)

    async def pay(self, amount: str | Money, use: Use = Use.DUE) -> None:
        async with self.records.moment() as moment:
            event = Paid(key=f"bank:{uuid4()}", value_date=moment.day, known_at=moment.at, amount=amount, use=use)
            await loan_book.record(moment, self.loan_id, event, actor="system:test", paragraph="7")


def terms(days_late: int) -> LoanTerms:
    """Terms whose first instalment is late by so many days today."""
    first_due = today() - days_late * A_DAY
    return LoanTerms(
        principal=Money(150_000),
        rate_percent_per_year=Decimal("36.5"),
        periods=6,
        method=Method.ANNUITY,
        disbursed=first_due - 31 * A_DAY,
        first_due=first_due,
    )


@pytest.fixture
def lend(records: Records, new_borrower: Callable[[], Any]) -> Callable[..., Any]:
    """A borrower whose loan is late by some days (or not yet: negative)."""

    async def make(days_late: int) -> Lent:
        borrower = await new_borrower()
        async with records.moment() as moment:
            client = await records.clients.get(moment.session, borrower.client_id)
            loan = await lent_to(moment, client, terms(days_late))
        return Lent(records, borrower, loan.id)

    return make


@pytest.fixture
async def running(lend: Callable[..., Any]) -> Lent:
    made: Lent = await lend(-20)
    return made


@pytest.fixture
async def late(lend: Callable[..., Any]) -> Lent:
    made: Lent = await lend(5)
    return made


class TestEarlyRepayment:
    async def test_the_preview_is_what_the_wish_then_makes_of_the_money(self, running: Lent) -> None:
        asked = {"amount": "50000.00"}
        shown = (await running.call("POST", "/early-repayment/preview", json=asked)).json()
        assert [one["choice"] for one in shown["plans"]] == ["shorter_term", "smaller_instalment"]
        wish = await running.call("PUT", "/repayment-wish", json={"choice": "smaller_instalment"})
        assert wish.status_code == 200
        assert wish.json()["since"] == today().isoformat()
        async with running.records.moment() as moment:
            use = await wishes.use_for(moment.session, running.loan_id, today())
        await running.pay("50000.00", use)
        upcoming = (await running.call("GET", "/upcoming")).json()
        assert upcoming == shown["plans"][1]["rows"]
        assert len(upcoming) == shown["plans"][1]["instalments"]

    async def test_the_sum_that_closes_today_closes(self, running: Lent) -> None:
        cost = (await running.call("POST", "/early-repayment/preview", json={})).json()["total_to_close"]
        more = {"amount": str(Decimal(cost) + 100)}
        shown = (await running.call("POST", "/early-repayment/preview", json=more)).json()
        assert (shown["closes"], shown["left_over"], shown["plans"]) == (True, "100.00", [])
        await running.pay(cost)
        again = await running.call("POST", "/early-repayment/preview", json={})
        assert_problem(again, 409, "loan-closed")
        assert_problem(await running.call("PUT", "/repayment-wish", json={"choice": "due"}), 409, "loan-closed")

    async def test_a_past_day_has_no_preview(self, running: Lent) -> None:
        body = {"on": (today() - A_DAY).isoformat()}
        assert_problem(await running.call("POST", "/early-repayment/preview", json=body), 422, "day-in-the-past", "/on")

    async def test_the_newest_wish_counts_and_the_same_key_is_one_wish(self, running: Lent) -> None:
        key = new_key()
        for _ in range(2):
            await running.call("PUT", "/repayment-wish", key=key, json={"choice": "shorter_term"})
        await running.call("PUT", "/repayment-wish", json={"choice": "due"})
        async with running.records.moment() as moment:
            assert await wishes.use_for(moment.session, running.loan_id, today()) is Use.DUE
            trail = await audit.of_subject(moment.session, f"loan:{running.loan_id}")
        assert [one["action"] for one in trail].count("repayment-wished") == 2


class TestCertificate:
    async def test_it_is_there_when_the_debt_is_repaid(self, running: Lent) -> None:
        assert_problem(await running.call("GET", "/certificate"), 404, "certificate-not-ready")
        await running.pay("200000.00")
        closing = Closing(running.records, Stamp(), EXAMPLE)
        await closing.certify(LoanRef(loan_id=running.loan_id, client_id=running.borrower.client_id))
        answer = await running.call("GET", "/certificate")
        assert answer.headers["content-type"] == "application/pdf"
        assert answer.content.startswith(b"%PDF-")
        (notice,) = (await running.call("GET", "/notices")).json()
        assert notice["kind"] == "CLOSED"
        content = notice["document"]["content"].removeprefix("/api/v1")
        assert (await running.borrower.call("GET", content)).content == answer.content
        (message,) = (await running.borrower.call("GET", "/messages")).json()
        assert message["document_id"] == notice["document"]["document_id"]


class TestAskingForOtherTerms:
    ASKED = {"ground": "income-lost", "text": "Жұмысымнан айырылдым, мерзімін ұзартуды сұраймын."}

    async def test_a_request_starts_its_case_once(self, late: Lent, door: StandInDoor) -> None:
        key = new_key()
        answers = [await late.call("POST", "/restructuring", key=key, json=self.ASKED) for _ in range(2)]
        assert [one.status_code for one in answers] == [201, 201]
        made = answers[0].json()
        assert answers[1].json() == made
        assert (made["n"], made["state"], made["next"]) == (1, "RECEIVED", "wait")
        assert made["answer_due"] == (today() + 15 * A_DAY).isoformat()
        workflow, start = door.started[f"restructuring/{late.loan_id}/1"]
        assert (workflow, str(start.request_id)) == ("Restructuring", made["request_id"])
        assert (await late.call("GET", "/restructuring")).json() == [made]

    async def test_a_case_that_cannot_start_now_starts_later(self, late: Lent, door: StandInDoor) -> None:
        door.away = True
        assert (await late.call("POST", "/restructuring", json=self.ASKED)).status_code == 201
        async with late.records.moment() as moment:
            query = select(OutboxAction).where(col(OutboxAction.workflow_id) == f"restructuring/{late.loan_id}/1")
            (kept,) = (await moment.session.exec(query)).all()
        assert (kept.operation, kept.state) == ("start", "waiting")
        door.away = False

    @pytest.mark.parametrize(("days_late", "code"), [(-1, "not-in-arrears"), (32, "restructuring-request-late")])
    async def test_it_must_be_asked_in_time(self, lend: Callable[..., Any], days_late: int, code: str) -> None:
        loan = await lend(days_late)
        assert_problem(await loan.call("POST", "/restructuring", json=self.ASKED), 409, code)

    async def test_the_last_day_to_ask_is_a_day_to_ask(self, lend: Callable[..., Any]) -> None:
        loan = await lend(31)
        assert (await loan.call("POST", "/restructuring", json=self.ASKED)).status_code == 201

    async def test_one_at_a_time(self, late: Lent) -> None:
        await late.call("POST", "/restructuring", json=self.ASKED)
        assert_problem(await late.call("POST", "/restructuring", json=self.ASKED), 409, "restructuring-open")

    async def test_nothing_can_be_signed_or_declined_before_it_is_proposed(self, late: Lent) -> None:
        made = (await late.call("POST", "/restructuring", json=self.ASKED)).json()
        for rest in ("signing", "decline"):
            answer = await late.call("POST", f"/restructuring/{made['request_id']}/{rest}")
            assert_problem(answer, 409, "restructuring-not-proposed")


class TestAnswering:
    @pytest.fixture
    async def officer(self, new_colleague: Callable[..., Any]) -> Colleague:
        made: Colleague = await new_colleague("officer")
        assert (await made.log_in()).status_code == 201
        return made

    async def asked(self, late: Lent) -> dict[str, Any]:
        made: dict[str, Any] = (await late.call("POST", "/restructuring", json=TestAskingForOtherTerms.ASKED)).json()
        return made

    async def answer(self, officer: Colleague, request_id: str, body: dict[str, Any]) -> Any:
        return await officer.http.post(
            f"/staff/api/restructuring/{request_id}/answer", json=body, headers={"Origin": "http://nesie.test"}
        )

    async def write(self, late: Lent, made: dict[str, Any], given: dict[str, Any]) -> None:
        """What the case does with the decision."""
        ref = RequestRef(request_id=UUID(made["request_id"]), client_id=late.borrower.client_id)
        work = Restructurings(late.records, Stamp(), EXAMPLE)
        taken = DecisionTaken(ref=ref, review_id=uuid4(), decision_id=UUID(given["decision_id"]))
        await work.answer_request(taken)

    async def test_staff_see_it_by_its_last_day_and_its_words_one_by_one(self, late: Lent, officer: Colleague) -> None:
        made = await self.asked(late)
        queue = (await officer.http.get("/staff/api/restructuring")).json()
        (shown,) = [one for one in queue if one["request_id"] == made["request_id"]]
        assert (shown["overdue_days"], shown["late"], shown["text"]) == (5, False, None)
        assert [one["answer_due"] for one in queue] == sorted(one["answer_due"] for one in queue)
        whole = (await officer.http.get(f"/staff/api/restructuring/{made['request_id']}")).json()
        assert whole["text"] == TestAskingForOtherTerms.ASKED["text"]
        async with late.records.moment() as moment:
            trail = await audit.of_subject(moment.session, f"loan:{late.loan_id}")
        assert [one["actor"] for one in trail if one["action"] == "restructuring-read"] == [f"staff:{officer.staff_id}"]

    async def test_a_proposal_reaches_the_borrower_with_its_schedule(
        self, late: Lent, officer: Colleague, door: StandInDoor
    ) -> None:
        made = await self.asked(late)
        body = {"decision": "approve", "terms": OTHER_TERMS, "reason_code": "hardship-shown"}
        given = (await self.answer(officer, made["request_id"], body)).json()
        assert given["delivered"] is True
        assert (f"restructuring/{late.loan_id}/1", "review_decided") in {one[:2] for one in door.updates}
        (waiting,) = (await late.call("GET", "/restructuring")).json()
        assert (waiting["state"], waiting["terms"], waiting["next"]) == ("DECIDED", None, "wait")  # not in writing yet
        await self.write(late, made, given)
        (proposed,) = (await late.call("GET", "/restructuring")).json()
        assert (proposed["state"], proposed["next"]) == ("PROPOSED", "sign")
        assert len(proposed["terms"]["rows"]) == 10
        assert proposed["terms"]["rows"][0]["due"] == OTHER_TERMS["first_due"]
        content = proposed["addendum"]["content"].removeprefix("/api/v1")
        assert (await late.borrower.call("GET", content)).content.startswith(b"%PDF-")
        signing = await late.call("POST", f"/restructuring/{made['request_id']}/signing")
        assert signing.status_code == 201
        assert signing.json()["sha256"] == proposed["addendum"]["sha256"]
        assert (await officer.http.get("/staff/api/restructuring")).json() == [
            one
            for one in (await officer.http.get("/staff/api/restructuring")).json()
            if one["request_id"] != made["request_id"]
        ]

    async def test_a_refusal_names_its_reason(self, late: Lent, officer: Colleague) -> None:
        made = await self.asked(late)
        given = (
            await self.answer(officer, made["request_id"], {"decision": "refuse", "reason_code": "able-to-pay"})
        ).json()
        await self.write(late, made, given)
        (refused,) = (await late.call("GET", "/restructuring", headers={"Accept-Language": "ru"})).json()
        assert (refused["state"], refused["reason"], refused["next"]) == ("REFUSED", "able-to-pay", None)
        assert refused["reason_title"] == "Доход позволяет платить по договору"
        assert refused["answer"]["kind"] == "restructuring_answer"

    @pytest.mark.parametrize(
        ("changes", "code", "pointer"),
        [
            ({"terms": None}, "terms-and-decision-differ", "/terms"),
            ({"decision": "refuse", "reason_code": "no-such", "terms": None}, "reason-unknown", "/reason_code"),
            ({"terms": OTHER_TERMS | {"rate_percent_per_year": "36.6"}}, "rate-above-contract", None),
            ({"terms": OTHER_TERMS | {"rate_percent_per_year": 30}}, "rate-not-text", None),
            ({"terms": OTHER_TERMS | {"first_due": today().isoformat()}}, "first-due-too-early", None),
        ],
    )
    async def test_a_decision_that_cannot_be_is_refused(
        self, late: Lent, officer: Colleague, changes: dict[str, Any], code: str, pointer: str | None
    ) -> None:
        made = await self.asked(late)
        body = {"decision": "approve", "terms": OTHER_TERMS, "reason_code": "hardship-shown"} | changes
        problem = assert_problem(await self.answer(officer, made["request_id"], body), 422, code, pointer)
        assert "30" not in str(problem.get("detail", ""))
        (still,) = (await late.call("GET", "/restructuring")).json()
        assert still["state"] == "RECEIVED"

    async def test_it_is_decided_once(self, late: Lent, officer: Colleague) -> None:
        made = await self.asked(late)
        body = {"decision": "refuse", "reason_code": "able-to-pay"}
        assert (await self.answer(officer, made["request_id"], body)).status_code == 200
        assert_problem(await self.answer(officer, made["request_id"], body), 409, "restructuring-decided")

    async def test_a_client_who_declines_is_told_what_became_of_it(
        self, late: Lent, officer: Colleague, door: StandInDoor
    ) -> None:
        made = await self.asked(late)
        body = {"decision": "approve", "terms": OTHER_TERMS, "reason_code": "hardship-shown"}
        await self.write(late, made, (await self.answer(officer, made["request_id"], body)).json())
        door.answers["decline"] = {"state": "DECLINED"}
        answer = await late.call("POST", f"/restructuring/{made['request_id']}/decline")
        assert answer.status_code == 200
        assert (f"restructuring/{late.loan_id}/1", "decline") in {one[:2] for one in door.updates}

    async def test_a_signature_goes_to_the_case(self, late: Lent, officer: Colleague, door: StandInDoor) -> None:
        made = await self.asked(late)
        body = {"decision": "approve", "terms": OTHER_TERMS, "reason_code": "hardship-shown"}
        await self.write(late, made, (await self.answer(officer, made["request_id"], body)).json())
        jpeg, mp4 = b"\xff\xd8\xff" + b"\x00" * 64, b"\x00\x00\x00\x18ftypisom" + b"\x00" * 64
        answer = await late.call(
            "PUT",
            f"/restructuring/{made['request_id']}/signing",
            files={"cms": b"0\x82", "selfie": jpeg, "video": mp4},
            data={"challenge_id": str(uuid4())},
        )
        assert answer.status_code == 200
        assert (f"restructuring/{late.loan_id}/1", "sign") in {one[:2] for one in door.updates}
