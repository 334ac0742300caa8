"""What the commands over our own records share: settings turned into a database, a vault and an archive."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from typing import Any, TypeVar

from infra.settings import Settings
from storage.archive import Archive
from storage.database import Database
from storage.vault import Vault

T = TypeVar("T")


def reader(settings: Settings) -> Database:
    """The database as the reading role sees it, or the application where no such role is set."""
    return Database((settings.database.read_url or settings.database.url).get_secret_value(), pool_size=1)


def application(settings: Settings) -> Database:
    """The database as the application sees it."""
    return Database(settings.database.url.get_secret_value(), pool_size=1)


def vault(settings: Settings) -> Vault:
    """The keys of the settings."""
    return Vault.from_base64(**settings.vault())


def archive(settings: Settings) -> Archive:
    """The archive of the settings."""
    return Archive(**settings.records()["archive"])


def wait(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's asynchronous part."""
    return asyncio.run(work)


def tell(value: Any) -> None:
    """One JSON object on standard output."""
    print(json.dumps(value, ensure_ascii=False, default=str))
