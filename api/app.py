"""The API's composition root: settings become database, archive, keys and the door to Temporal.

`uvicorn api.app:create_app --factory`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

from fastapi import FastAPI

from activities import passive_weights
from activities.context import open_records
from activities.integrations.biometrics.queue import BoundedQueue
from activities.integrations.biometrics.recording import Recorder
from api import outbox, problems
from api.actions import Actions
from api.guards import BodyLimit, SameSite, Trace, origin_of
from api.openapi import install as install_openapi
from api.routes import (
    account,
    account_sessions,
    applications,
    applying,
    bank_details,
    calendar,
    callbacks,
    clocks,
    complaints,
    contracts,
    disposals,
    docs,
    egov,
    factors,
    furnishing,
    health,
    leak,
    loan_requests,
    loans,
    phone_changes,
    public,
    receiving,
    recoveries,
    refunds,
    registrations,
    regulator,
    restructuring,
    signatories,
    signing_requests,
    staff_cards,
    staff_cash,
    staff_complaints,
    staff_incidents,
    staff_leaks,
    staff_papers,
    staff_payments,
    staff_refunds,
    staff_reports,
    staff_resources,
    staff_restructuring,
    staff_write_offs,
    static,
    step_ups,
)
from api.routes import sessions as session_routes
from api.routes import staff as staff_routes
from api.services import Services
from api.sessions import cookie_name
from api.signature_check import signature_ground
from api.staff import COOKIE as STAFF_COOKIE
from api.staff_ui import temporal_ui
from api.temporal import TemporalDoor
from infra import logs
from infra.codec import PayloadKeys
from infra.settings import Settings, load
from infra.temporal import connect, data_converter
from rules.errors import BusinessError
from rules.lender import EXAMPLE
from storage.vault import check_master_key

log = logging.getLogger("nesie.api")

_V1 = (
    public.router,
    registrations.router,
    signatories.router,
    session_routes.router,
    account.router,
    applying.router,
    applications.router,
    contracts.router,
    receiving.router,
    loans.router,
    loan_requests.router,
    restructuring.router,
    signing_requests.router,
    refunds.router,
    complaints.router,
    leak.router,
    phone_changes.router,
    bank_details.router,
    step_ups.router,
    factors.router,
    account_sessions.router,
    recoveries.router,
    callbacks.router,
)


def create_app(settings: Settings | None = None, services: Services | None = None) -> FastAPI:
    """The application.

    Args:
        settings: read from the environment where neither is given; wrong ones are refused.
        services: ready-made, for tests; then nothing is opened and the outbox is not run.
    """
    if services is not None:
        app = _application(services.origin, services.secure_cookies, None)
        app.state.services = services
        return app
    logs.set_up("api")
    try:
        given = settings or load()
    except BusinessError as error:
        log.critical("the API refuses to start: %s (%s)", error, error.code)
        raise

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with _open(given) as opened:
            app.state.services = opened
            yield

    app = _application(origin_of(given.public_url), given.secure_cookies, lifespan)
    app.include_router(temporal_ui(given))
    return app


def _application(
    origin: str, secure_cookies: bool, lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None
) -> FastAPI:
    """Routes, problems and guards."""
    app = FastAPI(
        title="Nesie",
        version="1",
        lifespan=lifespan,
        docs_url=None,  # the stock page loads scripts of another site
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        separate_input_output_schemas=False,
    )
    for router in _V1:
        app.include_router(router, prefix="/api/v1")
    staff = (
        staff_routes.router, staff_cash.router, staff_payments.router, staff_refunds.router, staff_restructuring.router,
        signatories.staff, staff_cards.router,
    )  # fmt: skip
    statutory = (
        clocks.router, calendar.router, disposals.router, staff_papers.router, staff_write_offs.router,
        staff_incidents.router,
    )  # fmt: skip
    reporting = (
        staff_reports.router,
        staff_complaints.router,
        staff_resources.router,
        staff_leaks.router,
        regulator.router,
    )
    others = (health.router, furnishing.router, docs.router, egov.router, static.router)
    for router in (*others, *staff, factors.staff_router, *statutory, *reporting):
        app.include_router(router)
    problems.install(app)
    app.add_middleware(SameSite, origin=origin, cookies=(cookie_name(secure_cookies), STAFF_COOKIE))
    app.add_middleware(BodyLimit)
    app.add_middleware(Trace)
    install_openapi(app)
    return app


@asynccontextmanager
async def _open(settings: Settings) -> AsyncIterator[Services]:
    """Everything the routes need, and the sender of the outbox.

    Raises:
        BusinessError: `wrong-master-key`: refused before anything is written under a wrong key.
    """
    records = open_records(**settings.records())
    sender: asyncio.Task[None] | None = None
    recorder = Recorder()
    try:
        try:
            async with records.database.begin() as session:
                await check_master_key(session, records.vault)
        except BusinessError as error:
            log.critical("the API refuses to start: %s (%s)", error, error.code)
            raise
        converter = data_converter(PayloadKeys.of(settings.keys))
        temporal = settings.temporal
        client = await connect(temporal.address, temporal.namespace, converter, retry="quick", lazy=True)
        actions = Actions(records, TemporalDoor(client))
        sender = asyncio.create_task(outbox.run(records, actions), name="outbox")
        yield Services(
            records=records,
            actions=actions,
            lender=EXAMPLE,
            origin=origin_of(settings.public_url),
            secure_cookies=settings.secure_cookies,
            callback_secrets=_callback_secrets(settings),
            signature_ground=signature_ground(settings.seal.trusted_authorities.read_bytes()),
            egov_method=settings.signatures.egov_method,
            biometrics=BoundedQueue(settings.biometrics.at_once, settings.biometrics.waiting),
            recorder=recorder,
            passive_liveness=passive_weights.supplied(settings.models),
        )
    finally:
        if sender is not None:
            sender.cancel()
            with suppress(asyncio.CancelledError):
                await sender
        recorder.close()
        await records.close()


def _callback_secrets(settings: Settings) -> dict[str, bytes]:
    parties = {"bank": settings.parties.bank, "sms": settings.parties.sms, "terminal": settings.parties.terminal}
    return {
        name: party.callback_secret.get_secret_value().encode()
        for name, party in parties.items()
        if party.callback_secret is not None
    }
