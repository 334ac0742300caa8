"""The process that decodes pictures and clips: limited memory and processor time, no files, no network code of ours.

Run by `decoder.py` as a script in Python's isolated mode; it imports nothing of the project. A request is one
frame on standard input, an answer one or more frames on standard output; a frame is a 4-byte kind, a 4-byte
length and that many bytes. When a file makes a codec crash or run away, only this process ends.

Requests:  IMAG side that is enough (uint32), picture bytes | CLIP clip bytes
Answers:   PIXL height, width (2 x uint32) and BGR bytes | FRAM index, milliseconds, height, width and BGR bytes
           DONE frames in the clip, milliseconds | FAIL reason
"""

from __future__ import annotations

import fcntl
import io
import os
import re
import resource
import struct
import sys
from typing import Any, BinaryIO

MEGABYTE = 1 << 20
MAX_PIXELS = 25_000_000
MAX_SIDE = 2560  # what is handed back; nothing below is better read from more pixels
MAX_CLIP_SIDE = 640
MAX_CLIP_PIXELS = 4_000_000
MAX_CLIP_MS = 20_000
MAX_CLIP_FRAMES = 1300  # 20 s at 60 frames a second, and some
MIN_STEP_MS = 110  # a head turns for 0.8 s and more: eight looks a second are enough
MEMORY = 1536 * MEGABYTE
SECONDS = 20  # of processor time for one request

# What ffmpeg may do with a clip: two containers, a few codecs, nothing but the file itself.
FFMPEG = (
    "protocol_whitelist;file|format_whitelist;mov,mp4,m4a,3gp,3g2,mj2,matroska,webm"
    "|codec_whitelist;h264,mpeg4,hevc,vp8,vp9,av1,libdav1d,libvpx-vp9,libvpx|threads;1"
)
# Markup inside a picture: a file that a browser could be talked into showing as a page.
# Each begins with one certain byte: it is looked for three times faster so than in a copy of small letters.
MARKUP = (re.compile(rb"<(?i:script|html[> ]|!doctype|\?php|iframe)"), re.compile(rb"%(?i:pdf-1)"))
MODES = ("RGB", "RGBA", "L", "LA", "P", "CMYK", "1", "YCbCr")


class Refused(Exception):
    """The reason goes back to the parent."""


def picture(content: bytes, enough: int) -> tuple[int, int, bytes]:
    """Height, width and BGR bytes of a JPEG or PNG, upright, its longest side at most MAX_SIDE.

    A JPEG is decoded at a half, a quarter or an eighth where `enough` pixels are left then.
    """
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = None  # our own limit below comes first
    if any(word.search(content) for word in MARKUP):
        raise Refused("image-type")
    try:
        image: Image.Image = Image.open(io.BytesIO(content), formats=("JPEG", "PNG"))
    except Exception:
        raise Refused("image-unreadable") from None
    if image.width * image.height > MAX_PIXELS:
        raise Refused("image-too-large")
    if image.mode not in MODES or (getattr(image, "n_frames", 1) > 1 and image.format == "PNG"):
        raise Refused("image-type")
    try:
        share = min(1.0, enough / max(image.size))
        image.draft("RGB", (int(image.width * share), int(image.height * share)))
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        if image.mode != "RGB":  # else it would be copied
            image = image.convert("RGB")
    except Exception:
        raise Refused("image-unreadable") from None
    if min(image.size) < 16:
        raise Refused("image-unreadable")
    if max(image.size) > MAX_SIDE:
        image.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.BOX)
    return image.height, image.width, image.tobytes("raw", "BGR")


def clip(content: bytes, answer: Any) -> tuple[int, float]:
    """Sends the frames of an MP4 or WebM at least MIN_STEP_MS apart; returns their full count and the last instant."""
    import cv2

    file = os.memfd_create("clip")
    try:
        os.write(file, content)
        video = cv2.VideoCapture(f"/proc/self/fd/{file}", cv2.CAP_FFMPEG)
        if not video.isOpened():
            raise Refused("video-unreadable")
        width, height = video.get(cv2.CAP_PROP_FRAME_WIDTH), video.get(cv2.CAP_PROP_FRAME_HEIGHT)
        if width * height > MAX_CLIP_PIXELS:
            raise Refused("video-too-large")
        return _frames(video, answer)
    finally:
        os.close(file)


def _frames(video: Any, answer: Any) -> tuple[int, float]:
    import cv2

    count, last_sent, at = 0, -1e9, 0.0
    while video.grab():
        at = video.get(cv2.CAP_PROP_POS_MSEC)
        if at > MAX_CLIP_MS or count >= MAX_CLIP_FRAMES:
            raise Refused("video-too-long")
        count += 1
        if 0 <= at - last_sent < MIN_STEP_MS:
            continue
        read, frame = video.retrieve()
        if not read or frame is None or frame.ndim != 3:
            raise Refused("video-unreadable")
        scale = MAX_CLIP_SIDE / max(frame.shape[:2])
        if scale < 1:
            frame = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        head = struct.pack("<IdII", count - 1, at, frame.shape[0], frame.shape[1])
        answer(b"FRAM", head + frame.tobytes())
        last_sent = at
    if not count:
        raise Refused("video-unreadable")
    return count, at


def limit() -> None:
    """Memory, file size and core dumps for good; processor time is renewed with each request."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (32 * MEGABYTE, 32 * MEGABYTE))
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

    answer(b"DONE", struct.pack("<Id", 0, 0.0))  # ready
    while head := requests.read(8):
        kind, (length,) = head[:4], struct.unpack("<I", head[4:])
        content = requests.read(length)
        renew()
        try:
            if kind == b"IMAG":
                height, width, pixels = picture(content[4:], *struct.unpack_from("<I", content))
                answer(b"PIXL", struct.pack("<II", height, width) + pixels)
            else:
                answer(b"DONE", struct.pack("<Id", *clip(content, answer)))
        except Refused as refused:
            answer(b"FAIL", str(refused).encode())
        except Exception:  # whatever a codec raises, MemoryError included
            answer(b"FAIL", b"image-unreadable" if kind == b"IMAG" else b"video-unreadable")


if __name__ == "__main__":
    os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = FFMPEG
    os.environ["OPENCV_LOG_LEVEL"] = "SILENT"
    os.environ["OPENCV_FFMPEG_LOGLEVEL"] = "-8"
    import cv2
    from PIL import JpegImagePlugin, PngImagePlugin  # noqa: F401 - loaded before the limits

    cv2.setNumThreads(1)
    output = os.fdopen(os.dup(1), "wb")
    fcntl.fcntl(output, fcntl.F_SETPIPE_SZ, MEGABYTE)  # fewer turns between the two processes
    os.dup2(2, 1)  # a codec that prints must not speak into the answers
    limit()
    serve(sys.stdin.buffer, output)
