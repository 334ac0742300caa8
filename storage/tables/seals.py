"""Sealed heads of the audit trail, and the bundles of proof that rest on them.

Rules: para 32.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, UniqueConstraint
from sqlmodel import Field, SQLModel

from storage.tables.columns import Instant, primary_id, reference


class AuditSeal(SQLModel, table=True):
    """A stretch of the audit trail whose hashes are signed and archived; appended.

    first, last: row numbers, both within. root: of the tree over the hashes of these rows (rules.merkle).
    head: hash of the last row. document_id: the signed words in the archive, cms_document_id: the signature.
    """

    __tablename__ = "audit_seal"

    id: UUID = primary_id()
    n: int = Field(unique=True)
    first: int = Field(sa_type=BigInteger, unique=True)
    last: int = Field(sa_type=BigInteger, unique=True)
    root: str
    head: str
    document_id: UUID = reference("document", index=False)
    cms_document_id: UUID = reference("document", index=False)
    sealed_at: datetime = Field(sa_type=Instant)


class ProofBundle(SQLModel, table=True):
    """A bundle of one loan that was asked for, and the archived file once it is made.

    asked_by: the member of staff, or of the regulator.
    """

    __tablename__ = "proof_bundle"
    __table_args__ = (UniqueConstraint("loan_id", "n"),)

    id: UUID = primary_id()
    loan_id: UUID = reference("loan")
    n: int
    asked_by: UUID = reference("staff", index=False)
    asked_at: datetime = Field(sa_type=Instant)
    document_id: UUID | None = reference("document", optional=True, index=False)
    sha256: str | None = None
    made_at: datetime | None = Field(default=None, sa_type=Instant)
