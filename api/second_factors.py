"""What a client shows besides the password: a code, digits of an authenticator application, a passkey.

Wrong tries are counted by the caller's transaction: it catches the error inside of it and commits.

Rules: para 6, part 4.
"""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from activities.context import Moment
from activities.security_notices import Event
from api import passkeys
from api.log_in import code_call, tell
from api.schemas_access import PasskeyProof
from api.services import Services
from rules.contacts import masked
from rules.errors import Conflict, NotConfirmed
from rules.log_in import Factor
from storage import audit, authentications, codes, factors
from storage.tables import Authentication, Client


class Given(Protocol):
    """Exactly one is there."""

    @property
    def code(self) -> str | None:
        """Of an SMS."""

    @property
    def totp(self) -> str | None:
        """Of an authenticator application."""

    @property
    def passkey(self) -> PasskeyProof | None:
        """Of a device."""


def kind_of(given: Given) -> Factor:
    """Which factor was given."""
    if given.code is not None:
        return Factor.CODE
    return Factor.TOTP if given.totp is not None else Factor.PASSKEY


async def show(kit: Services, moment: Moment, row: Authentication, given: Given) -> Client:
    """Whether what was given is right; the client who showed it.

    Raises:
        Conflict: `factor-not-offered`: another one is asked for.
        NotConfirmed: `code-*`, `totp-*`, `passkey-*`: wrong, used, too old; each says which.
    """
    kind = kind_of(given)
    if kind.value not in row.offered:
        raise Conflict("factor-not-offered")
    client = None if row.client_id is None else await kit.records.clients.get(moment.session, row.client_id)
    if given.passkey is not None:
        return await _passkey(kit, moment, row, client, given.passkey)
    if given.code is not None:
        purpose = authentications.code_purpose(row.id)
        await codes.consume(moment.session, row.client_id, purpose, given.code)
    if client is None:
        raise NotConfirmed("code-wrong")
    if given.totp is not None:
        window = moment.policy.whole("totp-window-steps")
        await factors.use_totp(moment.session, kit.records.vault, client, given.totp, window=window)
    return client


async def _passkey(
    kit: Services, moment: Moment, row: Authentication, client: Client | None, given: PasskeyProof
) -> Client:
    credential = given.plain()
    challenge = passkeys.challenge_in(credential)
    await factors.take_challenge(moment.session, challenge, "PROVE", authentications.challenge_binding(row))
    known = await factors.passkey_by(moment.session, passkeys.credential_id_in(credential))
    if known is None or (client is not None and known.client_id != client.id):
        raise NotConfirmed("passkey-unknown")
    owner = client or await kit.records.clients.get(moment.session, known.client_id)
    user = passkeys.user_in(credential)
    if (user is not None and user != owner.id.bytes) or (user is None and client is None):
        raise NotConfirmed("passkey-unknown")
    shown = passkeys.shown(passkeys.site_of(kit), credential, challenge, known.public_key)
    if owner.status != "REGISTERED":
        raise NotConfirmed("passkey-unknown")
    if not await factors.count_use(moment.session, known, shown.sign_count, backed_up=shown.backed_up):
        await _cloned(kit, moment, owner, known.id)
        raise NotConfirmed("passkey-cloned")
    return owner


async def _cloned(kit: Services, moment: Moment, client: Client, passkey_id: UUID) -> None:
    """Two devices hold the same key: which of them is the client's, nobody can tell, so it opens nothing any more."""
    await factors.remove(moment.session, client.id, passkey_id, "cloned")
    await tell(kit, moment, client, Event.PASSKEY_CLONED, f"passkey-cloned:{passkey_id}")
    await audit.record(
        moment.session,
        actor="system:api",
        action="passkey-cloned",
        subject=f"client:{client.id}",
        paragraph="26",
        detail={"passkey": str(passkey_id)},
    )


async def passkey_options(kit: Services, moment: Moment, row: Authentication) -> dict[str, object]:
    """A challenge for the client's passkeys; for whichever the device has, where it is not known who logs in.

    Raises:
        Conflict: `factor-not-offered`.
    """
    if Factor.PASSKEY.value not in row.offered:
        raise Conflict("factor-not-offered")
    seconds = moment.policy.whole("passkey-challenge-seconds")
    challenge = await factors.issue_challenge(
        moment.session, "PROVE", row.client_id, authentications.challenge_binding(row), seconds
    )
    known = [] if row.client_id is None else await factors.passkeys_of(moment.session, row.client_id)
    return passkeys.proof(passkeys.site_of(kit), challenge, [one.credential_id for one in known], seconds)


async def ask_code(kit: Services, moment: Moment, row: Authentication) -> None:
    """Put the sending of a code into the outbox.

    Raises:
        Conflict: `factor-not-offered`, `too-many-codes`.
    """
    if Factor.CODE.value not in row.offered:
        raise Conflict("factor-not-offered")
    n = await authentications.count_code(moment.session, row)
    await kit.actions.keep(moment.session, code_call(row, n))


def shown_name(kit: Services, client: Client) -> str:
    """What a device shows beside a passkey: the masked number."""
    return masked(kit.records.clients.person(client).phone)
