"""Which documents wait for their client's signature, and what is told to whom once one is signed elsewhere.

A statement's signature goes on into its workflow by itself. A contract and an addendum are signed together with the
face, so there the signature is kept, and `PUT .../signing` names the request instead of carrying the signature.

Rules: para 6, part 4; para 9.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote
from uuid import UUID

from sqlmodel import col, select

from activities import details_desk
from activities.context import Moment
from api import papers
from api.actions import Call
from api.schemas_signing import Links, SigningRequestAnswer
from api.services import Services
from api.titles import title
from api.uploads import Upload
from rules.client import ClientKind
from rules.editions import named
from rules.errors import Conflict, NotFound
from rules.identification import needed
from rules.products import Purpose
from rules.proofs import Act
from storage import outbox, signing
from storage.tables import (
    Application,
    Client,
    Contract,
    DetailsChange,
    Document,
    RestructuringRequest,
    Signature,
    SigningRequest,
)
from workflows.messages import SubmitSignature

NAMES = {
    "registration_statement": {
        "kk": "Тіркелу туралы өтініш", "ru": "Заявление о регистрации", "en": "Registration statement",
    },
    "details_statement": {
        "kk": "Деректерді өзгерту туралы өтініш", "ru": "Заявление об изменении данных",
        "en": "Statement on a change of details",
    },
    "contract": {
        "kk": "Микрокредит беру туралы шарт", "ru": "Договор о предоставлении микрокредита",
        "en": "Microcredit contract",
    },
    "addendum": {
        "kk": "Микрокредит шартына қосымша келісім", "ru": "Дополнительное соглашение к договору о микрокредите",
        "en": "Addendum to the microcredit contract",
    },
}  # fmt: skip
_PERSONAL = "https://m.egov.kz/mobileSign/?link={}&isi=1476128386&ibi=kz.egov.mobile&apn=kz.mobile.mgov"
_BUSINESS = (
    "https://m.egov.kz/businessSign/?link={}&isi=1597880144&ibi=kz.mobile.mgov.business&apn=kz.mobile.mgov.business"
)


@dataclass(frozen=True)
class Case:
    """A document that waits. workflow, workflow_id: whom its signature goes to by itself; None where a face is due."""

    document: Document
    workflow: str | None = None
    workflow_id: str | None = None

    def call(self, request_id: UUID, cms_id: UUID) -> Call | None:
        """The action that follows from the signature; the same for the same request, so it is done once."""
        if self.workflow is None or self.workflow_id is None:
            return None
        given = SubmitSignature(statement_id=self.document.id, cms_id=cms_id)
        return Call(self.workflow, self.workflow_id, "submit_signature", given, action_of(request_id))


def action_of(request_id: UUID) -> str:
    """The id of the action, and of the update in the workflow, that a signed request leads to."""
    return hashlib.sha256(f"signing-request:{request_id}".encode()).hexdigest()[:32]


async def waiting(moment: Moment, client: Client, document: Document) -> Case:
    """The case of a document of this client that waits for their signature.

    Raises:
        Conflict: `nothing-to-sign`: it never does, does no more, or is signed.
    """
    case = await _FINDERS[document.kind](moment, client, document) if document.kind in _FINDERS else None
    signed = select(Signature.id).where(col(Signature.document_id) == document.id).limit(1)
    if case is None or (await moment.session.exec(signed)).first() is not None:
        raise Conflict("nothing-to-sign")
    return case


async def _registration(moment: Moment, client: Client, document: Document) -> Case | None:
    if not needed(Act.REGISTRATION, ClientKind(client.kind), named(client.edition)).signature:
        return None  # drawn up, and kept, without anybody's signature
    newest = await papers.latest(moment, client.id, document.kind)
    if client.status != "REGISTERING" or newest is None or newest.id != document.id:
        return None
    return Case(document, "Registration", f"registration/{client.id}")


async def _details(moment: Moment, client: Client, document: Document) -> Case | None:
    query = select(DetailsChange).where(
        col(DetailsChange.statement_id) == document.id,
        col(DetailsChange.client_id) == client.id,
        col(DetailsChange.state) == "OPEN",
        col(DetailsChange.signature_needed).is_(True),
    )
    row = (await moment.session.exec(query)).first()
    return None if row is None else Case(document, "DetailsChange", details_desk.case_id(row))


async def _contract(moment: Moment, client: Client, document: Document) -> Case | None:
    query = (
        select(Application)
        .join(Contract, col(Contract.application_id) == col(Application.id))
        .where(
            col(Contract.document_id) == document.id,
            col(Contract.client_id) == client.id,
            col(Contract.signature_id).is_(None),
            col(Contract.signed_at).is_(None),
        )
    )
    application = (await moment.session.exec(query)).first()
    if application is None:
        return None
    of, business = named(application.edition), Purpose(application.purpose).business
    return Case(document) if needed(Act.CONTRACT, ClientKind(client.kind), of, business=business).signature else None


async def _addendum(moment: Moment, client: Client, document: Document) -> Case | None:
    query = select(RestructuringRequest.id).where(
        col(RestructuringRequest.addendum_document_id) == document.id,
        col(RestructuringRequest.state) == "PROPOSED",
        col(RestructuringRequest.signature_needed).is_(True),
    )
    return None if (await moment.session.exec(query)).first() is None else Case(document)


_FINDERS = {
    "registration_statement": _registration,
    "details_statement": _details,
    "contract": _contract,
    "addendum": _addendum,
}


async def given_cms(
    kit: Services,
    moment: Moment,
    client: Client,
    given: Upload | UUID,
    document_id: UUID | None,
    application_id: UUID | None,
) -> UUID:
    """The archived signature that a client sent, or that a signed request for this very document holds.

    Raises:
        NotFound: no such request of this client for this document.
        Conflict: `signing-request-not-signed`.
    """
    if isinstance(given, Upload):
        return await papers.receive(kit, moment, client, given, "cms", application_id)
    row = await moment.session.get(SigningRequest, given)
    if row is None or row.client_id != client.id or row.document_id != document_id:
        raise NotFound("signing-request-unknown")
    if row.cms_id is None:
        raise Conflict("signing-request-not-signed")
    return row.cms_id


def _address(kit: Services, row: SigningRequest) -> str:
    return f"{kit.origin}/mgovSign?{row.id}"


def qr_text(kit: Services, row: SigningRequest) -> str:
    """What the QR code says to the application."""
    return f"mobileSign:{_address(kit, row)}"


async def told(kit: Services, moment: Moment, row: SigningRequest, language: str) -> SigningRequestAnswer:
    """A request as its client is told of it."""
    over = row.state in signing.ALIVE and not signing.alive(row, moment.at)
    followed = row.state == "SIGNED" and await outbox.get(moment.session, action_of(row.id)) is not None
    link = quote(_address(kit, row), safe="")
    return SigningRequestAnswer(
        signing_request_id=row.id,
        document_id=row.document_id,
        state=cast(Any, "expired" if over else row.state.lower()),
        qr_text=qr_text(kit, row),
        links=Links(personal=_PERSONAL.format(link), business=_BUSINESS.format(link)),
        method=cast(Any, row.method),
        asked_at=row.asked_at,
        expires_at=row.expires_at,
        ended_at=row.ended_at,
        ground=row.ground,
        ground_title=title(row.ground, language) if row.ground else None,
        poll=f"/api/v1/actions/{action_of(row.id)}" if followed else None,
    )
