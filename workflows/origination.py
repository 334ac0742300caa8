"""Origination: from an application to issued money. Id `application/{application_id}`.

Rules: para 7; para 8; para 9; para 10.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from temporalio import workflow

from rules.evidence import Frozen, StepResult  # noqa: F401


class ApplyForLoan(Frozen):
    """Start: the application row exists already, with its edition, policy and product versions."""

    application_id: UUID
    client_id: UUID
    edition: str


class Acknowledge(Frozen):
    """The client's mark under a text: lending_rules | payments_information | rights_and_duties."""

    subject: str
    text_version: str
    text_sha256: str


class ChooseOffer(Frozen):
    """method: annuity | differentiated | own."""

    method: str


class SignContract(Frozen):
    """The CMS over exactly the contract's bytes, and a fresh face: all archived."""

    cms_id: UUID
    selfie_id: UUID
    video_id: UUID
    challenge_id: UUID


class ConfirmLoan(Frozen):
    """The second confirmation after the waiting time."""

    confirmed: bool


class ApplicationView(Frozen):
    """Where an application stands; stages as in storage.tables.Application."""

    stage: str
    grounds: list[str] = []
    next: str | None = None
    contract_id: UUID | None = None
    loan_id: UUID | None = None
    waiting_until: datetime | None = None
    review_id: UUID | None = None


class Originated(Frozen):
    """Outcome: ISSUED with a loan, or REFUSED, WITHDRAWN, EXPIRED with grounds."""

    stage: str
    loan_id: UUID | None = None
    grounds: list[str] = []


@workflow.defn
class Origination:
    """See the module. Updates: acknowledge, choose, sign, confirm, withdraw -> ApplicationView (sign -> StepResult);
    review_decided. Query: view."""
