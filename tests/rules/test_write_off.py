"""Write-offs: what the order says is what the books then say, for every history; when a verdict counts; which duties.

Rules: para 13, part 4; para 13, part 5.
"""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules.clocks import CLOCKS
from rules.loan import Corrected, Refunded, WrittenOff, position
from rules.loan_books import balances
from rules.loan_facts import GROUNDS as FACT_GROUNDS
from rules.money import Money
from rules.policy import policy
from rules.suspension import WRITING_OFF
from rules.write_off import (
    CLAIM_KEPT,
    GROUNDS,
    RETURNED,
    VERDICT,
    in_force,
    is_enough,
    loss,
    standing,
)
from tests.support.loans import A_DAY, History, histories, known, lent, paid, tenge, terms

NOTHING = Money(0)
MANY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def off(day: date, key: str = "off", *, returns: bool = True, ground: str = "court_verdict") -> WrittenOff:
    return WrittenOff(key=key, value_date=day, known_at=known(day), ground=ground, return_paid=returns)


@MANY
@given(histories(), st.booleans(), st.integers(1, 10_000_000))
def test_the_order_says_what_the_books_then_say_and_everything_can_go_back(
    told: History, returns: bool, late: int
) -> None:
    before = position(told.events, told.terms, told.on)
    said = loss(before, returns=returns)
    events = [*told.events, off(told.on, returns=returns)]
    after = position(events, told.terms, told.on)
    assert (after.closed, after.total_to_close, after.overdue_days) == (True, NOTHING, 0)
    assert after.written_off == before.written_off + said.total
    assert after.overpaid == said.to_pay_back
    if returns:
        assert after.overpaid == before.paid - before.refunded  # every tiyn that is not back yet
    events.append(paid("late", told.on + A_DAY, Money.of_tiyn(late)))  # money that comes after goes back as well
    owed = position(events, told.terms, told.on + A_DAY).overpaid
    assert owed == after.overpaid + Money.of_tiyn(late)
    day = told.on + 2 * A_DAY
    events.append(Refunded(key="back", value_date=day, known_at=known(day), amount=owed))
    books = balances(events, told.terms, day)
    assert Money.total(books.values()) == NOTHING
    assert not {"clients:advances", "loans:principal", "loans:interest", "loans:penalty"} & set(books)


@pytest.mark.parametrize(
    ("since", "counts"),
    [(None, False), (date(2026, 3, 1), True), (date(2026, 3, 2), True), (date(2026, 3, 3), False)],
)
def test_a_verdict_counts_from_its_first_day_in_force(since: date | None, counts: bool) -> None:
    assert in_force(since, date(2026, 3, 2)) is counts


def test_every_paper_that_writes_off_has_its_ground_clock_and_switch() -> None:
    assert set(GROUNDS) == {kind.value for kind in WRITING_OFF}
    assert {one.name for one in GROUNDS.values()} == FACT_GROUNDS
    assert {one.clock for one in GROUNDS.values()} <= set(CLOCKS)
    today = policy(date(2026, 3, 2))
    assert {kind: one.returns_paid(today) for kind, one in GROUNDS.items()} == {
        "COURT_VERDICT": True, "LENDER_BREACH": False, "OMBUDSMAN": False,
    }  # fmt: skip
    assert GROUNDS[VERDICT].returns_paid(policy(date(2023, 11, 20)))


def test_duties_follow_from_the_ground() -> None:
    verdict = GROUNDS[VERDICT]
    plain = verdict.duties(returns=False, guilty=False)
    assert len(plain) == 5
    assert set(verdict.duties(returns=True, guilty=True)) - set(plain) == {RETURNED, CLAIM_KEPT}


class TestSeveral:
    day = date(2026, 3, 20)

    def test_the_one_that_gives_back_is_enough_for_all(self) -> None:
        breach, verdict = off(self.day, "a", returns=False, ground="lender_breach"), off(self.day + A_DAY, "b")
        assert standing([lent(), breach], self.day) == breach
        assert standing([lent(), breach, verdict], self.day) == breach  # not yet
        assert standing([lent(), breach, verdict], self.day + A_DAY) == verdict
        assert (is_enough(breach, returns=False), is_enough(breach, returns=True)) == (True, False)
        assert (is_enough(verdict, returns=True), is_enough(None, returns=False)) == (True, False)

    def test_one_that_was_corrected_does_not_stand(self) -> None:
        gone = off(self.day)
        wrong = Corrected(
            key="c", value_date=self.day, known_at=known(self.day + A_DAY), wrong=gone.key, reason="another-loan"
        )
        assert standing([lent(), gone, wrong], self.day + A_DAY) is None

    def test_what_is_given_back_already_is_no_loss_again(self) -> None:
        events = [lent(), paid("p", date(2026, 1, 20), 122_000), off(date(2026, 2, 1))]
        events.append(
            Refunded(
                key="r", value_date=date(2026, 2, 2), known_at=known(date(2026, 2, 2)), amount=tenge(122_000)
            )
        )  # fmt: skip
        again = loss(position(events, terms(), self.day), returns=True)
        assert (again.total, again.to_pay_back) == (NOTHING, NOTHING)
