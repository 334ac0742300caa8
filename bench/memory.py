"""Memory of a part of the stack while something runs."""

from __future__ import annotations

import contextlib
import threading
from types import TracebackType
from typing import Self

import psutil

from infra.stack import Stack

_EVERY_SECONDS = 0.25


class Memory:
    """The peak of a part's processes together, pages that several of them share counted once (PSS)."""

    def __init__(self, stack: Stack, part: str) -> None:
        self._root = psutil.Process(stack.status()[part]["pid"])
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.peak_mb = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self.peak_mb = max(self.peak_mb, self._now())
            if self._over.wait(_EVERY_SECONDS):
                return

    def _now(self) -> float:
        total = 0
        for process in [self._root, *self._root.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                total += process.memory_full_info().pss
        return total / 2**20
