"""What the services do later by themselves: settle payouts, send signed callbacks until they are taken.

A callback is `POST {base}/{service}` with {event_id, type, at, data} and the signature of `rules.callbacks`;
it is repeated with growing pauses until a 2xx, at most a day. Callback faults are taken here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx

from infra.counterparties.faults import Fault, Faults
from infra.counterparties.store import Store
from rules import callbacks

_log = logging.getLogger(__name__)

CALLBACK_FAULTS = frozenset({"duplicate", "lost", "late", "bad_signature"})
_LONGEST_PAUSE_SECONDS = 60.0
_GIVE_UP_SECONDS = 24 * 3600.0
_ANSWER_SECONDS = 5.0


class Agenda:
    """The services' own clockwork; sleeps until the next thing is due."""

    def __init__(self, store: Store, faults: Faults, *, url: str, secret: str) -> None:
        self._store, self._faults, self._secret = store, faults, secret
        self._base = url.rstrip("/").removesuffix("/bank")
        self._handlers: dict[str, Callable[[dict[str, Any]], object]] = {}
        self._wake = asyncio.Event()
        self._sending: set[asyncio.Task[None]] = set()
        self._client: httpx.AsyncClient | None = None

    def on(self, kind: str, handler: Callable[[dict[str, Any]], object]) -> None:
        """Who handles a kind; the handler works inside the transaction that strikes the entry."""
        self._handlers[kind] = handler

    def plan(self, kind: str, body: dict[str, Any], delay_seconds: float = 0.0) -> None:
        """To be done later, in the caller's transaction."""
        self._store.plan(kind, body, delay_seconds)
        self.wake()

    def wake(self) -> None:
        """Look at the agenda again: something was added, or the clock moved."""
        self._wake.set()

    async def quiet(self) -> None:
        """Wait until no callback is on its way."""
        while self._sending:
            await asyncio.wait(set(self._sending))

    def event(self, event_type: str, data: dict[str, Any]) -> dict[str, Any]:
        """The body of a callback."""
        return {"event_id": uuid4().hex, "type": event_type, "at": self._store.now().isoformat(), "data": data}

    def callback(
        self,
        service: str,
        event_type: str,
        data: dict[str, Any],
        *,
        key: str | Collection[str],
        delay_seconds: float = 0.0,
    ) -> None:
        """Plan a callback, with the faults that wait for it. key: what a fault may match (order id), one or several."""
        if not self._base:
            return
        event = self.event(event_type, data)
        keys = [key] if isinstance(key, str) else list(key)
        fault = self._faults.take(service, "callback", keys=keys, kinds=CALLBACK_FAULTS)
        for copy, later in self._spoiled(event, fault):
            self.plan("callback", {"service": service, "event": copy}, delay_seconds + later)

    def _spoiled(self, event: dict[str, Any], fault: Fault | None) -> list[tuple[dict[str, Any], float]]:
        """Which copies go out, and after how many seconds."""
        kind = fault.fault if fault else None
        if fault is None:
            return [(event, 0.0)]
        if kind == "lost":
            return []
        if kind == "duplicate":
            return [(event, 0.0)] * (1 + int(fault.number("n", 1)))
        if kind == "bad_signature":
            return [(event | {"forged": True}, 0.0), (event, fault.number("ms", 200) / 1000)]
        return [(event, fault.number("ms", 3000) / 1000)]

    async def send(self, service: str, event: dict[str, Any]) -> bool:
        """One delivery; whether it was taken. True also where callbacks are sent nowhere."""
        if not self._base:
            return True
        answer = await self._post(service, event)
        return answer is not None and answer.is_success

    async def ask(self, service: str, event: dict[str, Any]) -> dict[str, Any] | None:
        """A callback that wants an answer at once; None where none came."""
        answer = await self._post(service, event) if self._base else None
        if answer is None or not answer.is_success or not answer.content:
            return None
        told: dict[str, Any] = answer.json()
        return told

    async def _post(self, service: str, event: dict[str, Any]) -> httpx.Response | None:
        event = dict(event)
        secret = "forged" if event.pop("forged", False) else self._secret
        body = json.dumps(event, ensure_ascii=False).encode()
        signature = callbacks.sign(secret.encode(), body, self._store.signing_now())
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=_ANSWER_SECONDS, trust_env=False)
        try:
            return await self._client.post(
                f"{self._base}/{service}",
                content=body,
                headers={"Content-Type": "application/json", callbacks.HEADER: signature},
            )
        except httpx.HTTPError:
            return None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Works the agenda until the block ends."""
        worker = asyncio.create_task(self._run())
        try:
            yield
        finally:
            for task in (worker, *self._sending):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            if self._client is not None:
                await self._client.aclose()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            for number, kind, attempts, body in self._store.due():
                if kind == "callback":
                    self._launch(number, attempts, body)
                    continue
                self._handle(number, kind, body)
            pause = self._store.seconds_to_next()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), pause)

    def _handle(self, number: int, kind: str, body: dict[str, Any]) -> None:
        try:
            with self._store.transaction():
                self._handlers[kind](body)
                self._store.done(number)
        except Exception:
            _log.exception("an entry of the agenda failed: %s", kind)
            self._store.postpone(number, _ANSWER_SECONDS)

    def _launch(self, number: int, attempts: int, body: dict[str, Any]) -> None:
        # the next try is planned before this one begins: a kill in between repeats, never forgets
        self._store.postpone(number, max(_ANSWER_SECONDS + 1, min(_LONGEST_PAUSE_SECONDS, 2.0**attempts)))
        task = asyncio.create_task(self._deliver(number, attempts, body))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _deliver(self, number: int, attempts: int, body: dict[str, Any]) -> None:
        taken = await self.send(body["service"], body["event"])
        too_old = attempts * _LONGEST_PAUSE_SECONDS > _GIVE_UP_SECONDS
        if taken or too_old or body["event"].get("forged"):
            self._store.done(number)
        elif attempts < 3:
            self._store.postpone(number, 0.5 * 2.0**attempts)  # refused quickly: the first repeats come soon
            self.wake()
