"""Two times of each fact: the day it counts for and the day it was known. Corrections, and the debt as it was seen."""

from __future__ import annotations

from datetime import date

import pytest

from rules.errors import Conflict
from rules.loan import LoanEvent, divisions, explain, position
from rules.money import Money
from tests.support.loans import A_DAY, DUES, correction, known, lent, paid, tenge, terms

FEBRUARY = DUES[0]
ON = date(2026, 3, 1)


def test_a_payment_booked_late_counts_from_its_day() -> None:
    """Paid on 10 February, known on 1 March: never late, no penalty, interest on the smaller balance."""
    late = paid("p", FEBRUARY, 13_720, known_at=known(ON))
    seen = position([lent(), late], terms(), ON)
    assert (seen.overdue_days, seen.penalty_charged, seen.interest_accrued) == (0, Money(0), tenge(19 * 110))
    assert seen == position([lent(), paid("p", FEBRUARY, 13_720)], terms(), ON)


def test_what_was_seen_the_day_before_is_reproduced() -> None:
    late = paid("p", FEBRUARY, 13_720, known_at=known(ON))
    then = position([lent(), late], terms(), ON, known_on=ON - A_DAY)
    assert (then.overdue_days, then.overdue_amount, then.paid) == (19, tenge(13_720), Money(0))
    assert then == position([lent()], terms(), ON)
    assert position([lent(), late], terms(), ON, known_on=ON).paid == tenge(13_720)


def test_known_on_is_a_day_in_almaty() -> None:
    """20:00 UTC of 28 February is 1:00 of 1 March in Almaty."""
    late = paid("p", FEBRUARY, 13_720, known_at=known(ON - A_DAY).replace(hour=20))
    assert position([lent(), late], terms(), ON, known_on=ON - A_DAY).paid == Money(0)
    assert position([lent(), late], terms(), ON, known_on=ON).paid == tenge(13_720)


def test_an_earlier_payment_learned_of_later_moves_those_after_it() -> None:
    """The later one had paid the bill; now the earlier one did, and the later one waits."""
    first, second = paid("a", FEBRUARY, 13_720, known_at=known(ON)), paid("b", date(2026, 2, 15), 13_720)
    before = divisions([lent(), second], terms(), ON)
    assert (before[0].principal, before[0].interest, before[0].penalty) == (tenge(10_000), tenge(3_720), Money(0))
    after = divisions([lent(), second, first], terms(), ON)
    assert [(one.key, one.principal, one.waiting) for one in after] == [
        ("a", tenge(10_000), Money(0)),
        ("b", Money(0), tenge(13_720)),
    ]


class TestCorrections:
    """A payment of 13 270.00 was typed instead of 13 720.00."""

    typed = paid("typed", FEBRUARY, 13_270)
    right = paid("right", FEBRUARY, 13_720, known_at=known(ON))

    def undo(self, key: str, day: date, wrong: str, instead: LoanEvent | None = None) -> LoanEvent:
        return correction(key, FEBRUARY, known(day), wrong, instead)

    def test_from_the_day_it_is_known_it_is_as_if_it_had_always_been_right(self) -> None:
        events = [lent(), self.typed, self.undo("c", ON, "typed", self.right)]
        assert position(events, terms(), ON) == position([lent(), self.right], terms(), ON)
        assert position(events, terms(), ON, known_on=ON - A_DAY) == position([lent(), self.typed], terms(), ON)

    def test_without_an_instead_the_fact_never_was(self) -> None:
        events = [lent(), self.typed, self.undo("c", ON, "typed")]
        assert position(events, terms(), ON) == position([lent()], terms(), ON)

    def test_what_counts_instead_may_keep_the_key(self) -> None:
        again = self.right.model_copy(update={"key": "typed"})
        events = [lent(), self.typed, self.undo("c", ON, "typed", again)]
        assert position(events, terms(), ON).paid == tenge(13_720)

    def test_a_correction_can_be_wrong_itself(self) -> None:
        """Taken back, the first fact counts again."""
        events = [lent(), self.typed, self.undo("c", ON, "typed", self.right), self.undo("d", ON + A_DAY, "c")]
        assert position(events, terms(), ON + A_DAY) == position([lent(), self.typed], terms(), ON + A_DAY)
        assert position(events, terms(), ON + A_DAY, known_on=ON).paid == tenge(13_720)

    @pytest.mark.parametrize("wrong", ["typed", "right"])
    def test_the_newest_correction_of_a_fact_counts(self, wrong: str) -> None:
        """It may name the first fact again, or what counted instead of it."""
        best = paid("best", FEBRUARY, 13_000, known_at=known(ON + A_DAY))
        events = [lent(), self.typed, self.undo("c", ON, "typed", self.right), self.undo("d", ON + A_DAY, wrong, best)]
        for mixed in (events, events[::-1]):
            assert position(mixed, terms(), ON + A_DAY).paid == tenge(13_000)
            assert position(mixed, terms(), ON + A_DAY, known_on=ON).paid == tenge(13_720)

    def test_it_may_move_a_fact_to_another_day(self) -> None:
        moved = paid("right", date(2026, 2, 20), 13_270, known_at=known(ON))
        events = [lent(), self.typed, self.undo("c", ON, "typed", moved)]
        assert position(events, terms(), date(2026, 2, 19)).paid == Money(0)
        assert position(events, terms(), date(2026, 2, 19)).overdue_days == 9

    def test_it_must_name_a_fact_that_is_there(self) -> None:
        with pytest.raises(Conflict) as refused:
            position([lent(), self.undo("c", ON, "typo")], terms(), ON)
        assert refused.value.code == "corrected-fact-unknown"

    def test_a_correction_cannot_stand_for_a_fact(self) -> None:
        with pytest.raises(Conflict) as refused:
            position([lent(), self.typed, self.undo("c", ON, "typed", self.undo("d", ON, "typed"))], terms(), ON)
        assert refused.value.code == "correction-nested"

    def test_it_is_named_where_a_figure_is_explained(self) -> None:
        events = [lent(), self.typed, self.undo("c", ON, "typed", self.right)]
        figures = {one.figure: one for one in explain(events, terms(), ON)}
        assert figures["principal"].events == ("lent", "right", "c")
        assert "c" not in explain(events, terms(), ON, known_on=ON - A_DAY)[0].events


def test_the_same_key_counts_once_and_the_copy_known_first_counts() -> None:
    first, second = paid("p", FEBRUARY, 100), paid("p", FEBRUARY, 200, known_at=known(ON))
    for events in ([lent(), first, second], [second, first, lent(), lent()]):
        assert position(events, terms(), ON).paid == tenge(100)


def test_on_one_day_the_key_decides_not_the_hour() -> None:
    a, b = paid("a", FEBRUARY, 10_000), paid("b", FEBRUARY, 3_720, known_at=known(FEBRUARY).replace(hour=1))
    assert [one.key for one in divisions([lent(), b, a], terms(), FEBRUARY)] == ["a", "b"]
