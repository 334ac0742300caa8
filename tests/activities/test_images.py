"""Hostile and odd files against the real decoder processes. Proven: each is refused by name, the decoder lives on."""

from __future__ import annotations

import io
import os
import random
import shutil
import signal
import struct
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
from PIL import Image
from senses import camera, photo

from activities.integrations.biometrics import images
from activities.integrations.biometrics.decoder import Decoder
from rules.errors import InvalidInput


def _encoded(width: int, height: int, form: str = "JPEG", mode: str = "RGB", **options: object) -> bytes:
    file = io.BytesIO()
    Image.new(mode, (width, height), 90 if mode == "L" else None).save(file, form, **options)
    return file.getvalue()


def _png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _png_claiming(width: int, height: int, extra: bytes = b"") -> bytes:
    head = _png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n" + head + extra + _png_chunk(b"IDAT", zlib.compress(b"\0" * 100)) + _png_chunk(b"IEND", b"")
    )


def _animated_png() -> bytes:
    file = io.BytesIO()
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue")]
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:])
    return file.getvalue()


def _text_bomb() -> bytes:
    """A text chunk that inflates to 200 MB."""
    return _png_claiming(64, 64, _png_chunk(b"zTXt", b"note\0\0" + zlib.compress(b"\0" * 200_000_000, 9)))


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "image-unreadable"),
    "text": (lambda: b"this is not a picture", "image-type"),
    "SVG": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "image-type"),
    "GIF": (lambda: _encoded(64, 64, "GIF"), "image-type"),
    "TIFF": (lambda: _encoded(64, 64, "TIFF"), "image-type"),
    "BMP": (lambda: _encoded(64, 64, "BMP"), "image-type"),
    "WebP": (lambda: _encoded(64, 64, "WEBP"), "image-type"),
    "HEIC": (lambda: b"\0\0\0\x18ftypheic" + b"\0" * 64, "image-type"),
    "PDF": (lambda: b"%PDF-1.7\n1 0 obj\n", "image-type"),
    "zip": (lambda: b"PK\x03\x04../../etc/passwd", "image-type"),
    "more than 10 MB": (lambda: _encoded(64, 64) + b"\0" * images.MAX_IMAGE_BYTES, "image-too-large"),
    "26 megapixels of nothing": (lambda: _encoded(5200, 5000, "PNG"), "image-too-large"),
    "a JPEG of 26 megapixels": (lambda: _encoded(5200, 5000, "JPEG", "L"), "image-too-large"),
    "a PNG that claims 3,600 megapixels": (lambda: _png_claiming(60_000, 60_000), "image-too-large"),
    "a PNG with a text bomb": (_text_bomb, "image-unreadable"),
    "a PNG without its pixels": (lambda: _png_claiming(640, 480), "image-unreadable"),
    "an animated PNG": (_animated_png, "image-type"),
    "half a JPEG": (lambda: photo("person_b_1")[:60_000], "image-unreadable"),
    "a JPEG's head alone": (lambda: photo("person_b_1")[:20], "image-unreadable"),
    "a JPEG that is also a page": (lambda: _encoded(64, 64) + b"<!DOCTYPE html><script>1</script>", "image-type"),
    "a page in a JPEG's comment": (lambda: _encoded(64, 64, comment=b"<script>alert(1)</script>"), "image-type"),
    "a JPEG that is also a PDF": (lambda: _encoded(64, 64) + b"%PDF-1.4 obj", "image-type"),
    "a picture of 4 pixels": (lambda: _encoded(2, 2), "image-unreadable"),
    "noise with a JPEG's beginning": (
        lambda: b"\xff\xd8\xff\xe0" + random.Random(1).randbytes(50_000),
        "image-unreadable",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_picture_gets_its_named_refusal(name: str) -> None:
    make, ground = HOSTILE[name]
    with pytest.raises(InvalidInput) as refused:
        images.decode(make())
    assert refused.value.code == ground
    assert images.decode(photo("person_a_1")).shape == (244, 204, 3)


def test_25_megapixels_are_taken_and_come_back_small() -> None:
    picture = images.decode(_encoded(5000, 5000, "PNG", "L"))
    assert picture.shape == (2560, 2560, 3)


def test_a_picture_comes_out_as_opencv_would_read_it() -> None:
    expected = cv2.imdecode(np.frombuffer(photo("person_b_2"), np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(images.decode(photo("person_b_2")), expected)


def test_a_turned_phone_gives_an_upright_picture() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert images.decode(_encoded(120, 80, exif=exif)).shape == (120, 80, 3)


def test_a_broken_exif_block_does_not_harm() -> None:
    content = _encoded(120, 80)
    block = b"\xff\xe1" + struct.pack(">H", 2 + 6 + 40) + b"Exif\0\0" + b"MM\0\x2a" + b"\xff" * 36
    assert images.decode(content[:2] + block + content[2:]).shape == (80, 120, 3)


def test_cmyk_grey_and_transparent_pictures_are_read() -> None:
    assert images.decode(_encoded(80, 60, "JPEG", "CMYK")).shape == (60, 80, 3)
    assert images.decode(_encoded(80, 60, "PNG", "L")).shape == (60, 80, 3)
    assert images.decode(_encoded(80, 60, "PNG", "RGBA")).shape == (60, 80, 3)


def _clip(seconds: float, rate: float, width: int = 64, height: int = 64) -> bytes:
    path = Path(tempfile.mkdtemp(prefix="nesie-test-")) / "clip.mp4"
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), rate, (width, height))
    for _ in range(round(seconds * rate)):
        writer.write(np.full((height, width, 3), 90, np.uint8))
    writer.release()
    content = path.read_bytes()
    shutil.rmtree(path.parent)
    return content


HOSTILE_CLIPS: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "video-unreadable"),
    "a playlist": (lambda: b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "video-unreadable"),
    "a playlist that claims to be MP4": (lambda: b"#EXTftyp\n#EXTM3U\nhttp://127.0.0.1/\n", "video-unreadable"),
    "an MP4's head alone": (lambda: b"\0\0\0\x18ftypisom" + b"\0" * 64, "video-unreadable"),
    "noise with a WebM's beginning": (
        lambda: b"\x1a\x45\xdf\xa3" + random.Random(2).randbytes(50_000),
        "video-unreadable",
    ),
    "an AVI": (lambda: b"RIFF\0\0\0\0AVI LIST", "video-unreadable"),
    "more than 20 MB": (lambda: b"\0\0\0\x18ftypisom" + b"\0" * images.MAX_CLIP_BYTES, "video-too-large"),
    "25 seconds": (lambda: _clip(25, 10), "video-too-long"),
    "2,000 frames": (lambda: _clip(16, 125), "video-too-long"),
    "six megapixels a frame": (lambda: _clip(0.3, 10, 3000, 2000), "video-too-large"),
    "half an MP4": (lambda: camera().clip(photo("person_b_1"), ["left"], seed=1)[:40_000], "video-unreadable"),
}


