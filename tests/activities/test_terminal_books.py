"""What terminals handed out, and what their operator sends to the bank account, against our books.

Real: PostgreSQL, orders, loans, the ledger. Played: the bank's statement and the network's registers. Each test has
days of its own, ten apart.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import pytest
from loan_world import a_loan
from money_world import MoneyWorld, says_nothing_of

from activities import cash_desk
from activities.applications import ApplicationRef
from activities.reconciliation import StatementDay
from activities.terminal_books import PayoutsReconciled, TerminalsReconciled
from rules.money import Money
from rules.terminal_operators import OPERATORS
from storage import audit, cash_orders, payments, reviews
from storage.database import Database
from storage.tables import CashOrder, TerminalSettlement
from tests.support.cash_world import at_terminal, code_for, signed

TERMS = a_loan(disbursed=date(2033, 1, 31), first_due=date(2033, 2, 28))
A_DAY = timedelta(days=1)
_DAYS = itertools.count()
(OPERATOR,) = OPERATORS
PAYS = {"name": OPERATOR.names["ru"], "iin": OPERATOR.bin, "iban": OPERATOR.iban}
AMOUNT = "40000.00"


@pytest.fixture(scope="module")
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url, pool_size=20)
    yield opened
    await opened.close()


@pytest.fixture
def world(database: Database) -> MoneyWorld:
    return MoneyWorld(database, date(2033, 2, 3) + 10 * next(_DAYS) * A_DAY)


async def look(world: MoneyWorld, day: date | None = None) -> TerminalsReconciled:
    wanted = StatementDay(day=day or world.day, since=datetime.now(UTC))
    await world.reconciliation.reconcile_day(wanted)
    return await world.reconciliation.reconcile_terminals(wanted)


async def payouts(world: MoneyWorld, day: date | None = None) -> PayoutsReconciled:
    found = (await look(world, day)).payouts
    assert found is not None
    return found


class Order:
    """A terminal's order of a signed microcredit."""

    def __init__(self, world: MoneyWorld, ref: ApplicationRef) -> None:
        self.world, self.ref, self.number = world, ref, cash_orders.number_of(ref.application_id)

    @classmethod
    async def placed(cls, world: MoneyWorld, amount: str = AMOUNT) -> Order:
        ref = await signed(world.records, at_terminal(), amount)
        made = cls(world, ref)
        key = f"disburse:{ref.application_id}"
        async with world.records.moment() as moment:
            await payments.intend(
                moment.session, key=key, purpose="disbursement", request_hash="h", amount=Money(amount),
                account_sealed=b"x", application_id=ref.application_id, channel="terminal",
            )  # fmt: skip
            await payments.settle(moment.session, key, "accepted", made.number)
            await cash_orders.place(
                moment.session, payment_key=key, application_id=ref.application_id, client_id=ref.client_id,
                channel="terminal", desk=None, amount=Money(amount), two_people=False, life_hours=24 * 365 * 20,
            )  # fmt: skip
        return made

    async def asked(self, terminal: str = "T-1") -> Order:
        """A terminal is told to pay."""
        code = await code_for(self.world.records, self.ref)
        async with self.world.records.moment() as moment:
            tried = await cash_desk.terminal_asks(moment, self.world.records, self.number, code, terminal)
        assert tried.error is None
        return self

    async def told(self, receipt: str, terminal: str = "T-1") -> Order:
        """And tells us that it has."""
        await self.asked(terminal)
        async with self.world.records.moment() as moment:
            tried = await cash_desk.terminal_paid(moment, self.number, terminal, receipt)
        assert tried.error is None
        return self

    async def row(self) -> CashOrder:
        async with self.world.database.begin() as session:
            return await cash_orders.get(session, self.number)


