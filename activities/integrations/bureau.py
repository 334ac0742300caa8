"""The credit bureaus: reports from the first one, our records to the one with state participation.

Rules: para 8, part 8; para 10.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from urllib.parse import quote

import httpx
from pydantic import AwareDatetime, Field

from activities.integrations.http import Refusals, Service, Wire
from activities.ports import BureauAnswer, BureauContract, BureauRecord, SubmissionState
from rules.errors import BrokenContract, Conflict, InvalidInput, NotFound
from rules.money import Money


class _Subject(Wire):
    iin: str


class _Refusal(Wire):
    active: bool


class _Contract(Wire):
    financial_institution: str
    agreement_number: str
    kind: Literal["LOAN", "MICROCREDIT"]
    subject_role: str
    actual_end: date | None = None
    outstanding_amount: Money
    monthly_payment: Money
    overdue_days: int = Field(ge=0)
    overdue_amount: Money


class _Income(Wire):
    avg6m: Money


class _Report(Wire):
    report_id: str = Field(min_length=1)
    generated_at: AwareDatetime
    subject: _Subject
    voluntary_refusal: _Refusal
    contracts: list[_Contract]
    income: _Income | None
    max_overdue_days_12m: int = Field(ge=0)


class _Batch(Wire):
    batch_id: str


class _Rejected(Wire):
    index: int = Field(ge=0)
    code: str = Field(pattern=r"^[A-Z0-9_-]{1,40}$")
    message: str


class _Submission(Wire):
    batch_id: str
    state: Literal["IN_WORK", "DONE"]
    accepted: int = Field(ge=0)
    rejected: list[_Rejected]


# only the bureau's own word makes an empty report; any other 404 is a wrong address
_REFUSALS: Refusals = {"404 SUBJECT_NOT_FOUND": lambda: NotFound("bureau-subject-unknown")}


class Bureau:
    """Both bureaus as the one port that activities know.

    Args:
        url, token: the first credit bureau, for reports.
        state: address and token of the bureau with state participation, for our records.
        oldest: a report made earlier than this before now is no answer to our question.
    """

    def __init__(
        self,
        url: str,
        token: str,
        client: httpx.AsyncClient | None = None,
        *,
        state: tuple[str, str],
        timeout_seconds: float = 10.0,
        oldest: timedelta = timedelta(hours=1),
    ) -> None:
        self._service = Service("bureau", url, token, client, timeout_seconds=timeout_seconds)
        self._state = Service("state-bureau", *state, client, timeout_seconds=timeout_seconds)
        self._oldest = oldest

    async def report(self, iin: str, consent_sha256: str, signed_at: datetime) -> BureauAnswer:
        """The credit report of a person; an empty one where the bureau does not know them.

        Any active voluntary refusal counts, whichever kind of lending it names.

        Raises:
            BrokenContract: `bureau-other-subject`, `bureau-stale`, or not in shape.
        """
        consent = {"id": consent_sha256[:16], "signed_at": signed_at.isoformat(), "sha256": consent_sha256}
        question = {"iin": iin, "report_type": "FULL", "consent": consent}
        try:
            reply = await self._service.fetch("POST", "/v1/reports", json=question, refusals=_REFUSALS)
        except NotFound:
            return _unknown()
        report = self._service.read(_Report, reply)
        if report.subject.iin != iin:
            raise BrokenContract("bureau-other-subject")
        if datetime.now(UTC) - report.generated_at > self._oldest:
            raise BrokenContract("bureau-stale")
        return _answer(report, reply.body)

    def pack(self, batch_id: str, records: Sequence[BureauRecord]) -> bytes:
        """The body of a submission. What is sent again is these bytes, not a new packing of the same records."""
        listed = [record.model_dump(mode="json", exclude_none=True) for record in records]
        return json.dumps({"batch_id": batch_id, "records": listed}, ensure_ascii=False).encode()

    async def submit(self, batch_id: str, content: bytes) -> None:
        """Send a batch; the same batch again changes nothing.

        Raises:
            InvalidInput: `bureau-records-refused`: a record does not follow the bureau's schema.
            Conflict: `batch-id-reused`: the id was used for other records.
        """
        reply = await self._state.fetch(
            "POST",
            "/v1/submissions",
            key=batch_id,
            content=content,
            headers={"Content-Type": "application/json"},
            refusals={
                "422 SCHEMA": lambda: InvalidInput("bureau-records-refused"),
                "422 KEY_REUSED": lambda: Conflict("batch-id-reused"),
            },
        )
        self._same_batch(self._state.read(_Batch, reply), batch_id)

    async def submission(self, batch_id: str) -> SubmissionState:
        """What became of a batch: state IN_WORK | DONE, accepted, rejected. Raises NotFound('batch-unknown')."""
        answer = await self._state.ask(
            _Submission,
            "GET",
            f"/v1/submissions/{quote(batch_id, safe='')}",
            refusals={"404 NOT_FOUND": lambda: NotFound("batch-unknown")},
        )
        self._same_batch(answer, batch_id)
        return SubmissionState.model_validate(answer.model_dump(exclude={"batch_id"}))

    @staticmethod
    def _same_batch(answer: _Batch | _Submission, batch_id: str) -> None:
        if answer.batch_id != batch_id:
            raise BrokenContract("state-bureau-other-subject")


def _unknown() -> BureauAnswer:
    """The report of somebody of whom the bureau, by its own word, knows nothing."""
    return BureauAnswer(
        report_id="subject-not-found",
        generated_at=datetime.now(UTC),
        voluntary_refusal=False,
        contracts=[],
        average_income=None,
        raw=b'{"code": "SUBJECT_NOT_FOUND"}',
    )


def _answer(report: _Report, raw: bytes) -> BureauAnswer:
    contracts = [one for one in report.contracts if one.actual_end is None or one.outstanding_amount > Money("0.00")]
    return BureauAnswer(
        report_id=report.report_id,
        generated_at=report.generated_at,
        voluntary_refusal=report.voluntary_refusal.active,
        contracts=[
            BureauContract(
                lender=one.financial_institution,
                number=one.agreement_number,
                role=one.subject_role,
                outstanding=one.outstanding_amount,
                monthly_payment=one.monthly_payment,
                overdue_days=one.overdue_days,
                overdue_amount=one.overdue_amount,
                microcredit=one.kind == "MICROCREDIT",
            )
            for one in contracts
        ],
        average_income=report.income.avg6m if report.income else None,
        max_overdue_days_12_months=max([report.max_overdue_days_12m, *(one.overdue_days for one in contracts)]),
        raw=raw,
    )
