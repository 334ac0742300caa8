"""Papers about fraud: what each kind leads to, from which day interest stands still, and when it runs again.

Interest stands still from the Almaty day on which the paper was received, whenever people came to it. It runs again
from the day on which two people had confirmed the last cancellation, and the suspended days are charged after all only
where every cancellation behind that resumption says so.

Rules: para 13, part 2; para 13, part 3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from rules.calendar import local_date
from rules.clocks import CLOCKS
from rules.errors import InvalidInput, NotAllowed
from rules.evidence import Frozen
from rules.loan_events import Corrected, LoanEvent, Resumed, Suspended
from rules.loan_history import effective
from rules.policy import PolicySet, UnknownPolicy, policy

CLOCK: Final = "P13.2"
_LATER: Final = "charge-suspended-interest-rule"


class PaperKind(StrEnum):
    """What came to the lender. Code of criminal procedure, art. 200, art. 71; law 205-VIII."""

    INVESTIGATOR_SUBMISSION = "INVESTIGATOR_SUBMISSION"
    VICTIM_RESOLUTION = "VICTIM_RESOLUTION"
    CANCELLATION = "CANCELLATION"
    COURT_VERDICT = "COURT_VERDICT"
    LENDER_BREACH = "LENDER_BREACH"
    OMBUDSMAN = "OMBUDSMAN"


SUSPENDING: Final = frozenset({PaperKind.INVESTIGATOR_SUBMISSION, PaperKind.VICTIM_RESOLUTION})
WRITING_OFF: Final = frozenset({PaperKind.COURT_VERDICT, PaperKind.LENDER_BREACH, PaperKind.OMBUDSMAN})

_TERMS: Final = {
    **dict.fromkeys(SUSPENDING, CLOCK),
    PaperKind.COURT_VERDICT: "P13.4",
    PaperKind.LENDER_BREACH: "lender-breach",
    PaperKind.OMBUDSMAN: "ombudsman",
}


class Duty(StrEnum):
    """What a suspension must show to have been done, and what its end must. Rules: para 13, part 2; para 13, part 3."""

    ACCRUAL = "accrual"
    COLLECTION = "collection"
    BUREAU = "bureau"
    NOTICE = "notice"
    ACCRUAL_ENDED = "accrual-ended"
    COLLECTION_ENDED = "collection-ended"
    BUREAU_ENDED = "bureau-ended"
    NOTICE_ENDED = "notice-ended"


class PaperEntered(Frozen):
    """What an officer reads off a paper. received_at: when it reached the lender.

    in_force_on, guilty_client: of a verdict. cancels, charge_later: of a cancellation.
    """

    kind: PaperKind
    number: str
    day: date
    authority: str
    received_at: datetime
    in_force_on: date | None = None
    guilty_client: bool | None = None
    cancels: UUID | None = None
    charge_later: bool | None = None


def check(entered: PaperEntered, now: datetime, rules: PolicySet) -> None:
    """Whether a paper can be as it was entered.

    Args:
        rules: of today: whether interest may be charged later is asked of them.

    Raises:
        InvalidInput: `instant-without-zone`, `received-in-the-future`, `received-too-early` (before there was a term
            for it), `paper-day-after-receipt`, `paper-field-not-of-kind`, `cancelled-paper-missing`,
            `charge-later-missing`.
        NotAllowed: `later-charge-not-allowed` by the edition in force.

    Rules: para 13, part 3.
    """
    if entered.received_at.tzinfo is None:
        raise InvalidInput("instant-without-zone", field="/received_at")
    if entered.received_at > now:
        raise InvalidInput("received-in-the-future", field="/received_at")
    if not _has_term(entered.kind, local_date(entered.received_at)):
        raise InvalidInput("received-too-early", field="/received_at")
    if entered.day > local_date(entered.received_at):
        raise InvalidInput("paper-day-after-receipt", field="/day")
    cancelling, verdict = entered.kind is PaperKind.CANCELLATION, entered.kind is PaperKind.COURT_VERDICT
    for name, fits in (
        ("cancels", cancelling), ("charge_later", cancelling), ("in_force_on", verdict), ("guilty_client", verdict),
    ):  # fmt: skip
        if not fits and getattr(entered, name) is not None:
            raise InvalidInput("paper-field-not-of-kind", field=f"/{name}")
    if cancelling and entered.cancels is None:
        raise InvalidInput("cancelled-paper-missing", field="/cancels")
    if cancelling and entered.charge_later is None:
        raise InvalidInput("charge-later-missing", field="/charge_later")
    if entered.charge_later and not rules.switch(_LATER):
        raise NotAllowed("later-charge-not-allowed")


def _has_term(kind: PaperKind, received: date) -> bool:
    if kind not in _TERMS:
        return True
    try:
        policy(received).row(CLOCKS[_TERMS[kind]].days)
    except UnknownPolicy:
        return False
    return True


# ---- the facts of the loan


class Cancelled(Frozen):
    """A suspension that two people have ended. on: the Almaty day of the second person's word."""

    on: date
    charge_later: bool


