"""One record an identification: which checks were made on what, by which models and numbers, with which outcome.

The record is a JSON document in the archive. It names the bytes that were judged by their ids and hashes, so that the
judgement can be made again from them (activities/identifications_again.py). It holds no personal data.

Rules: para 34; para 35.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from activities.context import Moment, Records
from activities.retention import planned_end
from rules.evidence import StepOutcome
from storage import audit, identifications
from storage.proofs import plain
from storage.tables import Check, Client, Identification

KIND = "identification_evidence"
_FORM = 1  # of the record; a reader of another form says so
PASSED, REFUSED = "PASSED", "REFUSED"


async def close(
    records: Records,
    moment: Moment,
    client: Client,
    act: str,
    *,
    edition: str,
    application_id: UUID | None = None,
    ground: str | None = None,
    business: bool = False,
) -> Identification | None:
    """Archive the record of an identification that ends now, in the caller's transaction.

    Args:
        act: as in the checks; a client may be identified for the same act many times, each gets its own record.
        ground: why it was refused; None where the client is who they claim to be.
        business: of a contract for entrepreneurship, or its amendment, which asks for other proofs.

    Returns:
        None where no check was made since the last record: there was no identification.
    """
    await moment.session.flush()
    moment = await moment.later()  # a check may be newer than the transaction, which may have waited for another
    before = await identifications.last(moment.session, client.id, act, application_id)
    made = await identifications.checks(
        moment.session, client.id, act, application_id, before.ended_at if before else None
    )
    if not made:
        return None
    row = Identification(
        client_id=client.id, application_id=application_id, act=act, n=before.n + 1 if before else 1, edition=edition,
        outcome=PASSED if ground is None else REFUSED, ground=ground, document_id=client.id, sha256="",
        began_at=made[0].at, ended_at=moment.at,
    )  # fmt: skip
    content = await _content(moment, client, row, made, business)
    document = await records.documents.keep(
        moment.session,
        content,
        kind=KIND,
        media_type="application/json",
        direction="made",
        client=client,
        application_id=application_id,
        retain_until=moment.retain_until(await planned_end(moment.session, application_id)),
    )
    row.document_id, row.sha256 = document.id, document.sha256
    moment.session.add(row)
    await moment.session.flush()
    await audit.record(
        moment.session,
        actor="system:worker",
        action="identification-recorded",
        subject=f"application:{application_id}" if application_id else f"client:{client.id}",
        reason=ground,
        paragraph="35",
        detail={"identification": str(row.id), "act": act, "outcome": row.outcome, "sha256": row.sha256},
    )
    return row


async def _content(moment: Moment, client: Client, row: Identification, made: Any, business: bool) -> bytes:
    reviews = await identifications.decisions(moment.session, client.id, row.application_id, row.began_at, row.ended_at)
    checks = [of_check(check) for check in made]
    inputs = sorted({UUID(one) for check in checks for one in inputs_of(check).values()})
    record = {
        "form": _FORM,
        "identification": str(row.id),
        "client": str(client.id),
        "client_kind": client.kind,
        "application": plain(row.application_id),
        "act": row.act,
        "n": row.n,
        "edition": row.edition,
        "business": business,
        "outcome": row.outcome,
        "ground": row.ground,
        "began_at": instant(row.began_at),
        "ended_at": instant(row.ended_at),
        "shown": shown(checks, reviews),
        "checks": checks,
        "decisions": [{name: plain(value) for name, value in one.items()} for one in reviews],
        "documents": await identifications.hashes(moment.session, inputs),
    }
    return json.dumps(record, ensure_ascii=False, sort_keys=True, indent=1).encode()


def of_check(check: Check) -> dict[str, Any]:
    """A check as it stands in the record."""
    return {
        "check": str(check.id),
        "step": check.step,
        "outcome": str(check.outcome),
        "ground": check.ground,
        "policy_version": check.policy_version,
        "at": instant(check.at),
        "evidence": check.evidence,
    }


def inputs_of(check: dict[str, Any]) -> dict[str, str]:
    """The archived documents that a check looked at, by role."""
    found = check["evidence"].get("inputs") or {}
    return {role: str(one) for role, one in found.items() if one}


def shown(checks: list[dict[str, Any]], decisions: list[dict[str, Any]]) -> list[str]:
    """The steps that count as done: the newest check of a step passed, or a person approved what it left open.

    >>> shown([{"step": "face", "outcome": "retry", "ground": "no-face"}, {"step": "face", "outcome": "passed"}], [])
    ['face']
    >>> doubtful = [{"step": "face", "outcome": "review", "ground": "face-unsure"}]
    >>> shown(doubtful, [{"ground": "face-unsure", "decision": "approve"}]), shown(doubtful, [])
    (['face'], [])
    """
    newest = {check["step"]: check for check in checks}
    approved = {one["ground"] for one in decisions if one["decision"] == "approve"}
    return sorted(
        step
        for step, check in newest.items()
        if check["outcome"] == StepOutcome.PASSED
        or (check["outcome"] == StepOutcome.REVIEW and check["ground"] in approved)
    )


def instant(at: datetime) -> str:
    """RFC 3339, UTC, to the microsecond: the database's rows give the same text again.

    >>> instant(datetime(2026, 1, 15, 9, 30, tzinfo=UTC))
    '2026-01-15T09:30:00.000000+00:00'
    """
    return at.astimezone(UTC).isoformat(timespec="microseconds")
