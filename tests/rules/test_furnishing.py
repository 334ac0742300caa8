"""What a record says of a loan on a day."""

from __future__ import annotations

from datetime import date

import pytest

from rules.errors import Conflict
from rules.furnishing import RECALLING, URGENT, Op, RecordBody, body_of
from rules.loan import position
from rules.loan_events import Disbursed, LoanEvent, Suspended
from rules.money import Money
from rules.schedule import instalments
from tests.support.loan_world import a_loan, noon, paid

TERMS = a_loan()
FIRST = next(iter(instalments(TERMS)))
GONE = Disbursed(key="disbursed", value_date=TERMS.disbursed, known_at=noon(TERMS.disbursed), amount=TERMS.principal)
BASIS = {"reason": "fraud-suspected", "legal_basis": "resolution 217, para 13, part 2"}


def told(op: Op, on: date, *facts: LoanEvent, **more: str) -> RecordBody:
    return body_of(op, "MK-1", TERMS.principal, position([GONE, *facts], TERMS, on), **more)


def test_an_update_says_what_is_owed_in_all_and_what_of_it_is_late() -> None:
    on = date(2026, 3, 10)
    body = told(Op.UPDATE, on)
    debt = position([GONE], TERMS, on)
    assert (body.status, body.as_of, body.principal) == ("OVERDUE", on, TERMS.principal)
    assert (body.outstanding, body.overdue_amount) == (debt.total_to_close, FIRST.principal + FIRST.interest)
    assert body.outstanding > TERMS.principal
    assert body.overdue_days == 10


def test_a_loan_paid_in_time_is_active_and_one_repaid_is_closed() -> None:
    in_time = paid(FIRST.due, FIRST.payment)
    assert told(Op.UPDATE, date(2026, 3, 10), in_time).status == "ACTIVE"
    whole = paid(date(2026, 3, 10), "160000.00")
    body = told(Op.CLOSE, date(2026, 3, 10), in_time, whole)
    assert (body.status, body.outstanding, body.overdue_days) == ("CLOSED", Money(0), 0)
    with pytest.raises(Conflict, match="loan-still-owed"):
        told(Op.CLOSE, date(2026, 3, 9), in_time, whole)


def test_a_suspended_loan_says_so() -> None:
    suspended = Suspended(key="suspended", value_date=date(2026, 2, 10), known_at=noon(date(2026, 2, 10)))
    assert told(Op.RESUME, date(2026, 3, 10), suspended, **BASIS).status == "SUSPENDED"
    body = told(Op.SUSPEND_REPORTING, date(2026, 3, 10), suspended, **BASIS)
    assert (body.status, body.principal, body.outstanding, body.overdue_days) == ("SUSPENDED", None, None, None)


def test_a_correction_of_a_late_loan_shows_no_debt() -> None:
    body = told(Op.CORRECTION, date(2026, 5, 10), **BASIS)
    assert (body.status, body.outstanding, body.overdue_amount) == ("WRITTEN_OFF", Money(0), Money(0))
    assert (body.principal, body.overdue_days) == (Money(0), 0)


def test_equal_records_have_equal_hashes_and_each_figure_counts() -> None:
    body = told(Op.UPDATE, date(2026, 3, 10))
    assert body.sha256 == RecordBody.model_validate(body.model_dump(mode="json")).sha256
    others = [{"overdue_days": 11}, {"outstanding": Money(1)}, {"op": Op.NEW}, {"as_of": date(2026, 3, 11)}]
    hashes = {body.model_copy(update=change).sha256 for change in others}
    assert len(hashes | {body.sha256}) == 5


def test_what_protects_a_victim_does_not_wait_for_the_next_round() -> None:
    assert RECALLING < URGENT
    assert set(Op) - URGENT == {Op.UPDATE, Op.CLOSE}
