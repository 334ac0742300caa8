"""The contract: drawn up and archived before anybody signs, sealed by the lender after.

Rules: para 9.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from sqlmodel import col, func, select
from temporalio import activity

from activities import identifications
from activities.applications import ApplicationRef, draft, enter_stage, get_application
from activities.context import Moment, Records
from activities.papers import ContractPaper, contract_pdf
from activities.retention import planned_end
from rules.client import ClientKind
from rules.cooling_off import waiting
from rules.editions import named
from rules.errors import Conflict, Fault
from rules.evidence import Frozen
from rules.identification import needed
from rules.lender import Lender
from rules.money import Money
from rules.products import Purpose, ReceivingMethod, product_version
from rules.proofs import Act
from rules.receiving import exempt_from_waiting
from rules.schedule import Method
from storage import audit
from storage import identifications as identification_rows
from storage.conformance import require_lock
from storage.tables import Application, Client, Contract, Signature


class ContractDrawn(Frozen):
    """The contract's row and its archived PDF."""

    contract_id: UUID
    document_id: UUID


class ContractSigned(Frozen):
    """A contract with the client's verified signature; None where the edition asks for none and the face signed."""

    ref: ApplicationRef
    contract_id: UUID
    signature_id: UUID | None


class ContractSealed(Frozen):
    """waiting_until: the first instant at which money may leave; None where there is no waiting time."""

    waiting_until: datetime | None = None


class Sealer(Protocol):
    """Puts the lender's PAdES seal on a PDF."""

    async def seal(self, pdf: bytes) -> bytes:
        """The sealed PDF; it begins with exactly the given bytes."""


