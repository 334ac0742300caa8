"""Masking: what must go, what must stay."""

from __future__ import annotations

import pytest

from rules.masking import MASK, mask


@pytest.mark.parametrize(
    "number",
    ["880412401006", "880412 401006", "+77071234567", "8 (707) 123-45-67", "77071234567", "+7 707 123 45 67",
     "KZ86125KZT5004100100", "KZ86 125K ZT50 0410 0100"],
)  # fmt: skip
def test_numbers_of_persons_go(number: str) -> None:
    assert mask(f"x {number}, y") == f"x {MASK}, y"
    assert number not in mask(f'{{"v":"{number}"}}')


@pytest.mark.parametrize(
    "own",
    ["0d6f3f6e-4f4e-4d57-9d2f-123456789012", "a" * 20 + "123456789012" + "b" * 32, "150000.50",
     "2026-11-24T10:00:00.123", "1732435200123456789"],
)  # fmt: skip
def test_identifiers_amounts_and_times_stay(own: str) -> None:
    assert mask(f"x {own} y") == f"x {own} y"
