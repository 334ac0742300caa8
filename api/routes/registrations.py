"""Registration, step by step. Each step is an update of the workflow `registration/{client_id}`.

Rules: para 6, part 1; para 6, part 2; para 6, part 3; para 6, part 4.
"""

from __future__ import annotations

import asyncio
import base64

from fastapi import APIRouter, Request
from fastapi.responses import Response

from activities.context import Moment
from api import papers
from api.actions import BIOMETRIC_SECONDS, Call, NoAnswer
from api.devices import device_at, keep
from api.log_in_limits import may_begin, may_send_code
from api.once import Outcome, fingerprint
from api.problems import language_of
from api.routes.challenges import challenge_id_of, new_challenge, receive_clip, recorded
from api.routes.problems import ASK, DO, SEND, problems
from api.schemas_common import Challenge, StepAnswer
from api.schemas_registration import (
    CodeBody,
    PasswordBody,
    RegistrationBody,
    RegistrationStarted,
    RegistrationState,
    Statement,
    StatementSignature,
)
from api.services import Kit, Services
from api.sessions import OnceDep, Registrant, StrangerOnce, cookie_setter, limits, open_session
from api.steps import do_step
from api.titles import title
from api.uploads import Upload, multipart, read_form
from rules.client import ClientKind, IdentityDocument, Person
from rules.editions import edition, named
from rules.errors import BusinessError, Conflict
from rules.evidence import Frozen
from rules.identification import Needed, needed
from rules.proofs import Act, OnTheWay
from storage import devices, passwords
from storage.tables import Client
from workflows.messages import (
    ConfirmPhone,
    RegisterClient,
    SendCode,
    SetPassword,
    SubmitDocument,
    SubmitFace,
    SubmitSignature,
)

router = APIRouter(prefix="/registrations", tags=["registration"])

ACT = "REGISTRATION"


def _needed(of_edition: str, kind: str) -> Needed:
    return needed(Act.REGISTRATION, ClientKind(kind), named(of_edition))


def signing(client: Client) -> str:
    """The step after the client is identified."""
    return "signature" if _needed(client.edition, client.kind).signature else "password"


def call_of(caller: Registrant, once: OnceDep, name: str, argument: Frozen) -> Call:
    return Call("Registration", f"registration/{caller.client_id}", name, argument, once.action_id)


@router.post("", status_code=201, response_model=RegistrationStarted, responses=problems(400, 403, 409, 422, 429))
async def register(body: RegistrationBody, request: Request, kit: Kit, once: StrangerOnce) -> Response:
    """Begin: who registers. Opens a session for the registration; the mobile application sends its X-Device-Id."""

    async def work() -> Outcome:
        async with kit.records.moment() as moment:
            client, call = await _client(kit, moment, body, once.action_id)
            opened = await open_session(request, moment, client.id, "registration", body.application)
            await devices.remember(moment.session, client.id, device.index, device.kind)
            idle = limits(moment)["idle_seconds"]
        await kit.actions.begin(call)
        started = RegistrationStarted(
            registration_id=client.id,
            client_id=client.id,
            scope="registration",
            token=opened.token,
            idle_seconds=idle,
        )
        return Outcome(started, 201, opened.cookie)

    device = device_at(request, kit, body.application)
    await may_begin(kit, once.new_id)
    response = await once.run(fingerprint(body), work, cookie_setter(kit))
    keep(kit, response, device)
    return response


async def _client(kit: Services, moment: Moment, body: RegistrationBody, action_id: str) -> tuple[Client, Call]:
    """The client's row, and the start of the workflow in the outbox, in one transaction."""
    person = Person(
        surname=body.surname,
        given_name=body.given_name,
        patronymic=body.patronymic,
        iin=body.iin,
        bin=body.bin,
        organisation=body.organisation,
        document=IdentityDocument(number=body.document.number, expires=body.document.expires),
        phone=body.phone,
    )
    of_today = edition(moment.day)
    client = await kit.records.clients.register(moment.session, person, body.kind, body.language.value, of_today.name)
    start = RegisterClient(
        client_id=client.id,
        edition=of_today.name,
        signature_needed=_needed(of_today.name, body.kind).signature,
        authority_needed=OnTheWay.AUTHORITY in _needed(of_today.name, body.kind).on_the_way,
        statement_needed=True,
        lifetime_days=moment.policy.whole("registration-days"),
    )
    call = Call("Registration", f"registration/{client.id}", "Registration", start, action_id, "start")
    await kit.actions.keep(moment.session, call)
    return client, call


@router.get("/{registration_id}", responses=ASK)
async def registration(request: Request, kit: Kit, caller: Registrant) -> RegistrationState:
    """Where the registration stands."""
    async with kit.records.moment() as moment:
        client = await kit.records.clients.get(moment.session, caller.client_id)
    step, ground = "done", client.refusal_ground
    if client.status == "REGISTERING":
        try:
            view = await kit.actions.door.query(f"registration/{client.id}", "view")
            step, ground = str(view["step"]), view.get("ground")
        except (NoAnswer, BusinessError):
            step = "wait"  # the case is there, nobody answers for it just now
    return RegistrationState(
        registration_id=client.id,
        status=client.status,
        step=step,
        ground=ground,
        ground_title=title(ground, language_of(request.scope)) if ground else None,
    )


@router.post("/{registration_id}/code", response_model=StepAnswer, responses={**DO, **problems(429)})
async def send_code(request: Request, kit: Kit, caller: Registrant, once: OnceDep) -> Response:
    """Have a one-time code sent by SMS; it lives one minute."""

    async def work() -> Outcome:
        call = call_of(caller, once, "send_code", SendCode(key=once.action_id))
        return await do_step(kit, request, call, this="phone", following="phone")

    await may_send_code(kit, once.new_id)
    return await once.run(fingerprint(None), work)


