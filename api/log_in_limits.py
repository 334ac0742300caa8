"""How often a log-in may fail and how often codes are sent: by account and device, by address, and in a row.

Failures are counted by account as seen from one device, so that nobody locks the owner out from elsewhere. A bound on
all failures in a row holds for devices that the account does not know; the owner's own device is never among them.
A number that nobody has is counted like one that somebody has. Rules: para 11; para 26.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from uuid import UUID

from activities.context import Moment
from api.devices import Device
from api.guards import ADDRESS
from api.problems import TooMany
from api.services import Services
from storage import codes, devices, throttle
from storage.vault import Vault

ADDRESS_FACTOR = 20  # an address may stand for many people behind one router
_DAY_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Counted:
    """What is counted of one try. in_a_row: None from a device that the account knows."""

    device: bytes
    address: bytes
    in_a_row: bytes | None
    second_in_a_row: bytes | None

    def subjects(self) -> list[bytes]:
        """Whatever may be blocked."""
        return [one for one in (self.device, self.address, self.in_a_row, self.second_in_a_row) if one is not None]

    def of_recovery(self) -> Counted:
        """A stranger's guesses close new devices, never the way back: codes to a number are few, a face follows."""
        return replace(self, in_a_row=None, second_in_a_row=None)

    def one_by_one(self) -> list[bytes]:
        """What is tried by one after the other: an address may be many people's, who do not wait for each other."""
        return [one for one in self.subjects() if one != self.address]


async def counted(kit: Services, moment: Moment, phone_index: bytes, client_id: UUID | None, device: Device) -> Counted:
    """What a try on an account counts for. client_id: None where nobody has the number."""
    vault: Vault = kit.records.vault
    account = phone_index.hex()
    known = await devices.known(moment.session, client_id, device.index)
    return Counted(
        vault.index("login", f"{account}|{device.origin}"),
        vault.index("login-address", ADDRESS.get()),
        None if known else vault.index("login-row", account),
        None if known else vault.index("login-second-row", account),
    )


async def check(moment: Moment, of: Counted) -> None:
    """Whether another try is allowed.

    Raises:
        TooMany: `too-many-log-ins`.
    """
    wait = max([await throttle.blocked_seconds(moment.session, subject) for subject in of.subjects()])
    if wait:
        raise TooMany("too-many-log-ins", wait)


async def hold(moment: Moment, of: Counted) -> None:
    """As check(), for the transaction that answers a try and counts it: others at the same account wait for its end.

    Raises:
        TooMany: `too-many-log-ins`, also of a try that was let in when it came: what it showed is not answered.
    """
    wait = await throttle.held_seconds(moment.session, of.one_by_one())
    wait = max(wait, await throttle.blocked_seconds(moment.session, of.address))
    if wait:
        raise TooMany("too-many-log-ins", wait)


async def failed(moment: Moment, of: Counted, *, second: bool = False) -> None:
    """Count a failure. second: of what is shown besides the password."""
    whole = moment.policy.whole
    window, allowed = whole("login-lock-minutes") * 60, whole("login-tries")
    bound = whole("log-in-bound-days") * _DAY_SECONDS
    await throttle.failed(moment.session, of.device, allowed=allowed, window_seconds=window)
    await throttle.failed(moment.session, of.address, allowed=allowed * ADDRESS_FACTOR, window_seconds=window)
    row, name = (
        (of.second_in_a_row, "log-in-second-failures-in-a-row") if second else (of.in_a_row, "log-in-failures-in-a-row")
    )
    if row is not None:
        await throttle.failed(moment.session, row, allowed=whole(name), window_seconds=bound)


async def forgive(kit: Services, moment: Moment, phone_index: bytes, of: Counted) -> None:
    """Log-in done: the failures of this device, and those in a row, are forgotten."""
    vault, account = kit.records.vault, phone_index.hex()
    for subject in (of.device, vault.index("login-row", account), vault.index("login-second-row", account)):
        await throttle.forgive(moment.session, subject)


async def may_send_code(kit: Services, sending_id: UUID) -> None:
    """Count a code that is asked for from this address. The same asking again is not counted twice.

    Raises:
        TooMany: `too-many-codes`.
    """
    await _count(kit, "codes", sending_id, "too-many-codes")


async def may_begin(kit: Services, begun_id: UUID) -> None:
    """Count what a stranger begins from this address, a registration or a log-in, as may_send_code() does codes.

    Raises:
        TooMany: `too-many-begun`.
    """
    await _count(kit, "begun", begun_id, "too-many-begun")


async def _count(kit: Services, what: str, asked_id: UUID, code: str) -> None:
    """A public address stands for one party. One of our own network, or of this machine, is a proxy or an office: it
    has its own, wider limit.
    """
    address = ADDRESS.get()
    async with kit.records.moment() as moment:
        whole = moment.policy.whole
        factor = 1 if _is_public(address) else whole("codes-own-network-factor")
        wait = await codes.note_sending(
            moment.session,
            asked_id,
            kit.records.vault.index(f"{what}-address", address),
            max_in_ten_minutes=whole(f"{what}-per-10-minutes-an-address") * factor,
            max_in_a_day=whole(f"{what}-per-day-an-address") * factor,
        )
    if wait:
        raise TooMany(code, wait)


def _is_public(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_global
    except ValueError:
        return False
