"""`nesie face`: two photographs compared as the worker compares them, with today's thresholds."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from rules.errors import BusinessError

_BAD_INPUT = 2
_WORDS = {
    "image-type": "neither a JPEG nor a PNG",
    "image-too-large": "more than 10 MB or 25 megapixels",
    "image-unreadable": "cannot be read as a picture",
    "no-face": "no face was found",
}


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("face", help="compare two photographs")
    actions = parser.add_subparsers(dest="action", required=True)
    compare = actions.add_parser("compare", help="the largest faces of two photographs, one against the other")
    compare.add_argument("one", type=Path, metavar="A", help="JPEG, PNG, PGM or PPM")
    compare.add_argument("other", type=Path, metavar="B")
    compare.add_argument("--json", action="store_true", help="one JSON object")
    compare.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit code 2 where a file is no photograph of a face."""
    from bench.face_engine import ready_engine  # loads the models' libraries

    engine = ready_engine()
    try:
        photos = [_usable(engine, path) for path in (args.one, args.other)]
    except BusinessError as error:
        print(f"nesie face: {error}", file=sys.stderr)
        return _BAD_INPUT
    began = time.perf_counter()
    found = engine.compare(*photos)
    answer = {
        "similarity_percent": found.similarity_percent,
        "cosine": found.cosine,
        "decision": found.decision.value,
        "threshold": found.threshold,
        "model_sha256": found.model_sha256,
        "ms": round((time.perf_counter() - began) * 1000, 1),
    }
    if args.json:
        print(json.dumps(answer))
    else:
        print(f"{answer['decision']}: {answer['similarity_percent']} % (cosine {answer['cosine']}, ", end="")
        print(f"the same from {answer['threshold']}), {answer['ms']} ms, model {found.model_sha256[:12]}")
    return 0


def _usable(engine: Any, path: Path) -> bytes:
    """The bytes of a photograph with a face; looking for it also warms the engine up, so that `ms` is its own time."""
    from bench.face_engine import photograph

    content = photograph(path)
    try:
        engine.embedding(content)
    except BusinessError as error:
        raise type(error)(error.code, f"{path}: {_WORDS.get(error.code, error.code)}") from None
    return content
