"""Sealing on a real database and archive: a contract without a signature only where its edition asks for none.

Simulated: the seal, and the face check (a row as Faces.check_face leaves it). Rules: para 9.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest
from sqlmodel import col, select

from activities.applications import ApplicationRef
from activities.context import Records, conclude
from activities.contracts import Contracts, ContractSigned
from bench.prepared import _application, _contract, person_of
from rules.client import ClientKind
from rules.errors import Conflict
from rules.lender import EXAMPLE
from rules.matching import numbers_in
from rules.money import Money
from rules.products import ReceivingMethod
from rules.receiving import Receiving
from storage import conformance, reviews
from storage.archive_lock import HELD, LockCheck
from storage.tables import Check, Contract, Document, Signature, Staff
from tests.support.api_world import new_iin, new_phone
from tests.support.servicing_world import opened_records

if TYPE_CHECKING:
    from infra.settings import Archive as ArchiveSettings

ACCOUNT = Receiving(method=ReceivingMethod.OWN_ACCOUNT, value="KZ86125KZT5004100100")
E_, I_, L_ = ClientKind.ENTREPRENEUR, ClientKind.INDIVIDUAL, ClientKind.LEGAL_ENTITY


class Sealer:
    """Appends a mark."""

    async def seal(self, pdf: bytes) -> bytes:
        return pdf + b" sealed"


@pytest.fixture(scope="module")
async def kept(database_url: str, archive_settings: ArchiveSettings) -> AsyncIterator[Records]:
    async with opened_records(database_url, archive_settings) as records:
        async with records.moment() as moment:
            trial = [LockCheck(rule="deleting a locked version is refused", vital=True, result=HELD)]
            await conformance.record(moment.session, records.documents.archive.endpoint, trial)
        yield records


async def drawn(kept: Records, kind: ClientKind) -> tuple[ApplicationRef, Contract]:
    """A contract that waits for its signing."""
    number = "490740000400" if kind is L_ else None
    person = person_of("АХМЕТОВА", "АЙГЕРІМ", new_iin(), new_phone(), number)
    async with kept.moment() as moment:
        client = await kept.clients.register(moment.session, person, kind, "kk", "2025b")
        ref = ApplicationRef(application_id=uuid4(), client_id=client.id)
        application = _application(kept, moment, ref, ACCOUNT, Money(500_000), kind)
        moment.session.add(application)
        await moment.session.flush()
        document = await kept.documents.keep(
            moment.session, b"%PDF contract", kind="contract", media_type="application/pdf", direction="sent",
            client=client, application_id=ref.application_id, retain_until=moment.retain_until(),
        )  # fmt: skip
        contract = _contract(moment, application)
        contract.document_id, contract.signed_at = document.id, None
        moment.session.add(contract)
        return ref, contract


async def looked_at(kept: Records, ref: ApplicationRef, ground: str | None = None) -> None:
    async with kept.moment() as moment:
        client = await kept.clients.get(moment.session, ref.client_id)
        await conclude(
            moment, client, act="CONTRACT", step="face", ground=ground, evidence={}, paragraph="9",
            application_id=ref.application_id,
        )  # fmt: skip


async def sealed(kept: Records, ref: ApplicationRef, contract: Contract, signature_id=None) -> Contract:
    signed = ContractSigned(ref=ref, contract_id=contract.id, signature_id=signature_id)
    await Contracts(kept, Sealer(), EXAMPLE).seal(signed)
    async with kept.moment() as moment:
        return await moment.session.get_one(Contract, contract.id)


async def test_of_two_applications_that_begin_alike_each_gets_a_number_of_its_own(kept) -> None:
    _, first = await drawn(kept, I_)
    person = person_of("АХМЕТОВА", "АЙГЕРІМ", new_iin(), new_phone())
    alike = UUID(first.application_id.hex[:10] + uuid4().hex[10:])
    async with kept.moment() as moment:
        client = await kept.clients.register(moment.session, person, I_, "kk", "2025b")
        ref = ApplicationRef(application_id=alike, client_id=client.id)
        application = _application(kept, moment, ref, ACCOUNT, Money(500_000), I_)
        application.chosen_method = "annuity"
        moment.session.add(application)
    made = await Contracts(kept, Sealer(), EXAMPLE).draw_up(ref)
    async with kept.moment() as moment:
        contract = await moment.session.get_one(Contract, made.contract_id)
    assert contract.number == f"MK-{first.number[3:7]}-{alike.hex[10:20].upper()}"
    assert numbers_in(contract.number) == (contract.number,)
    assert await Contracts(kept, Sealer(), EXAMPLE).draw_up(ref) == made


async def test_an_entrepreneurs_contract_for_the_business_is_signed_when_the_face_was(kept) -> None:
    ref, contract = await drawn(kept, E_)
    with pytest.raises(Conflict, match="contract-not-signed"):
        await sealed(kept, ref, contract)  # nobody has looked at a face
    await looked_at(kept, ref, "face-different")
    with pytest.raises(Conflict, match="contract-not-signed"):
        await sealed(kept, ref, contract)
    await looked_at(kept, ref)
    done = await sealed(kept, ref, contract)
    async with kept.moment() as moment:
        query = select(Check.at).where(col(Check.application_id) == ref.application_id, col(Check.outcome) == "passed")
        at = (await moment.session.exec(query)).one()
        _, content = await kept.documents.load(moment.session, done.sealed_document_id)
    assert (done.signature_id, done.signed_at) == (None, at)
    assert content == b"%PDF contract sealed"
    assert (await sealed(kept, ref, contract)).sealed_document_id == done.sealed_document_id  # and once


async def test_tries_that_overlap_seal_a_contract_once(kept) -> None:
    ref, contract = await drawn(kept, E_)
    await looked_at(kept, ref)
    done = await asyncio.gather(*(sealed(kept, ref, contract) for _ in range(6)))
    assert len({one.sealed_document_id for one in done}) == 1
    async with kept.moment() as moment:
        query = select(Document.id).where(
            col(Document.application_id) == ref.application_id, col(Document.kind) == "sealed_contract"
        )
        assert len((await moment.session.exec(query)).all()) == 1


async def test_an_unsure_face_signs_once_an_officer_has_approved_it(kept) -> None:
    ref, contract = await drawn(kept, E_)
    await looked_at(kept, ref, "face-unsure")
    with pytest.raises(Conflict, match="contract-not-signed"):
        await sealed(kept, ref, contract)
    async with kept.moment() as moment:
        officer = Staff(
            login=f"o{uuid4().hex[:12]}", name="O", roles=["officer"], password_hash="x", totp_secret=b"s",
            created_at=moment.at,
        )  # fmt: skip
        moment.session.add(officer)
        await moment.session.flush()
        review = await reviews.open_review(
            moment.session, kind="IDENTITY", workflow_id=f"application/{ref.application_id}", ground="face-unsure",
            client_id=ref.client_id, application_id=ref.application_id,
        )  # fmt: skip
        await reviews.claim(moment.session, review.id, officer.id)
        await reviews.decide(moment.session, review.id, officer.id, "approve", "looks-right")
    assert (await sealed(kept, ref, contract)).signed_at is not None


@pytest.mark.parametrize("kind", [I_, L_])
async def test_everybody_else_needs_both(kept, kind) -> None:
    ref, contract = await drawn(kept, kind)
    async with kept.moment() as moment:
        signature = Signature(
            client_id=ref.client_id, document_id=contract.document_id, cms_document_id=uuid4(), algorithm="RSA-SHA256",
            certificate_serial="1", certificate_sha256="0" * 64, signed_at=moment.at, verified_at=moment.at,
        )  # fmt: skip
        moment.session.add(signature)
    with pytest.raises(Conflict, match="contract-not-signed"):
        await sealed(kept, ref, contract, signature.id)  # nobody has looked at a face
    await looked_at(kept, ref)
    with pytest.raises(Conflict, match="contract-not-signed"):
        await sealed(kept, ref, contract)
    done = await sealed(kept, ref, contract, signature.id)
    assert (done.signature_id, done.signed_at) == (signature.id, signature.signed_at)
