"""Interest and penalty stand still while fraud is looked into: first and last day, dues inside, charged later or not.

The plain loan: a night costs 120.00; the first bill, 10 000.00 and 31 nights, is due on 10 February 2026.

Rules: para 13, part 2; para 13, part 3.
"""

from __future__ import annotations

from datetime import date

import pytest

from rules.loan import LoanEvent, Resumed, Suspended, position
from rules.money import Money
from tests.support.loans import A_DAY, known, lent, paid, tenge, terms

NOTHING = Money(0)


def stands(day: date, key: str = "s") -> Suspended:
    return Suspended(key=key, value_date=day, known_at=known(day))


def runs(day: date, key: str = "r", *, later: bool = False) -> Resumed:
    return Resumed(key=key, value_date=day, known_at=known(day), charge_later=later)


class TestFromTheTwentiethToTheThirtiethOfJanuary:
    events: tuple[LoanEvent, ...] = (lent(), stands(date(2026, 1, 20)), runs(date(2026, 1, 30)))

    @pytest.mark.parametrize(
        ("day", "accrued", "withheld", "suspended"),
        [
            (19, 1_080, 0, False),  # the last day before: nine nights
            (20, 1_080, 120, True),  # the first day costs nothing
            (29, 1_080, 1_200, True),  # the last one neither
            (30, 1_200, 1_200, False),  # the night before the resumption counts again
            (31, 1_320, 1_200, False),
        ],
    )
    def test_each_border(self, day: int, accrued: int, withheld: int, suspended: bool) -> None:
        seen = position(self.events, terms(), date(2026, 1, day))
        assert (seen.interest_accrued, seen.interest_suspended) == (tenge(accrued), tenge(withheld))
        assert seen.suspended is suspended

    def test_the_bill_asks_for_the_nights_that_counted(self) -> None:
        seen = position(self.events, terms(), date(2026, 2, 10))
        assert (seen.interest_due, seen.principal_due) == (tenge(2_520), tenge(10_000))

    def test_the_next_payment_is_told_as_if_it_stood_still_till_then(self) -> None:
        assert position(self.events[:2], terms(), date(2026, 1, 25)).next_payment == tenge(11_080)
        assert position(self.events, terms(), date(2026, 1, 30)).next_payment == tenge(12_520)

    def test_charged_later_it_is_as_if_it_had_never_stood_still(self) -> None:
        later = [*self.events[:2], runs(date(2026, 1, 30), later=True)]
        for day in (date(2026, 1, 30), date(2026, 2, 10), date(2026, 9, 1)):
            assert position(later, terms(), day) == position([lent()], terms(), day)


def test_a_due_date_inside_passes_without_the_suspended_nights() -> None:
    """Suspended from 5 to 15 February: the bill of the 10th asks for 25 nights."""
    events = [lent(), stands(date(2026, 2, 5)), runs(date(2026, 2, 15))]
    inside = position(events, terms(), date(2026, 2, 14))
    assert (inside.interest_due, inside.principal_due) == (tenge(3_000), tenge(10_000))
    assert (inside.overdue_days, inside.penalty, inside.interest_accrued) == (0, NOTHING, NOTHING)
    assert inside.overdue_amount == tenge(13_000)  # its day has passed, its days do not count
    after = position(events, terms(), date(2026, 2, 15))
    assert (after.overdue_days, after.penalty, after.interest_accrued) == (1, tenge(65), tenge(120))
    assert after.interest_suspended == tenge(1_200)


def test_charged_later_the_nights_of_two_periods_fall_due_with_the_running_one() -> None:
    events = [lent(), stands(date(2026, 2, 5)), runs(date(2026, 2, 15), later=True)]
    seen = position(events, terms(), date(2026, 2, 15))
    assert (seen.interest_accrued, seen.interest_suspended) == (tenge(1_320), NOTHING)
    assert position(events, terms(), date(2026, 3, 10)).interest_due == tenge(3_000 + 1_200 + 24 * 120)


def test_overdue_days_penalty_and_the_stop_of_interest_wait() -> None:
    """One bill of 123 720.00, late since 10 February; suspended from the sixth day late for twenty days."""
    of = terms(periods=1)
    events = [lent(of), stands(date(2026, 2, 16)), runs(date(2026, 3, 8))]
    for day in (date(2026, 2, 15), date(2026, 2, 16), date(2026, 3, 7)):
        seen = position(events, of, day)
        assert (seen.overdue_days, seen.penalty, seen.interest_accrued) == (5, tenge("3093.00"), tenge(600))
    after = position(events, of, date(2026, 3, 8))
    assert (after.overdue_days, after.penalty, after.interest_accrued) == (6, tenge("3711.60"), tenge(720))
    # ninety days late are reached twenty days later: on 31 May instead of 11 May
    assert position(events, of, date(2026, 5, 31)).overdue_days == 90
    assert position(events, of, date(2026, 5, 31)).interest_accrued == tenge(10_800)
    assert position(events, of, date(2026, 6, 1)).interest_accrued == tenge(10_800)


