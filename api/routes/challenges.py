"""Liveness challenges, for registration and for signing. Rules: para 35."""

from __future__ import annotations

from uuid import UUID

from api.once import Outcome
from api.schemas_common import Challenge
from api.services import Services
from api.sessions import Caller
from api.uploads import Form
from rules.errors import InvalidInput
from storage import challenges


async def issue(kit: Services, caller: Caller, act: str) -> Challenge:
    """A fresh random sequence, bound to the client, the act, the device and the session."""
    async with kit.records.moment() as moment:
        issued = await challenges.issue(
            moment.session,
            caller.client_id,
            act,
            caller.device_id,
            caller.session_hash,
            moment.policy.whole("liveness-lifetime-seconds"),
        )
    return Challenge(challenge_id=issued.id, movements=issued.sequence.split(","), expires_at=issued.expires_at)


async def new_challenge(kit: Services, caller: Caller, act: str) -> Outcome:
    """The same as an outcome."""
    return Outcome(await issue(kit, caller, act), 201)


def challenge_id_of(form: Form) -> UUID:
    """The part `challenge_id`.

    Raises:
        InvalidInput: missing, or not an id.
    """
    given = form.fields.get("challenge_id")
    if given is None:
        raise InvalidInput("field-missing", field="/challenge_id")
    try:
        return UUID(given)
    except ValueError:
        raise InvalidInput("field-format", field="/challenge_id") from None
