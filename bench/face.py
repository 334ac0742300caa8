"""How well and how fast faces are compared, beside `DeepFace.verify` as shipped, in one run.

`service_ms`: two photographs as they are uploaded, decoding in the limited child included, one after another.
`cpu_ms`: processor time of this process and its decoders for a comparison of two photographs, and of one with a stored
embedding. DeepFace runs in a process of its own and takes turns with ours, so that what else the machine does hits all
alike; above --sample pairs it gets every n-th. `burst_100`: a hundred comparisons at one instant through the bounded
queue, times from that instant.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import os
import subprocess  # nosec B404  # runs our own module with this interpreter
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from activities.integrations.biometrics.faces import DeepFaceEngine
from activities.integrations.biometrics.queue import BoundedQueue
from bench.face_engine import models_folder, photograph, ready_engine
from bench.face_figures import equal_error_rate, quantile, wilson
from rules.errors import Busy, InvalidInput, Unavailable
from rules.evidence import FaceDecision

_CHUNK = 20
_BURST = 100
_TRUTH = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


@dataclass(frozen=True)
class Pair:
    """Two files, and whether they show one person."""

    one: Path
    other: Path
    same: bool


@dataclass
class Tally:
    """What was measured. cosines: None where no face was found, which is no match."""

    cosines: list[float | None] = field(default_factory=list)
    decided_same: list[bool] = field(default_factory=list)
    service_ms: list[float] = field(default_factory=list)
    two_seconds: float = 0.0
    stored_seconds: float = 0.0
    deepface_seconds: float = 0.0
    deepface_right: int = 0
    deepface_pairs: int = 0


def arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this benchmark."""
    parser.add_argument("--pairs", type=Path, required=True, help="CSV with file_a, file_b, same; paths relative to it")
    parser.add_argument("--sample", type=int, default=400, help="pairs that DeepFace gets at most")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measure.

    Raises:
        InvalidInput: the CSV or a photograph cannot be read.
        Unavailable: a model is missing.
    """
    pairs = _pairs(args.pairs)
    photos = {path: photograph(path) for pair in pairs for path in (pair.one, pair.other)}
    engine = ready_engine()
    every = max(1, -(-len(pairs) // max(1, args.sample)))
    with _deepface(models_folder()) as others:
        others(pairs[:1])
        tally = _measure(engine, pairs, photos, others, every)
    burst = asyncio.run(_burst(engine, [(photos[pair.one], photos[pair.other]) for pair in pairs]))
    return _result(pairs, tally, burst)


def _pairs(path: Path) -> list[Pair]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
        pairs = [
            Pair(path.parent / row["file_a"], path.parent / row["file_b"], _TRUTH[row["same"].strip().lower()])
            for row in rows
        ]
    except OSError as error:
        raise InvalidInput("pairs-unreadable", f"{path}: {error.strerror}") from None
    except (KeyError, AttributeError, TypeError, UnicodeDecodeError, csv.Error):
        raise InvalidInput("pairs-unreadable", f"{path}: columns file_a, file_b, same (1 or 0) are needed") from None
    if not pairs:
        raise InvalidInput("pairs-unreadable", f"{path}: no pairs")
    return pairs


def _measure(engine: DeepFaceEngine, pairs: list[Pair], photos: dict[Path, bytes], others: Any, every: int) -> Tally:
    tally = Tally()
    for _ in range(2):  # warm: nets, decoders
        _cosine(engine, photos[pairs[0].one], photos[pairs[0].other], Tally())
    for start in range(0, len(pairs), _CHUNK):
        chunk = pairs[start : start + _CHUNK]
        began = _cpu_seconds()
        for pair in chunk:
            _cosine(engine, photos[pair.one], photos[pair.other], tally)
        tally.two_seconds += _cpu_seconds() - began
        stored = [_embedding(engine, photos[pair.other]) for pair in chunk]
        began = _cpu_seconds()
        for pair, embedding in zip(chunk, stored, strict=True):
            _against(engine, photos[pair.one], embedding)
        tally.stored_seconds += _cpu_seconds() - began
        sample = [pair for at, pair in enumerate(chunk, start) if at % every == 0]
        told, seconds = others(sample)
        tally.deepface_seconds += seconds
        tally.deepface_right += sum(bool(said) == pair.same for said, pair in zip(told, sample, strict=True))
        tally.deepface_pairs += len(sample)
    return tally


def _cosine(engine: DeepFaceEngine, one: bytes, other: bytes, tally: Tally) -> None:
    began = time.perf_counter()
    try:
        found = engine.compare(one, other)
    except InvalidInput:
        tally.cosines.append(None)
        tally.decided_same.append(False)
        return
    tally.service_ms.append((time.perf_counter() - began) * 1000)
    tally.cosines.append(found.cosine)
    tally.decided_same.append(found.decision is FaceDecision.SAME)


def _embedding(engine: DeepFaceEngine, photo: bytes) -> bytes | None:
    try:
        return engine.embedding(photo)
    except InvalidInput:
        return None


def _against(engine: DeepFaceEngine, photo: bytes, embedding: bytes | None) -> None:
    if embedding is not None:
        try:
            engine.compare_embedding(photo, embedding)
        except InvalidInput:
            return


def _cpu_seconds() -> float:
    """Of this process and its decoders, the ended ones too; DeepFace's process measures itself."""
    mine = os.times()
    alive = 0.0
    for child in psutil.Process().children():
        try:
            if any(part.endswith("decoder_child.py") for part in child.cmdline()):
                alive += sum(child.cpu_times()[:2])
        except psutil.Error:
            continue
    return mine.user + mine.system + mine.children_user + mine.children_system + alive


