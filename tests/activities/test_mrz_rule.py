"""When a reading is taken, doubted, asked again, refused: the rule on made-up probabilities. The second reader can
confirm, never decide."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from made_rows import SEIDAKHMETOVA, Doubts, made_row, made_text

from activities.integrations.biometrics.mrz import MrzReader, _Found
from activities.integrations.biometrics.mrz_decode import decode
from activities.integrations.biometrics.mrz_format import TD1, TD3, check_digit
from activities.integrations.biometrics.mrz_rows import WHOLE, Area, Box, Group, Look
from activities.integrations.biometrics.mrz_text import MrzText
from rules.evidence import DocumentOutcome as Outcome

NAMES = SEIDAKHMETOVA[2]
OTHER_NAME = [*SEIDAKHMETOVA[:2], NAMES.replace("MADINA", "MAOINA")]
OTHER_DIGIT = [SEIDAKHMETOVA[0].replace("880412", "880413"), *SEIDAKHMETOVA[1:]]
MISREAD = [SEIDAKHMETOVA[0], SEIDAKHMETOVA[1][:4] + "7" + SEIDAKHMETOVA[1][5:], NAMES]  # a day of birth 72
TWO_MISREAD = [SEIDAKHMETOVA[0], SEIDAKHMETOVA[1][:3] + "77" + SEIDAKHMETOVA[1][5:], NAMES]


def _card(
    number: str, *, born: str = "740812", until: str = "120415", names: str = "ERIKSSON<<ANNA<MARIA"
) -> list[str]:
    """A valid TD1 of Utopia. number: up to 9 symbols, or longer."""
    short, rest = number[:9].ljust(9, "<"), number[9:]
    if rest:
        rest += check_digit(number)
    first = f"I<UTO{short}{'<' if rest else check_digit(short)}{rest}".ljust(30, "<")
    dates = [day + check_digit(day) for day in (born, "120415")]
    second = f"{dates[0]}F{dates[1]}UTO".ljust(29, "<")
    composite = check_digit(first[5:] + dates[0] + dates[1] + "<" * 11)
    return [first, second + composite, "ERIKSSON<<ANNA<MARIA".ljust(30, "<")]


TABLE: list[tuple[str, list[str], dict[str, Doubts], list[str] | None, Outcome, str | None]] = [
    ("all sure", SEIDAKHMETOVA, {}, None, Outcome.READ, None),
    ("a doubtful digit that a check digit pins", SEIDAKHMETOVA, {"line1": {2: ("5", 0.3)}}, None, Outcome.READ, None),
    ("a doubtful name, alike", SEIDAKHMETOVA, {"line2": {3: ("O", 0.2)}}, SEIDAKHMETOVA, Outcome.READ, None),
    ("a doubtful name, read otherwise", SEIDAKHMETOVA, {"line2": {3: ("O", 0.2)}}, OTHER_NAME,
     Outcome.READ_NAME_UNSURE, "document-name-unsure"),
    ("a doubtful name, nothing else read", SEIDAKHMETOVA, {"line2": {3: ("O", 0.2)}}, None,
     Outcome.READ_NAME_UNSURE, "document-name-unsure"),
    ("mended, alone", MISREAD, {"line1": {4: ("1", 0.4)}}, None, Outcome.RETAKE, "document-retake"),
    ("mended, alike", MISREAD, {"line1": {4: ("1", 0.4)}}, SEIDAKHMETOVA, Outcome.READ, None),
    ("mended, another name", MISREAD, {"line1": {4: ("1", 0.4)}}, OTHER_NAME,
     Outcome.READ_NAME_UNSURE, "document-name-unsure"),
    ("mended, another digit", MISREAD, {"line1": {4: ("1", 0.4)}}, OTHER_DIGIT, Outcome.RETAKE, "document-retake"),
    ("wrong check digit, sure", MISREAD, {}, None, Outcome.REJECTED, "check-digit-wrong"),
    ("wrong check digit, sure, the other reads a good card", MISREAD, {}, SEIDAKHMETOVA,
     Outcome.REJECTED, "check-digit-wrong"),
    ("two doubtful digits, the other reads a good card", TWO_MISREAD, {"line1": {3: ("4", 0.4), 4: ("1", 0.4)}},
     SEIDAKHMETOVA, Outcome.RETAKE, "document-retake"),
    ("an impossible day, sure", _card("D23145890", born="740230"), {}, None, Outcome.REJECTED, "date-not-real"),
    ("an unknown day", _card("D23145890", born="7408<<"), {}, None, Outcome.READ, None),
    ("an unknown state", [line.replace("UTO", "UTQ") for line in _card("D23145890")], {}, None,
     Outcome.RETAKE, "document-retake"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("what", "lines", "doubts", "second", "outcome", "reason"), TABLE, ids=lambda value: str(value)
)
def test_the_rule(
    what: str,
    lines: list[str],
    doubts: dict[str, Doubts],
    second: list[str] | None,
    outcome: Outcome,
    reason: str | None,
) -> None:
    text = replace(made_text(lines, **doubts), second=second)
    assert (text.outcome, text.reason) == (outcome, reason)


def test_symbols_that_no_check_digit_tells_apart_need_both_readers() -> None:
    """G is 16 and 6 is 6: the same modulo 10, whatever the weight."""
    lines, swapped = _card("AG1234567"), _card("A61234567")
    assert check_digit("AG1234567") == check_digit("A61234567")
    text = made_text(lines, line0={6: ("6", 0.3)})
    assert (text.accepted, text.settled, text.outcome) == (True, False, Outcome.RETAKE)
    assert replace(text, second=swapped).outcome is Outcome.RETAKE
    assert replace(text, second=lines).outcome is Outcome.READ


def test_an_o_for_a_zero_asks_again_and_is_no_forgery() -> None:
    lines = _card("D03145890")
    text = made_text([lines[0].replace("D03", "DO3"), *lines[1:]])
    assert (text.accepted, text.surely_wrong, text.outcome) == (False, False, Outcome.RETAKE)


def test_a_long_number_carries_its_check_digit_in_the_optional_field() -> None:
    lines = _card("D23145890734")
    assert lines[0] == "I<UTOD23145890<7349<<<<<<<<<<<"  # ICAO's own example
    assert TD1.valid(lines)
    assert made_text(lines).outcome is Outcome.READ
    altered = lines[0].replace("<7349", "<7359")
    assert not TD1.valid([altered, *lines[1:]])


def test_a_visa_has_no_composite() -> None:
    lines = ["V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L8988901C4XXX4009078F96121096ZE184226B<<<<<<"]
    assert TD3.check_results(lines) == {"number": True, "birth_date": True, "expires": True}
    assert made_text(lines).outcome is Outcome.READ
    assert not TD3.valid(["P" + lines[0][1:], lines[1]])


PART = Area(0.2, 0.3, 0.8, 0.9)


class _Looks(MrzReader):
    """A reader whose looks and second reader say what the test says. text: where the first look sees text."""

    def __init__(self, looks: list[list[MrzText]], second: list[str] | None, text: Area | None = WHOLE) -> None:
        self._looks, self.model_sha256, self.asked = iter(looks), {}, 0
        self.looked: list[Area] = []
        self.others: list[Group] = []
        self._rows: Any = SimpleNamespace(look=lambda image, side, area: self._look(area, text))
        self._second: Any = SimpleNamespace(lines=lambda crops, form: self._answer(second))

    def _answer(self, second: list[str] | None) -> list[str] | None:
        self.asked += 1
        return second

    def _look(self, area: Area, text: Area | None) -> Look:
        self.looked.append(area)
        return Look([], area, text)

    def _texts(self, image: Any, groups: Any, hopeless: Any) -> Iterator[_Found]:
        hopeless += self.others
        return (_Found(text, []) for text in next(self._looks))


class TestTwoLooks:
    picture = np.zeros((10, 10, 3), np.uint8)
    good, forged, doubtful = (made_text(lines, **doubt) for lines, doubt in (
        (SEIDAKHMETOVA, {}), (MISREAD, {}), (SEIDAKHMETOVA, {"line2": {3: ("O", 0.2)}}),
    ))  # fmt: skip

    def _read(self, *looks: list[MrzText], second: list[str] | None = None) -> tuple[Outcome | None, int]:
        reader = _Looks(list(looks), second)
        found = reader.read(self.picture)
        return (found.outcome if found else None), reader.asked

    def test_what_the_first_look_is_sure_of_needs_no_other(self) -> None:
        assert self._read([self.good]) == (Outcome.READ, 0)

    def test_a_closer_look_settles_a_doubt_before_the_second_reader_is_asked(self) -> None:
        assert self._read([self.doubtful], [self.good]) == (Outcome.READ, 0)

    def test_both_readings_of_a_doubtful_name_are_kept(self) -> None:
        found = _Looks([[self.doubtful], []], OTHER_NAME).read(self.picture)
        assert found is not None
        assert (found.outcome, found.lines, found.second) == (Outcome.READ_NAME_UNSURE, SEIDAKHMETOVA, OTHER_NAME)

    def test_a_printed_wrong_digit_is_refused_and_the_second_reader_never_asked(self) -> None:
        assert self._read([self.forged], [self.forged], second=SEIDAKHMETOVA) == (Outcome.REJECTED, 0)

    def test_looks_that_contradict_each_other_are_not_sure(self) -> None:
        looks = [self.forged], [self.good]
        assert self._read(*looks, second=None) == (Outcome.RETAKE, 1)
        assert self._read(*looks, second=MISREAD) == (Outcome.RETAKE, 1)
        assert self._read(*looks, second=SEIDAKHMETOVA) == (Outcome.READ, 1)

    def test_two_good_texts_that_differ_need_the_second_reader(self) -> None:
        one, other = (made_text(_card(number), line2={3: ("O", 0.2)} if number == "AG1234567" else {})
                      for number in ("AG1234567", "A61234567"))  # fmt: skip
        assert self._read([one], [other], second=None) == (Outcome.RETAKE, 1)
        assert self._read([one], [other], second=other.lines) == (Outcome.READ, 1)

    def test_nothing_found_is_nothing(self) -> None:
        assert self._read([], []) == (None, 0)


class TestWhereItLooksAgain:
    picture = TestTwoLooks.picture

    def test_only_where_the_first_look_saw_text(self) -> None:
        reader = _Looks([[], [TestTwoLooks.good]], None, PART)
        assert reader.read(self.picture) is not None
        assert reader.looked == [WHOLE, PART]

    def test_nowhere_without_text(self) -> None:
        reader = _Looks([[]], None, None)
        assert reader.read(self.picture) is None
        assert reader.looked == [WHOLE]

    def test_nowhere_on_a_page_of_other_text(self) -> None:
        reader = _Looks([[], []], None)
        reader.others = [Group(Box(0, 0, 9, 1, 0), [])] * 4
        assert reader.read(self.picture) is None
        assert reader.looked == [WHOLE]

    def test_all_over_where_the_part_left_a_doubt(self) -> None:
        """An MRZ near the edge of the part may have lost symbols to it."""
        torn = made_text(TWO_MISREAD, line1={3: ("4", 0.4), 4: ("1", 0.4)})
        assert torn.outcome is Outcome.RETAKE
        reader = _Looks([[], [torn], [TestTwoLooks.good]], None, PART)
        found = reader.read(self.picture)
        assert found is not None
        assert (found.outcome, reader.looked) == (Outcome.READ, [WHOLE, PART, WHOLE])

    def test_not_all_over_for_what_is_printed_wrong(self) -> None:
        reader = _Looks([[TestTwoLooks.forged], [TestTwoLooks.forged]], None, PART)
        found = reader.read(self.picture)
        assert found is not None
        assert (found.outcome, reader.looked) == (Outcome.REJECTED, [WHOLE, PART])


def test_text_without_the_digits_of_dates_is_no_mrz() -> None:
    """However sure its symbols are: a page's rows would else be forced into every format."""
    words = ["DOGOVOR<O<PREDOSTAVLENII<KREDI", "TA<MEZHDU<STORONAMI<SOGLASHENI", "YA<V<GORODE<ALMATY<KAZAKHSTAN<"]
    assert decode([made_row(line) for line in words]) is None
