"""The client's own means of logging in; each change takes a step-up. Secrets are told once.

Rules: para 6, part 4; para 25.
"""

from __future__ import annotations

import asyncio
from uuid import UUID

import pyotp
from fastapi import APIRouter
from fastapi.responses import Response

from activities.context import Moment
from activities.security_notices import Event
from api import log_in_limits, passkeys, second_factors
from api.log_in import tell
from api.routes.problems import problems
from api.routes.step_ups import count_wrong, counted, record
from api.schemas_access import (
    Access,
    ChangePasswordBody,
    ClientAccess,
    FactorAnswer,
    NewPasskeyBody,
    NewTotp,
    PasskeyOptions,
    StepUpRef,
    TotpDigits,
)
from api.services import Kit, Services
from api.sessions import Caller, ClientCaller
from api.staff import Reviewer
from rules.errors import NotConfirmed, NotFound
from rules.log_in import Factor, phone_is_factor
from storage import audit, authentications, devices, factors, passwords, sessions
from storage.tables import Client, Passkey, TotpFactor

router = APIRouter(prefix="/account", tags=["log-in means"])
staff_router = APIRouter(prefix="/staff/api", tags=["staff"])

_DO = problems(401, 403, 404, 409, 422, 429)


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
        await record(moment, caller, "factor-asked", factor=str(row.id), kind=Factor.TOTP)
    name = second_factors.shown_name(kit, client)
    uri = pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=kit.lender.name("ru"))
    return NewTotp(factor_id=row.id, secret=secret, uri=uri)


@router.post("/factors/totp/confirmation", status_code=201, responses=_DO)
async def confirm_totp(body: TotpDigits, kit: Kit, caller: ClientCaller) -> FactorAnswer:
    """The first digits that the application shows; from now on it is a factor."""
    of, row = counted(kit, caller), None
    async with kit.records.moment() as moment:
        await log_in_limits.hold(moment, of)
        client = await kit.records.clients.get(moment.session, caller.client_id)
        try:
            row = await factors.confirm_totp(
                moment.session, kit.records.vault, client, body.totp,
                window=moment.policy.whole("totp-window-steps"), life_minutes=moment.policy.whole("log-in-minutes"),
            )  # fmt: skip
        except NotConfirmed as error:
            await count_wrong(moment, caller, of, error.code)
        else:
            await record(moment, caller, "factor-added", factor=str(row.id), kind=Factor.TOTP)
            await _changed(kit, moment, caller, client, Event.FACTOR_ADDED, f"factor-added:{row.id}")
    if row is None:
        raise NotConfirmed("totp-wrong")
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
        await record(moment, caller, "factor-added", factor=str(row.id), kind=Factor.PASSKEY)
        await _changed(kit, moment, caller, client, Event.FACTOR_ADDED, f"factor-added:{row.id}")
    return _of_passkey(kit, client, row)


@router.post("/factors/{factor_id}/removal", status_code=204, response_class=Response, responses=_DO)
async def remove_factor(factor_id: UUID, body: StepUpRef, kit: Kit, caller: ClientCaller) -> Response:
    """It opens nothing any more."""
    async with kit.records.moment() as moment:
        kind = await factors.remove(moment.session, caller.client_id, factor_id)
        await authentications.use_step_up(moment.session, body.step_up_id, caller.session_hash)
        client = await kit.records.clients.get(moment.session, caller.client_id)
        await record(moment, caller, "factor-removed", factor=str(factor_id), kind=kind)
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
        await moment.session.flush()  # from here a log-in by the old password is over, or is ended by the next line
        await sessions.end_all(moment.session, client_id=client.id, besides=caller.session_hash)
        await record(moment, caller, "password-changed")
        await _changed(kit, moment, caller, client, Event.PASSWORD_CHANGED, f"password-changed:{step_up_id}")
    return Response(status_code=204)
