"""A payment day that is a day off: not late before the last day to pay, and interest knows nothing of it if it is used.

The plain loan of tests/support/loans.py, its fourth bill: 10 000.00 and 30 nights of 90.00.
"""

from __future__ import annotations

from datetime import date

from rules.loan import Suspended, position, upcoming
from rules.money import Money
from rules.schedule import OffDays
from tests.support.loans import known, lent, paid, tenge, terms

NOTHING = Money(0)


class TestAPaymentDayThatIsADayOff:
    """10 May 2026 is a Sunday, the 11th is off for the 9th: paid by the 12th. Interest knows nothing of it."""

    of = terms(off_days=OffDays.NEXT_WORKING_DAY)
    before = (
        lent(),
        paid("1", date(2026, 2, 10), 13_720),
        paid("2", date(2026, 3, 10), 13_080),
        paid("3", date(2026, 4, 10), 13_100),
    )

    def test_it_is_not_late_before_its_last_day(self) -> None:
        on_time = position(self.before, self.of, date(2026, 5, 12))
        assert (on_time.principal_due, on_time.interest_due) == (tenge(10_000), tenge(2_700))
        assert (on_time.overdue_days, on_time.overdue_amount, on_time.penalty) == (0, NOTHING, NOTHING)
        late = position(self.before, self.of, date(2026, 5, 13))
        assert (late.overdue_days, late.overdue_amount, late.penalty) == (1, tenge(12_700), tenge("63.50"))

    def test_paid_by_then_it_costs_no_interest(self) -> None:
        events = [*self.before, paid("4", date(2026, 5, 12), 12_700)]
        assert position(events, self.of, date(2026, 6, 10)).interest_due == tenge(2_480)  # 31 nights on 80 000.00

    def test_a_part_paid_by_then_costs_interest_on_the_rest(self) -> None:
        events = [*self.before, paid("4", date(2026, 5, 11), 4_000), paid("5", date(2026, 5, 14), 9_000)]
        # from 10 May: 86 000.00 for four nights, 80 000.00 for 27; penalty 43.50 for each of two nights
        seen = position(events, self.of, date(2026, 6, 10))
        assert seen.interest_due == tenge(344 + 2_160)
        assert seen.penalty_charged == tenge(87)

    def test_paid_later_it_bears_interest_from_the_due_date_on(self) -> None:
        assert position(self.before, self.of, date(2026, 5, 12)).interest_accrued == tenge(160)
        assert position(self.before, self.of, date(2026, 5, 13)).interest_accrued == tenge(270)
        events = [*self.before, paid("4", date(2026, 5, 13), 12_700)]
        assert position(events, self.of, date(2026, 6, 10)).interest_due == tenge(270 + 2_240)

    def test_the_last_day_to_pay_is_told_beforehand(self) -> None:
        row = upcoming(self.before, self.of, date(2026, 4, 10))[0]
        assert (row.due, row.pay_by) == (date(2026, 5, 10), date(2026, 5, 12))

    def test_suspended_nights_behind_the_due_date_stay_free_though_the_day_passes_unused(self) -> None:
        """Suspended from the 12th: of the bill's 10 000.00 only the night to the 11th counts, and only afterwards."""
        stands = Suspended(key="s", value_date=date(2026, 5, 12), known_at=known(date(2026, 5, 12)))
        assert position([*self.before, stands], self.of, date(2026, 5, 12)).interest_accrued == tenge(80)
        assert position([*self.before, stands], self.of, date(2026, 5, 20)).interest_accrued == tenge(90)
