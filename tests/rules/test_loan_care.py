"""When a running loan needs something next, on both sides of each border."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from rules.errors import Conflict, InvalidInput
from rules.loan import position
from rules.loan_care import arrears, ended_on, month_of, next_look
from rules.loan_events import Corrected, Disbursed, LoanEvent, Paid, Resumed, Suspended, WrittenOff
from rules.money import Money
from rules.policy import policy
from rules.restructuring import NewTerms, answer_due, check_may_ask, check_terms, rate_of, restructured
from rules.schedule import LoanTerms, Method, instalments

LENT = date(2026, 1, 15)
TERMS = LoanTerms(
    principal=Money(150_000),
    rate_percent_per_year=Decimal("36.5"),
    periods=6,
    method=Method.ANNUITY,
    disbursed=LENT,
    first_due=date(2026, 2, 15),
)
ROWS = tuple(instalments(TERMS))
DUE = ROWS[0].due
RULES = policy(DUE)
NOON = datetime(2026, 1, 15, 7, tzinfo=UTC)
A_DAY = timedelta(days=1)


def paid(on: date, amount: Money, key: str | None = None) -> Paid:
    return Paid(key=key or f"paid:{on}", value_date=on, known_at=NOON, amount=amount)


def loan(*events: LoanEvent) -> list[LoanEvent]:
    return [Disbursed(key="disbursed", value_date=LENT, known_at=NOON, amount=TERMS.principal), *events]


class TestArrears:
    def test_they_begin_on_the_day_after_the_due_date(self) -> None:
        assert arrears(loan(), TERMS, DUE, RULES) is None
        late = arrears(loan(), TERMS, DUE + A_DAY, RULES)
        assert late is not None
        assert late.since == DUE + A_DAY

    def test_the_notice_goes_out_after_the_grace_and_is_due_on_the_tenth_day(self) -> None:
        late = arrears(loan(), TERMS, DUE + A_DAY, RULES)
        assert late is not None
        assert late.notice_from == late.since + RULES.whole("arrears-notice-grace-days") * A_DAY
        assert late.notice_due == DUE + 10 * A_DAY
        assert position(loan(), TERMS, late.notice_due).overdue_days == 10

    def test_paying_the_oldest_instalment_alone_ends_no_arrears(self) -> None:
        on = ROWS[1].due + 3 * A_DAY
        events = loan(paid(on, ROWS[0].payment + ROWS[1].principal))  # principal of both goes first
        late = arrears(events, TERMS, on, RULES)
        assert position(events, TERMS, on).overdue_days < 30
        assert late is not None
        assert late.since == DUE + A_DAY

    def test_arrears_after_a_time_without_any_are_another_episode(self) -> None:
        caught_up = paid(DUE + 5 * A_DAY, ROWS[0].payment + Money(10_000))
        late = arrears(loan(caught_up), TERMS, ROWS[1].due + 4 * A_DAY, RULES)
        assert late is not None
        assert late.since == ROWS[1].due + A_DAY

    def test_a_suspended_loan_has_none_to_tell_of(self) -> None:
        stopped = Suspended(key="s", value_date=DUE + 3 * A_DAY, known_at=NOON)
        assert arrears(loan(stopped), TERMS, DUE + 2 * A_DAY, RULES) is not None
        assert arrears(loan(stopped), TERMS, DUE + 3 * A_DAY, RULES) is None

    def test_suspended_days_are_not_counted_against_the_lender(self) -> None:
        stopped = Suspended(key="s", value_date=DUE + 3 * A_DAY, known_at=NOON)
        going_on = Resumed(key="r", value_date=DUE + 8 * A_DAY, known_at=NOON)
        late = arrears(loan(stopped, going_on), TERMS, DUE + 9 * A_DAY, RULES)
        assert late is not None
        assert late.since == DUE + A_DAY
        assert late.notice_due == DUE + 15 * A_DAY


class TestNextLook:
    def look(self, on: date, *events: LoanEvent, told: bool = False) -> date:
        late = arrears(loan(*events), TERMS, on, RULES)
        _, bureau = month_of(LENT, on, 1)
        return next_look(position(loan(*events), TERMS, on), late, told=told, bureau=bureau)

    def test_a_new_loan_is_looked_at_on_its_monthly_day(self) -> None:
        assert self.look(LENT) == date(2026, 2, 15)

    def test_a_due_date_is_over_when_its_day_has_ended(self) -> None:
        assert self.look(DUE) == DUE + A_DAY

    def test_arrears_are_looked_at_when_their_notice_goes_out(self) -> None:
        assert self.look(DUE + A_DAY) == DUE + 2 * A_DAY

    def test_told_arrears_wait_for_the_month(self) -> None:
        assert self.look(DUE + 2 * A_DAY, told=True) == date(2026, 3, 15)

    def test_an_untold_notice_is_looked_at_every_day(self) -> None:
        assert self.look(DUE + 20 * A_DAY) == DUE + 21 * A_DAY

    @pytest.mark.parametrize("days", range(0, 200, 3))
    def test_the_next_look_lies_ahead(self, days: int) -> None:
        on = LENT + days * A_DAY
        assert on < self.look(on, told=True) <= on + 31 * A_DAY


@pytest.mark.parametrize(
    ("on", "last", "following"),
    [
        (date(2026, 1, 31), None, date(2026, 2, 28)),
        (date(2026, 2, 27), None, date(2026, 2, 28)),
        (date(2026, 2, 28), date(2026, 2, 28), date(2026, 3, 31)),
        (date(2027, 1, 31), date(2027, 1, 31), date(2027, 2, 28)),
    ],
)
def test_the_bureau_hears_of_a_loan_once_a_month(on: date, last: date | None, following: date) -> None:
    assert month_of(date(2026, 1, 31), on, 1) == (last, following)


class TestEnd:
    def test_a_loan_in_debt_has_not_ended(self) -> None:
        assert ended_on(loan(), TERMS, DUE) is None

    def test_it_ends_on_the_day_of_the_last_payment_however_late_it_is_asked(self) -> None:
        events = loan(*(paid(row.due, row.payment) for row in ROWS))
        last = ROWS[-1].due
        assert ended_on(events, TERMS, last - A_DAY) is None
        assert ended_on(events, TERMS, last) == last
        assert ended_on(events, TERMS, last + 400 * A_DAY) == last

    def test_more_money_later_does_not_move_the_end(self) -> None:
        events = loan(paid(LENT + A_DAY, Money(200_000)), paid(DUE, Money(100), "again"))
        assert ended_on(events, TERMS, DUE + A_DAY) == LENT + A_DAY

    def test_a_payment_that_was_none_takes_the_end_back(self) -> None:
        whole = paid(LENT + A_DAY, Money(200_000), "whole")
        wrong = Corrected(key="c", value_date=LENT + A_DAY, known_at=NOON, wrong="whole", reason="bounced")
        assert ended_on(loan(whole, wrong), TERMS, DUE) is None

    def test_a_written_off_debt_has_ended(self) -> None:
        gone = WrittenOff(key="w", value_date=DUE, known_at=NOON, ground="court_verdict")
        assert ended_on(loan(gone), TERMS, DUE + A_DAY) == DUE


class TestRestructuring:
    LATE = arrears(loan(), TERMS, DUE + A_DAY, RULES)

    def test_the_borrower_may_ask_for_thirty_days(self) -> None:
        assert self.LATE is not None
        last = self.LATE.since + 30 * A_DAY
        assert check_may_ask(self.LATE, last, RULES) is self.LATE
        with pytest.raises(Conflict, match="restructuring-request-late"):
            check_may_ask(self.LATE, last + A_DAY, RULES)

    def test_who_pays_in_time_has_nothing_to_ask(self) -> None:
        with pytest.raises(Conflict, match="not-in-arrears"):
            check_may_ask(None, DUE, RULES)

    def test_the_answer_is_due_on_the_fifteenth_day_after_the_request(self) -> None:
        assert answer_due(date(2026, 3, 1), RULES) == date(2026, 3, 16)

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"rate_percent_per_year": Decimal("36.51")}, "rate-above-contract"),
            ({"rate_percent_per_year": Decimal("-0.01")}, "rate-above-contract"),
            ({"periods": 0}, "term-too-short"),
            ({"periods": 121}, "term-outside-product"),
            ({"interest_only_months": 6}, "interest-only-too-long"),
            ({"first_due": date(2026, 3, 13)}, "first-due-too-early"),
            ({"first_due": date(2026, 9, 6)}, "first-due-too-late"),
        ],
    )
    def test_terms_are_never_worse_and_leave_time_to_agree(self, changes: dict[str, object], code: str) -> None:
        good = NewTerms(rate_percent_per_year=Decimal("36.5"), periods=6, first_due=date(2026, 3, 14))
        effective, until = date(2026, 3, 3), date(2026, 3, 13)
        check_terms(good, TERMS.rate_percent_per_year, effective, until)
        with pytest.raises(InvalidInput) as refused:
            check_terms(good.model_copy(update=changes), TERMS.rate_percent_per_year, effective, until)
        assert refused.value.code == code

    def test_changed_terms_end_the_arrears_and_set_the_rate(self) -> None:
        on = DUE + 20 * A_DAY
        new = NewTerms(rate_percent_per_year=Decimal(20), periods=12, first_due=on + 30 * A_DAY)
        events = loan(restructured(new, uuid4(), on, NOON))
        assert arrears(events, TERMS, on - A_DAY, RULES) is not None
        assert arrears(events, TERMS, on, RULES) is None
        assert rate_of(loan(), TERMS) == Decimal("36.5")
        assert rate_of(events, TERMS) == 20
