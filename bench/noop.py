"""Workflows and activities that do nothing, for measuring what the engine itself costs."""

from __future__ import annotations

from datetime import timedelta

from pydantic import BaseModel
from temporalio import activity, workflow

from rules.evidence import StepOutcome, StepResult


class Sizes(BaseModel):
    """How much one loan asks of the engine."""

    activities: int = 0
    local_activities: int = 0
    updates: int = 0
    workflows: int = 0


class Nothing(BaseModel):
    """An argument like ours in size: three ids."""

    one: str = "3f2c0c8e-5a1e-4c3e-9e0e-2f1d6f0a7b11"
    two: str = "3f2c0c8e-5a1e-4c3e-9e0e-2f1d6f0a7b12"
    three: str = "3f2c0c8e-5a1e-4c3e-9e0e-2f1d6f0a7b13"


@activity.defn
async def nothing(argument: Nothing) -> Nothing:
    """Do nothing."""
    return argument


@activity.defn
async def read_card(shown: Nothing) -> StepResult:
    """The biometric activity's name and answer, without its work."""
    return StepResult(step="document", outcome=StepOutcome.PASSED)


@activity.defn
async def check_face(shown: Nothing) -> StepResult:
    """The biometric activity's name and answer, without its work."""
    return StepResult(step="face", outcome=StepOutcome.PASSED)


@workflow.defn
class EngineChild:
    """One more workflow of the case."""

    @workflow.run
    async def run(self, activities: int) -> None:
        """No-op activities, one after the other."""
        for _ in range(activities):
            await workflow.execute_activity(nothing, Nothing(), start_to_close_timeout=timedelta(seconds=10))


@workflow.defn
class EngineCase:
    """A case's shape: children, activities, and updates that each run one local activity while there are any."""

    @workflow.init
    def __init__(self, sizes: Sizes) -> None:
        self._updates, self._local = 0, sizes.local_activities

    @workflow.run
    async def run(self, sizes: Sizes) -> None:
        """Activities first, then wait for the updates."""
        for _ in range(sizes.workflows - 1):
            await workflow.execute_child_workflow(EngineChild.run, 0)
        for _ in range(sizes.activities):
            await workflow.execute_activity(nothing, Nothing(), start_to_close_timeout=timedelta(seconds=10))
        await workflow.wait_condition(lambda: self._updates >= sizes.updates)

    @workflow.update
    async def act(self, argument: Nothing) -> Nothing:
        """One update."""
        if self._local > 0:
            self._local -= 1
            await workflow.execute_local_activity(nothing, argument, start_to_close_timeout=timedelta(seconds=10))
        self._updates += 1
        return argument
