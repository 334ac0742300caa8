"""Every workflow that the worker of the queue `origination` runs."""

from __future__ import annotations

from workflows.access import ClientNotice, LogInCode
from workflows.audit_seal import SealAudit
from workflows.calendar_change import CalendarChange
from workflows.collection import Collection
from workflows.complaint import ComplaintCase
from workflows.details_change import DetailsChange
from workflows.disbursement import Disbursement
from workflows.disposal import Disposal
from workflows.fraud_suspension import FraudSuspension
from workflows.furnishing import FurnishBatch, Furnishing, FurnishingRound
from workflows.incident import Incident
from workflows.incident_telling import TellRound
from workflows.incident_watch import ArchiveScrub, VerifyAudit, WatchAccess
from workflows.incoming import IncomingPayment
from workflows.leak_response import LeakResponse
from workflows.origination import Origination
from workflows.password_recovery import PasswordRecovery
from workflows.proof_bundle import ExportBundle
from workflows.reconciliation import Reconcile, ReconcileNight
from workflows.refund import Refund
from workflows.registration import Registration
from workflows.report import RegulatorReport, ReportDue
from workflows.resource_notice import ResourceNotice
from workflows.restructuring import Restructuring
from workflows.servicing import Servicing
from workflows.write_off import WriteOff

WORKFLOWS: list[type] = [
    Registration, Origination, Disbursement, Refund, Collection, Servicing, Reconcile, ReconcileNight,
    Restructuring, ComplaintCase,
    IncomingPayment,
    Furnishing, FurnishBatch, FurnishingRound,
    CalendarChange, Disposal,
    FraudSuspension,
    WriteOff,
    Incident, TellRound, WatchAccess, VerifyAudit, ArchiveScrub,
    RegulatorReport, ReportDue,
    SealAudit, ExportBundle, ResourceNotice, LeakResponse, DetailsChange,
    LogInCode, ClientNotice, PasswordRecovery,
]  # fmt: skip
