"""A debt explained: the facts, the rule, the day count, the rounding of each figure, so that anybody can recompute it.

That the steps add up for every history is tested in test_loan_properties.py; here the words, by hand.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from rules.loan import Explained, LoanEvent, PenaltyRule, Suspended, explain
from tests.support.loans import known, lent, paid, terms

DAY = date(2026, 3, 20)
EVENTS: list[LoanEvent] = [lent(), paid("p", date(2026, 2, 15), 10_000)]


def explained(events: list[LoanEvent], on: date = DAY) -> dict[str, Explained]:
    return {one.figure: one for one in explain(events, terms(), on)}


def test_interest_names_balance_factor_rate_day_count_and_nights() -> None:
    seen = explained(EVENTS)["interest_due"]
    assert seen.amount == "6850.00"  # 3 720.00 of February, 5 nights of 120.00 and 23 of 110.00 for March
    february, march = seen.steps
    assert (february.amount, march.amount) == ("3720.00", "3130.00")
    assert [part.what for part in march.of] == [
        "120000.00 x 0.005 (36.5 % a year, act/365, nights from 2026-02-10 to 2026-02-15)",
        "110000.00 x 0.023 (36.5 % a year, act/365, nights from 2026-02-15 to 2026-03-10)",
    ]
    assert [Decimal(part.amount) for part in march.of] == [600, 2_530]


def test_the_penalty_names_base_nights_and_rate() -> None:
    seen = explained(EVENTS)["penalty_charged"]
    assert [part.what for part in seen.steps[0].of][:2] == [
        "13720.00 overdue x (5 nights x 0.5 %)",
        "3720.00 overdue x (23 nights x 0.5 %)",
    ]
    assert seen.policy_rows == (
        "penalty-daily-percent@2021-05-11",
        "penalty-first-days@2021-05-11",
        "penalty-later-daily-percent@2021-05-11",
        "penalty-year-cap-percent@2021-05-11",
    )


def test_the_cap_is_named_where_it_bites() -> None:
    parts = explained([lent()], date(2026, 12, 31))["penalty_charged"].steps[0].of
    assert "only up to the cap of contract year 1" in parts[-1].what
    assert sum(Decimal(part.amount) for part in parts) == 12_000


def test_facts_rule_day_count_and_rounding_are_named() -> None:
    seen = explained(EVENTS)
    accrued = seen["interest_accrued"]
    assert set(accrued.events) == {"lent", "p"}
    assert accrued.day_count == "act/365"
    assert "half-even" in accrued.rounding
    assert "12 significant digits" in accrued.rule
    assert accrued.policy_rows == ("accrual-stop-days@2021-05-11",)
    assert (seen["principal"].day_count, seen["principal"].rounding) == (None, "none: whole tiyn")
    assert [(step.amount, step.events) for step in seen["principal"].steps] == [
        ("120000.00", ("lent",)),
        ("-10000.00", ("p",)),
    ]


def test_overdue_days_name_the_instalment_and_the_suspended_days() -> None:
    stands = Suspended(key="s", value_date=date(2026, 3, 1), known_at=known(DAY))
    seen = explained([*EVENTS, stands])["overdue_days"]
    assert (seen.amount, seen.events) == ("18", ("lent", "p", "s"))
    assert seen.steps[0].what == "days from 2026-02-10 to 2026-02-28, instalment 1"


def test_a_changed_penalty_is_named() -> None:
    rule = PenaltyRule(
        key="rule", value_date=date(2026, 2, 20), known_at=known(DAY), daily_percent=Decimal("0.1"), first_days=90,
        later_daily_percent=Decimal(0), year_cap_percent=Decimal(10),
    )  # fmt: skip
    assert "rule" in explained([*EVENTS, rule])["penalty"].events


def test_what_does_not_exist_that_day_is_left_out() -> None:
    closed = [lent(), paid("p", date(2026, 1, 20), 121_200)]
    assert "next_payment" in explained(EVENTS)
    assert "next_payment" not in explained(closed)
    assert explained(closed)["total_to_close"].steps == ()
