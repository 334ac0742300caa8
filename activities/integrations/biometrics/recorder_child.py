"""The process that re-encodes clips for the archive: limited memory and processor time, no files, no network of ours.

Run by `recording.py` as a script in Python's isolated mode; it imports nothing of the project. Frames as in
`decoder_child.py`.

Requests:  RECO kbit/s (uint32), clip bytes
Answers:   KEPT kbit/s (double) of a clip that is left as it came | MADE kbit/s before and after (2 x double), MP4 bytes
           FAIL reason
"""

from __future__ import annotations

import io
import math
import os
import resource
import struct
import sys
from fractions import Fraction
from typing import Any, BinaryIO

MEGABYTE = 1 << 20
MAX_SIDE = 640  # as the decoder hands frames on: nothing is judged by more
MAX_PIXELS = 4_000_000
MAX_MS = 20_000
MAX_FRAMES = 1300
MIN_STEP_MS = 60  # at most 15 frames a second
TOLERANCE = 1.10  # a clip this little above the rate is left as it came
OVERHEAD_KBIT = 3.5  # of the container at 15 frames a second, in a short clip
MEMORY = 1024 * MEGABYTE
SECONDS = 20  # of processor time for one request
CODECS = ("h264", "mpeg4", "hevc", "vp8", "vp9", "av1", "libdav1d", "libvpx", "libvpx-vp9")
# a filter that turns the picture by the angle that the container asks for
TURNS = {90: ("transpose", "cclock"), 270: ("transpose", "clock"), 180: ("rotate", "PI")}


class Refused(Exception):
    """The reason goes back to the parent."""


def opened(content: bytes) -> Any:
    """The clip's container; it may open nothing but itself."""
    import av

    form = "matroska" if content[:4] == b"\x1a\x45\xdf\xa3" else "mp4"
    options = {"protocol_whitelist": "", "codec_whitelist": ",".join(CODECS)}
    return av.open(io.BytesIO(content), format=form, options=options)


def rate_of(content: bytes) -> float:
    """Kilobits a second, by the instants of its packets: what a header says of its length is not believed."""
    times: list[float] = []
    with opened(content) as container:
        for packet in container.demux(container.streams.video[0]):
            if packet.pts is not None and packet.time_base is not None:
                times.append(float(packet.pts * packet.time_base))
                if len(times) > MAX_FRAMES:
                    raise Refused("video-too-long")
    if len(times) < 2 or max(times) <= min(times):
        raise Refused("video-unreadable")
    seconds = (max(times) - min(times)) * len(times) / (len(times) - 1)  # the last frame is shown as well
    return len(content) * 8 / 1000 / seconds


def record(content: bytes, kbit: int) -> bytes:
    """The clip as H.264 in MP4 at the rate, its frames at their own instants, upright, without sound.

    The same clip gives the same bytes: one thread, no dates.
    """
    import av

    made = io.BytesIO()
    with opened(content) as source, av.open(made, "w", format="mp4", options={"fflags": "+bitexact"}) as target:
        incoming = source.streams.video[0]
        incoming.thread_type, incoming.codec_context.thread_count = "NONE", 1
        outgoing, before = None, -math.inf
        for at_ms, frame in instants(source.decode(incoming)):
            if at_ms - before < MIN_STEP_MS:
                continue
            before = at_ms
            frame = upright(frame)
            if outgoing is None:
                outgoing = stream(target, frame, kbit)
            shown = frame.reformat(outgoing.width, outgoing.height, "yuv420p", interpolation="AREA")
            shown.pts, shown.time_base, shown.pict_type = round(at_ms), Fraction(1, 1000), 0
            target.mux(outgoing.encode(shown))
        if outgoing is None:
            raise Refused("video-unreadable")
        target.mux(outgoing.encode(None))
    return made.getvalue()


def instants(frames: Any) -> Any:
    """Frames with their milliseconds from the first one; refuses what the checks would refuse."""
    first, before = None, -math.inf
    for count, frame in enumerate(frames):
        if frame.time is None:
            raise Refused("video-unreadable")
        if frame.width * frame.height > MAX_PIXELS:
            raise Refused("video-too-large")
        first = frame.time if first is None else first
        at_ms = (frame.time - first) * 1000
        if at_ms > MAX_MS or count >= MAX_FRAMES:
            raise Refused("video-too-long")
        if at_ms <= before:  # not mended here: the checks are to see it
            raise Refused("video-unreadable")
        before = at_ms
        yield at_ms, frame


def upright(frame: Any) -> Any:
    """The frame turned as its container asks."""
    turn = TURNS.get(round(frame.rotation) % 360)
    if turn is None:
        return frame
    from av.filter import Graph

    graph = Graph()
    begin = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 1000))
    middle, end = graph.add(*turn), graph.add("buffersink")
    begin.link_to(middle)
    middle.link_to(end)
    graph.configure()
    frame.pts, frame.time_base = 0, Fraction(1, 1000)
    graph.push(frame)
    return graph.pull()


def stream(target: Any, frame: Any, kbit: int) -> Any:
    """The outgoing stream for frames like this one."""
    scale = min(1.0, MAX_SIDE / max(frame.width, frame.height))
    made = target.add_stream("libx264", rate=15)
    made.width, made.height = (max(2, round(side * scale / 2) * 2) for side in (frame.width, frame.height))
    made.pix_fmt, made.time_base = "yuv420p", Fraction(1, 1000)
    made.codec_context.time_base, made.codec_context.thread_count = Fraction(1, 1000), 1
    bits = max(10, round((kbit - OVERHEAD_KBIT) * 0.94)) * 1000
    made.bit_rate = bits
    # one key frame: a second one makes the picture leap at low rates, as a cut does
    made.options = {
        "preset": "veryfast",
        "maxrate": str(bits),
        "bufsize": str(bits * 3 // 4),
        "g": "600",
        "sc_threshold": "0",
    }
    return made


def answer_to(content: bytes) -> tuple[bytes, bytes]:
    """One request: the answer's kind and bytes."""
    (kbit,), clip = struct.unpack_from("<I", content), content[4:]
    sent = rate_of(clip)
    if sent <= kbit * TOLERANCE:
        return b"KEPT", struct.pack("<d", sent)
    made = record(clip, kbit)
    return b"MADE", struct.pack("<dd", sent, rate_of(made)) + made


def limit() -> None:
    """Memory, file size and core dumps for good; processor time is renewed with each request."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))


def renew() -> None:
    """Let this request use SECONDS of processor time more than is used already."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (int(usage.ru_utime + usage.ru_stime) + SECONDS, hard))


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until the parent closes the pipe."""

    def answer(kind: bytes, content: bytes = b"") -> None:
        answers.write(kind + struct.pack("<I", len(content)))
        answers.write(content)
        answers.flush()

    answer(b"DONE")  # ready
    while head := requests.read(8):
        content = requests.read(struct.unpack("<I", head[4:])[0])
        renew()
        try:
            answer(*answer_to(content))
        except Refused as refused:
            answer(b"FAIL", str(refused).encode())
        except Exception:  # whatever a codec raises, MemoryError included
            answer(b"FAIL", b"video-unreadable")


if __name__ == "__main__":
    import av
    import av.filter

    av.logging.set_level(None)
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a codec that prints must not speak into the answers
    limit()
    serve(sys.stdin.buffer, output)