def test_where_interest_had_stopped_already_nothing_is_withheld_or_charged_later() -> None:
    of = terms(periods=1)
    events = [lent(of), stands(date(2026, 6, 1)), runs(date(2026, 7, 1), later=True)]
    seen = position(events, of, date(2026, 7, 2))
    assert (seen.interest_accrued, seen.interest_suspended) == (tenge(10_800), NOTHING)
    assert position(events[:2], of, date(2026, 6, 30)).interest_suspended == NOTHING


def test_a_payment_inside_lowers_what_is_withheld_and_is_charged_later() -> None:
    """Ten nights: five on 120 000.00 and, after 20 000.00 were repaid, five on 100 000.00."""
    early = paid("p", date(2026, 1, 24), 21_080, use="shorter_term")
    events = [lent(), stands(date(2026, 1, 20)), early, runs(date(2026, 1, 30))]
    seen = position(events, terms(), date(2026, 1, 30))
    assert (seen.principal, seen.interest_charged) == (tenge(100_000), tenge(1_080))
    assert (seen.interest_suspended, seen.interest_accrued) == (tenge(1_100), tenge(100))
    later = [*events[:3], runs(date(2026, 1, 30), later=True)]
    assert position(later, terms(), date(2026, 1, 30)).interest_accrued == tenge(1_200)


def test_interest_paid_inside_is_not_charged_a_second_time() -> None:
    events = [lent(), stands(date(2026, 1, 20)), paid("p", date(2026, 1, 24), 500, use="shorter_term")]
    events.append(runs(date(2026, 1, 30), later=True))
    seen = position(events, terms(), date(2026, 1, 30))
    assert (seen.interest_charged, seen.interest_accrued) == (tenge(500), tenge(1_900))  # twenty nights less 500.00


def test_suspended_and_resumed_on_one_day_costs_nothing_and_saves_nothing() -> None:
    day = date(2026, 1, 20)
    events = [lent(), runs(day), stands(day)]
    for on in (day, day + A_DAY, date(2026, 5, 5)):
        assert position(events, terms(), on) == position([lent()], terms(), on)


def test_a_second_suspension_or_resumption_changes_nothing() -> None:
    twice = [lent(), stands(date(2026, 1, 20)), stands(date(2026, 1, 25), "s2"), runs(date(2026, 1, 30))]
    twice.append(runs(date(2026, 2, 3), "r2", later=True))
    once = [lent(), stands(date(2026, 1, 20)), runs(date(2026, 1, 30))]
    assert position(twice, terms(), date(2026, 2, 5)) == position(once, terms(), date(2026, 2, 5))


def test_resumed_and_suspended_again_on_one_day_it_stands_still_without_a_break() -> None:
    day = date(2026, 1, 25)
    events = [lent(), stands(date(2026, 1, 20)), stands(day, "s2"), runs(day), runs(date(2026, 1, 30), "r2")]
    whole = [lent(), stands(date(2026, 1, 20)), runs(date(2026, 1, 30))]
    assert position(events, terms(), date(2026, 1, 29)).suspended
    assert position(events, terms(), date(2026, 2, 5)) == position(whole, terms(), date(2026, 2, 5))


def test_suspended_from_the_day_the_money_left() -> None:
    seen = position([lent(), stands(date(2026, 1, 10))], terms(), date(2026, 1, 30))
    assert (seen.interest_accrued, seen.interest_suspended, seen.suspended) == (NOTHING, tenge(2_400), True)


def test_a_closed_loan_is_not_suspended() -> None:
    events = [lent(), paid("p", date(2026, 1, 20), 121_200), stands(date(2026, 1, 25))]
    assert not position(events, terms(), date(2026, 1, 26)).suspended
    ended = [
        lent(),
        stands(date(2026, 1, 20)),
        paid("p", date(2026, 1, 24), 121_080),
        runs(date(2026, 1, 30), later=True),
    ]
    seen = position(ended, terms(), date(2026, 2, 1))
    assert (seen.closed, seen.suspended, seen.total_to_close) == (True, False, NOTHING)
    assert seen.interest_suspended == tenge(600)  # never charged: the loan had ended
