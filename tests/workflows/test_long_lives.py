"""A loan's case lives for years: its history is cut into runs, and nothing that comes meanwhile is lost.

Real: a Temporal server that suggests a new run after a few dozen events instead of thousands. Played: activities.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.interceptors import BusinessErrors
from infra.temporal import RUNNER
from rules.errors import BusinessError
from rules.money import Money
from tests.support.loan_life import LoanLife
from tests.support.played import Played
from tests.support.turned import Patience
from tests.workflows.conftest import ATTRIBUTES, CONVERTER, TEMPORAL, WORKFLOWS, Starter
from tests.workflows.test_registration import refusal_of
from workflows import attributes
from workflows.furnishing import ASK_AGAIN, FurnishBatch, SendBatch, batch_case_id
from workflows.loan_news import tell_loan
from workflows.messages import ReviewDecided
from workflows.servicing import Servicing

SHORT = 80  # events


@workflow.defn(sandboxed=False)
class Teller:
    """Books something and tells the loan, as payments do."""

    @workflow.run
    async def run(self, loan_id: str) -> None:
        """Tell."""
        await tell_loan(UUID(loan_id))


@pytest.fixture(scope="module")
async def short() -> AsyncIterator[WorkflowEnvironment]:
    """The server."""
    environment = await WorkflowEnvironment.start_time_skipping_v2(
        dev_server_existing_path=TEMPORAL,
        data_converter=CONVERTER,
        search_attributes=ATTRIBUTES,
        dev_server_extra_args=[
            "--dynamic-config-value", f"limit.historyCount.suggestContinueAsNew={SHORT}",
            "--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true",
        ],
    )  # fmt: skip
    async with environment:
        yield environment


@pytest.fixture
async def played() -> Played:
    return Played()


@pytest.fixture
async def start(short: WorkflowEnvironment, played: Played) -> AsyncIterator[Starter]:
    """A worker over the played world."""
    queue = f"test-{uuid4()}"
    async with Worker(
        short.client, task_queue=queue, workflows=[*WORKFLOWS, Teller], activities=played.activities(),
        workflow_runner=RUNNER, debug_mode=True, interceptors=[BusinessErrors()],
        workflow_failure_exception_types=[BusinessError],
    ):  # fmt: skip
        yield Starter(short, queue)


async def overdue(start: Starter, played: Played) -> LoanLife:
    """A loan that has been in arrears for weeks when its case begins."""
    life = LoanLife(start, played)
    played.servicing.lent(life.today_outside() - timedelta(days=50))
    with start.environment.with_time_skipping_disabled():
        life.handle = await start.run(Servicing.run, life.serve, life.case_id)
    await life.asleep()
    return life


async def look_often(life: LoanLife, times: int) -> None:
    for _ in range(times):
        looks = len(life.days_of("tend"))
        await life.handle.signal(Servicing.loan_changed)
        await life.asleep(lambda view, looks=looks: len(life.days_of("tend")) > looks)


async def test_a_long_life_is_cut_into_runs_that_remember_what_was_done(start, played):
    life = await overdue(start, played)
    await look_often(life, 12)
    view = await life.asleep()
    assert view.part >= 2
    assert life.calls.count("furnish:NEW") == 1
    assert life.calls.count("furnish:UPDATE") == 1  # that arrears began
    assert len(life.days_of("notice")) == 1
    assert life.calls.count("history") == view.part - 1
    described = await life.handle.describe()
    assert described.history_length < SHORT * 2
    await life.handle.terminate()


async def test_word_that_comes_while_a_run_ends_reaches_the_next(start, played):
    life = await overdue(start, played)
    for _ in range(30):
        await life.handle.signal(Servicing.loan_changed)
        await asyncio.sleep(0.02)
    await life.pays(life.today_outside(), Money(500_000))
    await life.until("certify")
    await life.handle.terminate()


async def test_updates_that_come_while_a_run_ends_are_answered(start, played):
    life = await overdue(start, played)
    decided = ReviewDecided(review_id=uuid4(), decision_id=uuid4())

    async def ask() -> str:
        return await refusal_of(life.handle, Servicing.review_decided, decided)

    answers = []
    while (await life.asleep()).part < 3:
        await life.handle.signal(Servicing.loan_changed)
        answers += await asyncio.gather(*(ask() for _ in range(3)))
    assert set(answers) == {"review-not-open"}
    await life.handle.terminate()


class TestTelling:
    async def tell(self, start: Starter, life: LoanLife) -> None:
        with start.environment.with_time_skipping_disabled():
            handle: WorkflowHandle = await start.run(Teller.run, str(life.loan_id), f"teller/{uuid4()}")
            await handle.result()

    async def test_an_open_case_looks_at_once(self, start, played):
        life = await overdue(start, played)
        looks = len(life.days_of("tend"))
        await self.tell(start, life)
        await life.asleep(lambda view: len(life.days_of("tend")) == looks + 1)
        await life.handle.terminate()

    async def test_a_case_that_has_ended_is_taken_up_again(self, start, played):
        life = await overdue(start, played)
        await life.pays(life.today_outside(), Money(175_000))
        await life.handle.terminate()
        played.calls.clear()
        await self.tell(start, life)
        await life.until("tend")
        life.handle = start.environment.client.get_workflow_handle(life.case_id)
        await life.until("furnish:NEW")  # the same key is the same record: nothing is told twice
        await life.handle.terminate()


async def test_a_batch_that_a_bureau_never_finishes_is_asked_about_in_run_after_run(start, played):
    played.furnishing.in_work = 10_000
    batch = uuid4()
    played.furnishing.unfinished = [batch]
    wanted = SendBatch(batch_id=batch, patience_hours=24)
    handle = await start.run(FurnishBatch.run, wanted, batch_case_id(batch))  # its clock jumps from asking to asking
    while played.calls.count("ask-batch") <= len(ASK_AGAIN):
        await asyncio.sleep(0.2)
    async for _ in Patience():  # a new run says so a moment after its beginning
        described = await handle.describe()
        if described.typed_search_attributes.get(attributes.NEEDS_PERSON):
            break
    assert described.run_id != handle.first_execution_run_id
    assert described.typed_search_attributes.get(attributes.NEEDS_PERSON) is True
    assert described.history_length < SHORT * 2
    played.furnishing.in_work = 0
    assert (await handle.result()).accepted == 1
