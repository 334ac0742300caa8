"""The tables. Import them from here so that the metadata is whole."""

from storage.tables.access import Code, LivenessChallenge, Review, ReviewDecision, Session, Staff, Throttle
from storage.tables.cash import CashOrder
from storage.tables.clients import Check, Client, Document, Message, Signature
from storage.tables.furnishing import FurnishingBatch, FurnishingRecord
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
from storage.tables.money_in import IncomingPayment, PaymentAssignment
from storage.tables.records import (
    Account,
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
from storage.tables.servicing import LoanNotice, RepaymentWish, RestructuringRequest

__all__ = [
    "Account",
    "Acknowledgement",
    "Application",
    "ArchiveConformance",
    "AuditEntry",
    "AuditPending",
    "BureauReport",
    "CashOrder",
    "Check",
    "Client",
    "Code",
    "Contract",
    "Document",
    "FurnishingBatch",
    "FurnishingRecord",
    "IdempotencyRecord",
    "IncomingPayment",
    "LedgerEntry",
    "LedgerPosting",
    "LivenessChallenge",
    "Loan",
    "LoanEvent",
    "LoanNotice",
    "MasterKeyCanary",
    "Message",
    "Offer",
    "OutboundPayment",
    "OutboxAction",
    "PaymentAssignment",
    "RepaymentWish",
    "RestructuringRequest",
    "Review",
    "ReviewDecision",
    "Screening",
    "Session",
    "Signature",
    "Staff",
    "StatementLine",
    "Throttle",
]
