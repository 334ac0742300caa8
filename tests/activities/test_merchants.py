"""A seller is paid under an agreement in force, after the borrower's own face for exactly this payment.

Real: PostgreSQL, the engine of payouts. Played: faces and the bank. Proven: nothing is ordered from the bank before,
and a look at another application's face counts for nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, cast
from uuid import UUID, uuid4

import pytest
from sqlmodel import col, select

from activities.applications import ApplicationRef
from activities.context import Records
from activities.faces import Faces, FaceShown
from activities.merchants import merchant_ground
from activities.money_ports import Bank, Destination, Payout, Recipient
from activities.payout_orders import PayoutOrder
from activities.payouts import Payouts
from rules.evidence import FaceComparison, FaceDecision, LivenessResult, LivenessVerdict, PassiveFound
from rules.money import Money
from rules.products import ReceivingMethod
from rules.receiving import MERCHANT_ACT, Receiving, merchant_act
from storage import challenges, reviews
from storage.tables import Application, Check, LivenessClip, OutboundPayment
from tests.support.cash_world import hired, signed
from tests.support.servicing_world import opened_records

if TYPE_CHECKING:
    from infra.settings import Archive as ArchiveSettings

SELLER = Receiving(method=ReceivingMethod.MERCHANT, value="ulgi-technika")


@pytest.fixture(scope="module")
async def records(database_url: str, archive_settings: ArchiveSettings) -> AsyncIterator[Records]:
    async with opened_records(database_url, archive_settings) as kept:
        yield kept


async def to_seller(records: Records, how: Receiving = SELLER) -> ApplicationRef:
    return await signed(records, how, purpose="GOODS")


async def looked(records: Records, ref: ApplicationRef, outcome: str, act: str | None = None) -> None:
    """A face was shown and looked at."""
    async with records.moment() as moment:
        moment.session.add(
            Check(
                client_id=ref.client_id, application_id=ref.application_id, step="face", outcome=outcome,
                act=act or merchant_act(ref.application_id), policy_version="1", evidence={}, at=moment.at,
            )
        )  # fmt: skip


async def approved(records: Records, ref: ApplicationRef, kind: str = "IDENTITY", decision: str = "approve") -> None:
    """An officer has looked."""
    people = [await hired(records, None, "officer") for _ in range(2 if kind in reviews.TWO_PEOPLE else 1)]
    async with records.moment() as moment:
        review = await reviews.open_review(
            moment.session, kind=kind, workflow_id=f"application/{ref.application_id}", ground="face-unsure"
        )
        for person in people:
            await reviews.claim(moment.session, review.id, person)
            await reviews.decide(moment.session, review.id, person, decision, "looked-at-it")


async def ground_of(records: Records, ref: ApplicationRef) -> str | None:
    async with records.moment() as moment:
        application = await moment.session.get_one(Application, ref.application_id)
        return await merchant_ground(moment, records, application)


async def test_without_the_borrowers_face_nobody_is_paid(records: Records) -> None:
    ref = await to_seller(records)
    assert await ground_of(records, ref) == "merchant-not-confirmed"
    await looked(records, ref, "passed", "CONTRACT")
    await looked(records, ref, "passed", MERCHANT_ACT)
    await looked(records, ref, "passed", merchant_act(uuid4()))
    await looked(records, await to_seller(records), "passed")
    assert await ground_of(records, ref) == "merchant-not-confirmed"
    await looked(records, ref, "passed")
    assert await ground_of(records, ref) is None


@pytest.mark.parametrize("outcome", ["retry", "review", "refused"])
async def test_a_face_that_did_not_pass_pays_nobody(records: Records, outcome: str) -> None:
    ref = await to_seller(records)
    await looked(records, ref, outcome)
    assert await ground_of(records, ref) == "merchant-not-confirmed"


async def test_an_officer_may_approve_a_face_that_was_shown(records: Records) -> None:
    ref = await to_seller(records)
    await approved(records, ref)  # of the face at signing
    await looked(records, ref, "review")
    assert await ground_of(records, ref) == "merchant-not-confirmed"
    await approved(records, ref, decision="refuse")
    assert await ground_of(records, ref) == "merchant-not-confirmed"
    await approved(records, ref)
    assert await ground_of(records, ref) is None


async def test_an_agreement_that_has_ended_pays_nobody(records: Records) -> None:
    ref = await to_seller(records, Receiving(method=ReceivingMethod.MERCHANT, value="ulgi-kitap"))
    await looked(records, ref, "passed")
    assert await ground_of(records, ref) == "merchant-agreement-ended"


class PlayedBank:
    """Takes what it is told and remembers it."""

    def __init__(self) -> None:
        self.orders: list[tuple[Money, Destination, Recipient]] = []

    async def pay(
        self, key: str, order_id: str, amount: Money, destination: Destination, recipient: Recipient, purpose: str
    ) -> Payout:
        self.orders.append((amount, destination, recipient))
        return Payout(payout_id="p", order_id=order_id, amount=amount, destination=destination, status="ACCEPTED")


async def test_the_bank_hears_of_it_only_after_the_face(records: Records) -> None:
    bank = PlayedBank()
    payouts, ref = Payouts(records, cast(Bank, bank)), await to_seller(records)
    order = PayoutOrder.disbursement(ref)
    state = await payouts.pay(order)
    assert (state.state, state.ground, bank.orders) == ("refused", "merchant-not-confirmed", [])
    async with records.moment() as moment:
        assert await moment.session.get(OutboundPayment, order.key) is None
        assert (await moment.session.get_one(Application, ref.application_id)).stage == "SIGNING"
    await looked(records, ref, "passed")
    assert (await payouts.pay(order)).state == "accepted"
    assert bank.orders == [
        (
            Money(150_000),
            Destination(kind="iban", value="KZ76999KZT0000000101"),
            Recipient(name="ТОО «Улги Техника»", bin="490740000202"),
        )
    ]


class PlayedFaces:
    """A living face that is the enrolled one."""

    def problem(self, image: bytes) -> None:
        return None

    def embedding(self, image: bytes) -> bytes:
        return bytes(512)

    def compare_embedding(self, image: bytes, embedding: bytes) -> FaceComparison:
        return FaceComparison(
            decision=FaceDecision.SAME, cosine=0.9, similarity_percent=99, threshold=0.4, model_sha256="0"
        )

    models: ClassVar[dict[str, str]] = {}

    def check(self, video: bytes, sequence: Any, photo: bytes, policy: Any, **asked: Any) -> LivenessResult:
        return LivenessResult(verdict=LivenessVerdict.LIVE, steps=[], passive=PassiveFound(configured=False))


async def test_the_challenge_of_one_payment_confirms_no_other(records: Records) -> None:
    ref, other = await to_seller(records), await to_seller(records)
    faces = Faces(records, PlayedFaces(), PlayedFaces(), cast(Any, None))  # type: ignore[arg-type]
    async with records.moment() as moment:
        client = await records.clients.get(moment.session, ref.client_id)
        records.clients.seal_embedding(client, bytes(512))
        moment.session.add(client)
        issued = {
            act: (await challenges.issue(moment.session, ref.client_id, act, None, b"session", 120)).id
            for act in ("CONTRACT", merchant_act(other.application_id), merchant_act(ref.application_id))
        }

    async def shown(challenge_id: UUID) -> Any:
        async with records.moment() as moment:
            selfie, video = [
                await records.documents.keep(
                    moment.session, uuid4().bytes, kind=kind, media_type="image/jpeg", direction="received",
                    client=await records.clients.get(moment.session, ref.client_id), retain_until=moment.retain_until(),
                )
                for kind in ("selfie", "liveness_video")
            ]  # fmt: skip
            moment.session.add(
                LivenessClip(
                    document_id=video.id, client_id=ref.client_id, challenge_id=challenge_id, session_hash=b"session",
                    received_at=moment.at, sent_sha256=video.sha256,
                )
            )  # fmt: skip
        return await faces.check_face(
            FaceShown(
                client_id=ref.client_id, act=MERCHANT_ACT, selfie_id=selfie.id, video_id=video.id,
                challenge_id=challenge_id, application_id=ref.application_id,
            )
        )  # fmt: skip

    for act in ("CONTRACT", merchant_act(other.application_id)):
        result = await shown(issued[act])
        assert (result.outcome, result.ground) == ("retry", "challenge-unknown")
        assert await ground_of(records, ref) == "merchant-not-confirmed"
    assert (await shown(issued[merchant_act(ref.application_id)])).outcome == "passed"
    assert await ground_of(records, ref) is None
    async with records.moment() as moment:
        query = select(Check.act, Check.at).where(col(Check.application_id) == ref.application_id)
        rows = (await moment.session.exec(query)).all()
        assert {act for act, _ in rows} == {merchant_act(ref.application_id)}
        assert all(moment.at - at < timedelta(minutes=5) for _, at in rows)
