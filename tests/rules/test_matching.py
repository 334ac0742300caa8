"""Which loan a payment is for: spellings of a contract's number, and what is left to people."""

from __future__ import annotations

import unicodedata
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.matching import Candidate, Match, MatchedBy, match, numbers_in

NUMBER = "MK-2026-0A1B2C3D4E"
CYRILLIC = str.maketrans("ABCEFDKMO", "АВСЕҒДКМО")
HERE = UUID("00000000-0000-4000-8000-000000000000")


def loan(name: str, client: str = "a client", *, is_open: bool = True) -> Candidate:
    return Candidate(loan_id=uuid5(HERE, name), client_id=uuid5(HERE, client), is_open=is_open)


class TestNumbersInAText:
    @pytest.mark.parametrize(
        "text",
        [
            NUMBER,
            f"Погашение микрокредита по договору {NUMBER} от 15.01.2026",
            f"№{NUMBER}.",
            NUMBER.lower(),
            NUMBER.translate(CYRILLIC),
            NUMBER.translate(CYRILLIC).lower(),
            NUMBER.replace("-", " "),
            NUMBER.replace("-", ""),
            NUMBER.replace("-", "/"),
            NUMBER.replace("-", " - "),
            NUMBER.replace("-", "–"),
            "MK-2026-OA1B2C3D4E",  # a letter for the zero
            "MK-2026-ОA1B2C3D4E",  # a Cyrillic one
            "MK-2026-0AIB2CЗD4E",
            "MK-2026-0A1B2C\n3D4E несие бойынша төлем",
            "М К - 2 0 2 6 - 0 A 1 B 2 C 3 D 4 E",
            unicodedata.normalize("NFKC", NUMBER).translate(str.maketrans("0123456789", "０１２３４５６７８９")),
            "договор 2026-0A1B2C3D4E",  # the letters forgotten
            f"{NUMBER}, повторно {NUMBER.lower()}",
            f"{NUMBER}за январь",
        ],
    )
    def test_the_number_is_found_however_it_is_spelt(self, text: str) -> None:
        assert numbers_in(text) == (NUMBER,)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "за кредит",
            "loan repayment",
            "MK-2026-0A1B2C3D4",  # a sign is missing
            "MK-2026-0A1B2C3D4E5",  # one too many
            "MK-3026-0A1B2C3D4E",
            "IIN 880412401006 KZ86125KZT5004100100",
            "N2026-0A1B2C3D4E",
            "2026-0A1B2C3D4E5F",
        ],
    )
    def test_what_is_no_number_is_not_taken_for_one(self, text: str) -> None:
        assert numbers_in(text) == ()

    def test_all_numbers_of_a_text_are_told_in_its_order(self) -> None:
        assert numbers_in(f"{NUMBER} и мк 2025 ffffffffff") == (NUMBER, "MK-2025-FFFFFFFFFF")

    def test_a_bare_number_counts_only_where_none_with_letters_stands(self) -> None:
        assert numbers_in(f"{NUMBER}, 2025-FFFFFFFFFF") == (NUMBER,)

    @given(
        year=st.integers(2000, 2099),
        tail=st.text("0123456789ABCDEF", min_size=10, max_size=10),
        gaps=st.lists(st.sampled_from(["", " ", "-", "/", " - ", "\n", "№", "."]), min_size=15, max_size=15),
        lower=st.booleans(),
        cyrillic=st.booleans(),
        before=st.sampled_from(["", "договор ", "оплата, ", "«", "төлем №"]),
        after=st.sampled_from(["", " спасибо", ".", "»", ", қарыз"]),
    )
    def test_any_spelling_of_any_number_is_read_back(
        self, year: int, tail: str, gaps: list[str], lower: bool, cyrillic: bool, before: str, after: str
    ) -> None:
        signs = list(f"MK{year}{tail}")
        text = "".join(sign + gap for sign, gap in zip(signs, [*gaps, ""], strict=True))
        text = text.translate(CYRILLIC) if cyrillic else text
        text = text.lower() if lower else text
        assert numbers_in(f"{before}{text}{after}") == (f"MK-{year}-{tail}",)

    @given(st.text(max_size=3000))
    def test_any_text_is_read_without_failing_and_only_whole_numbers_come_out(self, text: str) -> None:
        for number in numbers_in(text):
            assert len(number) == len(NUMBER)
            assert numbers_in(number) == (number,)


class TestMatch:
    @pytest.mark.parametrize(
        ("named", "of_account", "found"),
        [
            ([loan("1")], [], Match(loan_id=loan("1").loan_id, by=MatchedBy.REFERENCE)),
            ([loan("1"), loan("1")], [], Match(loan_id=loan("1").loan_id, by=MatchedBy.REFERENCE)),
            # somebody else may pay for the client: the number wins over the account
            ([loan("1")], [loan("2", "another")], Match(loan_id=loan("1").loan_id, by=MatchedBy.REFERENCE)),
            ([loan("1", is_open=False)], [loan("2")], Match(loan_id=loan("1").loan_id, by=MatchedBy.REFERENCE)),
            ([loan("1"), loan("2")], [loan("1")], Match(why="several-contracts")),
            ([], [loan("1")], Match(loan_id=loan("1").loan_id, by=MatchedBy.ACCOUNT)),
            ([], [loan("1"), loan("2", is_open=False)], Match(loan_id=loan("1").loan_id, by=MatchedBy.ACCOUNT)),
            ([], [loan("1"), loan("2")], Match(why="several-loans")),
            ([], [loan("1"), loan("2", "another")], Match(why="account-of-several-clients")),
            ([], [loan("1"), loan("2", "another", is_open=False)], Match(why="account-of-several-clients")),
            ([], [loan("1", is_open=False)], Match(why="no-open-loan")),
            ([], [], Match(why="reference-missing")),
        ],
    )
    def test_only_what_is_certain_is_placed(
        self, named: list[Candidate], of_account: list[Candidate], found: Match
    ) -> None:
        assert match(named, of_account) == found

    def test_an_account_of_several_clients_places_nothing_even_where_one_alone_has_a_loan(self) -> None:
        assert match([], [loan("1")], several_owners=True) == Match(why="account-of-several-clients")

    @given(
        named=st.lists(st.builds(loan, st.sampled_from("123"), st.sampled_from("ab"), is_open=st.booleans())),
        of_account=st.lists(st.builds(loan, st.sampled_from("123"), st.sampled_from("ab"), is_open=st.booleans())),
    )
    def test_a_payment_goes_to_a_loan_that_it_speaks_of_or_to_people(
        self, named: list[Candidate], of_account: list[Candidate]
    ) -> None:
        found = match(named, of_account)
        assert (found.loan_id is None) == (found.by is None) == (found.why is not None)
        if found.by is MatchedBy.REFERENCE:
            assert {one.loan_id for one in named} == {found.loan_id}
        if found.by is MatchedBy.ACCOUNT:
            assert not named
            assert {one.loan_id for one in of_account if one.is_open} == {found.loan_id}
            assert len({one.client_id for one in of_account}) == 1
