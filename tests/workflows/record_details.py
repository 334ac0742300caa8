"""Records the histories of changes of details, leaks, notices of resources, seals and bundles; see record_histories.py:

python -m pytest tests/workflows/record_details.py
"""

from __future__ import annotations

from uuid import uuid4

from temporalio import activity

from activities.audit_seals import SealMade, SealWanted
from activities.bundles.orders import BundleMade, BundleRef
from tests.support.played import Played, fact
from tests.workflows.record_histories import TestRecording as _Recording
from tests.workflows.test_details_change import A_LITTLE, Wanted
from tests.workflows.test_leak import SHOWN, Leaked
from tests.workflows.test_resource_notice import Given
from workflows.audit_seal import SealAudit
from workflows.leak_response import LeakResponse
from workflows.proof_bundle import ExportBundle, MakeBundle
from workflows.resource_notice import ResourceNotice

save = _Recording().save


async def test_details_changed_after_a_second_code(case):
    played = Played()
    played.grounds["change:phone"] = ["code-wrong", None]
    async with case(played) as start:
        wanted = await Wanted.begun(start, played)
        for step in (wanted.phone, wanted.phone, wanted.face, wanted.sign):
            await step()
        await wanted.ended()
        await save(wanted.handle, "details-changed")


async def test_details_expired(case):
    played = Played()
    async with case(played) as start:
        wanted = await Wanted.begun(start, played)
        await wanted.phone()
        await wanted.turn_to(wanted.expires_at + A_LITTLE)
        await wanted.ended()
        await save(wanted.handle, "details-expired")


async def test_leak_confirmed_late(case):
    played = Played()
    async with case(played) as start:
        leaked = await Leaked.begun(start, played)
        await leaked.turn_to(leaked.due + A_LITTLE)
        await leaked.handle.execute_update(LeakResponse.submit_face, SHOWN)
        await leaked.called()
        await leaked.ended()
        await save(leaked.handle, "leak-confirmed-late")


async def test_notice_refused_and_sent_anew(case):
    played = Played()
    played.incident.refusals = 1
    async with case(played) as start:
        given = await Given.begun(start, played)
        await given.stands("REFUSED")
        await given.handle.execute_update(ResourceNotice.retry)
        await given.stands("WAITING")
        await given.turn_to(given.opens + A_LITTLE)
        await given.handle.result()
        await save(given.handle, "resource-notice-refused")


class _Signed(Played):
    """Two seals are needed; a bundle is made at once."""

    def activities(self):
        @activity.defn
        async def seal_audit(wanted: SealWanted) -> SealMade:
            self.calls.append("seal")
            return SealMade(n=len(self.calls), last=10, more=len(self.calls) < 2)

        @activity.defn
        async def make_bundle(ref: BundleRef) -> BundleMade:
            return BundleMade(document_id=fact("bundle"), sha256="0" * 64)

        return [*super().activities(), seal_audit, make_bundle]


async def test_seal_and_bundle(case):
    async with case(_Signed()) as start:
        handle = await start.run(SealAudit.run, None, f"audit-seal-{uuid4()}")
        await handle.result()
        await save(handle, "seal-audit")
        bundle = MakeBundle(bundle_id=uuid4(), loan_id=uuid4(), n=1, edition="2025b")
        handle = await start.run(ExportBundle.run, bundle, f"bundle/{bundle.loan_id}/1")
        await handle.result()
        await save(handle, "bundle-made")
