"""By which paper a person signs for an organisation: shown by the signatory while registering, compared by staff.

Rules: para 6, part 2.
"""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from activities.context import Moment
from api import papers
from api.once import Outcome
from api.routes.problems import SEND, problems
from api.routes.registrations import call_of, signing
from api.schemas_common import StepAnswer
from api.schemas_registration import AuthorityBody
from api.schemas_staff import AuthorityShown
from api.services import Kit
from api.sessions import OnceDep, Registrant
from api.staff import Reviewer
from api.steps import do_step
from api.uploads import multipart, parsed, read_form
from rules.client import AuthorityKind, ClientKind
from rules.errors import Conflict, NotFound
from storage import audit, authorities
from storage.tables import ClientAuthority, Document, Review
from workflows.messages import SubmitAuthority

router = APIRouter(prefix="/registrations", tags=["registration"])
staff = APIRouter(prefix="/staff/api/reviews", tags=["staff"])

KIND = "authority"  # of the archived scans
_PARTS = {"scan_1": "file", "scan_2": "file?", "scan_3": "file?", "scan_4": "file?"}


@router.post(
    "/{registration_id}/authority",
    response_model=StepAnswer,
    responses=SEND,
    openapi_extra=multipart(paper="text", **_PARTS),
)
async def submit_authority(request: Request, kit: Kit, caller: Registrant, once: OnceDep) -> Response:
    """The order or power of attorney of an organisation's signatory; an officer then compares it.

    The scan's pages (PDF, JPEG or PNG, 10 MiB each) as scan_1 to scan_4, and as the field `paper` a JSON object: kind
    (ORDER, which appoints the head, or POWER_OF_ATTORNEY), number, issued_on, and valid_until of a power of attorney.
    """
    form = await read_form(request, files=frozenset(_PARTS), fields=frozenset({"paper"}))
    body = parsed(form, "paper", AuthorityBody)
    scans = [form.scan(name) for name in sorted(form.files.keys() | {"scan_1"})]

    async def work() -> Outcome:
        async with kit.records.moment() as moment:
            client = await kit.records.clients.get(moment.session, caller.client_id)
            if client.kind != ClientKind.LEGAL_ENTITY:
                raise Conflict("wrong-step")
            paper, most = authorities.Paper(**body.model_dump()), moment.policy.whole("authority-papers")
            await authorities.check_tries(moment.session, client.id, most)
            kept = [await papers.receive(kit, moment, client, scan, KIND) for scan in scans]
            made = await authorities.keep(moment.session, client.id, once.new_id, paper, kept)
        call = call_of(caller, once, "submit_authority", SubmitAuthority(authority_id=made.id))
        return await do_step(kit, request, call, this="authority", following=signing(client))

    return await once.run(form.fingerprint, work)


async def _paper(moment: Moment, review_id: UUID) -> ClientAuthority:
    """The paper that a review is about, as the case has it: one that was sent meanwhile is not looked at."""
    review = await moment.session.get(Review, review_id)
    if review is None or review.client_id is None or not review.ground.startswith("authority-"):
        raise NotFound("not-found")
    paper = await authorities.under_review(moment.session, review.client_id)
    if paper is None:
        raise NotFound("not-found")
    return paper


@staff.get("/{review_id}/authority", responses=problems(401, 403, 404, 422))
async def shown(review_id: UUID, kit: Kit, member: Reviewer) -> AuthorityShown:
    """What the paper must say, for whoever compares it with its scans; that it was read is audited."""
    async with kit.records.moment() as moment:
        paper = await _paper(moment, review_id)
        person = kit.records.clients.person(await kit.records.clients.get(moment.session, paper.client_id))
        await _read(moment, member.who, paper, None)
        return AuthorityShown(
            authority_id=paper.id,
            client_id=paper.client_id,
            kind=AuthorityKind(paper.kind),
            number=paper.number,
            issued_on=paper.issued_on,
            valid_until=paper.valid_until,
            organisation=person.organisation,
            bin=person.bin or "",
            signatory=person.full_name,
            signatory_iin=person.iin,
            scans=[f"/staff/api/reviews/{review_id}/authority/scans/{scan}" for scan in paper.scans],
        )


@staff.get(
    "/{review_id}/authority/scans/{document_id}", response_class=Response, responses=problems(401, 403, 404, 422)
)
async def scan(review_id: UUID, document_id: UUID, kit: Kit, member: Reviewer) -> Response:
    """One archived scan of the paper; that it was read is audited."""
    async with kit.records.moment() as moment:
        paper = await _paper(moment, review_id)
        if document_id not in paper.scans:
            raise NotFound("not-found")
        await _read(moment, member.who, paper, document_id)
        return await papers.serve(kit, moment, await moment.session.get_one(Document, document_id))


async def _read(moment: Moment, who: str, paper: ClientAuthority, document_id: UUID | None) -> None:
    await audit.record(
        moment.session,
        actor=who,
        action="authority-read",
        subject=f"client:{paper.client_id}",
        paragraph="27",
        detail={"authority": str(paper.id), "document": str(document_id) if document_id else None},
    )
