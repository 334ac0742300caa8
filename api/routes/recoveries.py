"""Access is lost: a code to the client's own number, the living face, a new password.

Until the right code was shown, a number that nobody has and one that somebody has look alike. The steps after it are
updates of the workflow `recovery/{client_id}/{n}`; the device shows the token of the recovery with each of them.

Rules: para 6, part 4; para 26; para 35.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, cast
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import JSONResponse, Response
from sqlmodel import col, select

from activities import recoveries
from activities.context import Moment
from api import log_in_limits, papers, second_factors
from api.actions import BIOMETRIC_SECONDS, Call, NoAnswer
from api.devices import Device, device_at, keep
from api.log_in import code_call, count_wrong
from api.once import Once, Outcome, fingerprint, key_of
from api.problems import LogInNeeded, language_of
from api.routes.challenges import challenge_id_of, new_challenge, receive_clip, recorded
from api.routes.problems import ASK, DO, SEND, problems
from api.schemas_access import RecoveryBegun, RecoveryBody, RecoveryCodeBody, RecoveryRefBody, RecoveryState
from api.schemas_common import Accepted, Challenge, StepAnswer
from api.schemas_registration import PasswordBody
from api.services import Kit, Services
from api.sessions import Caller
from api.steps import do_step
from api.titles import title
from api.uploads import multipart, read_form
from rules.errors import BusinessError, Conflict, NotConfirmed, NotFound
from rules.evidence import Frozen
from rules.log_in import Factor
from storage import authentications, codes, passwords
from storage.sessions import token_hash
from storage.tables import Authentication, PasswordRecovery
from workflows.messages import SetPassword, SubmitFace
from workflows.password_recovery import RecoverPassword

router = APIRouter(prefix="/recoveries", tags=["recovery"])

_OPEN = problems(401, 403, 409, 422, 429)
_PURPOSE = "RECOVERY"


@router.post("", status_code=201, response_model=RecoveryBegun, responses=_OPEN)
async def begin(body: RecoveryBody, request: Request, kit: Kit) -> Response:
    """Begin. A code goes to the number, if it is a client's own; the answer is the same if not."""
    device = device_at(request, kit, body.application)
    phone_index = kit.records.vault.index("phone", body.phone)
    async with kit.records.moment() as moment:
        client = await kit.records.clients.by_phone(moment.session, body.phone)
        of = await log_in_limits.counted(kit, moment, phone_index, client.id if client else None, device)
        await log_in_limits.check(moment, of.of_recovery())
    await log_in_limits.may_send_code(kit, uuid4())
    async with kit.records.moment() as moment:
        life = moment.policy.whole("log-in-minutes") * 60
        token = await authentications.begin(
            moment.session, _PURPOSE, client_id=client.id if client else None, account_index=phone_index,
            bound_to=device.index, application=body.application.value, offered=frozenset({Factor.CODE}),
            life_seconds=life,
        )  # fmt: skip
        row = await _row(moment, token, device)
        await second_factors.ask_code(kit, moment, row)
    await kit.actions.begin(code_call(row, row.codes))
    answer = RecoveryBegun(recovery=token, idle_seconds=life)
    response = JSONResponse(answer.model_dump(mode="json"), status_code=201)
    keep(kit, response, device)
    return response


@router.post("/code", status_code=204, response_class=Response, responses=_OPEN)
async def send_code(body: RecoveryRefBody, request: Request, kit: Kit) -> Response:
    """Have another code sent; it lives one minute, three of them a recovery."""
    device = device_at(request, kit, body.application)
    async with kit.records.moment() as moment:
        await _row(moment, body.recovery, device)
    await log_in_limits.may_send_code(kit, uuid4())
    async with kit.records.moment() as moment:
        row = await _row(moment, body.recovery, device)
        await second_factors.ask_code(kit, moment, row)
    await kit.actions.begin(code_call(row, row.codes))
    return Response(status_code=204)


@router.post("/confirmation", status_code=201, response_model=RecoveryState, responses=_OPEN)
async def confirm(body: RecoveryCodeBody, request: Request, kit: Kit) -> RecoveryState:
    """The six digits that came; the face is next, at /recoveries/{recovery_id}/face."""
    device = device_at(request, kit, body.application)
    call, begun = None, None
    async with kit.records.moment() as moment:
        row = await _row(moment, body.recovery, device)
        of = await log_in_limits.counted(kit, moment, row.account_index, row.client_id, device)
        of = of.of_recovery()
        await log_in_limits.hold(moment, of)
        try:
            purpose = authentications.code_purpose(row.id)
            await codes.consume(moment.session, row.client_id, purpose, body.code)
        except NotConfirmed:
            await authentications.failed(moment.session, row)
            await count_wrong(moment, of, second=True)
        else:
            client = await kit.records.clients.get(moment.session, cast(UUID, row.client_id))  # nobody's code is right
            await authentications.enough(moment.session, row, frozenset({Factor.CODE}), use=True)
            begun = await recoveries.begin(
                kit.records, moment, client, uuid4(), row.token_hash, device.index, device.kind
            )
            start = RecoverPassword(
                recovery_id=begun.id,
                client_id=begun.client_id,
                n=begun.n,
                edition=begun.edition,
                expires_at=begun.expires_at,
            )
            call = Call("PasswordRecovery", recoveries.case_id(begun), "PasswordRecovery", start, begun.id.hex, "start")
            await kit.actions.keep(moment.session, call)
    if call is None or begun is None:
        raise LogInNeeded("log-in-wrong")
    await kit.actions.begin(call)
    return _told(begun, "face", language_of(request.scope))


