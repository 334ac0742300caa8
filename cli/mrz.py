"""`nesie mrz read IMAGE`: the machine-readable zone of a photographed document, and whether it may be believed."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from rules.errors import BusinessError

_BAD_INPUT, _NOT_READ = 2, 1
_WORDS = {
    "image-type": "neither a JPEG nor a PNG",
    "image-too-large": "more than 10 MB or 25 megapixels",
    "image-unreadable": "cannot be read as a picture",
}


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("mrz", help="read the machine-readable zone of a document")
    actions = parser.add_subparsers(dest="action", required=True)
    read = actions.add_parser("read", help="one photograph")
    read.add_argument("image", type=Path, metavar="IMAGE", help="JPEG or PNG")
    read.add_argument("--json", action="store_true", help="one JSON object")
    read.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit code 1 where the outcome is not READ, 2 where the file is no picture."""
    from activities.integrations.biometrics import images  # these load the models' libraries
    from activities.integrations.biometrics.mrz import MrzReader
    from bench.face_engine import models_folder

    reader = MrzReader(models_folder())
    try:
        picture = images.decode(args.image.read_bytes())
    except (BusinessError, OSError) as error:
        code = error.code if isinstance(error, BusinessError) else error.strerror or "cannot be opened"
        print(f"nesie mrz: {args.image}: {_WORDS.get(code, code)}", file=sys.stderr)
        return _BAD_INPUT
    began, used = time.perf_counter(), time.process_time()
    text = reader.read(picture)
    spent = {
        "ms": round((time.perf_counter() - began) * 1000, 1),
        "cpu_ms": round((time.process_time() - used) * 1000, 1),
    }
    found = told(text) | spent
    if args.json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        print("\n".join(found["mrz"]) or "no machine-readable lines")
        print(f"{found['outcome']}{': ' + found['reason'] if found['reason'] else ''}, {found['ms']} ms")
    return 0 if found["outcome"] == "READ" else _NOT_READ


def told(text: Any) -> dict[str, Any]:
    """A reading as JSON; None is a picture without such lines."""
    if text is None:
        return {
            "outcome": "RETAKE", "format": None, "mrz": [], "fields": {}, "checks": {}, "repaired": False,
            "reason": "mrz-not-found",
        }  # fmt: skip
    return {
        "outcome": text.outcome.value,
        "format": text.form.name,
        "mrz": text.lines,
        "fields": text.fields,
        "checks": text.checks,
        "repaired": text.mended,
        "reason": text.reason,
    }
