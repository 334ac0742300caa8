"""A small case with every kind of payload, for the tests of the wiring; its texts are Russian as in the real ones."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from temporalio import activity, workflow

from rules.errors import BusinessError, Conflict, NotConfirmed, Unavailable
from rules.money import Money
from workflows.attributes import CASE_KIND, NEEDS_PERSON, STAGE
from workflows.options import DATABASE, OUTSIDE

QUEUE = "demo"
PLANTED_IIN = "880412401006"
PLANTED_NAME = "ИВАНОВА АЙГҮЛ"


class DemoCase(BaseModel):
    """Input with something worth hiding."""

    iin: str
    amount: Money


class Approve(BaseModel):
    """An update's argument."""

    note: str


class DemoView(BaseModel):
    """What the case says of itself."""

    stage: str
    amount: Money
    signals: int = 0


@activity.defn
async def ask_bureau(case: DemoCase) -> str:
    """Fails once as the world does, then answers."""
    activity.heartbeat(case.iin)
    if activity.info().attempt == 1:
        raise Unavailable("the bureau did not answer")
    return f"report of {case.iin}"


@activity.defn
async def nothing() -> None:
    """A nil payload there and back."""


@activity.defn
async def misbehave(how: str) -> str:
    """Raises what it is told to, with a person's data in the text where a library would put it."""
    if how == "refusal":
        raise NotConfirmed("code-wrong", "the code is not right", field="/code")
    if how == "fault" and activity.info().attempt < 3:
        raise Unavailable("the gateway is away")
    if how == "bug" and activity.info().attempt < 2:
        try:
            raise ValueError(f"cannot parse {PLANTED_NAME} {PLANTED_IIN}")
        except ValueError as cause:
            raise KeyError(PLANTED_IIN) from cause
    return f"attempt {activity.info().attempt}"


@workflow.defn
class Child:
    """A child, whose payloads carry the child's id."""

    @workflow.run
    async def run(self, text: str) -> str:
        return text.upper()


@workflow.defn
class Demo:
    """Waits for a person after its checks."""

    @workflow.init
    def __init__(self, case: DemoCase, rounds: int = 0) -> None:
        self.view_ = DemoView(stage="CHECKS", amount=case.amount)
        self.approved = False

    @workflow.run
    async def run(self, case: DemoCase, rounds: int = 0) -> DemoView:
        self._stage("CHECKS")
        workflow.patched("demo-1")
        await workflow.execute_activity(ask_bureau, case, **OUTSIDE, summary="Отчёт кредитного бюро")
        await workflow.execute_local_activity(nothing, start_to_close_timeout=timedelta(seconds=5))
        await workflow.execute_activity(nothing, **DATABASE, summary="Запись в базу")
        if not rounds:
            await workflow.execute_child_workflow(Child.run, "ребёнок", id=f"{workflow.info().workflow_id}/child")
            workflow.continue_as_new(args=[case, 1])
        self._stage("WAITS")
        await workflow.wait_condition(lambda: self.approved, timeout=timedelta(hours=1), timeout_summary="Ждём решения")
        await workflow.wait_condition(workflow.all_handlers_finished)
        self._stage("DONE")
        return self.view_

    def _stage(self, stage: str) -> None:
        self.view_ = self.view_.model_copy(update={"stage": stage})
        workflow.upsert_search_attributes(
            [CASE_KIND.value_set("demo"), STAGE.value_set(stage), NEEDS_PERSON.value_set(stage == "WAITS")]
        )
        workflow.set_current_details(
            f"**Стадия: {stage}**\n\n| Проверка | Итог |\n|---|---|\n| Бюро | готово |\n\n"
            "[К делу](/staff/case/1) Клиент: И••••• А•••••"
        )

    @workflow.query
    def view(self) -> DemoView:
        return self.view_

    @workflow.signal
    def note(self, text: str) -> None:
        self.view_ = self.view_.model_copy(update={"signals": self.view_.signals + 1})

    @workflow.update
    async def approve(self, message: Approve) -> DemoView:
        await asyncio.sleep(0)
        if message.note == "too late":
            raise Conflict("already-decided", "decided by another person", field="/note")
        self.approved = True
        return self.view_

    @approve.validator
    def _waits(self, message: Approve) -> None:
        if self.view_.stage != "WAITS":
            raise Conflict("wrong-order")


@workflow.defn
class Misbehave:
    """Hands back what an activity's exception has become."""

    @workflow.run
    async def run(self, how: str) -> str:
        if how == "bug of the workflow":
            raise KeyError(f"{PLANTED_NAME} {PLANTED_IIN}")
        options: Any = dict(OUTSIDE)
        return await workflow.execute_activity(misbehave, how, **options)


def failures() -> list[type[BaseException]]:
    """Exceptions that end a workflow instead of stopping its task."""
    return [BusinessError]
