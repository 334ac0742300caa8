"""The cashier's routes and the terminals' callbacks: once, whatever is repeated, and the case is always told.

Real: PostgreSQL, the archive, the routes. A stand-in: the door to Temporal.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlmodel import col, func, select

from activities.cash_orders import CashOrders
from activities.context import Records
from api import outbox
from api.actions import Actions
from rules import callbacks
from rules.client import ClientKind
from rules.receiving import Receiving
from storage import cash_orders
from storage.tables import Loan, Staff
from tests.support.api_world import BANK_SECRET, ORIGIN, Colleague, StandInDoor, assert_problem, new_key
from tests.support.cash_world import DOCUMENT, at_desk, at_terminal, code_for, signed

JPEG, PDF = b"\xff\xd8\xff" + b"\x00" * 64, b"%PDF-1.7\n" + b"\x00" * 64


class Unlisted:
    """An anti-fraud centre that knows nobody."""

    async def listed(self, *_: Any) -> bool:
        return False


@dataclass
class Desk:
    """A cashier at a desk, an order that waits there, its code."""

    cashier: Colleague
    number: str
    case: str
    code: str

    async def call(self, what: str, *, key: str | None = None, by: Colleague | None = None, **more: Any):
        headers = {"Origin": ORIGIN, "Idempotency-Key": key or new_key()}
        path = f"/staff/api/cash-orders/{self.number}{what}"
        return await (by or self.cashier).http.request("POST" if what else "GET", path, headers=headers, **more)

    async def pay(self, *, key: str | None = None, by: Colleague | None = None, **given: Any) -> httpx.Response:
        plain = {"code": self.code, "document_number": DOCUMENT}
        return await self.call("/pay", key=key, by=by, json={**plain, **given})


@pytest.fixture
def new_desk(records: Records, new_colleague: Callable[..., Any]) -> Callable[..., Any]:
    async def make(how: Receiving | None = None, amount: str = "150000.00", **more: Any) -> Desk:
        how = how or at_desk()
        ref = await signed(records, how, amount, **more)
        await CashOrders(records, Unlisted(), Unlisted()).place_order(ref)  # type: ignore[arg-type]
        cashier = await seated(how.value or "almaty-1")
        number, case = cash_orders.number_of(ref.application_id), f"collection/{ref.application_id}"
        return Desk(cashier, number, case, await code_for(records, ref))

    async def seated(desk: str | None, *roles: str) -> Colleague:
        colleague: Colleague = await new_colleague(*(roles or ("cashier",)))
        async with records.moment() as moment:
            row = await moment.session.get_one(Staff, colleague.staff_id)
            row.desk = desk
            moment.session.add(row)
        assert (await colleague.log_in()).status_code == 201
        return colleague

    make.seated = seated  # type: ignore[attr-defined]
    return make


async def loans_of(records: Records, desk: Desk) -> int:
    application_id = desk.case.split("/")[1]
    async with records.moment() as moment:
        query = select(func.count()).where(col(Loan.application_id) == application_id)
        return int((await moment.session.exec(query)).one())


async def test_a_cashier_sees_whom_to_expect_and_pays(
    new_desk: Callable[..., Any], records: Records, door: StandInDoor
) -> None:
    desk = await new_desk()
    seen = (await desk.call("")).json()
    assert (seen["receiver"], seen["amount"], seen["state"]) == ("АХМЕТОВА АЙГЕРІМ", "150000.00", "waiting")
    assert DOCUMENT not in str(seen)
    paid = await desk.pay()
    assert (paid.status_code, paid.json()["amount"]) == (200, "150000.00")
    assert paid.json()["contract"].startswith("T-")
    assert [(case, name) for case, name, _ in door.updates] == [(desk.case, "order_changed")]
    assert (await desk.call("")).json()["state"] == "paid"


async def test_the_same_call_twice_pays_once_and_answers_alike(new_desk: Callable[..., Any], records: Records) -> None:
    desk = await new_desk()
    first, again = await desk.pay(key="p" * 20), await desk.pay(key="p" * 20)
    assert (again.json(), again.headers["Idempotent-Replay"]) == (first.json(), "true")
    assert_problem(await desk.pay(), 409, "cash-order-paid")
    assert await loans_of(records, desk) == 1


async def test_twenty_calls_at_once_pay_once(new_desk: Callable[..., Any], records: Records) -> None:
    desk = await new_desk()
    answers = await asyncio.gather(*(desk.pay() for _ in range(20)))
    assert sorted(one.status_code for one in answers) == [200] + [409] * 19
    assert await loans_of(records, desk) == 1


async def test_the_case_is_told_later_where_temporal_is_away(
    new_desk: Callable[..., Any], records: Records, door: StandInDoor
) -> None:
    desk = await new_desk()
    door.away = True
    assert (await desk.pay()).status_code == 200
    assert door.updates == []
    door.away = False
    while await outbox.send_one(records, Actions(records, door)):
        pass
    assert (desk.case, "order_changed") in [(case, name) for case, name, _ in door.updates]


@pytest.mark.parametrize(
    ("given", "status", "code", "pointer"),
    [
        ({"document_number": "012345679"}, 403, "document-number-wrong", "/document_number"),
        ({"code": "00000000"}, 403, "code-wrong", "/code"),
        ({"code": "abc"}, 422, "field-format", "/code"),
        ({"document_number": None}, 422, "one-identification", "/document_number"),
        ({"digital_document": True}, 422, "one-identification", "/document_number"),
        ({"document_number": None, "digital_document": True}, 403, "digital-document-not-shown", None),
        ({"digital_document": "yes"}, 422, "field-format", "/digital_document"),
        ({"amount": "1.00"}, 422, "unknown-field", "/amount"),
        ({"staff_id": str(uuid4())}, 422, "unknown-field", "/staff_id"),
    ],
)
async def test_a_crooked_paying_is_named_and_pays_nothing(
    new_desk: Callable[..., Any], records: Records, given: dict[str, Any], status: int, code: str, pointer: str | None
) -> None:
    desk = await new_desk()
    problem = assert_problem(await desk.pay(**given), status, code, pointer)
    assert DOCUMENT not in str(problem)
    assert await loans_of(records, desk) == 0


async def test_a_cashier_of_another_desk_neither_sees_nor_pays(new_desk: Callable[..., Any]) -> None:
    desk, other = await new_desk(), await new_desk(at_desk("astana-1"))
    assert_problem(await desk.call("", by=other.cashier), 403, "cash-order-other-desk")
    assert_problem(await desk.pay(by=other.cashier), 403, "cash-order-other-desk")
    assert_problem(
        await other.call("/power-of-attorney", by=desk.cashier, files={"scan": PDF}), 403, "cash-order-other-desk"
    )
    assert (await desk.pay()).status_code == 200


async def test_an_order_nobody_placed_is_absent(new_desk: Callable[..., Any]) -> None:
    desk = await new_desk()
    desk.number = "CO-000000000000"
    assert_problem(await desk.call(""), 404, "cash-order-unknown")
    assert_problem(await desk.pay(), 404, "cash-order-unknown")
    desk.number = "x"
    assert_problem(await desk.pay(), 422, "field-format")


async def test_a_large_amount_is_approved_by_a_colleague_and_paid_by_another(new_desk: Callable[..., Any]) -> None:
    desk = await new_desk(amount="600000.00")
    officer = await new_desk.seated(None, "officer")  # type: ignore[attr-defined]
    assert (await desk.call("")).json()["second_person"] is True
    assert_problem(await desk.pay(), 403, "second-person-needed")
    assert (await desk.call("/approve", by=officer)).json()["approved"] is True
    assert_problem(await desk.call("/approve"), 409, "cash-order-approved")
    assert_problem(await desk.pay(by=officer), 403, "role-needed")
    assert (await desk.pay()).status_code == 200


async def test_the_digital_document_is_looked_at_by_the_case(new_desk: Callable[..., Any], door: StandInDoor) -> None:
    desk = await new_desk()
    door.answers["check_digital_document"] = {
        "step": "document", "outcome": "retry", "ground": "digital-document-code", "attempts_left": 4,
    }  # fmt: skip
    told = (await desk.call("/digital-document", json={"code": "123456"})).json()
    assert (told["shown"], told["ground"]) == (False, "digital-document-code")
    assert len(told["ground_title"]) > 3
    door.answers["check_digital_document"] = {"step": "document", "outcome": "passed"}
    assert (await desk.call("/digital-document", json={"code": "123456"})).json()["shown"] is True
    assert {case for case, _, _ in door.updates} == {desk.case}


async def test_a_legal_entitys_receiver_is_paid_with_an_archived_power_of_attorney(
    new_desk: Callable[..., Any], records: Records
) -> None:
    desk = await new_desk(kind=ClientKind.LEGAL_ENTITY)
    assert (await desk.call("")).json()["power_of_attorney"] is True
    assert_problem(await desk.pay(), 403, "power-of-attorney-needed", "/authority_id")
    kept = await desk.call("/power-of-attorney", files={"scan": PDF})
    assert kept.status_code == 201
    async with records.moment() as moment:
        _, content = await records.documents.load(moment.session, kept.json()["authority_id"])
    assert content == PDF
    assert (await desk.pay(authority_id=kept.json()["authority_id"])).status_code == 200
    assert_problem(await desk.call("/power-of-attorney", files={"scan": PDF}), 409, "cash-order-paid")


@pytest.mark.parametrize(("scan", "status", "code"), [(b"GIF89a", 415, "image-type"), (b"", 422, "file-empty")])
async def test_a_crooked_scan_is_refused(new_desk: Callable[..., Any], scan: bytes, status: int, code: str) -> None:
    desk = await new_desk()
    assert_problem(await desk.call("/power-of-attorney", files={"scan": scan}), status, code)


async def test_a_paying_without_its_key_is_refused(new_desk: Callable[..., Any]) -> None:
    desk = await new_desk()
    answer = await desk.cashier.http.post(
        f"/staff/api/cash-orders/{desk.number}/pay",
        json={"code": desk.code, "document_number": DOCUMENT},
        headers={"Origin": ORIGIN},
    )
    assert_problem(answer, 400, "key-missing")


class TestTerminal:
    async def tell(self, http: httpx.AsyncClient, kind: str, data: dict[str, Any]) -> httpx.Response:
        event = {"event_id": uuid4().hex, "type": kind, "at": datetime.now(UTC).isoformat(), "data": data}
        body = json.dumps(event).encode()
        headers = {callbacks.HEADER: callbacks.sign(BANK_SECRET, body, datetime.now(UTC))}
        return await http.post("/api/v1/callbacks/terminal", content=body, headers=headers)

    async def test_it_asks_and_is_told_whether_to_pay(
        self, http: httpx.AsyncClient, new_desk: Callable[..., Any], records: Records, door: StandInDoor
    ) -> None:
        desk = await new_desk(at_terminal())
        asks = {"order": desk.number, "code": desk.code, "terminal_id": "T-0001"}
        for wrong, reason in (
            (asks | {"code": "00000000"}, "code-wrong"),
            (asks | {"order": "CO-000000000000"}, "cash-order-unknown"),
        ):
            answer = await self.tell(http, "payout.requested", wrong)
            assert (answer.status_code, answer.json()) == (200, {"pay": False, "amount": None, "reason": reason})
        for _ in range(2):
            answer = await self.tell(http, "payout.requested", asks)
            assert answer.json() == {"pay": True, "amount": "150000.00", "reason": None}
        done = {"order": desk.number, "terminal_id": "T-0001", "receipt": "R-1"}
        for _ in range(2):
            assert (await self.tell(http, "payout.done", done)).status_code == 204
        assert await loans_of(records, desk) == 1
        assert (desk.case, "order_changed") in [(case, name) for case, name, _ in door.updates]
        assert_problem(await self.tell(http, "payout.done", done | {"receipt": "R-2"}), 409, "cash-order-paid")

    async def test_a_jam_lets_the_order_wait_again(
        self, http: httpx.AsyncClient, new_desk: Callable[..., Any], records: Records
    ) -> None:
        desk = await new_desk(at_terminal())
        asks = {"order": desk.number, "code": desk.code, "terminal_id": "T-0001"}
        await self.tell(http, "payout.requested", asks)
        failed = {"order": desk.number, "terminal_id": "T-0001"}
        assert (await self.tell(http, "payout.failed", failed)).status_code == 204
        assert (await self.tell(http, "payout.requested", asks)).json()["reason"] == "collection-code-not-asked"
        assert await loans_of(records, desk) == 0

    @pytest.mark.parametrize(
        ("kind", "change", "pointer"),
        [
            ("payout.requested", {"code": None}, "/data/code"),
            ("payout.requested", {"order": "'; drop table"}, "/data/order"),
            ("payout.done", {"receipt": "a b"}, "/data/receipt"),
            ("payout.done", {"amount": "1"}, "/data/amount"),
        ],
    )
    async def test_a_crooked_word_is_named(
        self, http: httpx.AsyncClient, kind: str, change: dict[str, Any], pointer: str
    ) -> None:
        plain = {"order": "CO-000000000000", "terminal_id": "T-1"}
        more = {"code": "12345678"} if kind == "payout.requested" else {"receipt": "R-1"}
        answer = await self.tell(http, kind, {**plain, **more, **change})
        assert answer.status_code == 422
        assert pointer in [one["pointer"] for one in answer.json()["errors"]]

    async def test_money_that_nobody_was_told_to_pay_is_not_booked(
        self, http: httpx.AsyncClient, new_desk: Callable[..., Any], records: Records
    ) -> None:
        desk = await new_desk(at_terminal())
        done = {"order": desk.number, "terminal_id": "T-0001", "receipt": "R-9"}
        assert_problem(await self.tell(http, "payout.done", done), 409, "cash-order-not-asked")
        assert await loans_of(records, desk) == 0
