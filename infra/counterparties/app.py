"""The outside services of the local stack as one HTTP service.

Environment: NESIE_COUNTERPARTIES_STATE (folder), NESIE_COUNTERPARTIES_TOKEN (bearer of every service),
NESIE_COUNTERPARTIES_CALLBACK_SECRET and NESIE_COUNTERPARTIES_CALLBACK_URL (where the bank's callbacks go),
NESIE_COUNTERPARTIES_API_URL (the only place that the state's mobile application speaks to).
Contracts, faults and the control API: README.md beside this file.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI

from infra.counterparties import (
    aml,
    antifraud,
    bank,
    bank_control,
    bureau,
    cash_outs,
    control,
    digital_documents,
    egov_mobile,
    errors,
    furnishing,
    identity,
    ncalayer,
    ncanode,
    operator,
    regulator,
    settlements,
    sms,
    terminals,
)
from infra.counterparties.agenda import Agenda
from infra.counterparties.exchange import Exchange
from infra.counterparties.faults import Faults
from infra.counterparties.pki.registry import Registry
from infra.counterparties.signers import Signers
from infra.counterparties.store import Store
from infra.counterparties.world import World


@dataclass(frozen=True)
class Config:
    """What the service is told at its start."""

    state: Path
    token: str
    callback_secret: str = ""
    callback_url: str = ""
    api_url: str = ""

    @classmethod
    def from_environment(cls) -> Config:
        """Reads the NESIE_COUNTERPARTIES_* variables; state and token are required."""
        get = os.environ.get
        return cls(
            state=Path(os.environ["NESIE_COUNTERPARTIES_STATE"]),
            token=os.environ["NESIE_COUNTERPARTIES_TOKEN"],
            callback_secret=get("NESIE_COUNTERPARTIES_CALLBACK_SECRET", ""),
            callback_url=get("NESIE_COUNTERPARTIES_CALLBACK_URL", ""),
            api_url=get("NESIE_COUNTERPARTIES_API_URL", ""),
        )


def create_app(config: Config | None = None) -> Exchange:
    """The application; `config` is read from the environment when absent."""
    config = config or Config.from_environment()
    # request lines carry IINs and phone numbers: they stay out of every log
    logging.getLogger("uvicorn.access").disabled = True
    store = Store(config.state)
    faults = Faults(store)
    agenda = Agenda(store, faults, url=config.callback_url, secret=config.callback_secret)
    world = World(store, faults, agenda)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with agenda.running():
            yield
        store.close()

    app = FastAPI(title="nesie counterparties", lifespan=lifespan, docs_url="/docs", redoc_url=None)
    errors.install(app)

    @app.get("/health")
    async def health() -> dict[str, str]:
        """Alive, with the services' clock."""
        return {"status": "ok", "now": store.now().isoformat()}

    parts = (
        aml,
        antifraud,
        bank,
        bank_control,
        bureau,
        cash_outs,
        control,
        digital_documents,
        furnishing,
        identity,
        operator,
        settlements,
        sms,
        terminals,
    )
    for part in parts:
        app.include_router(part.router(world))
    app.include_router(regulator.router(world, config.state))
    _mount_signing(app, world, config)
    _mount_pki(app, config.state, faults)
    return Exchange(app, world, config.token)


def _mount_signing(app: FastAPI, world: World, config: Config) -> None:
    """Whatever signs with people's keys, and who judges signatures."""
    registry = Registry(config.state)
    signers = Signers(world, registry)
    app.include_router(egov_mobile.router(world, signers, config.api_url))
    app.include_router(ncalayer.router(world, signers))
    app.include_router(ncanode.router(world, registry))


def _mount_pki(app: FastAPI, state: Path, faults: Faults) -> None:
    """The certification authority, a part of its own."""
    from infra.counterparties import pki

    router = getattr(pki, "router", None)
    if router is not None:
        app.include_router(router(state, faults))
