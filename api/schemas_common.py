"""Shapes that many routes share: problems, accepted actions, steps, documents, challenges."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from api.fields import Answer, Body
from rules.evidence import StepOutcome


class FieldProblem(Answer):
    """One field at fault. pointer: JSON pointer. limit: the bound it broke, where there is one."""

    pointer: str
    code: str
    title: str
    limit: str | None = None


class Problem(Answer):
    """RFC 9457. type: /problems/{code}. title: in the asker's language. Never carries what was sent in."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "/problems/iin-check-digit",
                    "title": "Контрольный разряд ИИН не сходится",
                    "status": 422,
                    "code": "iin-check-digit",
                    "trace_id": "3f2a9c1e5b7d4f60",
                    "errors": [
                        {"pointer": "/iin", "code": "iin-check-digit", "title": "Контрольный разряд ИИН не сходится"}
                    ],
                }
            ]
        }
    )

    type: str
    title: str
    status: int
    code: str
    trace_id: str
    detail: str | None = None
    field: str | None = None
    errors: list[FieldProblem] | None = None


class Accepted(Answer):
    """The action is kept and will be done; ask `poll` for its answer."""

    status: Literal["accepted"] = "accepted"
    action_id: str
    poll: str


class ActionState(Answer):
    """An action that was answered 202. result is the answer that the route would have given at once."""

    action_id: str
    status: Literal["waiting", "done", "failed"]
    result: dict[str, object] | None = None
    problem: Problem | None = None


class StepAnswer(Answer):
    """What a step led to. A step that did not pass is an answer, not an error: ground says why, next what to do.

    next: the step to do now (the same one again after a retry), `wait` during a review, None at the end.
    """

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"step": "phone", "outcome": "passed", "next": "document"}]}
    )

    step: str
    outcome: StepOutcome
    ground: str | None = None
    ground_title: str | None = Field(default=None, description="the ground in the asker's language")
    attempts_left: int | None = None
    next: str | None = None


class Challenge(Answer):
    """A liveness challenge: make these movements in this order, in one clip, before it expires. Rules: para 35."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "challenge_id": "3f1f6f0e-6e0c-4a0e-9df1-0a8f6f1f7a11",
                    "movements": ["left", "up", "closer", "right"],
                    "seconds": [5, 5, 5, 5],
                    "kbit_per_second": 1000,
                    "expires_at": "2026-01-15T09:31:00Z",
                }
            ]
        }
    )

    challenge_id: UUID
    movements: list[str]
    seconds: list[int] = Field(
        description="for each movement: from the one before it, or the start, to its furthest point"
    )
    kbit_per_second: int = Field(description="clips above this rate are archived, and judged, at it")
    expires_at: datetime = Field(description="when the clip has to be here")


class DocumentInfo(Answer):
    """An archived document. sha256: of the bytes that `content` gives."""

    document_id: UUID
    kind: str
    media_type: str
    sha256: str
    size: int
    content: str = Field(description="where the bytes are")
    confirmation: str = Field(description="where its exchange confirmation is")
    created_at: datetime


class Exchange(Answer):
    """Confirmation that an electronic document was sent or received. Rules: para 12."""

    document_id: UUID
    kind: str
    direction: Literal["received", "sent", "made"]
    who: str = Field(description="client:{id} or lender")
    to: str
    sha256: str
    size: int
    at: datetime
    archive: dict[str, str] = Field(description="key, version_id, retain_until of the archived copy")


class SignatureBody(Body):
    """cms: base64 of a detached CMS (CAdES-BES or -T; RSA or GOST) over exactly the document's bytes."""

    cms: str
