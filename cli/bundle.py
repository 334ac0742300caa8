"""`nesie bundle export | verify`: the proof of one loan as a signed file, and its check without our database."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any
from uuid import UUID

from activities.bundles.verify import BundleCheck, verify_bundle
from cli import records
from infra import settings as infra_settings
from rules.errors import BusinessError, InvalidInput


def register(subparsers: Any) -> None:
    """Add the commands."""
    parser = subparsers.add_parser("bundle", help="the proof of one loan: make it, check it")
    commands = parser.add_subparsers(required=True, metavar="command")
    export = commands.add_parser("export", help="gather, sign and write the proof of a loan")
    export.add_argument("loan_id", type=UUID)
    export.add_argument("--out", type=Path, help="where to; bundle-LOAN_ID.zip without it")
    export.add_argument("--json", action="store_true")
    export.set_defaults(run=write)
    verify = commands.add_parser("verify", help="check a file offline; names what was changed")
    verify.add_argument("file", type=Path)
    verify.add_argument("--trusted", type=Path, help="PEM of the authorities that are trusted; those of the settings")
    verify.add_argument("--json", action="store_true")
    verify.set_defaults(run=look)


def write(args: argparse.Namespace) -> int:
    """Exit code 0 when the file is written."""
    content = records.wait(made(args.loan_id))
    out = args.out or Path(f"bundle-{args.loan_id}.zip")
    out.write_bytes(content)
    if args.json:
        records.tell({"file": str(out), "bytes": len(content)})
    else:
        print(f"{out}: {len(content)} bytes")
    return 0


async def made(loan_id: UUID) -> bytes:
    import httpx

    from activities.bundles.gather import Bundles
    from activities.context import open_records
    from activities.lender_signature import LenderSignature
    from activities.seal import HttpTimestamper

    settings = infra_settings.load()
    kept = open_records(**settings.records())
    seal = settings.seal
    with httpx.Client(timeout=10.0) as http:
        stamper = HttpTimestamper(http, f"{settings.parties.pki.url}/tsp")
        signature = LenderSignature(seal.key_file, seal.certificate_file, seal.chain_file, stamper)
        try:
            return await Bundles(kept, signature).made(loan_id)
        finally:
            await kept.close()


def look(args: argparse.Namespace) -> int:
    """Exit code 0 where everything is as it was signed, by an authority that is trusted."""
    try:
        content = args.file.read_bytes()
        trusted = args.trusted.read_bytes() if args.trusted else _own_authorities()
    except OSError as error:
        raise InvalidInput("file-unreadable", f"{error.filename}: {error.strerror}") from None
    found = verify_bundle(content, trusted)
    if args.json:
        records.tell(found.model_dump(mode="json"))
    else:
        _print(found)
    return 0 if found.ok else 1


def _own_authorities() -> bytes:
    try:
        return infra_settings.load().seal.trusted_authorities.read_bytes()
    except (BusinessError, OSError):
        raise InvalidInput("trusted-missing", "say with --trusted FILE whose certificates are trusted") from None


def _print(found: BundleCheck) -> None:
    if found.ok:
        print(f"loan {found.loan}, made at {found.made_at}: everything is as it was signed")
        print(
            f"signed at {found.signed.signed_at}, certificate {found.signed.certificate_serial};"
            f" {found.rows} audit rows"
        )
    for one in found.findings:
        if not one.ok:
            print(f"{one.subject}: {one.detail or 'is wrong'}")
