"""A queue with an end: so many at once, so many in line behind them in the order they came, the rest refused at once.

Without an end a rush makes everybody wait for ever; without an order the unlucky do.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from rules.errors import Busy

CODE = "biometrics-busy"
_LONGEST_SECONDS = 60
_MEMORY = 0.2  # how much the last turn counts in the mean


class BoundedQueue:
    """For the tasks of one event loop.

    Args:
        at_once: turns that run side by side.
        waiting: how many may stand in line behind them.
    """

    def __init__(self, at_once: int, waiting: int) -> None:
        if at_once < 1 or waiting < 0:
            raise ValueError("a queue needs a place")
        self._at_once, self._free, self._most = at_once, at_once, waiting
        self._line: deque[asyncio.Future[None]] = deque()
        self._mean_seconds = 1.0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """One's turn, first come, first served. A waiter that is cancelled leaves the line.

        Raises:
            Busy: `biometrics-busy`: the line is full; nothing was begun.
        """
        await self._enter()
        began = time.monotonic()
        try:
            yield
        finally:
            self._mean_seconds += _MEMORY * (time.monotonic() - began - self._mean_seconds)
            self._leave()

    @property
    def retry_after_seconds(self) -> int:
        """When the line will have moved on, by the turns of late: 1 to 60."""
        estimate = math.ceil(self._mean_seconds * max(len(self._line), 1) / self._at_once)
        return min(max(estimate, 1), _LONGEST_SECONDS)

    async def _enter(self) -> None:
        if self._free:  # a place is free only while nobody waits: who leaves hands it on
            self._free -= 1
            return
        if len(self._line) >= self._most:
            raise Busy(CODE, self.retry_after_seconds)
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.cancelled():
                with suppress(ValueError):  # not there any more where somebody left in between
                    self._line.remove(place)
            else:  # the turn came in the same moment
                self._leave()
            raise

    def _leave(self) -> None:
        while self._line:
            place = self._line.popleft()
            if not place.done():
                place.set_result(None)
                return
        self._free += 1
