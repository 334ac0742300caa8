"""Money that goes back to a client through the API: how it stands, the account they name, the queue of staff.

Real: PostgreSQL, the archive, the routes. A stand-in: the door to Temporal; what the refund does with an account is
proved with its activities and in tests/workflows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlmodel import col, select

from activities import loan_book
from activities.context import Records
from rules.calendar import local_date
from rules.loan_events import Paid, Refunded
from rules.money import Money
from rules.payment_keys import refund_key
from rules.schedule import LoanTerms, Method
from storage import audit, loans, refunds
from storage.refunds import Named
from storage.tables import OutboxAction, RefundAccount
from tests.support.api_world import Borrower, StandInDoor, assert_problem, new_key
from tests.support.servicing_world import lent_to

TODAY = local_date(datetime.now(UTC))
IBAN, TOKEN = "KZ86125KZT5004100100", "crd_b7e1f0c2a94d4c7f8a51"
TERMS = LoanTerms(
    principal=Money(90_000), rate_percent_per_year=Decimal("36.5"), periods=3, method=Method.ANNUITY,
    disbursed=TODAY - timedelta(days=10), first_due=TODAY + timedelta(days=20),
)  # fmt: skip
RIGHT = {"step": "refund-account", "outcome": "passed"}


def wrong(ground: str, outcome: str = "retry") -> dict[str, str]:
    return {"step": "refund-account", "outcome": outcome, "ground": ground}


@dataclass
class Owed:
    """A borrower to whom 500.00 is owed under a microcredit that went out in cash."""

    records: Records
    borrower: Borrower
    loan_id: UUID

    @property
    def key(self) -> str:
        return refund_key(self.loan_id, 1)

    async def shown(self) -> dict[str, Any]:
        answer = await self.borrower.call("GET", f"/loans/{self.loan_id}/refund", headers={"Accept-Language": "en"})
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def asked(self) -> None:
        """What the refund's case does."""
        async with self.records.moment() as moment:
            await refunds.ask(moment.session, self.key, self.loan_id, "receiver-unknown", moment.at)

    async def names(self, body: dict[str, Any], key: str | None = None) -> Any:
        return await self.borrower.call("PUT", f"/loans/{self.loan_id}/refund/account", json=body, key=key)

    async def accounts(self) -> list[RefundAccount]:
        async with self.records.moment() as moment:
            query = select(RefundAccount).where(col(RefundAccount.loan_id) == self.loan_id)
            return list((await moment.session.exec(query.order_by(col(RefundAccount.named_at)))).all())

    async def booked(self, event: Paid | Refunded) -> None:
        async with self.records.moment() as moment:
            await loan_book.record(moment, self.loan_id, event, actor="system:test", paragraph="7")


@pytest.fixture
async def owed(records: Records, new_borrower: Callable[[], Any]) -> Owed:
    borrower = await new_borrower()
    async with records.moment() as moment:
        client = await records.clients.get(moment.session, borrower.client_id)
        loan = await lent_to(moment, client, TERMS, records.vault, through="cash-desk")
        debt = (await loan_book.position_of(moment.session, loan.id, TODAY)).total_to_close
    made = Owed(records, borrower, loan.id)
    paid = Paid(key=f"desk:{uuid4()}", value_date=TODAY, known_at=datetime.now(UTC), amount=debt + Money(500))
    await made.booked(paid)
    return made


async def test_a_client_sees_that_an_account_is_wanted_and_then_what_went_back(owed: Owed) -> None:
    assert (await owed.shown())["state"] == "under-way"
    await owed.asked()
    told = await owed.shown()
    assert (told["state"], told["owed"], told["ground"]) == ("account-wanted", "500.00", "receiver-unknown")
    assert told["ground_title"] == "The receiver's account is not known"
    async with owed.records.moment() as moment:
        await refunds.end(moment.session, owed.key, "account")
    await owed.booked(Refunded(key=owed.key, value_date=TODAY, known_at=datetime.now(UTC), amount=Money(500)))
    told = await owed.shown()
    assert (told["state"], told["owed"], told["ground"]) == ("paid", "0.00", None)
    assert told["paid"] == [{"on": TODAY.isoformat(), "amount": "500.00"}]


BOTH = [({"iban": IBAN}, "iban", IBAN), ({"card_token": TOKEN}, "card", TOKEN)]


@pytest.mark.parametrize(("body", "kind", "value"), BOTH)
async def test_an_account_is_kept_sealed_and_told_to_the_refund_once(
    owed: Owed, door: StandInDoor, body: dict[str, Any], kind: str, value: str
) -> None:
    await owed.asked()
    door.answers["account_named"] = RIGHT
    key = new_key()
    answers = [await owed.names(body, key) for _ in range(2)]
    assert [one.status_code for one in answers] == [200, 200], answers[0].text
    assert answers[0].json()["next"] == "wait"
    (kept,) = await owed.accounts()
    assert (kept.kind, kept.payment_key, kept.checked_at) == (kind, owed.key, None)
    assert value.encode() not in kept.account
    assert refunds.opened(owed.records.vault, kept) == Named(kind=kind, value=value)
    assert [one[:2] for one in door.updates] == [(f"refund/{owed.loan_id}/1", "account_named")]
    async with owed.records.moment() as moment:
        trail = await audit.of_subject(moment.session, f"loan:{owed.loan_id}")
        query = select(OutboxAction).where(col(OutboxAction.workflow_id) == f"refund/{owed.loan_id}/1")
        assert (await moment.session.exec(query)).all() == []
    assert value not in str(trail)
    (named,) = [one for one in trail if one["action"] == "refund-account-named"]
    assert named["actor"] == f"client:{owed.borrower.client_id}"


