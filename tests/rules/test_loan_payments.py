"""What a payment is spent on: the waterfall, money that waits, early repayment, the end, what is above the debt.

The plain loan of tests/support/loans.py: 120 000.00, a night costs 0.1 %, 10 000.00 of principal on each 10th.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from rules.errors import BusinessError, Conflict, InvalidInput
from rules.loan import Division, Refunded, Use, divisions, position, servicing_rules, upcoming
from rules.loan_books import balances
from rules.money import Money
from rules.schedule import Method
from rules.servicing_rules import ServicingRules
from tests.support.loans import A_DAY, LENT, known, lent, paid, tenge, terms

NOTHING = Money(0)


def split(key: str, **parts: str) -> Division:
    names = ("principal", "interest", "penalty", "waiting", "overpaid")
    return Division(key=key, **{name: Money(parts.get(name, "0.00")) for name in names})


def rules(**changes: Any) -> ServicingRules:
    return servicing_rules(LENT).model_copy(update=changes)


class TestTheWaterfall:
    """On 20 March two bills are late: 10 000.00 + 3 720.00 of February, 10 000.00 + 3 360.00 of March.

    Penalty 0.5 %: 28 nights on 13 720.00 = 1 920.80, 10 nights on 27 080.00 = 1 354.00.
    """

    day = date(2026, 3, 20)

    def test_the_debt_before_the_payment(self) -> None:
        seen = position([lent()], terms(), self.day)
        assert (seen.overdue_principal, seen.overdue_interest) == (tenge(20_000), tenge(7_080))
        assert (seen.penalty, seen.overdue_days) == (tenge("3274.80"), 38)
        assert seen.interest_accrued == tenge(1_200)
        assert seen.total_to_close == tenge("131554.80")

    def test_overdue_principal_then_overdue_interest_oldest_first_then_penalty(self) -> None:
        events = [lent(), paid("p", self.day, 25_000)]
        seen = position(events, terms(), self.day)
        assert (seen.principal, seen.interest_due, seen.penalty) == (tenge(100_000), tenge(2_080), tenge("3274.80"))
        assert seen.overdue_days == 10  # the bill of February is paid, that of March is not
        assert divisions(events, terms(), self.day) == (split("p", principal="20000.00", interest="5000.00"),)

    def test_another_order_by_name(self) -> None:
        """Contracts of 2018: costs, penalty, overdue interest, interest, principal."""
        order = ("costs", "penalty", "overdue_interest", "overdue_principal", "interest", "principal")
        events, by = [lent(), paid("p", self.day, 25_000)], rules(allocation=order)
        seen = position(events, terms(), self.day, rules=by)
        assert (seen.penalty, seen.overdue_interest, seen.overdue_principal) == (NOTHING, NOTHING, tenge("5354.80"))
        assert divisions(events, terms(), self.day, rules=by) == (
            split("p", principal="14645.20", interest="7080.00", penalty="3274.80"),
        )

    def test_what_is_due_today_comes_after_the_penalty(self) -> None:
        """On 10 March the bill of February is late, that of March is due: 28 nights on 13 720.00 = 1 920.80."""
        events = [lent(), paid("p", date(2026, 3, 10), "25640.80")]
        assert divisions(events, terms(), date(2026, 3, 10)) == (
            split("p", principal="20000.00", interest="3720.00", penalty="1920.80"),
        )

    def test_principal_due_today_comes_before_interest_due_today(self) -> None:
        seen = position([lent(), paid("p", date(2026, 2, 10), 10_100)], terms(), date(2026, 2, 10))
        assert (seen.principal, seen.principal_due, seen.interest_due) == (tenge(110_000), NOTHING, tenge(3_620))
        assert (seen.overdue_days, seen.overdue_amount) == (0, NOTHING)

    @pytest.mark.parametrize(
        ("names", "code"),
        [
            ("overdue_principal,overdue_interest,penalty,principal,interest,gifts", "allocation-unknown"),
            ("overdue_principal,overdue_interest,principal,interest", "allocation-incomplete"),
            ("penalty,penalty,overdue_principal,overdue_interest,principal,interest", "allocation-incomplete"),
        ],
    )
    def test_a_wrong_order_is_refused(self, names: str, code: str) -> None:
        given = rules().model_dump() | {"allocation": names.split(",")}
        with pytest.raises(InvalidInput) as refused:
            ServicingRules.model_validate(given)
        assert refused.value.code == code


class TestMoneyThatWaits:
    events = (lent(), paid("a", date(2026, 2, 1), 5_000), paid("b", date(2026, 2, 5), 10_000))

    def test_it_waits_for_the_due_date_and_bears_interest_till_then(self) -> None:
        seen = position(self.events, terms(), date(2026, 2, 9))
        assert (seen.principal, seen.advance, seen.next_payment) == (tenge(120_000), tenge(15_000), NOTHING)
        assert seen.interest_accrued == tenge(3_600)
        assert divisions(self.events, terms(), date(2026, 2, 9)) == (
            split("a", waiting="5000.00"),
            split("b", waiting="10000.00"),
        )

    def test_it_is_spent_first_in_first_out(self) -> None:
        assert divisions(self.events, terms(), date(2026, 2, 10)) == (
            split("a", principal="5000.00"),
            split("b", principal="5000.00", interest="3720.00", waiting="1280.00"),
        )

    def test_the_next_payment_is_less_by_it(self) -> None:
        seen = position(self.events, terms(), date(2026, 2, 10))
        assert seen.next_payment == tenge(13_080 - 1_280)  # 10 000.00 + 28 nights on 110 000.00

    def test_it_repays_the_loan_on_the_day_when_it_suffices(self) -> None:
        """121 200.00 on the tenth night; a tiyn less waits."""
        day = date(2026, 1, 20)
        assert position([lent()], terms(), day).total_to_close == tenge(121_200)
        assert position([lent(), paid("p", day, "121199.99")], terms(), day).advance == tenge("121199.99")
        events = [lent(), paid("p", day, 122_000)]
        seen = position(events, terms(), day)
        assert (seen.closed, seen.principal, seen.overpaid, seen.next_due) == (True, NOTHING, tenge(800), None)
        assert divisions(events, terms(), day) == (
            split("p", principal="120000.00", interest="1200.00", overpaid="800.00"),
        )


class TestEarlyRepayment:
    day = date(2026, 1, 20)  # ten nights: 1 200.00

    def test_smaller_instalment_pays_interest_up_to_the_day_and_divides_the_rest_anew(self) -> None:
        events = [lent(), paid("p", self.day, 21_200, use=Use.SMALLER_INSTALMENT)]
        seen = position(events, terms(), self.day)
        assert (seen.principal, seen.interest_accrued, seen.advance) == (tenge(100_000), NOTHING, NOTHING)
        assert (seen.interest_charged, seen.total_to_close) == (tenge(1_200), tenge(100_000))
        rows = upcoming(events, terms(), self.day)
        assert [row.due for row in rows] == [row.due for row in upcoming([lent()], terms(), self.day)]
        assert (rows[0].interest, rows[0].principal) == (tenge(2_100), tenge("8333.33"))  # 21 nights on 100 000.00
        assert (rows[-1].principal, len(rows)) == (tenge("8333.37"), 12)

    def test_shorter_term_keeps_the_parts_and_ends_earlier(self) -> None:
        events = [lent(), paid("p", self.day, 21_200, use=Use.SHORTER_TERM)]
        rows = upcoming(events, terms(), self.day)
        assert {row.principal for row in rows} == {tenge(10_000)}
        assert (len(rows), rows[-1].due) == (10, date(2026, 11, 10))

    def test_an_annuity_keeps_its_instalment_or_its_dates(self) -> None:
        of = terms(method=Method.ANNUITY)
        level = upcoming([lent(of)], of, self.day)[0].payment
        shorter = upcoming([lent(of), paid("p", self.day, 41_200, use=Use.SHORTER_TERM)], of, self.day)
        assert {row.payment for row in shorter[:-1]} == {level}
        assert NOTHING < shorter[-1].payment <= level
        assert len(shorter) < 12
        smaller = upcoming([lent(of), paid("p", self.day, 41_200, use=Use.SMALLER_INSTALMENT)], of, self.day)
        assert len(smaller) == 12
        assert len({row.payment for row in smaller[:-1]}) == 1
        assert smaller[0].payment < level

    def test_an_annuity_without_interest_by_hand(self) -> None:
        of = terms(method=Method.ANNUITY, rate_percent_per_year=Decimal(0))
        shorter = upcoming([lent(of), paid("p", self.day, 25_000, use=Use.SHORTER_TERM)], of, self.day)
        assert [row.payment for row in shorter] == [tenge(10_000)] * 9 + [tenge(5_000)]
        smaller = upcoming([lent(of), paid("p", self.day, 25_000, use=Use.SMALLER_INSTALMENT)], of, self.day)
        assert [row.payment for row in smaller] == [tenge("7916.67")] * 11 + [tenge("7916.63")]

    def test_a_bullet_keeps_all_its_rows_and_the_last_one_shrinks(self) -> None:
        of = terms(method=Method.BULLET)
        rows = upcoming([lent(of), paid("p", self.day, 21_200, use=Use.SHORTER_TERM)], of, self.day)
        assert (len(rows), rows[0].principal, rows[-1].principal) == (12, NOTHING, tenge(100_000))

    def test_money_below_the_interest_of_the_days_pays_a_part_of_it_and_changes_no_plan(self) -> None:
        events = [lent(), paid("p", self.day, 500, use=Use.SMALLER_INSTALMENT)]
        seen = position(events, terms(), self.day)
        assert (seen.principal, seen.interest_accrued, seen.interest_charged) == (
            tenge(120_000),
            tenge(700),
            tenge(500),
        )
        assert position(events, terms(), date(2026, 2, 10)).interest_due == tenge(3_220)
        assert [row.principal for row in upcoming(events, terms(), self.day)] == [tenge(10_000)] * 12

    def test_what_is_late_and_the_penalty_come_first(self) -> None:
        """On 20 February: 13 720.00 late, ten nights of 68.60, ten nights of 120.00, the rest repays principal."""
        day = date(2026, 2, 20)
        events = [lent(), paid("p", day, 13_720 + 686 + 1_100 + 10_000, use=Use.SHORTER_TERM)]
        # the bill's principal bore interest for ten nights too: 1 200.00, so 9 900.00 are left
        assert divisions(events, terms(), day) == (
            split("p", principal="19900.00", interest="4920.00", penalty="686.00"),
        )
        assert position(events, terms(), day).principal == tenge(100_100)

    def test_money_that_waited_goes_on_waiting(self) -> None:
        events = [lent(), paid("a", date(2026, 1, 15), 1_000), paid("b", self.day, 21_200, use=Use.SHORTER_TERM)]
        seen = position(events, terms(), self.day)
        assert (seen.advance, seen.principal) == (tenge(1_000), tenge(100_000))
        assert divisions(events, terms(), self.day) == (
            split("a", waiting="1000.00"),
            split("b", principal="20000.00", interest="1200.00"),
        )

    def test_it_may_repay_the_whole_loan(self) -> None:
        seen = position([lent(), paid("p", self.day, 121_200, use=Use.SHORTER_TERM)], terms(), self.day)
        assert (seen.closed, seen.overpaid) == (True, NOTHING)

    def test_a_debt_too_small_for_the_instalments_left_stays_readable(self) -> None:
        of = terms(method=Method.ANNUITY, rate_percent_per_year=Decimal(0))
        events = [lent(of), paid("p", self.day, "119999.97", use=Use.SMALLER_INSTALMENT)]
        rows = upcoming(events, of, self.day)
        assert Money.total(row.payment for row in rows) == tenge("0.03")
        assert position(events, of, rows[-1].due).principal_due == tenge("0.03")


class TestBehindTheLastDueDate:
    """One instalment of 123 720.00 on 10 February; five nights late cost 600.00 and 3 093.00 of penalty."""

    of = terms(periods=1)
    day = date(2026, 2, 15)

    def test_interest_goes_on_running(self) -> None:
        seen = position([lent()], self.of, self.day)
        assert (seen.interest_accrued, seen.penalty, seen.next_due) == (tenge(600), tenge("3093.00"), None)
        assert seen.total_to_close == tenge("127413.00")

    def test_once_the_bill_is_paid_the_interest_since_falls_due_at_once(self) -> None:
        events = [lent(), paid("p", self.day, 123_720)]
        seen = position(events, self.of, self.day)
        assert (seen.principal, seen.interest_due, seen.interest_accrued) == (NOTHING, tenge(600), NOTHING)
        assert (seen.advance, seen.closed, seen.overdue_days) == (NOTHING, False, 0)
        next_day = position(events, self.of, self.day + A_DAY)
        assert (next_day.overdue_days, next_day.total_to_close) == (1, tenge("3696.00"))  # 600.00 x 0.5 % more

    def test_money_does_not_wait_where_no_due_date_comes(self) -> None:
        events = [lent(), paid("p", self.day, 123_720 + 3_093 + 500)]
        seen = position(events, self.of, self.day)
        assert (seen.interest_due, seen.advance, seen.penalty) == (tenge(100), NOTHING, NOTHING)
        assert divisions(events, self.of, self.day) == (
            split("p", principal="120000.00", interest="4220.00", penalty="3093.00"),
        )


class TestMoneyAboveTheDebt:
    closed = (lent(), paid("p", date(2026, 1, 20), 122_000))

    def refund(self, amount: str, day: date = date(2026, 1, 25)) -> Refunded:
        return Refunded(key="r", value_date=day, known_at=known(day), amount=Money(amount), through="bank")

    def test_a_payment_after_the_end_is_owed_to_the_client(self) -> None:
        events = [*self.closed, paid("q", date(2026, 1, 22), 100)]
        assert position(events, terms(), date(2026, 1, 22)).overpaid == tenge(900)
        assert divisions(events, terms(), date(2026, 1, 22))[1] == split("q", overpaid="100.00")

    def test_it_is_given_back(self) -> None:
        seen = position([*self.closed, self.refund("800.00")], terms(), date(2026, 1, 25))
        assert (seen.overpaid, seen.refunded, seen.paid, seen.closed) == (NOTHING, tenge(800), tenge(122_000), True)

    def test_more_than_is_owed_is_never_given_back(self) -> None:
        with pytest.raises(Conflict) as refused:
            position([*self.closed, self.refund("800.01")], terms(), date(2026, 1, 25))
        assert refused.value.code == "refund-above-overpaid"

    def test_a_refund_of_the_day_of_the_payment_comes_after_it(self) -> None:
        seen = position([self.refund("800.00", date(2026, 1, 20)), *self.closed], terms(), date(2026, 1, 20))
        assert seen.overpaid == NOTHING

    def test_the_books_name_each_cash_account(self) -> None:
        events = [lent(), paid("a", date(2026, 1, 15), 1_000, through="cash-desk"), *self.closed[1:]]
        assert balances(events, terms(), date(2026, 1, 20)) == {
            "cash:bank": tenge(2_000),
            "cash:cash-desk": tenge(1_000),
            "clients:advances": tenge(-1_800),
            "income:interest": tenge(-1_200),
        }


@pytest.mark.parametrize("amount", ["0.00", "-5.00"])
def test_an_amount_must_be_above_zero(amount: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        position([lent(), paid("p", date(2026, 1, 20), amount)], terms(), date(2026, 1, 20))
    assert refused.value.code == "amount-not-positive"


@pytest.mark.parametrize("on", [date(2026, 1, 9), date(2025, 1, 1)])
def test_there_is_no_debt_before_the_money_left(on: date) -> None:
    for ask in (position, upcoming, divisions, balances):
        with pytest.raises(BusinessError) as refused:
            ask([lent()], terms(), on)
        assert refused.value.code == "loan-not-disbursed"
