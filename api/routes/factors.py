"""The client's own means of logging in, and proving oneself once more before any of them changes.

A step-up is the password again and, where there is one, a second factor; it is good for one change within the same
log-in. Secrets are told once. Rules: para 6, part 4; para 25.
"""

from __future__ import annotations

import asyncio
from typing import NoReturn
from uuid import UUID, uuid4

import pyotp
from fastapi import APIRouter
from fastapi.responses import Response

from activities.context import Moment
from activities.security_notices import Event
from api import log_in_limits, passkeys, second_factors
from api.guards import ADDRESS
from api.log_in import code_call, standing, tell
from api.log_in_limits import Counted
from api.routes.problems import problems
from api.schemas_access import (
    Access,
    ChangePasswordBody,
    ClientAccess,
    FactorAnswer,
    NewPasskeyBody,
    NewTotp,
    PasskeyOptions,
    StepUp,
    StepUpBody,
    StepUpProof,
    StepUpRef,
    TotpDigits,
)
from api.services import Kit, Services
from api.sessions import Caller, ClientCaller
from api.staff import Reviewer
from rules.errors import BusinessError, NotConfirmed, NotFound
from rules.log_in import Factor, phone_is_factor, step_up_missing
from storage import audit, authentications, devices, factors, passwords, sessions
from storage.tables import Authentication, Client, Passkey, TotpFactor

router = APIRouter(prefix="/account", tags=["log-in means"])
staff_router = APIRouter(prefix="/staff/api", tags=["staff"])

_DO = problems(401, 403, 404, 409, 422, 429)


# ---- the client once more


@router.post("/step-ups", status_code=201, responses=_DO)
async def step_up(body: StepUpBody, kit: Kit, caller: ClientCaller) -> StepUp:
    """The password once more; then one of `second_factors`, where there are any."""
    of = _counted(kit, caller)
    async with kit.records.moment() as moment:
        await log_in_limits.check(moment, of)
        client = await kit.records.clients.get(moment.session, caller.client_id)
    if not await asyncio.to_thread(passwords.verify_password, client.password_hash, body.password):
        await _count_wrong(kit, caller, of, "password-wrong")
    async with kit.records.moment() as moment:
        shown = frozenset({Factor.PASSWORD})
        offered = step_up_missing(moment.policy, shown, await standing(moment, client, b""))
        token = await authentications.begin(
            moment.session, "STEP_UP", client_id=client.id, account_index=client.phone_index,
            bound_to=caller.session_hash, application="mobile" if caller.device_id else "web", shown=shown,
            offered=offered, life_seconds=moment.policy.whole("log-in-minutes") * 60,
        )  # fmt: skip
        if not offered:
            await _enough(moment, caller, await _row(moment, caller, token), shown)
    return StepUp(step_up_id=token, second_factors=sorted(offered), enough=not offered)


@router.post("/step-ups/code", status_code=204, response_class=Response, responses=_DO)
async def step_up_code(body: StepUpRef, kit: Kit, caller: ClientCaller) -> Response:
    """Have a code sent by SMS."""
    async with kit.records.moment() as moment:
        await _row(moment, caller, body.step_up_id)
    await log_in_limits.may_send_code(kit, uuid4())
    async with kit.records.moment() as moment:
        row = await _row(moment, caller, body.step_up_id)
        await second_factors.ask_code(kit, moment, row)
    await kit.actions.begin(code_call(row, row.codes))
    return Response(status_code=204)


@router.post("/step-ups/passkey", responses=_DO)
async def step_up_passkey(body: StepUpRef, kit: Kit, caller: ClientCaller) -> PasskeyOptions:
    """A challenge for the client's passkeys."""
    async with kit.records.moment() as moment:
        row = await _row(moment, caller, body.step_up_id)
        return PasskeyOptions(options=await second_factors.passkey_options(kit, moment, row))


@router.post("/step-ups/proof", responses=_DO)
async def step_up_proof(body: StepUpProof, kit: Kit, caller: ClientCaller) -> StepUp:
    """The second factor. After five wrong tries the step-up has to be begun anew."""
    of, refused = _counted(kit, caller), None
    async with kit.records.moment() as moment:
        await log_in_limits.check(moment, of)
        row = await _row(moment, caller, body.step_up_id)
        try:
            await second_factors.show(kit, moment, row, body)
        except BusinessError as error:
            await second_factors.wrong(moment, row, error)
            refused = error
        else:
            await _enough(moment, caller, row, frozenset({Factor.PASSWORD, second_factors.kind_of(body)}))
    if isinstance(refused, NotConfirmed):
        await _count_wrong(kit, caller, of, refused.code)
    if refused is not None:
        raise refused
    return StepUp(step_up_id=body.step_up_id, second_factors=[], enough=True)


