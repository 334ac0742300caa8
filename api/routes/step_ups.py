"""The client proves themselves once more within a log-in, before their access changes.

A step-up is the password again and, where there is one, a second factor; it is good for one change within the same
log-in. Rules: para 6, part 4; para 25.
"""

from __future__ import annotations

import asyncio
from uuid import uuid4

from fastapi import APIRouter
from fastapi.responses import Response

from activities.context import Moment
from api import log_in_limits, second_factors
from api.guards import ADDRESS
from api.log_in import code_call, standing
from api.log_in_limits import Counted
from api.routes.problems import problems
from api.schemas_access import PasskeyOptions, StepUp, StepUpBody, StepUpProof, StepUpRef
from api.services import Kit, Services
from api.sessions import Caller, ClientCaller
from rules.errors import NotConfirmed
from rules.log_in import Factor, step_up_missing
from storage import audit, authentications, passwords
from storage.tables import Authentication, Client

router = APIRouter(prefix="/account/step-ups", tags=["log-in means"])

_DO = problems(401, 403, 404, 409, 422, 429)


@router.post("", status_code=201, responses=_DO)
async def step_up(body: StepUpBody, kit: Kit, caller: ClientCaller) -> StepUp:
    """The password once more; then one of `second_factors`, where there are any."""
    of = counted(kit, caller)
    async with kit.records.moment() as moment:
        await log_in_limits.check(moment, of)
        client = await kit.records.clients.get(moment.session, caller.client_id)
    right = await asyncio.to_thread(passwords.verify_password, client.password_hash, body.password)
    async with kit.records.moment() as moment:
        await log_in_limits.hold(moment, of)
        if right:
            return await _stepped_up(moment, caller, client)
        await count_wrong(moment, caller, of, "password-wrong")
    raise NotConfirmed("password-wrong")


async def _stepped_up(moment: Moment, caller: Caller, client: Client) -> StepUp:
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


@router.post("/code", status_code=204, response_class=Response, responses=_DO)
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


@router.post("/passkey", responses=_DO)
async def step_up_passkey(body: StepUpRef, kit: Kit, caller: ClientCaller) -> PasskeyOptions:
    """A challenge for the client's passkeys."""
    async with kit.records.moment() as moment:
        row = await _row(moment, caller, body.step_up_id)
        return PasskeyOptions(options=await second_factors.passkey_options(kit, moment, row))


@router.post("/proof", responses=_DO)
async def step_up_proof(body: StepUpProof, kit: Kit, caller: ClientCaller) -> StepUp:
    """The second factor. After five wrong tries the step-up has to be begun anew."""
    of, refused = counted(kit, caller), None
    async with kit.records.moment() as moment:
        row = await _row(moment, caller, body.step_up_id)
        await log_in_limits.hold(moment, of)
        try:
            await second_factors.show(kit, moment, row, body)
        except NotConfirmed as error:
            await authentications.failed(moment.session, row)
            await count_wrong(moment, caller, of, error.code)
            refused = error
        else:
            await _enough(moment, caller, row, frozenset({Factor.PASSWORD, second_factors.kind_of(body)}))
    if refused is not None:
        raise refused
    return StepUp(step_up_id=body.step_up_id, second_factors=[], enough=True)


async def _row(moment: Moment, caller: Caller, token: str) -> Authentication:
    return await authentications.open_one(moment.session, token, "STEP_UP", caller.session_hash)


async def _enough(moment: Moment, caller: Caller, row: Authentication, shown: frozenset[Factor]) -> None:
    await authentications.enough(moment.session, row, shown, use=False)
    await record(moment, caller, "stepped-up", shown=sorted(shown))


def counted(kit: Services, caller: Caller) -> Counted:
    """Within a log-in its own tries are counted: who has stolen it guesses as often as at its door."""
    vault = kit.records.vault
    return Counted(
        vault.index("step-up", caller.session_hash.hex()), vault.index("login-address", ADDRESS.get()), None, None
    )


async def count_wrong(moment: Moment, caller: Caller, of: Counted, code: str) -> None:
    """Count a wrong try, in the transaction that held what is counted."""
    await log_in_limits.failed(moment, of)
    await record(moment, caller, "step-up-failed", reason=code)


async def record(moment: Moment, caller: Caller, action: str, reason: str | None = None, **detail: object) -> None:
    """The audit entry of what a client does with their access."""
    await audit.record(
        moment.session, actor=caller.who, action=action, subject=caller.who, reason=reason, paragraph="6",
        detail=detail,
    )  # fmt: skip
