"""Records the histories of write-offs, as record_histories.py does the others:

python -m pytest tests/workflows/record_write_off.py
"""

from __future__ import annotations

from rules.money import Money
from tests.support.loan_life import LoanLife
from tests.support.played import fact
from tests.workflows.record_histories import TestRecording as _Recording
from tests.workflows.test_servicing import Refunding
from tests.workflows.test_write_off import A_LITTLE, Case
from workflows.messages import ReviewDecided
from workflows.servicing import Servicing
from workflows.write_off import WriteOff

save = _Recording().save


async def test_missed_refused_by_the_bank_and_done(case):
    played = Refunding("payout-refused")
    played.known_decisions[fact("decision")] = "retry"
    played.write_offs.suspensions = [7]
    async with case(played) as start:
        one = await Case.begun(start, played)
        await one.turn_to(one.due + A_LITTLE)
        await one.confirmed()
        await one.until("review:MONEY")
        await one.settled()
        decided = ReviewDecided(review_id=fact("review/payout-refused"), decision_id=fact("decision"))
        await one.handle.execute_update(WriteOff.review_decided, decided)
        await one.outcome()
        await save(one.handle, "write-off-late")


async def test_not_in_force_at_first(case):
    played = Refunding()
    played.write_offs.paper, played.write_offs.force, played.write_offs.forces = "CONFIRMED", "ENTERED", 1
    async with case(played) as start:
        one = await Case.begun(start, played)
        played.write_offs.force = "REFUSED"
        await one.told(WriteOff.proof_of_force)
        await one.shows("WAITING_FOR_FORCE", needs_person=True)
        played.write_offs.force, played.write_offs.forces = "CONFIRMED", 2
        await one.told(WriteOff.proof_of_force)
        await one.outcome()
        await save(one.handle, "write-off-done")


async def test_refused(case):
    played = Refunding()
    async with case(played) as start:
        one = await Case.begun(start, played)
        played.write_offs.paper = "REFUSED"
        await one.told()
        await one.outcome()
        await save(one.handle, "write-off-refused")
        await one.loan.handle.terminate()


async def test_a_payment_after_the_write_off(case):
    played = Refunding()
    async with case(played) as start:
        one = await Case.begun(start, played)
        await one.confirmed()
        await one.outcome()
        await one.loan.handle.result()
        played.servicing.return_case = None
        later = LoanLife(start, played, loan_id=one.loan.loan_id)
        played.servicing.paid(later.today_outside(), Money(700))
        with start.environment.with_time_skipping_disabled():
            later.handle = await start.run(Servicing.run, later.serve, later.case_id)
        await later.handle.result()
        await save(later.handle, "servicing-after-write-off")
