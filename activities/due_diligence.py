"""Due diligence: lists, bureau, debt burden, limits, and the decision with its grounds.

Rules: para 8, part 1; para 8, part 8; para 10.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any
from uuid import UUID

from sqlmodel import col, func, select
from temporalio import activity

from activities.applications import ApplicationRef, draft, enter_stage, get_application
from activities.context import Moment, Records
from activities.ports import AmlLists, BureauAnswer, BureauContract, CreditBureau, SanctionsLists
from activities.screening import screen
from rules.client import ClientKind, Person
from rules.due_diligence import Decision, DueDiligenceFacts, Result, decide
from rules.evidence import Frozen
from rules.iin import age, birth_date
from rules.money import Money
from rules.products import product_version
from storage import audit
from storage.tables import Application, BureauReport, Client, Document, Loan, Screening


class BureauWanted(Frozen):
    """One query of the bureau. occasion: decision | before_disbursement."""

    ref: ApplicationRef
    occasion: str


class DecisionMade(Frozen):
    """A decision in short: approved | refused | review, with the codes of its grounds."""

    result: str
    grounds: list[str]
    aml_doubt: bool = False


class DueDiligence:
    """Asks the lists and the bureau, and decides."""

    def __init__(self, records: Records, lists: AmlLists, bureau: CreditBureau) -> None:
        self._records, self._lists, self._bureau = records, lists, bureau

    @activity.defn
    async def screen(self, ref: ApplicationRef) -> str:
        """Look into every list as it stands now; the lists used are archived, once a version. Rules: para 8, part 1."""
        current = await self._lists.current()
        async with self._records.moment() as moment:
            application = await get_application(moment.session, ref.application_id)
            client = await self._records.clients.get(moment.session, ref.client_id)
            person = self._records.clients.person(client)
            result, matched_by = screen(person, birth_date(person.iin), current.names)
            moment.session.add(
                Screening(
                    client_id=client.id,
                    application_id=application.id,
                    result=result,
                    matched_by=matched_by,
                    lists=await self._keep_lists(moment, current),
                    at=moment.at,
                )
            )
            await enter_stage(
                moment, application, "DUE_DILIGENCE", paragraph="8", reason=result, detail={"matched_by": matched_by}
            )
        return result

    async def _keep_lists(self, moment: Moment, current: SanctionsLists) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for name, content in current.raw.items():
            digest = hashlib.sha256(content).hexdigest()
            query = select(Document.id).where(col(Document.kind) == "sanctions_list", col(Document.sha256) == digest)
            document_id = (await moment.session.exec(query)).first()
            if document_id is None:
                document = await self._records.documents.keep(
                    moment.session,
                    content,
                    kind="sanctions_list",
                    media_type="application/xml",
                    direction="made",
                    client=None,
                    retain_until=moment.retain_until(),
                )
                document_id = document.id
            rows = sum(listed.list_name == name for listed in current.names)
            kept[name] = {"sha256": digest, "rows": rows, "document_id": str(document_id)}
        return kept

    @activity.defn
    async def ask_bureau(self, wanted: BureauWanted) -> UUID:
        """One credit report, archived as it came. Rules: para 8, part 8."""
        async with self._records.moment() as moment:
            client = await self._records.clients.get(moment.session, wanted.ref.client_id)
            consent, consented_at = await _consent(moment, client)
        answer = await self._bureau.report(self._records.clients.person(client).number, consent, consented_at)
        async with self._records.moment() as moment:
            document = await self._records.documents.keep(
                moment.session,
                answer.model_dump_json(exclude={"raw"}).encode() + b"\n" + answer.raw,
                kind="bureau_report",
                media_type="application/octet-stream",
                direction="made",
                client=client,
                application_id=wanted.ref.application_id,
                retain_until=moment.retain_until(),
            )
            report = BureauReport(
                client_id=client.id,
                application_id=wanted.ref.application_id,
                occasion=wanted.occasion,
                report_id=answer.report_id,
                document_id=document.id,
                voluntary_refusal=answer.voluntary_refusal,
                at=moment.at,
            )
            moment.session.add(report)
            await audit.record(
                moment.session,
                actor="system:worker",
                action="bureau-asked",
                subject=f"application:{wanted.ref.application_id}",
                reason=wanted.occasion,
                paragraph="8",
                detail={"report": answer.report_id, "document": str(document.id)},
            )
            return report.id

    @activity.defn
    async def decide(self, ref: ApplicationRef) -> DecisionMade:
        """The decision with all grounds and figures, stored with the application. Rules: para 10."""
        return await self._decide(ref, reviewed=False)

    @activity.defn
    async def decide_after_review(self, ref: ApplicationRef) -> DecisionMade:
        """The same decision after staff have looked: what a person answered no longer asks for one."""
        return await self._decide(ref, reviewed=True)

    @activity.defn
    async def recheck(self, ref: ApplicationRef) -> DecisionMade:
        """Just before the money: a voluntary refusal set meanwhile ends the case. Rules: para 8, part 8; para 10."""
        async with self._records.moment() as moment:
            application = await get_application(moment.session, ref.application_id)
            report = await _newest_report(moment, application)
            if not (report.voluntary_refusal and moment.policy.switch("voluntary-refusal-rule")):
                return DecisionMade(result=Result.APPROVED, grounds=[])
            ground = {
                "code": "voluntary-refusal",
                "paragraph": "para 10",
                "policy_row": moment.policy.row_id("voluntary-refusal-rule"),
            }
            application.decision = {**(application.decision or {}), "result": "refused", "grounds": [ground]}
            moment.session.add(application)
            return DecisionMade(result=Result.REFUSED, grounds=["voluntary-refusal"])

    async def _decide(self, ref: ApplicationRef, *, reviewed: bool) -> DecisionMade:
        async with self._records.moment() as moment:
            application = await get_application(moment.session, ref.application_id)
            client = await self._records.clients.get(moment.session, ref.client_id)
            facts = await self._facts(moment, application, client, reviewed)
            product = product_version(application.product_code, application.product_version)
            decision = decide(facts, moment.day, product, moment.policy)
            if reviewed:
                decision = _answered(decision)
            application.decision = decision.model_dump(mode="json")
            application.policy_version = decision.policy_version
            moment.session.add(application)
            await audit.record(
                moment.session,
                actor="system:worker",
                action=f"decision-{decision.result}",
                subject=f"application:{application.id}",
                reason=", ".join(decision.codes) or None,
                paragraph="10",
                detail={
                    "edition": application.edition,
                    "policy": decision.policy_version,
                    "rows": [ground.policy_row for ground in decision.grounds if ground.policy_row],
                },
            )
            return DecisionMade(result=decision.result, grounds=decision.codes, aml_doubt=decision.review_kind == "AML")

    async def _facts(
        self, moment: Moment, application: Application, client: Client, reviewed: bool
    ) -> DueDiligenceFacts:
        person = self._records.clients.person(client)
        bureau = await self._report(moment, await _newest_report(moment, application))
        offered = product_version(application.product_code, application.product_version)
        schedules = [draft(application, method, moment) for method in offered.methods]
        return DueDiligenceFacts(
            kind=ClientKind(client.kind),
            age=_age(client, person, moment),
            amount=application.amount,
            term_months=application.term_months,
            aml=await _screened(moment, application),
            voluntary_refusal=bureau.voluntary_refusal,
            monthly_payments=Money.total(contract.monthly_payment for contract in bureau.contracts),
            new_payment=max(row.payment for schedule in schedules for row in schedule.rows),
            average_income=bureau.average_income,
            bank_overdue_days=_overdue(bureau.contracts, microcredit=False),
            microcredit_overdue_days=_overdue(bureau.contracts, microcredit=True),
            max_overdue_days_12_months=bureau.max_overdue_days_12_months,
            first_loan=not await _had_loans(moment, client),
            personal_visit=reviewed,
            extra_consent=reviewed,
        )

    async def _report(self, moment: Moment, report: BureauReport) -> BureauAnswer:
        _, content = await self._records.documents.load(moment.session, report.document_id)
        head, _, raw = content.partition(b"\n")
        return BureauAnswer.model_validate({**json.loads(head), "raw": raw})


def _answered(decision: Decision) -> Decision:
    """After a review the grounds that asked for a person stand as answered; the others decide."""
    if decision.result is not Result.REVIEW:
        return decision
    return decision.model_copy(update={"result": Result.APPROVED, "review_kind": None})


def _overdue(contracts: list[BureauContract], *, microcredit: bool) -> int:
    return max((one.overdue_days for one in contracts if one.microcredit is microcredit), default=0)


def _age(client: Client, person: Person, moment: Moment) -> int | None:
    return None if client.kind == ClientKind.LEGAL_ENTITY else age(person.iin, moment.day)


async def _consent(moment: Moment, client: Client) -> tuple[str, Any]:
    """The signed registration statement carries the consent to bureau queries."""
    query = (
        select(Document)
        .where(col(Document.client_id) == client.id, col(Document.kind) == "registration_statement")
        .order_by(col(Document.created_at))
    )
    document = (await moment.session.exec(query)).first()
    return (document.sha256, document.created_at) if document else ("", client.created_at)


async def _newest_report(moment: Moment, application: Application) -> BureauReport:
    query = (
        select(BureauReport)
        .where(col(BureauReport.application_id) == application.id)
        .order_by(col(BureauReport.at).desc())
    )
    return (await moment.session.exec(query.limit(1))).one()


async def _screened(moment: Moment, application: Application) -> str:
    query = select(Screening.result).where(col(Screening.application_id) == application.id)
    return (await moment.session.exec(query.order_by(col(Screening.at).desc()).limit(1))).one()


async def _had_loans(moment: Moment, client: Client) -> bool:
    query = select(func.count()).select_from(Loan).where(col(Loan.client_id) == client.id)
    return bool((await moment.session.exec(query)).one())
