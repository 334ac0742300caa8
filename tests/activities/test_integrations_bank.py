"""The bank: an order is paid once, an unknown outcome stays unknown, an odd answer is an alarm."""

from __future__ import annotations

import asyncio
import json
from datetime import date
from typing import Any

import pytest
from our_adapters import (
    ACCOUNT,
    AMOUNT,
    IBAN,
    IIN,
    RECEIVER,
    Adapters,
    pay,
    settled,
    today,
)
from outside_world import TOKEN, Outside, iban, persona

from activities.integrations.bank import LenderBank
from activities.money_ports import Destination, Recipient
from rules.errors import (
    BrokenContract,
    BusinessError,
    InvalidInput,
    NotAllowed,
    NotFound,
    NotSettled,
    Unavailable,
)
from rules.money import Money
from rules.partners import PARTNERS

CARD = Destination(kind="card", value="crd_b7e1f0c2a94d4c7f8a51")


class TestBank:
    @pytest.mark.parametrize(
        ("account", "result"),
        [({}, "MATCH"), ({"owner": "UNKNOWN"}, "UNKNOWN"), ({"owner": "MISMATCH"}, "MISMATCH")],
    )
    async def test_the_owner(self, world: Outside, adapters: Adapters, account: dict[str, str], result: str) -> None:
        world.plant(persona(1, accounts=[{"iban": IBAN} | account]))
        assert (await adapters.bank.verify_owner(ACCOUNT, RECEIVER)).result == result

    async def test_somebody_elses_account_is_a_mismatch(self, world: Outside, adapters: Adapters) -> None:
        world.plant(persona(2))
        theirs = Destination(kind="iban", value=iban(2))
        assert (await adapters.bank.verify_owner(theirs, RECEIVER)).result == "MISMATCH"

    @pytest.mark.parametrize(
        ("number", "error", "code"),
        [(iban(99), NotFound, "account-unknown"), ("KZ00", InvalidInput, "iban-invalid")],
    )
    async def test_no_such_account(
        self, adapters: Adapters, number: str, error: type[BusinessError], code: str
    ) -> None:
        with pytest.raises(error) as refused:
            await adapters.bank.verify_owner(Destination(kind="iban", value=number), RECEIVER)
        assert refused.value.code == code

    async def test_a_payout_is_accepted_and_found_when_done(self, adapters: Adapters) -> None:
        accepted = await pay(adapters)
        assert (accepted.status, accepted.amount, accepted.destination) == ("ACCEPTED", AMOUNT, ACCOUNT)
        assert (accepted.currency, accepted.receiver) == ("KZT", IIN)
        done = await settled(adapters)
        assert (done.status, done.payout_id) == ("DONE", accepted.payout_id)
        assert done.bank_reference
        assert done.value_date == today()

    async def test_nothing_is_found_before_anything_is_paid(self, adapters: Adapters) -> None:
        assert await adapters.bank.find("order-1") is None

    async def test_a_404_of_something_else_on_the_way_is_no_not_found(self, world: Outside, adapters: Adapters) -> None:
        world.fault("bank", "payout", "http", status=404, code="NO_ROUTE")
        with pytest.raises(BrokenContract):
            await adapters.bank.find("order-1")

    @pytest.mark.parametrize("fault", ["hang_after", "reset_after", "bad_json", "wrong_type", "truncated"])
    async def test_an_unheard_payout_is_found_and_never_paid_twice(
        self, world: Outside, adapters: Adapters, hasty: Adapters, fault: str
    ) -> None:
        world.fault("bank", "pay", fault)
        with pytest.raises((Unavailable, BrokenContract)):
            await pay(hasty if fault == "hang_after" else adapters)
        found = await adapters.bank.find("order-1")
        assert found is not None
        assert (await pay(adapters)).payout_id == found.payout_id
        assert len(world.payouts("order-1")) == 1

    async def test_an_error_after_the_work_is_unknown_not_unpaid(self, world: Outside, adapters: Adapters) -> None:
        world.fault("bank", "pay", "http", status=500, after=True)
        with pytest.raises(Unavailable):
            await pay(adapters)
        assert await adapters.bank.find("order-1") is not None

    async def test_two_hundred_calls_at_once_under_one_key_pay_once(self, world: Outside, adapters: Adapters) -> None:
        patient = LenderBank(world.url + "/bank", TOKEN, timeout_seconds=120)  # on a busy machine they take long
        answers = await asyncio.gather(
            *(patient.pay("key-1", "order-1", AMOUNT, ACCOUNT, RECEIVER, "microcredit") for _ in range(200))
        )
        assert len({answer.payout_id for answer in answers}) == 1
        assert len(world.payouts("order-1")) == 1

    async def test_another_order_under_a_key_is_never_called_a_refusal(
        self, world: Outside, adapters: Adapters
    ) -> None:
        await pay(adapters)
        with pytest.raises(BrokenContract, match="KEY_REUSED"):
            await pay(adapters, amount=Money("1.00"))
        assert len(world.payouts("order-1")) == 1

    async def test_the_same_order_still_at_work_is_not_settled(self, world: Outside, adapters: Adapters) -> None:
        world.fault("bank", "pay", "slow", ms=5000)
        first = asyncio.create_task(pay(adapters))
        while world.control.get("/_control/faults").json():
            await asyncio.sleep(0.02)
        with pytest.raises(NotSettled):
            await pay(adapters)
        assert (await first).payout_id == (await pay(adapters)).payout_id
        assert len(world.payouts("order-1")) == 1

    async def test_only_an_explicit_refusal_means_not_paid(self, world: Outside, adapters: Adapters) -> None:
        world.fault("bank", "pay", "refused", reason="LIMIT")
        with pytest.raises(NotAllowed) as refused:
            await pay(adapters)
        assert refused.value.code == "payout-refused"
        assert world.payouts("order-1") == []

    @pytest.mark.parametrize("status", [400, 403, 409, 422])
    async def test_any_other_refusal_leaves_the_outcome_unknown(
        self, world: Outside, adapters: Adapters, status: int
    ) -> None:
        world.fault("bank", "pay", "http", status=status, code="SOMETHING")
        with pytest.raises(BrokenContract):
            await pay(adapters)

    @pytest.mark.parametrize(
        ("fault", "told"),
        [
            ("other_amount", {"amount": Money("1.00")}),
            ("other_iban", {"destination": Destination(kind="iban", value=iban(0))}),
            ("other_currency", {"currency": "USD"}),
            ("other_recipient", {"receiver": "910203300023"}),
        ],
    )
    async def test_an_answer_about_other_money_is_told_as_the_bank_tells_it(
        self, world: Outside, adapters: Adapters, fault: str, told: dict[str, Any]
    ) -> None:
        """The engine compares it with what was ordered, and stops the case."""
        ordered = {"amount": AMOUNT, "destination": ACCOUNT, "currency": "KZT", "receiver": IIN}
        world.fault("bank", "pay", fault, iban=iban(0))
        answer = await pay(adapters)
        assert {name: getattr(answer, name) for name in ordered} == ordered | told

    async def test_a_card_is_paid_by_its_token(self, world: Outside, adapters: Adapters) -> None:
        world.plant(persona(1, cards=[{"card_token": CARD.value}]))
        assert (await adapters.bank.verify_owner(CARD, RECEIVER)).result == "MATCH"
        paid = await adapters.bank.pay("key-1", "order-1", AMOUNT, CARD, RECEIVER, "microcredit")
        assert paid.destination == CARD
        assert (await settled(adapters)).status == "DONE"
        balance = world.control.get(f"/_control/bank/accounts/{CARD.value}").json()["balance"]
        assert balance == str(AMOUNT)

    async def test_a_card_of_somebody_else_is_a_mismatch(self, world: Outside, adapters: Adapters) -> None:
        world.plant(persona(2, cards=[{"card_token": CARD.value}]))
        assert (await adapters.bank.verify_owner(CARD, RECEIVER)).result == "MISMATCH"

    async def test_a_seller_is_paid_by_its_bin(self, world: Outside, adapters: Adapters) -> None:
        seller = PARTNERS[0]
        place, receiver = Destination(kind="iban", value=seller.iban), Recipient(name=seller.name("ru"), bin=seller.bin)
        assert (await adapters.bank.verify_owner(place, receiver)).result == "MATCH"
        paid = await adapters.bank.pay("key-1", "order-1", AMOUNT, place, receiver, "goods")
        assert (paid.destination, paid.receiver) == (place, seller.bin)
        sent = json.loads(world.calls("bank", "pay")[0]["request"])
        assert (sent["recipient"]["kbe"], sent["currency"]) == ("17", "KZT")
        with pytest.raises(NotAllowed):
            await adapters.bank.pay("key-2", "order-2", AMOUNT, place, RECEIVER, "goods")

    @pytest.mark.parametrize("numbers", [{}, {"iin": IIN, "bin": "490740000202"}])
    def test_a_receiver_has_one_number(self, numbers: dict[str, str]) -> None:
        with pytest.raises(ValueError, match="either an IIN or a BIN"):
            Recipient(name="x", **numbers)

    async def test_another_amount_found_is_shown_to_the_caller(self, world: Outside, adapters: Adapters) -> None:
        await pay(adapters)
        world.fault("bank", "payout", "other_amount", amount="2.00")
        found = await adapters.bank.find("order-1")
        assert found is not None
        assert found.amount == Money("2.00")

    async def test_an_order_paid_twice_is_an_alarm(self, world: Outside, adapters: Adapters) -> None:
        world.bank(mode="lookup_only")
        await pay(adapters)
        await pay(adapters)
        with pytest.raises(BrokenContract, match="bank-several-payouts"):
            await adapters.bank.find("order-1")

    async def test_a_bank_that_cannot_be_asked_is_not_settled(self, world: Outside, adapters: Adapters) -> None:
        world.bank(mode="neither")
        with pytest.raises(NotSettled):
            await adapters.bank.find("order-1")

    async def test_within_the_posting_lag_nothing_is_found_yet(self, world: Outside, adapters: Adapters) -> None:
        world.bank(mode="lookup_only", posting_lag=3600)
        await pay(adapters)
        assert await adapters.bank.find("order-1") is None
        world.later(3601)
        assert (await settled(adapters)).status == "DONE"

    async def test_a_rejected_payout_names_its_code(self, world: Outside, adapters: Adapters) -> None:
        world.fault("bank", "pay", "rejected", code="ACCOUNT_BLOCKED")
        await pay(adapters)
        rejected = await settled(adapters)
        assert (rejected.status, rejected.code) == ("REJECTED", "ACCOUNT_BLOCKED")

    async def test_a_stale_answer_is_not_done_yet(self, world: Outside, adapters: Adapters) -> None:
        await pay(adapters)
        await settled(adapters)
        world.fault("bank", "payout", "stale")
        found = await adapters.bank.find("order-1")
        assert found is not None
        assert (found.status, found.bank_reference) == ("ACCEPTED", None)

    async def test_the_statement_of_a_day(self, adapters: Adapters) -> None:
        await pay(adapters)
        done = await settled(adapters)
        statement = await adapters.bank.statement(today())
        assert statement is not None
        (line,) = statement.entries
        assert (line["bank_ref"], line["order_id"], line["amount"]) == (done.bank_reference, "order-1", "150000.00")
        assert statement.opening - statement.closing == AMOUNT

    @pytest.mark.parametrize(("fault", "lines"), [("extra_line", 2), ("missing_line", 0)])
    async def test_strange_and_missing_lines_are_left_to_reconciliation(
        self, world: Outside, adapters: Adapters, fault: str, lines: int
    ) -> None:
        await pay(adapters)
        await settled(adapters)
        world.fault("bank", "statement", fault)
        statement = await adapters.bank.statement(today())
        assert statement is not None
        assert len(statement.entries) == lines

    async def test_a_statement_not_ready_is_none(self, adapters: Adapters) -> None:
        assert await adapters.bank.statement(date(2999, 1, 1)) is None
