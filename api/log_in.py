"""Logging in: what was shown, what is still asked for, and the session at the end, with what the client is told of it.

Rules: para 6, part 4; para 25; para 26.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from activities import security_notices
from activities.context import Moment
from activities.log_in_codes import LogInCodeWanted
from activities.security_notices import Event, NoticeRef
from api import log_in_limits
from api.actions import Call
from api.devices import Device, keep
from api.log_in_limits import Counted
from api.schemas_access import SecondFactors
from api.schemas_registration import Application, SessionAnswer
from api.services import Services
from api.sessions import Opened, limits, open_session, set_cookie
from rules.client import ClientKind
from rules.editions import edition
from rules.errors import NotAllowed
from rules.log_in import Factor, Standing, missing, phone_is_factor
from rules.proofs import Act
from storage import audit, authentications, devices, factors
from storage.sessions import token_hash
from storage.tables import Authentication, Client


@dataclass(frozen=True)
class LoggedIn:
    """A session that was opened."""

    answer: SessionAnswer
    opened: Opened = field(repr=False)

    def response(self, kit: Services, device: Device) -> Response:
        """201, with the cookies of a browser."""
        response = JSONResponse(self.answer.model_dump(mode="json"), status_code=201)
        if self.opened.cookie:
            set_cookie(kit, response, self.opened.cookie)
        keep(kit, response, device)
        return response


@dataclass(frozen=True)
class GoesOn:
    """Something more is asked for."""

    answer: SecondFactors

    def response(self, kit: Services, device: Device) -> Response:
        """200, with the cookie that names a new browser: the rest works from there only."""
        response = JSONResponse(self.answer.model_dump(mode="json"), status_code=200)
        keep(kit, response, device)
        return response


async def standing(moment: Moment, client: Client, device_index: bytes) -> Standing:
    """What is known of a client who logs in from a device."""
    owner = await devices.owner(moment.session, client)
    return Standing(
        rule=edition(moment.day).rule(Act.LOG_IN, ClientKind(client.kind)),
        enrolled=await factors.enrolled(moment.session, client.id),
        phone_checked=phone_is_factor(moment.policy, owner),
        known_device=await devices.known(moment.session, client.id, device_index),
    )


async def advance(
    request: Request,
    kit: Services,
    moment: Moment,
    client: Client,
    application: Application,
    device: Device,
    shown: frozenset[Factor],
    of: Counted,
    row: Authentication | None = None,
) -> LoggedIn | GoesOn:
    """Open the session if enough was shown, else say what is still asked for.

    Args:
        row: of the log-in that goes on; None at its first step.

    Raises:
        NotAllowed: `log-in-way-off`: nothing more makes it enough.
    """
    now = await standing(moment, client, device.index)
    offered = missing(moment.policy, shown, now)
    if offered is None:
        raise NotAllowed("log-in-way-off")
    if not offered:
        if row is not None:
            await authentications.enough(moment.session, row, shown, use=True)
        return await _open(request, kit, moment, client, application, device, shown, of, known=now.known_device)
    life = moment.policy.whole("log-in-minutes") * 60
    if row is None:
        token = await authentications.begin(
            moment.session, "LOG_IN", client_id=client.id, account_index=client.phone_index, bound_to=device.index,
            application=application.value, shown=shown, offered=offered, life_seconds=life,
        )  # fmt: skip
    else:
        token = ""  # nosec B105  # the client has it
        await authentications.went_on(moment.session, row, client.id, shown, offered)
    await _record(moment, client, "log-in-goes-on", application, shown)
    return GoesOn(SecondFactors(log_in_id=token, second_factors=sorted(offered), idle_seconds=life))


async def _open(
    request: Request,
    kit: Services,
    moment: Moment,
    client: Client,
    application: Application,
    device: Device,
    shown: frozenset[Factor],
    of: Counted,
    *,
    known: bool,
) -> LoggedIn:
    await log_in_limits.forgive(kit, moment, client.phone_index, of)
    opened = await open_session(request, moment, client.id, "client", application)
    await devices.remember(moment.session, client.id, device.index, device.kind)
    key = token_hash(opened.token or opened.cookie or "").hex()
    event = Event.LOG_IN if known else Event.NEW_DEVICE
    await tell(kit, moment, client, event, f"log-in:{key}", device.kind)
    await _record(moment, client, "logged-in", application, shown, new_device=not known)
    answer = SessionAnswer(
        client_id=client.id, scope="client", token=opened.token, idle_seconds=limits(moment)["idle_seconds"]
    )
    return LoggedIn(answer, opened)


async def tell(
    kit: Services, moment: Moment, client: Client, event: Event, key: str, device: str | None = None
) -> None:
    """Tell the client, and put the SMS into the outbox, in the transaction of the event itself. Rules: para 25."""
    notice = await security_notices.write(kit.records, moment, client, event, key, device)
    if notice is not None:
        await kit.actions.keep(moment.session, _texting(notice))


def _texting(notice: NoticeRef) -> Call:
    case = f"security-notice/{notice.notice_id}"
    return Call("ClientNotice", case, "ClientNotice", notice, _action_id(case), "start")


def code_call(row: Authentication, n: int) -> Call:
    """The n-th code of an authentication: a case of its own, the same for a number that nobody has."""
    case = f"log-in-code/{row.id}/{n}"
    wanted = LogInCodeWanted(authentication_id=row.id, n=n)
    return Call("LogInCode", case, "LogInCode", wanted, _action_id(case), "start")


def _action_id(case: str) -> str:
    return hashlib.sha256(case.encode()).hexdigest()[:32]


async def count_wrong(moment: Moment, of: Counted, *, second: bool = False) -> None:
    """Count a failed try and leave its audit row, in the transaction that held what is counted.

    Whom it was meant for is known only by the keyed hash of the attempt: the row is the same where nobody was.
    """
    await log_in_limits.failed(moment, of, second=second)
    await audit.record(
        moment.session,
        actor="system:api",
        action="log-in-failed",
        subject=f"attempt:{of.device.hex()[:16]}",
        paragraph="26",
    )


async def _record(
    moment: Moment,
    client: Client,
    action: str,
    application: Application,
    shown: frozenset[Factor],
    **more: object,
) -> None:
    await audit.record(
        moment.session,
        actor=f"client:{client.id}",
        action=action,
        subject=f"client:{client.id}",
        paragraph="25",
        detail={"application": application.value, "shown": sorted(shown), **more},
    )
