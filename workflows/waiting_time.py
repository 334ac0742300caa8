"""The waiting time between signing and money, and the second confirmation after it.

A part of Origination.

Rules: law 205-VIII.
"""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow

from activities.applications import Applications, StageReached
from workflows.application_case import ApplicationCase, Ended
from workflows.cases import do_here, wrong_step
from workflows.messages import ApplicationView, ConfirmLoan


class WaitingTime:
    """The step and its update."""

    _case: ApplicationCase

    async def _wait_and_confirm(self) -> None:
        if self._case.waiting_until is None:
            return
        self._case.show("WAITING")
        wait = self._case.waiting_until - workflow.now()
        if wait > timedelta(0):
            # who declines need not wait for the end
            await self._case.until(lambda: self._case.confirmed is False, "период ожидания", wait)
        await self._case.until(
            lambda: self._case.confirmed is not None,
            "второе подтверждение клиента",
            timedelta(hours=self._case.start.confirmation_hours),
            "not-confirmed-after-waiting",
        )
        if not self._case.confirmed:
            raise Ended("WITHDRAWN", "declined-after-waiting")

    @workflow.update(description="Второе подтверждение после ожидания")
    async def confirm(self, answer: ConfirmLoan) -> ApplicationView:
        """The client confirms, or declines, after the waiting time."""
        self._case.confirmed = answer.confirmed
        await do_here(
            Applications.confirmed,
            StageReached(
                ref=self._case.ref, stage="WAITING", grounds=[] if answer.confirmed else ["declined-after-waiting"]
            ),
        )
        return self._case.view()

    @confirm.validator
    def _may_confirm(self, answer: ConfirmLoan) -> None:
        self._case.expect("WAITING")
        if self._case.entering is not None:  # its end is being stored: nothing is confirmed any more
            raise wrong_step("wrong-step")
        if self._case.confirmed is not None:
            raise wrong_step("already-confirmed")
        if answer.confirmed and self._case.waiting_until is not None and workflow.now() < self._case.waiting_until:
            raise wrong_step("waiting-time-not-over")
