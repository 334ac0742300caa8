"""What becomes of an activity's exception, on a real Temporal server, with the log as the worker writes it.

A planted IIN and name stand in exceptions as a database driver or a validator would put them there: they may
reach neither the history, nor the log, nor what the SDK's core prints.
"""

from __future__ import annotations

import asyncio
import io
import logging
import secrets
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import demo_case
import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ActivityError, ApplicationError, ApplicationErrorCategory
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.interceptors import BusinessErrors
from infra import logs
from infra.codec import PayloadKeys
from infra.temporal import RUNNER, data_converter
from workflows.options import refusal

TEMPORAL = str(Path(sys.executable).with_name("temporal"))


@dataclass
class Bench:
    """A client, and what the worker has logged so far."""

    client: Client
    log: io.StringIO

    async def run(self, how: str) -> str:
        return await self.client.execute_workflow(demo_case.Misbehave.run, how, id=how, task_queue=demo_case.QUEUE)

    async def history(self, how: str) -> str:
        return (await self.client.get_workflow_handle(how).fetch_history()).to_json()


@pytest.fixture(scope="module")
def worker_log() -> Iterator[io.StringIO]:
    text, root = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(text)
    handler.setFormatter(logs.JsonLines("worker"))
    root.addHandler(handler)
    yield text
    root.removeHandler(handler)


@pytest_asyncio.fixture(scope="module")
async def bench(worker_log: io.StringIO) -> AsyncIterator[Bench]:
    converter = data_converter(PayloadKeys({"t": secrets.token_bytes(32)}, "t"))
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=TEMPORAL, data_converter=converter
    ) as server:
        async with Worker(
            server.client,
            task_queue=demo_case.QUEUE,
            workflows=[demo_case.Misbehave],
            activities=[demo_case.misbehave],
            interceptors=[BusinessErrors()],
            workflow_runner=RUNNER,
        ):
            yield Bench(server.client, worker_log)


async def test_a_business_error_is_final_after_one_attempt_and_keeps_its_code(bench: Bench) -> None:
    with pytest.raises(WorkflowFailureError) as failed:
        await bench.run("refusal")
    error = failed.value.cause
    assert isinstance(error, ActivityError)
    cause = error.cause
    assert isinstance(cause, ApplicationError)
    assert (cause.type, cause.non_retryable, cause.message) == ("code-wrong", True, "the code is not right")
    assert list(cause.details) == ["NotConfirmed", "/code"]
    assert cause.category == ApplicationErrorCategory.BENIGN
    assert refusal(error) is cause
    assert (await bench.history("refusal")).count('"attempt": 1') == (await bench.history("refusal")).count('"attempt"')
    assert "code-wrong" not in bench.log.getvalue(), "an expected answer is not an alarm"


async def test_a_fault_is_tried_again_until_it_passes(bench: Bench) -> None:
    assert await bench.run("fault") == "attempt 3"
    assert "the gateway is away" in bench.log.getvalue()


async def test_a_bug_is_tried_again_and_its_text_stays_in_the_process(
    bench: Bench, capfd: pytest.CaptureFixture[str]
) -> None:
    assert await bench.run("bug") == "attempt 2"
    history, log = await bench.history("bug"), bench.log.getvalue()
    printed = "".join(capfd.readouterr())
    assert "KeyError" in log
    assert "demo_case.misbehave" in log, "the place of the bug is told"
    for text in (history, log, printed):
        assert demo_case.PLANTED_IIN not in text
        assert demo_case.PLANTED_NAME not in text
    assert '"type": "Bug"' in history


async def test_the_text_of_a_bug_in_a_workflow_is_sealed_and_not_logged(
    bench: Bench, capfd: pytest.CaptureFixture[str]
) -> None:
    how = "bug of the workflow"
    handle = await bench.client.start_workflow(demo_case.Misbehave.run, how, id=how, task_queue=demo_case.QUEUE)
    history = await bench.history(how)
    while "WORKFLOW_TASK_FAILED" not in history:
        await asyncio.sleep(0.1)
        history = await bench.history(how)
    await handle.terminate()
    assert "KeyError" in bench.log.getvalue(), "the workflow waits for a fix, and the log says so"
    for text in (history, bench.log.getvalue(), "".join(capfd.readouterr())):
        assert demo_case.PLANTED_IIN not in text
        assert demo_case.PLANTED_NAME not in text


def test_only_a_business_error_is_a_refusal() -> None:
    assert refusal(ApplicationError("away", type="Unavailable")) is None
    assert refusal(ValueError("x")) is None
