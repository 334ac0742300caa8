"""The tables. Import them from here so that the metadata is whole."""

from storage.tables.access import (
    Code,
    LivenessChallenge,
    LivenessClip,
    LivenessPrint,
    Review,
    ReviewDecision,
    Session,
    Staff,
    Throttle,
)
from storage.tables.cash import CashOrder
from storage.tables.clients import Check, Client, Document, Message, Signature
from storage.tables.clocks import CalendarChange, ClockEvent, StatutoryClock
from storage.tables.details import DetailsChange
from storage.tables.disposal import Disposal, DisposalObject, LegalHold
from storage.tables.evidence import Identification
from storage.tables.factors import (
    Authentication,
    ClientDevice,
    CodeSending,
    Passkey,
    PasskeyChallenge,
    PasswordRecovery,
    PhoneOwnerCheck,
    SecurityNotice,
    TotpFactor,
)
from storage.tables.fraud import CollectionHold, FraudDuty, OfficialPaper
from storage.tables.furnishing import FurnishingBatch, FurnishingDecision, FurnishingRecord
from storage.tables.incidents import (
    Incident,
    IncidentClient,
    IncidentClosing,
    IncidentDocument,
    IncidentRound,
    IncidentTask,
    IncidentText,
    RegulatorNotice,
    WatchPosition,
)
from storage.tables.leaks import Leak, LeakMeasure
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
from storage.tables.money_in import IncomingPayment, PaymentAssignment, TerminalSettlement
from storage.tables.organisations import ClientAccount, ClientAuthority
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
from storage.tables.refunds import RefundAccount, RefundRequest
from storage.tables.reports import Complaint, Report, ReportFile, ReportRetry, ReportVersion
from storage.tables.resources import Resource, ResourceNotice
from storage.tables.seals import AuditSeal, ProofBundle
from storage.tables.servicing import LoanNotice, RepaymentWish, RestructuringRequest
from storage.tables.signing import SigningRequest
from storage.tables.write_off import Claim, VerdictForce

__all__ = [
    "Account",
    "Acknowledgement",
    "Application",
    "ArchiveConformance",
    "AuditEntry",
    "AuditPending",
    "AuditSeal",
    "Authentication",
    "BureauReport",
    "CalendarChange",
    "CashOrder",
    "Check",
    "Claim",
    "Client",
    "ClientAccount",
    "ClientAuthority",
    "ClientDevice",
    "ClockEvent",
    "Code",
    "CodeSending",
    "CollectionHold",
    "Complaint",
    "Contract",
    "DetailsChange",
    "Disposal",
    "DisposalObject",
    "Document",
    "FraudDuty",
    "FurnishingBatch",
    "FurnishingDecision",
    "FurnishingRecord",
    "IdempotencyRecord",
    "Identification",
    "Incident",
    "IncidentClient",
    "IncidentClosing",
    "IncidentDocument",
    "IncidentRound",
    "IncidentTask",
    "IncidentText",
    "IncomingPayment",
    "Leak",
    "LeakMeasure",
    "LedgerEntry",
    "LedgerPosting",
    "LegalHold",
    "LivenessChallenge",
    "LivenessClip",
    "LivenessPrint",
    "Loan",
    "LoanEvent",
    "LoanNotice",
    "MasterKeyCanary",
    "Message",
    "Offer",
    "OfficialPaper",
    "OutboundPayment",
    "OutboxAction",
    "Passkey",
    "PasskeyChallenge",
    "PasswordRecovery",
    "PaymentAssignment",
    "PhoneOwnerCheck",
    "ProofBundle",
    "RefundAccount",
    "RefundRequest",
    "RegulatorNotice",
    "RepaymentWish",
    "Report",
    "ReportFile",
    "ReportRetry",
    "ReportVersion",
    "Resource",
    "ResourceNotice",
    "RestructuringRequest",
    "Review",
    "ReviewDecision",
    "Screening",
    "SecurityNotice",
    "Session",
    "Signature",
    "SigningRequest",
    "Staff",
    "StatementLine",
    "StatutoryClock",
    "TerminalSettlement",
    "Throttle",
    "TotpFactor",
    "VerdictForce",
    "WatchPosition",
]
