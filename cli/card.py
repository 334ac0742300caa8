"""`nesie card`: both sides of an identity card read as the worker reads them."""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rules.calendar import local_date
from rules.client import IdentityDocument, Person
from rules.errors import BusinessError

if TYPE_CHECKING:
    from rules.evidence import CardReading

_BAD_INPUT = 2


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("card", help="read an identity card")
    actions = parser.add_subparsers(dest="action", required=True)
    read = actions.add_parser("read", help="front and back, compared with each other")
    read.add_argument("front", type=Path, metavar="FRONT", help="JPEG or PNG")
    read.add_argument("back", type=Path, metavar="BACK")
    read.add_argument("--today", type=date.fromisoformat, metavar="DAY", help="the day for which it must be valid")
    read.add_argument("--json", action="store_true", help="one JSON object")
    read.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit code 0 where both sides agree, 1 where a ground is found, 2 where a file is no photograph."""
    from activities.integrations.biometrics import images
    from activities.integrations.biometrics.documents import CardReader  # loads the models' libraries
    from bench.face_engine import models_folder

    reader = CardReader(models_folder())
    images.shared_decoder()  # so that `ms` is the reading's own time
    began = time.perf_counter()
    try:
        reading = reader.read(args.front.read_bytes(), args.back.read_bytes())
    except (BusinessError, OSError) as error:
        print(f"nesie card: {error}", file=sys.stderr)
        return _BAD_INPUT
    milliseconds = round((time.perf_counter() - began) * 1000, 1)
    told = _told(reading, args.today or local_date(datetime.now(UTC))) | {"ms": milliseconds}
    print(json.dumps(told, ensure_ascii=False, indent=None if args.json else 1))
    return 0 if told["ground"] is None else 1


def _told(reading: CardReading, today: date) -> dict[str, Any]:
    from activities.card_checks import found_differences, ground_of
    from rules.policy import policy

    numbers = policy(today)
    person, same = _as_typed(reading), float(numbers.number("document-name-same"))
    return {
        "ground": ground_of(
            person, reading, today, same=same, portrait_pixels=numbers.whole("document-portrait-pixels")
        ),
        "outcome": reading.back.outcome.value,
        "sides": reading.sides,
        "mrz": reading.back.lines,
        "back": reading.back.fields.model_dump() if reading.back.fields else None,
        "front": reading.front.model_dump() if reading.front else None,
        "differences": found_differences(person, reading, same),
        "portrait_pixels": reading.portrait_pixels,
    }


def _as_typed(reading: CardReading) -> Person:
    """The card's own words as a client would type them, so that only the sides are compared."""
    back, front = reading.back.fields, reading.front
    return Person(
        surname=(front and front.surname) or (back.surname if back else ""),
        given_name=(front and front.given_name) or (back.given_name if back else ""),
        patronymic=front.patronymic if front else None,
        iin=back.iin if back else "",
        document=IdentityDocument(
            number=back.number if back else "", expires=date.fromisoformat(back.expires) if back else date.min
        ),
        phone="",
    )
