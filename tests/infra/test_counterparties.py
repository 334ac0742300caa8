"""The outside services themselves: common rules, faults, the bank's books, callbacks, survival of kill -9."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from outside_world import SECRET, TOKEN, Listener, Outside, free_port, listener, outside, persona, until

from rules.calendar import local_date
from rules.callbacks import verify
from rules.errors import NotConfirmed
from rules.money import Money
from rules.terminal_operators import OPERATORS, days_settled

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def hears() -> Iterator[Listener]:
    with listener() as running:
        yield running


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, hears: Listener) -> Iterator[Outside]:
    with outside(tmp_path_factory.mktemp("outside"), hears.url) as world:
        yield world


@pytest.fixture
def world(running: Outside, hears: Listener) -> Outside:
    running.control.post("/_control/reset").raise_for_status()
    running.bank(settle_ms=20)
    hears.received.clear()
    hears.answers.clear()
    hears.says = None
    return running


def order(person: dict[str, Any], order_id: str = "order-1", amount: str = "150000.00") -> dict[str, Any]:
    return {
        "order_id": order_id,
        "amount": amount,
        "currency": "KZT",
        "iban": person["accounts"][0]["iban"],
        "recipient": {"iin": person["iin"], "name": person["surname"], "kbe": "19"},
        "knp": "119",
        "purpose": "microcredit",
    }


def pay(world: Outside, body: dict[str, Any], key: str | None = "key-1") -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return world.control.post("/bank/v1/payouts", json=body, headers=headers)


def message(world: Outside, key: str, text: str = "Code 123456", to: str = "+77010000001") -> httpx.Response:
    body = {"to": to, "text": text, "sender": "NESIE", "ttl_s": 60}
    return world.control.post("/sms/v1/messages", json=body, headers={"Idempotency-Key": key})


class TestCommonRules:
    def test_health_needs_no_token(self, world: Outside) -> None:
        assert httpx.get(world.url + "/health").json()["status"] == "ok"

    @pytest.mark.parametrize("token", [None, "Bearer wrong", TOKEN])
    def test_without_the_bearer_nothing_is_answered(self, world: Outside, token: str | None) -> None:
        headers = {"Authorization": token} if token else {}
        answer = httpx.get(world.url + "/bank/v1/statement?date=2026-01-01", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHORIZED")

    def test_the_request_id_comes_back_also_in_an_error(self, world: Outside) -> None:
        answer = world.control.get("/bank/v1/payouts/none", headers={"X-Request-ID": "r-1"})
        assert answer.headers["x-request-id"] == "r-1"
        assert answer.json() == {"code": "NOT_FOUND", "message": "NOT_FOUND", "request_id": "r-1"}

    def test_a_body_out_of_shape_names_the_field_and_not_the_value(self, world: Outside) -> None:
        answer = world.control.post("/operator/owner-check", json={"iin": "880412401006"})
        assert answer.status_code == 400
        assert "msisdn" in answer.json()["message"]
        assert "880412401006" not in answer.text

    def test_a_keyed_call_without_a_key_is_refused(self, world: Outside) -> None:
        person = world.plant(persona(1))
        assert pay(world, order(person), key=None).json()["code"] == "BAD_REQUEST"
        assert world.payouts("order-1") == []

    def test_the_same_key_and_body_get_the_first_answer(self, world: Outside) -> None:
        first, second = message(world, "k"), message(world, "k")
        assert first.json() == second.json()
        assert "idempotent-replay" not in first.headers
        assert second.headers["idempotent-replay"] == "true"
        assert len(world.control.get("/_control/sms", params={"to": "+77010000001"}).json()) == 1

    def test_another_body_under_a_key_is_refused(self, world: Outside) -> None:
        message(world, "k")
        assert message(world, "k", "another").json()["code"] == "KEY_REUSED"

    def test_a_refusal_that_may_pass_is_not_kept_under_the_key(self, world: Outside) -> None:
        world.fault("sms", "send", "no_balance")
        assert message(world, "k").status_code == 402
        assert message(world, "k").status_code == 202

    def test_a_body_above_the_limit_is_refused(self, world: Outside) -> None:
        answer = world.control.post("/nbk/reports", content=bytes(17 * 2**20), headers={"Idempotency-Key": "k"})
        assert answer.status_code == 413

    def test_a_misspelt_persona_is_refused(self, world: Outside) -> None:
        assert world.control.post("/_control/personas", json=persona(1, surnam="X")).status_code == 400
        assert world.control.post("/_control/personas", json=persona(1, iin="880412401007")).status_code == 400

    def test_a_thousand_people_can_be_planted_at_once(self, world: Outside) -> None:
        answer = world.control.post("/_control/personas", json=[persona(n) for n in range(1000)])
        assert answer.json() == {"planted": 1000}

    def test_the_example_of_the_readme_is_a_persona(self, world: Outside) -> None:
        text = (ROOT / "infra/counterparties/README.md").read_text()
        example = json.loads(text.split("```json")[1].split("```")[0])
        assert world.control.post("/_control/personas", json=example).status_code == 201


class TestFaults:
    def test_a_fault_is_used_up_and_the_journal_names_it(self, world: Outside) -> None:
        world.fault("operator", "owner_check", "http", times=2, status=502)
        body = {"iin": "880412401006", "msisdn": "+77010000001"}
        seen = [world.control.post("/operator/owner-check", json=body).status_code for _ in range(3)]
        assert seen == [502, 502, 200]
        journal = world.calls("operator", "owner_check")
        assert [(row["fault"], row["status"]) for row in journal] == [("http", 502), ("http", 502), (None, 200)]
        assert {row["iin"] for row in journal} == {"880412401006"}

    def test_a_fault_hits_the_person_it_names_only(self, world: Outside) -> None:
        fault = {"service": "*", "fault": "http", "match": {"iin": persona(2)["iin"]}, "times": 0}
        world.control.post("/_control/faults", json=fault).raise_for_status()
        ask = [{"iin": persona(n)["iin"], "msisdn": "+77010000001"} for n in (1, 2, 2)]
        seen = [world.control.post("/operator/owner-check", json=body).status_code for body in ask]
        assert seen == [200, 503, 503]
        assert world.control.delete("/_control/faults").json() == {"removed": 1}
        assert world.control.post("/operator/owner-check", json=ask[1]).status_code == 200

    def test_hang_before_does_nothing_and_hang_after_does_it(self, world: Outside) -> None:
        for fault, arrived in (("hang_before", 0), ("hang_after", 1)):
            world.fault("sms", "send", fault)
            with pytest.raises(httpx.ReadTimeout):
                world.control.post(
                    "/sms/v1/messages",
                    json={"to": "+77010000001", "text": fault, "sender": "N", "ttl_s": 60},
                    headers={"Idempotency-Key": fault},
                    timeout=httpx.Timeout(60, read=0.3),
                )
            until(lambda: world.faults_left() == [])

            def outbox() -> list[Any]:
                return list(world.control.get("/_control/sms", params={"to": "77010000001"}).json())

            until(lambda count=arrived, seen=outbox: len(seen()) >= count)
            assert len(outbox()) == arrived

    def test_reset_after_cuts_the_connection_when_the_work_is_done(self, world: Outside) -> None:
        world.fault("sms", "send", "reset_after")
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            message(world, "k")
        assert message(world, "k").headers["idempotent-replay"] == "true"

    def test_a_second_call_under_a_key_in_work_is_told_so(self, world: Outside) -> None:
        person = world.plant(persona(1))
        world.fault("bank", "pay", "slow", ms=5000)
        with pytest.raises(httpx.ReadTimeout):
            world.control.post(
                "/bank/v1/payouts", json=order(person), headers={"Idempotency-Key": "key-1"},
                timeout=httpx.Timeout(60, read=0.2),
            )  # fmt: skip
        until(lambda: world.faults_left() == [])  # the first call is at work
        assert pay(world, order(person)).json()["code"] == "IN_PROGRESS"
        until(lambda: len(world.payouts("order-1")) == 1)
        assert pay(world, order(person)).status_code == 202
        assert len(world.payouts("order-1")) == 1

    def test_an_unknown_fault_field_is_refused(self, world: Outside) -> None:
        assert world.control.post("/_control/faults", json={"service": "sms", "falt": "http"}).status_code == 400


class TestBank:
    def test_a_payout_is_settled_and_stands_in_the_books(self, world: Outside) -> None:
        person = world.plant(persona(1))
        accepted = pay(world, order(person)).json()
        assert (accepted["status"], accepted["amount"]) == ("ACCEPTED", "150000.00")
        until(lambda: world.payouts("order-1")[0]["status"] == "DONE")
        done = world.control.get("/bank/v1/payouts", params={"order_id": "order-1"}).json()
        day = done["value_date"]
        statement = world.control.get("/bank/v1/statement", params={"date": day}).json()
        assert [(line["bank_ref"], line["side"]) for line in statement["entries"]] == [(done["bank_ref"], "D")]
        assert (statement["opening"], statement["closing"]) == ("10000000000.00", "9999850000.00")
        account = world.control.get(f"/_control/bank/accounts/{person['accounts'][0]['iban']}").json()
        assert account["balance"] == "150000.00"

    @pytest.mark.parametrize(("mode", "paid"), [("keyed", 1), ("lookup_only", 2), ("neither", 2)])
    def test_only_a_keyed_bank_pays_a_repeated_order_once(self, world: Outside, mode: str, paid: int) -> None:
        person = world.plant(persona(1))
        world.bank(mode=mode, settle_ms=0)
        pay(world, order(person)), pay(world, order(person))
        assert len(world.payouts("order-1")) == paid

    def test_an_expired_key_pays_again(self, world: Outside) -> None:
        person = world.plant(persona(1))
        world.bank(key_ttl=0)
        pay(world, order(person)), pay(world, order(person))
        assert len(world.payouts("order-1")) == 2
        answer = world.control.get("/bank/v1/payouts", params={"order_id": "order-1"})
        assert (answer.status_code, answer.json()["code"]) == (409, "MANY_PAYOUTS")

    def test_a_payout_cannot_be_found_within_the_posting_lag(self, world: Outside) -> None:
        person = world.plant(persona(1))
        world.bank(posting_lag=3600)
        pay(world, order(person))
        params = {"order_id": "order-1"}
        assert world.control.get("/bank/v1/payouts", params=params).status_code == 404
        world.later(3601)
        assert world.control.get("/bank/v1/payouts", params=params).status_code == 200

    def test_a_bank_without_lookup_says_so(self, world: Outside) -> None:
        world.bank(mode="neither")
        answer = world.control.get("/bank/v1/payouts", params={"order_id": "order-1"})
        assert (answer.status_code, answer.json()["code"]) == (501, "NOT_SUPPORTED")

    def test_money_goes_to_the_owner_only(self, world: Outside) -> None:
        person, other = world.plant(persona(1)), world.plant(persona(2))
        body = order(person) | {"iban": other["accounts"][0]["iban"]}
        assert pay(world, body).json()["reason"] == "RECIPIENT_MISMATCH"
        assert world.payouts("order-1") == []

    def test_a_return_comes_back_into_the_balance(self, world: Outside, hears: Listener) -> None:
        person = world.plant(persona(1))
        world.fault("bank", "pay", "returned", after_seconds=3600)
        pay(world, order(person))
        until(lambda: len(hears.received) == 1)
        world.later(3601)
        until(lambda: len(hears.received) == 2)
        assert [event["data"]["status"] for event in hears.events()] == ["DONE", "RETURNED"]
        day = local_date(datetime.now(UTC) + timedelta(seconds=3601)).isoformat()
        lines = [
            line
            for date in (day, world.payouts("order-1")[0]["value_date"])
            for line in world.control.get("/bank/v1/statement", params={"date": date}).json()["entries"]
        ]
        assert {line["side"] for line in lines} == {"D", "C"}

    def test_an_incoming_payment_is_told_and_booked(self, world: Outside, hears: Listener) -> None:
        person = world.plant(persona(1))
        body = {"iban": person["accounts"][0]["iban"], "amount": "5000.00"}
        world.control.post("/_control/bank/incoming", json=body).raise_for_status()
        until(lambda: hears.received)
        (event,) = hears.events()
        assert (event["type"], event["data"]["amount"], event["data"]["side"]) == ("payment.received", "5000.00", "C")

    def test_the_same_incoming_line_again_is_told_again_and_booked_once(self, world: Outside, hears: Listener) -> None:
        person = world.plant(persona(1))
        body = {"iban": person["accounts"][0]["iban"], "amount": "5000.00", "bank_ref": "P-AGAIN"}
        first = [world.control.post("/_control/bank/incoming", json=body).json() for _ in range(2)]
        until(lambda: len(hears.received) == 2)
        assert first[0] == first[1]
        params = {"date": local_date(datetime.now(UTC)).isoformat()}
        statement = world.control.get("/bank/v1/statement", params=params).json()
        assert [line["amount"] for line in statement["entries"]] == ["5000.00"]
        assert Money(statement["closing"]) - Money(statement["opening"]) == Money("5000.00")

    def test_money_in_another_currency_is_a_line_and_leaves_the_balance_in_tenge_alone(
        self, world: Outside, hears: Listener
    ) -> None:
        person = world.plant(persona(1))
        body = {"iban": person["accounts"][0]["iban"], "amount": "70.00", "currency": "USD"}
        world.control.post("/_control/bank/incoming", json=body).raise_for_status()
        until(lambda: hears.received)
        params = {"date": local_date(datetime.now(UTC)).isoformat()}
        statement = world.control.get("/bank/v1/statement", params=params).json()
        assert [line["currency"] for line in statement["entries"]] == ["USD"]
        assert statement["closing"] == statement["opening"]

    @pytest.mark.parametrize(
        ("fault", "times", "told"), [("duplicate", {"n": 2}, 3), ("late", {"ms": 50}, 1), ("lost", {}, 0)]
    )
    def test_an_incoming_payments_callback_may_come_twice_late_or_never(
        self, world: Outside, hears: Listener, fault: str, times: dict[str, int], told: int
    ) -> None:
        person = world.plant(persona(1))
        iban = person["accounts"][0]["iban"]
        world.fault("bank", "callback", fault, key=iban, **times)
        body = {"iban": iban, "amount": "1.00", "bank_ref": f"P-{fault.upper()}"}
        world.control.post("/_control/bank/incoming", json=body).raise_for_status()

        def times_told() -> int:
            return sum(event["data"]["bank_ref"] == body["bank_ref"] for event in hears.events())

        until(lambda: times_told() == told)
        assert world.control.get("/_control/faults").json() == []


class TestTerminals:
    def pay(self, world: Outside, **more: Any) -> dict[str, Any]:
        body = {"reference": "MK-2026-0123456789", "amount": "5000.00"} | more
        answer = world.control.post("/_control/terminals/payments", json=body)
        return dict(answer.raise_for_status().json())

    def register(self, world: Outside) -> list[dict[str, Any]]:
        params = {"date": local_date(datetime.now(UTC)).isoformat()}
        return list(world.control.get("/terminals/v1/register", params=params).json()["entries"])

    def test_a_receipt_is_told_signed_and_stands_in_the_days_register(self, world: Outside, hears: Listener) -> None:
        entry = self.pay(world, receipt="77")
        until(lambda: hears.received)
        ((path, header, body),) = hears.received
        assert path == "/api/v1/callbacks/terminal"
        verify(SECRET.encode(), header, body, datetime.now(UTC))
        (event,) = hears.events()
        assert (event["type"], event["data"]) == ("payment.received", entry)
        assert self.register(world) == [entry]

    def test_the_same_receipt_again_is_told_again_and_registered_once(self, world: Outside, hears: Listener) -> None:
        assert self.pay(world, receipt="77") == self.pay(world, receipt="77", amount="9.00")
        until(lambda: len(hears.received) == 2)
        assert [entry["amount"] for entry in self.register(world)] == ["5000.00"]

    def test_a_register_may_hold_too_much_or_too_little(self, world: Outside) -> None:
        self.pay(world)
        world.fault("terminal", "register", "extra_entry", amount="8.00")
        assert [entry["amount"] for entry in self.register(world)] == ["5000.00", "8.00"]
        world.fault("terminal", "register", "missing_entry")
        assert self.register(world) == []
        assert len(self.register(world)) == 1

    def test_a_lost_callback_of_one_contract_leaves_the_others(self, world: Outside, hears: Listener) -> None:
        world.fault("terminal", "callback", "lost", key="MK-2026-AAAAAAAAAA")
        self.pay(world, reference="MK-2026-AAAAAAAAAA")
        self.pay(world, reference="MK-2026-BBBBBBBBBB")
        until(lambda: hears.received)
        assert [event["data"]["reference"] for event in hears.events()] == ["MK-2026-BBBBBBBBBB"]

    @pytest.mark.parametrize("register", ["register", "payouts"])
    def test_there_is_no_register_of_a_day_to_come(self, world: Outside, register: str) -> None:
        answer = world.control.get(f"/terminals/v1/{register}", params={"date": "2199-01-01"})
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_READY")

    def test_what_is_counted_out_stands_in_a_register_of_its_own(self, world: Outside, hears: Listener) -> None:
        hears.says = {"pay": True, "amount": "3000.00"}
        body = {"order": "CO-1", "code": "12345678"}
        told = world.control.post("/_control/terminals/cash-outs", json=body).json()
        assert told["paid"]
        (entry,) = self.paid_out(world)
        assert (entry["order"], entry["receipt"], entry["amount"]) == ("CO-1", told["receipt"], "3000.00")
        world.fault("terminal", "payouts", "other_amount", amount="9.00")
        assert [one["amount"] for one in self.paid_out(world)] == ["9.00"]
        world.fault("terminal", "payouts", "missing_entry")
        assert self.paid_out(world) == []
        world.fault("terminal", "payouts", "extra_entry", amount="8.00")
        assert [one["amount"] for one in self.paid_out(world)] == ["3000.00", "8.00"]

    def paid_out(self, world: Outside) -> list[dict[str, Any]]:
        params = {"date": local_date(datetime.now(UTC)).isoformat()}
        return list(world.control.get("/terminals/v1/payouts", params=params).json()["entries"])

    def test_the_operator_sends_what_was_taken_less_what_was_counted_out(self, world: Outside, hears: Listener) -> None:
        self.pay(world)
        hears.says = {"pay": True, "amount": "3000.00"}
        world.control.post("/_control/terminals/cash-outs", json={"order": "CO-1", "code": "12345678"})
        today = local_date(datetime.now(UTC))
        body = {"date": today.isoformat(), "withheld": "10.00"}
        answer = world.control.post("/_control/terminals/settlements", json=body)
        assert answer.status_code == 201
        line = answer.json()
        operator = OPERATORS[0]
        assert (line["amount"], line["side"]) == ("1990.00", "C")
        assert (line["counterparty"]["iban"], line["counterparty"]["iin"]) == (operator.iban, operator.bin)
        assert days_settled(line["purpose"], today) == (today, today)
        nothing = world.control.post("/_control/terminals/settlements", json={"date": "2020-01-01"})
        assert (nothing.status_code, nothing.json()["code"]) == (422, "NOTHING_TO_SETTLE")


class TestCallbacks:
    def test_a_callback_is_signed_and_repeated_until_it_is_taken(self, world: Outside, hears: Listener) -> None:
        person = world.plant(persona(1))
        hears.answers = [500, 404]
        pay(world, order(person))

        def of_the_bank() -> list[tuple[str, str | None, bytes]]:
            return [one for one in hears.received if one[0] == "/api/v1/callbacks/bank"]

        until(lambda: len(of_the_bank()) == 3)
        assert len({json.loads(body)["event_id"] for _, _, body in of_the_bank()}) == 1
        for _, header, body in of_the_bank():
            verify(SECRET.encode(), header, body, datetime.now(UTC))
        time.sleep(0.7)
        assert len(of_the_bank()) == 3

    def test_a_duplicate_carries_the_same_event_id(self, world: Outside, hears: Listener) -> None:
        person = world.plant(persona(1))
        world.fault("bank", "callback", "duplicate", n=2)
        pay(world, order(person))
        until(lambda: len(hears.received) == 3)
        assert len({event["event_id"] for event in hears.events()}) == 1

    def test_a_lost_callback_never_comes_though_the_money_is_paid(self, world: Outside, hears: Listener) -> None:
        person = world.plant(persona(1))
        world.fault("bank", "callback", "lost")
        pay(world, order(person))
        until(lambda: world.payouts("order-1")[0]["status"] == "DONE")
        time.sleep(0.3)
        assert hears.received == []

    def test_a_forged_copy_goes_first_and_the_true_one_follows(self, world: Outside, hears: Listener) -> None:
        person = world.plant(persona(1))
        world.fault("bank", "callback", "bad_signature", ms=3_600_000)
        pay(world, order(person))
        until(lambda: len(hears.received) == 1)
        world.later(3601)
        until(lambda: len(hears.received) == 2)
        (_, forged, body), (_, true, again) = hears.received
        with pytest.raises(NotConfirmed):
            verify(SECRET.encode(), forged, body, datetime.now(UTC))
        verify(SECRET.encode(), true, again, datetime.now(UTC))

    def test_a_callback_may_come_before_the_answer(self, world: Outside, hears: Listener) -> None:
        person = world.plant(persona(1))
        world.fault("bank", "pay", "before_answer")
        assert pay(world, order(person)).json()["status"] == "ACCEPTED"
        assert hears.events()[0]["data"]["status"] == "DONE"

    def test_callbacks_may_come_out_of_order(self, world: Outside, hears: Listener) -> None:
        person = world.plant(persona(1))
        world.fault("bank", "callback", "out_of_order", ms=3_600_000)
        pay(world, order(person))
        until(lambda: len(hears.received) == 1)
        world.later(3601)
        until(lambda: len(hears.received) == 2)
        assert [event["data"]["status"] for event in hears.events()] == ["DONE", "IN_PROGRESS"]

    def test_a_late_callback_comes_late(self, world: Outside, hears: Listener) -> None:
        person = world.plant(persona(1))
        world.fault("bank", "callback", "late", ms=3_600_000)
        pay(world, order(person))
        until(lambda: world.payouts("order-1")[0]["status"] == "DONE")
        assert hears.received == []
        world.later(3601)
        until(lambda: hears.received)


class TestPhone:
    @pytest.mark.parametrize(("fault", "copies"), [("twice", 2), ("never", 0), ("late", 0)])
    def test_a_message_may_come_twice_late_or_never(self, world: Outside, fault: str, copies: int) -> None:
        world.fault("sms", "send", fault)
        message(world, "k")
        assert len(world.control.get("/_control/sms", params={"to": "+77010000001"}).json()) == copies

    def test_a_late_message_is_there_when_the_clock_has_moved(self, world: Outside) -> None:
        world.fault("sms", "send", "late", ms=60_000)
        message(world, "k")
        later = datetime.fromtimestamp(time.time() + 61, UTC).isoformat()
        world.control.post("/_control/clock", json={"now": later}).raise_for_status()
        assert len(world.control.get("/_control/sms", params={"to": "+77010000001"}).json()) == 1


def test_a_change_of_a_persona_is_merged(world: Outside) -> None:
    person = world.plant(persona(1))
    changes = {"credit": {"voluntary_refusal": {"active": True}}}
    world.control.patch(f"/_control/personas/{person['iin']}", json=changes).raise_for_status()
    now = world.control.get(f"/_control/personas/{person['iin']}").json()
    assert now["credit"]["voluntary_refusal"]["active"] is True
    assert now["credit"]["average_income"] == "350000.00"
    assert now["surname"] == person["surname"]


def test_everything_accepted_survives_kill_9(tmp_path: Path, world: Outside, hears: Listener) -> None:
    """A payout, its key, its callback still to be sent and a waiting fault outlive the process."""
    person = persona(1)
    with _process(tmp_path, hears) as (child, client):
        client.post("/_control/personas", json=person).raise_for_status()
        client.put("/_control/bank/settings", json={"settle_ms": 1500}).raise_for_status()
        client.post("/_control/faults", json={"service": "sms", "fault": "http", "times": 0}).raise_for_status()
        first = client.post("/bank/v1/payouts", json=order(person), headers={"Idempotency-Key": "key-1"}).json()
        child.send_signal(signal.SIGKILL)
        child.wait()
    with _process(tmp_path, hears) as (_, client):
        again = client.post("/bank/v1/payouts", json=order(person), headers={"Idempotency-Key": "key-1"})
        assert again.headers["idempotent-replay"] == "true"
        assert again.json() == first
        assert len(client.get("/_control/bank/payouts").json()) == 1
        assert [fault["service"] for fault in client.get("/_control/faults").json()] == ["sms"]
        until(lambda: hears.received)
        assert hears.events()[0]["data"]["payout_id"] == first["payout_id"]


class _process:
    """The service as the stack starts it."""

    def __init__(self, state: Path, hears: Listener) -> None:
        self._port = free_port()
        environment = os.environ | {
            "NESIE_COUNTERPARTIES_STATE": str(state),
            "NESIE_COUNTERPARTIES_TOKEN": TOKEN,
            "NESIE_COUNTERPARTIES_CALLBACK_SECRET": SECRET,
            "NESIE_COUNTERPARTIES_CALLBACK_URL": hears.url,
        }
        command = [sys.executable, "-m", "uvicorn", "infra.counterparties.app:create_app", "--factory"]
        self._child = subprocess.Popen(
            [*command, "--port", str(self._port), "--log-level", "error"], cwd=ROOT, env=environment
        )
        self._client = httpx.Client(
            base_url=f"http://127.0.0.1:{self._port}", headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False,
            timeout=60,
        )  # fmt: skip

    def __enter__(self) -> tuple[subprocess.Popen[bytes], httpx.Client]:
        until(self._healthy)
        return self._child, self._client

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self._child.kill()
        self._child.wait()

    def _healthy(self) -> bool:
        try:
            return self._client.get("/health").is_success
        except httpx.TransportError:
            return False
