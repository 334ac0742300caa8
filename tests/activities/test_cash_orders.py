"""Cash at a desk, on a real PostgreSQL: handed out once, with its loan, or kept when nobody came.

Played: the anti-fraud centre. Proven: one order, one loan, one posting, whoever tries at the same moment; wrong tries
are counted and kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from rules.client import IdentityDocument
from rules.errors import Conflict, Fault
from storage import audit, cash_orders, payments
from storage.database import libpq_url
from tests.support.cash_desk import PAID, UNPAID, CashDesk, number
from tests.support.cash_world import DOCUMENT, at_desk, hired, signed


@pytest.fixture
async def cash(database_url: str, database_urls: dict[str, str]) -> AsyncIterator[CashDesk]:
    async with CashDesk.opened(database_url, database_urls["postgres"]) as opened:
        yield opened


async def test_an_order_is_placed_once(cash: CashDesk) -> None:
    ref = await cash.placed()
    states = await asyncio.gather(*(cash.orders.place_order(ref) for _ in range(10)))
    assert {one.state for one in states} == {"waiting"}
    assert await cash.booked(ref) == UNPAID


async def test_a_number_that_is_anothers_orders_nothing(cash: CashDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = cash_orders.number_of(uuid4())
    monkeypatch.setattr(cash_orders, "number_of", lambda _: taken)
    await cash.placed()
    ref = await signed(cash.records, at_desk())
    with pytest.raises(Fault, match="another application's"):
        await cash.orders.place_order(ref)
    async with cash.records.moment() as moment:
        assert await payments.get(moment.session, f"disburse:{ref.application_id}") is None


async def test_a_receiver_on_the_anti_fraud_list_gets_no_order(cash: CashDesk) -> None:
    cash.played.is_listed = True
    ref = await signed(cash.records, at_desk())
    state = await cash.orders.place_order(ref)
    assert (state.state, state.ground) == ("refused", "recipient-listed")
    async with cash.records.moment() as moment:
        assert await cash_orders.of_application(moment.session, ref.application_id) is None


async def test_an_order_that_another_try_has_placed_meanwhile_is_not_refused(
    cash: CashDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref, asked = await signed(cash.records, at_desk()), []

    async def listed(*_: object) -> bool:
        asked.append(ref)
        if len(asked) > 1:
            return False
        await cash.orders.place_order(ref)
        return True

    monkeypatch.setattr(cash.played, "listed", listed)
    assert (await cash.orders.place_order(ref)).state == "waiting"
    assert len(asked) == 2


async def test_an_application_that_has_ended_gets_no_order(cash: CashDesk) -> None:
    ref = await signed(cash.records, at_desk(), stage="REFUSED")
    with pytest.raises(Conflict, match="cash-order-ended"):
        await cash.orders.place_order(ref)
    async with cash.records.moment() as moment:
        assert await payments.get(moment.session, f"disburse:{ref.application_id}") is None


async def test_a_paid_order_is_a_loan_a_posting_and_an_audit_entry(cash: CashDesk) -> None:
    ref = await cash.placed()
    outcome = await cash.pay(ref, await cash.code(ref), cash.cashier)
    assert (outcome.state, outcome.error) == ("paid", None)
    assert await cash.booked(ref) == PAID
    state = await cash.orders.look_at_order(ref)
    assert (state.state, state.loan_id) == ("done", outcome.loan_id)
    async with cash.records.moment() as moment:
        trail = await audit.of_subject(moment.session, f"application:{ref.application_id}")
    paid = [one for one in trail if one["action"] == "cash-order-paid"]
    assert [(one["actor"], one["reason"]) for one in paid] == [(f"staff:{cash.cashier}", "document")]


async def test_twenty_who_pay_at_once_pay_once(cash: CashDesk) -> None:
    ref = await cash.placed()
    code = await cash.code(ref)
    outcomes = await asyncio.gather(*(cash.pay(ref, code, cash.cashier) for _ in range(20)))
    errors_ = [one.error.code for one in outcomes if one.error is not None]
    assert errors_ == ["cash-order-paid"] * 19
    assert await cash.booked(ref) == PAID


async def test_the_same_paying_again_gets_the_same_answer(cash: CashDesk) -> None:
    ref = await cash.placed()
    code = await cash.code(ref)
    first = await cash.pay(ref, code, cash.cashier, receipt="KO-000000000001")
    again = await cash.pay(ref, code, cash.cashier, receipt="KO-000000000001")
    assert (again.error, again.loan_id) == (None, first.loan_id)
    other = await cash.pay(ref, code, await hired(cash.records), receipt="KO-000000000001")
    assert other.error is not None
    assert await cash.booked(ref) == PAID


@pytest.mark.parametrize(
    ("given", "ground"),
    [
        ({"document_number": "012345679"}, "document-number-wrong"),
        ({"desk": "astana-1"}, "cash-order-other-desk"),
        ({"desk": None}, "cash-order-other-desk"),
        ({"digital": True, "document_number": None}, "digital-document-not-shown"),
    ],
)
async def test_a_wrong_document_or_desk_gets_no_money(cash: CashDesk, given: dict[str, Any], ground: str) -> None:
    ref = await cash.placed()
    code = await cash.code(ref)
    outcome = await cash.pay(ref, code, cash.cashier, **given)
    assert outcome.error is not None
    assert outcome.error.code == ground
    assert await cash.booked(ref) == UNPAID
    assert (await cash.pay(ref, code, cash.cashier)).error is None  # the right person is paid all the same


async def test_an_expired_document_is_no_identification(cash: CashDesk) -> None:
    old = IdentityDocument(number=DOCUMENT, expires=date(2025, 1, 1))
    ref = await cash.placed(document=old)
    outcome = await cash.pay(ref, await cash.code(ref), cash.cashier)
    assert outcome.error is not None
    assert outcome.error.code == "document-expired"


async def test_five_wrong_codes_void_the_code_and_a_new_one_opens_the_order(cash: CashDesk) -> None:
    ref = await cash.placed()
    code = await cash.code(ref)
    wrong = f"{(int(code) + 1) % 10**8:08d}"
    for _ in range(5):
        tried = await cash.pay(ref, wrong, cash.cashier)
        assert tried.error is not None
        assert tried.error.code == "code-wrong"
    void = await cash.pay(ref, code, cash.cashier)
    assert void.error is not None
    assert void.error.code == "too-many-tries"
    assert await cash.booked(ref) == UNPAID
    fresh = await cash.code(ref)
    old = await cash.pay(ref, code, cash.cashier)
    assert old.error is not None
    assert (await cash.pay(ref, fresh, cash.cashier)).error is None
    assert await cash.booked(ref) == PAID


async def test_of_forty_wrong_tries_at_once_five_count(cash: CashDesk) -> None:
    ref = await cash.placed()
    await cash.code(ref)
    outcomes = await asyncio.gather(*(cash.pay(ref, "0", cash.cashier) for _ in range(40)))
    codes = sorted(one.error.code for one in outcomes if one.error is not None)
    assert codes == ["code-wrong"] * 5 + ["too-many-tries"] * 35
    assert (await cash.row(ref)).attempts == 5


async def test_an_order_has_three_codes_and_no_more(cash: CashDesk) -> None:
    ref = await cash.placed()
    codes = {await cash.code(ref) for _ in range(3)}
    assert all(len(code) == 8 and code.isdigit() for code in codes)
    with pytest.raises(Conflict, match="collection-codes-used-up"):
        await cash.code(ref)


async def test_the_code_stands_nowhere_in_the_clear(cash: CashDesk) -> None:
    ref = await cash.placed()
    code = await cash.code(ref)
    with psycopg.connect(libpq_url(cash.superuser)) as connection:
        (stored,) = connection.execute(
            "select row_to_json(cash_order)::text from cash_order where number = %s", [number(ref)]
        ).fetchone() or ("",)
    assert code not in stored
    assert (await cash.row(ref)).code_hash != code.encode()


async def test_money_that_nobody_collects_stays_with_us(cash: CashDesk, database_urls: dict[str, str]) -> None:
    ref = await cash.placed()
    code = await cash.code(ref)
    assert (await cash.orders.look_at_order(ref)).state == "waiting"
    cash.ends(ref, -1)
    late = await cash.pay(ref, code, cash.cashier)
    assert late.error is not None
    assert late.error.code == "cash-order-expired"
    state = await cash.orders.look_at_order(ref)
    assert (state.state, state.ground) == ("refused", "not-collected")
    after = await cash.pay(ref, code, cash.cashier)
    assert after.error is not None
    assert after.error.code == "cash-order-ended"
    assert await cash.booked(ref) == {**UNPAID, "payment": "refused"}


async def test_an_order_is_paid_or_annulled_never_both(cash: CashDesk, database_urls: dict[str, str]) -> None:
    for _ in range(5):
        ref = await cash.placed()
        code = await cash.code(ref)
        cash.ends(ref, 0.03)
        await asyncio.gather(
            *(cash.orders.look_at_order(ref) for _ in range(6)), *(cash.pay(ref, code, cash.cashier) for _ in range(6))
        )
        await asyncio.sleep(0.05)
        state, books = await cash.orders.look_at_order(ref), await cash.booked(ref)
        assert (state.state, books["loans"], books["payment"]) in (("done", 1, "done"), ("refused", 0, "refused"))
