"""Another due date, another plan, and debt that is given up. The plain loan of tests/support/loans.py, by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from rules.errors import Conflict, InvalidInput
from rules.loan import DueMoved, Refunded, Restructured, Suspended, WrittenOff, divisions, position, upcoming
from rules.loan_books import balances
from rules.money import Money
from rules.schedule import DayCount, Method, OffDays
from tests.support.loans import A_DAY, DUES, known, lent, paid, tenge, terms

NOTHING = Money(0)


class TestDueMoved:
    def moved(self, due: date, to: date, day: date = date(2026, 2, 1), **more: Any) -> DueMoved:
        return DueMoved(key=f"m{due}", value_date=day, known_at=known(day), due=due, to=to, **more)

    def test_interest_of_the_longer_period_grows_and_that_of_the_next_one_shrinks(self) -> None:
        events = [lent(), self.moved(DUES[0], date(2026, 2, 20))]
        assert position(events, terms(), date(2026, 2, 19)).interest_due == NOTHING
        seen = position(events, terms(), date(2026, 2, 20))
        assert (seen.principal_due, seen.interest_due, seen.overdue_days) == (tenge(10_000), tenge(4_920), 0)
        assert position(events, terms(), date(2026, 2, 21)).overdue_days == 1
        on_time = [*events, paid("p", date(2026, 2, 20), 14_920)]
        assert position(on_time, terms(), DUES[1]).interest_due == tenge(1_980)  # 18 nights on 110 000.00

    def test_the_later_ones_move_by_as_many_days(self) -> None:
        events = [lent(), self.moved(DUES[0], date(2026, 2, 20), later_too=True)]
        dues = [row.due for row in upcoming(events, terms(), date(2026, 2, 1))]
        assert dues[:4] == [date(2026, 2, 20), date(2026, 3, 20), date(2026, 4, 20), date(2026, 5, 20)]

    def test_one_of_them_alone_leaves_the_others(self) -> None:
        events = [lent(), self.moved(DUES[1], date(2026, 3, 20))]
        dues = [row.due for row in upcoming(events, terms(), date(2026, 2, 1))]
        assert dues[:3] == [DUES[0], date(2026, 3, 20), DUES[2]]

    def test_it_can_be_agreed_on_the_due_day_itself_and_not_after(self) -> None:
        on_the_day = [lent(), self.moved(DUES[0], date(2026, 2, 20), DUES[0])]
        assert position(on_the_day, terms(), DUES[0]).principal_due == NOTHING
        after = [lent(), self.moved(DUES[0], date(2026, 2, 20), DUES[0] + A_DAY)]
        assert position(after, terms(), date(2026, 2, 20)).overdue_days == 10

    def test_behind_a_later_one_it_falls_due_after_it(self) -> None:
        events = [lent(), self.moved(DUES[0], date(2026, 3, 15))]
        rows = upcoming(events, terms(), date(2026, 2, 1))
        assert [(row.n, row.due) for row in rows[:3]] == [(2, DUES[1]), (1, date(2026, 3, 15)), (3, DUES[2])]
        assert rows[1].days == 5
        assert Money.total(row.principal for row in rows) == tenge(120_000)

    def test_never_into_the_past(self) -> None:
        events = [lent(), self.moved(DUES[0], date(2026, 1, 20))]
        assert position(events, terms(), date(2026, 2, 1)).interest_due == tenge(22 * 120)
        assert position(events, terms(), date(2026, 2, 2)).overdue_days == 1

    def test_a_day_off_moves_the_last_day_to_pay(self) -> None:
        of = terms(off_days=OffDays.NEXT_WORKING_DAY)
        events = [lent(of), self.moved(DUES[0], date(2026, 2, 22))]  # a Sunday
        row = upcoming(events, of, date(2026, 2, 1))[0]
        assert (row.due, row.pay_by) == (date(2026, 2, 22), date(2026, 2, 23))

    def test_under_thirty_days_a_month_the_days_left_over_count_as_they_are(self) -> None:
        of = terms(day_count=DayCount.THIRTY_360, rate_percent_per_year=Decimal(36))
        events = [lent(of), self.moved(DUES[0], date(2026, 2, 20))]
        assert position(events, of, date(2026, 2, 20)).interest_due == tenge(4_800)  # 36 % x 40/360
        assert upcoming(events, of, date(2026, 2, 1))[1].interest == tenge(1_980)  # 36 % x 18/360 of 110 000.00

    def test_a_date_that_is_not_there_changes_nothing(self) -> None:
        events = [lent(), self.moved(date(2026, 2, 11), date(2026, 2, 20))]
        assert position(events, terms(), DUES[2]) == position([lent()], terms(), DUES[2])

    def test_it_can_move_twice(self) -> None:
        again = self.moved(date(2026, 2, 20), date(2026, 2, 25), date(2026, 2, 19))
        events = [lent(), self.moved(DUES[0], date(2026, 2, 20)), again]
        assert upcoming(events, terms(), date(2026, 2, 19))[0].due == date(2026, 2, 25)


class TestRestructured:
    """On 20 March: 20 000.00 and 7 080.00 late, ten nights of 120.00 run, 3 274.80 of penalty."""

    day = date(2026, 3, 20)

    def new(self, **changes: Any) -> Restructured:
        plain: dict[str, Any] = {
            "key": "new", "value_date": self.day, "known_at": known(self.day), "rate_percent_per_year": Decimal(0),
            "periods": 4, "first_due": date(2026, 4, 20),
        }  # fmt: skip
        return Restructured.model_validate(plain | changes)

    def test_all_principal_goes_into_the_new_plan_and_nothing_is_overdue(self) -> None:
        seen = position([lent(), self.new()], terms(), self.day)
        assert (seen.principal, seen.principal_due, seen.interest_due) == (tenge(120_000), NOTHING, NOTHING)
        assert (seen.overdue_days, seen.overdue_amount, seen.penalty) == (0, NOTHING, tenge("3274.80"))
        assert (seen.interest_accrued, seen.total_to_close) == (tenge(8_280), tenge("131554.80"))
        assert (seen.next_due, seen.next_payment) == (date(2026, 4, 20), tenge(38_280))

    def test_interest_due_and_run_falls_due_with_the_first_instalment_and_bears_none(self) -> None:
        events = [lent(), self.new(rate_percent_per_year=Decimal("18.25"))]  # 60.00 a night
        rows = upcoming(events, terms(), self.day)
        assert rows[0].interest == tenge(8_280 + 31 * 60)
        assert rows[1].interest < tenge(31 * 60)
        later = position(events, terms(), date(2026, 4, 20))
        assert (later.interest_due, later.penalty) == (tenge(10_140), tenge("3274.80"))

    def test_the_books_keep_the_interest_that_was_charged(self) -> None:
        assert balances([lent(), self.new()], terms(), self.day) == {
            "cash:bank": tenge(-120_000),
            "loans:principal": tenge(120_000),
            "loans:interest": tenge(8_280),
            "loans:penalty": tenge("3274.80"),
            "income:interest": tenge(-8_280),
            "income:penalty": tenge("-3274.80"),
        }

    @pytest.mark.parametrize(
        ("method", "parts"),
        [("annuity", [30_000] * 4), ("differentiated", [30_000] * 4), ("bullet", [0, 0, 0, 120_000])],
    )
    def test_by_each_method(self, method: str, parts: list[int]) -> None:
        rows = upcoming([lent(), self.new(method=method)], terms(), self.day)
        assert [row.principal for row in rows] == [tenge(part) for part in parts]

    def test_with_interest_alone_first(self) -> None:
        new = self.new(method="own", interest_only_months=2, rate_percent_per_year=Decimal(12))
        rows = upcoming([lent(), new], terms(), self.day)
        assert [row.principal == NOTHING for row in rows] == [True, True, False, False]

    def test_a_payment_before_the_first_instalment_pays_the_penalty_and_waits(self) -> None:
        events = [lent(), self.new(), paid("p", date(2026, 4, 1), 10_000)]
        seen = position(events, terms(), date(2026, 4, 1))
        assert (seen.penalty, seen.advance) == (NOTHING, tenge("6725.20"))

    def test_an_early_repayment_pays_the_carried_interest_first(self) -> None:
        early = paid("p", date(2026, 4, 1), "21554.80", use="smaller_instalment")
        seen = position([lent(), self.new(), early], terms(), date(2026, 4, 1))
        assert (seen.penalty, seen.interest_accrued, seen.principal) == (NOTHING, NOTHING, tenge(110_000))
        assert seen.next_payment == tenge(27_500)

    def test_what_was_repaid_before_does_not_come_back(self) -> None:
        events = [lent(), paid("p", DUES[0], 13_720), self.new()]
        assert Money.total(row.principal for row in upcoming(events, terms(), self.day)) == tenge(110_000)

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"method": "gift"}, "method-unknown"),
            ({"periods": 0}, "term-too-short"),
            ({"first_due": date(2026, 3, 20)}, "first-due-too-early"),
            ({"rate_percent_per_year": Decimal(-1)}, "rate-negative"),
        ],
    )
    def test_terms_that_cannot_be_are_refused(self, changes: dict[str, Any], code: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            position([lent(), self.new(**changes)], terms(), self.day)
        assert refused.value.code == code

    def test_a_loan_that_has_ended_stays_so(self) -> None:
        events = [lent(), paid("p", date(2026, 1, 20), 121_200), self.new()]
        assert position(events, terms(), self.day).closed

    def test_where_only_interest_is_left_it_falls_due_with_the_first_instalment(self) -> None:
        of = terms(periods=1)
        events = [lent(of), paid("p", DUES[0], 120_000), self.new(first_due=date(2026, 4, 20))]
        seen = position(events, of, date(2026, 4, 20))
        assert (seen.principal, seen.interest_due) == (NOTHING, tenge(3_720))


class TestWrittenOff:
    """The bill of February was paid. On 20 March 13 080.00 are ten days late: 654.00; ten nights of 110.00 have run."""

    day = date(2026, 3, 20)
    before = (lent(), paid("p", DUES[0], 13_720))
    debt = tenge(110_000 + 3_080 + 1_100 + 654)

    def off(self, ground: str = "court_verdict", **more: Any) -> WrittenOff:
        return WrittenOff(key="off", value_date=self.day, known_at=known(self.day), ground=ground, **more)

    @pytest.mark.parametrize("ground", ["court_verdict", "lender_breach", "ombudsman"])
    def test_nothing_is_owed_any_more(self, ground: str) -> None:
        assert position(self.before, terms(), self.day).total_to_close == self.debt
        seen = position([*self.before, self.off(ground)], terms(), self.day + 99 * A_DAY)
        assert (seen.closed, seen.principal, seen.interest_due, seen.penalty) == (True, NOTHING, NOTHING, NOTHING)
        assert (seen.total_to_close, seen.written_off, seen.overpaid) == (NOTHING, self.debt, NOTHING)
        assert (seen.overdue_days, seen.next_due) == (0, None)

    def test_an_unknown_ground_is_refused(self) -> None:
        with pytest.raises(InvalidInput) as refused:
            position([*self.before, self.off("mercy")], terms(), self.day)
        assert refused.value.code == "write-off-ground-unknown"

    def test_all_that_was_paid_goes_back(self) -> None:
        events = [*self.before, self.off(return_paid=True)]
        seen = position(events, terms(), self.day)
        assert (seen.overpaid, seen.written_off) == (tenge(13_720), self.debt + tenge(13_720))
        assert divisions(events, terms(), self.day)[0].overpaid == tenge(13_720)
        assert balances(events, terms(), self.day) == {
            "cash:bank": tenge(-106_280),
            "clients:advances": tenge(-13_720),
            "income:interest": tenge(-7_900),
            "income:penalty": tenge(-654),
            "losses:written-off": tenge(128_554),
        }
        back = Refunded(key="r", value_date=self.day, known_at=known(self.day), amount=tenge(13_720))
        after = position([*events, back], terms(), self.day)
        assert (after.overpaid, after.refunded) == (NOTHING, tenge(13_720))

    def test_money_that_waited_is_owed_to_the_client(self) -> None:
        events = [
            lent(),
            paid("p", date(2026, 1, 20), 5_000),
            self.off().model_copy(update={"value_date": DUES[0] - A_DAY}),
        ]
        seen = position(events, terms(), DUES[0])
        assert (seen.overpaid, seen.advance, seen.written_off) == (tenge(5_000), NOTHING, tenge(120_000 + 30 * 120))

    def test_a_loan_that_was_repaid_gives_all_back_too(self) -> None:
        events = [lent(), paid("p", date(2026, 1, 20), 122_000), self.off(return_paid=True)]
        back = Refunded(key="r", value_date=date(2026, 1, 25), known_at=known(self.day), amount=tenge(800))
        seen = position([*events, back], terms(), self.day)
        assert (seen.overpaid, seen.written_off) == (tenge(121_200), tenge(121_200))

    def test_a_payment_of_that_day_counts_before_and_a_later_one_is_owed_to_the_client(self) -> None:
        same_day = paid("a", self.day, 13_080)
        seen = position([*self.before, self.off(), same_day], terms(), self.day)
        assert (seen.written_off, seen.overpaid) == (self.debt - tenge(13_080), NOTHING)
        later = paid("b", self.day + A_DAY, 500)
        assert position([*self.before, self.off(), later], terms(), self.day + A_DAY).overpaid == tenge(500)

    def test_it_ends_a_suspension(self) -> None:
        stands = Suspended(key="s", value_date=date(2026, 3, 15), known_at=known(self.day))
        seen = position([*self.before, stands, self.off()], terms(), self.day)
        assert (seen.suspended, seen.closed, seen.interest_suspended) == (False, True, tenge(6 * 110))
        assert seen.written_off == tenge(110_000 + 3_080 + 440) + tenge("261.60")  # four nights of each


def test_money_leaves_once() -> None:
    again = lent().model_copy(update={"key": "again"})
    with pytest.raises(Conflict) as refused:
        position([lent(), again], terms(), DUES[0])
    assert refused.value.code == "loan-disbursed-twice"
    with pytest.raises(Conflict) as refused:
        position([lent(day=date(2026, 1, 20)), paid("p", date(2026, 1, 15), 1)], terms(), DUES[0])
    assert refused.value.code == "loan-not-disbursed"


@pytest.mark.parametrize("method", Method)
def test_a_loan_that_left_after_its_first_due_date_owes_that_part_at_once(method: Method) -> None:
    of = terms(method=method, interest_only_months=1)
    seen = position([lent(of, date(2026, 2, 12))], of, date(2026, 2, 12))
    assert (seen.interest_due, seen.interest_accrued) == (NOTHING, NOTHING)
    assert seen.next_due == DUES[1]
