"""The lists of persons to whom no money may go, and messages to the agency. Rules: para 8, part 1; para 10.

A list is believed only whole: an unreadable, empty, suddenly shortened or older one is a broken contract, and
nobody is screened against it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from pydantic import Field

from activities.integrations.aml_xml import agency_names, united_nations_names
from activities.integrations.http import Reply, Service, Wire
from activities.ports import ListedName, SanctionsLists
from rules.errors import BrokenContract, InvalidInput

_LARGEST_LIST = 64 * 2**20
_LEAST_PART = 0.8  # of the rows seen before; a shorter list needs a person to look


@dataclass(frozen=True)
class _Version:
    etag: str
    modified: datetime | None
    body: bytes
    names: list[ListedName]


class AfmLists:
    """The agency's site.

    Args:
        url: base address with `/active.xml` (terrorism and extremism), `/wmd.xml`, and `/un.xml` unless `un_url` says
            where the UN's list is.
    """

    def __init__(
        self,
        url: str,
        token: str,
        client: httpx.AsyncClient | None = None,
        *,
        un_url: str | None = None,
        timeout_seconds: float = 20.0,
    ) -> None:
        def site(address: str) -> Service:
            return Service("aml", address, token, client, timeout_seconds=timeout_seconds, largest_answer=_LARGEST_LIST)

        self._lists = {
            "active": (site(url), "/active.xml", agency_names),
            "wmd": (site(url), "/wmd.xml", agency_names),
            "un": (site(un_url or url), "" if un_url else "/un.xml", united_nations_names),
        }
        self._messages = site(url)
        self._known: dict[str, _Version] = {}
        self._rows: dict[str, int] = {}

    def expect(self, rows: Mapping[str, int]) -> None:
        """Rows of each list as last screened: a list much shorter is refused also just after a restart."""
        self._rows.update(rows)

    async def current(self) -> SanctionsLists:
        """All lists now; what has not changed since the last call is not fetched again.

        Raises:
            BrokenContract: `aml-list-unreadable`, `aml-list-empty`, `aml-list-shortened`, `aml-list-older`.
        """
        versions = dict(zip(self._lists, await asyncio.gather(*map(self._current, self._lists)), strict=True))
        return SanctionsLists(
            names=[name for version in versions.values() for name in version.names],
            raw={name: version.body for name, version in versions.items()},
        )

    async def _current(self, name: str) -> _Version:
        service, path, parse = self._lists[name]
        known = self._known.get(name)
        headers = {"If-None-Match": known.etag} if known and known.etag else {}
        reply = await service.fetch("GET", path, headers=headers, accepted={304} if known else ())
        if reply.status == 304 and known:
            return known
        names = await asyncio.to_thread(parse, reply.body, name)
        version = _Version(reply.headers.get("etag", ""), _modified(reply), reply.body, names)
        self._check(name, version)
        self._known[name], self._rows[name] = version, len(names)
        return version

    def _check(self, name: str, version: _Version) -> None:
        if not version.names:
            raise BrokenContract("aml-list-empty")
        if len(version.names) < _LEAST_PART * self._rows.get(name, 0):
            raise BrokenContract("aml-list-shortened")
        known = self._known.get(name)
        if known and known.modified and version.modified and version.modified < known.modified:
            raise BrokenContract("aml-list-older")

    async def message(
        self, key: str, grounds: list[str], subject: dict[str, Any], operation: dict[str, Any], sent_at: datetime
    ) -> str:
        """Tell the agency of a hit (form FM-1); its registration number. Raises InvalidInput('aml-form-refused')."""
        form = {"form": "FM-1", "grounds": grounds, "subject": subject, "operation": operation}
        answer = await self._messages.ask(
            _Registered,
            "POST",
            "/messages",
            key=key,
            json=form | {"sent_at": sent_at.isoformat()},
            refusals={"422 FORM_ERRORS": lambda: InvalidInput("aml-form-refused")},
        )
        return answer.registration_no


class _Registered(Wire):
    registration_no: str = Field(min_length=1)


def _modified(reply: Reply) -> datetime | None:
    try:
        return parsedate_to_datetime(reply.headers["last-modified"])
    except (KeyError, ValueError):
        return None