async def _row(moment: Moment, caller: Caller, token: str) -> Authentication:
    return await authentications.open_one(moment.session, token, "STEP_UP", caller.session_hash)


async def _enough(moment: Moment, caller: Caller, row: Authentication, shown: frozenset[Factor]) -> None:
    await authentications.enough(moment.session, row, shown, use=False)
    await _record(moment, caller, "stepped-up", shown=sorted(shown))


def _counted(kit: Services, caller: Caller) -> Counted:
    """Within a log-in its own tries are counted: who has stolen it guesses as often as at its door."""
    vault = kit.records.vault
    return Counted(
        vault.index("step-up", caller.session_hash.hex()), vault.index("login-address", ADDRESS.get()), None, None
    )


async def _count_wrong(kit: Services, caller: Caller, of: Counted, code: str) -> NoReturn:
    async with kit.records.moment() as moment:
        await log_in_limits.failed(moment, of)
        await _record(moment, caller, "step-up-failed", reason=code)
    raise NotConfirmed(code)


async def _record(moment: Moment, caller: Caller, action: str, reason: str | None = None, **detail: object) -> None:
    await audit.record(
        moment.session, actor=caller.who, action=action, subject=caller.who, reason=reason, paragraph="6",
        detail=detail,
    )  # fmt: skip


async def _changed(kit: Services, moment: Moment, caller: Caller, client: Client, event: Event, key: str) -> None:
    await tell(kit, moment, client, event, key, "mobile" if caller.device_id else "web")


# ---- what there is


@router.get("/factors", responses=problems(401, 403))
async def access(kit: Kit, caller: ClientCaller) -> Access:
    """The client's means of logging in besides the password."""
    async with kit.records.moment() as moment:
        client = await kit.records.clients.get(moment.session, caller.client_id)
        totp = await factors.totp_of(moment.session, client.id)
        keys = await factors.passkeys_of(moment.session, client.id)
        by_sms = phone_is_factor(moment.policy, await devices.owner(moment.session, client))
    found = [_of_totp(totp)] if totp is not None else []
    return Access(factors=[*found, *(_of_passkey(kit, client, one) for one in keys)], code_by_sms=by_sms)


def _of_totp(row: TotpFactor) -> FactorAnswer:
    added = row.confirmed_at or row.asked_at
    return FactorAnswer(factor_id=row.id, kind=Factor.TOTP, added_at=added, last_used_at=row.last_used_at)


def _of_passkey(kit: Services, client: Client, row: Passkey) -> FactorAnswer:
    return FactorAnswer(
        factor_id=row.id,
        kind=Factor.PASSKEY,
        name=factors.name_of(kit.records.vault, client, row),
        added_at=row.created_at,
        last_used_at=row.last_used_at,
        synced=row.backed_up,
    )


@staff_router.get("/clients/{client_id}/factors", responses=problems(401, 403, 404, 422))
async def access_of_client(client_id: UUID, kit: Kit, member: Reviewer) -> ClientAccess:
    """That a client has a factor, never more. Rules: para 28."""
    async with kit.records.moment() as moment:
        client = await moment.session.get(Client, client_id)
        if client is None:
            raise NotFound("client-unknown")
        kinds = await factors.enrolled(moment.session, client.id)
        owner = await devices.owner(moment.session, client)
        count = await devices.count(moment.session, client.id)
        await audit.record(
            moment.session, actor=member.who, action="client-factors-seen", subject=f"client:{client.id}",
            paragraph="28",
        )  # fmt: skip
        by_sms = phone_is_factor(moment.policy, owner)
    return ClientAccess(client_id=client.id, kinds=sorted(kinds), code_by_sms=by_sms, phone_owner=owner, devices=count)


# ---- what changes


@router.post("/factors/totp", status_code=201, responses=_DO)
async def ask_totp(body: StepUpRef, kit: Kit, caller: ClientCaller) -> NewTotp:
    """A secret for an authenticator application, told once; it counts after its first digits."""
    async with kit.records.moment() as moment:
        await authentications.use_step_up(moment.session, body.step_up_id, caller.session_hash)
        client = await kit.records.clients.get(moment.session, caller.client_id)
        row, secret = await factors.ask_totp(moment.session, kit.records.vault, client)
        await _record(moment, caller, "factor-asked", factor=str(row.id), kind=Factor.TOTP)
    name = second_factors.shown_name(kit, client)
    uri = pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=kit.lender.name("ru"))
    return NewTotp(factor_id=row.id, secret=secret, uri=uri)


