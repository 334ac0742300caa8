"""`nesie keys rotate`: the master keys."""

from __future__ import annotations

import argparse
import sys

from cli import records
from infra import settings as infra_settings
from storage import audit
from storage.database import Database
from storage.rotation import rotate_master


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands of the keys."""
    parser = subparsers.add_parser("keys", help="the master keys: wrap everything under the current one")
    commands = parser.add_subparsers(required=True, metavar="command")
    rotate = commands.add_parser("rotate", help="wrap every data key under the current master key, retire the others")
    rotate.add_argument("--json", action="store_true")
    rotate.set_defaults(run=rotate_keys)


def rotate_keys(args: argparse.Namespace) -> int:
    """Exit code 0 when everything is under the current key; the old keys may then leave the settings."""
    settings = infra_settings.load()
    if settings.database.owner_url is None:
        sys.stderr.write("NESIE_DATABASE__OWNER_URL is not set: the application may not change data keys\n")
        return 2
    changed = records.wait(_rotate(settings, settings.database.owner_url.get_secret_value()))
    if args.json:
        records.tell({"current": settings.keys.master_current, "changed": changed})
    else:
        print(f"{changed} keys are now under '{settings.keys.master_current}'; the other master keys are retired")
    return 0


async def _rotate(settings: infra_settings.Settings, owner_url: str) -> int:
    owner, application = Database(owner_url, pool_size=1), records.application(settings)
    try:
        async with owner.begin() as session:
            changed = await rotate_master(session, records.vault(settings))
        async with application.begin() as session:
            await audit.record(
                session,
                actor="system:command-line",
                action="master-key-rotated",
                subject=f"master-key:{settings.keys.master_current}",
                paragraph="37",
                detail={"changed": changed},
            )
        return changed
    finally:
        await owner.close()
        await application.close()
