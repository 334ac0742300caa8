"""The debt of a loan as a fold over its events: interest by the day, being late, facts as JSON.

Payments, penalty, suspension, agreements, corrections, explanations and properties have files of their own beside this.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from rules.loan import Figures, LoanEvent, Position, figures, loan_event, position, upcoming
from rules.money import Money
from rules.schedule import DayCount, LoanTerms, instalments
from tests.support.loans import A_DAY, DUES, known, lent, paid, tenge, terms

NOTHING = Money(0)
ANNUITY = LoanTerms.model_validate(
    {
        "principal": "150000.00",
        "rate_percent_per_year": "37.8",
        "periods": 6,
        "method": "annuity",
        "disbursed": "2026-01-31",
        "first_due": "2026-02-28",
    }
)


def test_interest_runs_by_the_day() -> None:
    seen = position([lent(ANNUITY)], ANNUITY, date(2026, 2, 10))
    assert seen.interest_accrued == tenge("1553.42")  # 150 000 x 37.8 % x 10 / 365
    assert seen.total_to_close == tenge("151553.42")
    assert (seen.next_due, seen.next_payment) == (date(2026, 2, 28), instalments(ANNUITY)[0].payment)


def test_the_balance_of_a_day_bears_interest_from_the_night_after_it() -> None:
    assert position([lent()], terms(), date(2026, 1, 10)).interest_accrued == NOTHING
    assert position([lent()], terms(), date(2026, 1, 11)).interest_accrued == tenge(120)


def test_overdue_days_count_from_the_day_after_the_due_date() -> None:
    due = position([lent()], terms(), DUES[0])
    assert (due.overdue_days, due.overdue_amount, due.principal_due, due.interest_due) == (
        0, NOTHING, tenge(10_000), tenge(3_720),
    )  # fmt: skip
    late = position([lent()], terms(), DUES[0] + 3 * A_DAY)
    assert (late.overdue_days, late.overdue_amount) == (3, tenge(13_720))
    assert (late.overdue_principal, late.overdue_interest) == (tenge(10_000), tenge(3_720))


def test_unpaid_principal_goes_on_bearing_interest() -> None:
    assert position([lent()], terms(), DUES[1]).interest_due == tenge(3_720 + 28 * 120)


def test_a_loan_that_left_a_day_later_bears_a_day_less() -> None:
    assert position([lent(day=date(2026, 1, 11))], terms(), DUES[0]).interest_due == tenge(3_600)
    month = terms(day_count=DayCount.THIRTY_360, rate_percent_per_year="36")
    late = position([lent(month, date(2026, 1, 11))], month, DUES[0])
    assert late.interest_due == tenge("3483.87")  # 3 600.00 of the month x 30/31 of its real days


def test_a_loan_that_left_before_its_contract_said_bears_a_day_more() -> None:
    assert position([lent(day=date(2026, 1, 9))], terms(), DUES[0]).interest_due == tenge(3_840)


def test_what_was_charged_and_paid_is_summed_up() -> None:
    events = [lent(), paid("a", DUES[0], 13_720), paid("b", DUES[1], 5_000)]
    seen = position(events, terms(), date(2026, 3, 12))
    assert (seen.paid, seen.interest_charged) == (tenge(18_720), tenge(3_720 + 3_080))
    assert (seen.penalty, seen.penalty_charged) == (tenge("80.80"), tenge("80.80"))  # 8 080.00 x 0.5 % x 2 nights
    assert (seen.refunded, seen.written_off, seen.interest_suspended, seen.suspended) == (NOTHING,) * 3 + (False,)


def test_a_loan_that_is_paid_ends_on_its_last_due_date() -> None:
    events: list[LoanEvent] = [lent()]
    for row in upcoming(events, terms(), terms().disbursed):
        assert not position(events, terms(), row.due).closed
        events.append(paid(f"p{row.n}", row.due, row.payment))
    end = position(events, terms(), date(2027, 1, 10))
    assert (end.closed, end.total_to_close, end.next_due, end.overpaid) == (True, NOTHING, None, NOTHING)
    assert upcoming(events, terms(), date(2027, 1, 10)) == ()


def test_what_comes_is_told_as_if_late_instalments_stayed_late() -> None:
    """Overdue principal goes on bearing interest: 31 nights on 120 000.00, then 30 on 110 000.00."""
    rows = upcoming([lent()], terms(), DUES[1])
    assert [(row.n, row.interest, row.principal) for row in rows[:2]] == [
        (3, tenge(3_720), tenge(10_000)),
        (4, tenge(3_300), tenge(10_000)),
    ]
    assert rows[0].balance == tenge(90_000)


def test_the_figures_in_tiyn_are_those_of_the_position() -> None:
    events = [lent(), paid("a", date(2026, 3, 1), 7_000)]
    in_tiyn, seen = figures(events, terms(), DUES[2]), position(events, terms(), DUES[2])
    assert Figures._fields == tuple(Position.model_fields)
    for name, value in seen:
        assert getattr(in_tiyn, name) == (value.tiyn if isinstance(value, Money) else value)
    assert Position.model_validate_json(seen.model_dump_json()) == seen


PLAIN: dict[str, Any] = {"key": "k", "value_date": date(2026, 2, 1), "known_at": datetime(2026, 2, 2, tzinfo=UTC)}


@pytest.mark.parametrize(
    "fact",
    [
        {"kind": "disbursed", "amount": "10.50"},
        {"kind": "paid", "amount": "10.50", "use": "shorter_term", "through": "terminal"},
        {"kind": "due_moved", "due": "2026-02-10", "to": "2026-02-20", "later_too": True},
        {"kind": "penalty_rule", "daily_percent": "0.1", "first_days": 9, "later_daily_percent": "0",
         "year_cap_percent": "5"},
        {"kind": "suspended"},
        {"kind": "resumed", "charge_later": True},
        {"kind": "restructured", "rate_percent_per_year": "12", "periods": 3, "first_due": "2026-03-01"},
        {"kind": "written_off", "ground": "ombudsman", "return_paid": True},
        {"kind": "refunded", "amount": "1.00"},
        {"kind": "corrected", "wrong": "w", "reason": "typed wrong", "instead": PLAIN | {"kind": "suspended"}},
    ],
    ids=lambda fact: fact["kind"],
)  # fmt: skip
def test_facts_are_read_from_json_by_their_kind(fact: dict[str, Any]) -> None:
    event = loan_event.validate_python(PLAIN | fact)
    assert event.kind == fact["kind"]
    assert loan_event.validate_json(event.model_dump_json()) == event


def test_an_unknown_kind_or_field_is_refused() -> None:
    with pytest.raises(ValidationError):
        loan_event.validate_python(PLAIN | {"kind": "gift"})
    with pytest.raises(ValidationError):
        loan_event.validate_python(PLAIN | {"kind": "suspended", "amount": "1.00"})


def test_a_day_is_a_day_in_almaty_whatever_the_zone_of_known_at() -> None:
    evening = paid("p", DUES[0], 1_000, known_at=known(DUES[0]).replace(hour=20))
    assert position([lent(), evening], terms(), DUES[0]).paid == tenge(1_000)
