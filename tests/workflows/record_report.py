"""Records the histories of reports to the regulator; see record_histories.py:

python -m pytest tests/workflows/record_report.py
"""

from __future__ import annotations

from datetime import timedelta

from tests.support.played import Played
from tests.workflows.record_histories import TestRecording as _Recording
from tests.workflows.test_report import A_LITTLE, Reported

save = _Recording().save


async def test_accepted_at_once(case):
    played = Played()
    async with case(played) as start:
        report = await Reported.begun(start, played)
        await report.ended()
        await save(report.handle, "report-accepted")


async def test_faulty_then_late_at_a_closed_portal(case):
    played = Played()
    async with case(played) as start:
        report = await Reported.begun(start, played, faulty=[1], portal=3)
        await report.at("FAULTY")
        await report.turn_to(report.due + A_LITTLE, "FAULTY")
        await report.again()
        await report.at("READY")
        await start.environment.fast_forward(report.handle, timedelta(hours=2))
        await report.ended()
        await save(report.handle, "report-faulty-late")


async def test_refused_a_day_later_and_handed_in_again(case):
    played = Played()
    async with case(played) as start:
        report = await Reported.begun(start, played, receipts=["SENT"])
        await report.at("SENT")
        begun = await start.environment.get_current_time(report.handle)
        played.reports.receipts = ["SENT", "REJECTED", "ACCEPTED"]
        await report.turn_to(begun + timedelta(days=1), "REJECTED")
        await report.again()
        await report.ended()
        await save(report.handle, "report-rejected")


async def test_a_receipt_after_the_last_day_then_refused(case):
    played = Played()
    async with case(played) as start:
        report = await Reported.begun(start, played, receipts=["SENT"])
        await report.at("SENT")
        await report.turn_to(report.due + A_LITTLE, "SENT")
        played.reports.receipts = ["REJECTED", "ACCEPTED"]
        await report.turn_to(report.due + timedelta(days=1), "REJECTED")
        await report.again()
        await report.ended()
        await save(report.handle, "report-refused-late")
