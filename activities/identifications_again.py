"""An identification judged again from its record: the same bytes, models and numbers must give the same answers.

First the record itself: its bytes are those that were archived, its checks are those of the database, every document
it names still has its hash. Then each check is made again by whoever made it (`Repeater`), and last the outcome is
drawn from the checks again. What an outside service answered cannot be asked again; it is compared as it was kept.

Rules: para 34; para 35.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast
from uuid import UUID

from activities.context import Moment, Records
from activities.identifications import PASSED, inputs_of, of_check, shown
from rules.client import ClientKind, Person
from rules.editions import named
from rules.errors import BusinessError, InvalidInput
from rules.evidence import Frozen
from rules.identification import needed
from rules.proofs import Act, Proof
from rules.receiving import MERCHANT_ACT
from storage import identifications
from storage.tables import Check, Client, Identification

_TOLERANCE = 0.002  # scores of the same net on another processor differ in the last digits
_FORM = 1


class Judgement(NamedTuple):
    """What a check found: the ground of a refusal, or None; and the scores and decisions it stood on."""

    ground: str | None
    result: Mapping[str, Any]


class CannotRepeat(Exception):
    """A check that cannot be made again here; says why."""


Repeater = Callable[[dict[str, Any], Mapping[str, bytes], Person], Judgement]
"""Makes a check again: (the check as recorded, the bytes of its inputs by role, what the client typed)."""

_ACTS = {
    "REGISTRATION": Act.REGISTRATION, "CONTRACT": Act.CONTRACT, "ADDENDUM": Act.CONTRACT_AMENDMENT,
    "DETAILS": Act.PHONE_CHANGE, "LEAK": Act.LEAK, MERCHANT_ACT: Act.MERCHANT_PAYMENT,
}  # fmt: skip
_PROOFS = {"face": Proof.BIOMETRY, "signature": Proof.SIGNATURE, "phone": Proof.ONE_TIME_CODE}


class CheckAgain(Frozen):
    """One check. repeated: whether it was made again; same: its answer and its scores are those of the record."""

    check: UUID
    step: str
    at: str
    ground: str | None
    repeated: bool
    same: bool
    differences: list[str] = []
    why: str | None = None


class Verified(Frozen):
    """The whole. findings: what does not fit in the record itself. same: nothing differs anywhere."""

    identification: UUID
    act: str
    outcome: str
    edition: str
    findings: list[str]
    checks: list[CheckAgain]
    same: bool


class IdentificationsAgain:
    """Judges records again.

    Args:
        repeaters: by step of identification; a step without one is compared as it was kept.
    """

    def __init__(self, records: Records, repeaters: Mapping[str, Repeater]) -> None:
        self._records, self._repeaters = records, repeaters

    async def verify(self, identification_id: UUID) -> Verified:
        """Judge one again.

        Raises:
            NotFound: `identification-unknown`.
            Gone: `data-destroyed`.
        """
        async with self._records.moment() as moment:
            row = await identifications.get(moment.session, identification_id)
            client = await self._records.clients.get(moment.session, row.client_id)
            document, content = await self._records.documents.load(moment.session, row.document_id)
            record = _read(content)
            findings = [] if document.sha256 == row.sha256 else ["record: other bytes than were noted"]
            findings += await self._against_rows(moment, row, record)
            bytes_of, broken = await self._documents(moment, record)
        findings += broken
        person = self._records.clients.person(client)
        checks = [await self._again(check, bytes_of, person) for check in record["checks"]]
        findings += _outcome(record, client)
        same = not findings and all(one.same for one in checks)
        return Verified(
            identification=row.id, act=row.act, outcome=row.outcome, edition=row.edition, findings=findings,
            checks=checks, same=same,
        )  # fmt: skip

    async def _against_rows(self, moment: Moment, row: Identification, record: dict[str, Any]) -> list[str]:
        """The record tells what the rows tell."""
        told = {"identification": str(row.id), "client": str(row.client_id), "act": row.act, "n": row.n}
        told |= {"outcome": row.outcome, "ground": row.ground, "edition": row.edition}
        findings = [f"record: {name} is not the row's" for name, value in told.items() if record.get(name) != value]
        for check in record["checks"]:
            kept = await moment.session.get(Check, UUID(check["check"]))
            if kept is None:
                findings.append(f"check {check['check']}: not in the database")
            elif _plain(of_check(kept)) != check:
                findings.append(f"check {check['check']}: the database tells another one")
        return findings

    async def _documents(self, moment: Moment, record: dict[str, Any]) -> tuple[dict[str, bytes], list[str]]:
        found: dict[str, bytes] = {}
        findings = []
        for document_id, sha256 in sorted(record["documents"].items()):
            try:
                document, content = await self._records.documents.load(moment.session, UUID(document_id))
            except BusinessError as error:
                findings.append(f"document {document_id}: {error.code}")
                continue
            if document.sha256 != sha256:
                findings.append(f"document {document_id}: other bytes than were judged")
            found[document_id] = content
        return found, findings

    async def _again(self, check: dict[str, Any], bytes_of: Mapping[str, bytes], person: Person) -> CheckAgain:
        told: dict[str, Any] = {
            "check": check["check"], "step": check["step"], "at": check["at"], "ground": check["ground"]
        }  # fmt: skip
        repeater = self._repeaters.get(check["step"])
        if repeater is None:
            return CheckAgain(**told, repeated=False, same=True, why="an answer from outside, kept as it came")
        inputs = {role: bytes_of[one] for role, one in inputs_of(check).items() if one in bytes_of}
        try:
            again = await asyncio.to_thread(repeater, check, inputs, person)
        except CannotRepeat as error:
            return CheckAgain(**told, repeated=False, same=False, why=str(error))
        differences = [] if again.ground == check["ground"] else [f"ground: {check['ground']} then, {again.ground} now"]
        differences += differing(check["evidence"].get("result") or {}, _plain(again.result), "result")
        return CheckAgain(**told, repeated=True, same=not differences, differences=differences)


def _outcome(record: dict[str, Any], client: Client) -> list[str]:
    """The outcome follows from the checks and what people decided, by the rule of the edition."""
    done = shown(record["checks"], record["decisions"])
    findings = [] if done == record["shown"] else ["record: the steps that are done do not follow from its checks"]
    act = _ACTS.get(record["act"].partition(":")[0])
    if act is None or record["outcome"] != PASSED:
        return findings
    rule = needed(act, ClientKind(client.kind), named(record["edition"]), business=record["business"]).rule
    if not rule.satisfied({_PROOFS[step] for step in done if step in _PROOFS}):
        findings.append("record: passed on less than the edition asks for")
    return findings


def _read(content: bytes) -> dict[str, Any]:
    record = cast(dict[str, Any], json.loads(content))
    if record.get("form") != _FORM:
        raise InvalidInput("evidence-form", f"the record has form {record.get('form')}")
    return record


def _plain(value: Any) -> Any:
    """As JSON gives it back."""
    return json.loads(json.dumps(value, default=str))


def differing(then: Any, now: Any, where: str) -> list[str]:
    """Where two results differ; numbers may differ by what another processor makes of the same net.

    >>> differing({"cosine": 0.7213, "decision": "same"}, {"cosine": 0.7214, "decision": "same"}, "result")
    []
    >>> differing({"steps": [1, 2]}, {"steps": [1, 3]}, "result")
    ['result.steps.1: 2 then, 3 now']
    """
    if isinstance(then, dict) and isinstance(now, dict):
        return [
            line
            for name in sorted(then.keys() | now.keys())
            for line in differing(then.get(name), now.get(name), f"{where}.{name}")
        ]
    if isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        return [
            line for at, pair in enumerate(zip(then, now, strict=True)) for line in differing(*pair, f"{where}.{at}")
        ]
    if _is_score(then) and _is_score(now) and abs(then - now) <= _TOLERANCE * max(1.0, abs(then)):
        return []
    return [] if then == now else [f"{where}: {then} then, {now} now"]


def _is_score(value: Any) -> bool:
    return isinstance(value, float) and not isinstance(value, bool)
