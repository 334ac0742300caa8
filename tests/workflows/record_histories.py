"""Records tests/histories/*.json, by running the workflows with played activities:

    python -m pytest tests/workflows/record_histories.py

Run it when a release adds a path or changes one; earlier files stay, since histories of running cases look like them.
Not collected with the tests. The payloads are sealed with the test key of conftest.py.
"""

from __future__ import annotations

from uuid import uuid4

import pytest
from temporalio.client import WorkflowHandle

from activities.due_diligence import DecisionMade
from activities.payments import PaymentState
from activities.reconciliation import GROUND
from tests.support.played import Played, fact
from tests.support.played_incoming import a_day
from tests.workflows.test_incoming import DAY, a_key, begun, shows
from tests.workflows.test_origination import SIGN, choose
from tests.workflows.test_registration import CARD, FACE, SIGNATURE, up_to_face
from tests.workflows.test_replay import HISTORIES
from workflows.incoming import IncomingPayment
from workflows.messages import AssignmentConfirmed, ConfirmPhone, ReviewDecided, SendCode, SetPassword
from workflows.origination import Origination
from workflows.reconciliation import Reconcile, ReconcileDay
from workflows.registration import Registration


class TestRecording:
    """Writes one history a path, never over an earlier one."""

    async def save(self, handle: WorkflowHandle, name: str) -> None:
        number = 1 + len(list(HISTORIES.glob(f"{name}.*.json")))
        history = await handle.fetch_history()
        (HISTORIES / f"{name}.{number}.json").write_text(history.to_json())

    async def test_registration(self, case):
        played = Played()
        async with case(played) as start:
            handle = await start.registration()
            await up_to_face(handle)
            await handle.execute_update(Registration.submit_face, FACE)
            await handle.execute_update(Registration.submit_signature, SIGNATURE)
            await handle.execute_update(Registration.set_password, SetPassword(password_hash="hash"))
            await handle.result()
            await self.save(handle, "registration-registered")

    async def test_code_expired(self, case):
        played = Played()
        played.grounds["phone"] = ["code-expired", None]
        async with case(played) as start:
            handle = await start.registration()
            await handle.execute_update(Registration.send_code, SendCode(key="k"))
            await handle.execute_update(Registration.confirm_phone, ConfirmPhone(code="1", key="k"))
            await handle.execute_update(Registration.send_code, SendCode(key="l"))
            await handle.execute_update(Registration.confirm_phone, ConfirmPhone(code="2", key="l"))
            await handle.execute_update(Registration.submit_document, CARD)
            await self.save(handle, "registration-code-expired")
            await handle.terminate()

    async def test_signature_wrong(self, case):
        played = Played()
        played.grounds["signature"] = ["signature-other-person"]
        async with case(played) as start:
            handle = await start.registration()
            await up_to_face(handle)
            await handle.execute_update(Registration.submit_face, FACE)
            await handle.execute_update(Registration.submit_signature, SIGNATURE)
            await handle.result()
            await self.save(handle, "registration-signature-wrong")

    async def test_refused(self, case):
        played = Played()
        played.decisions = [DecisionMade(result="refused", grounds=["voluntary-refusal"])]
        async with case(played) as start:
            handle = await start.origination()
            await handle.result()
            await self.save(handle, "application-refused")

    @pytest.mark.parametrize("unknown", [False, True])
    async def test_approved_and_bank_unknown(self, case, unknown):
        played = Played()
        if unknown:
            played.payments.insert(0, PaymentState(state="unknown"))
        async with case(played) as start:
            with start.environment.with_time_skipping_disabled():
                handle = await start.origination()
                await choose(handle)
                await handle.execute_update(Origination.sign, SIGN)
                await handle.result()
            child = start.environment.client.get_workflow_handle(handle.id.replace("application", "disbursement"))
            if unknown:
                await self.save(child, "disbursement-bank-unknown")
            else:
                await self.save(handle, "application-approved")

    @pytest.mark.parametrize("to", [None, "loan", "payer"])
    async def test_incoming(self, case, to):
        played = Played()
        played.incoming.unseen = 1
        if to is not None:
            played.incoming.state = "UNMATCHED"
        async with case(played) as start:
            with start.environment.with_time_skipping_disabled():
                handle = await begun(start, a_key())
                if to is not None:
                    await shows(handle, "UNMATCHED", needs_person=True)
                    word = AssignmentConfirmed(assignment_id=played.incoming.confirm(to))
                    await handle.execute_update(IncomingPayment.assignment_confirmed, word)
                await handle.result()
            path = {None: "matched", "loan": "unmatched-assigned", "payer": "unmatched-returned"}[to]
            await self.save(handle, f"incoming-{path}")

    async def test_incoming_returned_again(self, case):
        played = Played()
        played.incoming.state = "UNMATCHED"
        played.payments = [PaymentState(state="refused", ground="payout-refused"), PaymentState(state="done")]
        async with case(played) as start:
            with start.environment.with_time_skipping_disabled():
                handle = await begun(start, a_key())
                for to, asked in (("queue", True), ("payer", False), ("payer", True)):
                    await shows(handle, "UNMATCHED", needs_person=asked)
                    word = AssignmentConfirmed(assignment_id=played.incoming.confirm(to))
                    await handle.execute_update(IncomingPayment.assignment_confirmed, word)
                await handle.result()
            await self.save(handle, "incoming-returned-again")

    async def test_incoming_reconciled(self, case):
        played = Played()
        played.incoming.days = [a_day(DAY, unexplained=["X1"], taken=[a_key()]), a_day(DAY)]
        async with case(played) as start:
            with start.environment.with_time_skipping_disabled():
                handle = await start.run(Reconcile.run, ReconcileDay(day=DAY), f"reconcile-test-{uuid4()}")
                await shows(handle, "UNEXPLAINED", needs_person=True)
                played.known_decisions[fact("retry")] = "retry"
                decided = ReviewDecided(review_id=fact(f"review/{GROUND}"), decision_id=fact("retry"))
                await handle.execute_update(Reconcile.review_decided, decided)
                await handle.result()
            await self.save(handle, "reconcile-unexplained")
