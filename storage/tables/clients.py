"""Clients and what proves who they are. Personal data is sealed under the client's own data key."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from storage.tables.columns import Instant, Json, primary_id, reference


class Client(SQLModel, table=True):
    """A person or organisation that registers. Rules: para 6, part 1; para 6, part 2.

    kind: INDIVIDUAL | ENTREPRENEUR | LEGAL_ENTITY.
    status: REGISTERING | REGISTERED | REFUSED | DESTROYED. One REGISTERED client an IIN/BIN and phone.
    DESTROYED: after retention the data key was destroyed and is empty, nothing can be read any more; final.
    personal: sealed JSON of rules.client.Person. Blind indexes are keyed hashes, for look-up only.
    """

    __tablename__ = "client"
    __table_args__ = (
        Index("client_one_registered_iin", "iin_index", unique=True, postgresql_where=text("status = 'REGISTERED'")),
        Index(
            "client_one_registered_phone", "phone_index", unique=True, postgresql_where=text("status = 'REGISTERED'")
        ),
    )

    id: UUID = primary_id()
    kind: str
    status: str = Field(default="REGISTERING", index=True)
    language: str = "kk"
    edition: str
    iin_index: bytes = Field(index=True)
    phone_index: bytes = Field(index=True)
    data_key: bytes = Field(description="data key wrapped by the master key, with its key id")
    personal: bytes
    password_hash: str | None = None
    face_embedding: bytes | None = Field(default=None, description="sealed; of the enrolled selfie")
    refusal_ground: str | None = None
    created_at: datetime = Field(sa_type=Instant)
    registered_at: datetime | None = Field(default=None, sa_type=Instant)
    iin_hash: bytes | None = Field(default=None, description="keyed hash of the person's IIN; frozen by the database")
    bin_hash: bytes | None = Field(default=None, description="of the organisation's BIN; frozen by the database")


class Document(SQLModel, table=True):
    """One archived document: the reference into the archive. Rules: para 11; para 34.

    kind: id_card_front, id_card_back, selfie, liveness_video, registration_statement, contract,
    sealed_contract, cms, ocsp, tsp, bureau_report, sanctions_list, evidence, history, message ...
    sha256 is of the original bytes; the archive holds them sealed under the client's data key,
    or under the document's own where it belongs to no client.
    """

    __tablename__ = "document"
    __table_args__ = (Index("document_retained", "retain_until", postgresql_where=text("client_id is not null")),)

    id: UUID = primary_id()
    client_id: UUID | None = reference("client", optional=True)
    application_id: UUID | None = Field(default=None, index=True)
    kind: str = Field(index=True)
    media_type: str
    direction: str = Field(description="received (from the client) | sent (shown to the client) | made (by us)")
    key: str
    version_id: str
    sha256: str = Field(index=True)
    size: int
    sealed_sha256: str
    data_key: bytes | None = Field(default=None, description="wrapped; of a document that belongs to no client")
    retain_until: datetime = Field(sa_type=Instant)
    created_at: datetime = Field(sa_type=Instant)


class Check(SQLModel, table=True):
    """One identification check with its evidence; never changed afterwards. Rules: para 6; para 35.

    act: REGISTRATION | CONTRACT. step: phone | document | face | liveness | idec | signature ...
    evidence: scores, thresholds, model hashes, document ids; no personal data.
    """

    __tablename__ = "identification_check"

    id: UUID = primary_id()
    client_id: UUID = reference("client")
    application_id: UUID | None = Field(default=None, index=True)
    act: str
    step: str
    outcome: str
    ground: str | None = None
    policy_version: str
    evidence: dict[str, Any] = Field(sa_type=Json)
    at: datetime = Field(sa_type=Instant)


class Signature(SQLModel, table=True):
    """An electronic signature over an archived document, verified. Rules: para 9; para 35."""

    __tablename__ = "signature"

    id: UUID = primary_id()
    client_id: UUID = reference("client")
    document_id: UUID = reference("document")
    cms_document_id: UUID
    ocsp_document_id: UUID | None = None
    tsp_document_id: UUID | None = None
    algorithm: str
    certificate_serial: str
    certificate_sha256: str
    signed_at: datetime = Field(sa_type=Instant)
    verified_at: datetime = Field(sa_type=Instant)


class Message(SQLModel, table=True):
    """A message between client and lender; the text is sealed and archived. Rules: para 7; para 34."""

    __tablename__ = "message"

    id: UUID = primary_id()
    client_id: UUID = reference("client")
    direction: str = Field(description="from_client | to_client")
    body: bytes
    document_id: UUID | None = None
    at: datetime = Field(sa_type=Instant)
    read_at: datetime | None = Field(default=None, sa_type=Instant)