@router.post("/factors/totp/confirmation", status_code=201, responses=_DO)
async def confirm_totp(body: TotpDigits, kit: Kit, caller: ClientCaller) -> FactorAnswer:
    """The first digits that the application shows; from now on it is a factor."""
    of, row = _counted(kit, caller), None
    async with kit.records.moment() as moment:
        await log_in_limits.check(moment, of)
        client = await kit.records.clients.get(moment.session, caller.client_id)
        try:
            row = await factors.confirm_totp(
                moment.session, kit.records.vault, client, body.totp,
                window=moment.policy.whole("totp-window-steps"), life_minutes=moment.policy.whole("log-in-minutes"),
            )  # fmt: skip
        except NotConfirmed:
            pass
        else:
            await _record(moment, caller, "factor-added", factor=str(row.id), kind=Factor.TOTP)
            await _changed(kit, moment, caller, client, Event.FACTOR_ADDED, f"factor-added:{row.id}")
    if row is None:
        await _count_wrong(kit, caller, of, "totp-wrong")
    return _of_totp(row)


@router.post("/factors/passkeys/options", responses=_DO)
async def passkey_options(body: StepUpRef, kit: Kit, caller: ClientCaller) -> PasskeyOptions:
    """What `navigator.credentials.create` is asked."""
    async with kit.records.moment() as moment:
        await authentications.use_step_up(moment.session, body.step_up_id, caller.session_hash)
        client = await kit.records.clients.get(moment.session, caller.client_id)
        known = [one.credential_id for one in await factors.passkeys_of(moment.session, client.id)]
        seconds = moment.policy.whole("passkey-challenge-seconds")
        challenge = await factors.issue_challenge(moment.session, "REGISTER", client.id, caller.session_hash, seconds)
    name = second_factors.shown_name(kit, client)
    return PasskeyOptions(options=passkeys.enrolment(passkeys.site_of(kit), challenge, client.id, name, known, seconds))


@router.post("/factors/passkeys", status_code=201, responses=_DO)
async def add_passkey(body: NewPasskeyBody, kit: Kit, caller: ClientCaller) -> FactorAnswer:
    """Keep the passkey that the device made. Its challenge is used up whatever it turns out to be."""
    credential = body.passkey.plain()
    challenge = passkeys.challenge_in(credential)
    async with kit.records.moment() as moment:
        await factors.take_challenge(moment.session, challenge, "REGISTER", caller.session_hash)
    new = passkeys.enrolled(passkeys.site_of(kit), credential, challenge)
    async with kit.records.moment() as moment:
        client = await kit.records.clients.get(moment.session, caller.client_id)
        row = await factors.add_passkey(
            moment.session, kit.records.vault, client, name=body.name, credential_id=new.credential_id,
            public_key=new.public_key, sign_count=new.sign_count, backed_up=new.backed_up,
            most=moment.policy.whole("passkeys"),
        )  # fmt: skip
        await _record(moment, caller, "factor-added", factor=str(row.id), kind=Factor.PASSKEY)
        await _changed(kit, moment, caller, client, Event.FACTOR_ADDED, f"factor-added:{row.id}")
    return _of_passkey(kit, client, row)


@router.post("/factors/{factor_id}/removal", status_code=204, response_class=Response, responses=_DO)
async def remove_factor(factor_id: UUID, body: StepUpRef, kit: Kit, caller: ClientCaller) -> Response:
    """It opens nothing any more."""
    async with kit.records.moment() as moment:
        kind = await factors.remove(moment.session, caller.client_id, factor_id)
        await authentications.use_step_up(moment.session, body.step_up_id, caller.session_hash)
        client = await kit.records.clients.get(moment.session, caller.client_id)
        await _record(moment, caller, "factor-removed", factor=str(factor_id), kind=kind)
        await _changed(kit, moment, caller, client, Event.FACTOR_REMOVED, f"factor-removed:{factor_id}")
    return Response(status_code=204)


@router.put("/password", status_code=204, response_class=Response, responses=_DO)
async def change_password(body: ChangePasswordBody, kit: Kit, caller: ClientCaller) -> Response:
    """Another password; every other log-in ends."""
    password_hash = await asyncio.to_thread(passwords.hash_password, body.password)
    async with kit.records.moment() as moment:
        step_up_id = await authentications.use_step_up(moment.session, body.step_up_id, caller.session_hash)
        client = await kit.records.clients.get(moment.session, caller.client_id)
        client.password_hash = password_hash
        moment.session.add(client)
        await sessions.end_all(moment.session, client_id=client.id, besides=caller.session_hash)
        await _record(moment, caller, "password-changed")
        await _changed(kit, moment, caller, client, Event.PASSWORD_CHANGED, f"password-changed:{step_up_id}")
    return Response(status_code=204)
