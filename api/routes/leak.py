"""The client's part of the response to a leak of their data: the face again. Rules: para 36, point 1."""

from __future__ import annotations

from typing import Literal, cast

from fastapi import APIRouter, Request
from fastapi.responses import Response

from activities import leaks
from activities.context import Moment
from activities.leaks import id_of
from api import papers
from api.actions import BIOMETRIC_SECONDS, Call
from api.once import Outcome, fingerprint
from api.routes.challenges import challenge_id_of, new_challenge, receive_clip, recorded
from api.routes.problems import ASK, DO, SEND
from api.schemas_common import Challenge, StepAnswer
from api.schemas_leaks import OwnLeak
from api.services import Kit
from api.sessions import Caller, ClientCaller, OnceDep
from api.steps import do_step
from api.uploads import multipart, read_form
from rules.errors import NotFound
from rules.leaks import Measure
from storage.tables import Leak
from workflows.messages import SubmitFace

router = APIRouter(prefix="/account/leak", tags=["personal account"])


async def _own(moment: Moment, caller: Caller) -> Leak:
    row = await leaks.standing(moment, caller.client_id)
    if row is None:
        raise NotFound("not-found")
    return row


@router.get("", responses=ASK)
async def standing(kit: Kit, caller: ClientCaller) -> OwnLeak:
    """What keeps the client from borrowing; 404 where nothing does."""
    async with kit.records.moment() as moment:
        row = await _own(moment, caller)
        seen = await leaks.seen_of(moment, row)
    return OwnLeak(
        state=cast(Literal["OPEN", "BLOCKED"], row.state),
        face_needed=row.state == "OPEN" and Measure.BIOMETRICS in {*seen.open, *seen.failed},
        call_awaited=row.state == "OPEN" and Measure.CALL in seen.open,
    )


@router.post("/challenges", status_code=201, response_model=Challenge, responses=DO)
async def challenge(kit: Kit, caller: ClientCaller, once: OnceDep) -> Response:
    """The movements to film. Rules: para 35."""

    async def work() -> Outcome:
        async with kit.records.moment() as moment:
            await _own(moment, caller)
        return await new_challenge(kit, caller, leaks.ACT)

    return await once.run(fingerprint(None), work)


@router.put(
    "/face",
    response_model=StepAnswer,
    responses=SEND,
    openapi_extra=multipart(selfie="file", video="file", challenge_id="text"),
)
async def face(request: Request, kit: Kit, caller: ClientCaller, once: OnceDep) -> Response:
    """A selfie (JPEG or PNG, 10 MiB) and the filmed challenge (MP4 or WebM, 20 MiB)."""
    async with kit.records.moment() as moment:
        await _own(moment, caller)
    form = await read_form(request, files=frozenset({"selfie", "video"}), fields=frozenset({"challenge_id"}))
    selfie, video, challenge_id = form.image("selfie"), form.video("video"), challenge_id_of(form)

    async def work() -> Outcome:
        clip = await recorded(kit, video)
        async with kit.records.moment() as moment:
            row = await _own(moment, caller)
            client = await kit.records.clients.get(moment.session, caller.client_id)
            shown = SubmitFace(
                selfie_id=await papers.receive(kit, moment, client, selfie, "selfie"),
                video_id=await receive_clip(kit, moment, caller, client, clip, challenge_id),
                challenge_id=challenge_id,
            )
        call = Call("LeakResponse", id_of(row.client_id, row.n), "submit_face", shown, once.action_id)
        return await do_step(kit, request, call, this="face", following=None, patience_seconds=BIOMETRIC_SECONDS)

    return await once.run(form.fingerprint, kit.in_turn(work))
