"""Official papers about fraud: an officer enters one with its scan, a second person confirms or refuses it.

The clock of the law runs from the receipt of the paper, so its case begins with the entry.

Rules: para 13, part 2; para 13, part 3; para 27; para 28.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, cast
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from sqlmodel import col, select

from activities import official_papers
from activities.context import Moment
from api import papers
from api.actions import Call
from api.fields import ContractNumber
from api.once import Once, Outcome
from api.routes.problems import problems
from api.schemas_papers import DutyShown, PaperAnswer, PaperBody, PaperDecision
from api.schemas_staff import Role
from api.services import Kit, Services
from api.staff import Member, Reviewer, StaffOnce, needs
from api.uploads import multipart, parsed, read_form
from rules.calendar import local_date
from rules.editions import edition
from rules.suspension import SUSPENDING, WRITING_OFF, PaperKind
from storage import audit, fraud
from storage.tables import Document, Loan, OfficialPaper, StatutoryClock
from workflows.paper_messages import PaperCase, PaperDecided

router = APIRouter(prefix="/staff/api/papers", tags=["staff"])
Officer = Annotated[Member, Depends(needs(Role.OFFICER))]

_SHOWN = 200
_DO = problems(401, 403, 404, 409, 422)
_SEND = problems(400, 401, 403, 404, 409, 413, 415, 422)


@router.post(
    "", status_code=201, response_model=PaperAnswer, responses=_SEND, openapi_extra=multipart(scan="file", paper="text")
)
async def enter(request: Request, kit: Kit, member: Officer, once: StaffOnce) -> Response:
    """Enter a paper: its scan (PDF, JPEG or PNG), and as the field `paper` the JSON of what stands on it.

    The case begins at once; a second, different person confirms it.
    """
    form = await read_form(request, files=frozenset({"scan"}), fields=frozenset({"paper"}))
    body, scan = parsed(form, "paper", PaperBody), form.scan("scan")

    async def work() -> Outcome:
        async with kit.records.moment() as moment:
            loan = await official_papers.loan_of(moment, body.contract_number)
            paper = await official_papers.receive(
                kit.records, moment, loan.id, body.entered(), scan.content, scan.media_type, member.staff_id,
                paper_id=once.new_id,
            )  # fmt: skip
            call = _start(paper, local_date(paper.received_at), once)
            if call is not None:
                await kit.actions.keep(moment.session, call)  # whoever dies now, the clock of the law will run
            answer = await _told(moment, paper)
        if call is not None:
            await kit.actions.begin(call)
        return Outcome(answer, 201)

    return await once.run(form.fingerprint, work)


def _start(paper: OfficialPaper, day: date, once: Once) -> Call | None:
    """The case that a paper begins; a cancellation goes to the case of what it cancels, once it is confirmed."""
    workflow = _workflow(paper)
    if workflow is None:
        return None
    start = PaperCase(
        paper_id=paper.id, loan_id=paper.loan_id, client_id=paper.client_id, n=paper.n, edition=edition(day).name
    )
    return Call(workflow, fraud.case_id(paper), workflow, start, once.action_id, "start")


def _workflow(paper: OfficialPaper) -> str | None:
    kind = PaperKind(paper.kind)
    return "FraudSuspension" if kind in SUSPENDING else "WriteOff" if kind in WRITING_OFF else None


@router.get("", responses=problems(401, 403, 422))
async def queue(
    kit: Kit,
    member: Reviewer,
    state: Annotated[Literal["ENTERED", "CONFIRMED", "REFUSED", "WITHDRAWN"], Query()] = "ENTERED",
    contract_number: Annotated[ContractNumber | None, Query()] = None,
) -> list[PaperAnswer]:
    """Papers in a state, the earliest received first: those that are entered wait for a second person."""
    async with kit.records.moment() as moment:
        query = select(OfficialPaper).where(col(OfficialPaper.state) == state)
        if contract_number is not None:
            query = query.join(Loan).where(col(Loan.number) == contract_number.strip().upper())
        query = query.order_by(col(OfficialPaper.received_at)).limit(_SHOWN)
        return [await _told(moment, one) for one in (await moment.session.exec(query)).all()]


@router.get("/{paper_id}", responses=problems(401, 403, 404, 422))
async def one(paper_id: UUID, kit: Kit, member: Reviewer) -> PaperAnswer:
    """One paper, its clock, and the proofs of what was done upon it."""
    async with kit.records.moment() as moment:
        return await _told(moment, await fraud.get(moment.session, paper_id))


@router.get("/{paper_id}/scan", response_class=Response, responses=problems(401, 403, 404, 422))
async def scan(paper_id: UUID, kit: Kit, member: Reviewer) -> Response:
    """The archived scan, for whoever decides; that it was read is audited."""
    async with kit.records.moment() as moment:
        paper = await fraud.get(moment.session, paper_id)
        document = await moment.session.get_one(Document, paper.document_id)
        await audit.record(
            moment.session,
            actor=member.who,
            action="paper-read",
            subject=f"loan:{paper.loan_id}",
            paragraph="27",
            detail={"paper": str(paper.id), "document": str(document.id)},
        )
        return await papers.serve(kit, moment, document)


@router.post("/{paper_id}/confirm", responses=_DO)
async def confirm(paper_id: UUID, kit: Kit, member: Reviewer) -> PaperAnswer:
    """A second, different person has compared the scan with what was entered: the paper takes effect."""
    return await _decide(kit, member, paper_id, confirmed=True)


@router.post("/{paper_id}/refuse", responses=_DO)
async def refuse(paper_id: UUID, body: PaperDecision, kit: Kit, member: Reviewer) -> PaperAnswer:
    """It is not so: another loan, another paper. Whoever entered it takes it back. What was done is undone."""
    return await _decide(kit, member, paper_id, confirmed=False, reason_code=body.reason_code)


async def _decide(
    kit: Services, member: Member, paper_id: UUID, *, confirmed: bool, reason_code: str | None = None
) -> PaperAnswer:
    async with kit.records.moment() as moment:
        paper = await official_papers.decide(
            moment, paper_id, member.staff_id, confirmed=confirmed, reason_code=reason_code
        )
        call = await _news(moment, paper)
        if call is not None:
            await kit.actions.keep(moment.session, call)  # whoever dies now, the case will be told
        answer = await _told(moment, paper)
    delivered = None if call is None else await kit.actions.deliver(call)
    return answer.model_copy(update={"delivered": delivered})


async def _news(moment: Moment, paper: OfficialPaper) -> Call | None:
    """Word to the case: the paper's own, or that of the paper which it cancels; a refused cancellation is none."""
    about = paper
    if paper.cancels is not None:
        if paper.state != "CONFIRMED":
            return None
        about = await fraud.get(moment.session, paper.cancels)
    told = PaperDecided(paper_id=paper.id)
    return Call(_workflow(about) or "", fraud.case_id(about), "paper_decided", told, paper.id.hex)


