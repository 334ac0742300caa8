"""Electronic signatures: what is signed is archived first; what was verified is archived with its proofs.

Rules: para 6, part 4; para 9; para 35.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from temporalio import activity

from activities.authorities import signer_ground
from activities.context import Moment, Records, conclude
from activities.identity_ports import SignatureVerifier
from activities.papers import StatementPaper, registration_statement
from activities.retention import planned_end
from rules.client import ClientKind
from rules.editions import named
from rules.evidence import Frozen, SignatureEvidence, StepResult
from rules.identification import needed, passed
from rules.proofs import Act
from storage import audit
from storage.conformance import require_lock
from storage.tables import Client, Document, Signature

_OF_CONTRACTS = ("CONTRACT", "ADDENDUM")
_KINDS = {"ocsp": "ocsp", "tsp": "tsp", "chain": "certificate_chain"}  # role in the evidence -> kind in the archive


class StatementWanted(Frozen):
    """The registration statement of a client."""

    client_id: UUID


class SignatureGiven(Frozen):
    """A CMS (archived) over a document (archived). act: REGISTRATION | CONTRACT | ADDENDUM (of a contract)."""

    client_id: UUID
    act: str
    document_id: UUID
    cms_id: UUID
    application_id: UUID | None = None


class SignatureStored(Frozen):
    """The step's result and, where it passed, the signature's row."""

    result: StepResult
    signature_id: UUID | None = None


class Signatures:
    """Draws up what is signed at registration, and verifies signatures."""

    def __init__(self, records: Records, verifier: SignatureVerifier, lender: str) -> None:
        self._records, self._verifier, self._lender = records, verifier, lender

    @activity.defn
    async def draw_statement(self, wanted: StatementWanted) -> UUID:
        """Render and archive the registration statement, once a client."""
        async with self._records.moment() as moment:
            client = await self._records.clients.get(moment.session, wanted.client_id)
            existing = await _document_of(moment.session, client, "registration_statement")
            if existing is not None:
                return existing
            paper = registration_statement(
                StatementPaper(
                    person=self._records.clients.person(client),
                    client_id=str(client.id),
                    lender=self._lender,
                    on=moment.day,
                    edition=client.edition,
                    signed=needed(Act.REGISTRATION, ClientKind(client.kind), named(client.edition)).signature,
                )
            )
            document = await self._records.documents.keep(
                moment.session,
                paper.pdf,
                kind="registration_statement",
                media_type="application/pdf",
                direction="sent",
                client=client,
                retain_until=moment.retain_until(),
            )
            return document.id

    @activity.defn
    async def verify_signature(self, given: SignatureGiven) -> SignatureStored:
        """All checks in their order; OCSP answer or lists, timestamp and chain are archived beside the CMS.

        Raises:
            ArchiveLockBroken: a contract is not signed while its archived bytes could be altered.
        """
        async with self._records.moment() as moment:
            if given.act in _OF_CONTRACTS:
                await require_lock(moment.session)
            client = await self._records.clients.get(moment.session, given.client_id)
            _, content = await self._records.documents.load(moment.session, given.document_id)
            _, cms = await self._records.documents.load(moment.session, given.cms_id)
            done = await _signature_over(moment.session, given)
        if done is not None:
            return SignatureStored(result=passed("signature"), signature_id=done)
        person = self._records.clients.person(client)
        found = await self._verifier.verify(cms, content, iin=person.iin, bin=person.bin)
        async with self._records.moment() as moment:
            ground = await signer_ground(moment, client, found.capacity) if found.accepted else str(found.ground)
            kept = await self._keep(moment, client, given, found)
            signature_id = await self._store(moment, client, given, found, kept) if ground is None else None
            result = await conclude(
                moment,
                client,
                act=given.act,
                step="signature",
                ground=ground,
                evidence=_evidence(given, found, kept),
                paragraph="9" if given.act in _OF_CONTRACTS else "6",
                application_id=given.application_id,
            )
        return SignatureStored(result=result, signature_id=signature_id)

    async def _keep(
        self, moment: Moment, client: Client, given: SignatureGiven, found: SignatureEvidence
    ) -> dict[str, UUID]:
        """Everything the verdict rests on, a refusal's as well, by its role in the evidence."""
        proofs = {"ocsp": found.ocsp_response, "tsp": found.timestamp_token, "chain": b"".join(found.chain)}
        proofs |= {f"list_{number}": one for number, one in enumerate(found.revocation_lists, 1)}
        end = await planned_end(moment.session, given.application_id)
        kept: dict[str, UUID] = {}
        for role, content in proofs.items():
            if content:
                document = await self._records.documents.keep(
                    moment.session,
                    content,
                    kind=_KINDS.get(role, "revocation_list"),
                    media_type="application/octet-stream",
                    direction="made",
                    client=client,
                    application_id=given.application_id,
                    retain_until=moment.retain_until(end),
                )
                kept[role] = document.id
        return kept

    async def _store(
        self,
        moment: Moment,
        client: Client,
        given: SignatureGiven,
        found: SignatureEvidence,
        kept: dict[str, UUID],
    ) -> UUID:
        signature = Signature(
            client_id=client.id,
            document_id=given.document_id,
            cms_document_id=given.cms_id,
            ocsp_document_id=kept.get("ocsp"),
            tsp_document_id=kept.get("tsp"),
            algorithm=found.algorithm or "",
            certificate_serial=found.certificate_serial or "",
            certificate_sha256=found.certificate_sha256 or "",
            signed_at=found.signed_at or moment.at,
            verified_at=moment.at,
        )
        moment.session.add(signature)
        await moment.session.flush()
        await audit.record(
            moment.session,
            actor=f"client:{client.id}",
            action="signed",
            subject=f"document:{given.document_id}",
            paragraph="9" if given.act in _OF_CONTRACTS else "6",
            detail={"signature": str(signature.id), "algorithm": signature.algorithm},
        )
        return signature.id


def _evidence(given: SignatureGiven, found: SignatureEvidence, kept: dict[str, UUID]) -> dict[str, Any]:
    """What `offline.again` needs beside the archived bytes to come to the same ground."""
    inputs = {"document": given.document_id, "cms": given.cms_id} | kept
    return {
        "inputs": {role: str(one) for role, one in inputs.items()},
        "asked": {"act": given.act} | found.asked,
        "policy": found.policy,
        "models": {},
        "result": {
            "ground": str(found.ground) if found.ground else None,
            "algorithm": found.algorithm,
            "certificate": found.certificate_sha256,
            "capacity": str(found.capacity) if found.capacity else None,
            "signed_at": found.signed_at.isoformat() if found.signed_at else None,
        },
    }


async def _document_of(session: AsyncSession, client: Client, kind: str) -> UUID | None:
    query = select(Document.id).where(col(Document.client_id) == client.id, col(Document.kind) == kind)
    return (await session.exec(query)).first()


async def _signature_over(session: AsyncSession, given: SignatureGiven) -> UUID | None:
    query = select(Signature.id).where(
        col(Signature.document_id) == given.document_id, col(Signature.cms_document_id) == given.cms_id
    )
    return (await session.exec(query)).first()
