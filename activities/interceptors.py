"""What becomes of an exception of an activity: this is the whole retry policy of the system.

* BusinessError  a final answer: one attempt, not an alarm; `ApplicationError.type` is its code
* Fault          the world failed: Temporal tries again; type is the class's name
* anything else  a bug: tried again until the fix is deployed; type "Bug", and only the place in the
                 code goes on, because texts of foreign exceptions may quote a client's data

Nothing is chained: causes would bring those texts back into the history and the worker's log.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import traceback
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, Protocol

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory, FailureError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from rules.errors import BusinessError, Busy, Fault
from rules.masking import mask

BUG = "Bug"

_log = logging.getLogger(__name__)


class BusinessErrors(Interceptor):
    """Put into every Worker that runs activities."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """See the base class."""
        return _Inbound(next)


class Line(Protocol):
    """Where activities stand in line; raises Busy where it is full."""

    def turn(self) -> contextlib.AbstractAsyncContextManager[None]:
        """One's turn."""


class InTurn(Interceptor):
    """For a worker whose activities need the whole processor: in their order, so many at once. After BusinessErrors."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """See the base class."""
        return _Queued(next, self._line)


class _Queued(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, line: Line) -> None:
        super().__init__(next)
        self._line = line

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        async with self._line.turn():
            return await super().execute_activity(input)


class _Inbound(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        try:
            async with _alive():
                return await super().execute_activity(input)
        except (FailureError, asyncio.CancelledError):
            raise
        except BusinessError as error:
            raise final(error) from None
        except Busy as error:
            later = timedelta(seconds=error.retry_after_seconds)
            raise ApplicationError(error.code, type=type(error).__name__, next_retry_delay=later) from None
        except Fault as error:
            raise ApplicationError(mask(str(error)), type=type(error).__name__) from None
        except Exception as error:
            place = _place(error)
            _log.error("bug in activity %s: %s at %s", input.fn.__name__, type(error).__name__, place)
            raise ApplicationError(f"{type(error).__name__} at {place}", type=BUG) from None


@contextlib.asynccontextmanager
async def _alive() -> AsyncIterator[None]:
    """Tell Temporal now and then that the process lives, where the activity has a heartbeat time-out."""
    within = activity.info().heartbeat_timeout
    if within is None:
        yield
        return

    async def beat() -> None:
        while True:
            activity.heartbeat()
            await asyncio.sleep(within.total_seconds() / 4)

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()


def final(error: BusinessError) -> ApplicationError:
    """The same answer in Temporal's words. details: the class's name and the field at fault, if any."""
    return ApplicationError(
        mask(str(error)),
        type(error).__name__,
        error.field,
        type=error.code,
        non_retryable=True,
        category=ApplicationErrorCategory.BENIGN,
    )


def _place(error: Exception) -> str:
    """module.function:line of the innermost frame."""
    frames = list(traceback.walk_tb(error.__traceback__))
    frame, line = frames[-1]
    return f"{frame.f_globals.get('__name__', '?')}.{frame.f_code.co_name}:{line}"
