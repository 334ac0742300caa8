"""Records the histories of organisations, entrepreneurs and changes of bank details; see record_histories.py:

python -m pytest tests/workflows/record_organisations.py
"""

from __future__ import annotations

from activities.details_desk import ACCOUNT
from tests.support.played import Played
from tests.workflows.record_histories import TestRecording as _Recording
from tests.workflows.test_details_change import Wanted, at_the_face
from tests.workflows.test_organisations import ORGANISATION, PASSWORD, decide, paper, signing, up_to_authority
from tests.workflows.test_origination import choose
from tests.workflows.test_registration import FACE, SIGNATURE, up_to_face
from workflows.origination import Origination
from workflows.registration import Registration

save = _Recording().save


async def test_organisation_after_a_second_paper(case):
    played = Played()
    async with case(played) as start:
        handle = await start.registration(**ORGANISATION)
        await up_to_authority(handle)
        await handle.execute_update(Registration.submit_authority, paper("order"))
        await decide(handle, played, "retry")
        await handle.execute_update(Registration.submit_authority, paper("a better one"))
        await decide(handle, played, "approve")
        await handle.execute_update(Registration.submit_signature, SIGNATURE)
        await handle.execute_update(Registration.set_password, PASSWORD)
        await handle.result()
        await save(handle, "registration-organisation")


async def test_entrepreneur(case):
    async with case(Played()) as start:
        handle = await start.registration(signature_needed=False, statement_needed=True)
        await up_to_face(handle)
        await handle.execute_update(Registration.submit_face, FACE)
        await handle.execute_update(Registration.set_password, PASSWORD)
        await handle.result()
        await save(handle, "registration-entrepreneur")


async def test_contract_by_the_face(case):
    async with case(Played()) as start:
        with start.environment.with_time_skipping_disabled():
            handle = await start.origination(signature_needed=False)
            await choose(handle)
            await handle.execute_update(Origination.sign, signing({"face"}))
            await handle.result()
        await save(handle, "application-by-face")


async def test_bank_details(case):
    played = Played()
    async with case(played) as start:
        wanted = await Wanted.begun(start, played, kind=ACCOUNT)
        await at_the_face(wanted)
        await wanted.face()
        await wanted.sign()
        await wanted.ended()
        await save(wanted.handle, "details-account-changed")
