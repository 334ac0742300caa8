"""A borrower, a certification authority and the verifier, joined over the counterparties' own HTTP application."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from activities.integrations.signature.verifier import NativeVerifier
from infra.borrower.signing import SigningKey
from infra.counterparties.app import Config, create_app
from infra.counterparties.pki import issue_lender
from infra.counterparties.pki.keys import Alg
from rules.evidence import SignatureEvidence

BASE = "http://authority"


@dataclass(frozen=True)
class Borrower:
    """An invented person."""

    iin: str = "880412401006"
    surname: str = "СЫНАҚОВА"
    given_name: str = "СЫНАҚ"
    patronymic: str | None = "СЫНАҚҚЫЗЫ"


BORROWER = Borrower()
OTHER = Borrower(iin="900101350007", surname="БӨТЕНОВ", given_name="БӨТЕН", patronymic=None)


@dataclass(frozen=True)
class PkiWorld:
    """client: to the authority and its control. trust: the PEM of its certificates."""

    client: httpx.AsyncClient
    trust: bytes
    verifier: NativeVerifier

    async def key(self, alg: Alg = "RSA", holder: Borrower = BORROWER, **more: Any) -> SigningKey:
        """A new certificate of a person."""
        return await SigningKey.obtain(self.client, holder, alg=alg, **more)

    async def fault(self, operation: str, kind: str, times: int = 1, **params: Any) -> None:
        """One fault of the authority, for the next call."""
        body = {"service": "pki", "operation": operation, "fault": kind, "times": times, "params": params}
        (await self.client.post("/_control/faults", json=body)).raise_for_status()

    async def verify(self, cms: bytes, content: bytes, **more: Any) -> SignatureEvidence:
        """As the borrower's signature, unless told otherwise."""
        return await self.verifier.verify(cms, content, **({"iin": BORROWER.iin} | more))


@asynccontextmanager
async def pki_world() -> AsyncIterator[PkiWorld]:
    """An authority with keys of its own, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="nesie-pki-") as folder:
        state, out = Path(folder) / "state", Path(folder) / "out"
        app = create_app(Config(state=state, token="not used by the authority"))
        issue_lender.write(state, out)
        trust = (out / "authorities.pem").read_bytes()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as client:
            yield PkiWorld(client, trust, NativeVerifier(trust, client, f"{BASE}/pki"))
        app.world.store.close()
