"""The door to Temporal: names that the workflows really have, and how their failures read here."""

from __future__ import annotations

import ast
import time
from pathlib import Path

import pytest
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ActivityError, ApplicationError, RetryState
from temporalio.service import RPCError, RPCStatusCode
from temporalio.workflow import _Definition

from api.actions import CaseUnknown, NoAnswer
from api.temporal import TemporalDoor, _answers, refusal
from infra.temporal import connect
from rules.errors import BusinessError, Conflict, NotConfirmed
from workflows.disbursement import Disbursement
from workflows.origination import Origination
from workflows.registration import Registration
from workflows.restructuring import Restructuring

ROOT = Path(__file__).parents[2]
WORKFLOWS = {
    "Registration": Registration,
    "Origination": Origination,
    "Disbursement": Disbursement,
    "Restructuring": Restructuring,
}
SENT = {
    "Registration": {
        "send_code",
        "confirm_phone",
        "submit_document",
        "submit_face",
        "submit_authority",
        "submit_signature",
        "set_password",
    },
    "Origination": {"acknowledge", "choose", "sign", "confirm", "withdraw", "merchant_confirmed"},
    "Restructuring": {"sign", "decline"},
}


@pytest.mark.parametrize("name", sorted(WORKFLOWS))
def test_the_workflows_are_called_as_we_call_them(name: str) -> None:
    definition = _Definition.must_from_class(WORKFLOWS[name])
    assert definition.name == name
    assert SENT.get(name, set()) | {"review_decided"} <= set(definition.updates)


def test_the_bank_wakes_a_signal_that_exists() -> None:
    assert "payout_updated" in _Definition.must_from_class(Disbursement).signals


def test_the_list_of_what_we_send_is_whole() -> None:
    sent: set[str] = set()
    for path in (ROOT / "api" / "routes").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
                if name in ("_call", "_act", "call", "call_of"):
                    constants = [one.value for one in node.args if isinstance(one, ast.Constant)]
                    sent |= {value for value in constants if isinstance(value, str)}
    assert sent == set().union(*SENT.values())


def activity_error(cause: ApplicationError) -> ActivityError:
    error = ActivityError(
        "failed",
        scheduled_event_id=1,
        started_event_id=2,
        identity="",
        activity_type="x",
        activity_id="1",
        retry_state=RetryState.NON_RETRYABLE_FAILURE,
    )
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "message", ["workflow execution already completed", "workflow update was aborted by closing workflow"]
)
async def test_an_action_that_meets_a_closed_or_closing_case_is_a_conflict_and_not_kept(message: str) -> None:
    with pytest.raises(Conflict) as refused:
        async with _answers(1):
            raise RPCError(message, RPCStatusCode.NOT_FOUND, b"")
    assert refused.value.code == "case-closed"


async def test_an_action_of_a_case_that_is_not_there_yet_is_kept() -> None:
    with pytest.raises(CaseUnknown):
        async with _answers(1):
            raise RPCError("workflow not found for ID: application/1", RPCStatusCode.NOT_FOUND, b"")


def test_a_validators_refusal_is_a_conflict_with_its_code() -> None:
    found = refusal(ApplicationError("wrong-step", type="wrong-step", non_retryable=True))
    assert isinstance(found, Conflict)
    assert (found.code, found.status) == ("wrong-step", 409)


def test_an_activitys_business_error_keeps_kind_and_field() -> None:
    cause = ApplicationError("text", "NotConfirmed", "/code", type="code-wrong", non_retryable=True)
    found = refusal(activity_error(cause))
    assert isinstance(found, NotConfirmed)
    assert (found.code, found.field) == ("code-wrong", "/code")


@pytest.mark.parametrize(
    "error",
    [None, ValueError("x"), ApplicationError("away", type="Unavailable"), ApplicationError("bug", type="Bug")],
)
def test_what_broke_is_no_refusal(error: BaseException | None) -> None:
    found: BusinessError | None = refusal(error)
    assert found is None


async def test_a_server_that_is_away_is_no_answer_within_seconds() -> None:
    client = await connect("127.0.0.1:1", "nesie", pydantic_data_converter, retry="quick", lazy=True)
    door, begun = TemporalDoor(client), time.monotonic()
    with pytest.raises(NoAnswer):
        await door.start("Registration", "registration/x", {})
    with pytest.raises(NoAnswer):
        await door.update("registration/x", "send_code", {}, "id", 2.0)
    with pytest.raises(NoAnswer):
        await door.query("registration/x", "view")
    assert not await door.alive()
    assert time.monotonic() - begun < 60
