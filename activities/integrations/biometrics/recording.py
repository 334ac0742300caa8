"""The session's video as it is archived: at a configured rate, made in a limited child process.

What is judged is what is archived, so a clip is re-encoded before it is kept, and hashes, fingerprints and checks are
of the archived bytes. A clip at or below the rate stays as it came. So does one that the child cannot read: whether it
is sound is found by the checks, with a ground. No model is needed here, so the API can do it.
"""

from __future__ import annotations

import asyncio
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from activities.identity_ports import Recording
from activities.integrations.biometrics.children import Children
from rules.errors import InvalidInput

_AT_ONCE = 2


class Recorder:
    """Satisfies activities.identity_ports.ClipRecorder: re-encoding children. Safe to share between threads."""

    def __init__(self, children: int = _AT_ONCE) -> None:
        self._children = Children(Path(__file__).with_name("recorder_child.py"), children)
        self._threads = ThreadPoolExecutor(children, "recorder")  # who waits here holds no thread of others

    def recording(self, clip: bytes, media_type: str, kbit: int) -> Recording:
        """The clip at most at a rate, in kilobits a second; a tenth above it is let be."""
        try:
            with self._children.one("video-unreadable") as child:
                child.ask(b"RECO", struct.pack("<I", kbit) + clip)
                kind, answer = child.answer()
        except InvalidInput:
            return Recording(clip, media_type, None, None)
        if kind == b"KEPT":
            (rate,) = struct.unpack("<d", answer)
            return Recording(clip, media_type, rate, rate)
        if kind == b"MADE":
            sent, rate = struct.unpack_from("<dd", answer)
            return Recording(bytes(answer[16:]), "video/mp4", sent, rate)
        return Recording(clip, media_type, None, None)

    async def made(self, clip: bytes, media_type: str, kbit: int) -> Recording:
        """The same, in its turn, beside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, self.recording, clip, media_type, kbit
        )  # fmt: skip

    def close(self) -> None:
        """End the idle children."""
        self._threads.shutdown()
        self._children.close()
