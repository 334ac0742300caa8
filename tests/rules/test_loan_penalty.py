"""Penalty, its caps, and the stop of interest: both sides of every border, by hand.

One instalment of 123 720.00 (120 000.00 + 31 nights of 120.00), due on 10 February 2026: a night late costs 618.60 at
0.5 % and 37.116 at 0.03 %.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from rules.loan import PenaltyRule, Restructured, position, servicing_rules
from rules.money import Money
from rules.schedule import Method
from rules.servicing_rules import ServicingRules
from tests.support.loans import A_DAY, LENT, known, lent, paid, tenge, terms

OF = terms(periods=1)
DUE = date(2026, 2, 10)
NOTHING = Money(0)


def rules(**changes: Any) -> ServicingRules:
    return servicing_rules(LENT).model_copy(update=changes)


UNCAPPED = rules(penalty_year_cap_percent=Decimal(1000))


def charged(nights: int, by: ServicingRules | None = None, *events: Any) -> Money:
    return position([lent(OF), *events], OF, DUE + nights * A_DAY, rules=by).penalty_charged


@pytest.mark.parametrize(
    ("nights", "amount"),
    [
        (0, "0.00"),
        (1, "618.60"),
        (2, "1237.20"),
        (89, "55055.40"),
        (90, "55674.00"),
        (91, "55711.12"),  # 55 674.00 + 37.116
        (92, "55748.23"),  # + 74.232: the sum is rounded, not each night
    ],
)
def test_half_a_per_cent_for_ninety_days_then_three_hundredths(nights: int, amount: str) -> None:
    assert charged(nights, UNCAPPED) == tenge(amount)


@pytest.mark.parametrize(
    ("nights", "amount"),
    [
        (19, "11753.40"),
        (20, "12000.00"),  # 12 372.00 is above 10 % of 120 000.00
        (21, "12000.00"),
        ((date(2027, 1, 10) - DUE).days, "12000.00"),  # the anniversary's night belongs to the old year
        ((date(2027, 1, 11) - DUE).days, "12037.12"),
        ((date(2027, 12, 31) - DUE).days, "24000.00"),
        ((date(2028, 1, 10) - DUE).days, "24000.00"),
        ((date(2028, 1, 11) - DUE).days, "24037.12"),
    ],
)
def test_in_a_contract_year_it_is_a_tenth_of_the_loan_at_most(nights: int, amount: str) -> None:
    if amount == "24000.00":
        # 12 000.00 of the second year would need 324 nights of 37.116: reached on 30 November 2027
        assert charged((date(2027, 11, 29) - DUE).days) == tenge("23988.47")
        assert charged((date(2027, 11, 30) - DUE).days) == tenge("24000.00")
    assert charged(nights) == tenge(amount)


def test_the_cap_counts_from_the_day_the_money_left() -> None:
    later = lent(OF, date(2026, 1, 12))
    night = OF.model_copy(update={"disbursed": date(2026, 1, 12)})
    assert position([later], night, date(2027, 1, 12)).penalty_charged == tenge(12_000)
    assert position([later], night, date(2027, 1, 13)).penalty_charged > tenge(12_000)


def test_the_base_is_what_is_overdue_at_the_start_of_the_night() -> None:
    half = paid("p", DUE + 5 * A_DAY, 100_000)  # five nights cost 3 093.00
    assert charged(5, None, half) == tenge("3093.00")
    assert charged(6, None, half) == tenge("3211.60")  # 23 720.00 x 0.5 %
    seen = position([lent(OF), half], OF, DUE + 6 * A_DAY)
    assert (seen.penalty, seen.overdue_amount) == (tenge("3211.60"), tenge(23_720))


def test_a_bill_joins_the_base_on_the_night_after_its_due_date() -> None:
    """Twelve instalments: 28 nights on 13 720.00, then on 27 080.00."""
    of = terms()
    assert position([lent()], of, date(2026, 3, 10)).penalty == tenge("1920.80")
    assert position([lent()], of, date(2026, 3, 11)).penalty == tenge("2056.20")


def test_days_count_from_the_oldest_bill_that_is_unpaid() -> None:
    """The bill of February is paid after 95 days; that of March is then 67 days late: half a per cent again."""
    of, day = terms(), date(2026, 5, 16)
    events = [lent(), paid("p", day, 40_000 + 3_720)]  # principal of four bills, interest of the oldest
    by = UNCAPPED
    seen = position(events, of, day, rules=by)
    assert (seen.overdue_days, seen.overdue_principal, seen.overdue_interest) == (67, NOTHING, tenge(10_680))
    next_day = position(events, of, day + A_DAY, rules=by)
    assert next_day.penalty - seen.penalty == tenge("53.40")  # 10 680.00 x 0.5 %
    unpaid = [position([lent()], of, on, rules=by).penalty for on in (day, day + A_DAY)]
    assert unpaid[1] - unpaid[0] == tenge("16.32")  # without the payment: 54 400.00 x 0.03 %


class TestAnotherRule:
    def rule(self, day: date, daily: str, cap: str = "10") -> PenaltyRule:
        return PenaltyRule(
            key="rule",
            value_date=day,
            known_at=known(day),
            daily_percent=Decimal(daily),
            first_days=90,
            later_daily_percent=Decimal("0.03") if daily != "0" else Decimal(0),
            year_cap_percent=Decimal(cap),
        )

    def test_from_its_day_on_the_nights_cost_by_it(self) -> None:
        rule = self.rule(DUE + 5 * A_DAY, "0.1")
        assert charged(4, None, rule) == tenge("2474.40")
        assert charged(5, None, rule) == tenge("2598.12")  # 123.72 more

    def test_all_zero_means_none_at_all_and_what_was_charged_stays(self) -> None:
        rule = self.rule(DUE + 5 * A_DAY, "0", "0")
        assert {charged(nights, None, rule) for nights in (4, 5, 60, 400)} == {tenge("2474.40")}

    def test_a_lower_cap_takes_nothing_back(self) -> None:
        rule = self.rule(DUE + 5 * A_DAY, "0.5", "1")
        assert charged(30, None, rule) == tenge("2474.40")

    def test_before_anything_is_late_it_costs_nothing(self) -> None:
        assert charged(0, None, self.rule(LENT + A_DAY, "0.5")) == NOTHING


def test_forgiven_penalty_counts_as_not_charged() -> None:
    day = DUE + 5 * A_DAY
    new = Restructured(
        key="new", value_date=day, known_at=known(day), rate_percent_per_year=Decimal(0), periods=3,
        first_due=date(2026, 3, 15), forgive_penalty=True,
    )  # fmt: skip
    seen = position([lent(OF), new], OF, day)
    assert (seen.penalty, seen.penalty_charged, seen.written_off) == (NOTHING, NOTHING, NOTHING)
    kept = position([lent(OF), new.model_copy(update={"forgive_penalty": False})], OF, day)
    assert (kept.penalty, kept.penalty_charged) == (tenge("3093.00"), tenge("3093.00"))
    half = paid("p", day - A_DAY, Money("123720.00"))  # pays the bill; 2 474.40 of penalty and 480.00 of interest stay
    assert position([lent(OF), half, new], OF, day).penalty_charged == NOTHING


class TestTheStopOfInterest:
    """Interest stops on nights on which the oldest bill is more than 90 days late."""

    def run(self, nights: int, by: ServicingRules | None = None) -> Money:
        return position([lent(OF)], OF, DUE + nights * A_DAY, rules=by).interest_accrued

    @pytest.mark.parametrize(("nights", "amount"), [(89, 10_680), (90, 10_800), (91, 10_800), (500, 10_800)])
    def test_the_ninetieth_night_is_the_last(self, nights: int, amount: int) -> None:
        assert self.run(nights) == tenge(amount)

    def test_without_the_policy_row_it_never_stops(self) -> None:
        assert self.run(500, rules(accrual_stop_days=None)) == tenge(60_000)

    def test_it_runs_again_once_the_oldest_bill_is_paid(self) -> None:
        """The bill of February stops it after 11 May; on 20 May it is paid, that of March is 71 days late."""
        day = date(2026, 5, 20)
        events = [lent(), paid("p", day, 43_720)]
        assert position([lent()], terms(), day).interest_accrued == tenge(120)  # one night since 10 May
        assert position(events, terms(), day).interest_accrued == tenge(120)
        assert position(events, terms(), day + A_DAY).interest_accrued == tenge(200)  # 80 000.00 now

    def test_it_runs_again_where_interest_alone_pays_the_oldest_bill(self) -> None:
        """Bullet: bills are interest alone, so the balance does not change."""
        of, day = terms(method=Method.BULLET), date(2026, 5, 20)
        events = [lent(of), paid("p", day, 3_720)]
        assert position(events, of, day).interest_accrued == tenge(120)
        assert position(events, of, day + A_DAY).interest_accrued == tenge(240)
        assert position([lent(of)], of, day + A_DAY).interest_accrued == tenge(120)
