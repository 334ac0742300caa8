"""Money that is owed to a client whose microcredit went out in cash or to a seller: they name an account, the bank says
whose it is, and only then the refund goes out, once.

Real: the database, the archive, the engine of payments, the bank and the anti-fraud centre over HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from outside_world import iban
from payout_world import PayoutWorld, assert_paid_once

from activities.context import Records
from activities.payout_orders import AccountNamed, PayoutOrder
from activities.refund_accounts import (
    KNOWN,
    SILENT,
    AccountAsked,
    AccountReminded,
    AccountWanted,
    AskingEnded,
    RefundAccounts,
)
from rules.errors import Conflict, NotFound
from rules.evidence import StepOutcome, StepResult
from rules.loan_events import Refunded
from rules.money import Money
from rules.payment_keys import return_key
from rules.products import ReceivingMethod
from rules.receiving import Receiving
from storage import audit, refunds, reviews
from storage.database import run
from storage.refunds import Named
from storage.tables import RefundAccount
from tests.support.servicing_world import A_DAY, LENDER, TERMS, Borrowed, borrowed, opened_records

if TYPE_CHECKING:
    from infra.settings import Archive as ArchiveSettings

WITHOUT_ACCOUNT = [
    Receiving(method=ReceivingMethod.CASH_DESK, value="almaty-1"),
    Receiving(method=ReceivingMethod.CASH_TERMINAL),
    Receiving(method=ReceivingMethod.MERCHANT, value="ulgi-technika"),
]
DESK = WITHOUT_ACCOUNT[0]
BY = "777.77"


@dataclass
class Asked:
    """A refund whose client was asked for an account."""

    world: PayoutWorld
    order: PayoutOrder
    iban: str

    @classmethod
    async def of(cls, world: PayoutWorld, order: PayoutOrder) -> Asked:
        assert order.loan_id is not None
        assert order.client_id is not None
        async with world.records.moment() as moment:
            await refunds.ask(moment.session, order.key, order.loan_id, "receiver-unknown", moment.at)
            client = await world.records.clients.get(moment.session, order.client_id)
            number = world.records.clients.person(client).iin
        return cls(world, order, iban(int(number[7:11])))

    async def kept(self, value: str, kind: str = "iban") -> AccountNamed:
        """What the API does with what the client typed."""
        async with self.world.records.moment() as moment:
            asked = await refunds.lock(moment.session, self.order.key)
            named = Named(kind=kind, value=value)
            made = await refunds.name(moment.session, self.world.vault, asked, uuid4(), named, 99)
        return AccountNamed(**self.order.model_dump(), account_id=made.id)

    async def names(self, value: str, kind: str = "iban") -> StepResult:
        return await self.world.door.check_named(await self.kept(value, kind))

    async def row(self, account_id: UUID) -> RefundAccount:
        async with self.world.database.begin() as session:
            return await session.get_one(RefundAccount, account_id)


@pytest.fixture
async def asked(bank) -> Asked:
    world = bank()
    return await Asked.of(world, await world.overpaid_without_account(DESK, BY))


@pytest.mark.parametrize("receiving", WITHOUT_ACCOUNT, ids=lambda one: one.channel)
async def test_nobody_gets_the_money_before_the_client_has_named_an_account_of_their_own(bank, receiving):
    world = bank()
    order = await world.overpaid_without_account(receiving, BY)
    assert await world.door.verify_account(order) == "receiver-unknown"
    asked = await Asked.of(world, order)
    assert (await asked.names(asked.iban)).outcome is StepOutcome.PASSED
    assert await world.door.verify_account(order) is None
    assert (await world.until_final(order)).state == "done"
    await assert_paid_once(world, order, BY)
    (paid,) = world.paid(order)
    assert paid["iban"] == asked.iban
    assert await world.posted(order) == {"cash:bank": f"-{BY}", "clients:advances": BY}


async def test_an_account_that_the_bank_was_not_asked_about_is_not_paid_to(asked: Asked):
    await asked.kept(asked.iban)
    state = await asked.world.payouts.pay(asked.order)
    assert (state.state, state.ground) == ("refused", "receiver-unknown")
    assert asked.world.paid(asked.order) == []


async def test_a_wrong_account_is_refused_with_its_ground_and_the_right_one_follows(asked: Asked):
    other = await asked.world.order()  # somebody else, whom the bank knows
    theirs = asked.world.payouts.destination(await _paid_out(asked.world, other)).value
    for value, ground in ((theirs, "account-not-owned"), (iban(9_999_999), "account-unknown")):
        told = await asked.names(value)
        assert (told.outcome, told.ground) == (StepOutcome.RETRY, ground)
        assert await asked.world.door.verify_account(asked.order) == "receiver-unknown"
    assert (await asked.names(asked.iban)).outcome is StepOutcome.PASSED
    async with asked.world.database.begin() as session:
        trail = await audit.of_subject(session, asked.order.subject)
    assert [one["reason"] for one in trail if one["action"] == "account-refused"] == [
        "account-not-owned", "receiver-unknown", "account-unknown", "receiver-unknown",
    ]  # fmt: skip
    assert theirs not in str(trail)
    assert asked.iban not in str(trail)


async def _paid_out(world: PayoutWorld, order: PayoutOrder) -> Any:
    await world.until_final(order)
    return await world.payment(order)


async def test_a_card_is_taken_by_its_token(asked: Asked):
    token = f"crd_{uuid4().hex}"
    async with asked.world.records.moment() as moment:
        client = await asked.world.records.clients.get(moment.session, asked.order.client_id)
        person = asked.world.records.clients.person(client)
    body = {"cards": [{"card_token": token}]}
    asked.world.outside.control.patch(f"/_control/personas/{person.iin}", json=body).raise_for_status()
    assert (await asked.names(token, "card")).outcome is StepOutcome.PASSED
    assert (await asked.world.until_final(asked.order)).state == "done"
    assert ((await asked.world.payment(asked.order)).channel, asked.world.paid(asked.order)[0]["card_token"]) == (
        "card", token,
    )  # fmt: skip


async def test_a_bank_that_cannot_say_whose_it_is_is_no_proof(asked: Asked):
    asked.world.outside.fault("bank", "verify_owner", "owner", key=asked.iban, result="UNKNOWN")
    told = await asked.names(asked.iban)
    assert (told.outcome, told.ground) == (StepOutcome.RETRY, "account-owner-unknown")
    assert (await asked.names(asked.iban)).outcome is StepOutcome.PASSED  # the same account, named once more


async def test_a_listed_receiver_ends_the_asking(asked: Asked):
    async with asked.world.records.moment() as moment:
        client = await asked.world.records.clients.get(moment.session, asked.order.client_id)
        number = asked.world.records.clients.person(client).iin
    body = {"antifraud": {"listed": True}}
    asked.world.outside.control.patch(f"/_control/personas/{number}", json=body).raise_for_status()
    told = await asked.names(asked.iban)
    assert (told.outcome, told.ground) == (StepOutcome.REFUSED, "recipient-listed")


async def test_the_bank_is_asked_once_about_an_account_and_its_word_stands(asked: Asked):
    named = await asked.kept(asked.iban)
    before = len(asked.world.outside.calls("bank", "verify_owner"))
    told = [await asked.world.door.check_named(named) for _ in range(3)]
    assert [one.outcome for one in told] == [StepOutcome.PASSED] * 3
    assert len(asked.world.outside.calls("bank", "verify_owner")) == before + 1
    row = await asked.row(named.account_id)
    assert row.ground is None
    assert row.bank_reference
    with pytest.raises(Exception, match="is not changed"):
        async with asked.world.database.begin() as session:
            await run(session, "update refund_account set ground = 'account-not-owned' where id = :id", id=row.id)


async def test_an_account_of_another_refund_is_none_of_this_one(asked: Asked):
    named = await asked.kept(asked.iban)
    other = named.model_copy(update={"key": f"{named.key[:-1]}2"})
    with pytest.raises(NotFound, match="account-unknown"):
        await asked.world.door.check_named(other)
    with pytest.raises(NotFound, match="account-unknown"):
        await asked.world.door.check_named(named.model_copy(update={"account_id": uuid4()}))
    assert (await asked.row(named.account_id)).checked_at is None


async def test_a_payment_back_to_its_payer_takes_no_account_of_a_clients(asked: Asked):
    incoming = uuid4()
    key = return_key(incoming)
    async with asked.world.database.begin() as session:
        await refunds.ask(session, key, asked.order.loan_id, "receiver-unknown", _now())  # by hand
        row = await refunds.lock(session, key)
        named = Named(kind="iban", value=asked.iban)
        made = await refunds.name(session, asked.world.vault, row, uuid4(), named, 9)
    order = AccountNamed(key=key, incoming_payment_id=incoming, account_id=made.id)
    with pytest.raises(Conflict, match="wrong-step"):
        await asked.world.door.check_named(order)


def _now() -> Any:
    from payout_world import now

    return now()


async def test_an_ordered_refund_goes_where_it_was_ordered_whatever_is_named_later(asked: Asked):
    token = f"crd_{uuid4().hex}"
    first = await asked.kept(asked.iban)
    assert (await asked.world.door.check_named(first)).outcome is StepOutcome.PASSED
    await asked.world.payouts.pay(asked.order)
    told = await asked.names(token, "card")
    assert (told.outcome, told.ground) == (StepOutcome.REFUSED, "refund-under-way")
    assert (await asked.world.until_final(asked.order)).state == "done"
    await assert_paid_once(asked.world, asked.order, BY)
    assert asked.world.paid(asked.order)[0]["iban"] == asked.iban


async def test_an_account_that_was_closed_since_makes_room_for_another(bank):
    world = bank()
    order = await world.overpaid(BY)
    asked = await Asked.of(world, order)
    new = iban(1_000_000 + int(uuid4().int % 1_000_000))
    async with world.records.moment() as moment:
        client = await world.records.clients.get(moment.session, order.client_id)
        number = world.records.clients.person(client).iin
    body = {"accounts": [{"iban": asked.iban, "closed": True}, {"iban": new}]}
    world.outside.control.patch(f"/_control/personas/{number}", json=body).raise_for_status()
    assert await world.door.verify_account(order) == "account-unknown"
    assert (await asked.names(new)).outcome is StepOutcome.PASSED
    assert (await world.until_final(order)).state == "done"
    assert [one["iban"] for one in world.paid(order)] == [new]


# ---- the letters


@pytest.fixture(scope="module")
async def kept(database_url: str, archive_settings: ArchiveSettings) -> AsyncIterator[Records]:
    async with opened_records(database_url, archive_settings) as records:
        yield records


@dataclass
class Writing:
    """A loan with 500.00 above its debt, and the activities that write to its client."""

    loan: Borrowed
    work: RefundAccounts

    @property
    def key(self) -> str:
        return f"refund:{self.loan.ref.loan_id}:1"

    async def ask(self, ground: str = "receiver-unknown") -> AccountAsked:
        wanted = AccountWanted(key=self.key, loan_id=self.loan.ref.loan_id, ground=ground)
        return await self.work.ask_for_account(wanted)

    async def remind(self, n: int) -> UUID | None:
        return await self.work.remind_of_account(AccountReminded(key=self.key, loan_id=self.loan.ref.loan_id, n=n))

    async def end(self, outcome: str = KNOWN) -> None:
        await self.work.end_asking(AskingEnded(key=self.key, outcome=outcome, workflow_id=self.case))

    @property
    def case(self) -> str:
        return f"refund/{self.loan.ref.loan_id}/1"


@pytest.fixture
async def writing(kept: Records, request: pytest.FixtureRequest) -> Writing:
    loan = await borrowed(kept, language=getattr(request, "param", "ru"))
    async with loan.world.moment() as moment:
        from activities.loan_book import position_of

        debt = (await position_of(moment.session, loan.ref.loan_id, TERMS.disbursed)).total_to_close
    await loan.pay(TERMS.disbursed, debt + Money(500))
    return Writing(loan, RefundAccounts(loan.world.records, LENDER))


@pytest.mark.parametrize(
    ("writing", "words"),
    [("ru", "свой счёт или карту"), ("kk", "өз шотыңызды немесе картаңызды"), ("en", "your own account or card")],
    indirect=["writing"],
)
async def test_the_client_is_asked_in_writing_in_their_own_language_once(writing: Writing, words: str):
    asked = await writing.ask()
    assert await writing.ask() == asked
    both = await asyncio.gather(writing.ask(), writing.ask())
    assert both == [asked, asked]
    assert (asked.n, asked.every_days, asked.reminders) == (1, 7, 4)
    (notice,) = await writing.loan.notices()
    assert (notice.kind, notice.id, notice.due_on) == ("REFUND_ACCOUNT", asked.notice_id, None)
    assert notice.figures == {"amount": "500.00", "ground": "receiver-unknown", "template": "refund-account-1"}
    document, pdf = await writing.loan.document(notice.document_id)
    assert (document.kind, pdf[:5]) == ("refund_account", b"%PDF-")
    (text,) = await writing.loan.messages()
    assert words in text
    assert "500,00" in text.replace("\u00a0", " ")
    assert writing.loan.row is not None


async def test_a_reminder_is_another_letter_with_the_sum_of_its_day(writing: Writing):
    await writing.ask()
    later = TERMS.disbursed + 7 * A_DAY
    await writing.loan.pay(later, "25.00")
    reminded = [await writing.remind(2) for _ in range(2)]
    assert reminded[0] == reminded[1]
    first, second = await writing.loan.notices()
    assert (second.id, second.figures["amount"]) == (reminded[0], "525.00")
    assert second.document_id != first.document_id
    assert await writing.remind(3) not in (None, second.id)


async def test_when_it_is_over_nobody_is_written_to_and_nobody_has_to_look(writing: Writing):
    await writing.ask()
    async with writing.loan.world.moment() as moment:
        review = await reviews.open_review(moment.session, kind="MONEY", workflow_id=writing.case, ground=SILENT)
        other = await reviews.open_review(moment.session, kind="MONEY", workflow_id=writing.case, ground="another")
    await writing.end()
    await writing.end("nothing-to-refund")  # again: the first word stands
    assert await writing.remind(2) is None
    async with writing.loan.world.moment() as moment:
        row = await refunds.lock(moment.session, writing.key)
        assert (row.outcome, await refunds.open_of_loan(moment.session, writing.loan.ref.loan_id)) == (KNOWN, None)
        assert (await reviews.get(moment.session, review.id)).state == "decided"
        assert (await reviews.get(moment.session, other.id)).state == "open"
    assert (await writing.loan.trail()).count("refund-account-known") == 1


async def test_a_request_that_is_opened_again_is_another_letter(writing: Writing):
    first = await writing.ask()
    await writing.end("recipient-listed")
    writing.loan.world.day = TERMS.disbursed + A_DAY
    again = await writing.ask("account-not-owned")
    assert (again.n, again.notice_id == first.notice_id) == (2, False)
    assert await writing.ask("account-not-owned") == again
    async with writing.loan.world.moment() as moment:
        row = await refunds.lock(moment.session, writing.key)
    assert (row.ground, row.ended_at, row.outcome) == ("account-not-owned", None, None)


async def test_the_letter_tells_what_is_still_owed_after_a_part_went_back(writing: Writing):
    gone = Refunded(
        key=f"refund:{writing.loan.ref.loan_id}:7", value_date=TERMS.disbursed, known_at=_now(), amount=Money(100)
    )
    await writing.loan.happened(gone)
    await writing.ask()
    (notice,) = await writing.loan.notices()
    assert notice.figures["amount"] == "400.00"
