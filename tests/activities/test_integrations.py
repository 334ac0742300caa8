"""Every adapter against the counterparties over a real socket: which error each fault becomes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from our_adapters import (
    ACCOUNT,
    AMOUNT,
    IBAN,
    IIN,
    NOW,
    PHONE,
    PNG,
    RECEIVER,
    Adapters,
    notice,
    pay,
    record,
    says_nothing_personal,
    submit,
    today,
    upload,
)
from outside_world import CONSENT, TOKEN, Outside, persona, until

from activities.integrations.http import Service
from activities.integrations.operator import Operators
from rules.errors import (
    BrokenContract,
    Conflict,
    InvalidInput,
    NotConfirmed,
    Unavailable,
)

# service and operation of the counterparties -> one call of ours
CALLS: dict[tuple[str, str], Callable[[Adapters], Awaitable[Any]]] = {
    ("bureau", "report"): lambda one: one.bureau.report(IIN, CONSENT, NOW),
    ("state_bureau", "submit"): lambda one: submit(one, "batch-1", record()),
    ("idec", "verify"): lambda one: one.idec.match_face(IIN, PNG, "image/png", "key-1"),
    ("person_register", "person"): lambda one: one.idec.person(IIN, CONSENT),
    ("aml", "active"): lambda one: one.aml.current(),
    ("antifraud", "check"): lambda one: one.antifraud.listed(IIN, IBAN, PHONE, AMOUNT),
    ("bank", "verify_owner"): lambda one: one.bank.verify_owner(ACCOUNT, RECEIVER),
    ("bank", "pay"): pay,
    ("bank", "statement"): lambda one: one.bank.statement(today()),
    ("terminal", "register"): lambda one: one.terminals.register(today()),
    ("sms", "send"): lambda one: one.sms.send("key-1", PHONE, "text", 60),
    ("operator", "owner_check"): lambda one: one.operator.owned_by(IIN, PHONE),
    ("regulator", "report"): upload,
    ("regulator", "notice"): notice,
}
EVERY = pytest.mark.parametrize(("service", "operation"), CALLS, ids=[f"{one}-{two}" for one, two in CALLS])
PASSING = [
    ("slow", {"ms": 900}),
    ("hang_before", {"seconds": 2}),
    ("hang_after", {"seconds": 2}),
    ("reset_before", {}),
    ("reset_after", {}),
    ("truncated", {"cut": True}),
    *(("http", {"status": status}) for status in (408, 429, 500, 502, 503)),
]
# nothing of the asked person stands in these answers
# in the answers of the others stands nothing of what was asked
WITH_SUBJECT = [
    ("bureau", "report"),
    ("state_bureau", "submit"),
    ("idec", "verify"),
    ("person_register", "person"),
    ("antifraud", "check"),
    ("bank", "verify_owner"),
    ("operator", "owner_check"),
]


class TestEveryService:
    @EVERY
    async def test_a_plain_call_succeeds(self, adapters: Adapters, service: str, operation: str) -> None:
        assert await CALLS[service, operation](adapters) is not None

    @EVERY
    @pytest.mark.parametrize(("fault", "params"), PASSING)
    async def test_what_may_pass_is_unavailable_and_the_next_call_succeeds(
        self,
        world: Outside,
        adapters: Adapters,
        hasty: Adapters,
        service: str,
        operation: str,
        fault: str,
        params: dict[str, Any],
    ) -> None:
        world.fault(service, operation, fault, **params)
        with pytest.raises(Unavailable) as failed:
            await CALLS[service, operation](hasty if fault in ("slow", "hang_before", "hang_after") else adapters)
        says_nothing_personal(failed.value)
        until(lambda: not world.faults_left())  # the service has taken the first call, however busy it is
        if fault == "slow":
            until(lambda: world.calls(service, operation))  # it is still at work on it
        assert await CALLS[service, operation](adapters) is not None

    @EVERY
    @pytest.mark.parametrize(
        ("fault", "params"),
        [
            ("bad_json", {}),
            ("truncated", {}),
            ("wrong_type", {}),
            ("http", {"status": 400}),
            ("http", {"status": 401}),
            ("http", {"status": 404}),
            ("http", {"status": 302}),
        ],
    )
    async def test_what_we_cannot_read_is_a_broken_contract(
        self, world: Outside, adapters: Adapters, service: str, operation: str, fault: str, params: dict[str, Any]
    ) -> None:
        world.fault(service, operation, fault, **({"code": "ODD"} if "status" in params else {}), **params)
        with pytest.raises(BrokenContract) as failed:
            await CALLS[service, operation](adapters)
        says_nothing_personal(failed.value)

    @pytest.mark.parametrize(("service", "operation"), WITH_SUBJECT)
    async def test_another_persons_answer_is_a_broken_contract(
        self, world: Outside, adapters: Adapters, service: str, operation: str
    ) -> None:
        world.fault(service, operation, "wrong_subject")
        with pytest.raises(BrokenContract) as failed:
            await CALLS[service, operation](adapters)
        says_nothing_personal(failed.value)

    async def test_nobody_listening_is_unavailable(self) -> None:
        nowhere = Adapters("http://127.0.0.1:9")
        with pytest.raises(Unavailable):
            await nowhere.operator.owned_by(IIN, PHONE)
        await nowhere.client.aclose()

    async def test_addresses_are_never_logged(self, adapters: Adapters, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        await adapters.idec.match_face(IIN, PNG, "image/png", "key-1")
        assert IIN not in caplog.text

    async def test_an_adapter_opens_its_own_client(self, world: Outside) -> None:
        own = Operators(world.url + "/operator", TOKEN)
        assert await own.owned_by(IIN, PHONE) is True


class TestClient:
    async def test_a_redirect_is_not_followed(self) -> None:
        asked: list[str] = []

        def answer(request: httpx.Request) -> httpx.Response:
            asked.append(str(request.url))
            return httpx.Response(307, headers={"Location": "http://169.254.169.254/"})

        async with httpx.AsyncClient(transport=httpx.MockTransport(answer), follow_redirects=True) as client:
            with pytest.raises(BrokenContract):
                await Service("x", "http://x.test", "t", client).fetch("GET", "/a")
        assert asked == ["http://x.test/a"]

    async def test_an_endless_answer_is_cut_off(self) -> None:
        transport = httpx.MockTransport(lambda _: httpx.Response(200, content=bytes(2000)))
        async with httpx.AsyncClient(transport=transport) as client:
            with pytest.raises(BrokenContract, match="too-large"):
                await Service("x", "http://x.test", "t", client, largest_answer=1000).fetch("GET", "/")

    async def test_a_dripping_answer_does_not_outlive_the_deadline(self) -> None:
        async def drip() -> Any:
            while True:
                yield b" "
                await asyncio.sleep(0.05)

        transport = httpx.MockTransport(lambda _: httpx.Response(200, content=drip()))
        async with httpx.AsyncClient(transport=transport) as client:
            with pytest.raises(Unavailable, match="time-out"):
                await Service("x", "http://x.test", "t", client, timeout_seconds=0.3).fetch("GET", "/")

    async def test_an_answer_to_another_request_is_refused(self) -> None:
        transport = httpx.MockTransport(lambda _: httpx.Response(200, headers={"X-Request-ID": "other"}))
        async with httpx.AsyncClient(transport=transport) as client:
            with pytest.raises(BrokenContract, match="other-request"):
                await Service("x", "http://x.test", "t", client).fetch("GET", "/")

    async def test_a_code_out_of_shape_does_not_reach_the_message(self) -> None:
        body = {"code": f"IIN {IIN} is unknown", "message": IIN}
        transport = httpx.MockTransport(lambda _: httpx.Response(404, json=body))
        async with httpx.AsyncClient(transport=transport) as client:
            with pytest.raises(BrokenContract) as failed:
                await Service("x", "http://x.test", "t", client).fetch("GET", "/")
        assert str(failed.value) == "x-unexpected: 404"


class TestOthers:
    async def test_a_listed_recipient_is_known(self, world: Outside, adapters: Adapters) -> None:
        assert await adapters.antifraud.listed(IIN, IBAN, PHONE, AMOUNT) is False
        world.plant(persona(1, antifraud={"listed": True}))
        assert await adapters.antifraud.listed(IIN, IBAN, PHONE, AMOUNT) is True

    async def test_whose_number_it_is(self, world: Outside, adapters: Adapters) -> None:
        other = world.plant(persona(2))
        asked = [PHONE, other["phone"], "+77770000000"]
        assert [await adapters.operator.owned_by(IIN, phone) for phone in asked] == [True, False, None]

    async def test_a_message_arrives_once(self, world: Outside, adapters: Adapters) -> None:
        sent = [await adapters.sms.send("k", PHONE, "Code 123456", 60) for _ in range(2)]
        assert sent[0] == sent[1]
        (message,) = world.control.get("/_control/sms", params={"to": PHONE}).json()
        assert (message["text"], message["message_id"]) == ("Code 123456", sent[0])

    async def test_a_wrong_number_is_rejected(self, adapters: Adapters) -> None:
        with pytest.raises(InvalidInput) as refused:
            await adapters.sms.send("k", "+7701", "x", 60)
        assert refused.value.code == "phone-rejected"

    async def test_another_text_under_a_key_is_a_conflict(self, adapters: Adapters) -> None:
        await adapters.sms.send("k", PHONE, "one", 60)
        with pytest.raises(Conflict):
            await adapters.sms.send("k", PHONE, "two", 60)

    async def test_an_empty_balance_may_pass(self, world: Outside, adapters: Adapters) -> None:
        world.fault("sms", "send", "no_balance")
        with pytest.raises(Unavailable):
            await adapters.sms.send("k", PHONE, "one", 60)

    @pytest.mark.parametrize(
        ("fault", "state", "errors"), [(None, "ACCEPTED", 0), ("no_receipt", "IN_WORK", 0), ("rejected", "REJECTED", 1)]
    )
    async def test_what_became_of_a_report(
        self, world: Outside, adapters: Adapters, fault: str | None, state: str, errors: int
    ) -> None:
        if fault:
            world.fault("regulator", "report", fault)
        found = await adapters.regulator.report_state((await upload(adapters)).upload_id)
        assert (found.state, len(found.control_errors)) == (state, errors)

    @pytest.mark.parametrize("cms", [b"", b"no signature"])
    async def test_a_report_without_signature_is_refused(self, adapters: Adapters, cms: bytes) -> None:
        with pytest.raises(NotConfirmed):
            await adapters.regulator.upload("k", "1-MFO", "2026-01", "ALA", b"form", cms)

    async def test_a_signature_under_something_else_is_refused(self, adapters: Adapters) -> None:
        with pytest.raises(NotConfirmed):
            await upload(adapters, file=b"form", signed=b"another form")
        with pytest.raises(NotConfirmed):
            await notice(adapters, description="another description")

    async def test_a_notice_gets_one_number(self, adapters: Adapters) -> None:
        assert await notice(adapters) == await notice(adapters)
