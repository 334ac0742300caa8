"""A microcredit for goods that goes to their seller: the borrower confirms exactly this payment with their face.

A part of Origination, between signing (and the waiting time) and the money.

Rules: para 9; para 35.
"""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow

from activities.faces import Faces, FaceShown
from rules.evidence import StepOutcome, StepResult
from rules.products import ReceivingMethod
from rules.receiving import MERCHANT_ACT
from workflows import options
from workflows.application_case import ApplicationCase
from workflows.cases import do, wrong_step
from workflows.messages import ConfirmMerchant

STAGE = "MERCHANT_CONFIRMATION"


class MerchantPayment:
    """The step and its update."""

    _case: ApplicationCase

    async def _merchant_payment(self) -> None:
        """Wait for the borrower's face; an officer looks where the machine is not sure."""
        if self._case.start.receiving_method != ReceivingMethod.MERCHANT:
            return
        await self._case.reach(STAGE, [])
        while not self._case.merchant_confirmed:
            await self._case.until(
                lambda: self._case.merchant_confirmed or self._case.stop is not None,
                "подтверждение оплаты продавцу",
                timedelta(hours=self._case.start.merchant_hours),
                "merchant-not-confirmed",
            )
            if await self._case.halted(STAGE) is not None:
                self._case.merchant_confirmed = True  # the officer has looked at this very face

    @workflow.update(description="Клиент подтверждает оплату продавцу: лицо")
    async def merchant_confirmed(self, shown: ConfirmMerchant) -> StepResult:
        """A fresh face against a challenge that was issued for this application's payment and no other."""
        async with self._case.lock:
            await self._case.settled(STAGE)
            self._may_confirm_merchant(shown)
            result = await do(
                Faces.check_face,
                FaceShown(
                    client_id=self._case.start.client_id,
                    act=MERCHANT_ACT,
                    selfie_id=shown.selfie_id,
                    video_id=shown.video_id,
                    challenge_id=shown.challenge_id,
                    application_id=self._case.start.application_id,
                ),
                "лицо при оплате продавцу",
                options.BIOMETRICS,
            )
            self._case.merchant_confirmed |= result.outcome is StepOutcome.PASSED
            return self._case.noted(result)

    @merchant_confirmed.validator
    def _may_confirm_merchant(self, shown: ConfirmMerchant) -> None:
        self._case.expect(STAGE)
        if self._case.merchant_confirmed or self._case.stop is not None:
            raise wrong_step("already-confirmed")
