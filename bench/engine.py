"""The engine alone: as many no-op activities and updates as one loan has, on the same server, nothing else."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.worker import Worker

from bench import noop
from infra.codec import PayloadKeys
from infra.settings import Settings, load
from infra.temporal import RUNNER, connect, data_converter
from workflows.options import BIOMETRICS_QUEUE

QUEUE = "bench-engine"


async def client_of(settings: Settings) -> Client:
    """A client with our own converter."""
    return await connect(
        settings.temporal.address, settings.temporal.namespace, data_converter(PayloadKeys.of(settings.keys))
    )


@asynccontextmanager
async def instant_biometrics(settings: Settings) -> AsyncIterator[None]:
    """A worker on the biometrics queue that answers at once: what is measured then is everything else."""
    worker = Worker(
        await client_of(settings), task_queue=BIOMETRICS_QUEUE, activities=[noop.read_card, noop.check_face]
    )
    async with worker:
        yield


async def sizes_of_a_case(settings: Settings, case: dict[str, str]) -> noop.Sizes:
    """How many activities, local activities, updates and workflows one loan took, counted in its own histories."""
    client = await client_of(settings)
    sizes = noop.Sizes()
    application = case["application"]
    names = (f"application/{application}", f"disbursement/{application}")
    for workflow in (f"registration/{case['client']}", *names, f"loan/{case['loan']}"):
        history = await client.get_workflow_handle(workflow).fetch_history()
        sizes.workflows += 1
        for event in history.events:
            sizes.activities += event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
            sizes.local_activities += event.event_type == EventType.EVENT_TYPE_MARKER_RECORDED
            sizes.updates += event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED
    return sizes


async def raw(settings: Settings, state: Path, sizes: noop.Sizes, loans: int, concurrency: int) -> dict[str, Any]:
    """Loans a second of the engine alone: worker in a process of its own, as ours is."""
    client = await client_of(settings)
    environment = {**os.environ, "NESIE_STATE": str(state)}
    worker = await asyncio.create_subprocess_exec(sys.executable, "-m", "bench.engine", env=environment)
    slots = asyncio.Semaphore(concurrency)
    try:

        async def one(n: int) -> None:
            async with slots:
                handle = await client.start_workflow(
                    noop.EngineCase.run, sizes, id=f"bench-engine/{time.time_ns()}-{n}", task_queue=QUEUE
                )
                for _ in range(sizes.updates):
                    await handle.execute_update(noop.EngineCase.act, noop.Nothing())
                await handle.result()

        await asyncio.wait_for(one(-1), 60)  # warm, and sure that the worker is there
        began = time.perf_counter()
        await asyncio.gather(*map(one, range(loans)))
        seconds = time.perf_counter() - began
    finally:
        worker.terminate()
        await worker.wait()
    return {"rate": round(loans / seconds, 3), **sizes.model_dump()}


async def _serve() -> None:
    worker = Worker(
        await client_of(load()),
        task_queue=QUEUE,
        workflows=[noop.EngineCase, noop.EngineChild],
        activities=[noop.nothing],
        workflow_runner=RUNNER,
    )
    async with worker:
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve())
