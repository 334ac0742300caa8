"""A running loan's activities on a real database and a real archive; the day is the test's.

Simulated: the SMS gateway and the lender's seal. Proven: what a loan needs and when, one notice an episode whatever is
tried again, evidence of lateness, the end of the debt, locks that outlive it.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import ProgrammingError
from sqlmodel import col, select
from temporalio.testing import ActivityEnvironment

from activities import wishes
from activities.care import ArrearsFound, LoanCare, Tended
from activities.closing import CERTIFICATE, Closing, certificate_of
from activities.context import Records
from activities.histories import Histories, HistoryWanted
from activities.loan_book import position_of
from activities.notices import NoticeRef, Notices
from rules.calendar import end_of_day
from rules.clocks import deadline
from rules.errors import Conflict, InvalidInput, Unavailable
from rules.loan_events import Corrected, Refunded, Resumed, Suspended, Use, WrittenOff
from rules.money import Money
from rules.retention import retain_until
from rules.schedule import instalments
from storage import audit
from storage.database import run
from storage.tables import Document
from tests.support.loan_world import noon
from tests.support.played import HERE
from tests.support.servicing_world import A_DAY, LENDER, TERMS, Borrowed, Gateway, Stamp, borrowed, opened_records

if TYPE_CHECKING:
    from infra.settings import Archive as ArchiveSettings

ROWS = tuple(instalments(TERMS))
DUE = ROWS[0].due


@pytest.fixture(scope="module")
async def kept(database_url: str, archive_settings: ArchiveSettings) -> AsyncIterator[Records]:
    async with opened_records(database_url, archive_settings) as records:
        yield records


@pytest.fixture
async def loan(kept: Records) -> Borrowed:
    return await borrowed(kept)


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def tend(loan: Borrowed) -> Callable[..., Any]:
    """How the loan stands on a day."""

    async def look(on: date) -> Tended:
        loan.world.day = on
        return await LoanCare(loan.world.records).tend(loan.ref)

    return look


class TestLooking:
    async def test_a_new_loan_sleeps_until_its_month(self, tend: Callable[..., Any]) -> None:
        found = await tend(TERMS.disbursed)
        assert (found.status, found.ended, found.arrears_since, found.notice) == ("ACTIVE", None, None, None)
        assert found.wake_at == end_of_day(date(2026, 2, 27))

    async def test_a_due_date_is_booked_when_its_day_is_over(self, tend: Callable[..., Any], loan: Borrowed) -> None:
        assert (await tend(DUE)).wake_at == end_of_day(DUE)
        found = await tend(DUE + A_DAY)
        assert (found.status, found.arrears_since) == ("OVERDUE", DUE + A_DAY)
        assert (await loan.row()).status == "OVERDUE"

    async def test_the_notice_is_asked_for_after_the_grace_and_by_the_tenth_day(self, tend: Callable[..., Any]) -> None:
        first = await tend(DUE + A_DAY)
        assert first.notice is None
        assert first.notice_by == end_of_day(DUE + 10 * A_DAY)
        second = await tend(DUE + 2 * A_DAY)
        assert second.notice is not None
        assert (second.notice.since, second.notice.due_on) == (DUE + A_DAY, DUE + 10 * A_DAY)

    async def test_a_suspended_loan_asks_for_no_notice(self, tend: Callable[..., Any], loan: Borrowed) -> None:
        await loan.happened(Suspended(key=f"s:{loan.ref.loan_id}", value_date=DUE + 2 * A_DAY, known_at=noon(DUE)))
        found = await tend(DUE + 5 * A_DAY)
        assert (found.status, found.notice, found.arrears_since) == ("SUSPENDED", None, None)
        await loan.happened(Resumed(key=f"r:{loan.ref.loan_id}", value_date=DUE + 9 * A_DAY, known_at=noon(DUE)))
        assert (await tend(DUE + 10 * A_DAY)).notice is not None

    async def test_an_overpaid_loan_owes_back_and_numbers_its_refunds(
        self, tend: Callable[..., Any], loan: Borrowed
    ) -> None:
        await loan.pay(DUE, "200000.00")
        found = await tend(DUE)
        assert (found.ended, found.owed_back, found.refund_n, found.wake_at) == (DUE, True, 1, None)
        async with loan.world.moment() as moment:
            over = (await position_of(moment.session, loan.ref.loan_id, DUE)).overpaid
        await loan.happened(
            Refunded(key=f"refund:{loan.ref.loan_id}:1", value_date=DUE, known_at=noon(DUE), amount=over)
        )
        found = await tend(DUE)
        assert (found.owed_back, found.refund_n) == (False, 2)

    async def test_a_written_off_loan_has_ended_without_being_repaid(
        self, tend: Callable[..., Any], loan: Borrowed
    ) -> None:
        gone = WrittenOff(key=f"w:{loan.ref.loan_id}", value_date=DUE, known_at=noon(DUE), ground="court_verdict")
        await loan.happened(gone)
        found = await tend(DUE + 30 * A_DAY)
        assert (found.status, found.ended, found.written_off, found.notice) == ("WRITTEN_OFF", DUE, True, None)

    async def test_the_bureau_hears_once_a_month(self, tend: Callable[..., Any]) -> None:
        assert (await tend(date(2026, 2, 27))).bureau_on is None
        assert (await tend(date(2026, 3, 30))).bureau_on == date(2026, 2, 28)
        assert (await tend(date(2026, 3, 31))).bureau_on == date(2026, 3, 31)


class TestNotice:
    @pytest.fixture
    def notices(self, loan: Borrowed, gateway: Gateway) -> Notices:
        return Notices(loan.world.records, gateway, LENDER)

    async def found(self, tend: Callable[..., Any], on: date = DUE + 2 * A_DAY) -> ArrearsFound:
        found = (await tend(on)).notice
        assert found is not None
        return found

    async def test_its_clock_ends_with_its_last_day_also_after_a_suspension(
        self, tend: Callable[..., Any], loan: Borrowed
    ) -> None:
        found = await self.found(tend)
        assert found.began_at is not None
        assert deadline("arrears-notice", found.began_at).last_day == found.due_on == DUE + 10 * A_DAY
        key = f"s:{loan.ref.loan_id}"
        await loan.happened(Suspended(key=key, value_date=DUE + 2 * A_DAY, known_at=noon(DUE)))
        await loan.happened(Resumed(key=f"{key}:r", value_date=DUE + 6 * A_DAY, known_at=noon(DUE), charge_later=False))
        later = await self.found(tend, DUE + 8 * A_DAY)
        assert later.since == found.since
        assert later.began_at is not None
        assert deadline("arrears-notice", later.began_at).last_day == later.due_on > found.due_on

    async def test_it_is_archived_written_and_told_of_without_sums(
        self, tend: Callable[..., Any], loan: Borrowed, notices: Notices, gateway: Gateway
    ) -> None:
        notice_id = await notices.send_arrears_notice(await self.found(tend))
        assert notice_id is not None
        await notices.text_client(NoticeRef(notice_id=notice_id))
        (notice,) = await loan.notices()
        document, pdf = await loan.document(notice.document_id)
        assert (document.kind, document.direction, pdf[:5]) == ("arrears_notice", "sent", b"%PDF-")
        assert document.retain_until >= retain_until(ROWS[-1].due, DUE)
        assert (notice.kind, notice.language, notice.due_on) == ("ARREARS", "ru", DUE + 10 * A_DAY)
        assert notice.figures["overdue_days"] == 2
        assert notice.figures["apply_until"] == (DUE + 31 * A_DAY).isoformat()
        (text,) = await loan.messages()
        assert loan.loan.number in text
        ((phone, sms),) = gateway.sent.values()
        assert phone == loan.person.phone
        assert not any(sign.isdigit() for sign in sms)
        assert len(sms) <= 70  # one UCS-2 message
        assert "notice-arrears" in await loan.trail()

    async def test_it_is_sent_once_an_episode_however_often_it_is_tried(
        self, tend: Callable[..., Any], loan: Borrowed, notices: Notices, gateway: Gateway
    ) -> None:
        found = await self.found(tend)
        first = await notices.send_arrears_notice(found)
        assert await notices.send_arrears_notice(found) == first
        for _ in range(2):
            await notices.text_client(NoticeRef(notice_id=first))
        assert len(await loan.notices()) == len(gateway.sent) == len(await loan.messages()) == 1
        later = await tend(DUE + 20 * A_DAY)
        assert (later.notice, later.notice_by, later.arrears_since) == (None, None, DUE + A_DAY)

    async def test_two_workers_at_once_send_one(
        self, tend: Callable[..., Any], loan: Borrowed, notices: Notices
    ) -> None:
        found = await self.found(tend)
        both = await asyncio.gather(notices.send_arrears_notice(found), notices.send_arrears_notice(found))
        assert both[0] == both[1]
        assert len(await loan.notices()) == 1

    async def test_another_episode_has_a_notice_of_its_own(
        self, tend: Callable[..., Any], loan: Borrowed, notices: Notices
    ) -> None:
        await notices.send_arrears_notice(await self.found(tend))
        await loan.pay(DUE + 5 * A_DAY, ROWS[0].payment + Money(10_000))
        assert (await tend(DUE + 6 * A_DAY)).arrears_since is None
        await notices.send_arrears_notice(await self.found(tend, ROWS[1].due + 2 * A_DAY))
        assert [one.figures["since"] for one in await loan.notices()] == [
            (DUE + A_DAY).isoformat(),
            (ROWS[1].due + A_DAY).isoformat(),
        ]

    async def test_who_has_paid_meanwhile_gets_none(
        self, tend: Callable[..., Any], loan: Borrowed, notices: Notices
    ) -> None:
        found = await self.found(tend)
        await loan.pay(DUE + 2 * A_DAY, ROWS[0].payment + Money(10_000))
        assert await notices.send_arrears_notice(found) is None
        assert await loan.notices() == []

    async def test_a_notice_that_is_late_says_so(
        self, tend: Callable[..., Any], loan: Borrowed, notices: Notices
    ) -> None:
        found = await self.found(tend, DUE + 11 * A_DAY)
        care = LoanCare(loan.world.records)
        await care.notice_late(found)
        await care.notice_late(found)
        await notices.send_arrears_notice(found)
        async with loan.world.moment() as moment:
            trail = await audit.of_subject(moment.session, f"loan:{loan.ref.loan_id}")
        assert [one["action"] for one in trail].count("arrears-notice-late") == 1
        (sent,) = (one for one in trail if one["action"] == "notice-arrears")
        assert sent["detail"]["in_time"] is False

    async def test_a_notice_on_the_last_day_is_in_time(
        self, tend: Callable[..., Any], loan: Borrowed, notices: Notices
    ) -> None:
        await notices.send_arrears_notice(await self.found(tend, DUE + 10 * A_DAY))
        async with loan.world.moment() as moment:
            trail = await audit.of_subject(moment.session, f"loan:{loan.ref.loan_id}")
        (sent,) = (one for one in trail if one["action"] == "notice-arrears")
        assert sent["detail"]["in_time"] is True

    async def test_a_gateway_that_is_away_is_tried_again_and_one_that_refuses_is_noted(
        self, tend: Callable[..., Any], loan: Borrowed, notices: Notices, gateway: Gateway
    ) -> None:
        notice_id = await notices.send_arrears_notice(await self.found(tend))
        gateway.failure = Unavailable("away")
        with pytest.raises(Unavailable):
            await notices.text_client(NoticeRef(notice_id=notice_id))
        assert (await loan.notices())[0].sms_at is None
        gateway.failure = InvalidInput("phone-rejected")
        await notices.text_client(NoticeRef(notice_id=notice_id))
        (notice,) = await loan.notices()
        assert (notice.sms_id, notice.sms_at is None) == (None, False)
        assert "notice-not-texted" in await loan.trail()


class TestClosing:
    @pytest.fixture
    def closing(self, loan: Borrowed) -> Closing:
        return Closing(loan.world.records, Stamp(), LENDER)

    async def test_the_certificate_is_sealed_archived_and_told_of_once(self, loan: Borrowed, closing: Closing) -> None:
        await loan.pay(DUE, "200000.00")
        ended = await closing.certify(loan.ref)
        assert await closing.certify(loan.ref) == ended
        assert ended.ended == DUE
        document, pdf = await loan.document(ended.document_id)
        assert document.kind == CERTIFICATE
        assert pdf.endswith(b"%sealed")
        (notice,) = await loan.notices()
        assert (notice.kind, notice.id, notice.document_id) == ("CLOSED", ended.notice_id, ended.document_id)
        assert len(await loan.messages()) == 1
        async with loan.world.moment() as moment:
            found = await certificate_of(moment, await loan.row())
        assert found is not None
        assert found.id == ended.document_id

    async def test_a_loan_that_is_owed_gets_none(self, loan: Borrowed, closing: Closing) -> None:
        loan.world.day = DUE
        with pytest.raises(Conflict, match="loan-still-owed"):
            await closing.certify(loan.ref)
        assert await loan.notices() == []

    async def test_a_debt_that_came_back_hides_the_certificate(self, loan: Borrowed, closing: Closing) -> None:
        await loan.pay(DUE, "200000.00", key=f"bank:{loan.ref.loan_id}")
        await closing.certify(loan.ref)
        wrong = Corrected(
            key=f"c:{loan.ref.loan_id}", value_date=DUE, known_at=noon(DUE + A_DAY),
            wrong=f"bank:{loan.ref.loan_id}", reason="bounced",
        )  # fmt: skip
        await loan.happened(wrong, DUE + A_DAY)
        async with loan.world.moment() as moment:
            assert await certificate_of(moment, await loan.row()) is None

    async def test_documents_stay_for_the_years_after_the_real_end(self, loan: Borrowed, closing: Closing) -> None:
        last = ROWS[-1].due + 400 * A_DAY  # paid long after the plan
        await loan.pay(last, "900000.00")
        ended = await closing.certify(loan.ref)
        assert await closing.extend_documents(loan.ref) == 0  # this one was locked long enough at once
        least = retain_until(last, last)
        assert (await loan.document(ended.document_id))[0].retain_until >= least

    async def test_locks_follow_a_loan_that_outlives_its_plan(
        self, loan: Borrowed, closing: Closing, tend: Callable[..., Any]
    ) -> None:
        async with loan.world.moment() as moment:
            short = await loan.world.documents.keep(
                moment.session, b"card", kind="id_card_front", media_type="image/jpeg", direction="received",
                client=loan.client, retain_until=moment.retain_until(),
            )  # fmt: skip
        assert not (await tend(DUE)).locks_short
        years_later = short.retain_until.date() - timedelta(days=300)
        assert (await tend(years_later)).locks_short
        assert await closing.extend_documents(loan.ref) == 1
        async with loan.world.moment() as moment:
            query = select(Document.retain_until).where(col(Document.id) == short.id)
            assert (await moment.session.exec(query)).one() >= retain_until(years_later, years_later)
        assert not (await tend(years_later)).locks_short


class TestHistories:
    async def archived(self, loan: Borrowed, run_id: str) -> UUID:
        async def fetch(workflow_id: str, run: str) -> bytes:
            return f"{workflow_id} {run}".encode()

        environment = ActivityEnvironment()
        environment.info = dataclasses.replace(environment.info, workflow_run_id=run_id)
        wanted = HistoryWanted(
            workflow_id="loan/1", client_id=loan.client.id, loan_id=loan.ref.loan_id, kind="loan_history"
        )
        found: UUID = await environment.run(Histories(loan.world.records, fetch).archive_history, wanted)
        return found

    async def test_each_run_of_a_case_is_archived_once(self, loan: Borrowed) -> None:
        first, again, second = [await self.archived(loan, str(run)) for run in (HERE, HERE, uuid4())]
        assert first == again != second
        document, content = await loan.document(first)
        assert content == f"loan/1 {HERE}".encode()
        assert document.kind == f"loan_history_{str(HERE)[-12:]}"
        assert document.application_id == loan.loan.application_id
        assert document.retain_until >= retain_until(ROWS[-1].due, TERMS.disbursed)


class TestWishes:
    async def test_without_a_wish_money_waits_for_what_is_due(self, loan: Borrowed) -> None:
        async with loan.world.moment() as moment:
            assert await wishes.use_for(moment.session, loan.ref.loan_id, DUE) is Use.DUE

    async def test_the_newest_wish_counts_until_its_last_day(self, loan: Borrowed) -> None:
        loan.world.day = DUE
        async with loan.world.moment() as moment:
            await wishes.wish(moment, loan.ref.loan_id, Use.SHORTER_TERM, wish_id=uuid4(), actor="system:test")
        loan.world.day = DUE + A_DAY
        async with loan.world.moment() as moment:
            kept = await wishes.wish(
                moment, loan.ref.loan_id, Use.SMALLER_INSTALMENT, wish_id=uuid4(), actor="system:test"
            )
        async with loan.world.moment() as moment:
            uses = [await wishes.use_for(moment.session, loan.ref.loan_id, kept.until + n * A_DAY) for n in (0, 1)]
            before = await wishes.use_for(moment.session, loan.ref.loan_id, DUE)
        assert uses == [Use.SMALLER_INSTALMENT, Use.DUE]
        assert before is Use.DUE  # a wish is no word about earlier money

    async def test_the_same_wish_again_is_one(self, loan: Borrowed) -> None:
        wish_id = uuid4()
        async with loan.world.moment() as moment:
            for _ in range(2):
                await wishes.wish(moment, loan.ref.loan_id, Use.SHORTER_TERM, wish_id=wish_id, actor="system:test")
        assert (await loan.trail()).count("repayment-wished") == 1


async def test_a_notice_is_changed_in_nothing_but_its_sms(loan: Borrowed) -> None:
    with pytest.raises(ProgrammingError):
        async with loan.world.moment() as moment:
            await run(moment.session, "update loan_notice set sent_at = now()")
