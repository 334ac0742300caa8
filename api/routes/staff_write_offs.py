"""Write-offs as staff work on them: proof that a verdict is in force, by two people, and the claims kept open.

The paper itself is entered and confirmed with the other official papers.

Rules: para 13, part 4; para 13, part 5; para 27; para 28.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import ValidationError
from sqlmodel import col, select

from activities import write_off_cases
from activities.context import Moment
from activities.official_papers import SCAN
from activities.retention import loan_end
from api import papers
from api.actions import Call
from api.fields import ContractNumber
from api.once import Outcome
from api.routes.problems import problems
from api.schemas_papers import PaperDecision
from api.schemas_staff import Role
from api.schemas_write_offs import ClaimAnswer, ForceAnswer, ForceBody
from api.services import Kit, Services
from api.staff import Member, Reviewer, StaffOnce, needs
from api.uploads import Form, multipart, read_form
from rules.errors import InvalidInput, NotFound
from storage import audit, fraud, loans, write_off
from storage.tables import Claim, Document, Loan, OfficialPaper, VerdictForce
from workflows.paper_messages import PaperDecided

router = APIRouter(prefix="/staff/api", tags=["staff"])
Officer = Annotated[Member, Depends(needs(Role.OFFICER))]

_SHOWN = 200
_DO = problems(401, 403, 404, 409, 422)
_SEND = problems(400, 401, 403, 404, 409, 413, 415, 422)


@router.post(
    "/papers/{paper_id}/force", status_code=201, response_model=ForceAnswer, responses=_SEND,
    openapi_extra=multipart(scan="file", force="text"),
)  # fmt: skip
async def enter(paper_id: UUID, request: Request, kit: Kit, member: Officer, once: StaffOnce) -> Response:
    """Enter what shows a verdict to be in force: its scan, and as the field `force` the JSON of its days.

    The case begins to count at once, from the receipt; a second, different person confirms it.
    """
    form = await read_form(request, files=frozenset({"scan"}), fields=frozenset({"force"}))
    body, scan = _body(form), form.scan("scan")

    async def work() -> Outcome:
        async with kit.records.moment() as moment:
            paper = await fraud.get(moment.session, paper_id)
            loan = await loans.lock(moment.session, paper.loan_id)
            known = await moment.session.get(VerdictForce, once.new_id)
            if known is not None:  # an earlier try died after its word was kept
                return Outcome(_shown(known), 201)
            await write_off_cases.check_open(moment, paper_id, body.in_force_on, body.received_at)
            document = await kit.records.documents.keep(
                moment.session,
                scan.content,
                kind=SCAN,
                media_type=scan.media_type,
                direction="received",
                client=await kit.records.clients.get(moment.session, paper.client_id),
                application_id=loan.application_id,
                retain_until=moment.retain_until(await loan_end(moment.session, loan, moment.day)),
                actor=member.who,
            )
            proof = await write_off_cases.enter_force(
                moment, paper_id, proof_id=once.new_id, in_force_on=body.in_force_on, received_at=body.received_at,
                document_id=document.id, staff_id=member.staff_id,
            )  # fmt: skip
            call = _word(paper, proof)
            await kit.actions.keep(moment.session, call)  # whoever dies now, the case will be told
            answer = _shown(proof)
        return Outcome(answer.model_copy(update={"delivered": await kit.actions.deliver(call)}), 201)

    return await once.run(form.fingerprint, work)


def _body(form: Form) -> ForceBody:
    text = form.fields.get("force")
    if text is None:
        raise InvalidInput("field-missing", field="/force")
    try:
        return ForceBody.model_validate_json(text)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in found]) from None


@router.get("/papers/{paper_id}/force", responses=problems(401, 403, 404, 422))
async def listed(paper_id: UUID, kit: Kit, member: Reviewer) -> list[ForceAnswer]:
    """Every proof that was brought for a verdict, oldest first."""
    async with kit.records.moment() as moment:
        await fraud.get(moment.session, paper_id)
        return [_shown(one) for one in await write_off.forces_of(moment.session, paper_id)]


@router.get(
    "/papers/{paper_id}/force/{force_id}/scan", response_class=Response, responses=problems(401, 403, 404, 422)
)  # fmt: skip
async def scan(paper_id: UUID, force_id: UUID, kit: Kit, member: Reviewer) -> Response:
    """The archived scan, for whoever decides; that it was read is audited."""
    async with kit.records.moment() as moment:
        paper = await fraud.get(moment.session, paper_id)
        found = [one for one in await write_off.forces_of(moment.session, paper_id) if one.id == force_id]
        if not found:
            raise NotFound("verdict-force-unknown")
        document = await moment.session.get_one(Document, found[0].document_id)
        await audit.record(
            moment.session,
            actor=member.who,
            action="paper-read",
            subject=f"loan:{paper.loan_id}",
            paragraph="27",
            detail={"paper": str(paper.id), "document": str(document.id)},
        )
        return await papers.serve(kit, moment, document)


@router.post("/papers/{paper_id}/force/{force_id}/confirm", responses=_DO)
async def confirm(paper_id: UUID, force_id: UUID, kit: Kit, member: Reviewer) -> ForceAnswer:
    """A second, different person has compared the scan with what was entered."""
    return await _decide(kit, member, paper_id, force_id, confirmed=True)


@router.post("/papers/{paper_id}/force/{force_id}/refuse", responses=_DO)
async def refuse(paper_id: UUID, force_id: UUID, body: PaperDecision, kit: Kit, member: Reviewer) -> ForceAnswer:
    """It shows no such thing; the clock that it started stops. Whoever entered it takes it back."""
    return await _decide(kit, member, paper_id, force_id, confirmed=False, reason_code=body.reason_code)


async def _decide(
    kit: Services, member: Member, paper_id: UUID, force_id: UUID, *, confirmed: bool, reason_code: str | None = None
) -> ForceAnswer:
    async with kit.records.moment() as moment:
        proof = await write_off_cases.decide_force(
            moment, paper_id, force_id, member.staff_id, confirmed=confirmed, reason_code=reason_code
        )
        call = _word(await fraud.get(moment.session, paper_id), proof)
        await kit.actions.keep(moment.session, call)  # whoever dies now, the case will be told
        answer = _shown(proof)
    return answer.model_copy(update={"delivered": await kit.actions.deliver(call)})


def _word(paper: OfficialPaper, proof: VerdictForce) -> Call:
    """To the case: the proof is there, or decided. Two words about one proof, each once."""
    what = "entered" if proof.state == "ENTERED" else "decided"
    told = PaperDecided(paper_id=paper.id)
    return Call("WriteOff", fraud.case_id(paper), "proof_of_force", told, f"{proof.id.hex}-{what}")


@router.get("/claims", responses=problems(401, 403, 422))
async def claims(
    kit: Kit, member: Reviewer, contract_number: Annotated[ContractNumber | None, Query()] = None
) -> list[ClaimAnswer]:
    """Claims against clients whom courts found guilty, newest first. Rules: para 13, part 5."""
    async with kit.records.moment() as moment:
        loan_id = None
        if contract_number is not None:
            number = contract_number.strip().upper()
            query = select(Loan.id).where(col(Loan.number) == number)
            loan_id = (await moment.session.exec(query)).one_or_none()
            if loan_id is None:
                return []
        found = await write_off.claims(moment.session, _SHOWN, loan_id)
        return [await _claim(moment, one) for one in found]


async def _claim(moment: Moment, claim: Claim) -> ClaimAnswer:
    plain = claim.model_dump(exclude={"id"})
    number = (await loans.get(moment.session, claim.loan_id)).number
    return ClaimAnswer(**plain, claim_id=claim.id, contract_number=number)


def _shown(proof: VerdictForce) -> ForceAnswer:
    plain = proof.model_dump(exclude={"id", "document_id", "state"})
    scan = f"/staff/api/papers/{proof.paper_id}/force/{proof.id}/scan"
    return ForceAnswer.model_validate({**plain, "force_id": proof.id, "state": proof.state, "scan": scan})
