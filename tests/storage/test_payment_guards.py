"""What the database refuses about outgoing payments, asked by plain SQL as the application's own role.

The code keeps these rules too; these are the second walls, for the day on which the code is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors

from storage.database import libpq_url

LARGE, UNKNOWN = "amount-needs-two-people", "payout-outcome-unknown"


@pytest.fixture
def app(database_url: str) -> Iterator[psycopg.Connection]:
    """A plain connection as the application."""
    with psycopg.connect(libpq_url(database_url), autocommit=True) as connection:
        yield connection


def person(app: psycopg.Connection) -> UUID:
    one = uuid4()
    app.execute(
        "insert into staff (id, login, name, roles, password_hash, totp_secret, totp_last_step, active, created_at)"
        " values (%s, %s, 'n', '{officer}', 'h', 's', 0, true, now())",
        (one, one.hex),
    )
    return one


def payment(app: psycopg.Connection, state: str = "held", amount: int = 200, limit: int = 100) -> str:
    key, sent = f"disburse:{uuid4()}", "null" if state == "held" else "now()"
    app.execute(
        "insert into outbound_payment (key, order_id, purpose, channel, request_hash, amount, limit_amount, account,"
        f" state, made_at, first_sent_at, sent_at) values (%s, %s, 'p', 'bank', 'h', %s, %s, 'a', %s, now(), {sent},"
        f" {sent})",
        (key, key, amount, limit, state),
    )
    return key


def review(app: psycopg.Connection, key: str | None, ground: str = LARGE, kind: str = "MONEY") -> UUID:
    one = uuid4()
    app.execute(
        "insert into review (id, kind, workflow_id, ground, payment_key, state, created_at)"
        " values (%s, %s, %s, %s, %s, 'open', now())",
        (one, kind, one.hex, ground, key),
    )
    return one


def decide(
    app: psycopg.Connection, review_id: UUID, staff_id: UUID, decision: str, *, final: bool, line: str | None = None
) -> UUID:
    one = uuid4()
    app.execute(
        "insert into review_decision (id, review_id, staff_id, decision, reason_code, bank_reference, value_date,"
        " final, at) values (%s, %s, %s, %s, 'r', %s, %s, %s, now())",
        (one, review_id, staff_id, decision, line, "2026-01-15" if line else None, final),
    )
    return one


def decided(
    app: psycopg.Connection, key: str | None, decision: str = "approve", ground: str = LARGE, **more: str
) -> tuple[UUID, UUID]:
    """A review with the words of two people; its id and that of the final decision."""
    one = review(app, key, ground, more.get("kind", "MONEY"))
    line = more.get("line")
    decide(app, one, person(app), decision, final=False, line=line)
    return one, decide(app, one, person(app), decision, final=True, line=line)


def release(app: psycopg.Connection, key: str, review_id: UUID | None) -> None:
    app.execute("update outbound_payment set state = 'sending', review_id = %s where key = %s", (review_id, key))


class TestAnAmountAboveTheLimit:
    def test_is_released_by_two_people(self, app):
        key = payment(app)
        release(app, key, decided(app, key)[0])
        assert app.execute("select state from outbound_payment where key = %s", (key,)).fetchone() == ("sending",)

    @pytest.mark.parametrize("amount", [101, 100_000])
    def test_cannot_begin_as_sent(self, app, amount):
        with pytest.raises(errors.CheckViolation):
            payment(app, "sending", amount)

    def test_of_the_limit_itself_may(self, app):
        payment(app, "sending", 100)

    def test_is_not_released_without_a_review(self, app):
        key = payment(app)
        with pytest.raises(errors.CheckViolation, match="two people"):
            release(app, key, None)

    def test_is_not_released_by_one_person(self, app):
        key = payment(app)
        one = review(app, key)
        decide(app, one, person(app), "approve", final=False)
        with pytest.raises(errors.CheckViolation, match="two people"):
            release(app, key, one)

    def test_is_not_released_by_one_person_who_decides_twice(self, app):
        key = payment(app)
        one, who = review(app, key), person(app)
        decide(app, one, who, "approve", final=False)
        with pytest.raises(errors.UniqueViolation):
            decide(app, one, who, "approve", final=False)
        with pytest.raises(errors.CheckViolation, match="second person"):
            decide(app, review(app, key, kind="MONEY", ground="x"), who, "approve", final=True)

    def test_is_not_released_by_two_who_differ(self, app):
        key = payment(app)
        one = review(app, key)
        decide(app, one, person(app), "approve", final=False)
        decide(app, one, person(app), "refuse", final=False)
        with pytest.raises(errors.CheckViolation, match="two people"):
            release(app, key, one)

    def test_is_not_released_by_two_who_refused(self, app):
        key = payment(app)
        with pytest.raises(errors.CheckViolation, match="two people"):
            release(app, key, decided(app, key, "refuse")[0])

    @pytest.mark.parametrize("about", ["another payment", "nothing", "its outcome", "another kind"])
    def test_is_not_released_by_a_review_of_something_else(self, app, about):
        key = payment(app)
        if about == "another payment":
            made = decided(app, payment(app))
        elif about == "nothing":
            made = decided(app, None)
        elif about == "its outcome":
            made = decided(app, key, ground=UNKNOWN)
        else:
            made = decided(app, key, kind="DECISION")
        with pytest.raises(errors.CheckViolation, match="two people"):
            release(app, key, made[0])

    @pytest.mark.parametrize("state", ["accepted", "done", "unknown", "returned"])
    def test_is_not_passed_off_as_sent(self, app, state):
        key = payment(app)
        with pytest.raises(errors.CheckViolation):
            app.execute(
                "update outbound_payment set state = %s, review_id = %s, bank_reference = %s, value_date = now()"
                " where key = %s",
                (state, decided(app, key)[0], uuid4().hex, key),
            )

    @pytest.mark.parametrize(
        "change", ["limit_amount = 1000", "amount = 1", "key = 'x'", "purpose = 'x'", "channel = 'card'"]
    )
    def test_keeps_its_amount_and_its_limit(self, app, change):
        with pytest.raises(errors.InsufficientPrivilege):
            app.execute(f"update outbound_payment set {change}")

    def test_keeps_the_review_that_released_it(self, app):
        key = payment(app)
        release(app, key, decided(app, key)[0])
        with pytest.raises(errors.CheckViolation, match="not changed"):
            app.execute("update outbound_payment set review_id = %s where key = %s", (uuid4(), key))

    def test_is_not_held_again(self, app):
        key = payment(app, "sending", 50)
        with pytest.raises(errors.CheckViolation, match="does not become"):
            app.execute("update outbound_payment set state = 'held' where key = %s", (key,))


class TestAnOutcomeByPeople:
    def settle(self, app, key: str, state: str, decision: UUID, line: str | None = None) -> None:
        app.execute(
            "update outbound_payment set state = %s, decision_id = %s, bank_reference = %s, value_date = %s"
            " where key = %s",
            (state, decision, line, "2026-01-15" if line else None, key),
        )

    def test_stands_where_two_people_say_so(self, app):
        key, line = payment(app, "sending", 50), uuid4().hex
        self.settle(app, key, "done", decided(app, key, ground=UNKNOWN, line=line)[1], line)
        other = payment(app, "sending", 50)
        self.settle(app, other, "refused", decided(app, other, "refuse", ground=UNKNOWN)[1])

    def test_does_not_stand_on_another_line_than_they_saw(self, app):
        key, line = payment(app, "sending", 50), uuid4().hex
        with pytest.raises(errors.CheckViolation, match="two people"):
            self.settle(app, key, "done", decided(app, key, ground=UNKNOWN, line=line)[1], "another")

    @pytest.mark.parametrize(("decision", "state"), [("refuse", "done"), ("approve", "refused"), ("retry", "refused")])
    def test_is_what_they_said(self, app, decision, state):
        key, line = payment(app, "sending", 50), uuid4().hex
        evidence = {"line": line} if decision == "approve" else {}
        made = decided(app, key, decision, ground=UNKNOWN, **evidence)[1]
        with pytest.raises(errors.CheckViolation, match="two people"):
            self.settle(app, key, state, made, line if state == "done" else None)

    def test_is_not_a_proposal(self, app):
        key = payment(app, "sending", 50)
        proposal = decide(app, review(app, key, UNKNOWN), person(app), "refuse", final=False)
        with pytest.raises(errors.CheckViolation, match="two people"):
            self.settle(app, key, "refused", proposal)

    def test_of_another_payment_is_none(self, app):
        key, other = payment(app, "sending", 50), payment(app, "sending", 50)
        made = decided(app, other, "refuse", ground=UNKNOWN)[1]
        with pytest.raises(errors.CheckViolation, match="two people"):
            self.settle(app, key, "refused", made)

    def test_that_is_made_up_is_none(self, app):
        key = payment(app, "sending", 50)
        with pytest.raises(errors.CheckViolation, match="two people"):
            self.settle(app, key, "refused", uuid4())

    def test_final_needs_two_who_saw_the_same_line(self, app):
        one = review(app, payment(app, "sending", 50), UNKNOWN)
        decide(app, one, person(app), "approve", final=False, line=uuid4().hex)
        with pytest.raises(errors.CheckViolation, match="second person"):
            decide(app, one, person(app), "approve", final=True, line=uuid4().hex)

    def test_a_line_goes_with_approval_alone(self, app):
        one = review(app, payment(app, "sending", 50), UNKNOWN)
        with pytest.raises(errors.CheckViolation, match="evidence"):
            decide(app, one, person(app), "refuse", final=False, line=uuid4().hex)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["refused"], "sending"), (["refused"], "done"), (["done"], "unknown"), (["done"], "refused"),
        (["done", "returned"], "done"), (["accepted", "returned"], "accepted"),
    ],
)  # fmt: skip
def test_a_payment_that_has_its_last_word_keeps_it(app, before, after):
    key = payment(app, "sending", 50)
    for state in before:
        app.execute(
            "update outbound_payment set state = %s, bank_reference = %s, value_date = now() where key = %s",
            (state, uuid4().hex, key),
        )
    with pytest.raises(errors.CheckViolation, match="does not become"):
        app.execute("update outbound_payment set state = %s where key = %s", (after, key))


def test_a_payment_is_done_by_a_line_of_the_banks_books(app):
    key = payment(app, "sending", 50)
    with pytest.raises(errors.CheckViolation, match="done"):
        app.execute("update outbound_payment set state = 'done', value_date = now() where key = %s", (key,))


def test_one_line_of_the_banks_books_is_one_payment(app):
    one, other, line = payment(app, "sending", 50), payment(app, "sending", 50), uuid4().hex
    done = "update outbound_payment set state = 'done', bank_reference = %s, value_date = now() where key = %s"
    app.execute(done, (line, one))
    with pytest.raises(errors.UniqueViolation):
        app.execute(done, (line, other))


def test_a_payment_cannot_begin_with_its_outcome(app):
    for state in ("accepted", "done", "refused", "returned", "unknown"):
        with pytest.raises(errors.CheckViolation):
            payment(app, state, 50)