async def _row(moment: Moment, token: str, device: Device) -> Authentication:
    try:
        return await authentications.open_one(moment.session, token, _PURPOSE, device.index)
    except NotConfirmed as error:
        raise LogInNeeded(error.code) from None


# ---- after the code


async def _recoverer(
    recovery_id: UUID,
    kit: Kit,
    token: Annotated[str | None, Header(alias="X-Recovery-Token", max_length=64)] = None,
) -> Caller:
    """Who shows the token of this recovery; another's looks absent."""
    if token is None:
        raise LogInNeeded("log-in-needed")
    async with kit.records.moment() as moment:
        query = select(PasswordRecovery.client_id).where(
            col(PasswordRecovery.id) == recovery_id, col(PasswordRecovery.token_hash) == token_hash(token)
        )
        client_id = (await moment.session.exec(query)).one_or_none()
    if client_id is None:
        raise NotFound("not-found")
    return Caller(client_id, "recovery", token)


Recoverer = Annotated[Caller, Depends(_recoverer)]


async def _once(recovery_id: UUID, request: Request, kit: Kit, caller: Recoverer) -> Once:
    return Once(request, kit, f"recovery:{recovery_id}", key_of(request))


OnceHere = Annotated[Once, Depends(_once)]


async def _open(moment: Moment, recovery_id: UUID) -> PasswordRecovery:
    row = await moment.session.get_one(PasswordRecovery, recovery_id)
    if row.state != "OPEN" or row.expires_at <= moment.at:
        raise Conflict("recovery-ended")
    return row


def _told(row: PasswordRecovery, step: str, language: str) -> RecoveryState:
    return RecoveryState(
        recovery_id=row.id,
        state=cast(Any, row.state),
        step=step,
        ground=row.ground,
        ground_title=title(row.ground, language) if row.ground else None,
        expires_at=row.expires_at,
    )


def _call(row: PasswordRecovery, once: Once, name: str, argument: Frozen) -> Call:
    return Call("PasswordRecovery", recoveries.case_id(row), name, argument, once.action_id)


def _here(recovery_id: UUID, outcome: Outcome) -> Outcome:
    """Whoever recovers has no log-in to ask for an action by: the recovery itself shows what became of it."""
    if isinstance(outcome.body, Accepted):
        told = outcome.body.model_copy(update={"poll": f"/api/v1/recoveries/{recovery_id}"})
        return Outcome(told, outcome.status)
    return outcome


@router.get("/{recovery_id}", responses=ASK)
async def recovery(recovery_id: UUID, request: Request, kit: Kit, caller: Recoverer) -> RecoveryState:
    """Where it stands."""
    async with kit.records.moment() as moment:
        row = await moment.session.get_one(PasswordRecovery, recovery_id)
    step = "done" if row.state != "OPEN" else await _step(kit, row)
    return _told(row, step, language_of(request.scope))


async def _step(kit: Services, row: PasswordRecovery) -> str:
    try:
        return str((await kit.actions.door.query(recoveries.case_id(row), "view"))["step"])
    except (NoAnswer, BusinessError):
        return "wait"  # the case is there, nobody answers for it just now


@router.post("/{recovery_id}/challenges", status_code=201, response_model=Challenge, responses=DO)
async def challenge(recovery_id: UUID, kit: Kit, caller: Recoverer, once: OnceHere) -> Response:
    """The movements to film. Rules: para 35."""

    async def work() -> Outcome:
        async with kit.records.moment() as moment:
            row = await _open(moment, recovery_id)
        return await new_challenge(kit, caller, recoveries.act_of(row.n))

    return await once.run(fingerprint(None), work)


@router.put(
    "/{recovery_id}/face",
    response_model=StepAnswer,
    responses=SEND,
    openapi_extra=multipart(selfie="file", video="file", challenge_id="text"),
)
async def face(recovery_id: UUID, request: Request, kit: Kit, caller: Recoverer, once: OnceHere) -> Response:
    """A selfie (JPEG or PNG, 10 MiB) and the filmed challenge (MP4 or WebM, 20 MiB)."""
    form = await read_form(request, files=frozenset({"selfie", "video"}), fields=frozenset({"challenge_id"}))
    selfie, video, challenge_id = form.image("selfie"), form.video("video"), challenge_id_of(form)

    async def work() -> Outcome:
        clip = await recorded(kit, video)
        async with kit.records.moment() as moment:
            row = await _open(moment, recovery_id)
            client = await kit.records.clients.get(moment.session, caller.client_id)
            shown = SubmitFace(
                selfie_id=await papers.receive(kit, moment, client, selfie, "selfie"),
                video_id=await receive_clip(kit, moment, caller, client, clip, challenge_id),
                challenge_id=challenge_id,
            )
        call = _call(row, once, "submit_face", shown)
        return _here(
            recovery_id,
            await do_step(kit, request, call, this="face", following="password", patience_seconds=BIOMETRIC_SECONDS),
        )

    return await once.run(form.fingerprint, kit.in_turn(work))


@router.put("/{recovery_id}/password", response_model=StepAnswer, responses=DO)
async def set_password(
    recovery_id: UUID, body: PasswordBody, request: Request, kit: Kit, caller: Recoverer, once: OnceHere
) -> Response:
    """The new password: the last step. Every log-in ends; tokens that were enrolled open nothing any more."""

    async def work() -> Outcome:
        async with kit.records.moment() as moment:
            row = await _open(moment, recovery_id)
        chosen = SetPassword(password_hash=await asyncio.to_thread(passwords.hash_password, body.password))
        call = _call(row, once, "set_password", chosen)
        return _here(recovery_id, await do_step(kit, request, call, this="password", following="done"))

    return await once.run(fingerprint(body), work)
