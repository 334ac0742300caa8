"""`nesie evidence list | verify`: what an identification stood on, and the same judgement again from the archive.

This is the one place where the judges of a worker are built for looking back: with the models of this machine and the
authorities of the settings.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Any
from uuid import UUID

from activities.identifications_again import (
    CannotRepeat,
    CheckAgain,
    IdentificationsAgain,
    Judgement,
    Repeater,
    Verified,
)
from cli import records
from infra import settings as infra_settings
from infra.settings import Settings
from rules.client import Person
from storage import identifications
from storage.database import Database

_DIFFERENT = 1


def register(subparsers: Any) -> None:
    """Add the commands."""
    parser = subparsers.add_parser("evidence", help="identifications: list them, judge one again")
    commands = parser.add_subparsers(required=True, metavar="command")
    listed = commands.add_parser("list", help="the identifications of a client, oldest first")
    listed.add_argument("client_id", type=UUID)
    listed.add_argument("--json", action="store_true")
    listed.set_defaults(run=show)
    verify = commands.add_parser("verify", help="judge one again from the archive; names what differs")
    verify.add_argument("identification_id", type=UUID)
    verify.add_argument("--json", action="store_true")
    verify.set_defaults(run=look)


def show(args: argparse.Namespace) -> int:
    """Always exit code 0."""
    found = records.wait(_of_client(args.client_id))
    if args.json:
        records.tell({"client": str(args.client_id), "identifications": found})
        return 0
    for one in found:
        print(f"{one['id']}  {one['ended_at']}  {one['act']:<18} {one['outcome']:<8} {one['ground'] or ''}")
    return 0


async def _of_client(client_id: UUID) -> list[dict[str, Any]]:
    database: Database = records.reader(infra_settings.load())
    try:
        async with database.begin() as session:
            return [one.model_dump(mode="json") for one in await identifications.of_client(session, client_id)]
    finally:
        await database.close()


def look(args: argparse.Namespace) -> int:
    """Exit code 0 where everything is as it was and every check that can be repeated gives the same answer."""
    found = records.wait(_verified(args.identification_id))
    if args.json:
        records.tell(found.model_dump(mode="json"))
    else:
        _print(found)
    return 0 if found.same else _DIFFERENT


async def _verified(identification_id: UUID) -> Verified:
    from activities.context import open_records

    settings = infra_settings.load()
    kept = open_records(**settings.records())
    try:
        return await IdentificationsAgain(kept, repeaters(settings)).verify(identification_id)
    finally:
        await kept.close()


def repeaters(settings: Settings) -> dict[str, Repeater]:
    """Who makes a check again, by step. Loads the models (about a second)."""
    os.environ.setdefault("DEEPFACE_HOME", str(settings.models))
    os.environ.setdefault("DEEPFACE_BACKEND_ENGINE", "onnx")
    from activities.cards import CardJudge
    from activities.faces import FaceJudge, Reference
    from activities.integrations.biometrics.documents import CardReader
    from activities.integrations.biometrics.faces import GATES, DeepFaceEngine
    from activities.integrations.biometrics.liveness import HeadMovements
    from activities.integrations.signature.asn1 import Unreadable
    from activities.integrations.signature.authorities import Authorities
    from activities.integrations.signature.offline import again

    reader = CardReader(settings.models)
    pinned = Authorities.load(settings.seal.trusted_authorities.read_bytes())

    @cache
    def judging(gate: str) -> tuple[DeepFaceEngine, HeadMovements]:
        """As photographs were judged then: the gate's limits are ours, and earlier ones are kept."""
        if gate not in GATES:
            raise CannotRepeat(f"judged by a photo gate that is not here: {gate}")
        engine = DeepFaceEngine(settings.models, gate=gate)
        return engine, HeadMovements(settings.models, engine)

    def card(check: dict[str, Any], inputs: Mapping[str, bytes], person: Person) -> Judgement:
        evidence, front, back = check["evidence"], *_needed(inputs, "front", "back")
        judge = CardJudge(reader, evidence["policy"])
        found = judge.judge(person, front, back, date.fromisoformat(evidence["asked"]["today"]))
        _same_models(evidence["models"], found.models)
        return Judgement(found.ground, found.result)

    def face(check: dict[str, Any], inputs: Mapping[str, bytes], person: Person) -> Judgement:
        evidence, selfie, video = check["evidence"], *_needed(inputs, "selfie", "video")
        engine, liveness = judging(evidence["models"].get("photo-gate", "1"))
        enrolled = [] if "front" in inputs else _needed(inputs, "enrolled_selfie")
        reference: Reference = (engine.embedding(enrolled[0]),) if enrolled else inputs["front"]
        judge = FaceJudge(engine, liveness, reader, evidence["policy"])
        found = judge.judge(evidence["asked"], selfie, video, reference)
        _same_models(evidence["models"], found.models)
        return Judgement(found.ground, found.result)

    def signature(check: dict[str, Any], inputs: Mapping[str, bytes], person: Person) -> Judgement:
        _needed(inputs, "document", "cms")
        evidence = check["evidence"]
        try:
            found = again(evidence, inputs, iin=person.iin, bin=person.bin, authorities=pinned)
        except Unreadable as error:
            raise CannotRepeat(str(error)) from None
        then = evidence["result"]
        # what is asked beyond the message itself (whose power of attorney it is) stands in our records, not in the CMS
        ground = str(found.ground) if found.ground else check["ground"] if then.get("ground") is None else None
        result = {
            "ground": str(found.ground) if found.ground else None,
            "algorithm": found.algorithm,
            "certificate": found.certificate_sha256,
            "capacity": str(found.capacity) if found.capacity else None,
            "signed_at": found.signed_at.isoformat() if found.signed_at else None,
        }
        return Judgement(ground, result)

    return {"document": card, "face": face, "signature": signature}


def _needed(inputs: Mapping[str, bytes], *roles: str) -> list[bytes]:
    missing = [role for role in roles if role not in inputs]
    if missing:
        raise CannotRepeat(f"not recorded or not in the archive: {', '.join(missing)}")
    return [inputs[role] for role in roles]


def _same_models(then: Mapping[str, str], now: Mapping[str, str]) -> None:
    other = sorted(name for name, sha256 in then.items() if now.get(name) != sha256)
    if other:
        raise CannotRepeat(f"judged by a model that is not here: {', '.join(other)}")


def _print(found: Verified) -> None:
    print(f"{found.act}, edition {found.edition}: {found.outcome}")
    for check in found.checks:
        print(f"  {check.at}  {check.step:<10} {check.ground or 'passed':<28} {_word(check)}")
        for difference in check.differences:
            print(f"      {difference}")
    for finding in found.findings:
        print(f"  {finding}")
    print("the same" if found.same else "NOT the same")


def _word(check: CheckAgain) -> str:
    if not check.repeated:
        return check.why or ""
    return "the same again" if check.same else "DIFFERENT"
