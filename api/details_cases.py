"""What the routes for changes of a client's details share: phone number and bank details go the same way.

Rules: para 6, part 5.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from typing import Any, cast
from uuid import UUID

from fastapi import Request
from fastapi.responses import Response
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from activities import details_desk as desk
from activities.context import Moment
from api import papers
from api.actions import BIOMETRIC_SECONDS, Call
from api.once import Once, Outcome, fingerprint
from api.problems import language_of
from api.routes.challenges import challenge_id_of, new_challenge, receive_clip, recorded
from api.schemas_details import DetailsChangeAnswer
from api.schemas_registration import StatementSignature
from api.services import Services
from api.sessions import Caller
from api.steps import do_step
from api.titles import title
from api.uploads import Upload, read_form
from rules.errors import Conflict, NotFound
from rules.evidence import Frozen
from storage.tables import Client, DetailsChange, Document
from workflows.details_change import ChangeDetails
from workflows.messages import SubmitFace, SubmitSignature

_SHOWN = 100

Asking = Callable[[Moment, Client], Awaitable[DetailsChange]]


async def own(moment: Moment, caller: Caller, change_id: UUID, kind: str) -> DetailsChange:
    """The client's change of this kind.

    Raises:
        NotFound: absent, another's, or of the other kind.
    """
    row = await moment.session.get(DetailsChange, change_id)
    if row is None or row.client_id != caller.client_id or row.kind != kind:
        raise NotFound("not-found")
    return row


async def still_open(moment: Moment, caller: Caller, change_id: UUID, kind: str) -> DetailsChange:
    """As own(). Raises besides: Conflict `details-change-ended`."""
    row = await own(moment, caller, change_id, kind)
    if row.state != "OPEN":
        raise Conflict("details-change-ended")
    return row


async def told(moment: Moment, row: DetailsChange, language: str) -> DetailsChangeAnswer:
    """How a change stands, as its client is told."""
    document = None if row.statement_id is None else await moment.session.get_one(Document, row.statement_id)
    return DetailsChangeAnswer(
        change_id=row.id,
        state=cast(Any, row.state),
        ground=row.ground,
        ground_title=title(row.ground, language) if row.ground else None,
        missing=cast(Any, await desk.missing(moment, row)) if row.state == "OPEN" else [],
        asked_at=row.asked_at,
        expires_at=row.expires_at,
        ended_at=row.ended_at,
        statement=None if document is None else papers.told(document),
    )


def call(row: DetailsChange, once: Once, name: str, argument: Frozen) -> Call:
    """A step of the case."""
    return Call("DetailsChange", desk.case_id(row), name, argument, once.action_id)


async def begin(kit: Services, request: Request, caller: Caller, once: Once, ask: Asking) -> Outcome:
    """Note what is asked for and begin its case, in one transaction."""
    try:
        async with kit.records.moment() as moment:
            row = await ask(moment, await kit.records.clients.get(moment.session, caller.client_id))
            start = ChangeDetails(
                change_id=row.id,
                client_id=row.client_id,
                n=row.n,
                edition=row.edition,
                signature_needed=row.signature_needed,
                expires_at=row.expires_at,
                kind=row.kind,
            )
            case = Call("DetailsChange", desk.case_id(row), "DetailsChange", start, once.action_id, "start")
            await kit.actions.keep(moment.session, case)
            answer = await told(moment, row, language_of(request.scope))
    except IntegrityError as error:
        if "details_change" in str(error.orig):  # two at the same moment
            raise Conflict("details-change-open") from None
        raise
    await kit.actions.begin(case)
    return Outcome(answer, 201)


async def listed(kit: Services, request: Request, caller: Caller, kind: str) -> list[DetailsChangeAnswer]:
    """The client's changes of a kind, newest first."""
    async with kit.records.moment() as moment:
        query = select(DetailsChange).where(
            col(DetailsChange.client_id) == caller.client_id, col(DetailsChange.kind) == kind
        )
        found = (await moment.session.exec(query.order_by(col(DetailsChange.n).desc()).limit(_SHOWN))).all()
        return [await told(moment, row, language_of(request.scope)) for row in found]


async def challenge(kit: Services, caller: Caller, change_id: UUID, kind: str) -> Outcome:
    """The movements to film. Rules: para 35."""
    async with kit.records.moment() as moment:
        await still_open(moment, caller, change_id, kind)
    return await new_challenge(kit, caller, desk.ACT)


async def face(kit: Services, request: Request, caller: Caller, once: Once, change_id: UUID, kind: str) -> Response:
    """A selfie and the filmed challenge."""
    async with kit.records.moment() as moment:
        await own(moment, caller, change_id, kind)
    form = await read_form(request, files=frozenset({"selfie", "video"}), fields=frozenset({"challenge_id"}))
    selfie, video, challenge_id = form.image("selfie"), form.video("video"), challenge_id_of(form)

    async def work() -> Outcome:
        clip = await recorded(kit, video)
        async with kit.records.moment() as moment:
            row = await still_open(moment, caller, change_id, kind)
            client = await kit.records.clients.get(moment.session, caller.client_id)
            shown = SubmitFace(
                selfie_id=await papers.receive(kit, moment, client, selfie, "selfie"),
                video_id=await receive_clip(kit, moment, caller, client, clip, challenge_id),
                challenge_id=challenge_id,
            )
        following = "signature" if row.signature_needed else "done"
        step = call(row, once, "submit_face", shown)
        return await do_step(kit, request, step, this="face", following=following, patience_seconds=BIOMETRIC_SECONDS)

    return await once.run(form.fingerprint, kit.in_turn(work))


async def sign(
    kit: Services, request: Request, caller: Caller, once: Once, change_id: UUID, kind: str, body: StatementSignature
) -> Response:
    """The client's electronic signature over the statement."""

    async def work() -> Outcome:
        cms = Upload(base64.b64decode(body.cms), "application/pkcs7-signature")
        async with kit.records.moment() as moment:
            row = await still_open(moment, caller, change_id, kind)
            if row.statement_id is None:
                raise Conflict("statement-not-ready")
            client = await kit.records.clients.get(moment.session, caller.client_id)
            given = SubmitSignature(
                statement_id=row.statement_id, cms_id=await papers.receive(kit, moment, client, cms, "cms")
            )
        step = call(row, once, "submit_signature", given)
        return await do_step(kit, request, step, this="signature", following="done")

    return await once.run(fingerprint(body), work)
