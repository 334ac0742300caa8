"""Money that comes in is booked once, to the right loan or to nobody's account, whatever told us of it.

Real: PostgreSQL with its rights and checks. Played: the bank's statement and the terminals' register.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest
from loan_world import a_loan
from money_world import PAYER, MoneyWorld, says_nothing_of

from activities.incoming import AssignmentGiven, PaymentRef
from rules.errors import Conflict, NotAllowed, NotConfirmed, NotFound
from rules.loan_events import Paid
from rules.money import Money
from storage import assignments, audit, book_check, payments
from storage.database import Database
from storage.incoming import IncomingPayments
from storage.tables import PaymentAssignment

TODAY = date(2026, 3, 2)
TERMS = a_loan()


@pytest.fixture(scope="module")
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url, pool_size=20)
    yield opened
    await opened.close()


async def apart(database: Database) -> Money:
    """By how much the ledger and the payments differ about money that has no place."""
    async with database.begin() as session:
        found = await book_check.check(session, TODAY)
    assert found.debit == found.credit
    return found.unmatched_in_ledger - found.unmatched_payments


@pytest.fixture(scope="module", autouse=True)
async def apart_before(database: Database) -> Money:
    """Other tests on this database insert payments without booking them."""
    return await apart(database)


@pytest.fixture
def world(database: Database) -> MoneyWorld:
    return MoneyWorld(database, TODAY)


async def paid_events(world: MoneyWorld, loan_id: UUID) -> list[Paid]:
    return [one for one in await world.loans.facts(loan_id) if isinstance(one, Paid)]


class TestTaking:
    async def test_a_line_that_names_a_contract_is_booked_to_its_loan(self, world: MoneyWorld) -> None:
        loan_id, number = await world.loan(TERMS)
        reference = world.bank.line(TODAY, "30000.00", f"погашение по договору {number.lower()}")
        taken = await world.take(f"bank:{reference}")
        assert (taken.state, taken.loan_id) == ("BOOKED", loan_id)
        (fact,) = await paid_events(world, loan_id)
        assert (fact.key, fact.value_date, fact.through) == (f"paid:bank:{reference}", TODAY, "bank")
        assert fact.amount == Money("30000.00")
        row = await world.row(f"bank:{reference}")
        assert row is not None
        assert (row.channel, row.matched_by, row.reference, row.value_date) == ("BANK", "reference", number, TODAY)
        posted = await world.posted(f"paid:bank:{reference}", f"incoming:bank:{reference}")
        assert posted[fact.key]["cash:bank"] == "30000.00"
        assert list(posted) == [fact.key]

    async def test_the_same_line_twenty_times_at_once_is_one_row_and_one_posting(self, world: MoneyWorld) -> None:
        loan_id, number = await world.loan(TERMS)
        key = f"bank:{world.bank.line(TODAY, '30000.00', number)}"
        before = await world.loans.ledger_of(loan_id)
        taken = await asyncio.gather(*(world.take(key) for _ in range(20)))
        assert len({(one.state, one.payment_id, one.loan_id) for one in taken}) == 1
        assert len(await paid_events(world, loan_id)) == 1
        after = await world.loans.ledger_of(loan_id)
        assert after["cash:bank"] - before["cash:bank"] == Money("30000.00")
        assert [one["action"] for one in await world.trail(taken[0].payment_id)] == ["money-received"]

    async def test_unknown_money_twenty_times_at_once_is_held_once(self, world: MoneyWorld) -> None:
        key = f"bank:{world.bank.line(TODAY, '777.00', 'за кредит', payer={'iban': 'KZ00'})}"
        before = await world.unmatched_balance()
        taken = await asyncio.gather(*(world.take(key) for _ in range(20)))
        assert {one.state for one in taken} == {"UNMATCHED"}
        assert await world.unmatched_balance() - before == Money("777.00")
        assert await world.posted(f"incoming:{key}") == {
            f"incoming:{key}": {"cash:bank": "777.00", "clients:unmatched": "-777.00"}
        }

    async def test_without_a_number_the_payers_account_leads_to_the_one_open_loan(self, world: MoneyWorld) -> None:
        iban = "KZ75125KZT2069100100"
        loan_id, _ = await world.loan(TERMS, iban)
        taken = await world.take(f"bank:{world.bank.line(TODAY, '30000.00', 'за кредит', payer={'iban': iban})}")
        assert (taken.state, taken.loan_id) == ("BOOKED", loan_id)
        row = await world.row(f"bank:{world.bank.entries[TODAY][0]['bank_ref']}")
        assert row is not None
        assert row.matched_by == "account"

    async def test_an_account_that_two_clients_were_paid_to_places_nothing(self, world: MoneyWorld) -> None:
        iban = "KZ43319K010000000100"
        await world.loan(TERMS, iban)
        await world.loan(TERMS, iban)
        taken = await world.take(f"bank:{world.bank.line(TODAY, '30000.00', 'за кредит', payer={'iban': iban})}")
        assert taken.state == "UNMATCHED"
        (entry,) = await world.trail(taken.payment_id)
        assert entry["reason"] == "account-of-several-clients"

    async def test_an_account_that_is_only_claimed_in_an_application_places_nothing(self, world: MoneyWorld) -> None:
        iban = "KZ17125KZT1001300300"
        application = await world.loans.application(TERMS)
        async with world.database.begin() as session:
            kept = await session.get_one(type(application), application.id)
            kept.account_index = world.vault.index("iban", iban)
            session.add(kept)
        taken = await world.take(f"bank:{world.bank.line(TODAY, '30000.00', 'за кредит', payer={'iban': iban})}")
        assert taken.state == "UNMATCHED"

    async def test_a_callback_that_is_ahead_of_the_statement_books_nothing_until_the_line_is_there(
        self, world: MoneyWorld
    ) -> None:
        loan_id, number = await world.loan(TERMS)
        assert (await world.take("bank:EARLY-1")).state == "absent"
        assert await world.row("bank:EARLY-1") is None
        world.bank.line(TODAY, "30000.00", number, bank_ref="EARLY-1")
        assert (await world.take("bank:EARLY-1")).loan_id == loan_id

    async def test_the_value_date_is_the_day_of_the_banks_statement(self, world: MoneyWorld) -> None:
        loan_id, number = await world.loan(TERMS)
        yesterday = TODAY - timedelta(days=1)
        key = f"bank:{world.bank.line(yesterday, '30000.00', number)}"
        assert (await world.take(key)).state == "BOOKED"
        assert [one.value_date for one in await paid_events(world, loan_id)] == [yesterday]

    async def test_a_line_of_an_older_day_is_found_where_the_news_points(self, world: MoneyWorld) -> None:
        _, number = await world.loan(TERMS)
        old = TODAY - timedelta(days=9)
        key = f"bank:{world.bank.line(old, '30000.00', number)}"
        assert (await world.take(key)).state == "absent"
        assert (await world.take(key, old)).state == "BOOKED"

    async def test_money_that_is_not_tenge_is_not_booked(self, world: MoneyWorld) -> None:
        loan_id, number = await world.loan(TERMS)
        key = f"bank:{world.bank.line(TODAY, '70.00', number, currency='USD')}"
        assert (await world.take(key)).state == "foreign"
        assert await world.row(key) is None
        assert await paid_events(world, loan_id) == []

    async def test_a_payout_that_came_back_is_no_repayment(self, world: MoneyWorld) -> None:
        order = str(uuid4())
        async with world.database.begin() as session:
            await payments.intend(
                session, key=f"disburse:{order}", purpose="disbursement", request_hash="h", amount=Money(100),
                account_sealed=b"x",
            )  # fmt: skip
        key = f"bank:{world.bank.line(TODAY, '100.00', 'возврат', order_id=order)}"
        assert (await world.take(key)).state == "came-back"
        assert await world.row(key) is None

    async def test_a_line_with_a_strangers_order_id_is_money_like_any_other(self, world: MoneyWorld) -> None:
        key = f"bank:{world.bank.line(TODAY, '100.00', 'x', order_id='not ours', payer={'iban': ''})}"
        assert (await world.take(key)).state == "UNMATCHED"

    async def test_money_from_before_the_loan_was_issued_waits_for_people(self, world: MoneyWorld) -> None:
        loan_id, number = await world.loan(TERMS)
        before = TERMS.disbursed - timedelta(days=1)
        key = f"bank:{world.bank.line(before, '100.00', number)}"
        taken = await world.take(key, before)
        assert (taken.state, taken.loan_id) == ("UNMATCHED", None)
        assert await paid_events(world, loan_id) == []
        assert list(await world.posted(f"incoming:{key}", f"paid:{key}")) == [f"incoming:{key}"]
        assert (await world.trail(taken.payment_id))[0]["reason"] == "loan-not-disbursed"

    async def test_money_for_a_closed_loan_is_owed_to_its_client(self, world: MoneyWorld) -> None:
        loan_id, number = await world.loan(TERMS)
        await world.take(f"bank:{world.bank.line(TODAY, '200000.00', number)}")
        assert await world.loans.status(loan_id) == "CLOSED"
        owed = (await world.loans.ledger_of(loan_id))["clients:advances"]
        taken = await world.take(f"bank:{world.bank.line(TODAY, '500.00', number)}")
        assert taken.state == "BOOKED"
        assert (await world.loans.ledger_of(loan_id))["clients:advances"] == owed - Money("500.00")

    async def test_a_terminals_receipt_is_booked_to_the_terminals_cash(self, world: MoneyWorld) -> None:
        loan_id, number = await world.loan(TERMS)
        key = world.terminals.paid(TODAY, "5000.00", number.lower().replace("-", " "))
        taken = await asyncio.gather(*(world.take(key) for _ in range(5)))
        assert {one.loan_id for one in taken} == {loan_id}
        assert (await world.loans.ledger_of(loan_id))["cash:terminal"] == Money("5000.00")

    async def test_a_number_that_no_contract_has_stays_in_the_sealed_text_alone(self, world: MoneyWorld) -> None:
        key = world.terminals.paid(TODAY, "5000.00", "87012345678")
        taken = await world.take(key)
        row = await world.row(key)
        assert (taken.state, row and row.reference) == ("UNMATCHED", None)

    async def test_payer_and_purpose_lie_sealed_and_open_for_staff_alone(self, world: MoneyWorld) -> None:
        purpose = f"за {PAYER['name']}"
        key = f"bank:{world.bank.line(TODAY, '1.00', purpose, payer={'iban': 'KZ86125KZT5004100100'})}"
        taken = await world.take(key)
        row = await world.row(key)
        assert row is not None
        file = IncomingPayments(world.vault)
        assert (file.payer(row).name, file.purpose(row)) == (PAYER["name"], purpose)
        for part in (row.payer, row.purpose):
            assert PAYER["name"].encode() not in part
            assert PAYER["iin"].encode() not in part
        says_nothing_of(PAYER, [await world.trail(taken.payment_id), taken.model_dump()])


class TestTwoPeople:
    async def held(self, world: MoneyWorld, amount: str = "30000.00", day: date = TODAY) -> tuple[UUID, str]:
        key = f"bank:{world.bank.line(day, amount, 'за кредит', payer={'iban': 'KZ00'})}"
        taken = await world.take(key, day)
        assert taken.payment_id is not None
        return taken.payment_id, key

    async def proposed(self, world: MoneyWorld, payment_id: UUID, loan_id: UUID | None) -> PaymentAssignment:
        maker = await world.colleague()
        async with world.database.begin() as session:
            return await assignments.propose(session, payment_id, loan_id, "payer-called", maker)

    async def confirmed(self, world: MoneyWorld, payment_id: UUID, loan_id: UUID | None) -> PaymentAssignment:
        word, checker = await self.proposed(world, payment_id, loan_id), await world.colleague()
        async with world.database.begin() as session:
            return await assignments.confirm(session, payment_id, word.id, checker)

    async def test_the_word_of_two_people_books_held_money_to_the_loan_once(self, world: MoneyWorld) -> None:
        loan_id, _ = await world.loan(TERMS)
        before = await world.unmatched_balance()
        payment_id, key = await self.held(world)
        ref = PaymentRef(payment_id=payment_id)
        assert (await world.door.follow_assignment(ref)).state == "UNMATCHED"  # nobody has said anything
        word = await self.confirmed(world, payment_id, loan_id)
        followed = await asyncio.gather(*(world.door.follow_assignment(ref) for _ in range(8)))
        assert {(one.state, one.loan_id) for one in followed} == {("BOOKED", loan_id)}
        assert len(await paid_events(world, loan_id)) == 1
        assert await world.unmatched_balance() == before
        posted = await world.posted(f"incoming:{key}", f"placed:{key}", f"paid:{key}")
        assert sum(Money(one["cash:bank"]).root for one in posted.values()) == Money("30000.00").root
        trail = await world.trail(payment_id)
        assert [one["action"] for one in trail] == ["money-received", "assignment-followed"]
        assert trail[-1]["actor"] == f"staff:{word.confirmed_by}"

    async def test_on_no_day_the_cash_account_has_the_money_twice(self, world: MoneyWorld) -> None:
        loan_id, _ = await world.loan(TERMS)
        payment_id, key = await self.held(world, day=date(2026, 2, 10))
        world.day = date(2026, 4, 20)  # two due dates later
        async with world.records.moment() as moment:
            from activities.loan_book import catch_up

            await catch_up(moment, loan_id)
        await self.confirmed(world, payment_id, loan_id)
        assert (await world.door.follow_assignment(PaymentRef(payment_id=payment_id))).state == "BOOKED"
        async with world.database.begin() as session:
            from storage.database import run

            rows = await run(
                session,
                "select value_date, sum(case side when 'D' then amount else -amount end) as net from ledger_posting"
                " join ledger_entry on posting_id = ledger_posting.id where account = 'cash:bank' and key = any(:keys)"
                " group by 1 order by 1",
                keys=[f"{kind}:{key}" for kind in ("incoming", "placed", "paid")],
            )
            assert [(row.value_date, str(row.net)) for row in rows if row.net] == [(date(2026, 2, 10), "30000.00")]

    async def test_one_person_alone_places_nothing(self, world: MoneyWorld) -> None:
        loan_id, _ = await world.loan(TERMS)
        payment_id, _ = await self.held(world)
        word = await self.proposed(world, payment_id, loan_id)
        with pytest.raises(NotAllowed, match="second-person-needed"):
            async with world.database.begin() as session:
                await assignments.confirm(session, payment_id, word.id, word.proposed_by)
        assert (await world.door.follow_assignment(PaymentRef(payment_id=payment_id))).state == "UNMATCHED"

    async def test_of_ten_people_who_confirm_at_once_one_is_the_second_person(self, world: MoneyWorld) -> None:
        loan_id, _ = await world.loan(TERMS)
        payment_id, _ = await self.held(world)
        word = await self.proposed(world, payment_id, loan_id)
        people = [await world.colleague() for _ in range(10)]

        async def say(who: UUID) -> str:
            try:
                async with world.database.begin() as session:
                    await assignments.confirm(session, payment_id, word.id, who)
            except Conflict as error:
                return error.code
            return "confirmed"

        assert sorted(await asyncio.gather(*map(say, people))) == ["assignment-decided"] * 9 + ["confirmed"]

    async def test_a_refused_proposal_makes_room_for_another(self, world: MoneyWorld) -> None:
        loan_id, _ = await world.loan(TERMS)
        payment_id, _ = await self.held(world)
        word = await self.proposed(world, payment_id, None)
        with pytest.raises(Conflict, match="assignment-open"):
            await self.proposed(world, payment_id, loan_id)
        async with world.database.begin() as session:
            await assignments.refuse(session, payment_id, word.id, await world.colleague())
        for again in (assignments.confirm, assignments.refuse):
            with pytest.raises(Conflict, match="assignment-decided"):
                async with world.database.begin() as session:
                    await again(session, payment_id, word.id, await world.colleague())
        await self.confirmed(world, payment_id, loan_id)
        assert (await world.door.follow_assignment(PaymentRef(payment_id=payment_id))).loan_id == loan_id
        with pytest.raises(Conflict, match="payment-not-unmatched"):
            await self.proposed(world, payment_id, None)

    async def test_a_word_about_another_payment_is_unknown(self, world: MoneyWorld) -> None:
        payment_id, _ = await self.held(world)
        other, _ = await self.held(world)
        word = await self.proposed(world, payment_id, None)
        with pytest.raises(NotFound, match="assignment-unknown"):
            async with world.database.begin() as session:
                await assignments.confirm(session, other, word.id, await world.colleague())

    async def test_money_goes_back_only_on_its_way_and_waits_again_where_that_failed(self, world: MoneyWorld) -> None:
        payment_id, key = await self.held(world)
        await self.confirmed(world, payment_id, None)
        ref = PaymentRef(payment_id=payment_id)
        assert (await world.door.follow_assignment(ref)).state == "RETURNING"
        assert list(await world.posted(f"incoming:{key}", f"placed:{key}")) == [f"incoming:{key}"]
        assert (await world.door.wait_again(ref)).state == "UNMATCHED"
        assert [one["action"] for one in await world.trail(payment_id)][-1] == "return-failed"

    async def test_a_loan_that_was_issued_later_than_the_money_came_does_not_take_it(self, world: MoneyWorld) -> None:
        loan_id, _ = await world.loan(TERMS)
        early = TERMS.disbursed - timedelta(days=3)
        payment_id, key = await self.held(world, day=early)
        await self.confirmed(world, payment_id, loan_id)
        told = await world.door.follow_assignment(PaymentRef(payment_id=payment_id))
        assert (told.state, told.why) == ("UNMATCHED", "loan-not-disbursed")
        assert list(await world.posted(f"placed:{key}", f"paid:{key}")) == []

    async def test_a_hand_typed_message_is_nobodys_word(self, world: MoneyWorld) -> None:
        payment_id, key = await self.held(world)
        _, other = await self.held(world)
        proposed = await self.proposed(world, payment_id, None)
        for assignment_id, about in ((uuid4(), key), (proposed.id, key)):
            with pytest.raises(NotConfirmed, match="decision-unknown"):
                await world.door.assignment_stands(AssignmentGiven(assignment_id=assignment_id, key=about))
        async with world.database.begin() as session:
            await assignments.confirm(session, payment_id, proposed.id, await world.colleague())
        given = AssignmentGiven(assignment_id=proposed.id, key=key)
        assert await world.door.assignment_stands(given) == "payer"
        with pytest.raises(NotConfirmed, match="decision-unknown"):
            await world.door.assignment_stands(given.model_copy(update={"key": other}))
        async with world.database.begin() as session:
            entries = await audit.of_subject(session, f"assignment:{proposed.id}")
        assert [one["action"] for one in entries] == ["unknown-decision-refused"] * 2


async def test_after_all_of_this_the_books_agree(world: MoneyWorld, apart_before: Money) -> None:
    assert await apart(world.database) == apart_before
