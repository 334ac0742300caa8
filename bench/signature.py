"""`nesie bench signature`: what verifying an electronic signature costs, CPU time on one core.

`whole` is everything the verifier does with one message by a person it has not met: reading, content, signature, chain,
status answer, time stamp, evidence. The authority's services are played in this process and not counted.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from asn1crypto import pem

from activities.integrations.signature import authorities as trust
from activities.integrations.signature import certificate, status
from activities.integrations.signature.authorities import Authorities
from activities.integrations.signature.certificate import parse
from activities.integrations.signature.judgement import Judge, Proofs
from activities.integrations.signature.limits import Limits
from activities.integrations.signature.message import read
from activities.integrations.signature.people import examine
from activities.integrations.signature.stamp import Question, token_of
from infra.counterparties.pki import ocsp, tsp
from infra.counterparties.pki.keys import Alg, generate
from infra.counterparties.pki.registry import Registry
from infra.counterparties.pki.routes import Wanted, issue
from infra.counterparties.pki.signed import signed_message
from rules.calendar import local_date
from rules.gost import curves, engine, gost94, streebog
from rules.gost.curves import CURVES, GOST2015_256, Curve
from rules.policy import policy

_NAMES = {"1.2.398.3.10.1.1.2.2.1": "2015-512", GOST2015_256.oid: "2015-256", "1.2.398.3.10.1.1.1.1.1": "2004"}
_IIN = "880412401006"
_MEGABYTE = 1_000_000
_AIMS = {"gost_verify_ms": 2.0, "streebog_mb_s": 100.0, "whole_cms_ms": 10.0}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("--rounds", type=int, default=40, help="of each figure; the median counts")
    parser.add_argument("--content", type=int, default=100_000, help="bytes that are signed")
    parser.add_argument("--data", type=Path, help="a folder with ca/ and cms/: these messages are measured as well")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """All figures."""
    whole = {alg: _whole(alg, args.rounds, args.content) for alg in ("RSA", "RSA4096", "GOST2015", "GOST2015_256")}
    verify = {_NAMES[curve.oid]: _verify(curve, args.rounds) for curve in CURVES.values()}
    hashes = _hashes()
    result: dict[str, Any] = {
        "engine": "nettle" if engine.is_fast() else "python",
        "gost_verify_ms": verify,
        "hash_mb_s": hashes,
        "whole_cms_cpu_ms": whole,
        "aims": {
            "gost_verify_ms": _aim("gost_verify_ms", max(one["engine"] for one in verify.values())),
            "streebog_mb_s": _aim("streebog_mb_s", hashes["streebog512"]["engine"]),
            "whole_rsa_ms": _aim("whole_cms_ms", whole["RSA"]["median"]),
            "whole_gost_ms": _aim("whole_cms_ms", whole["GOST2015"]["median"]),
        },
    }
    if args.data:
        result["samples_ms"] = _samples(args.data, args.rounds)
    return result


def _aim(name: str, got: float) -> dict[str, Any]:
    aim = _AIMS[name]
    return {"aim": aim, "got": got, "met": got >= aim if name.endswith("mb_s") else got <= aim}


def _cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1000


def _verify(curve: Curve, rounds: int) -> dict[str, Any]:
    """Milliseconds a signature; engine: what the system uses, python: the fall-back."""
    private = curves.private_number(curve, os.urandom(curve.size + 8))
    point, digest = engine.public_point(curve, private), os.urandom(curve.size)
    signature = engine.sign(curve, private, digest)

    def cost(check: Callable[[Curve, curves.Point, bytes, bytes], bool]) -> float:
        return round(median(_cpu(lambda: check(curve, point, digest, signature)) for _ in range(rounds)), 3)

    return {"engine": cost(engine.verify), "python": cost(curves.verify), "by": engine.way(curve)}


def _hashes() -> dict[str, dict[str, float]]:
    """Millions of bytes a second, the best of a few rounds: other work on the machine only takes away."""
    pairs: dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
        "streebog512": (engine.streebog512, streebog.streebog512),
        "streebog256": (engine.streebog256, streebog.streebog256),
        "gost34311": (engine.hash_34311, gost94.gost94),
    }
    large, small = os.urandom(8 * _MEGABYTE if engine.is_fast() else _MEGABYTE // 8), os.urandom(_MEGABYTE // 16)

    def speed(of: Callable[[bytes], bytes], data: bytes, times: int) -> float:
        return round(len(data) / _MEGABYTE / min(_cpu(lambda: of(data)) for _ in range(times)) * 1000, 3)

    return {
        name: {"engine": speed(fast, large, 15), "python": speed(slow, small, 2)}
        for name, (fast, slow) in pairs.items()
    }


def _whole(alg: Alg, rounds: int, size: int) -> dict[str, float]:
    """CPU milliseconds a message of a new person each time; first: with nothing of the authority known yet."""
    content, took = os.urandom(size), []
    with tempfile.TemporaryDirectory(prefix="nesie-bench-") as folder:
        registry = Registry(Path(folder))
        pinned = b"".join(pem.armor("CERTIFICATE", one) for one in registry.pinned())
        key = generate(alg)
        for number in range(rounds + 1):
            wanted = Wanted(iin=_IIN, surname="СЫНАҚОВА", given="СЫНАҚ", alg=alg)
            leaf = b64decode(issue(registry, wanted, key).certificate)
            cms = signed_message(key, leaf, content)
            if number == 0:
                certificate._parse.cache_clear()
                trust.issued_by.cache_clear()
                known = Authorities.load(pinned)
            took.append(_one(registry, known, cms, content))
        registry.close()
    known_ones = took[1:]
    figures = {"median": median(known_ones), "least": min(known_ones), "worst": max(known_ones), "first": took[0]}
    return {name: round(value, 2) for name, value in figures.items()}


def _one(registry: Registry, known: Authorities, cms: bytes, content: bytes) -> float:
    at = datetime.now(UTC)
    judge = Judge(known, Limits.of(policy(local_date(at))), at)
    found: list[Any] = []

    def message() -> None:
        found.append(examine(known, cms, content, _IIN, None, at))

    def proofs() -> None:
        if judge.standing(case, both) is not None:
            raise RuntimeError("the certificate does not stand")
        stamp = judge.stamped(case, both)
        if judge.time_ground(case, stamp) is not None:
            raise RuntimeError("the stamp proves nothing")
        judge.evidence(case, None, both, stamp)

    spent = _cpu(message)
    case = found[0].case
    if found[0].ground is not None or case.signer.certificate.key is None:
        raise RuntimeError(f"not accepted: {found[0].ground}")
    asked = status.Question(case.signer.certificate.serial, case.chain[0])
    wanted = Question(case.signer.signature, case.signer.certificate.key.algorithm, judge.limits.stamp_policies[0])
    both = Proofs(
        ocsp=ocsp.answer(registry, ocsp.Asked(asked.encode()), None),
        ocsp_nonce=asked.nonce,
        token=token_of(tsp.answer(registry, wanted.encode(), None, {})),
        tsp_nonce=wanted.nonce,
    )
    return spent + _cpu(proofs)


def _samples(folder: Path, rounds: int) -> dict[str, float]:
    """Milliseconds to read and check each recorded message, without services."""
    known = Authorities([parse(one.read_bytes()) for one in sorted((folder / "ca").iterdir())])
    found = {}
    for file in sorted((folder / "cms").iterdir()):
        raw = file.read_bytes()
        message = read(raw)
        content, signer = message.content or b"test123", message.signers[0]
        at, iin = signer.signing_time or datetime.now(UTC), signer.certificate.iin or ""
        times = [_cpu(lambda: examine(known, raw, content, iin, None, at)) for _ in range(rounds)]  # noqa: B023
        found[file.name] = round(median(times), 2)
    return found
