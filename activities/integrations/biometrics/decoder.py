"""Decodes pictures and clips in limited child processes, kept ready so that one picture costs a few milliseconds.

A child that dies, hangs or runs over its limits is replaced; the file it died of is called unreadable.
"""

from __future__ import annotations

import os
import queue
import select
import struct
import subprocess  # nosec B404 - runs our own script with this interpreter
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rules.errors import InvalidInput, Unavailable

Image = NDArray[np.uint8]
"""BGR, uint8, (height, width, 3)."""

_CHILD = Path(__file__).with_name("decoder_child.py")
_SECONDS = 45.0  # wall time for one answer on a busy machine
_REQUESTS_PER_CHILD = 500  # what a codec leaks goes with its process


class Frame(NamedTuple):
    """One frame of a clip: its number, milliseconds from the start, BGR picture with a longest side of at most 640."""

    number: int
    at_ms: float
    image: Image


class _ChildDied(Exception):
    """The child ended, or did not answer in time."""


class _Child:
    def __init__(self) -> None:
        environment = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")}
        self._process = subprocess.Popen(  # nosec B603
            [sys.executable, "-I", str(_CHILD)],
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
        self.served += 1
        self._deadline = time.monotonic() + _SECONDS
        view = memoryview(kind + struct.pack("<I", len(content)) + content)
        assert self._process.stdin is not None  # nosec B101
        try:
            while view:
                view = view[self._process.stdin.write(view) :]
        except OSError as error:
            raise _ChildDied from error

    def answer(self) -> tuple[bytes, bytearray]:
        head = self._read(8)
        return bytes(head[:4]), self._read(struct.unpack("<I", head[4:])[0])

    def _read(self, length: int) -> bytearray:
        assert self._process.stdout is not None  # nosec B101
        file = self._process.stdout.fileno()
        content, view = bytearray(length), 0
        while view < length:
            if not select.select([file], [], [], max(0.0, self._deadline - time.monotonic()))[0]:
                raise _ChildDied
            got = os.readv(file, [memoryview(content)[view:]])
            if not got:
                raise _ChildDied
            view += got
        return content

    def end(self) -> None:
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait()


class Decoder:
    """A pool of decoding children. Safe to share between threads."""

    def __init__(self, children: int = 2) -> None:
        self._free: queue.LifoQueue[_Child | None] = queue.LifoQueue()
        for _ in range(children):
            self._free.put(None)

    def warm_up(self) -> None:
        """Start one child now."""
        with self._child("image-unreadable"):
            pass

    def close(self) -> None:
        """End the idle children."""
        for _ in range(self._free.qsize()):
            child = self._free.get()
            if child is not None:
                child.end()
            self._free.put(None)

    def picture(self, content: bytes) -> Image:
        """A JPEG's or PNG's pixels, upright.

        Raises:
            InvalidInput: image-unreadable, image-too-large, image-type.
        """
        with self._child("image-unreadable") as child:
            child.ask(b"IMAG", content)
            kind, answer = child.answer()
        if kind != b"PIXL":
            raise InvalidInput(answer.decode())
        height, width = struct.unpack_from("<II", answer)
        return np.frombuffer(answer, np.uint8, offset=8).reshape(height, width, 3)

    def frames(self, content: bytes) -> Iterator[Frame]:
        """A clip's frames, at most 9 a second, while it is being decoded.

        Raises:
            InvalidInput: video-unreadable, video-too-long, video-too-large.
        """
        with self._child("video-unreadable") as child:
            child.ask(b"CLIP", content)
            while (answer := child.answer())[0] == b"FRAM":
                index, at_ms, height, width = struct.unpack_from("<IdII", answer[1])
                pixels = np.frombuffer(answer[1], np.uint8, offset=20).reshape(height, width, 3)
                yield Frame(index, at_ms, pixels)
            if answer[0] == b"FAIL":
                raise InvalidInput(answer[1].decode())

    @contextmanager
    def _child(self, ground: str) -> Iterator[_Child]:
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
        except _ChildDied:
            raise InvalidInput(ground, "the file could not be decoded within its limits") from None
        finally:
            if child is not None and not whole:
                child.end()
                child = None
            self._free.put(child)

    @staticmethod
    def _fresh(worn: _Child | None) -> _Child:
        if worn is not None:
            worn.end()
        try:
            return _Child()
        except (_ChildDied, OSError) as error:
            raise Unavailable("the decoder process does not start") from error
