"""A borrower's request for other terms on a real database and a real archive; the day is the test's.

Simulated: the lender's seal, and the client's signature, which is verified elsewhere. Proven: who may ask, one request
at a time, the answer in writing and in time, and that the addendum shown is the plan that is booked.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

from activities import restructuring_requests as requests
from activities.context import Records
from activities.loan_book import position_of
from activities.restructuring import (
    AddendumSigned,
    DecisionTaken,
    RequestEnded,
    RequestOpened,
    RequestRef,
    Restructurings,
)
from rules.calendar import end_of_day
from rules.errors import Conflict, InvalidInput, NotFound
from rules.loan import upcoming
from rules.money import Money
from rules.restructuring import Ground, NewTerms, restructured
from rules.schedule import instalments
from storage import audit, loans, reviews
from storage.archive_lock import LockCheck
from storage.conformance import ArchiveLockBroken
from storage.conformance import record as keep_trial
from storage.tables import RestructuringRequest, Staff
from tests.support.loan_world import noon
from tests.support.servicing_world import A_DAY, LENDER, TERMS, Borrowed, Stamp, borrowed, opened_records

if TYPE_CHECKING:
    from infra.settings import Archive as ArchiveSettings

DUE = next(iter(instalments(TERMS))).due
ASKED = DUE + 5 * A_DAY
WORDS = "Потеряла работу, прошу продлить срок."
BETTER = NewTerms(rate_percent_per_year=Decimal(30), periods=10, first_due=ASKED + 40 * A_DAY)


@pytest.fixture(scope="module")
async def kept(database_url: str, archive_settings: ArchiveSettings) -> AsyncIterator[Records]:
    async with opened_records(database_url, archive_settings) as records:
        yield records


class Desk:
    """The loan, its requests, and an officer."""

    def __init__(self, loan: Borrowed, officer: UUID) -> None:
        self.loan, self.officer = loan, officer
        self.work = Restructurings(loan.world.records, Stamp(), LENDER)

    async def ask(self, on: date = ASKED, request_id: UUID | None = None) -> RequestRef:
        self.loan.world.day = on
        async with self.loan.world.moment() as moment:
            made = await requests.receive(
                self.loan.world.records, moment, self.loan.ref.loan_id, self.loan.client, Ground.INCOME_LOST, WORDS,
                request_id=request_id or uuid4(),
            )  # fmt: skip
        return RequestRef(request_id=made.id, client_id=self.loan.client.id)

    async def decide(self, ref: RequestRef, on: date, terms: NewTerms | None = BETTER) -> None:
        self.loan.world.day = on
        async with self.loan.world.moment() as moment:
            request = await requests.locked(moment.session, ref.request_id)
            reason = "hardship-shown" if terms else "able-to-pay"
            await requests.decide(moment, request, self.officer, terms, reason)

    async def answered(self, ref: RequestRef, on: date, terms: NewTerms | None = BETTER) -> RestructuringRequest:
        opened = await self.work.open_request(ref)
        await self.decide(ref, on, terms)
        await self.work.answer_request(taken(ref, opened))
        return await self.row(ref)

    async def row(self, ref: RequestRef) -> RestructuringRequest:
        async with self.loan.world.moment() as moment:
            return await requests.locked(moment.session, ref.request_id)


def taken(ref: RequestRef, opened: RequestOpened) -> DecisionTaken:
    return DecisionTaken(ref=ref, review_id=opened.review_id, decision_id=uuid4())


@pytest.fixture
async def desk(kept: Records) -> Desk:
    loan = await borrowed(kept)
    async with loan.world.moment() as moment:
        officer = Staff(
            login=f"o{uuid4().hex[:10]}", name="Officer", roles=["officer"], password_hash="x", totp_secret=b"x",
            created_at=moment.at,
        )  # fmt: skip
        moment.session.add(officer)
    return Desk(loan, officer.id)


class TestAsking:
    async def test_a_request_is_archived_sealed_and_dated(self, desk: Desk) -> None:
        row = await desk.row(await desk.ask())
        assert (row.n, row.state, row.arrears_since, row.answer_due) == (
            1,
            "RECEIVED",
            DUE + A_DAY,
            ASKED + 15 * A_DAY,
        )
        assert WORDS.encode() not in row.text
        document, words = await desk.loan.document(row.document_id)
        assert (document.kind, document.direction, words.decode()) == ("restructuring_request", "received", WORDS)

    async def test_the_same_request_again_is_one(self, desk: Desk) -> None:
        request_id = uuid4()
        assert await desk.ask(request_id=request_id) == await desk.ask(request_id=request_id)
        assert (await desk.loan.trail()).count("restructuring-requested") == 1

    async def test_a_second_request_waits_for_the_end_of_the_first(self, desk: Desk) -> None:
        ref = await desk.ask()
        with pytest.raises(Conflict, match="restructuring-open"):
            await desk.ask()
        await desk.answered(ref, ASKED, None)
        assert (await desk.row(await desk.ask())).n == 2

    async def test_who_pays_in_time_or_asks_too_late_is_told_so(self, desk: Desk) -> None:
        with pytest.raises(Conflict, match="not-in-arrears"):
            await desk.ask(DUE)
        await desk.ask(DUE + 31 * A_DAY)
        late = await borrowed(desk.loan.world.records)
        with pytest.raises(Conflict, match="restructuring-request-late"):
            await Desk(late, desk.officer).ask(DUE + 32 * A_DAY)


class TestAnswer:
    async def test_it_is_watched_by_its_last_day(self, desk: Desk) -> None:
        ref = await desk.ask()
        opened = await desk.work.open_request(ref)
        assert opened.due_at == end_of_day(ASKED + 15 * A_DAY)
        assert opened.warn_at == end_of_day(ASKED + 12 * A_DAY)
        assert await desk.work.open_request(ref) == opened
        for _ in range(2):
            await desk.work.warn_answer_due(ref)
            await desk.work.answer_late(ref)
        trail = await desk.loan.trail()
        assert trail.count("restructuring-answer-due-soon") == trail.count("restructuring-answer-late") == 1
        async with desk.loan.world.moment() as moment:
            review = await reviews.get(moment.session, opened.review_id)
        assert (review.kind, review.workflow_id) == ("DECISION", f"restructuring/{desk.loan.ref.loan_id}/1")

    async def test_a_refusal_names_its_reason_and_ends_the_request(self, desk: Desk) -> None:
        row = await desk.answered(await desk.ask(), ASKED + 14 * A_DAY, None)
        assert (row.state, row.reason_code, row.addendum_document_id) == ("REFUSED", "able-to-pay", None)
        assert row.ended_at is not None
        document, pdf = await desk.loan.document(row.answer_document_id)
        assert (document.kind, pdf[:5]) == ("restructuring_answer", b"%PDF-")
        (notice,) = await desk.loan.notices()
        assert (notice.kind, notice.due_on) == ("RESTRUCTURING_ANSWER", ASKED + 15 * A_DAY)
        assert len(await desk.loan.messages()) == 1

    @pytest.mark.parametrize(("days", "in_time"), [(15, True), (16, False)])
    async def test_whether_it_was_in_time_is_kept(self, desk: Desk, days: int, in_time: bool) -> None:
        await desk.answered(await desk.ask(), ASKED + days * A_DAY, None)
        async with desk.loan.world.moment() as moment:
            trail = await audit.of_subject(moment.session, f"loan:{desk.loan.ref.loan_id}")
        (sent,) = (one for one in trail if one["action"] == "notice-restructuring-answer")
        assert sent["detail"]["in_time"] is in_time

    async def test_it_is_written_once(self, desk: Desk) -> None:
        ref = await desk.ask()
        opened = await desk.work.open_request(ref)
        await desk.decide(ref, ASKED)
        first = await desk.work.answer_request(taken(ref, opened))
        assert await desk.work.answer_request(taken(ref, opened)) == first
        assert first.state == "PROPOSED"
        assert len(await desk.loan.notices()) == 1

    async def test_it_is_decided_once_and_never_dearer(self, desk: Desk) -> None:
        ref = await desk.ask()
        with pytest.raises(InvalidInput, match="rate-above-contract"):
            await desk.decide(ref, ASKED, BETTER.model_copy(update={"rate_percent_per_year": Decimal(40)}))
        await desk.decide(ref, ASKED)
        with pytest.raises(Conflict, match="restructuring-decided"):
            await desk.decide(ref, ASKED)

    @pytest.mark.parametrize(("decision", "state"), [("refuse", "REFUSED"), ("approve", "RECEIVED")])
    async def test_the_common_queue_can_refuse_but_has_no_terms_to_propose(
        self, desk: Desk, decision: str, state: str
    ) -> None:
        ref = await desk.ask()
        opened = await desk.work.open_request(ref)
        async with desk.loan.world.moment() as moment:
            await reviews.claim(moment.session, opened.review_id, desk.officer)
            made = await reviews.decide(moment.session, opened.review_id, desk.officer, decision, "no-capacity")
        given = DecisionTaken(ref=ref, review_id=opened.review_id, decision_id=made.id)
        assert (await desk.work.answer_request(given)).state == state
        again = await desk.work.open_request(ref)
        assert (again.review_id == opened.review_id) is (decision == "refuse")

    async def test_a_decision_that_nobody_made_writes_nothing(self, desk: Desk) -> None:
        ref = await desk.ask()
        opened = await desk.work.open_request(ref)
        assert (await desk.work.answer_request(taken(ref, opened))).state == "RECEIVED"
        assert await desk.loan.notices() == []

    async def test_no_addendum_is_drawn_up_while_the_archive_could_alter_it(self, desk: Desk) -> None:
        ref = await desk.ask()
        opened = await desk.work.open_request(ref)
        await desk.decide(ref, ASKED)
        broken = LockCheck(rule="locked version cannot be deleted", vital=True, result="broken", detail="")
        sound = broken.model_copy(update={"result": "held"})
        async with desk.loan.world.moment() as moment:
            await keep_trial(moment.session, "archive", [broken])
        try:
            with pytest.raises(ArchiveLockBroken):
                await desk.work.answer_request(taken(ref, opened))
        finally:
            async with desk.loan.world.moment() as moment:
                await keep_trial(moment.session, "archive", [sound])
        assert (await desk.work.answer_request(taken(ref, opened))).state == "PROPOSED"


class TestConsent:
    SIGNED = uuid4()

    async def test_the_plan_shown_is_the_plan_booked(self, desk: Desk) -> None:
        answered_on, signed_on = ASKED + 3 * A_DAY, ASKED + 9 * A_DAY
        ref = await desk.ask()
        row = await desk.answered(ref, answered_on)
        assert (row.effective_on, row.accept_until) == (answered_on, answered_on + 10 * A_DAY)
        async with desk.loan.world.moment() as moment:
            shown = await requests.plan(moment, desk.loan.loan, row)
        desk.loan.world.day = signed_on
        assert await desk.work.apply_addendum(AddendumSigned(ref=ref, signature_id=self.SIGNED)) == "ACCEPTED"
        async with desk.loan.world.moment() as moment:
            events = await loans.events(moment.session, desk.loan.ref.loan_id)
            debt = await position_of(moment.session, desk.loan.ref.loan_id, signed_on)
        assert upcoming(events, TERMS, answered_on) == shown
        assert len(shown) == BETTER.periods
        assert (debt.overdue_days, debt.next_due) == (0, BETTER.first_due)
        assert Money.total(one.principal for one in shown) == debt.principal
        assert (await desk.loan.row()).status == "ACTIVE"
        row = await desk.row(ref)
        assert (row.state, row.signature_id) == ("ACCEPTED", self.SIGNED)
        sealed = (await desk.loan.document(row.sealed_document_id))[1]
        assert sealed.startswith((await desk.loan.document(row.addendum_document_id))[1])

    async def test_it_is_booked_once(self, desk: Desk) -> None:
        ref = await desk.ask()
        await desk.answered(ref, ASKED)
        signed = AddendumSigned(ref=ref, signature_id=self.SIGNED)
        assert [await desk.work.apply_addendum(signed) for _ in range(2)] == ["ACCEPTED", "ACCEPTED"]
        assert (await desk.loan.trail()).count("loan-restructured") == 1

    async def test_without_the_client_nothing_changes(self, desk: Desk) -> None:
        ref = await desk.ask()
        await desk.answered(ref, ASKED)
        assert await desk.work.end_request(RequestEnded(ref=ref, state="LAPSED")) == "LAPSED"
        signed = AddendumSigned(ref=ref, signature_id=self.SIGNED)
        assert await desk.work.apply_addendum(signed) == "LAPSED"
        assert "loan-restructured" not in await desk.loan.trail()

    async def test_a_debt_that_ended_first_is_changed_no_more(self, desk: Desk) -> None:
        ref = await desk.ask()
        await desk.answered(ref, ASKED)
        await desk.loan.pay(ASKED + A_DAY, "300000.00")
        assert await desk.work.apply_addendum(AddendumSigned(ref=ref, signature_id=self.SIGNED)) == "OVERTAKEN"

    async def test_a_request_that_was_not_answered_has_no_terms(self, desk: Desk) -> None:
        row = await desk.row(await desk.ask())
        with pytest.raises(Conflict, match="restructuring-not-proposed"):
            requests.terms_of(row)

    async def test_an_unknown_request_is_not_found(self, desk: Desk) -> None:
        with pytest.raises(NotFound, match="restructuring-unknown"):
            await desk.work.warn_answer_due(RequestRef(request_id=uuid4(), client_id=uuid4()))


def test_the_fact_of_the_loan_repeats_the_terms() -> None:
    fact = restructured(BETTER, uuid4(), ASKED, noon(ASKED))
    assert NewTerms.model_validate({name: getattr(fact, name) for name in NewTerms.model_fields}) == BETTER