def suspended_key(paper_id: UUID) -> str:
    """The fact that a paper suspends a loan."""
    return f"suspended:{paper_id}"


def suspension(paper_id: UUID, received_at: datetime, disbursed: date, known_at: datetime) -> Suspended:
    """The fact: no interest from the day of the receipt on; of a loan issued after it, from its first day on.

    >>> from rules.calendar import UTC
    >>> at = datetime(2026, 3, 5, 20, 30, tzinfo=UTC)  # half past one of the sixth in Almaty
    >>> suspension(UUID(int=7), at, date(2026, 1, 15), at).value_date
    datetime.date(2026, 3, 6)

    Rules: para 13, part 2.
    """
    first = max(local_date(received_at), disbursed)
    return Suspended(key=suspended_key(paper_id), value_date=first, known_at=known_at)


def overtaken(events: Iterable[LoanEvent], since: date, known_at: datetime) -> list[Corrected]:
    """Corrections of resumptions that another paper, received before them, forbids.

    A paper that is entered late may have been received while the loan stood still for another one: interest must not
    have begun to run before both are cancelled. A resumption of the very day needs none, the fold sees to it.
    """
    wrong = [one for one in effective(events, date.max) if isinstance(one, Resumed) and one.value_date > since]
    return [
        Corrected(
            key=f"unresumed:{one.key}", wrong=one.key, value_date=one.value_date, known_at=known_at,
            reason="another-paper-stood",
        )
        for one in wrong
    ]  # fmt: skip


def undone(events: Iterable[LoanEvent], paper_id: UUID, known_at: datetime, reason: str) -> Corrected | None:
    """The correction that makes a suspension never have been; None where it never was, or is corrected already."""
    key = suspended_key(paper_id)
    found = next((one for one in effective(events, date.max) if one.key == key), None)
    if found is None:
        return None
    return Corrected(key=f"undone:{key}", wrong=key, value_date=found.value_date, known_at=known_at, reason=reason)


def resumption(
    events: Sequence[LoanEvent], cancelled: Mapping[str, Cancelled], paper_id: UUID, known_at: datetime
) -> list[Corrected | Resumed]:
    """What makes interest run again, once no paper holds the loan any more; nothing where it runs already.

    A suspension that found the loan suspended changes nothing, unless a resumption of its own day follows it: then the
    fold suspends anew. Nothing stands any more here, so such a suspension of the day of the resumption is taken away.

    Args:
        cancelled: of every cancelled paper of the loan, by the key of its suspension.
        paper_id: the paper whose end leaves none standing.

    Rules: para 13, part 3.
    """
    last, stretch, idle = date.min, list[Suspended](), list[Suspended]()
    for fact in effective(events, date.max):
        if isinstance(fact, Suspended):
            idle += [fact] if stretch else []
            stretch.append(fact)
        elif isinstance(fact, Resumed) and stretch:
            last, stretch = fact.value_date, [one for one in stretch[1:] if one.value_date == fact.value_date]
    ends = [cancelled[one.key] for one in stretch if one.key in cancelled]
    if not ends:
        return []
    on = max(last, *(one.on for one in ends), *(one.value_date for one in stretch))
    runs = Resumed(
        key=f"resumed:{paper_id}", value_date=on, known_at=known_at, charge_later=all(one.charge_later for one in ends)
    )
    return [*(_idle(one, known_at) for one in idle if one.value_date == on), runs]


def _idle(fact: Suspended, known_at: datetime) -> Corrected:
    return Corrected(
        key=f"idle:{fact.key}", wrong=fact.key, value_date=fact.value_date, known_at=known_at, reason="nothing-stands"
    )
