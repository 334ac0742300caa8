"""The queue with an end, on its own: how many at once, in which order, who is refused, who leaves the line."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.integrations.biometrics.queue import BoundedQueue
from activities.interceptors import BusinessErrors, InTurn
from rules.errors import Busy


class Work:
    """Turns that last until they are let go."""

    def __init__(self, queue: BoundedQueue) -> None:
        self.queue, self.began, self.running, self.most = queue, list[int](), 0, 0
        self.go = asyncio.Semaphore(0)

    async def one(self, number: int) -> int:
        async with self.queue.turn():
            self.began.append(number)
            self.running += 1
            self.most = max(self.most, self.running)
            await self.go.acquire()
            self.running -= 1
        return number


async def _settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_of_130_at_once_100_are_answered_in_their_order_and_30_refused() -> None:
    work = Work(BoundedQueue(at_once=4, waiting=96))
    tasks = [asyncio.create_task(work.one(number)) for number in range(130)]
    await _settle()
    refused = [task.exception() for task in tasks if task.done()]
    assert len(refused) == 30
    assert all(task.done() for task in tasks[100:])
    assert {type(error) for error in refused} == {Busy}
    for error in refused:
        assert isinstance(error, Busy)
        assert (error.code, 1 <= error.retry_after_seconds <= 60) == ("biometrics-busy", True)
    for _ in range(100):
        work.go.release()
    assert await asyncio.gather(*tasks[:100]) == list(range(100))
    assert work.began == list(range(100))
    assert work.most == 4


async def test_a_waiter_that_is_cancelled_frees_its_place() -> None:
    work = Work(BoundedQueue(at_once=1, waiting=2))
    first, second, third = (asyncio.create_task(work.one(number)) for number in range(3))
    await _settle()
    second.cancel()
    await _settle()
    fourth = asyncio.create_task(work.one(3))
    await _settle()
    with pytest.raises(Busy):
        await work.one(4)
    for _ in range(3):
        work.go.release()
    assert list(await asyncio.gather(first, third, fourth)) == [0, 2, 3]
    assert work.began == [0, 2, 3]


async def test_a_waiter_cancelled_in_the_moment_of_its_turn_hands_it_on() -> None:
    work = Work(BoundedQueue(at_once=1, waiting=2))
    async with work.queue.turn():
        second, third = (asyncio.create_task(work.one(number)) for number in range(2))
        await _settle()
    second.cancel()  # the turn is given to it, and it has not run yet
    work.go.release()
    assert await asyncio.wait_for(third, 5) == 1
    assert second.cancelled()
    assert work.began == [1]
    assert await _free(work.queue)


async def test_a_turn_that_fails_or_is_cancelled_ends() -> None:
    queue = BoundedQueue(at_once=1, waiting=0)
    with pytest.raises(RuntimeError):
        async with queue.turn():
            raise RuntimeError
    work = Work(queue)
    running = asyncio.create_task(work.one(0))
    await _settle()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await _free(queue)


async def _free(queue: BoundedQueue) -> bool:
    async with queue.turn():
        return True


def test_a_queue_without_a_place_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="place"):
        BoundedQueue(at_once=0, waiting=5)


class _Next:
    """The end of a chain of interceptors."""

    def __init__(self) -> None:
        self.work: Any = None

    def init(self, outbound: Any) -> None:
        """Nothing."""

    async def execute_activity(self, given: Any) -> Any:
        return await self.work()


async def test_an_activity_beyond_the_end_of_the_line_is_tried_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activities.interceptors._alive", lambda: _nothing())
    work, last = Work(BoundedQueue(at_once=1, waiting=0)), _Next()
    chain = BusinessErrors().intercept_activity(InTurn(work.queue).intercept_activity(last))  # type: ignore[arg-type]
    running = asyncio.create_task(work.one(0))
    await _settle()
    with pytest.raises(ApplicationError) as refused:
        await chain.execute_activity(None)  # type: ignore[arg-type]
    assert (refused.value.type, refused.value.message) == ("Busy", "biometrics-busy")
    assert not refused.value.non_retryable
    assert refused.value.next_retry_delay is not None
    work.go.release()
    await running
    last.work = lambda: asyncio.sleep(0, result="done")
    assert await chain.execute_activity(None) == "done"  # type: ignore[arg-type]


class _nothing:
    async def __aenter__(self) -> None:
        """No heartbeat outside of a worker."""

    async def __aexit__(self, *_: object) -> None:
        """Nothing to stop."""
