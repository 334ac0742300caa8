"""By which paper a person may sign for a legal entity: its term is checked by us, its words by an officer.

Rules: para 6, part 2; para 9.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from temporalio import activity

from activities.context import Moment, Records, conclude
from rules.client import AuthorityKind, ClientKind, authority_holds
from rules.errors import Conflict
from rules.evidence import Frozen, SignerCapacity, StepResult
from storage import authorities
from storage.tables import Client, ClientAuthority

ACT = "REGISTRATION"
TO_CHECK, EXPIRED = "authority-to-check", "authority-expired"
# who an electronic signature must belong to, by the paper
_CAPACITY = {
    AuthorityKind.ORDER: SignerCapacity.HEAD,
    AuthorityKind.POWER_OF_ATTORNEY: SignerCapacity.RIGHT_TO_SIGN,
}


class AuthorityShown(Frozen):
    """A paper, kept already, with its scans archived."""

    client_id: UUID
    authority_id: UUID


class AuthorityConfirmed(Frozen):
    """An officer has approved it: the review in which they did."""

    client_id: UUID
    authority_id: UUID
    review_id: UUID


class Authorities:
    """The step `authority` of a registration."""

    def __init__(self, records: Records) -> None:
        self._records = records

    @activity.defn
    async def check_authority(self, shown: AuthorityShown) -> StepResult:
        """review: an officer must compare it with person and BIN. retry: it is over, another one is needed."""
        async with self._records.moment() as moment:
            client = await self._records.clients.get(moment.session, shown.client_id)
            paper = await authorities.get(moment.session, client.id, shown.authority_id)
            ground = TO_CHECK if authority_holds(paper.valid_until, moment.day) else EXPIRED
            return await _conclude(moment, client, paper, ground, None)

    @activity.defn
    async def confirm_authority(self, confirmed: AuthorityConfirmed) -> StepResult:
        """What the officer found holds, unless the paper's last day has passed meanwhile."""
        async with self._records.moment() as moment:
            client = await self._records.clients.get(moment.session, confirmed.client_id)
            paper = await authorities.get(moment.session, client.id, confirmed.authority_id)
            ground = None if authority_holds(paper.valid_until, moment.day) else EXPIRED
            return await _conclude(moment, client, paper, ground, confirmed.review_id)

    def all(self) -> list[Callable[..., Any]]:
        """Its activities."""
        return [self.check_authority, self.confirm_authority]


async def _conclude(
    moment: Moment, client: Client, paper: ClientAuthority, ground: str | None, review_id: UUID | None
) -> StepResult:
    evidence = {
        "inputs": {f"scan-{n}": str(scan) for n, scan in enumerate(paper.scans, 1)},
        "asked": {"authority": str(paper.id), "review": review_id and str(review_id), "today": str(moment.day)},
        "policy": {},
        "models": {},
        "result": {"kind": paper.kind, "valid_until": paper.valid_until and str(paper.valid_until), "ground": ground},
    }
    return await conclude(
        moment, client, act=ACT, step=authorities.STEP, ground=ground, evidence=evidence, paragraph="6"
    )


async def check_authority(moment: Moment, client: Client) -> None:
    """Whether somebody may act for an organisation today; nothing is asked of other clients.

    Raises:
        Conflict: `authority-missing`: no officer has confirmed a paper. `authority-expired`.

    Rules: para 6, part 2; para 9.
    """
    if client.kind != ClientKind.LEGAL_ENTITY:
        return
    paper = await authorities.confirmed(moment.session, client.id)
    if paper is None:
        raise Conflict("authority-missing")
    if not authority_holds(paper.valid_until, moment.day):
        raise Conflict(EXPIRED)


async def signer_ground(moment: Moment, client: Client, capacity: SignerCapacity | None) -> str | None:
    """Why a good signature does not bind an organisation: its paper has ended, or it belongs to another capacity.

    An organisation without a confirmed paper was registered by an earlier release; the verifier alone judges then.
    """
    if client.kind != ClientKind.LEGAL_ENTITY:
        return None
    paper = await authorities.confirmed(moment.session, client.id)
    if paper is None:
        return None
    if not authority_holds(paper.valid_until, moment.day):
        return EXPIRED
    return None if capacity is _CAPACITY[AuthorityKind(paper.kind)] else "signature-other-capacity"
