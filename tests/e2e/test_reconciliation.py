"""The bank's statement against our payments: all that was issued is found, what is not ours or not theirs is kept.

Real: the whole stack. Simulated: the bank, whose statement is made to say too much or too little.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlmodel import col, select
from temporalio.client import ScheduleBackfill

from activities.reconciliation import GROUND, DayReconciled
from cli.reconcile import reconcile
from infra.settings import Settings
from rules.calendar import local_date
from storage import audit
from storage.tables import Loan, OutboundPayment, Review, StatementLine
from tests.support.real_world import Colleague, offered, our_records, soon, temporal
from workflows.reconciliation import id_of
from workflows.schedules import NIGHTLY, set_up


@pytest.fixture
def today() -> date:
    return local_date(datetime.now(UTC))


async def _issue(app) -> str:
    application = await offered(app)
    await app.sign_contract(application)
    await app.issued(application)
    return application


async def _line(settings: Settings, **known: object) -> StatementLine:
    async with our_records(settings) as kept, kept.database.begin() as session:
        query = select(StatementLine)
        for name, value in known.items():
            query = query.where(getattr(StatementLine, name) == value)
        return (await session.exec(query)).one()


async def test_every_loan_that_was_issued_today_is_in_the_statement(regular, settings: Settings, today: date) -> None:
    application = await _issue(regular)
    found = await reconcile(settings, today)
    assert found.missing == []
    assert found.adds_up
    line = await _line(settings, matched_key=f"disburse:{application}")
    assert (line.state, str(line.amount), line.side) == ("matched", "20000.00", "D")
    async with our_records(settings) as kept, kept.database.begin() as session:
        of_bank = col(OutboundPayment.channel).in_(("bank", "card", "merchant"))
        query = select(Loan.application_id).join(
            OutboundPayment, col(OutboundPayment.application_id) == col(Loan.application_id)
        )
        loans = (await session.exec(query.where(col(Loan.disbursed_on) == today, of_bank))).all()
        lines = (await session.exec(select(StatementLine).where(col(StatementLine.state) == "matched"))).all()
    assert {f"disburse:{one}" for one in loans} <= {one.matched_key for one in lines}


async def _decided(stack, settings: Settings, day: date, decision: str) -> None:
    """Two people decide on the day's review."""
    for number in (1, 2):
        person = await Colleague.hired(stack, settings, f"books{number}-{decision}", "officer", "compliance")
        (await person.log_in()).raise_for_status()
        review = await person.review_of(id_of(day))
        assert (review["kind"], review["ground"]) == ("MONEY", GROUND)
        (await person.claim(review["review_id"])).raise_for_status()
        answer = await person.decide(review["review_id"], decision)
        assert answer.json()["final"] is (number == 2), answer.text
        await person.http.aclose()


async def test_an_unknown_line_is_kept_and_waits_for_two_people(stack, regular, town, settings, today) -> None:
    await _issue(regular)
    await town.fault(service="bank", operation="statement", fault="extra_line", params={"side": "D", "amount": "5.00"})
    found = await reconcile(settings, today)
    strangers = [one for one in found.unexplained if one.startswith("X")]
    assert len(strangers) == 1
    assert found.review_id is not None
    again = await reconcile(settings, today)  # the bank's statement shows it no longer: what was seen stays
    assert strangers[0] not in again.unexplained
    line = await _line(settings, bank_reference=strangers[0])
    assert (line.state, line.matched_key, str(line.amount)) == ("unmatched", None, "5.00")
    async with our_records(settings) as kept, kept.database.begin() as session:
        entries = await audit.of_subject(session, f"statement:{today.isoformat()}")
        review = await session.get_one(Review, found.review_id)
    assert any(strangers[0] in one["detail"].get("unmatched", []) for one in entries)
    assert (review.kind, review.workflow_id, review.state) == ("MONEY", id_of(today), "open")

    case = (await temporal(settings)).get_workflow_handle(id_of(today), result_type=DayReconciled)
    await _decided(stack, settings, today, "approve")
    assert (await case.result()).day == today


async def test_a_loan_that_the_statement_does_not_show_is_found(stack, regular, town, settings, today) -> None:
    application = await _issue(regular)
    await town.fault(service="bank", operation="statement", fault="missing_line")
    found = await reconcile(settings, today)
    assert found.missing == [f"disburse:{application}"]
    assert not found.adds_up
    assert found.review_id is not None
    # two people ask the bank, which mends its statement: reconciled again, nothing is missing
    await _decided(stack, settings, today, "retry")

    async def mended() -> bool:
        now = await reconcile(settings, today)
        return (now.missing, now.adds_up) == ([], True)

    await soon(mended, "the mended statement")


async def test_every_night_starts_the_case_of_the_day_before(settings: Settings) -> None:
    client = await temporal(settings)
    nightly = client.get_schedule_handle(NIGHTLY)
    await soon(nightly.describe, "the schedule")
    await nightly.pause()
    await set_up(client)
    await set_up(client)
    known = (await nightly.describe()).schedule
    assert known.spec.time_zone_name == "Asia/Almaty"
    assert [hour.start for one in known.spec.calendars for hour in one.hour] == [3]
    assert known.policy.catchup_window == timedelta(days=30)
    assert known.state.paused  # what staff paused stays so
    await nightly.unpause()
    # 21:59 to 22:05 UTC holds 03:00 in Almaty of the next day
    missed = datetime(2026, 3, 9, 21, 59, tzinfo=UTC)
    await nightly.backfill(ScheduleBackfill(start_at=missed, end_at=missed + timedelta(minutes=6)))
    case = client.get_workflow_handle(id_of(date(2026, 3, 9)), result_type=DayReconciled)

    async def found() -> DayReconciled | None:
        from temporalio.service import RPCError

        try:
            return await case.result()
        except RPCError:  # not started yet
            return None

    result = await soon(found, "the night's case")
    assert (result.day, result.lines, result.clean) == (date(2026, 3, 9), 0, True)