class Contracts:
    """Draws up and seals."""

    def __init__(self, records: Records, sealer: Sealer, lender: Lender) -> None:
        self._records, self._sealer, self._lender = records, sealer, lender

    @activity.defn
    async def draw_up(self, ref: ApplicationRef) -> ContractDrawn:
        """The contract over the chosen schedule as of today, rendered and archived once.

        Raises:
            ArchiveLockBroken: what would be archived could be altered; tried again until the lock is sound.
        """
        async with self._records.moment() as moment:
            application = await get_application(moment.session, ref.application_id)
            existing = await _contract(moment, application)
            if existing is not None:
                return ContractDrawn(contract_id=existing.id, document_id=existing.document_id)
            await require_lock(moment.session)
            client = await self._records.clients.get(moment.session, ref.client_id)
            number = await _number(moment, application)
            hours = await self._waiting_hours(moment, application, client)
        schedule = draft(application, Method(application.chosen_method or ""), moment)
        account = self._records.vault.open_own(application.account, f"application:{application.id}:account")
        wanted = ContractPaper(
            number=number,
            on=moment.day,
            lender=self._lender,
            borrower=self._records.clients.person(client),
            account=account.decode(),
            purpose=application.purpose,
            schedule=schedule,
            waiting_hours=hours,
        )
        paper = await asyncio.to_thread(contract_pdf, wanted)
        async with self._records.moment() as moment:
            application = await get_application(moment.session, ref.application_id)
            existing = await _contract(moment, application)
            if existing is not None:
                return ContractDrawn(contract_id=existing.id, document_id=existing.document_id)
            document = await self._records.documents.keep(
                moment.session,
                paper.pdf,
                kind="contract",
                media_type="application/pdf",
                direction="sent",
                client=client,
                application_id=application.id,
                retain_until=moment.retain_until(schedule.rows[-1].due),
            )
            contract = Contract(
                application_id=application.id,
                client_id=client.id,
                number=number,
                document_id=document.id,
                sha256=paper.sha256,
                pages=paper.pages,
                template_version=paper.template_version,
                terms=schedule.terms.model_dump(mode="json"),
                created_at=moment.at,
            )
            moment.session.add(contract)
            await moment.session.flush()
            application.contract_id = contract.id
            await enter_stage(
                moment,
                application,
                "SIGNING",
                paragraph="9",
                detail={"contract": str(contract.id), "sha256": paper.sha256, "template": paper.template_version},
            )
        return ContractDrawn(contract_id=contract.id, document_id=document.id)

    @activity.defn
    async def seal(self, signed: ContractSigned) -> ContractSealed:
        """The lender's seal over the very bytes the client signed; then the waiting time, if there is one.

        Raises:
            ArchiveLockBroken: as in draw_up.
            Conflict: `contract-not-signed`: a proof that the application's edition asks for is not in our records.
        """
        async with self._records.moment() as moment:
            application = await get_application(moment.session, signed.ref.application_id)
            contract = await _contract(moment, application)
            if contract is None:
                raise Fault("the contract's row is missing")
            if contract.sealed_document_id is not None:
                return ContractSealed(waiting_until=application.waiting_until)
            await require_lock(moment.session)
            client = await self._records.clients.get(moment.session, signed.ref.client_id)
            _, pdf = await self._records.documents.load(moment.session, contract.document_id)
        sealed = await self._sealer.seal(pdf)
        async with self._records.moment() as moment:
            application = await get_application(moment.session, signed.ref.application_id)
            contract = await moment.session.get_one(Contract, signed.contract_id)
            if contract.sealed_document_id is not None:  # another try was quicker; the case may have gone on since
                return ContractSealed(waiting_until=application.waiting_until)
            signed_at = await _signed_at(moment, application, client, signed.signature_id)
            document = await self._records.documents.keep(
                moment.session,
                sealed,
                kind="sealed_contract",
                media_type="application/pdf",
                direction="sent",
                client=client,
                application_id=application.id,
                retain_until=moment.retain_until(await planned_end(moment.session, application.id)),
            )
            await identifications.close(
                self._records, moment, client, "CONTRACT", edition=application.edition, application_id=application.id,
                business=Purpose(application.purpose).business,
            )  # fmt: skip
            hours = await self._waiting_hours(moment, application, client)
            contract.signature_id, contract.signed_at = signed.signature_id, signed_at
            contract.sealed_document_id = document.id
            if hours is not None:
                application.waiting_until = signed_at + timedelta(hours=hours)
            moment.session.add(contract)
            await enter_stage(
                moment,
                application,
                "WAITING" if hours is not None else "SIGNING",
                paragraph="9",
                detail={"contract": str(contract.id), "sealed": str(document.id), "waiting_hours": hours},
            )
            await audit.record(
                moment.session,
                actor="system:worker",
                action="contract-sealed",
                subject=f"document:{contract.document_id}",
                paragraph="9",
                detail={"sealed": str(document.id)},
            )
            return ContractSealed(waiting_until=application.waiting_until)

    async def _waiting_hours(self, moment: Moment, application: Application, client: Client) -> int | None:
        """Several contracts of one day are summed."""
        query = select(Contract).where(
            col(Contract.client_id) == client.id,
            col(Contract.application_id) != application.id,
            col(Contract.signed_at).is_not(None),
            func.date(func.timezone("Asia/Almaty", col(Contract.signed_at))) == moment.day,
        )
        same_day = [Money(one.terms["principal"]) for one in (await moment.session.exec(query)).all()]
        product = product_version(application.product_code, application.product_version)
        exempt = exempt_from_waiting(ReceivingMethod(application.receiving_method), Purpose(application.purpose))
        kind = ClientKind(client.kind)
        wait = waiting(application.amount, same_day, product.secured, moment.day, kind=kind, exempt=exempt)
        return None if wait is None else int(wait.total_seconds() // 3600)


async def _signed_at(moment: Moment, application: Application, client: Client, signature_id: UUID | None) -> datetime:
    """When the client signed: by the signature, else by the face that stands for it. Rules: para 9.

    Raises:
        Conflict: `contract-not-signed`.
    """
    business = Purpose(application.purpose).business
    asked = needed(Act.CONTRACT, ClientKind(client.kind), named(application.edition), business=business)
    face = await _face_shown(moment, application, client)
    if (asked.face and face is None) or (asked.signature and signature_id is None):
        raise Conflict("contract-not-signed")
    if signature_id is not None:
        return (await moment.session.get_one(Signature, signature_id)).signed_at
    return face or moment.at


async def _face_shown(moment: Moment, application: Application, client: Client) -> datetime | None:
    """When the face was looked at that passed, or that an officer approved."""
    made = await identification_rows.checks(moment.session, client.id, "CONTRACT", application.id, None)
    faces = [check for check in made if check.step == "face"]
    if not faces:
        return None
    decided = await identification_rows.decisions(moment.session, client.id, application.id, faces[0].at, moment.at)
    shown = identifications.shown([identifications.of_check(check) for check in faces], decided)
    return faces[-1].at if "face" in shown else None


async def _contract(moment: Moment, application: Application) -> Contract | None:
    query = select(Contract).where(col(Contract.application_id) == application.id)
    return (await moment.session.exec(query)).first()


async def _number(moment: Moment, application: Application) -> str:
    """Year and ten digits of the application's id: known before the contract's row, the same on every try.

    Of a year's hundred thousands of contracts two may begin alike; the later one takes the next ten digits.
    """
    for start in (0, 10, 20):
        number = f"MK-{moment.day.year}-{application.id.hex[start : start + 10].upper()}"
        query = select(Contract.id).where(col(Contract.number) == number)
        if (await moment.session.exec(query)).first() is None:
            return number
    raise Fault("no number is left for this contract")
