"""Recorded histories replay on today's code: a running case survives a new release.

Real: the workflow code, the sandbox, the sealed payloads. Recorded: tests/histories/*.json, one path each, written by
record_histories.py. Proven besides: the check can fail.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from infra.temporal import RUNNER
from tests.workflows.conftest import CONVERTER, WORKFLOWS
from workflows.messages import RegisterClient, Registered

HISTORIES = Path(__file__).parents[1] / "histories"
PATHS = {
    "registration-registered",
    "registration-code-expired",
    "registration-signature-wrong",
    "application-approved",
    "application-refused",
    "disbursement-bank-unknown",
    "furnishing-batch",
    "furnishing-collected",
    "furnishing-batch-told",
    "furnishing-round-told",
    "suspension-cancelled",
    "suspension-refused",
    "suspension-written-off",
    "incident-late",
    "incident-clients-told",
    "incident-dismissed",
    "incident-suspected",
    "watch-access",
    "verify-audit",
    "archive-scrub",
    "disbursement-large-approve",
    "disbursement-large-refuse",
    "refund-account-not-owned",
    "refund-account-named",
    "refund-account-silent",
    "refund-back-to-payer",
    "refund-done",
    "refund-people-approve",
    "refund-people-refuse",
    "refund-people-retry",
    "application-merchant",
    "application-cash",
    "collection-paid",
    "collection-not-collected",
    "incoming-matched",
    "incoming-unmatched-assigned",
    "incoming-unmatched-returned",
    "incoming-returned-again",
    "reconcile-unexplained",
    "calendar-moved",
    "disposal-certified",
    "disposal-stopped",
    "servicing-first-edition",
    "servicing-closed",
    "servicing-arrears",
    "servicing-later-run",
    "servicing-refund-beside",
    "restructuring-accepted",
    "restructuring-late",
    "servicing-after-write-off",
    "write-off-done",
    "write-off-late",
    "write-off-refused",
    "report-accepted",
    "report-faulty-late",
    "report-rejected",
    "report-refused-late",
    "complaint-late",
    "details-changed",
    "details-expired",
    "details-account-changed",
    "registration-organisation",
    "registration-entrepreneur",
    "application-by-face",
    "leak-confirmed-late",
    "resource-notice-refused",
    "seal-audit",
    "bundle-made",
    "recovery-changed",
    "recovery-expired",
    "log-in-code",
    "security-notice",
}


@workflow.defn(name="Registration", sandboxed=False)
class Changed:
    """What a careless release would do to a running case."""

    @workflow.run
    async def run(self, start: RegisterClient) -> Registered:
        """Another first step than the recorded one."""
        await workflow.sleep(1)
        return Registered(registered=True)


async def replay(content: str, workflows=WORKFLOWS) -> Exception | None:
    replayer = Replayer(workflows=workflows, data_converter=CONVERTER, workflow_runner=RUNNER)
    history = WorkflowHistory.from_json("replayed", json.loads(content))
    return (await replayer.replay_workflow(history, raise_on_replay_failure=False)).replay_failure


def recorded() -> list[Path]:
    return sorted(HISTORIES.glob("*.json"))


def test_every_path_has_a_history():
    assert {path.name.split(".")[0] for path in recorded()} >= PATHS


@pytest.mark.parametrize("path", recorded(), ids=lambda path: path.stem)
async def test_a_recorded_history_replays(path):
    assert await replay(path.read_text()) is None


async def test_a_history_of_other_code_does_not_replay():
    path = HISTORIES / "registration-registered.1.json"
    assert await replay(path.read_text(), [Changed]) is not None
