"""Ways of receiving, sellers and desks: data that stands the law's questions, and tokens that are no card numbers."""

from __future__ import annotations

import secrets
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules import iin
from rules.contacts import validate_iban
from rules.cooling_off import waiting
from rules.desks import DESKS, desk, desks
from rules.errors import InvalidInput
from rules.money import Money
from rules.partners import PARTNERS, known_partner, partner, partners
from rules.products import Purpose, ReceivingMethod, product
from rules.receiving import (
    CHANNELS,
    Receiving,
    check_purpose,
    exempt_from_waiting,
    looks_like_card_number,
    validate_card_token,
)

ON = date(2026, 2, 2)


@given(st.sampled_from(list(ReceivingMethod)), st.text(max_size=40))
def test_what_is_sealed_is_read_back(method: ReceivingMethod, value: str) -> None:
    how = Receiving(method=method, value=value)
    assert Receiving.read(how.written()) == how


def test_a_bare_account_of_an_earlier_release_is_the_clients_own() -> None:
    how = Receiving.read("KZ86125KZT5004100100")
    assert (how.method, how.value, how.channel) == (ReceivingMethod.OWN_ACCOUNT, "KZ86125KZT5004100100", "bank")


def test_every_way_has_its_channel() -> None:
    assert set(CHANNELS) == set(ReceivingMethod)
    assert set(CHANNELS.values()) == {"bank", "card", "merchant", "cash-desk", "terminal"}


def luhn(first: str) -> str:
    """With its check digit."""
    total = sum(
        (2 * int(digit) - 9 if 2 * int(digit) > 9 else 2 * int(digit)) if place % 2 == 0 else int(digit)
        for place, digit in enumerate(reversed(first))
    )
    return first + str(-total % 10)


@given(st.from_regex(r"[2-6][0-9]{11,17}", fullmatch=True), st.sampled_from(["", " ", "-", "_", "."]))
def test_no_card_number_passes_for_a_token(first: str, between: str) -> None:
    number = luhn(first)
    written = between.join(number[at : at + 4] for at in range(0, len(number), 4))
    for text in (written, f"card{written}", f"tok_{written}_x", f" {written} "):
        assert looks_like_card_number(text)
        with pytest.raises(InvalidInput) as refused:
            validate_card_token(text)
        assert (refused.value.code, refused.value.field) == ("card-number-given", "/card_token")
        assert number not in str(refused.value)


@given(st.from_regex(r"[0-9]{13,19}", fullmatch=True))
def test_a_mistyped_card_number_is_none_the_less_one(digits: str) -> None:
    assert looks_like_card_number(digits)


def test_tokens_of_the_banks_form_pass() -> None:
    for _ in range(2_000):
        token = f"crd_{secrets.token_urlsafe(18)}"
        if not looks_like_card_number(token):
            assert validate_card_token(token) == token
    refused = sum(looks_like_card_number(secrets.token_hex(16)) for _ in range(5_000))
    assert refused < 5_000 * 0.01


@pytest.mark.parametrize("seller", PARTNERS, ids=lambda one: one.merchant_id)
def test_a_seller_is_a_legal_entity_with_an_account_and_an_agreement(seller) -> None:
    assert iin.validate_bin(seller.bin) == seller.bin
    assert validate_iban(seller.iban) == seller.iban
    assert set(seller.names) == {"kk", "ru", "en"}
    assert seller.agreement
    assert seller.signed <= seller.since
    assert seller.until is None or seller.since < seller.until
    assert known_partner(seller.merchant_id) == seller


def test_no_two_sellers_share_an_id_or_an_account() -> None:
    assert len({one.merchant_id for one in PARTNERS}) == len(PARTNERS) == len({one.iban for one in PARTNERS})


def test_a_seller_is_paid_from_the_agreements_first_day_to_its_last() -> None:
    (ended,) = [one for one in PARTNERS if one.until is not None]
    assert ended.until is not None
    assert ended in partners(ended.since)
    assert ended in partners(ended.until - timedelta(days=1))
    for day in (ended.since - timedelta(days=1), ended.until):
        with pytest.raises(InvalidInput, match="no agreement"):
            partner(ended.merchant_id, day)


def test_a_desk_has_an_address_in_each_language_and_unknown_ones_are_named() -> None:
    assert len({one.code for one in DESKS}) == len(DESKS)
    assert all(set(one.addresses) == {"kk", "ru", "en"} for one in DESKS)
    assert desk("almaty-1", ON) in desks(ON)
    with pytest.raises(InvalidInput) as refused:
        desk("nowhere", ON)
    assert (refused.value.code, refused.value.field) == ("desk-unknown", "/receiving/desk")


@pytest.mark.parametrize("purpose", list(Purpose))
def test_a_seller_is_paid_for_goods_and_nothing_else(purpose: Purpose) -> None:
    if purpose is Purpose.GOODS:
        check_purpose(ReceivingMethod.MERCHANT, purpose)
    else:
        with pytest.raises(InvalidInput, match="for goods"):
            check_purpose(ReceivingMethod.MERCHANT, purpose)
    for method in set(ReceivingMethod) - {ReceivingMethod.MERCHANT}:
        check_purpose(method, purpose)


@pytest.mark.parametrize("method", list(ReceivingMethod))
@pytest.mark.parametrize("purpose", [Purpose.GOODS, Purpose.REPAIR])
def test_only_goods_paid_to_their_seller_wait_for_nothing(method: ReceivingMethod, purpose: Purpose) -> None:
    exempt = exempt_from_waiting(method, purpose)
    assert exempt is (method is ReceivingMethod.MERCHANT and purpose is Purpose.GOODS)
    wait = waiting(Money(900_000), [], False, ON, exempt=exempt)
    assert (wait is None) is exempt


def test_the_personal_product_offers_every_way_and_the_business_product_the_account() -> None:
    assert product("personal", ON).receiving_methods == frozenset(ReceivingMethod)
    assert product("business", ON).receiving_methods == {ReceivingMethod.OWN_ACCOUNT}
