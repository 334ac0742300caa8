"""A real Temporal server with a virtual clock for each workflow, and a worker with played activities."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import WorkflowHandle
from temporalio.common import SearchAttributeKey
from temporalio.testing import TimeSkippingConfig, WorkflowEnvironment
from temporalio.worker import Worker

from activities.interceptors import BusinessErrors
from infra.codec import PayloadKeys
from infra.temporal import RUNNER, data_converter
from rules.errors import BusinessError
from tests.support.one_day import wait_out_midnight
from tests.support.played import Played, fact
from workflows import attributes
from workflows.everything import WORKFLOWS
from workflows.messages import ApplyForLoan, RegisterClient
from workflows.options import BIOMETRICS_QUEUE
from workflows.origination import Origination
from workflows.registration import Registration

KEYS = PayloadKeys({"test": bytes(32)}, "test")
CONVERTER = data_converter(KEYS)
TEMPORAL = str(Path(sys.executable).parent / "temporal")
ATTRIBUTES: list[SearchAttributeKey] = [
    attributes.CASE_KIND, attributes.STAGE, attributes.NEEDS_PERSON, attributes.EDITION, attributes.DEADLINE,
    attributes.DEADLINE_RULE,
]  # fmt: skip


@pytest.fixture(autouse=True)
def _a_day_that_does_not_end() -> None:
    """Every virtual clock begins on the real day, and so do the days that a test counts from."""
    wait_out_midnight(timedelta(minutes=2))


@pytest.fixture(scope="session")
async def skipping() -> AsyncIterator[WorkflowEnvironment]:
    """The server; its clocks jump over timers."""
    environment = await WorkflowEnvironment.start_time_skipping_v2(
        ts_config=TimeSkippingConfig(max_session_skip_count=0),
        dev_server_existing_path=TEMPORAL,
        data_converter=CONVERTER,
        search_attributes=ATTRIBUTES,
        dev_server_extra_args=["--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true"],
    )
    async with environment:
        yield environment


@pytest.fixture
def case(skipping):
    """`async with case(played) as start:` a worker over the played world; start.registration(), start.origination()."""

    @asynccontextmanager
    async def running(played: Played, *more: type) -> AsyncIterator[Starter]:
        queue = f"test-{uuid4()}"
        common = {"interceptors": [BusinessErrors()], "workflow_failure_exception_types": [BusinessError]}
        played_activities = played.activities()
        async with (
            Worker(
                skipping.client, task_queue=queue, workflows=list(dict.fromkeys([*WORKFLOWS, *more])),
                activities=played_activities, workflow_runner=RUNNER, debug_mode=True, **common,
            ),
            Worker(
                skipping.client, task_queue=BIOMETRICS_QUEUE,
                activities=[one for one in played_activities if one.__name__ in ("read_card", "check_face")], **common,
            ),
        ):  # fmt: skip
            yield Starter(skipping, queue)

    return running


class Starter:
    """Starts workflows on this test's queue."""

    def __init__(self, environment: WorkflowEnvironment, queue: str) -> None:
        self.environment, self._queue = environment, queue

    async def registration(self, **changes: object) -> WorkflowHandle:
        """A registration, at its first step. Its clock does not jump by itself: on a slow machine it would expire."""
        client = uuid4()
        with self.environment.with_time_skipping_disabled():
            return await self.environment.client.start_workflow(
                Registration.run,
                RegisterClient(client_id=client, edition="2025", **changes),
                id=f"registration/{client}",
                task_queue=self._queue,
            )

    async def origination(self, **changes: object) -> WorkflowHandle:
        """An application, just submitted."""
        application = uuid4()
        return await self.environment.client.start_workflow(
            Origination.run,
            ApplyForLoan(application_id=application, client_id=fact("client"), edition="2025", **changes),
            id=f"application/{application}",
            task_queue=self._queue,
            execution_timeout=timedelta(days=365),
        )

    async def run(self, workflow: Any, argument: object, workflow_id: str) -> WorkflowHandle:
        """Any other workflow."""
        arguments = [] if argument is None else [argument]
        return await self.environment.client.start_workflow(
            workflow, args=arguments, id=workflow_id, task_queue=self._queue
        )