@pytest.mark.parametrize("name", HOSTILE_CLIPS)
def test_a_hostile_clip_gets_its_named_refusal(name: str) -> None:
    make, ground = HOSTILE_CLIPS[name]
    with pytest.raises(InvalidInput) as refused:
        list(images.frames(make()))
    assert refused.value.code == ground


def test_the_frames_of_a_clip_come_in_order_and_not_too_close() -> None:
    frames = list(images.frames(_clip(3, 30)))
    times = [frame.at_ms for frame in frames]
    assert times[0] == 0
    assert times == sorted(times)
    assert min(np.diff(times)) >= 100
    assert 18 <= len(times) <= 28


def test_a_reader_that_leaves_in_the_middle_of_a_clip_does_not_disturb_the_next_one() -> None:
    decoder = Decoder(children=1)
    walk = decoder.frames(_clip(3, 30))
    next(walk)
    walk.close()
    assert decoder.picture(photo("person_a_1")).shape == (244, 204, 3)
    decoder.close()


def test_a_killed_decoder_process_is_replaced() -> None:
    decoder = Decoder(children=1)
    decoder.picture(photo("person_a_1"))
    (child,) = _children(decoder)
    os.kill(child, signal.SIGKILL)
    with pytest.raises(InvalidInput, match="could not be decoded"):
        decoder.picture(photo("person_a_1"))
    assert decoder.picture(photo("person_a_1")).shape == (244, 204, 3)
    decoder.close()


def test_the_decoder_process_is_limited_in_memory_and_files() -> None:
    images.decode(photo("person_a_1"))
    (child, *_) = [psutil.Process(pid) for pid in _children(images.shared_decoder())]
    assert child.rlimit(psutil.RLIMIT_AS)[0] <= 2 << 30
    assert child.rlimit(psutil.RLIMIT_NOFILE)[0] <= 64
    assert child.rlimit(psutil.RLIMIT_CPU)[0] < 10_000
    assert child.environ().keys() <= {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM", "LC_CTYPE"}


def test_decoding_one_photograph_costs_milliseconds() -> None:
    """Of the processor, in one child that serves them all: how busy the machine is does not matter."""
    decoder = Decoder(children=1)
    decoder.picture(photo("person_b_1"))
    (child,) = _children(decoder)
    before = _spent_by(child)
    for _ in range(20):
        decoder.picture(photo("person_b_1"))
    assert _spent_by(child) - before < 20 * 0.05
    assert _children(decoder) == {child}
    decoder.close()


def _spent_by(child: int) -> float:
    times = psutil.Process(child).cpu_times()
    return times.user + times.system


def _children(decoder: Decoder) -> set[int]:
    return {child._process.pid for child in decoder._free.queue if child is not None}
