"""Loans for tests: a plain one whose figures are easy by hand, its facts, random histories of all kinds of facts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from rules.errors import BusinessError
from rules.loan import (
    Corrected,
    Disbursed,
    DueMoved,
    LoanEvent,
    Paid,
    PenaltyRule,
    Refunded,
    Restructured,
    Resumed,
    Suspended,
    Use,
    WrittenOff,
    position,
    upcoming,
)
from rules.money import Money
from rules.schedule import DayCount, LoanTerms, Method, MonthEnd, OffDays, Rounding

A_DAY = timedelta(days=1)
LENT = date(2026, 1, 10)
DUES = [date(2026, 2, 10), date(2026, 3, 10), date(2026, 4, 10), date(2026, 5, 10), date(2026, 6, 10)]


def terms(**changes: Any) -> LoanTerms:
    """120 000.00 at 36.5 % a year of 365 days: a night costs 0.1 %, 120.00 on the whole sum.

    Differentiated over 12 months: 10 000.00 of principal on the 10th of each month from February on.
    """
    plain: dict[str, Any] = {
        "principal": Money(120_000),
        "rate_percent_per_year": Decimal("36.5"),
        "periods": 12,
        "method": Method.DIFFERENTIATED,
        "disbursed": LENT,
        "first_due": date(2026, 2, 10),
    }
    return LoanTerms.model_validate(plain | changes)


def known(day: date) -> datetime:
    """Noon in Almaty."""
    return datetime.combine(day, time(7), UTC)


def lent(of: LoanTerms | None = None, day: date | None = None) -> Disbursed:
    of = of or terms()
    day = day or of.disbursed
    return Disbursed(key="lent", value_date=day, known_at=known(day), amount=of.principal)


def paid(key: str, day: date, amount: str | int | Money, **more: Any) -> Paid:
    amount = amount if isinstance(amount, Money) else Money(amount)
    return Paid(key=key, value_date=day, known_at=more.pop("known_at", known(day)), amount=amount, **more)


def tenge(amount: str | int) -> Money:
    return Money(amount)


METHODS: list[dict[str, Any]] = [
    {"method": Method.ANNUITY},
    {"method": Method.ANNUITY, "rounding": Rounding.SPREAD},
    {"method": Method.ANNUITY, "multiple_of": Money(1)},
    {"method": Method.DIFFERENTIATED},
    {"method": Method.BULLET},
    {"method": Method.OWN, "interest_only_months": 2},
    {"method": Method.OWN, "grace_periods": 2},
    {"method": Method.OWN, "step_percent": Decimal(5), "step_every": 2},
]


@st.composite
def any_terms(draw: st.DrawFn) -> LoanTerms:
    """Terms of all methods, day counts, month ends and payment days, with first periods of any length."""
    disbursed = date(2024, 1, 1) + draw(st.integers(0, 400)) * A_DAY
    method = draw(st.sampled_from(METHODS))
    free = method["method"] in (Method.BULLET, Method.OWN)  # without interest their first rows would ask for nothing
    rates = [Decimal("12"), Decimal("37.8"), Decimal("45.9999"), *([] if free else [Decimal(0)])]
    return terms(
        principal=Money.of_tiyn(draw(st.integers(1_000_000, 100_000_000))),
        rate_percent_per_year=draw(st.sampled_from(rates)),
        periods=draw(st.integers(3, 12)),
        disbursed=disbursed,
        first_due=disbursed + draw(st.integers(5, 45)) * A_DAY,
        day_count=draw(st.sampled_from(DayCount)),
        month_end=draw(st.sampled_from(MonthEnd)),
        off_days=draw(st.sampled_from([OffDays.KEEP, OffDays.KEEP, OffDays.NEXT_WORKING_DAY])),
        **method,
    )


@dataclass(frozen=True)
class History:
    """A loan, its facts by value date, and a day on which or after which to look."""

    terms: LoanTerms
    events: tuple[LoanEvent, ...]
    on: date


KINDS = ["paid", "paid", "paid", "due", "due", "due", "early", "moved", "rule", "stand", "run", "new", "back", "off"]


@st.composite
def histories(draw: st.DrawFn, kinds: tuple[str, ...] = tuple(KINDS), longest: int = 12) -> History:
    """A history that could have been: each fact fits what came before it, known up to 40 days later."""
    of = draw(any_terms())
    events: list[LoanEvent] = [lent(of, of.disbursed + draw(st.sampled_from([0, 0, 0, 1, 3])) * A_DAY)]
    day = events[0].value_date
    for n in range(draw(st.integers(0, longest))):
        day += draw(st.sampled_from([0, 1, 2, 5, 9, 14, 21, 30, 45, 95])) * A_DAY
        late = draw(st.sampled_from([0, 0, 1, 3, 40]))
        fact = _fact(draw, draw(st.sampled_from(kinds)), events, of, day)
        if fact is not None:
            key = {"key": f"{n}-{fact['kind']}", "value_date": day, "known_at": known(day + late * A_DAY)}
            events.append(_KIND[fact.pop("kind")](**key, **fact))
            try:
                position(events, of, day)
            except BusinessError:  # plans that cannot be: not a history that could have been
                events.pop()
    return History(of, tuple(events), day + draw(st.integers(0, 200)) * A_DAY)


_KIND: dict[str, Any] = {
    "paid": Paid,
    "due_moved": DueMoved,
    "penalty_rule": PenaltyRule,
    "suspended": Suspended,
    "resumed": Resumed,
    "restructured": Restructured,
    "refunded": Refunded,
    "written_off": WrittenOff,
}


def _fact(draw: st.DrawFn, kind: str, events: list[LoanEvent], of: LoanTerms, day: date) -> dict[str, Any] | None:
    now = position(events, of, day)
    if kind in ("paid", "due", "early"):
        return _payment(draw, kind, now, events, of, day)
    if kind == "moved":
        rows = upcoming(events, of, day)
        if not rows:
            return None
        due = draw(st.sampled_from(rows)).due
        to = due + draw(st.integers(-10, 40)) * A_DAY
        return {"kind": "due_moved", "due": due, "to": to, "later_too": draw(st.booleans())}
    if kind == "rule":
        daily = draw(st.sampled_from(["0", "0.1", "0.5"]))
        return {
            "kind": "penalty_rule", "daily_percent": Decimal(daily), "first_days": draw(st.integers(0, 90)),
            "later_daily_percent": Decimal("0.03"), "year_cap_percent": Decimal(draw(st.integers(0, 10))),
        }  # fmt: skip
    if kind == "stand":
        return {"kind": "suspended"}
    if kind == "run":
        return {"kind": "resumed", "charge_later": draw(st.booleans())}
    if kind == "new":
        return {
            "kind": "restructured", "rate_percent_per_year": draw(st.sampled_from([Decimal(0), Decimal(20)])),
            "periods": draw(st.integers(1, 8)), "first_due": day + draw(st.integers(1, 40)) * A_DAY,
            "method": draw(st.sampled_from(["annuity", "differentiated", "bullet"])),
            "forgive_penalty": draw(st.booleans()),
        }  # fmt: skip
    if kind == "back":
        most = now.overpaid.tiyn
        return {"kind": "refunded", "amount": Money.of_tiyn(draw(st.integers(1, most)))} if most else None
    if draw(st.integers(0, 3)):
        return None  # write-offs are rare: little happens after them
    ground = draw(st.sampled_from(["court_verdict", "lender_breach", "ombudsman"]))
    return {"kind": "written_off", "ground": ground, "return_paid": draw(st.booleans())}


def _payment(draw: st.DrawFn, kind: str, now: Any, events: list[LoanEvent], of: LoanTerms, day: date) -> dict[str, Any]:
    owed = now.principal_due + now.interest_due + now.penalty
    if kind == "due" and owed.tiyn:
        tiyn = owed.tiyn
    elif kind == "due" and now.next_payment is not None and now.next_payment.tiyn:
        tiyn = now.next_payment.tiyn
    else:
        tiyn = draw(st.integers(1, max(of.principal.tiyn // 2, 1)))
    use = draw(st.sampled_from([Use.SHORTER_TERM, Use.SMALLER_INSTALMENT])) if kind == "early" else Use.DUE
    through = draw(st.sampled_from(["bank", "cash-desk"]))
    return {"kind": "paid", "amount": Money.of_tiyn(tiyn), "use": use, "through": through}


def correction(key: str, day: date, known_at: datetime, wrong: str, instead: LoanEvent | None = None) -> Corrected:
    return Corrected(key=key, value_date=day, known_at=known_at, wrong=wrong, instead=instead, reason="a test")
