"""Where microcredits are given: web resources, mobile applications, terminals, and what the regulator is told of them.

A new one lends only after the regulator has been told and the working days of the term have passed; those that lent
before the system came are listed here with the number of their notice.

Rules: para 4; para 5.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from rules.errors import Conflict, InvalidInput
from rules.evidence import Frozen


class Kind(StrEnum):
    """By which kind of resource a client comes."""

    WEB = "WEB"
    MOBILE_APPLICATION = "MOBILE_APPLICATION"
    TERMINAL = "TERMINAL"


class Service(StrEnum):
    """What a client can do there."""

    REGISTRATION = "REGISTRATION"
    APPLICATION = "APPLICATION"
    CONTRACT = "CONTRACT"
    PAYOUT = "PAYOUT"
    REPAYMENT = "REPAYMENT"
    ACCOUNT = "ACCOUNT"


class ResourceFacts(Frozen):
    """What a notice says of a resource. place: its address on the internet, or where a terminal stands.

    Rules: para 4, point 1; para 4, point 2.
    """

    code: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,39}$")]
    kind: Kind
    name: Annotated[str, Field(min_length=2, max_length=120)]
    place: Annotated[str, Field(min_length=3, max_length=300)]
    services: Annotated[tuple[Service, ...], Field(min_length=1, max_length=10)]


@dataclass(frozen=True)
class TakenOver:
    """A resource that lent before the system came. notice: the number under which the regulator was told."""

    facts: ResourceFacts
    opened: date
    notice: str


def _all(code: str, kind: Kind, name: str, place: str) -> ResourceFacts:
    return ResourceFacts(code=code, kind=kind, name=name, place=place, services=tuple(Service))


TAKEN_OVER = (
    TakenOver(_all("site", Kind.WEB, "Nesie", "https://nesie.example"), date(2021, 6, 1), "ARDFM-2021-0514"),
    TakenOver(_all("app", Kind.MOBILE_APPLICATION, "Nesie", "kz.nesie.app"), date(2021, 6, 1), "ARDFM-2021-0515"),
    TakenOver(
        _all("terminals", Kind.TERMINAL, "Nesie", "terminals of the payment network, all cities"),
        date(2021, 6, 1),
        "ARDFM-2021-0516",
    ),
)


def check_lends(kind: Kind, code: str | None, open_codes: Collection[tuple[str, str]]) -> None:
    """Whether a microcredit may be given by a resource.

    Args:
        code: which one; None for any of the kind.
        open_codes: (kind, code) of the resources whose term has passed.

    Raises:
        Conflict: `resource-not-open`: the regulator was not told, or the term has not passed.

    >>> check_lends(Kind.WEB, None, {("WEB", "site")})
    >>> check_lends(Kind.WEB, "second-site", {("WEB", "site")})
    Traceback (most recent call last):
    rules.errors.Conflict: resource-not-open
    """
    of_kind = {known for of, known in open_codes if of == kind}
    if not (of_kind if code is None else code in of_kind):
        raise Conflict("resource-not-open")


def check_change(before: ResourceFacts | None, told: ResourceFacts, *, change: bool) -> None:
    """An opening is of something new, a change of what is open and is told otherwise.

    Raises:
        Conflict: `resource-known`, `resource-unknown`.
        InvalidInput: `resource-kind-fixed`, `nothing-changed`.
    """
    if not change:
        if before is not None:
            raise Conflict("resource-known")
        return
    if before is None:
        raise Conflict("resource-unknown")
    if before.kind is not told.kind:
        raise InvalidInput("resource-kind-fixed", field="/kind")
    if before == told:
        raise InvalidInput("nothing-changed")
