"""Money that comes in at the API: callbacks only say where to look, the desk books at once, unknown money needs two.

Real: PostgreSQL. A stand-in: the door to Temporal, which records what came.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlmodel import col, select

from activities import incoming_book, loan_book
from activities.context import Records
from api import outbox
from api.actions import Actions
from api.services import Services
from rules import callbacks
from rules.calendar import local_date
from rules.loan_events import Paid
from rules.money import Money
from rules.payment_keys import return_key
from storage import audit, incoming, loans, payments
from storage.incoming import IncomingPayments, Payer, Received
from storage.tables import IncomingPayment, Loan, OutboxAction, PaymentAssignment
from storage.vault import Vault
from tests.support.api_world import BANK_SECRET, ORIGIN, Colleague, StandInDoor, assert_problem, new_key
from tests.support.loan_world import LoanWorld, a_loan
from workflows.incoming import id_of

TERMS = a_loan()
FOUR_DAYS_AGO = datetime.now(UTC) - timedelta(days=4)
PAYER = Payer(name="СЕРІКОВА АЙГЕРІМ", iin="880412401006", iban="KZ86125KZT5004100100")
FROM_OURS = {"Origin": ORIGIN}


def today() -> date:
    return local_date(datetime.now(UTC))


def event(kind: str, data: dict[str, Any]) -> bytes:
    told = {"event_id": secrets.token_hex(8), "type": kind, "at": datetime.now(UTC).isoformat(), "data": data}
    return json.dumps(told).encode()


async def call(http: httpx.AsyncClient, party: str, body: bytes, secret: bytes = BANK_SECRET) -> httpx.Response:
    headers = {callbacks.HEADER: callbacks.sign(secret, body, datetime.now(UTC))}
    return await http.post(f"/api/v1/callbacks/{party}", content=body, headers=headers)


async def queued(records: Records, workflow_id: str) -> list[OutboxAction]:
    async with records.database.begin() as session:
        query = select(OutboxAction).where(col(OutboxAction.workflow_id) == workflow_id)
        return list((await session.exec(query)).all())


async def a_loan_of(records: Records) -> Loan:
    loan_id = await LoanWorld(records.database).issued(TERMS)
    async with records.database.begin() as session:
        return await loans.get(session, loan_id)


async def unknown_money(records: Records, *, payer: Payer = PAYER, day: date | None = None) -> IncomingPayment:
    received = Received(
        key=f"bank:P{secrets.token_hex(7)}", channel="BANK", amount=Money("777.00"), value_date=day or today(),
        payer=payer, purpose=f"за кредит от {payer.name}",
    )  # fmt: skip
    async with records.moment() as moment:
        kept, _ = await incoming_book.receive(records, moment, received)
    assert kept.state == "UNMATCHED"
    return kept


async def refused_by_the_bank(records: Records, kept: IncomingPayment) -> None:
    """The first try of a return, as the engine leaves it."""
    async with records.database.begin() as session:
        payment, _ = await payments.intend(
            session, key=return_key(kept.id), purpose="return", request_hash="h", amount=kept.amount,
            account_sealed=b"sealed", incoming_payment_id=kept.id,
        )  # fmt: skip
        await payments.settle(session, payment.key, "refused", refusal_code="CLOSED")


class TestCallbacks:
    @pytest.mark.parametrize(
        ("party", "data", "key"),
        [
            ("bank", {"bank_ref": "P{n}", "amount": "1.00", "booked_at": "{at}"}, "bank:P{n}"),
            (
                "terminal",
                {"terminal_id": "T-1", "receipt": "{n}", "reference": "MK", "amount": "1.00", "at": "{at}"},
                "terminal:T-1:{n}",
            ),
        ],
    )
    async def test_the_news_of_money_starts_one_case_that_looks_for_it_itself(
        self, http: httpx.AsyncClient, door: StandInDoor, records: Records, party: str, data: dict[str, str], key: str
    ) -> None:
        given = {"n": secrets.token_hex(6), "at": datetime.now(UTC).isoformat()}
        key = key.format(**given)
        body = event("payment.received", {name: value.format(**given) for name, value in data.items()})
        answers = await asyncio.gather(*(call(http, party, body) for _ in range(20)))
        assert {answer.status_code for answer in answers} == {204}
        name, start = door.started[id_of(key)]
        assert name == "IncomingPayment"
        assert (start.key, start.day) == (key, today())
        assert [one.state for one in await queued(records, id_of(key))] == ["done"]

    async def test_while_temporal_is_away_the_news_is_kept_and_sent_later(
        self, http: httpx.AsyncClient, door: StandInDoor, records: Records
    ) -> None:
        reference = f"P{secrets.token_hex(7)}"
        door.away = True
        assert (await call(http, "bank", event("payment.received", {"bank_ref": reference}))).status_code == 204
        (waiting,) = await queued(records, id_of(f"bank:{reference}"))
        assert (waiting.state, waiting.operation, door.started) == ("waiting", "start", {})
        door.away = False
        actions = Actions(records, door)
        while await outbox.send_one(records, actions):
            pass
        assert door.started[id_of(f"bank:{reference}")][1]["key"] == f"bank:{reference}"

    @pytest.mark.parametrize(
        ("told", "day"),
        [
            (FOUR_DAYS_AGO.isoformat(), local_date(FOUR_DAYS_AGO)),
            ((FOUR_DAYS_AGO + timedelta(days=8)).isoformat(), None),
            ("2026-01-15T10:00:00", None),  # without a zone
            ("0001-01-01T00:00:00+23:59", None),
            ("yesterday", None),
            (None, None),
        ],
    )
    async def test_the_time_in_a_callback_says_no_more_than_where_to_look_first(
        self, http: httpx.AsyncClient, door: StandInDoor, told: str | None, day: date | None
    ) -> None:
        reference = f"P{secrets.token_hex(7)}"
        body = event("payment.received", {"bank_ref": reference, "booked_at": told})
        assert (await call(http, "bank", body)).status_code == 204
        assert door.started[id_of(f"bank:{reference}")][1].day == (day or today())

    @pytest.mark.parametrize("wrong", [None, "", "x" * 61, "a b", 7, "тест", ["P1"]])
    async def test_news_that_names_no_sum_is_a_problem(
        self, http: httpx.AsyncClient, door: StandInDoor, wrong: object
    ) -> None:
        answer = await call(http, "bank", event("payment.received", {"bank_ref": wrong}))
        assert_problem(answer, 422, "field-format", "/data/bank_ref")
        answer = await call(http, "terminal", event("payment.received", {"terminal_id": "T-1", "receipt": wrong}))
        assert_problem(answer, 422, "field-format", "/data/receipt")
        assert door.started == {}

    async def test_each_party_has_a_secret_of_its_own(
        self, services: Services, client_of: Callable[[], httpx.AsyncClient], door: StandInDoor
    ) -> None:
        services.callback_secrets["terminal"] = b"the network's"  # type: ignore[index]
        body = event("payment.received", {"terminal_id": "T-1", "receipt": "1"})
        assert_problem(await call(client_of(), "terminal", body), 403, "callback-signature")
        assert door.started == {}
        assert (await call(client_of(), "terminal", body, b"the network's")).status_code == 204

    async def test_the_trail_names_the_sum_and_nothing_of_the_payer(
        self, http: httpx.AsyncClient, records: Records
    ) -> None:
        reference, told = f"P{secrets.token_hex(7)}", {"counterparty": PAYER.model_dump(), "purpose": "за кредит"}
        body = event("payment.received", {"bank_ref": reference} | told)
        assert (await call(http, "bank", body)).status_code == 204
        async with records.database.begin() as session:
            (entry,) = await audit.of_subject(session, f"callback:{json.loads(body)['event_id']}")
        assert entry["detail"] == {"bank_ref": reference}


@pytest.fixture
async def two(new_colleague: Callable[..., Any]) -> tuple[Colleague, Colleague]:
    one, other = await new_colleague("officer"), await new_colleague("compliance")
    await one.log_in()
    await other.log_in()
    return one, other


async def post(who: Colleague, path: str, body: Any = None, *, key: str | None = None) -> httpx.Response:
    headers = FROM_OURS | ({"Idempotency-Key": key} if key else {})
    return await who.http.post(f"/staff/api/payments{path}", json=body, headers=headers)


class TestCashDesk:
    def body(self, loan: Loan, **changes: Any) -> dict[str, Any]:
        plain = {"receipt": secrets.token_hex(6), "contract_number": loan.number, "amount": "30000.00"}
        return plain | {"value_date": today().isoformat()} | changes

    async def paid(self, records: Records, loan: Loan) -> list[Paid]:
        async with records.database.begin() as session:
            return [one for one in await loans.events(session, loan.id) if isinstance(one, Paid)]

    async def test_money_taken_at_the_desk_is_booked_at_once_and_its_case_begins(
        self, two: tuple[Colleague, Colleague], records: Records, door: StandInDoor
    ) -> None:
        officer, loan = two[0], await a_loan_of(records)
        body = self.body(loan, contract_number=loan.number.lower().replace("-", " "))
        answer = await post(officer, "", body, key=new_key())
        assert answer.status_code == 201, answer.text
        told = answer.json()
        assert (told["state"], told["contract_number"], told["amount"]) == ("BOOKED", loan.number, "30000.00")
        (fact,) = await self.paid(records, loan)
        assert (fact.through, fact.value_date, fact.amount) == ("cash-desk", today(), Money("30000.00"))
        assert door.started[id_of(f"desk:{body['receipt']}")][0] == "IncomingPayment"
        async with records.database.begin() as session:
            row = await incoming.get(session, UUID(told["payment_id"]))
            (entry,) = await audit.of_subject(session, f"incoming:{row.id}")
        assert (row.channel, row.entered_by, row.matched_by) == ("CASH_DESK", officer.staff_id, "reference")
        assert (entry["action"], entry["actor"]) == ("money-received", f"staff:{officer.staff_id}")

    async def test_the_same_call_and_the_same_receipt_are_the_same_money(
        self, two: tuple[Colleague, Colleague], records: Records
    ) -> None:
        officer, loan, key = two[0], await a_loan_of(records), new_key()
        body = self.body(loan)
        first = await post(officer, "", body, key=key)
        replayed = await post(officer, "", body, key=key)
        assert (replayed.json(), replayed.headers["idempotent-replay"]) == (first.json(), "true")
        again = await post(officer, "", body, key=new_key())
        assert (again.status_code, again.json()["payment_id"]) == (201, first.json()["payment_id"])
        other = await post(officer, "", body | {"amount": "30000.01"}, key=new_key())
        assert_problem(other, 409, "receipt-used")
        assert_problem(await post(officer, "", body | {"amount": "1.00"}, key=key), 422, "key-reused")
        assert len(await self.paid(records, loan)) == 1

    async def test_twenty_entries_of_one_receipt_at_once_book_once(
        self, two: tuple[Colleague, Colleague], records: Records
    ) -> None:
        officer, loan = two[0], await a_loan_of(records)
        body = self.body(loan)
        answers = await asyncio.gather(*(post(officer, "", body, key=new_key()) for _ in range(20)))
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.json()["payment_id"] for answer in answers}) == 1
        assert len(await self.paid(records, loan)) == 1

    @pytest.mark.parametrize(
        ("changes", "code", "pointer"),
        [
            ({"contract_number": "MK-2026-FFFFFFFFFF"}, "contract-unknown", "/contract_number"),
            ({"value_date": (FOUR_DAYS_AGO + timedelta(days=6)).date().isoformat()}, "value-date-wrong", "/value_date"),
            ({"value_date": (TERMS.disbursed - timedelta(days=1)).isoformat()}, "value-date-wrong", "/value_date"),
            ({"amount": "0.00"}, "amount-not-positive", "/amount"),
            ({"amount": "-5.00"}, "amount-not-positive", "/amount"),
            ({"amount": 0.1}, "money-not-text", "/amount"),
            ({"receipt": "a b"}, "field-format", "/receipt"),
            ({"currency": "USD"}, "unknown-field", "/currency"),
        ],
    )
    async def test_what_cannot_be_right_is_refused_by_its_field_and_books_nothing(
        self, two: tuple[Colleague, Colleague], records: Records, changes: dict[str, Any], code: str, pointer: str
    ) -> None:
        loan = await a_loan_of(records)
        body = self.body(loan, **changes)
        assert_problem(await post(two[0], "", body, key=new_key()), 422, code, pointer)
        assert await self.paid(records, loan) == []

    async def test_without_a_key_nothing_is_taken(self, two: tuple[Colleague, Colleague], records: Records) -> None:
        loan = await a_loan_of(records)
        assert_problem(await post(two[0], "", self.body(loan)), 400, "key-missing")
        assert await self.paid(records, loan) == []

    async def test_while_temporal_is_away_the_money_is_booked_and_the_case_begins_later(
        self, two: tuple[Colleague, Colleague], records: Records, door: StandInDoor
    ) -> None:
        loan = await a_loan_of(records)
        body = self.body(loan)
        door.away = True
        assert (await post(two[0], "", body, key=new_key())).status_code == 201
        assert len(await self.paid(records, loan)) == 1
        assert [one.state for one in await queued(records, id_of(f"desk:{body['receipt']}"))] == ["waiting"]


class TestUnknownMoney:
    async def listed(self, who: Colleague, state: str | None = None) -> list[dict[str, Any]]:
        """Every part of the list: other tests leave their payments too."""
        found: list[dict[str, Any]] = []
        params = {"state": state} if state else {}
        while True:
            answer = await who.http.get("/staff/api/payments", params=params)
            assert answer.status_code == 200, answer.text
            if not answer.json():
                return found
            found += answer.json()
            params["after"] = found[-1]["payment_id"]

    async def test_staff_see_who_paid_and_what_for_and_each_look_is_audited(
        self, two: tuple[Colleague, Colleague], records: Records
    ) -> None:
        kept = await unknown_money(records)
        (shown,) = [one for one in await self.listed(two[0]) if one["payment_id"] == str(kept.id)]
        assert (shown["payer_name"], shown["payer_iban"]) == (PAYER.name, PAYER.iban)
        assert shown["purpose"] == f"за кредит от {PAYER.name}"
        assert (shown["state"], shown["amount"], shown["contract_number"]) == ("UNMATCHED", "777.00", None)
        await self.listed(two[1], "UNMATCHED")
        async with records.database.begin() as session:
            looks = await audit.of_subject(session, "payments:UNMATCHED")
        mine = [one for one in looks if str(kept.id) in one["detail"].get("payments", [])]
        assert [one["actor"] for one in mine] == [f"staff:{who.staff_id}" for who in two]
        assert PAYER.name not in json.dumps([one["detail"] for one in looks], ensure_ascii=False)
        assert str(kept.id) not in [one["payment_id"] for one in await self.listed(two[0], "BOOKED")]

    async def test_the_list_is_told_in_parts_and_none_is_told_twice_or_left_out(
        self, two: tuple[Colleague, Colleague], records: Records
    ) -> None:
        kept = [str((await unknown_money(records)).id) for _ in range(3)]
        told = [one["payment_id"] for one in await self.listed(two[0])]
        assert [one for one in told if one in kept] == kept
        assert len(told) == len(set(told))
        answer = await two[0].http.get("/staff/api/payments", params={"after": str(uuid4())})
        assert_problem(answer, 404, "payment-unknown")

    async def test_a_damaged_row_hides_nothing_but_its_own_words(
        self, two: tuple[Colleague, Colleague], records: Records
    ) -> None:
        other = Vault({"first": secrets.token_bytes(32)}, "first", secrets.token_bytes(32))
        received = Received(
            key=f"bank:P{secrets.token_hex(7)}", channel="BANK", amount=Money(1), value_date=today(), payer=PAYER
        )
        async with records.moment() as moment:
            damaged, _ = await IncomingPayments(other).keep(moment.session, received)
            await loan_book.hold(moment, damaged)
        good = await unknown_money(records)
        shown = {one["payment_id"]: one for one in await self.listed(two[0])}
        assert (shown[str(damaged.id)]["readable"], shown[str(damaged.id)]["payer_name"]) == (False, "")
        assert (shown[str(good.id)]["readable"], shown[str(good.id)]["payer_name"]) == (True, PAYER.name)

    @pytest.mark.parametrize("state", ["unmatched", "LOST", ""])
    async def test_a_state_that_does_not_exist_is_refused(self, two: tuple[Colleague, Colleague], state: str) -> None:
        answer = await two[0].http.get("/staff/api/payments", params={"state": state})
        assert_problem(answer, 422, "field-not-allowed", "/query/state")

    async def test_two_people_place_it_and_the_case_is_told_by_the_id_alone(
        self, two: tuple[Colleague, Colleague], records: Records, door: StandInDoor
    ) -> None:
        kept, loan, (one, other) = await unknown_money(records), await a_loan_of(records), two
        body = {"to": "loan", "contract_number": f" {loan.number.lower()} ", "reason": "payer-called"}
        proposed = await post(one, f"/{kept.id}/assignments", body)
        assert proposed.status_code == 201, proposed.text
        told = proposed.json()
        assert (told["state"], told["to"], told["contract_number"]) == ("open", "loan", loan.number)
        path = f"/{kept.id}/assignments/{told['assignment_id']}/confirm"
        assert_problem(await post(one, path), 403, "second-person-needed")
        assert door.updates == []
        assert_problem(await post(one, f"/{kept.id}/assignments", body), 409, "assignment-open")
        confirmed = (await post(other, path)).json()
        assert (confirmed["state"], confirmed["decided_by"], confirmed["delivered"]) == (
            "confirmed", str(other.staff_id), True,
        )  # fmt: skip
        assert [(where, what) for where, what, _ in door.updates] == [(id_of(kept.key), "assignment_confirmed")]
        assert id_of(kept.key) in door.started
        assert_problem(await post(other, path), 409, "assignment-decided")
        async with records.database.begin() as session:
            trail = [entry["action"] for entry in await audit.of_subject(session, f"incoming:{kept.id}")]
        assert trail == ["money-received", "assignment-proposed", "assignment-confirmed"]

    async def test_a_confirmation_while_temporal_is_away_is_delivered_later(
        self, two: tuple[Colleague, Colleague], records: Records, door: StandInDoor
    ) -> None:
        kept, (one, other) = await unknown_money(records), two
        told = (await post(one, f"/{kept.id}/assignments", {"to": "payer", "reason": "sent-by-mistake"})).json()
        door.away = True
        answer = await post(other, f"/{kept.id}/assignments/{told['assignment_id']}/confirm")
        assert (answer.status_code, answer.json()["delivered"]) == (200, False)
        waiting = await queued(records, id_of(kept.key))
        assert [(action.operation, action.state) for action in waiting] == [("start", "waiting"), ("update", "waiting")]
        door.away = False
        actions = Actions(records, door)
        while await outbox.send_one(records, actions):
            pass
        sent = [what for case, what, _ in door.updates if case == id_of(kept.key)]  # others have left theirs
        assert sent == ["assignment_confirmed"]

    async def test_a_proposal_can_be_refused_and_another_one_made(
        self, two: tuple[Colleague, Colleague], records: Records
    ) -> None:
        kept, (one, other) = await unknown_money(records), two
        body = {"to": "payer", "reason": "sent-by-mistake"}
        told = (await post(one, f"/{kept.id}/assignments", body)).json()
        refused = (await post(other, f"/{kept.id}/assignments/{told['assignment_id']}/refuse")).json()
        assert (refused["state"], refused["decided_by"]) == ("refused", str(other.staff_id))
        assert (await post(other, f"/{kept.id}/assignments", body)).status_code == 201
        (shown,) = [each for each in await self.listed(one) if each["payment_id"] == str(kept.id)]
        assert [word["state"] for word in shown["assignments"]] == ["refused", "open"]

    async def test_after_the_bank_refused_it_two_people_say_by_which_account_it_is_tried_again(
        self, two: tuple[Colleague, Colleague], records: Records, door: StandInDoor
    ) -> None:
        kept, (one, other), iban = await unknown_money(records), two, "KZ76999KZT0000000101"
        body = {"to": "payer", "iban": iban, "reason": "account-closed"}
        assert_problem(await post(one, f"/{kept.id}/assignments", body), 409, "return-not-tried")
        first = (await post(one, f"/{kept.id}/assignments", {"to": "payer", "reason": "sent-by-mistake"})).json()
        confirmed = (await post(other, f"/{kept.id}/assignments/{first['assignment_id']}/confirm")).json()
        assert (confirmed["attempt"], confirmed["iban"]) == (1, None)
        await refused_by_the_bank(records, kept)
        (shown,) = [each for each in await self.listed(one) if each["payment_id"] == str(kept.id)]
        assert [(each["attempt"], each["state"], each["code"]) for each in shown["returns"]] == [
            (1, "refused", "CLOSED")
        ]
        told = (await post(one, f"/{kept.id}/assignments", body)).json()
        confirmed = (await post(other, f"/{kept.id}/assignments/{told['assignment_id']}/confirm")).json()
        assert (confirmed["to"], confirmed["attempt"], confirmed["iban"]) == ("payer", 2, iban)
        assert len(door.updates) == 2
        async with records.database.begin() as session:
            row = await session.get_one(PaymentAssignment, UUID(told["assignment_id"]))
            trail = await audit.of_subject(session, f"incoming:{kept.id}")
        assert iban.encode() not in (row.account or b"")
        assert iban not in json.dumps(trail, default=str)
        assert (trail[-1]["detail"]["attempt"], trail[-1]["detail"]["other_account"]) == (2, True)

    async def test_two_people_may_leave_it_where_it_is(
        self, two: tuple[Colleague, Colleague], records: Records, door: StandInDoor
    ) -> None:
        kept, (one, other) = await unknown_money(records), two
        told = (await post(one, f"/{kept.id}/assignments", {"to": "queue", "reason": "payer-is-asked"})).json()
        confirmed = (await post(other, f"/{kept.id}/assignments/{told['assignment_id']}/confirm")).json()
        assert (confirmed["to"], confirmed["attempt"], confirmed["delivered"]) == ("queue", None, True)
        assert [what for _, what, _ in door.updates] == ["assignment_confirmed"]
        assert str(kept.id) in [each["payment_id"] for each in await self.listed(one, "UNMATCHED")]
        assert (
            await post(one, f"/{kept.id}/assignments", {"to": "payer", "reason": "payer-called"})
        ).status_code == 201

    async def test_money_without_the_payers_account_cannot_be_sent_back(
        self, two: tuple[Colleague, Colleague], records: Records
    ) -> None:
        kept = await unknown_money(records, payer=Payer(name="ТЕРМИНАЛ"))
        answer = await post(two[0], f"/{kept.id}/assignments", {"to": "payer", "reason": "sent-by-mistake"})
        assert_problem(answer, 409, "payer-account-unknown")

    async def test_money_from_before_a_loan_was_issued_is_not_proposed_for_it(
        self, two: tuple[Colleague, Colleague], records: Records
    ) -> None:
        loan = await a_loan_of(records)
        kept = await unknown_money(records, day=TERMS.disbursed - timedelta(days=1))
        body = {"to": "loan", "contract_number": loan.number, "reason": "payer-called"}
        assert_problem(await post(two[0], f"/{kept.id}/assignments", body), 409, "loan-not-disbursed")

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({"to": "loan", "reason": "payer-called"}, "assignment-place"),
            ({"to": "payer", "contract_number": "MK-1", "reason": "payer-called"}, "assignment-place"),
            ({"to": "me", "reason": "payer-called"}, "field-not-allowed"),
            ({"to": "queue", "contract_number": "MK-1", "reason": "payer-called"}, "assignment-place"),
            ({"to": "queue", "iban": "KZ76999KZT0000000101", "reason": "payer-called"}, "assignment-place"),
            ({"to": "payer", "iban": "KZ76999KZT0000000102", "reason": "payer-called"}, "iban-invalid"),
            ({"to": "payer", "reason": "Because I say so"}, "field-format"),
            ({"to": "payer", "reason": "payer-called", "state": "BOOKED"}, "unknown-field"),
            ({"to": "loan", "contract_number": "MK-2026-FFFFFFFFFF", "reason": "payer-called"}, "contract-unknown"),
        ],
    )
    async def test_a_proposal_that_cannot_be_right_is_refused(
        self, two: tuple[Colleague, Colleague], records: Records, body: dict[str, str], code: str
    ) -> None:
        kept = await unknown_money(records)
        assert_problem(await post(two[0], f"/{kept.id}/assignments", body), 422, code)

    async def test_what_does_not_exist_is_absent(self, two: tuple[Colleague, Colleague], records: Records) -> None:
        kept, body = await unknown_money(records), {"to": "payer", "reason": "sent-by-mistake"}
        assert_problem(await post(two[0], f"/{uuid4()}/assignments", body), 404, "payment-unknown")
        for step in ("confirm", "refuse"):
            answer = await post(two[0], f"/{kept.id}/assignments/{uuid4()}/{step}")
            assert_problem(answer, 404, "assignment-unknown")