class TestPayouts:
    async def test_what_both_books_have_agrees(self, world: MoneyWorld) -> None:
        order = await Order.placed(world)
        receipt = world.terminals.handed_out(world.day, order.number, AMOUNT)
        await order.told(receipt)
        found = await payouts(world)
        assert found == PayoutsReconciled(entries=1, matched=1)
        assert found.clean

    async def test_a_terminal_that_paid_and_said_nothing_is_booked_by_its_networks_word(
        self, world: MoneyWorld
    ) -> None:
        order = await (await Order.placed(world)).asked()
        key = f"disburse:{order.ref.application_id}"
        async with world.database.begin() as session:
            review = await reviews.open_review(
                session, kind="MONEY", workflow_id=f"collection/{order.ref.application_id}",
                ground="payout-outcome-unknown", payment_key=key,
            )  # fmt: skip
        receipt = world.terminals.handed_out(world.day, order.number, AMOUNT)
        world.day += A_DAY  # the night after
        found = await payouts(world, world.day - A_DAY)
        assert (found.taken, found.matched, found.clean) == ([order.number], 1, True)
        row = await order.row()
        assert (row.state, row.receipt, row.identified_by) == ("paid", receipt, "terminal")
        async with world.database.begin() as session:
            payment = await payments.get(session, key)
            assert payment is not None
            assert (payment.state, payment.value_date) == ("done", world.day - A_DAY)
            assert (await reviews.get(session, review.id)).state == "decided"
        assert (await world.posted(key))[key] == {"cash:terminal": f"-{AMOUNT}", "loans:principal": AMOUNT}
        again = await payouts(world, world.day - A_DAY)
        assert (again.taken, again.matched, again.clean) == ([], 1, True)

    @pytest.mark.parametrize(
        ("shown", "why"),
        [
            ({"amount": "39999.99"}, "other-amount"),
            ({"currency": "USD"}, "not-in-tenge"),
            ({"terminal_id": "T-2"}, "other-terminal"),
        ],
    )
    @pytest.mark.parametrize("told", [True, False])
    async def test_what_the_network_has_otherwise_is_named_and_never_booked(
        self, world: MoneyWorld, shown: dict[str, str], why: str, told: bool
    ) -> None:
        order = await Order.placed(world)
        receipt = order.number.removeprefix("CO-")
        await (order.told(receipt) if told else order.asked())
        entry = {"amount": AMOUNT, "receipt": receipt} | shown
        world.terminals.handed_out(world.day, order.number, **entry)
        found = await payouts(world)
        (one,) = found.differs
        assert (one.order, one.why, found.clean, found.matched) == (order.number, why, False, 0)
        assert (await order.row()).state == ("paid" if told else "paying")
        assert not (await look(world)).clean

    async def test_another_receipt_a_second_payment_and_orders_that_were_not_to_be_paid_are_named(
        self, world: MoneyWorld
    ) -> None:
        paid, waiting = await (await Order.placed(world)).told("R-OURS"), await Order.placed(world)
        twice = await Order.placed(world)
        await twice.told(world.terminals.handed_out(world.day, twice.number, AMOUNT))
        world.terminals.handed_out(world.day, twice.number, AMOUNT)
        world.terminals.handed_out(world.day, paid.number, AMOUNT, receipt="R-THEIRS")
        world.terminals.handed_out(world.day, waiting.number, AMOUNT)
        world.terminals.handed_out(world.day, "CO-000000000000", AMOUNT)
        found = await payouts(world)
        assert {one.order: one.why for one in found.differs} == {
            twice.number: "paid-twice", paid.number: "other-receipt", waiting.number: "order-waiting",
            "CO-000000000000": "order-unknown",
        }  # fmt: skip
        assert (found.entries, found.matched, found.missing) == (5, 1, [])
        async with world.database.begin() as session:
            trail = await audit.of_subject(session, f"register:{world.day.isoformat()}")
        assert trail[-1]["action"] == "register-differs"

    async def test_an_order_that_was_paid_by_our_books_alone_is_missing(self, world: MoneyWorld) -> None:
        order = await (await Order.placed(world)).told("R-OURS-ALONE")
        found = await payouts(world)
        assert (found.missing, found.clean) == ([order.number], False)
        assert (await payouts(world, world.day + A_DAY)).clean

    async def test_one_that_was_told_of_after_midnight_stands_in_the_register_before(self, world: MoneyWorld) -> None:
        order = await Order.placed(world)
        receipt = world.terminals.handed_out(world.day, order.number, AMOUNT)
        world.day += A_DAY
        await order.told(receipt)
        assert (await payouts(world, world.day - A_DAY)).matched == 1
        found = await payouts(world)
        assert (found.missing, found.other_day, found.clean) == ([], [order.number], True)

    async def test_money_handed_out_at_a_desk_is_no_business_of_the_networks(self, world: MoneyWorld) -> None:
        order = await (await Order.placed(world)).told("R-78")
        world.terminals.handed_out(world.day, order.number, AMOUNT, receipt="R-78")
        found = await payouts(world)
        assert found.clean
        says_nothing_of({"iin": "880412401006"}, found.model_dump(mode="json"))