@contextmanager
def _deepface(models: Path) -> Iterator[Any]:
    """A function: pairs -> (what DeepFace says of each, processor seconds)."""
    process = subprocess.Popen(  # nosec B603
        [sys.executable, "-m", "bench.face_deepface", str(models)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=Path(__file__).parents[1],
    )

    def ask(pairs: list[Pair]) -> tuple[list[bool | None], float]:
        if process.stdin is None or process.stdout is None:
            raise Unavailable("DeepFace's process has no pipes")
        process.stdin.write(json.dumps([(str(pair.one.absolute()), str(pair.other.absolute())) for pair in pairs]))
        process.stdin.write("\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            raise Unavailable("DeepFace's process ended")
        answer = json.loads(line)
        return answer["same"], answer["cpu_seconds"]

    try:
        yield ask
    finally:
        process.kill()
        process.wait()


async def _burst(engine: DeepFaceEngine, photos: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    """A hundred comparisons at one instant, as many at work as there are cores."""
    cores = os.cpu_count() or 1
    queue, loop = BoundedQueue(at_once=cores, waiting=_BURST - cores), asyncio.get_running_loop()
    taken: list[float] = []
    with ThreadPoolExecutor(cores) as pool:
        await asyncio.gather(*(loop.run_in_executor(pool, engine.compare, *_solid(photos, at)) for at in range(cores)))
        began = time.perf_counter()

        async def one(at: int) -> bool:
            try:
                async with queue.turn():
                    await loop.run_in_executor(pool, _comparison, engine, *_solid(photos, at))
            except Busy:
                return False
            taken.append((time.perf_counter() - began) * 1000)
            return True

        answered = await asyncio.gather(*(one(at) for at in range(_BURST)))
    return {
        "answered": sum(answered),
        "p50_ms": round(quantile(taken, 0.5), 1),
        "last_ms": round(max(taken), 1),
        "refused": len(answered) - sum(answered),
    }


def _comparison(engine: DeepFaceEngine, one: bytes, other: bytes) -> None:
    _cosine(engine, one, other, Tally())


def _solid(photos: list[tuple[bytes, bytes]], at: int) -> tuple[bytes, bytes]:
    return photos[at * 37 % len(photos)]


def _result(pairs: list[Pair], tally: Tally, burst: dict[str, Any]) -> dict[str, Any]:
    genuine = [pair.same for pair in pairs]
    right = sum(said == same for said, same in zip(tally.decided_same, genuine, strict=True))
    accepted = sum(said and not same for said, same in zip(tally.decided_same, genuine, strict=True))
    rejected = sum(same and not said for said, same in zip(tally.decided_same, genuine, strict=True))
    positive, negative = sum(genuine), len(pairs) - sum(genuine)
    scores = [-1.0 if cosine is None else cosine for cosine in tally.cosines]
    two, stored = 1000 * tally.two_seconds / len(pairs), 1000 * tally.stored_seconds / len(pairs)
    verify = 1000 * tally.deepface_seconds / max(1, tally.deepface_pairs)
    deepface = {
        "accuracy": round(tally.deepface_right / max(1, tally.deepface_pairs), 4),
        "cpu_ms": round(verify, 1),
    }
    if tally.deepface_pairs < len(pairs):
        deepface["pairs"] = tally.deepface_pairs
    return {
        "pairs": len(pairs),
        "accuracy": round(right / len(pairs), 4),
        "far": round(accepted / max(1, negative), 4),
        "frr": round(rejected / max(1, positive), 4),
        "eer": equal_error_rate(
            [score for score, same in zip(scores, genuine, strict=True) if same],
            [score for score, same in zip(scores, genuine, strict=True) if not same],
        ),
        "confidence_95": {
            "accuracy": wilson(right, len(pairs)),
            "far": wilson(accepted, negative),
            "frr": wilson(rejected, positive),
        },
        "service_ms": {
            "p50": round(quantile(tally.service_ms, 0.5), 1),
            "p95": round(quantile(tally.service_ms, 0.95), 1),
        },
        "cpu_ms": {"two_photos": round(two, 1), "stored_embedding": round(stored, 1)},
        "deepface_verify": deepface,
        "cpu_ratio": {
            "two_photos": round(two / verify, 3) if verify else None,
            "stored_embedding": round(stored / verify, 3) if verify else None,
        },
        "burst_100": burst,
    }