async def _told(moment: Moment, paper: OfficialPaper) -> PaperAnswer:
    loan = await moment.session.get_one(Loan, paper.loan_id)
    held = await fraud.hold_of(moment.session, paper.id)
    query = select(StatutoryClock).where(col(StatutoryClock.workflow_id) == fraud.case_id(paper))
    clock = (await moment.session.exec(query.order_by(col(StatutoryClock.started_at).desc()).limit(1))).first()
    plain: dict[str, Any] = paper.model_dump(exclude={"id", "document_id", "kind", "state"})
    return PaperAnswer(
        **plain,
        paper_id=paper.id,
        contract_number=loan.number,
        workflow_id=fraud.case_id(paper) if _workflow(paper) else None,
        kind=PaperKind(paper.kind),
        state=cast(Literal["ENTERED", "CONFIRMED", "REFUSED", "WITHDRAWN"], paper.state),
        scan=f"/staff/api/papers/{paper.id}/scan",
        last_day=clock.last_day if clock else None,
        clock=clock.state if clock else None,
        held_since=held.placed_at if held else None,
        released_at=held.lifted_at if held else None,
        duties=[
            DutyShown(name=name, done_at=row.done_at, evidence=row.evidence)
            for name, row in (await fraud.duties_of(moment.session, paper.id)).items()
        ],
    )
