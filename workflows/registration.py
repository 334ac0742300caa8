"""Registration: from a phone number to a client whose identity is proved. Id `registration/{client_id}`.

Rules: para 6, part 1; para 6, part 3; para 6, part 4; para 35.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from temporalio import workflow

from rules.evidence import Frozen, StepResult  # noqa: F401


class RegisterClient(Frozen):
    """Start: the client row with the sealed personal data exists already."""

    client_id: UUID
    edition: str


class SendCode(Frozen):
    """Ask for a (new) one-time code by SMS."""

    client_id: UUID


class ConfirmPhone(Frozen):
    """The six digits that came by SMS."""

    code: str


class SubmitDocument(Frozen):
    """Both sides of the ID card, archived."""

    front_id: UUID
    back_id: UUID


class SubmitFace(Frozen):
    """Selfie and liveness clip, archived, and the challenge they answer."""

    selfie_id: UUID
    video_id: UUID
    challenge_id: UUID


class SubmitSignature(Frozen):
    """A CMS (archived) over the registration statement (archived)."""

    statement_id: UUID
    cms_id: UUID


class ReviewDecided(Frozen):
    """A staff decision by its id: the workflow trusts the row in the database, not this message."""

    review_id: UUID
    decision_id: UUID


class RegistrationView(Frozen):
    """Where a registration stands. step: phone, document, face, signature, password, review, done.

    status: REGISTERING | REGISTERED | REFUSED.
    """

    status: str
    step: str
    ground: str | None = None
    statement_id: UUID | None = None
    review_id: UUID | None = None
    since: datetime | None = None


class Registered(Frozen):
    """Outcome of the workflow; refused is a result, not a failure."""

    registered: bool
    ground: str | None = None


@workflow.defn
class Registration:
    """See the module. Updates: send_code, confirm_phone, submit_document, submit_face, submit_signature, set_password,
    review_decided; each but the last answers a StepResult. Query: view."""