class TestSettlements:
    async def took(self, world: MoneyWorld, day: date, *amounts: str) -> None:
        """Money is paid at terminals."""
        world.day = day
        _, number = await world.loan(TERMS)
        for amount in amounts:
            await world.take(world.terminals.paid(day, amount, number), day)

    def sends(self, world: MoneyWorld, amount: str, purpose: str, **more: object) -> str:
        return f"bank:{world.bank.line(world.day, amount, purpose, payer=PAYS, **more)}"

    async def test_the_operators_sum_moves_from_the_terminals_to_the_bank(self, world: MoneyWorld) -> None:
        before = world.day
        await self.took(world, before, "1000.00", "500.00")
        order = await Order.placed(world, "300.00")
        await order.told(world.terminals.handed_out(before, order.number, "300.00"))
        world.day += A_DAY
        key = self.sends(world, "1200.00", f"Платежи за {before:%d.%m.%Y}, дог. {OPERATOR.agreement}")
        taken = await world.take(key)
        assert (taken.state, taken.loan_id) == ("BOOKED", None)
        assert await world.posted(f"incoming:{key}") == {
            f"incoming:{key}": {"cash:bank": "1200.00", "cash:terminal": "-1200.00"}
        }
        row = await world.row(key)
        assert row is not None
        assert (row.state, row.matched_by, row.reference) == ("BOOKED", "operator", None)
        assert [one["action"] for one in await world.trail(row.id)] == ["money-received"]
        found = await look(world)
        (one,) = found.settlements
        assert (one.key, one.since, one.until) == (key, before, before)
        assert (one.expected, one.settled, one.difference) == (Money("1200.00"), Money("1200.00"), Money(0))
        assert found.clean
        bank = await world.reconciliation.reconcile_day(StatementDay(day=world.day))
        assert (bank.clean, bank.incoming, bank.ledger.differs) == (True, 1, [])
        assert (await world.take(key)) == taken  # again is the same as once

    async def test_what_the_operator_keeps_back_is_named(self, world: MoneyWorld) -> None:
        before = world.day
        await self.took(world, before, "1000.00")
        world.day += A_DAY
        self.sends(world, "985.00", f"за {before.isoformat()}")
        found = await look(world)  # nobody told us: the night takes it
        (one,) = found.settlements
        assert (one.expected, one.settled, one.difference) == (Money(1000), Money(985), Money(-15))
        assert not found.clean
        async with world.database.begin() as session:
            trail = await audit.of_subject(session, f"register:{world.day.isoformat()}")
        assert trail[-1]["detail"]["settlements"][0]["difference"] == "-15.00"

    async def test_two_sums_for_one_day_count_together(self, world: MoneyWorld) -> None:
        before = world.day
        await self.took(world, before, "1000.00")
        world.day += A_DAY
        for amount in ("600.00", "400.00"):
            self.sends(world, amount, f"за {before.isoformat()}")
        found = await look(world)
        assert [(one.settled, one.difference) for one in found.settlements] == [(Money(1000), Money(0))] * 2

    async def test_one_sum_for_a_weekend(self, world: MoneyWorld) -> None:
        friday, sunday = world.day, world.day + 2 * A_DAY
        await self.took(world, friday, "100.00")
        await self.took(world, sunday, "7.00")
        world.day += A_DAY
        self.sends(world, "107.00", f"за {friday:%d.%m.%Y} - {sunday:%d.%m.%Y}")
        (one,) = (await look(world)).settlements
        assert (one.since, one.until, one.difference) == (friday, sunday, Money(0))

    async def test_without_a_named_day_it_is_for_all_since_the_last_one(self, world: MoneyWorld) -> None:
        first = world.day
        await self.took(world, first, "100.00")
        world.day += A_DAY
        await world.take(self.sends(world, "100.00", f"за {first.isoformat()}"))
        for day in (first + A_DAY, first + 2 * A_DAY):
            await self.took(world, day, "10.00")
        world.day = first + 3 * A_DAY
        key = self.sends(world, "20.00", "перечисление принятых платежей")
        found = [one for one in (await look(world)).settlements if one.key == key]
        assert [(one.since, one.until, one.difference) for one in found] == [
            (first + A_DAY, first + 2 * A_DAY, Money(0))
        ]
        async with world.database.begin() as session:
            row = await world.row(key)
            assert row is not None
            kept = await session.get_one(TerminalSettlement, row.id)
        assert (kept.named, kept.operator) == (False, OPERATOR.code)

    async def test_a_contract_named_by_the_operator_is_not_paid_twice(self, world: MoneyWorld) -> None:
        loan_id, number = await world.loan(TERMS)
        await world.take(world.terminals.paid(world.day, "50.00", number))
        before = await world.loans.ledger_of(loan_id)
        world.day += A_DAY
        key = self.sends(world, "50.00", f"за {world.day - A_DAY:%d.%m.%Y}, в т.ч. по договору {number}")
        assert (await world.take(key)).loan_id is None
        assert await world.loans.ledger_of(loan_id) == before

    @pytest.mark.parametrize("known", [{"iban": ""}, {"iin": ""}])
    async def test_the_operator_is_known_by_its_account_or_its_number(
        self, world: MoneyWorld, known: dict[str, str]
    ) -> None:
        key = f"bank:{world.bank.line(world.day, '5.00', 'без даты', payer=PAYS | known)}"
        await world.take(key)
        row = await world.row(key)
        assert row is not None
        assert row.matched_by == "operator"

    async def test_somebody_who_only_writes_like_the_operator_is_unknown_money(self, world: MoneyWorld) -> None:
        purpose = f"{OPERATOR.names['ru']}, дог. {OPERATOR.agreement}, платежи за {world.day:%d.%m.%Y}"
        key = f"bank:{world.bank.line(world.day, '5.00', purpose, payer={'iban': ''})}"
        assert (await world.take(key)).state == "UNMATCHED"

    async def test_a_day_whose_money_did_not_come_in_time_is_named_that_night(self, world: MoneyWorld) -> None:
        day, due = world.day, world.day + OPERATOR.settles_within_days * A_DAY
        await self.took(world, day, "70.00")
        assert (await look(world, due - A_DAY)).unsettled == []
        found = await look(world, due)
        assert [(one.operator, one.day, one.expected) for one in found.unsettled] == [
            (OPERATOR.code, day, Money("70.00"))
        ]
        assert not found.clean
        world.day = due
        await world.take(self.sends(world, "70.00", f"за {day.isoformat()}"))
        assert (await look(world, due)).clean  # people look again once it is there
