"""Revocation lists from the addresses the lender configured, kept while they are young.

Never from the addresses inside a certificate: the authority's own samples name another authority's files, and a
stranger's certificate could name anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import httpx

from activities.integrations.signature.revocation_list import LARGEST

_YOUNG = timedelta(minutes=30)


class Lists:
    """urls: of full lists and deltas, tried in order; one that does not answer is left out, or its last copy serves."""

    def __init__(self, client: httpx.AsyncClient, urls: Sequence[str], timeout_seconds: float) -> None:
        self._client, self._urls, self._timeout = client, tuple(urls), timeout_seconds
        self._kept: dict[str, tuple[datetime, bytes]] = {}

    async def get(self, now: datetime) -> tuple[bytes, ...]:
        """All that can be had, DER, unread."""
        found = await asyncio.gather(*(self._one(url, now) for url in self._urls))
        return tuple(one for one in found if one is not None)

    async def _one(self, url: str, now: datetime) -> bytes | None:
        at, kept = self._kept.get(url, (None, None))
        if at is not None and timedelta() <= now - at < _YOUNG:
            return kept
        try:
            fresh = await self._fetch(url)
        except httpx.HTTPError:
            fresh = None
        if fresh is None:
            return kept  # the judge decides whether it is still fresh enough
        self._kept[url] = now, fresh
        return fresh

    async def _fetch(self, url: str) -> bytes | None:
        out = bytearray()
        async with self._client.stream("GET", url, timeout=self._timeout) as answer:
            if answer.status_code != httpx.codes.OK:
                return None
            async for piece in answer.aiter_bytes():
                out += piece
                if len(out) > LARGEST:
                    return None
        return bytes(out)
