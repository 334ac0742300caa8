"""The workers: `python worker.py origination` and `python worker.py biometrics`, a process each.

The composition root: settings become integrations, integrations are handed to activities. Nothing imports this module.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Worker

from activities import archive_watch
from activities.account_changes import AccountChanges
from activities.applications import Applications
from activities.audit_seals import AuditSeals
from activities.authorities import Authorities
from activities.bundles.orders import BundleOrders
from activities.calendar_changes import CalendarChanges
from activities.care import LoanCare
from activities.cash_orders import CashOrders
from activities.client_files import ClientFiles
from activities.clocks import Clocks
from activities.closing import Closing
from activities.complaints import Complaints
from activities.context import Records, open_records
from activities.contracts import Contracts, Sealer
from activities.details_changes import DetailsChanges
from activities.disposals import Disposals
from activities.due_diligence import DueDiligence
from activities.furnishing import Furnishing as FurnishingRecords
from activities.histories import Histories
from activities.incident_report import incident_activities
from activities.incoming import Incoming
from activities.integrations.biometrics.queue import BoundedQueue
from activities.interceptors import BusinessErrors, InTurn
from activities.leaks import Leaks
from activities.loans import Loans
from activities.log_in_codes import access_activities
from activities.notices import Notices
from activities.payments import Payments
from activities.payouts import Payouts
from activities.phone import Phone
from activities.ports import Sms
from activities.reconciliation import Reconciliation
from activities.refund_accounts import RefundAccounts
from activities.regulator_notices import RegulatorNotices
from activities.report_inbox import report_activities
from activities.resource_notices import ResourceNotices
from activities.restructuring import Restructurings
from activities.signatures import Signatures
from activities.state_register import StateRegister
from activities.suspension_notices import suspension_activities
from activities.write_offs import WriteOffs
from infra import logs
from infra import settings as configuration
from infra.codec import PayloadKeys
from infra.settings import Party, Settings
from infra.temporal import CACHED_WORKFLOWS, RUNNER, connect, data_converter, log_through_python
from rules.calendar import local_date
from rules.errors import BusinessError
from rules.lender import EXAMPLE
from storage.vault import check_master_key
from workflows import calendar_change, schedules
from workflows.everything import WORKFLOWS
from workflows.options import BIOMETRICS_QUEUE
from workflows.schedules import QUEUE

OUTSIDE_TIMEOUT = 10.0  # seconds; less than any activity's start_to_close
CORES = os.cpu_count() or 1
IN_LINE = 3 * CORES  # biometric activities that wait in this process, in their order; the others wait in Temporal


def origination_activities(settings: Settings, kept: Records, client: Client) -> Sequence[Callable[..., Any]]:
    """Everything but the models."""
    from activities.integrations.aml import AfmLists
    from activities.integrations.antifraud import AntifraudCentre
    from activities.integrations.bank import LenderBank
    from activities.integrations.bureau import Bureau
    from activities.integrations.digital_documents import StateDocuments
    from activities.integrations.idec import Idec
    from activities.integrations.operator import Operators
    from activities.integrations.regulator import Regulator
    from activities.integrations.signature.ncanode import NcanodeVerifier, chosen
    from activities.integrations.signature.verifier import NativeVerifier
    from activities.integrations.sms import SmsGateway
    from activities.integrations.terminals import Terminals
    from activities.lender_signature import LenderSignature
    from activities.seal import HttpTimestamper, Seal

    parties, http = settings.parties, httpx.AsyncClient(timeout=OUTSIDE_TIMEOUT, follow_redirects=False)

    def door(party: Party) -> tuple[str, str, httpx.AsyncClient]:
        return party.url, party.token.get_secret_value(), http

    trust, lists = settings.seal.trusted_authorities.read_bytes(), settings.signatures.revocation_lists
    native = NativeVerifier(trust, http, parties.pki.url, lists=lists)
    other = NcanodeVerifier(http, settings.signatures.ncanode_url)
    verifier = chosen(settings.signatures.verifier, native, other)
    stamper = HttpTimestamper(httpx.Client(timeout=OUTSIDE_TIMEOUT), f"{parties.pki.url}/tsp")
    key = (settings.seal.key_file, settings.seal.certificate_file, settings.seal.chain_file)
    seal, signature = Seal(*key, stamper), LenderSignature(*key, stamper)
    bureau = Bureau(*door(parties.bureau), state=door(parties.state_bureau)[:2])
    applications, files = Applications(kept), ClientFiles(kept)
    diligence = DueDiligence(kept, AfmLists(*door(parties.aml)), bureau)
    promises, patience = settings.bank.promises(), timedelta(seconds=settings.bank.patience_seconds)
    bank = LenderBank(*door(parties.bank), timeout_seconds=promises.request.total_seconds())
    loans, payouts = Loans(kept), Payouts(kept, bank, promises, patience=patience)
    payments = Payments(payouts, bank, AntifraudCentre(*door(parties.antifraud)))
    cash = CashOrders(kept, AntifraudCentre(*door(parties.antifraud)), StateDocuments(*door(parties.digital_documents)))
    sms, terminals = SmsGateway(*door(parties.sms)), Terminals(*door(parties.terminal))
    incoming = Incoming(kept, bank, terminals)
    reconciliation = Reconciliation(kept, bank, terminals, incoming)
    phone, signatures = Phone(kept, sms), Signatures(kept, verifier, EXAMPLE.name("ru"))
    idec = Idec(*door(parties.idec), register=door(parties.person_register)[:2])
    operators = Operators(*door(parties.operator))
    register = StateRegister(kept, idec, operators)
    contracts, furnishing = Contracts(kept, seal, EXAMPLE), FurnishingRecords(kept, bureau)
    regulator = Regulator(*door(parties.regulator))
    return [
        applications.make_offers, applications.acknowledge, applications.choose, applications.confirmed,
        applications.reach_stage, files.complete_registration, files.refuse_registration, files.open_review,
        files.review_outcome, contracts.draw_up, contracts.seal, diligence.screen, diligence.ask_bureau,
        diligence.decide, diligence.decide_after_review, diligence.recheck, furnishing.enqueue,
        furnishing.make_batch, furnishing.send_batch, furnishing.ask_batch, furnishing.cases_waiting,
        loans.furnish_new, cash.place_order, cash.look_at_order, cash.settle_order, cash.check_digital_document,
        payments.verify_account, payments.check_named, payments.pay, payments.ask_bank, payments.give_up,
        payments.apply_decision, incoming.take_money, incoming.assignment_stands, incoming.follow_assignment,
        incoming.wait_again, reconciliation.reconcile_day, reconciliation.reconcile_terminals, phone.send_code,
        phone.confirm_code, signatures.draw_statement, signatures.verify_signature, register.verify_with_state,
        Histories(kept, lambda workflow, run: _history(client, workflow, run)).archive_history,
        *servicing_activities(kept, seal, sms),
        *statutory_activities(kept, seal, client),
        *Disposals(kept, signature, EXAMPLE).all(),
        *incident_activities(kept, sms, regulator, signature, EXAMPLE),
        *report_activities(kept, settings.database.reading(), regulator, signature, EXAMPLE),
        *ResourceNotices(kept, RegulatorNotices(kept, regulator, signature)).all(),
        *Leaks(kept, sms, operators).all(),
        *DetailsChanges(kept, sms, operators, EXAMPLE.name("ru")).all(),
        *AccountChanges(kept, bank, sms, EXAMPLE.name("ru")).all(),
        *Authorities(kept).all(),
        Complaints(kept).see_complaint,
        *access_activities(kept, sms),
        AuditSeals(kept, signature).seal_audit,
        BundleOrders(kept, signature).make_bundle,
    ]  # fmt: skip


def servicing_activities(kept: Records, sealer: Sealer, sms: Sms) -> Sequence[Callable[..., Any]]:
    """What loans need in their years."""
    care, notices, closing = LoanCare(kept), Notices(kept, sms, EXAMPLE), Closing(kept, sealer, EXAMPLE)
    restructurings, refund_accounts = Restructurings(kept, sealer, EXAMPLE), RefundAccounts(kept, EXAMPLE)
    return [
        care.tend,
        care.ref_of,
        care.notice_late,
        notices.send_arrears_notice,
        notices.text_client,
        refund_accounts.ask_for_account,
        refund_accounts.remind_of_account,
        refund_accounts.end_asking,
        closing.certify,
        closing.extend_documents,
        restructurings.open_request,
        restructurings.warn_answer_due,
        restructurings.answer_late,
        restructurings.answer_request,
        restructurings.apply_addendum,
        restructurings.end_request,
    ]


def statutory_activities(kept: Records, sealer: Sealer, client: Client) -> Sequence[Callable[..., Any]]:
    """What the law wants done by a day, and the clocks that watch it."""
    clocks, calendar = Clocks(kept), CalendarChanges(kept, calendar_change.teller(client))
    return [
        *clocks.all(),
        *calendar.all(),
        *suspension_activities(kept, EXAMPLE),
        *WriteOffs(kept, sealer, EXAMPLE).all(),
    ]


def biometric_activities(models: Path, kept: Records) -> Sequence[Callable[..., Any]]:
    """What needs the models; loaded and warmed up here, so that the first client does not wait."""
    os.environ.setdefault("DEEPFACE_HOME", str(models))
    os.environ.setdefault("DEEPFACE_BACKEND_ENGINE", "onnx")
    from activities.cards import Cards
    from activities.faces import Faces
    from activities.integrations.biometrics.documents import CardReader
    from activities.integrations.biometrics.faces import DeepFaceEngine
    from activities.integrations.biometrics.liveness import HeadMovements
    from activities.integrations.biometrics.passive import passive_of
    from infra.setup.models import verify
    from rules.policy import policy

    verify(models)
    numbers = policy(local_date(datetime.now(UTC)))
    engine = DeepFaceEngine(
        models, float(numbers.number("face-same-cosine")), float(numbers.number("face-unsure-cosine"))
    )
    reader = CardReader(models)
    faces = Faces(kept, engine, HeadMovements(models, engine, passive_of(models)), reader)
    return [Cards(kept, reader).read_card, faces.check_face]


async def _history(client: Client, workflow_id: str, run_id: str) -> bytes:
    history = await client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history()
    return history.to_json().encode()


@contextlib.asynccontextmanager
async def _beside(client: Client, kept: Records) -> AsyncIterator[None]:
    """What the worker does besides its queue: schedules are kept as they should be, the archive's lock is tried."""
    tasks = [asyncio.create_task(_schedules(client)), asyncio.create_task(archive_watch.watch(kept))]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _schedules(client: Client) -> None:
    """Temporal may be away, and a neighbour may be doing the same: tried until it is done."""
    while True:
        try:
            return await schedules.set_up(client)
        except RPCError as error:
            logging.getLogger(__name__).warning("the schedules are not set up yet: %s", error.status)
            await asyncio.sleep(5)


