"""Limited child processes that open what strangers sent, kept ready so that one file costs a few milliseconds.

A child that dies, hangs or runs over its limits is replaced; the file it died of is called unreadable.
"""

from __future__ import annotations

import os
import queue
import select
import struct
import subprocess  # nosec B404  # runs our own scripts with this interpreter
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rules.errors import InvalidInput, Unavailable

_SECONDS = 45.0  # wall time for one answer on a busy machine
_REQUESTS_PER_CHILD = 500  # what a codec leaks goes with its process


class ChildDied(Exception):
    """The child ended, or did not answer in time."""


class Child:
    """One process that runs a script of ours in Python's isolated mode and speaks in frames: kind, length, bytes."""

    def __init__(self, script: Path) -> None:
        environment = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")}
        self._process = subprocess.Popen(  # nosec B603
            [sys.executable, "-I", str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            bufsize=0,
        )
        self.served = 0
        self._deadline = time.monotonic() + _SECONDS
        self.answer()

    def ask(self, kind: bytes, content: bytes) -> None:
        """Send a request.

        Raises:
            ChildDied: it does not listen any more.
        """
        self.served += 1
        self._deadline = time.monotonic() + _SECONDS
        view = memoryview(kind + struct.pack("<I", len(content)) + content)
        assert self._process.stdin is not None  # nosec B101
        try:
            while view:
                view = view[self._process.stdin.write(view) :]
        except OSError as error:
            raise ChildDied from error

    def answer(self) -> tuple[bytes, bytearray]:
        """The next frame: its kind and its bytes.

        Raises:
            ChildDied: none came.
        """
        head = self._read(8)
        return bytes(head[:4]), self._read(struct.unpack("<I", head[4:])[0])

    def _read(self, length: int) -> bytearray:
        assert self._process.stdout is not None  # nosec B101
        file = self._process.stdout.fileno()
        content, view = bytearray(length), 0
        while view < length:
            if not select.select([file], [], [], max(0.0, self._deadline - time.monotonic()))[0]:
                raise ChildDied
            got = os.readv(file, [memoryview(content)[view:]])
            if not got:
                raise ChildDied
            view += got
        return content

    def end(self) -> None:
        """Kill it and close its pipes."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait()


class Children:
    """A pool of children that run one script. Safe to share between threads."""

    def __init__(self, script: Path, children: int = 2) -> None:
        self._script = script
        self._free: queue.LifoQueue[Child | None] = queue.LifoQueue()
        for _ in range(children):
            self._free.put(None)

    def warm_up(self) -> None:
        """Start one child now."""
        with self.one("image-unreadable"):
            pass

    def close(self) -> None:
        """End the idle children."""
        for _ in range(self._free.qsize()):
            child = self._free.get()
            if child is not None:
                child.end()
            self._free.put(None)

    @contextmanager
    def one(self, ground: str) -> Iterator[Child]:
        """A child for one request; `ground` is the refusal if it dies of it.

        One that was left in the middle of an answer is ended, not reused.
        """
        child = self._free.get()
        whole = False
        try:
            if child is None or child.served >= _REQUESTS_PER_CHILD:
                child = self._fresh(child)
            yield child
            whole = True
        except InvalidInput:
            whole = True
            raise
        except ChildDied:
            raise InvalidInput(ground, "the file could not be decoded within its limits") from None
        finally:
            if child is not None and not whole:
                child.end()
                child = None
            self._free.put(child)

    def _fresh(self, worn: Child | None) -> Child:
        if worn is not None:
            worn.end()
        try:
            return Child(self._script)
        except (ChildDied, OSError) as error:
            raise Unavailable("the decoder process does not start") from error
