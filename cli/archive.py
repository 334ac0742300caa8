"""`nesie archive verify-lock | get`: the document archive."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from uuid import UUID

from activities.archive_watch import try_lock
from activities.context import open_records
from cli import records
from infra import settings as infra_settings
from storage import audit
from storage.archive_lock import LockCheck
from storage.documents import Documents
from storage.tables import Document


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands of the archive."""
    parser = subparsers.add_parser("archive", help="the document archive: check its locks")
    commands = parser.add_subparsers(required=True, metavar="command")
    verify = commands.add_parser("verify-lock", help="try to break the object lock in a scratch bucket, rule by rule")
    verify.add_argument("--json", action="store_true")
    verify.set_defaults(run=verify_lock)
    get = commands.add_parser("get", help="write the original bytes of one document to a file")
    get.add_argument("document_id", type=UUID)
    get.add_argument("out", type=Path)
    get.set_defaults(run=get_document)


def verify_lock(args: argparse.Namespace) -> int:
    """Exit code 0 where every vital rule holds, 1 where one is broken; the result is kept, and signing follows it."""
    sound, checks = records.wait(_verify())
    if args.json:
        records.tell({"ok": sound, "checks": [check.model_dump() for check in checks]})
    else:
        for check in checks:
            print(f"{'vital' if check.vital else '':<6} {check.rule:<60} {check.result} {check.detail}")
        print("the lock is sound" if sound else "THE LOCK IS BROKEN: nothing may be signed")
    return 0 if sound else 1


async def _verify() -> tuple[bool, list[LockCheck]]:
    kept = open_records(**infra_settings.load().records())
    try:
        row, checks = await try_lock(kept)
        return row.held, checks
    finally:
        await kept.close()


def get_document(args: argparse.Namespace) -> int:
    """Write one document; that it was taken out is audited."""
    document, content = records.wait(_load(args.document_id))
    args.out.write_bytes(content)
    sys.stderr.write(f"{document.kind} {document.media_type} {document.size} bytes sha256 {document.sha256}\n")
    return 0


async def _load(document_id: UUID) -> tuple[Document, bytes]:
    settings = infra_settings.load()
    database, archive = records.application(settings), records.archive(settings)
    try:
        async with database.begin() as session:
            found = await Documents(archive, records.vault(settings)).load(session, document_id)
            await audit.record(
                session,
                actor="system:command-line",
                action="document-taken-out",
                subject=f"document:{document_id}",
                paragraph="11",
            )
            return found
    finally:
        await archive.close()
        await database.close()
