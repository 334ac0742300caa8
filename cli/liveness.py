"""`nesie liveness`: a filmed challenge judged as the worker judges it, with today's numbers. Rules: para 35."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rules.errors import BusinessError, InvalidInput
from rules.liveness import MOVEMENTS

_BAD_INPUT = 2
_WORDS = {
    "video-unreadable": "neither an MP4 nor a WebM that can be read",
    "video-too-large": "more than 20 MB",
    "video-too-long": "longer than 20 seconds",
    "no-face": "no face was found in the photograph",
    "liveness-sequence": f"the movements are {', '.join(MOVEMENTS)}",
}


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("liveness", help="judge a filmed challenge")
    actions = parser.add_subparsers(dest="action", required=True)
    check = actions.add_parser("check", help="whether a clip shows one living person making the movements asked")
    check.add_argument("video", type=Path, metavar="VIDEO", help="MP4 or WebM, at most 20 MB and 20 seconds")
    check.add_argument("--sequence", required=True, help="for example left,right,up; the person's own left and right")
    check.add_argument("--photo", type=Path, metavar="IMAGE", help="whose face it has to be; without, the clip's own")
    check.add_argument("--json", action="store_true", help="one JSON object")
    check.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit code 0 for a living person, 1 for anything else, 2 where the clip or the photograph cannot be judged."""
    try:
        answer = _checked(args)
    except BusinessError as error:
        print(f"nesie liveness: {_WORDS.get(error.code, error)}", file=sys.stderr)
        return _BAD_INPUT
    print(json.dumps(answer) if args.json else _said(answer))
    return 0 if answer["verdict"] == "live" else 1


def _checked(args: argparse.Namespace) -> dict[str, Any]:
    from activities.integrations.biometrics.liveness import HeadMovements  # loads the models' libraries
    from activities.integrations.biometrics.passive import passive_of
    from bench.face_engine import models_folder, photograph, ready_engine
    from rules.calendar import local_date
    from rules.liveness import LivenessPolicy
    from rules.policy import policy

    try:
        video = args.video.read_bytes()
    except OSError as error:
        raise InvalidInput("video-missing", f"{args.video}: {error.strerror}") from None
    photo = photograph(args.photo) if args.photo else None
    checker = HeadMovements(models_folder(), ready_engine(), passive_of(models_folder()))
    numbers = LivenessPolicy.of(policy(local_date(datetime.now(UTC))))
    found = checker.check(video, [one.strip() for one in args.sequence.split(",")], photo, numbers)
    return {
        "verdict": found.verdict.value,
        "steps": [step.model_dump() for step in found.steps],
        "best_frame": found.best_frame and found.best_frame.model_dump(),
        "passive": found.passive.model_dump(exclude_defaults=True),
    }


def _said(answer: dict[str, Any]) -> str:
    steps = ", ".join(f"{one['asked']}: {one['seen'] or 'not seen'}" for one in answer["steps"])
    passive = "a passive model looked" if answer["passive"]["configured"] else "no passive model is supplied"
    return f"{answer['verdict']} ({steps}); {passive}"
