"""A suspended loan on a real database, a real archive and the played bureau; the day is the test's.

Proven: each duty once and with proof; interest of suspended days is zero to the tiyn in books and ledger; two papers,
a wrong loan, a repaid loan, a bureau that refuses; what nobody may do to a paper, the database refuses too.

Rules: para 13, part 2; para 13, part 3.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from our_adapters import Adapters
from outside_world import Outside
from sqlalchemy.exc import DBAPIError
from sqlmodel import col, select

from activities import furnishing_decisions as words
from activities import official_papers
from activities import restructuring_requests as requests
from activities.care import ArrearsFound, LoanCare
from activities.context import Records
from activities.furnishing import Answered, Furnishing
from activities.furnishing_queue import send_again
from activities.loans import open_loan
from activities.notices import Notices
from activities.suspension import PaperRef, Suspensions
from activities.suspension_bureau import Answer
from rules.calendar import ALMATY
from rules.errors import Conflict, InvalidInput, NotAllowed
from rules.loan import Corrected, Resumed, Suspended, position
from rules.loan_books import balances
from rules.money import Money
from rules.restructuring import Ground
from rules.schedule import instalments
from rules.suspension import Duty, PaperKind
from storage import audit, fraud, ledger, loans
from storage.database import run
from storage.tables import Contract, Document, FurnishingRecord, OfficialPaper
from tests.support.fraud_world import PDF, FraudDesk
from tests.support.loan_world import LoanWorld, a_loan, noon
from tests.support.servicing_world import A_DAY, TERMS, borrowed, opened_records

if TYPE_CHECKING:
    from infra.settings import Archive as ArchiveSettings

DUE = next(iter(instalments(TERMS))).due  # 2026-02-28
DAY = date(2026, 3, 3)  # the loan is in arrears
FOUR = {Duty.COLLECTION, Duty.ACCRUAL, Duty.BUREAU, Duty.NOTICE}
ALL_ENDED = {Duty.COLLECTION_ENDED, Duty.ACCRUAL_ENDED, Duty.BUREAU_ENDED, Duty.NOTICE_ENDED}


@pytest.fixture(scope="module")
async def kept(database_url: str, archive_settings: ArchiveSettings) -> AsyncIterator[Records]:
    async with opened_records(database_url, archive_settings) as records:
        yield records


@pytest.fixture(autouse=True)
async def _nothing_waits(kept: Records) -> None:
    """Records of other tests are of loans with other keys: none of them shall travel here."""
    async with kept.database.begin() as session:
        await run(session, "update furnishing_record set state = 'superseded' where state in ('waiting', 'sent')")
        await run(session, "update furnishing_record set state = 'superseded' where state = 'rejected'")
        await run(session, "update furnishing_batch set state = 'done'")


@pytest.fixture
async def desk(kept: Records, world: Outside, adapters: Adapters) -> FraudDesk:
    made = await FraudDesk.of(await borrowed(kept), adapters.bureau)
    await made.issued()
    return made


async def suspended(desk: FraudDesk, on: date = DAY, **more: Any) -> PaperRef:
    """All four duties done on a day."""
    ref = await desk.confirmed(on, **more)
    await desk.suspend(ref)
    await desk.settle()
    assert await desk.suspend(ref) is Answer.DONE
    return ref


async def ledger_repeats_the_fold(desk: FraudDesk, on: date) -> None:
    desk.loan.world.day = on
    await LoanCare(desk.loan.world.records).tend(desk.loan.ref)
    async with desk.loan.world.moment() as moment:
        posted = await ledger.of_loan(moment.session, desk.loan.ref.loan_id)
        folded = balances(await loans.events(moment.session, desk.loan.ref.loan_id), TERMS, on)
    assert {name: sum_ for name, sum_ in posted.items() if sum_ != Money(0)} == folded


class TestTheFourDuties:
    async def test_each_is_done_and_shown(self, desk: FraudDesk, world: Outside) -> None:
        ref = await suspended(desk)
        done = await desk.duties(ref)
        assert set(done) == FOUR
        assert done["accrual"].evidence["since"] == DAY.isoformat()
        assert (await desk.loan.row()).status == "SUSPENDED"
        assert await desk.held()
        (contract,) = world.contracts()
        assert contract["reporting_suspended"] is True
        assert await desk.word() == ("SUSPEND_REPORTING", "accepted")
        assert done["bureau"].evidence["state"] == "accepted"
        (notice,) = await desk.loan.notices()
        assert (notice.kind, notice.language) == ("SUSPENSION", "ru")
        assert done["notice"].evidence["sms"] == f"sms-notice/{notice.id}"
        document, pdf = await desk.loan.document(notice.document_id)
        assert (document.kind, pdf[:5]) == ("suspension_notice", b"%PDF-")
        assert len(await desk.loan.messages()) == 1
        trail = await desk.loan.trail()
        assert {f"duty-{one}" for one in FOUR} <= set(trail)

    async def test_each_is_done_once_however_often_it_is_asked(self, desk: FraudDesk) -> None:
        ref = await suspended(desk)
        for _ in range(2):
            assert await desk.suspend(ref, DAY + A_DAY) is Answer.DONE
        trail = await desk.loan.trail()
        assert [trail.count(f"duty-{one}") for one in FOUR] == [1, 1, 1, 1]
        assert trail.count("loan-suspended") == 1
        assert len(await desk.loan.notices()) == len(desk.sms.sent) == 1

    async def test_suspended_days_cost_nothing_and_are_no_days_late(self, desk: FraudDesk) -> None:
        await suspended(desk)
        before, after = await desk.debt(DAY - A_DAY), await desk.debt(DAY + 60 * A_DAY)
        assert (after.total_to_close, after.penalty) == (before.total_to_close, before.penalty)
        assert after.overdue_days == before.overdue_days == 2
        assert after.interest_suspended > Money(0)
        await ledger_repeats_the_fold(desk, DAY + 60 * A_DAY)

    async def test_interest_stops_on_the_day_of_the_receipt_whenever_it_was_entered(self, desk: FraudDesk) -> None:
        friday = date(2026, 2, 27)
        late = datetime(2026, 2, 27, 23, 30, tzinfo=ALMATY)
        ref = await desk.confirmed(DAY, received=late, day=friday)
        await desk.suspend(ref)
        (fact,) = [one for one in await desk.facts() if isinstance(one, Suspended)]
        assert fact.value_date == friday
        assert (await desk.debt(DAY)).penalty == Money(0)
        await ledger_repeats_the_fold(desk, DAY + A_DAY)

    async def test_a_payment_meanwhile_is_booked(self, desk: FraudDesk) -> None:
        await suspended(desk)
        before = await desk.debt(DAY)
        await desk.loan.pay(DAY + 5 * A_DAY, "30000.00")
        after = await desk.debt(DAY + 5 * A_DAY)
        assert (after.paid, after.suspended) == (Money(30_000), True)
        assert after.total_to_close == before.total_to_close - Money(30_000)
        await ledger_repeats_the_fold(desk, DAY + 6 * A_DAY)

    async def test_nothing_is_collected_and_nothing_claimed(self, desk: FraudDesk) -> None:
        late = await LoanCare(desk.loan.world.records).tend(desk.loan.ref)  # before: day one
        desk.loan.world.day = DAY
        found = (await LoanCare(desk.loan.world.records).tend(desk.loan.ref)).notice
        assert late.notice is None
        assert found is not None
        ref = await desk.confirmed(DAY)
        await Suspensions(desk.loan.world.records).hold_collection(ref)  # the hold alone, books are not changed yet
        assert (await LoanCare(desk.loan.world.records).tend(desk.loan.ref)).notice is None
        notices = Notices(desk.loan.world.records, desk.sms, None)  # type: ignore[arg-type]
        assert await notices.send_arrears_notice(ArrearsFound.model_validate(found.model_dump())) is None
        async with desk.loan.world.moment() as moment:
            with pytest.raises(Conflict, match="collection-held"):
                await requests.receive(
                    desk.loan.world.records, moment, desk.loan.ref.loan_id, desk.loan.client, Ground.OTHER, "x",
                    request_id=uuid4(),
                )  # fmt: skip
        assert await desk.loan.notices() == []

    @pytest.mark.parametrize("language", ["kk", "en"])
    async def test_the_client_is_told_in_the_language_chosen(
        self, kept: Records, adapters: Adapters, language: str
    ) -> None:
        desk = await FraudDesk.of(await borrowed(kept, language=language), adapters.bureau)
        await desk.issued()
        await suspended(desk)
        (notice,) = await desk.loan.notices()
        assert notice.language == language
        assert "03.03.2026" in (await desk.loan.messages())[0]


class TestTheBureau:
    async def test_a_word_that_is_not_answered_is_no_proof(self, desk: FraudDesk) -> None:
        ref = await desk.confirmed(DAY)
        assert await desk.suspend(ref) is Answer.WAITING
        assert Duty.BUREAU not in await desk.duties(ref)
        await desk.settle()
        assert await desk.suspend(ref) is Answer.DONE

    async def test_a_rejected_one_needs_people_and_counts_once_it_is_sent_anew(
        self, desk: FraudDesk, world: Outside
    ) -> None:
        ref = await desk.confirmed(DAY)
        await desk.suspend(ref)
        world.fault("state_bureau", "submit", "partly_accepted")
        await desk.settle()
        assert await desk.suspend(ref) is Answer.REJECTED
        assert Duty.BUREAU not in await desk.duties(ref)
        async with desk.loan.world.moment() as moment:
            query = select(FurnishingRecord.id).where(
                col(FurnishingRecord.loan_id) == ref.loan_id, col(FurnishingRecord.state) == "rejected"
            )
            await send_again(moment, (await moment.session.exec(query)).one(), actor="staff:x", reason="mended")
        assert await desk.suspend(ref) is Answer.WAITING
        await desk.settle()
        assert await desk.suspend(ref) is Answer.DONE

    async def test_whoever_waits_is_told_of_an_answer_and_nobody_else(self, desk: FraudDesk, kept: Records) -> None:
        other = await FraudDesk.of(await borrowed(kept), desk.bureau)
        await other.issued()
        ref = await desk.confirmed(DAY)
        await desk.suspend(ref)
        (batch,) = await desk.settle()
        furnishing = Furnishing(desk.loan.world.records, desk.bureau)
        case = f"suspension/{ref.loan_id}/1"
        assert await furnishing.cases_waiting(Answered(batch_id=batch)) == [case]
        assert await furnishing.cases_waiting(Answered(batch_id=uuid4())) == []
        await desk.suspend(ref)
        await desk.cancelled(ref, DAY + A_DAY)
        await desk.end(ref)
        assert await furnishing.cases_waiting(Answered(batch_id=batch)) == [case]  # the RESUME
        await desk.settle()
        assert await desk.end(ref) is Answer.DONE
        assert await furnishing.cases_waiting(Answered(batch_id=batch)) == []

    async def test_a_word_dropped_by_two_people_is_no_longer_waited_for(self, desk: FraudDesk, world: Outside) -> None:
        ref = await desk.confirmed(DAY)
        await desk.suspend(ref)
        world.fault("state_bureau", "submit", "partly_accepted")
        await desk.settle()
        async with desk.loan.world.moment() as moment:
            query = select(FurnishingRecord.id).where(
                col(FurnishingRecord.loan_id) == ref.loan_id, col(FurnishingRecord.state) == "rejected"
            )
            record_id = (await moment.session.exec(query)).one()
            word = await words.propose(
                desk.loan.world.records, moment, record_id, way="drop", tell_as=None, reason="never-taken",
                words="Бюро не принимает.", staff_id=desk.officer,
            )  # fmt: skip
        async with desk.loan.world.moment() as moment:
            await words.confirm(moment, record_id, word.id, desk.second)
        furnishing = Furnishing(desk.loan.world.records, desk.bureau)
        assert await furnishing.cases_waiting(Answered(decision_id=word.id)) == [f"suspension/{ref.loan_id}/1"]
        assert await desk.suspend(ref) is Answer.DONE
        assert (await desk.duties(ref))["bureau"].evidence["state"] == "dropped"


class TestTheEnd:
    @pytest.mark.parametrize("later", [False, True])
    async def test_all_four_are_taken_back_with_or_without_the_interest(self, desk: FraudDesk, later: bool) -> None:
        ref = await suspended(desk)
        end = DAY + 30 * A_DAY
        await desk.cancelled(ref, end, later=later)
        assert await desk.end(ref) is Answer.WAITING
        await desk.settle()
        assert await desk.end(ref) is Answer.DONE
        done = await desk.duties(ref)
        assert set(done) == FOUR | ALL_ENDED
        assert not await desk.held()
        (fact,) = [one for one in await desk.facts() if isinstance(one, Resumed)]
        assert (fact.value_date, fact.charge_later) == (end, later)
        after = await desk.debt(end)
        assert (after.interest_suspended == Money(0)) is later
        assert await desk.word() == ("RESUME", "accepted")
        letter = (await desk.loan.notices())[-1]
        assert (letter.kind, letter.figures["ending"]) == ("SUSPENSION_ENDED", "CANCELLED")
        assert (letter.figures["charged"] is not None) is later
        await ledger_repeats_the_fold(desk, end + 40 * A_DAY)
        assert (await LoanCare(desk.loan.world.records).tend(desk.loan.ref)).notice is not None

    async def test_later_charge_is_to_the_tiyn_what_the_days_would_have_cost(self, desk: FraudDesk) -> None:
        ref = await suspended(desk, date(2026, 2, 5))
        plain = [one for one in await desk.facts() if not isinstance(one, Suspended)]
        await desk.cancelled(ref, date(2026, 2, 20), later=True)
        await desk.end(ref)
        assert await desk.debt(date(2026, 2, 27)) == position(plain, TERMS, date(2026, 2, 27))
        letter = (await desk.loan.notices())[-1]
        nights = position(plain, TERMS, date(2026, 2, 19)).interest_accrued
        before = position(plain, TERMS, date(2026, 2, 4)).interest_accrued
        assert abs((Money(letter.figures["charged"]) - (nights - before)).tiyn) <= 1

    async def test_a_cancellation_before_the_bureau_has_answered(self, desk: FraudDesk, world: Outside) -> None:
        ref = await desk.confirmed(DAY)
        await desk.suspend(ref)
        await desk.cancelled(ref, DAY + A_DAY)
        assert await desk.suspend(ref) is Answer.DONE  # nothing more to be done
        assert await desk.end(ref) is Answer.WAITING
        await desk.settle()
        assert await desk.end(ref) is Answer.DONE
        (contract,) = world.contracts()
        assert [one["op"] for one in contract["records"]] == ["NEW", "SUSPEND_REPORTING", "RESUME"]
        assert contract["reporting_suspended"] is False

    async def test_duties_of_an_ended_case_are_not_done_any_more(self, desk: FraudDesk) -> None:
        ref = await desk.confirmed(DAY)
        await desk.cancelled(ref, DAY)
        await desk.suspend(ref)
        assert await desk.end(ref) is Answer.DONE
        assert set(await desk.duties(ref)) == {Duty.ACCRUAL_ENDED, Duty.BUREAU_ENDED, Duty.NOTICE_ENDED}
        assert (await desk.loan.notices(), await desk.held(), await desk.word()) == ([], False, None)
        assert not any(isinstance(one, Suspended) for one in await desk.facts())

    async def test_it_does_not_end_by_itself(self, desk: FraudDesk) -> None:
        ref = await suspended(desk)
        books = Suspensions(desk.loan.world.records)
        for step in (books.release_collection, books.resume_accrual):
            with pytest.raises(Conflict, match="suspension-stands"):
                await step(ref)
        assert await desk.held()


class TestAWrongLoan:
    async def test_what_nobody_confirmed_is_undone_as_if_never(self, desk: FraudDesk, world: Outside) -> None:
        plain = await desk.facts()
        ref = await desk.enter(DAY)
        await Suspensions(desk.loan.world.records).act_unconfirmed(ref)
        await desk.suspend(ref, DAY + 2 * A_DAY)
        await desk.settle()
        assert await desk.suspend(ref) is Answer.DONE
        assert set(await desk.duties(ref)) >= FOUR
        assert (await desk.stands(ref)).state == "ENTERED"
        await desk.decide(ref, DAY + 3 * A_DAY, confirmed=False, why="wrong-loan")
        assert (await desk.stands(ref)).ended == "REFUSED"
        await desk.end(ref)
        await desk.settle()
        assert await desk.end(ref) is Answer.DONE
        after = DAY + 20 * A_DAY
        assert await desk.debt(after) == position(plain, TERMS, after)
        (back,) = [one for one in await desk.facts() if isinstance(one, Corrected)]
        assert (back.reason, back.wrong) == ("wrong-loan", f"suspended:{ref.paper_id}")
        assert not await desk.held()
        (contract,) = world.contracts()
        assert contract["reporting_suspended"] is False
        assert [one.kind for one in await desk.loan.notices()] == ["SUSPENSION", "SUSPENSION_ENDED"]
        assert (await desk.loan.notices())[-1].figures["ending"] == "MISTAKEN"
        trail = await desk.loan.trail()
        assert trail.count("suspension-unconfirmed") == 1
        await ledger_repeats_the_fold(desk, after)

    async def test_a_paper_refused_before_anything_was_done_leaves_nothing(self, desk: FraudDesk) -> None:
        ref = await desk.enter(DAY)
        await desk.decide(ref, DAY, confirmed=False, by=desk.officer, why="typed-wrongly")
        assert (await desk.stands(ref)).ended == "WITHDRAWN"
        await desk.suspend(ref)
        await desk.end(ref)
        assert not await desk.held()
        assert await desk.loan.notices() == []
        assert (await desk.loan.row()).status == "ACTIVE"


class TestASecondPaper:
    async def test_its_duties_are_proved_by_the_firsts(self, desk: FraudDesk) -> None:
        first = await suspended(desk)
        second = await desk.confirmed(DAY + 5 * A_DAY, kind=PaperKind.INVESTIGATOR_SUBMISSION)
        assert await desk.suspend(second) is Answer.DONE
        done = await desk.duties(second)
        assert set(done) == FOUR
        assert all(one.evidence["beside"] == [str(first.paper_id)] for one in done.values())
        assert done["bureau"].evidence["record"] == (await desk.duties(first))["bureau"].evidence["record"]
        assert len(await desk.loan.notices()) == 1
        async with desk.loan.world.moment() as moment:
            assert [one.n for one in await fraud.of_loan(moment.session, first.loan_id)] == [1, 2]

    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    async def test_nothing_resumes_until_the_last_one_is_cancelled(
        self, desk: FraudDesk, world: Outside, order: tuple[int, int]
    ) -> None:
        both = [await suspended(desk), await suspended(desk, DAY + 5 * A_DAY)]
        one, other = both[order[0]], both[order[1]]
        await desk.cancelled(one, DAY + 10 * A_DAY)
        assert await desk.end(one) is Answer.DONE
        assert await desk.held()
        assert (await desk.loan.row()).status == "SUSPENDED"
        assert await desk.word() == ("SUSPEND_REPORTING", "accepted")
        assert (await desk.duties(one))["accrual-ended"].evidence["beside"] == [str(other.paper_id)]
        endings = [one.figures["ending"] for one in (await desk.loan.notices())[1:]]
        assert endings == (["CONTINUES"] if one is both[0] else [])  # the client never heard of the second one
        end = DAY + 20 * A_DAY
        await desk.cancelled(other, end, later=True)
        await desk.end(other)
        await desk.settle()
        assert await desk.end(other) is Answer.DONE
        assert not await desk.held()
        (fact,) = [one for one in await desk.facts() if isinstance(one, Resumed)]
        assert (fact.value_date, fact.charge_later) == (end, False)  # one of the two said no
        assert (await desk.loan.notices())[-1].figures["ending"] == "CANCELLED"
        (contract,) = world.contracts()
        assert [one["op"] for one in contract["records"]] == ["NEW", "SUSPEND_REPORTING", "RESUME"]
        await ledger_repeats_the_fold(desk, end + A_DAY)

    async def test_two_that_end_together_resume_once(self, desk: FraudDesk) -> None:
        both = [await suspended(desk), await suspended(desk, DAY + A_DAY)]
        for ref in both:
            await desk.cancelled(ref, DAY + 4 * A_DAY)
        books = Suspensions(desk.loan.world.records)
        for step in (books.release_collection, books.resume_accrual):  # both cases at each step
            for ref in both:
                await step(ref)
        assert sum(isinstance(one, Resumed) for one in await desk.facts()) == 1
        assert (await desk.debt(DAY + 4 * A_DAY)).suspended is False
        for ref in both:
            await desk.end(ref)
        await desk.settle()
        assert [await desk.end(ref) for ref in both] == [Answer.DONE, Answer.DONE]

    async def test_one_entered_late_forbids_a_resumption_after_its_receipt(self, desk: FraudDesk) -> None:
        first = await suspended(desk)
        await desk.cancelled(first, DAY + 6 * A_DAY)
        await desk.end(first)
        await desk.settle()
        await desk.end(first)
        second = await desk.confirmed(DAY + 8 * A_DAY, received=noon(DAY + 5 * A_DAY))
        await desk.suspend(second)
        before, after = await desk.debt(DAY - A_DAY), await desk.debt(DAY + 30 * A_DAY)
        assert after.total_to_close == before.total_to_close
        assert await desk.word() == ("SUSPEND_REPORTING", "waiting")
        await ledger_repeats_the_fold(desk, DAY + 30 * A_DAY)


class TestOtherLoans:
    async def test_a_repaid_one_has_nothing_to_report_and_its_client_is_told(
        self, desk: FraudDesk, world: Outside
    ) -> None:
        await desk.loan.pay(DAY - A_DAY, (await desk.debt(DAY - A_DAY)).total_to_close)
        ref = await desk.confirmed(DAY)
        assert await desk.suspend(ref) is Answer.DONE
        done = await desk.duties(ref)
        assert set(done) == FOUR
        assert done["bureau"].evidence == {"nothing_to_tell": "loan-closed"}
        assert (await desk.loan.row()).status == "CLOSED"
        await desk.cancelled(ref, DAY + A_DAY)
        assert await desk.end(ref) is Answer.DONE
        assert await desk.word() is None
        await ledger_repeats_the_fold(desk, DAY + 2 * A_DAY)

    async def test_money_of_days_after_the_receipt_is_owed_back(self, desk: FraudDesk) -> None:
        """Repaid on Monday by a client whose paper was received on Friday: the nights between cost nothing."""
        friday, monday = date(2026, 2, 20), date(2026, 2, 23)
        full = (await desk.debt(monday)).total_to_close
        await desk.loan.pay(monday, full)
        ref = await desk.confirmed(monday, received=noon(friday), day=friday)
        await desk.suspend(ref)
        debt = await desk.debt(monday)
        assert debt.closed
        assert debt.overpaid == full - (await desk.debt(friday - A_DAY)).total_to_close

    async def test_one_repaid_while_it_is_suspended(self, desk: FraudDesk) -> None:
        ref = await suspended(desk)
        await desk.loan.pay(DAY + 3 * A_DAY, (await desk.debt(DAY + 3 * A_DAY)).total_to_close)
        assert (await desk.loan.row()).status == "CLOSED"
        await desk.cancelled(ref, DAY + 5 * A_DAY, later=True)
        await desk.end(ref)
        await desk.settle()
        assert await desk.end(ref) is Answer.DONE
        assert (await desk.loan.row()).status == "CLOSED"

    async def test_one_whose_money_never_left_is_refused_at_the_desk(self, kept: Records) -> None:
        world = LoanWorld(kept.database)
        application = await world.application(a_loan())
        async with world.on(DAY) as moment:
            query = select(Contract.number).where(col(Contract.application_id) == application.id)
            number = (await moment.session.exec(query)).one()
            with pytest.raises(Conflict, match="loan-not-disbursed"):
                await official_papers.loan_of(moment, number)
            with pytest.raises(InvalidInput, match="contract-unknown"):
                await official_papers.loan_of(moment, "MK-0000")
            await open_loan(moment, application, DAY)
            assert (await official_papers.loan_of(moment, f" {number.lower()} ")).number == number


class TestThePaper:
    async def test_it_is_archived_under_the_clients_key_and_says_who_brought_it(self, desk: FraudDesk) -> None:
        ref = await desk.enter(DAY)
        async with desk.loan.world.moment() as moment:
            paper = await fraud.get(moment.session, ref.paper_id)
            document, content = await desk.loan.world.documents.load(moment.session, paper.document_id)
            (entry,) = await audit.of_subject(moment.session, f"document:{document.id}")
        assert (document.kind, document.client_id, content) == ("official_paper", desk.loan.client.id, PDF)
        assert entry["actor"] == f"staff:{desk.officer}"

    async def test_the_same_paper_is_entered_once_unless_it_was_refused(self, desk: FraudDesk) -> None:
        same = {"number": "77", "day": date(2026, 2, 1)}
        ref = await desk.enter(DAY, **same)
        with pytest.raises(Conflict, match="paper-known"):
            await desk.enter(DAY, **same)
        await desk.decide(ref, DAY, confirmed=False, why="unreadable")
        await desk.enter(DAY, **same)

    async def test_nobody_confirms_what_they_entered_and_a_decision_stands(self, desk: FraudDesk) -> None:
        ref = await desk.enter(DAY)
        with pytest.raises(NotAllowed, match="second-person-needed"):
            await desk.decide(ref, DAY, by=desk.officer)
        await desk.decide(ref, DAY)
        with pytest.raises(Conflict, match="paper-decided"):
            await desk.decide(ref, DAY, confirmed=False, why="changed-mind")

    async def test_a_cancellation_needs_a_confirmed_paper_of_this_loan_and_cancels_once(
        self, desk: FraudDesk, kept: Records
    ) -> None:
        ref = await desk.enter(DAY)
        early = await desk.enter(DAY, kind=PaperKind.CANCELLATION, cancels=ref.paper_id, charge_later=False)
        with pytest.raises(Conflict, match="paper-not-confirmed"):
            await desk.decide(early, DAY)
        await desk.decide(ref, DAY)
        await desk.decide(early, DAY)
        with pytest.raises(Conflict, match="paper-cancelled"):
            await desk.cancelled(ref, DAY)
        elsewhere = await FraudDesk.of(await borrowed(kept))
        with pytest.raises(InvalidInput, match="paper-not-of-loan"):
            await elsewhere.cancelled(ref, DAY)
        with pytest.raises(InvalidInput, match="paper-not-of-loan"):
            await desk.cancelled(early, DAY)
        other = await desk.confirmed(DAY, day=date(2026, 2, 20))
        with pytest.raises(InvalidInput, match="paper-day-wrong"):
            await desk.confirmed(
                DAY, kind=PaperKind.CANCELLATION, cancels=other.paper_id, charge_later=False, day=date(2026, 2, 19)
            )

    async def test_the_database_refuses_what_the_code_does_not_ask(self, desk: FraudDesk) -> None:
        ref = await desk.enter(DAY)
        same_person = "update official_paper set state = 'CONFIRMED', decided_by = entered_by, decided_at = now()"
        for statement in (
            f"{same_person} where id = :id",
            "update official_paper set number = 'other' where id = :id",
            "delete from official_paper where id = :id",
            "update fraud_duty set name = 'x' where paper_id = :id",
        ):
            with pytest.raises(DBAPIError):
                async with desk.loan.world.moment() as moment:
                    await run(moment.session, statement, id=ref.paper_id)
        await desk.decide(ref, DAY)
        with pytest.raises(DBAPIError, match="not changed"):
            async with desk.loan.world.moment() as moment:
                await run(
                    moment.session,
                    "update official_paper set state = 'REFUSED', reason_code = 'x' where id = :id",
                    id=ref.paper_id,
                )

    async def test_a_paper_of_another_kind_or_loan_suspends_nothing(self, desk: FraudDesk) -> None:
        verdict = await desk.confirmed(DAY, kind=PaperKind.COURT_VERDICT)
        for ref in (verdict, PaperRef(paper_id=(await desk.confirmed(DAY)).paper_id, loan_id=uuid4())):
            with pytest.raises(Conflict, match="paper-not-suspending"):
                await desk.stands(ref)


async def test_papers_are_stored_without_the_clients_data(desk: FraudDesk) -> None:
    ref = await suspended(desk)
    async with desk.loan.world.moment() as moment:
        paper: OfficialPaper = await fraud.get(moment.session, ref.paper_id)
        duties = await fraud.duties_of(moment.session, ref.paper_id)
        documents = (
            await moment.session.exec(select(Document).where(col(Document.client_id) == desk.loan.client.id))
        ).all()
    plain = f"{paper.model_dump()}{[one.evidence for one in duties.values()]}"
    for secret in (desk.loan.person.iin, desk.loan.person.surname, desk.loan.person.phone):
        assert secret not in plain
    assert {one.kind for one in documents} >= {"official_paper", "suspension_notice"}
    assert isinstance(paper.id, UUID)
