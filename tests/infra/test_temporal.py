"""The wiring against a real Temporal server: every kind of payload goes through, nothing of ours stands in plain."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import demo_case
import pytest
import pytest_asyncio
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHistory, WorkflowUpdateFailedError
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer, Worker

from activities.interceptors import BusinessErrors
from infra.codec import PayloadKeys
from infra.temporal import RUNNER, connect, data_converter, target
from rules.money import Money
from workflows import attributes

TEMPORAL = str(Path(sys.executable).with_name("temporal"))
KEYS = PayloadKeys({"t": secrets.token_bytes(32)}, "t")
CASE = demo_case.DemoCase(iin=demo_case.PLANTED_IIN, amount=Money("150000.50"))
SEARCHABLE = [attributes.CASE_KIND, attributes.STAGE, attributes.NEEDS_PERSON]


@pytest_asyncio.fixture(scope="module")
async def client() -> AsyncIterator[Client]:
    converter = data_converter(KEYS)
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=TEMPORAL, data_converter=converter, search_attributes=SEARCHABLE
    ) as server:
        yield server.client


@pytest_asyncio.fixture(scope="module")
async def worker(client: Client) -> AsyncIterator[Worker]:
    async with Worker(
        client,
        task_queue=demo_case.QUEUE,
        workflows=[demo_case.Demo, demo_case.Child],
        activities=[demo_case.ask_bureau, demo_case.nothing],
        interceptors=[BusinessErrors()],
        workflow_runner=RUNNER,
        workflow_failure_exception_types=[*demo_case.failures()],
    ) as running:
        yield running


async def stage(client: Client, workflow_id: str, wanted: str) -> demo_case.DemoView:
    handle = client.get_workflow_handle_for(demo_case.Demo.run, workflow_id)
    for _ in range(600):
        view = await handle.query(demo_case.Demo.view)
        if view.stage == wanted:
            return view
        await asyncio.sleep(0.1)
    raise AssertionError(f"the case stands at {view.stage}, not at {wanted}")


async def waiting_case(client: Client, workflow_id: str) -> None:
    await client.start_workflow(
        demo_case.Demo.run, args=[CASE, 0], id=workflow_id, task_queue=demo_case.QUEUE,
        memo={"who": demo_case.PLANTED_NAME}, static_summary="Дело", static_details="Подробности",
    )  # fmt: skip
    await stage(client, workflow_id, "WAITS")


async def history_of(client: Client, workflow_id: str) -> WorkflowHistory:
    return await client.get_workflow_handle(workflow_id).fetch_history()


async def test_every_kind_of_payload_survives_and_none_is_stored_in_plain(client: Client, worker: Worker) -> None:
    await waiting_case(client, "case/1")
    handle = client.get_workflow_handle_for(demo_case.Demo.run, "case/1")
    first_run = [run.run_id async for run in client.list_workflows("WorkflowId = 'case/1'")]
    await handle.signal(demo_case.Demo.note, "пришёл документ")
    view = await handle.execute_update(demo_case.Demo.approve, demo_case.Approve(note="хорошо"))
    assert (view.amount, view.signals) == (Money("150000.50"), 1)
    assert (await handle.result()).stage == "DONE"
    assert await (await handle.describe()).memo() == {"who": demo_case.PLANTED_NAME}
    stored = [(await history_of(client, "case/1")).to_json()]
    stored += [
        (await client.get_workflow_handle("case/1", run_id=run_id).fetch_history()).to_json() for run_id in first_run
    ]
    stored += [(await history_of(client, "case/1/child")).to_json()]
    whole = "".join(stored)
    assert base64.b64encode(b"binary/encrypted").decode() in whole
    assert demo_case.PLANTED_IIN not in whole
    in_plain = {place for text in stored for place in plain_payloads(json.loads(text))}
    # Search attributes are plain by design; the two markers hold the SDK's own change ids and sequence numbers.
    assert in_plain <= {"searchAttributes.indexedFields", "details.data.payloads", "details.patch-data.payloads"}


def plain_payloads(node: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Where payloads stand that are not sealed, without the attribute's name at the end."""
    if isinstance(node, dict):
        if "metadata" in node and "encoding" in node["metadata"]:
            if base64.b64decode(node["metadata"]["encoding"]) != b"binary/encrypted":
                yield ".".join(path[-3:-1] if "searchAttributes" in path else path[-3:])
            return
        for name, value in node.items():
            yield from plain_payloads(value, (*path, name))
    elif isinstance(node, list):
        for value in node:
            yield from plain_payloads(value, path)


async def test_a_history_replays_with_the_same_converter_and_runner(client: Client, worker: Worker) -> None:
    await waiting_case(client, "case/replay")
    replayer = Replayer(workflows=[demo_case.Demo], data_converter=data_converter(KEYS), workflow_runner=RUNNER)
    await replayer.replay_workflow(await history_of(client, "case/replay"))


async def test_plain_signals_and_updates_are_refused_and_the_case_goes_on(client: Client, worker: Worker) -> None:
    await waiting_case(client, "case/plain")
    plain = Client(client.service_client, namespace=client.namespace, data_converter=pydantic_data_converter)
    by_hand = plain.get_workflow_handle("case/plain")
    await by_hand.signal("note", "typed by hand")
    with pytest.raises(WorkflowUpdateFailedError):
        await by_hand.execute_update("approve", {"note": "typed by hand"})
    view = await stage(client, "case/plain", "WAITS")
    assert view.signals == 0
    handle = client.get_workflow_handle_for(demo_case.Demo.run, "case/plain")
    await handle.execute_update(demo_case.Demo.approve, demo_case.Approve(note="ours"))
    assert (await handle.result()).stage == "DONE"


async def test_a_plainly_started_workflow_does_not_run(client: Client, worker: Worker) -> None:
    plain = Client(client.service_client, namespace=client.namespace, data_converter=pydantic_data_converter)
    handle = await plain.start_workflow("Demo", args=[CASE, 0], id="case/plain-start", task_queue=demo_case.QUEUE)
    for _ in range(600):
        types = [event.event_type for event in (await handle.fetch_history()).events]
        if EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED in types:
            break
        await asyncio.sleep(0.1)
    assert EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED in types
    assert EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED not in types
    await handle.terminate()


async def test_a_business_error_of_a_validator_or_handler_arrives_with_its_code(client: Client, worker: Worker) -> None:
    await waiting_case(client, "case/codes")
    handle = client.get_workflow_handle_for(demo_case.Demo.run, "case/codes")
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await handle.execute_update(demo_case.Demo.approve, demo_case.Approve(note="too late"))
    cause = refused.value.cause
    assert isinstance(cause, ApplicationError)
    assert (cause.type, list(cause.details)) == ("already-decided", ["Conflict", "/note"])
    await handle.terminate()


async def test_connecting_waits_patiently_and_lazily_and_honours_the_standard_variables(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = client.service_client.config.target_host
    converter = data_converter(KEYS)
    for options in ({"retry": "patient"}, {"retry": "quick", "lazy": True}):
        found = await connect(address, "default", converter, **options)  # type: ignore[arg-type]
        assert await found.count_workflows("WorkflowId = 'none'")
    with pytest.raises(RuntimeError):
        await connect("127.0.0.1:1", "default", converter, retry="quick")
    monkeypatch.setenv("TEMPORAL_ADDRESS", address)
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "elsewhere")
    assert target("127.0.0.1:1", "nesie") == {"target_host": address, "namespace": "elsewhere"}
    monkeypatch.setenv("TEMPORAL_API_KEY", "key")
    assert target("127.0.0.1:1", "nesie")["tls"] is True
