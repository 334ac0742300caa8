"""The statement against our payments: what is known, what differs, what is missing, both ways."""

from __future__ import annotations

import secrets
from datetime import date, timedelta
from uuid import UUID, uuid4

from rules.money import Money
from storage import audit, payments
from storage.database import Database
from storage.reconciliation import Line, Payment, reconcile, reconcile_day, unexplained

DAY = date(2026, 3, 2)


def _payment(number: str, **changes: object) -> Payment:
    payment = Payment(
        key=f"disburse:{number}",
        amount=Money(100),
        state="done",
        order_id=number,
        bank_reference=f"B{number}",
        value_date=DAY,
    )
    return payment.model_copy(update=changes)


def _line(number: str, **changes: object) -> Line:
    return Line(bank_reference=f"B{number}", side="D", amount=Money(100), order_id=number).model_copy(update=changes)


def _only(lines: list[Line], known: list[Payment]) -> tuple[str, str | None]:
    match = reconcile(DAY, lines, known).matches[-1]
    return match.state, match.why


def test_a_day_where_everything_agrees_is_clean() -> None:
    result = reconcile(DAY, [_line("1"), _line("2")], [_payment("1"), _payment("2")])
    assert result.clean
    assert [match.key for match in result.matches] == ["disburse:1", "disburse:2"]


def test_a_line_is_matched_by_our_order_id_where_the_banks_reference_is_new() -> None:
    late = _payment("1", bank_reference=None, state="accepted", value_date=None)
    assert _only([_line("1", bank_reference="B77")], [late]) == ("matched", None)


def test_an_unknown_line_is_unmatched_and_not_dropped() -> None:
    result = reconcile(DAY, [_line("9", order_id=None)], [])
    assert [match.state for match in result.matches] == ["unmatched"]
    assert not result.clean


def test_another_amount_differs() -> None:
    assert _only([_line("1", amount=Money("100.01"))], [_payment("1")]) == ("differs", "another amount")


def test_a_payment_that_we_hold_for_refused_or_unknown_but_that_left_differs() -> None:
    assert _only([_line("1")], [_payment("1", state="refused")]) == ("differs", "the payment is refused")
    assert _only([_line("1")], [_payment("1", state="unknown")]) == ("differs", "the payment is unknown")


def test_a_second_line_for_one_payment_is_a_double() -> None:
    lines = [_line("1"), _line("1", bank_reference="B1-again")]
    assert _only(lines, [_payment("1")]) == ("differs", "a second line for the same payment")


def test_a_done_payment_without_a_line_is_missing() -> None:
    tomorrow = _payment("2", value_date=DAY + timedelta(days=1))
    underway = _payment("3", state="accepted")
    result = reconcile(DAY, [], [_payment("1"), tomorrow, underway])
    assert result.missing == ("disburse:1",)
    assert not result.clean


def test_an_incoming_line_is_left_for_the_repayments() -> None:
    result = reconcile(DAY, [_line("5", side="C", order_id=None)], [])
    assert [match.state for match in result.matches] == ["unmatched"]
    assert result.clean


async def _paid(database: Database, application_id: UUID, reference: str, day: date) -> str:
    key = f"disburse:{application_id}"
    async with database.begin() as session:
        await payments.intend(
            session,
            key=key,
            purpose="disbursement",
            request_hash="h",
            amount=Money(100),
            account_sealed=b"x",
            application_id=None,
        )
        await payments.settle(session, key, "done", None, reference, day)
    return key


async def test_a_day_is_stored_and_reconciled_again_without_doubling(database: Database) -> None:
    day = date(2026, 1, 1) + timedelta(days=secrets.randbelow(3000) + 100)
    good, lost = f"R{uuid4().hex}", f"R{uuid4().hex}"
    key, missing = await _paid(database, uuid4(), good, day), await _paid(database, uuid4(), lost, day)
    stranger = f"R{uuid4().hex}"
    lines = [_line("1", bank_reference=good), _line("2", bank_reference=stranger, order_id=None)]
    for _ in range(2):
        async with database.begin() as session:
            result = await reconcile_day(session, day, lines)
        assert {match.key: match.state for match in result.matches} == {key: "matched", None: "unmatched"}
        assert result.missing == (missing,)
    async with database.begin() as session:
        waiting = {line.bank_reference for line in await unexplained(session)}
        assert stranger in waiting
        assert good not in waiting
        entries = await audit.of_subject(session, f"statement:{day.isoformat()}")
        assert entries[-1]["action"] == "statement-differs"
        assert entries[-1]["detail"]["missing"] == [missing]
