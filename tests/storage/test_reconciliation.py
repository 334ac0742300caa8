"""The statement against our payments: what is known, what differs, what is missing, both ways."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest

from rules.money import Money
from storage import audit, payments
from storage.database import Database
from storage.reconciliation import Line, Payment, Taken, reconcile, reconcile_day, unexplained

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


def _came(number: str, **changes: object) -> Line:
    return Line(bank_reference=f"P{number}", side="C", amount=Money(100)).model_copy(update=changes)


def _taken(number: str, **changes: object) -> Taken:
    return Taken(key=f"bank:P{number}", amount=Money(100), value_date=DAY).model_copy(update=changes)


def test_an_incoming_line_is_explained_by_the_payment_that_was_taken_from_it() -> None:
    result = reconcile(DAY, [_came("5")], [], [_taken("5")])
    assert result.clean
    assert [match.key for match in result.incoming] == ["bank:P5"]


def test_an_incoming_line_that_was_not_taken_or_with_another_amount_is_for_a_person() -> None:
    result = reconcile(DAY, [_came("5"), _came("6", amount=Money("100.01"))], [], [_taken("6")])
    assert [(match.state, match.why) for match in result.unexplained] == [
        ("unmatched", "not taken yet"),
        ("differs", "another amount"),
    ]
    assert result.incoming == ()


def test_an_incoming_payment_without_its_line_is_missing_on_its_day_alone() -> None:
    result = reconcile(DAY, [], [], [_taken("5"), _taken("6", value_date=DAY - timedelta(days=1))])
    assert result.missing == ("bank:P5",)


def test_one_line_cannot_explain_two_payments_nor_two_lines_one() -> None:
    lines = [_came("5", order_id="1", bank_reference="R1"), _came("5", order_id="1", bank_reference="R2")]
    result = reconcile(DAY, [_line("1"), *lines], [_payment("1", state="returned")])
    assert [(match.state, match.why) for match in result.matches] == [
        ("matched", None),
        ("matched", None),
        ("differs", "a second line for the same payment"),
    ]


def test_a_return_with_another_amount_or_of_a_payment_that_is_not_returned_differs() -> None:
    back = _came("5", order_id="1")
    less = reconcile(DAY, [back.model_copy(update={"amount": Money(99)})], [_payment("1", state="returned")])
    assert less.matches[0].why == "another amount"
    held = reconcile(DAY, [back], [_payment("1", state="done", value_date=None)])
    assert held.matches[0].why == "it came back, and the payment is done"


@pytest.mark.parametrize("side", ["C", "D"])
def test_money_in_another_currency_is_for_a_person_and_counts_for_nothing_in_tenge(side: str) -> None:
    line = _came("5", side=side, currency="USD")
    (match,) = reconcile(DAY, [line], [], []).unexplained
    assert (match.state, match.why) == ("unmatched", "not in tenge")
    assert line.signed == Money(0)


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
    day = date(2031, 3, 4)  # no other test has payments on it
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
