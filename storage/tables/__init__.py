"""The tables. Import them from here so that the metadata is whole."""

from storage.tables.access import Code, LivenessChallenge, Review, ReviewDecision, Session, Staff, Throttle
from storage.tables.clients import Check, Client, Document, Message, Signature
from storage.tables.lending import (
    Acknowledgement,
    Application,
    BureauReport,
    Contract,
    Loan,
    LoanEvent,
    Offer,
    Screening,
)
from storage.tables.records import (
    ArchiveConformance,
    AuditEntry,
    AuditPending,
    IdempotencyRecord,
    LedgerEntry,
    LedgerPosting,
    MasterKeyCanary,
    OutboundPayment,
    OutboxAction,
    StatementLine,
)

__all__ = [
    "Acknowledgement",
    "Application",
    "ArchiveConformance",
    "AuditEntry",
    "AuditPending",
    "BureauReport",
    "Check",
    "Client",
    "Code",
    "Contract",
    "Document",
    "IdempotencyRecord",
    "LedgerEntry",
    "LedgerPosting",
    "LivenessChallenge",
    "Loan",
    "LoanEvent",
    "MasterKeyCanary",
    "Message",
    "Offer",
    "OutboundPayment",
    "OutboxAction",
    "Review",
    "ReviewDecision",
    "Screening",
    "Session",
    "Signature",
    "Staff",
    "StatementLine",
    "Throttle",
]