async def test_an_account_is_named_while_letters_about_it_are_written(owed: Owed, door: StandInDoor) -> None:
    door.answers["account_named"] = RIGHT

    async def write() -> None:
        async with owed.records.moment() as moment:  # as RefundAccounts locks them
            await loans.lock(moment.session, owed.loan_id)
            await refunds.lock(moment.session, owed.key)

    await owed.asked()
    told = await asyncio.gather(*(owed.names({"iban": IBAN}) if n % 2 else write() for n in range(20)))
    codes = sorted(one.status_code for one in told if one is not None)
    assert codes == [200] * 5 + [409] * 5  # so many accounts a day
    assert len(await owed.accounts()) == 5


@pytest.mark.parametrize(
    ("answer", "body", "status", "code", "pointer"),
    [
        (wrong("account-not-owned"), {"iban": IBAN}, 409, "account-not-owned", "/iban"),
        (wrong("account-owner-unknown"), {"card_token": TOKEN}, 409, "account-owner-unknown", "/card_token"),
        (wrong("account-unknown"), {"iban": IBAN}, 409, "account-unknown", "/iban"),
        (wrong("nothing-to-refund", "refused"), {"iban": IBAN}, 409, "nothing-to-refund", None),
    ],
)
async def test_a_wrong_account_is_a_typed_error_and_another_may_follow(
    owed: Owed, door: StandInDoor, answer: dict[str, str], body: dict[str, Any], status: int, code: str, pointer: str
) -> None:
    await owed.asked()
    door.answers["account_named"] = answer
    refused = await owed.names(body)
    assert_problem(refused, status, code, pointer)
    assert IBAN not in refused.text
    door.answers["account_named"] = RIGHT
    assert (await owed.names({"iban": "KZ43999KZT0000000404"})).status_code == 200
    assert len(await owed.accounts()) == 2


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({}, "iban-missing", "/iban"),
        ({"iban": IBAN, "card_token": TOKEN}, "field-of-another-method", "/iban"),
        ({"iban": "KZ00125KZT5004100100"}, "iban-invalid", "/iban"),
        ({"card_token": "4111111111111111"}, "card-number-given", "/card_token"),
        ({"desk": "almaty-1"}, "unknown-field", "/desk"),
    ],
)
async def test_what_is_no_account_is_refused_before_anything_is_kept(
    owed: Owed, door: StandInDoor, body: dict[str, Any], code: str, pointer: str
) -> None:
    await owed.asked()
    assert_problem(await owed.names(body), 422, code, pointer)
    assert (await owed.accounts(), door.updates) == ([], [])


async def test_an_account_is_taken_only_where_one_was_asked_for(owed: Owed, door: StandInDoor) -> None:
    assert_problem(await owed.names({"iban": IBAN}), 409, "refund-account-not-asked")
    await owed.asked()
    async with owed.records.moment() as moment:
        await refunds.end(moment.session, owed.key, "account")
    assert_problem(await owed.names({"iban": IBAN}), 409, "refund-account-not-asked")
    assert (await owed.accounts(), door.updates) == ([], [])


async def test_nobody_may_try_accounts_out_for_long(owed: Owed, door: StandInDoor) -> None:
    await owed.asked()
    door.answers["account_named"] = wrong("account-not-owned")
    for _ in range(5):
        assert_problem(await owed.names({"iban": IBAN}), 409, "account-not-owned")
    assert_problem(await owed.names({"iban": IBAN}), 409, "refund-account-tries")
    assert len(door.updates) == 5


async def test_while_temporal_is_away_the_account_waits_in_the_outbox(owed: Owed, door: StandInDoor) -> None:
    await owed.asked()
    door.away = True
    answer = await owed.names({"iban": IBAN})
    door.away = False
    assert answer.status_code == 202
    async with owed.records.moment() as moment:
        query = select(OutboxAction).where(col(OutboxAction.workflow_id) == f"refund/{owed.loan_id}/1")
        (kept,) = (await moment.session.exec(query)).all()
        assert (kept.name, kept.state) == ("account_named", "waiting")
        assert IBAN.encode() not in kept.argument
        kept.state = "failed"  # not for other tests' senders
        moment.session.add(kept)


async def test_staff_see_what_waits_and_no_account(owed: Owed, new_colleague: Callable[..., Any]) -> None:
    officer = await new_colleague("officer")
    await officer.log_in()
    await owed.asked()
    async with owed.records.moment() as moment:
        asked = await refunds.lock(moment.session, owed.key)
        for ground in ("account-not-owned", None):
            made = await refunds.name(
                moment.session, owed.records.vault, asked, uuid4(), Named(kind="iban", value=IBAN), 5
            )
            await refunds.checked(moment.session, made, ground, "V1")
    answer = await officer.http.get("/staff/api/refunds")
    (shown,) = [one for one in answer.json() if one["loan_id"] == str(owed.loan_id)]
    assert (shown["workflow_id"], shown["owed"], shown["tried"], shown["letters"]) == (
        f"refund/{owed.loan_id}/1", "500.00", 1, 0,
    )  # fmt: skip
    assert IBAN not in answer.text
    assert [one["asked_at"] for one in answer.json()] == sorted(one["asked_at"] for one in answer.json())
    assert (await owed.shown())["account"] == "••••0100"