@router.post("/{registration_id}/code/confirmation", response_model=StepAnswer, responses=DO)
async def confirm_phone(body: CodeBody, request: Request, kit: Kit, caller: Registrant, once: OnceDep) -> Response:
    """The six digits that came."""

    async def work() -> Outcome:
        call = call_of(caller, once, "confirm_phone", ConfirmPhone(code=body.code, key=once.action_id))
        return await do_step(kit, request, call, this="phone", following="document")

    return await once.run(fingerprint(body), work)


@router.post(
    "/{registration_id}/document",
    response_model=StepAnswer,
    responses=SEND,
    openapi_extra=multipart(front="file", back="file"),
)
async def submit_document(request: Request, kit: Kit, caller: Registrant, once: OnceDep) -> Response:
    """Both sides of the identity card: JPEG or PNG, 10 MiB each."""
    form = await read_form(request, files=frozenset({"front", "back"}))
    front, back = form.image("front"), form.image("back")

    async def work() -> Outcome:
        async with kit.records.moment() as moment:
            client = await kit.records.clients.get(moment.session, caller.client_id)
            shown = SubmitDocument(
                front_id=await papers.receive(kit, moment, client, front, "id_card_front"),
                back_id=await papers.receive(kit, moment, client, back, "id_card_back"),
            )
        call = call_of(caller, once, "submit_document", shown)
        return await do_step(kit, request, call, this="document", following="face", patience_seconds=BIOMETRIC_SECONDS)

    return await once.run(form.fingerprint, kit.in_turn(work))


@router.post("/{registration_id}/challenges", status_code=201, response_model=Challenge, responses=DO)
async def challenge(kit: Kit, caller: Registrant, once: OnceDep) -> Response:
    """Movements to be filmed, issued once. Rules: para 35."""
    return await once.run(fingerprint(None), lambda: new_challenge(kit, caller, ACT))


@router.post(
    "/{registration_id}/face",
    response_model=StepAnswer,
    responses=SEND,
    openapi_extra=multipart(selfie="file", video="file", challenge_id="text"),
)
async def submit_face(request: Request, kit: Kit, caller: Registrant, once: OnceDep) -> Response:
    """A selfie (JPEG or PNG, 10 MiB) and the filmed challenge (MP4 or WebM, 20 MiB)."""
    form = await read_form(request, files=frozenset({"selfie", "video"}), fields=frozenset({"challenge_id"}))
    selfie, video, challenge_id = form.image("selfie"), form.video("video"), challenge_id_of(form)

    async def work() -> Outcome:
        clip = await recorded(kit, video)
        async with kit.records.moment() as moment:
            client = await kit.records.clients.get(moment.session, caller.client_id)
            shown = SubmitFace(
                selfie_id=await papers.receive(kit, moment, client, selfie, "selfie"),
                video_id=await receive_clip(kit, moment, caller, client, clip, challenge_id),
                challenge_id=challenge_id,
            )
        call = call_of(caller, once, "submit_face", shown)
        following = "authority" if client.kind == ClientKind.LEGAL_ENTITY else signing(client)
        return await do_step(kit, request, call, this="face", following=following, patience_seconds=BIOMETRIC_SECONDS)

    return await once.run(form.fingerprint, kit.in_turn(work))


@router.get("/{registration_id}/statement", responses={**ASK, **problems(409)})
async def statement(kit: Kit, caller: Registrant) -> Statement:
    """What must be signed to register: exactly the bytes at `content`."""
    async with kit.records.moment() as moment:
        document = await papers.latest(moment, caller.client_id, "registration_statement")
    if document is None:
        raise Conflict("statement-not-ready")
    return Statement(
        document_id=document.id,
        sha256=document.sha256,
        size=document.size,
        media_type=document.media_type,
        content=f"/api/v1/registrations/{caller.client_id}/statement/content",
    )


@router.get("/{registration_id}/statement/content", response_class=Response, responses={**ASK, **problems(409)})
async def statement_content(kit: Kit, caller: Registrant) -> Response:
    """The statement's bytes."""
    async with kit.records.moment() as moment:
        document = await papers.latest(moment, caller.client_id, "registration_statement")
        if document is None:
            raise Conflict("statement-not-ready")
        return await papers.serve(kit, moment, document)


@router.put("/{registration_id}/signature", response_model=StepAnswer, responses=SEND)
async def submit_signature(
    body: StatementSignature, request: Request, kit: Kit, caller: Registrant, once: OnceDep
) -> Response:
    """The client's electronic signature (CMS) over the statement."""

    async def work() -> Outcome:
        cms = Upload(base64.b64decode(body.cms), "application/pkcs7-signature")
        async with kit.records.moment() as moment:
            client = await kit.records.clients.get(moment.session, caller.client_id)
            document = await papers.latest(moment, caller.client_id, "registration_statement")
            if document is None:
                raise Conflict("statement-not-ready")
            given = SubmitSignature(
                statement_id=document.id, cms_id=await papers.receive(kit, moment, client, cms, "cms")
            )
        call = call_of(caller, once, "submit_signature", given)
        return await do_step(kit, request, call, this="signature", following="password")

    return await once.run(fingerprint(body), work)


@router.put("/{registration_id}/password", response_model=StepAnswer, responses=DO)
async def set_password(body: PasswordBody, request: Request, kit: Kit, caller: Registrant, once: OnceDep) -> Response:
    """The password for later log-ins: the last step."""

    async def work() -> Outcome:
        chosen = SetPassword(password_hash=await asyncio.to_thread(passwords.hash_password, body.password))
        call = call_of(caller, once, "set_password", chosen)
        return await do_step(kit, request, call, this="password", following="done")

    return await once.run(fingerprint(body), work)
