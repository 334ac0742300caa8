"""`nesie signature verify`: one signed message judged offline, signer by signer.

Nothing is asked of the network: trusted certificates and proofs of standing come from folders. Without proofs the
verdict is REVOCATION; `--revocation none` says in so many words that nobody asked.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from activities.integrations.signature import folder
from activities.integrations.signature.asn1 import Unreadable
from activities.integrations.signature.authorities import Authorities
from activities.integrations.signature.folder import Recorded, UnusableFolder
from activities.integrations.signature.report import Asked, Report, report

_BAD_INPUT, _LARGEST = 2, 64 * 1024 * 1024


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("signature", help="electronic signatures")
    commands = parser.add_subparsers(dest="signature", required=True)
    verify = commands.add_parser("verify", help="judge a signed message (CMS) offline")
    verify.add_argument("file", type=Path, metavar="FILE", help="CMS: DER, PEM or base64")
    verify.add_argument("--data", type=Path, metavar="FILE", help="what a detached signature signs")
    verify.add_argument(
        "--trust", type=Path, metavar="FOLDER", help="pinned certificates, DER or PEM; by default the lender's"
    )
    verify.add_argument(
        "--revocation",
        metavar="FOLDER|none",
        help="recorded OCSP answers and revocation lists; none: not asked. Without it: refused, for want of proof",
    )
    verify.add_argument(
        "--at",
        type=_instant,
        metavar="TIME",
        help="judge at this moment; by default the message's time stamp, else its signing time",
    )
    verify.add_argument("--iin", help="the person whose signature must be there; the verdict is then theirs")
    verify.add_argument("--json", action="store_true", help="one JSON object")
    verify.set_defaults(run=run)


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def run(args: argparse.Namespace) -> int:
    """Exit code 0 for VALID, 1 for every other verdict, 2 where a file or folder cannot be used."""
    try:
        found = _judged(args)
    except (OSError, UnusableFolder, Unreadable) as error:
        print(f"nesie signature: {error}", file=sys.stderr)
        return _BAD_INPUT
    if args.json:
        print(json.dumps(found.plain(), ensure_ascii=False))
    else:
        _tell(found)
    return 0 if found.verdict == "VALID" else 1


def _judged(args: argparse.Namespace) -> Report:
    authorities, strange = folder.authorities(args.trust) if args.trust else (_ours(), [])
    recorded = None
    if args.revocation not in (None, "none"):
        recorded = Recorded.load(Path(args.revocation))
        strange += recorded.strange
    asked = Asked(
        authorities=authorities,
        now=datetime.now(UTC),
        at=args.at,
        recorded=recorded,
        revocation=args.revocation != "none",
        iin=args.iin,
    )
    found = report(_content(args.file), _content(args.data) if args.data else None, asked)
    if strange:
        found.notes.append(f"not read: {', '.join(sorted(strange))}")
    return found


def _content(file: Path) -> bytes:
    if file.stat().st_size > _LARGEST:
        raise UnusableFolder(f"{file}: larger than {_LARGEST} bytes")
    return file.read_bytes()


def _ours() -> Authorities:
    """The authorities the lender's workers trust."""
    from infra import settings as configuration

    return Authorities.load(configuration.load().seal.trusted_authorities.read_bytes())


def _tell(found: Report) -> None:
    print(found.verdict)
    for row in found.signers:
        who = f"{row.cn} IIN {row.iin}" + (f" BIN {row.bin}" if row.bin else "")
        print(f"  {who}: {row.verdict}; {row.algorithm}, signed {row.signing_time}, revocation {row.revocation}")
    for note in found.notes:
        print(f"  note: {note}")
