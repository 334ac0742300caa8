"""From which day a paper suspends a loan, and when interest runs again, whatever papers overlap.

The plain loan of tests/support/loans.py: a night costs 120.00 until the first bill of 10 February 2026.

Rules: para 13, part 2; para 13, part 3.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from rules.calendar import ALMATY
from rules.errors import BusinessError, InvalidInput, NotAllowed
from rules.loan import Corrected, LoanEvent, Resumed, Suspended, position
from rules.money import Money
from rules.policy import PolicySet, policy
from rules.suspension import (
    Cancelled,
    PaperEntered,
    PaperKind,
    check,
    overtaken,
    resumption,
    suspended_key,
    suspension,
    undone,
)
from tests.support.loans import lent, tenge, terms

A, B, C = (UUID(int=n) for n in (1, 2, 3))
NOON = datetime(2026, 1, 20, 12, tzinfo=ALMATY)
JANUARY = policy(date(2026, 1, 20))


def at(day: int, hour: int = 12) -> datetime:
    return datetime(2026, 1, day, hour, tzinfo=ALMATY)


def stands(paper: UUID, day: int) -> Suspended:
    return suspension(paper, at(day), date(2026, 1, 10), at(day))


def ended(day: int, *, later: bool = False) -> Cancelled:
    return Cancelled(on=date(2026, 1, day), charge_later=later)


def ends(events: list[LoanEvent], last: UUID, *, learned: int = 31, **cancelled: Cancelled) -> list[LoanEvent]:
    """The facts after the end of `last`; the cancelled papers are named a, b, c."""
    by_key = {suspended_key({"a": A, "b": B, "c": C}[name]): one for name, one in cancelled.items()}
    return [*events, *resumption(events, by_key, last, at(learned))]


def suspended_days(events: list[LoanEvent], until: int = 31) -> list[int]:
    return [day for day in range(10, until + 1) if position(events, terms(), date(2026, 1, day)).suspended]


def withheld(events: list[LoanEvent], day: int = 31) -> Money:
    return position(events, terms(), date(2026, 1, day)).interest_suspended


class TestTheFirstDay:
    @pytest.mark.parametrize(
        ("received", "first"),
        [
            (datetime(2026, 1, 16, 18, 59, 59, tzinfo=UTC), date(2026, 1, 16)),  # 23:59:59 in Almaty
            (datetime(2026, 1, 16, 19, tzinfo=UTC), date(2026, 1, 17)),  # midnight there; a Saturday is a day too
        ],
    )
    def test_it_is_the_almaty_day_of_the_receipt(self, received: datetime, first: date) -> None:
        assert suspension(A, received, date(2026, 1, 10), received).value_date == first

    def test_of_a_loan_issued_after_the_receipt_it_is_the_first_day_of_the_loan(self) -> None:
        fact = suspension(A, at(5), date(2026, 1, 10), at(12))
        assert (fact.value_date, fact.known_at) == (date(2026, 1, 10), at(12))
        assert position([lent(), fact], terms(), date(2026, 1, 31)).interest_accrued == Money(0)


class TestOnePaper:
    def test_interest_runs_again_from_the_day_of_the_second_persons_word(self) -> None:
        facts = ends([lent(), stands(A, 20)], A, a=ended(25))
        assert suspended_days(facts) == [20, 21, 22, 23, 24]
        assert withheld(facts) == tenge(5 * 120)
        assert ends(facts, A, a=ended(25)) == facts  # asked again: nothing

    def test_with_later_charge_it_costs_what_it_would_have_cost(self) -> None:
        facts = ends([lent(), stands(A, 20)], A, a=ended(25, later=True))
        assert position(facts, terms(), date(2026, 1, 31)) == position([lent()], terms(), date(2026, 1, 31))

    def test_suspended_and_cancelled_on_one_day_costs_nothing_and_holds_nothing(self) -> None:
        facts = ends([lent(), stands(A, 20)], A, a=ended(20))
        assert (suspended_days(facts), withheld(facts)) == ([], Money(0))

    def test_what_nobody_confirmed_is_as_if_it_had_never_been(self) -> None:
        facts: list[LoanEvent] = [lent(), stands(A, 20)]
        back = undone(facts, A, at(25), "wrong-loan")
        assert back is not None
        facts.append(back)
        assert position(facts, terms(), date(2026, 1, 31)) == position([lent()], terms(), date(2026, 1, 31))
        assert undone(facts, A, at(26), "wrong-loan") is None
        assert undone([lent()], A, at(26), "wrong-loan") is None
        assert resumption(facts, {}, A, at(26)) == []


class TestTwoPapers:
    def test_interest_stands_still_until_the_last_one_is_cancelled(self) -> None:
        facts = ends([lent(), stands(A, 15), stands(B, 20)], B, a=ended(18), b=ended(25))
        assert suspended_days(facts) == list(range(15, 25))
        assert sum(isinstance(one, Resumed) for one in facts) == 1

    @pytest.mark.parametrize(
        ("a", "b", "charged"), [(True, True, True), (True, False, False), (False, True, False), (False, False, False)]
    )
    def test_it_is_charged_later_only_where_every_cancellation_says_so(self, a: bool, b: bool, charged: bool) -> None:
        facts = ends([lent(), stands(A, 15), stands(B, 20)], B, a=ended(18, later=a), b=ended(25, later=b))
        assert (withheld(facts) == Money(0)) is charged

    @pytest.mark.parametrize("order", [(A, B), (B, A)])
    def test_both_received_and_cancelled_on_one_day_hold_nothing(self, order: tuple[UUID, UUID]) -> None:
        facts = ends([lent(), *(stands(one, 20) for one in order)], order[1], a=ended(20), b=ended(20))
        assert suspended_days(facts) == []

    def test_a_second_one_received_on_the_day_of_the_end_ends_too(self) -> None:
        facts = ends([lent(), stands(A, 15), stands(B, 20)], B, a=ended(20), b=ended(20))
        assert suspended_days(facts) == list(range(15, 20))

    def test_one_entered_late_takes_back_a_resumption_that_it_forbids(self) -> None:
        facts = ends([lent(), stands(A, 15)], A, a=ended(22))
        late = stands(B, 20)
        wrong = overtaken(facts, late.value_date, at(24))
        assert [one.wrong for one in wrong] == [f"resumed:{A}"]
        facts += [*wrong, late]
        assert suspended_days(facts) == list(range(15, 32))
        facts = ends(facts, B, a=ended(22), b=ended(28))
        assert suspended_days(facts) == list(range(15, 28))

    def test_one_received_on_the_day_of_a_resumption_goes_on_without_a_gap(self) -> None:
        facts = ends([lent(), stands(A, 15)], A, a=ended(20))
        assert overtaken(facts, date(2026, 1, 20), at(24)) == []
        facts.append(stands(B, 20))
        assert suspended_days(facts) == list(range(15, 32))
        assert suspended_days(ends(facts, B, a=ended(20), b=ended(20))) == list(range(15, 20))
        assert suspended_days(ends(facts, B, a=ended(20), b=ended(24))) == list(range(15, 24))

    def test_a_later_one_leaves_the_earlier_suspension_ended(self) -> None:
        facts = ends([lent(), stands(A, 15)], A, a=ended(18, later=False))
        facts.append(stands(B, 22))
        facts = ends(facts, B, a=ended(18, later=False), b=ended(25, later=True))
        assert suspended_days(facts) == [15, 16, 17, 22, 23, 24]
        assert withheld(facts) == tenge(3 * 120)  # only the second stretch is charged after all

    def test_a_wrong_first_one_leaves_the_second_from_its_own_day(self) -> None:
        facts: list[LoanEvent] = [lent(), stands(A, 15), stands(B, 20)]
        back = undone(facts, A, at(24), "wrong-loan")
        assert back is not None
        assert suspended_days([*facts, back]) == list(range(20, 32))

    def test_a_wrong_one_entered_late_gives_the_resumption_back(self) -> None:
        before = ends([lent(), stands(A, 15)], A, a=ended(22, later=True))
        late = stands(B, 20)
        facts: list[LoanEvent] = [*before, *overtaken(before, late.value_date, at(24)), late]
        back = undone(facts, B, at(26), "wrong-loan")
        assert back is not None
        facts = ends([*facts, back], B, learned=26, a=ended(22, later=True))
        assert position(facts, terms(), date(2026, 1, 31)) == position(before, terms(), date(2026, 1, 31))

    def test_three_in_a_row_end_once(self) -> None:
        facts = ends([lent(), stands(A, 15), stands(B, 17), stands(C, 19)], A, a=ended(29), b=ended(20), c=ended(24))
        assert suspended_days(facts) == list(range(15, 29))


def entered(**changes: Any) -> PaperEntered:
    plain = {
        "kind": PaperKind.VICTIM_RESOLUTION, "number": "123", "day": date(2026, 1, 19), "authority": "ДП Алматы",
        "received_at": at(20, 9),
    }  # fmt: skip
    return PaperEntered.model_validate(plain | changes)


class TestWhatAPaperMayBe:
    def test_a_good_one(self) -> None:
        check(entered(), NOON, JANUARY)
        check(entered(received_at=NOON, day=date(2026, 1, 20)), NOON, JANUARY)
        check(entered(kind=PaperKind.CANCELLATION, cancels=uuid4(), charge_later=True), NOON, JANUARY)
        check(entered(kind=PaperKind.COURT_VERDICT, in_force_on=date(2026, 1, 3), guilty_client=False), NOON, JANUARY)

    @pytest.mark.parametrize(
        ("changes", "code", "field"),
        [
            ({"received_at": datetime(2026, 1, 20, 9)}, "instant-without-zone", "/received_at"),  # noqa: DTZ001
            ({"received_at": at(20, 13)}, "received-in-the-future", "/received_at"),
            ({"received_at": datetime(2023, 11, 19, 12, tzinfo=UTC)}, "received-too-early", "/received_at"),
            ({"day": date(2026, 1, 21)}, "paper-day-after-receipt", "/day"),
            ({"in_force_on": date(2026, 1, 3)}, "paper-field-not-of-kind", "/in_force_on"),
            ({"guilty_client": True}, "paper-field-not-of-kind", "/guilty_client"),
            ({"cancels": A}, "paper-field-not-of-kind", "/cancels"),
            ({"charge_later": False}, "paper-field-not-of-kind", "/charge_later"),
            ({"kind": PaperKind.CANCELLATION, "charge_later": False}, "cancelled-paper-missing", "/cancels"),
            ({"kind": PaperKind.CANCELLATION, "cancels": A}, "charge-later-missing", "/charge_later"),
        ],
    )
    def test_a_wrong_one(self, changes: dict[str, Any], code: str, field: str) -> None:
        with pytest.raises(InvalidInput, match=code) as refused:
            check(entered(**changes), NOON, JANUARY)
        assert refused.value.field == field

    def test_interest_is_charged_later_only_where_the_rules_in_force_let_it(self) -> None:
        rows = {row.name: row for row in JANUARY.rows() if row.name != "charge-suspended-interest-rule"}
        without = PolicySet(JANUARY.on, rows)
        later = entered(kind=PaperKind.CANCELLATION, cancels=A, charge_later=True)
        with pytest.raises(NotAllowed, match="later-charge-not-allowed"):
            check(later, NOON, without)
        check(later.model_copy(update={"charge_later": False}), NOON, without)


def test_all_refusals_are_of_the_business() -> None:
    with pytest.raises(BusinessError):
        check(entered(day=date(2027, 1, 1)), NOON, JANUARY)


def test_corrections_count_from_the_day_of_what_they_correct() -> None:
    facts = ends([lent(), stands(A, 15)], A, a=ended(22))
    made = [*overtaken(facts, date(2026, 1, 20), at(24)), undone(facts, A, at(24), "wrong-loan")]
    by_key = {one.key: one for one in facts}
    assert all(isinstance(one, Corrected) and one.value_date == by_key[one.wrong].value_date for one in made)