async def serve(queue: str) -> None:
    """Run one queue until SIGTERM or SIGINT, then finish what is in hand."""
    settings = configuration.load()
    kept = open_records(**settings.records())
    async with kept.database.begin() as session:
        await check_master_key(session, kept.vault)
    converter = data_converter(PayloadKeys.of(settings.keys))
    client = await connect(settings.temporal.address, settings.temporal.namespace, converter)
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    models = queue == BIOMETRICS_QUEUE
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(CORES if models else 16))
    worker = Worker(
        client,
        task_queue=queue,
        workflows=[] if models else WORKFLOWS,
        activities=biometric_activities(settings.models, kept)
        if models
        else origination_activities(settings, kept, client),
        interceptors=[BusinessErrors(), *([InTurn(BoundedQueue(CORES, IN_LINE))] if models else [])],
        workflow_runner=RUNNER,
        workflow_failure_exception_types=[BusinessError],
        # a killed worker's cached workflows come back after this, not after the default ten seconds
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=1),
        max_cached_workflows=CACHED_WORKFLOWS,
        max_concurrent_activities=CORES + IN_LINE if models else settings.worker_slots,
        graceful_shutdown_timeout=timedelta(seconds=20),
    )
    async with worker:
        logging.getLogger(__name__).info("worker of queue %s is ready", queue)
        async with _beside(client, kept) if not models else contextlib.nullcontext():
            await stop.wait()
    await kept.close()


def main() -> None:
    """Entry point of a worker process."""
    if len(sys.argv) != 2 or sys.argv[1] not in (QUEUE, BIOMETRICS_QUEUE):
        sys.exit(f"usage: python worker.py {QUEUE}|{BIOMETRICS_QUEUE}")
    logs.set_up(f"worker-{sys.argv[1]}")
    log_through_python()
    try:
        asyncio.run(serve(sys.argv[1]))
    except BusinessError as error:  # a wrong setting or master key: nothing was done yet
        sys.exit(f"the worker refuses to start: {error} ({error.code})")
    logging.shutdown()
    os._exit(0)  # the SDK may abort the interpreter while it finalizes


if __name__ == "__main__":
    main()
