"""Write-offs on a real database and a real archive; the day is the test's.

Simulated: the lender's seal. Proven: nothing is written off without two people and a verdict in force; order, books,
bureau and claim stand together or not at all, once; what the client paid is owed back to the tiyn, whatever happened
to the loan before or comes after; the books stay those of the facts.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from sqlalchemy.exc import DBAPIError

from activities import loan_book
from activities.care import LoanCare
from activities.context import Records
from activities.furnishing_queue import send_again
from activities.write_off_papers import drawn
from activities.write_offs import NOTICE, ORDER
from rules.errors import Conflict, InvalidInput, NotAllowed, Unavailable
from rules.loan_books import balances
from rules.loan_events import Paid, Refunded, Suspended, WrittenOff
from rules.money import Money
from rules.payment_keys import refund_key, return_collected_key
from rules.schedule import instalments
from rules.write_off import BUREAU, CERTIFIED, CLAIM_KEPT, DECIDED, NOTIFIED, RETURNED, WRITTEN_OFF
from storage import furnishing, loans, write_off
from storage.database import run
from storage.tables import FurnishingRecord
from tests.support.loan_world import noon
from tests.support.servicing_world import A_DAY, LENDER, TERMS, Borrowed, Stamp, borrowed, opened_records
from tests.support.write_off_world import Case, confirmed, entered

if TYPE_CHECKING:
    from infra.settings import Archive as ArchiveSettings

ROWS = tuple(instalments(TERMS))
DAY = ROWS[1].due + 10 * A_DAY  # the first instalment was paid, the second is ten days late
NOTHING = Money(0)


@pytest.fixture(scope="module")
async def kept(database_url: str, archive_settings: ArchiveSettings) -> AsyncIterator[Records]:
    async with opened_records(database_url, archive_settings) as records:
        yield records


@pytest.fixture
async def loan(kept: Records) -> Borrowed:
    one = await borrowed(kept)
    await one.pay(ROWS[0].due, ROWS[0].payment)
    return one


async def position_of(loan: Borrowed) -> Any:
    async with loan.world.moment() as moment:
        return await loan_book.position_of(moment.session, loan.ref.loan_id, loan.world.day)


async def assert_books_agree(case: Case) -> None:
    """The ledger is the fold, and balances."""
    loan = case.loan
    async with loan.world.moment() as moment:
        facts = await loans.events(moment.session, loan.ref.loan_id)
    expected = balances(facts, TERMS, loan.world.day)
    assert {account: amount for account, amount in (await case.books()).items() if amount != NOTHING} == expected
    assert Money.total(expected.values()) == NOTHING


async def corrections(loan: Borrowed) -> list[FurnishingRecord]:
    async with loan.world.moment() as moment:
        rows = await run(
            moment.session, "select * from furnishing_record where loan_id = :id and op = 'CORRECTION' order by place",
            id=loan.ref.loan_id,
        )  # fmt: skip
        return list(rows.all())


class TestAVerdict:
    async def test_order_books_bureau_and_proofs_stand_together(self, loan: Borrowed) -> None:
        case = await confirmed(loan, DAY)
        before = await position_of(loan)
        gone = await case.door.write_off(case.ref)
        assert (gone.returns, gone.suspensions) == (True, [])
        after = await position_of(loan)
        assert (after.closed, after.total_to_close, after.overdue_days) == (True, NOTHING, 0)
        assert after.overpaid == ROWS[0].payment
        assert after.written_off == before.total_to_close + ROWS[0].payment
        proofs = await case.proofs()
        assert set(proofs) == {DECIDED, WRITTEN_OFF}
        document, pdf = await loan.document(proofs[DECIDED].evidence["document"])
        assert (document.kind, document.application_id) == (ORDER, loan.loan.application_id)
        assert pdf.endswith(b"%sealed")
        assert Money(proofs[WRITTEN_OFF].evidence["to_pay_back"]) == ROWS[0].payment
        (record,) = await corrections(loan)
        body = record.body
        assert (body["status"], body["outstanding"], body["overdue_days"]) == ("WRITTEN_OFF", "0.00", 0)
        assert (body["reason"], body["legal_basis"]) == ("court-verdict", "Rules 217, para 13, part 4")
        assert (await loan.row()).status == "WRITTEN_OFF"
        found = await case.door.write_off_case(case.ref)
        assert (set(found.done), found.missing) == ({DECIDED, WRITTEN_OFF}, [CERTIFIED, NOTIFIED, BUREAU, RETURNED])
        await assert_books_agree(case)

    async def test_again_and_at_once_is_once(self, loan: Borrowed) -> None:
        case = await confirmed(loan, DAY, guilty_client=True)
        results = await asyncio.gather(*(case.door.write_off(case.ref) for _ in range(5)))
        assert len({one.model_dump_json() for one in results}) == 1
        assert (await loan.trail()).count("loan-written-off") == 1
        assert len(await corrections(loan)) == 1
        assert len(await case.claims()) == 1
        assert (await case.door.write_off(case.ref)).returns is True

    async def test_nothing_is_written_off_before_two_people_said_so(self, loan: Borrowed) -> None:
        case = await entered(loan, DAY)
        with pytest.raises(Conflict) as refused:
            await case.door.write_off(case.ref)
        assert refused.value.code == "write-off-not-confirmed"
        await case.decided(confirmed=False)
        with pytest.raises(Conflict):
            await case.door.write_off(case.ref)
        assert not (await position_of(loan)).closed

    async def test_a_payment_between_order_and_books_is_in_the_order(self, loan: Borrowed) -> None:
        case = await confirmed(loan, DAY)

        class Slow(Stamp):
            seals = 0

            async def seal(self, pdf: bytes) -> bytes:
                self.seals += 1
                if self.seals == 1:
                    await loan.pay(DAY, "1000.00")
                return await super().seal(pdf)

        case.stamp = Slow()
        await case.door.write_off(case.ref)
        assert case.stamp.seals == 2
        proof = (await case.proofs())[WRITTEN_OFF]
        assert Money(proof.evidence["to_pay_back"]) == ROWS[0].payment + Money(1000)
        assert (await position_of(loan)).overpaid == ROWS[0].payment + Money(1000)

    async def test_while_the_archive_is_away_nothing_is_written_off(
        self, loan: Borrowed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        case = await confirmed(loan, DAY)

        async def away(*_: Any, **__: Any) -> Any:
            raise Unavailable("the archive did not answer")

        with monkeypatch.context() as patch:
            patch.setattr(loan.world.documents, "keep", away)
            with pytest.raises(Unavailable):
                await case.door.write_off(case.ref)
        assert await case.proofs() == {}
        assert not (await position_of(loan)).closed
        assert await corrections(loan) == []
        await case.door.write_off(case.ref)
        assert (await position_of(loan)).closed

    async def test_its_suspensions_end_with_it(self, loan: Borrowed) -> None:
        suspension = await entered(loan, ROWS[1].due + A_DAY, "VICTIM_RESOLUTION")
        await suspension.decided()
        stands = Suspended(key=f"s:{loan.ref.loan_id}", value_date=ROWS[1].due + A_DAY, known_at=noon(DAY))
        await loan.happened(stands, DAY)
        case = await confirmed(loan, DAY)
        gone = await case.door.write_off(case.ref)
        assert gone.suspensions == [suspension.paper.n]
        assert (await loan.row()).status == "WRITTEN_OFF"
        await assert_books_agree(case)


class TestAVerdictNotInForce:
    @pytest.mark.parametrize("in_force_on", [None, DAY + A_DAY])
    async def test_its_clock_does_not_run_until_the_proof_is_received(self, loan: Borrowed, in_force_on: Any) -> None:
        case = await entered(loan, DAY, in_force_on=in_force_on)
        await case.decided()
        assert (await case.door.write_off_case(case.ref)).received_at is None
        loan.world.day = DAY + 20 * A_DAY
        with pytest.raises(Conflict):
            await case.door.write_off(case.ref)
        proof = await case.force(DAY + 15 * A_DAY, noon(DAY + 18 * A_DAY))
        found = await case.door.write_off_case(case.ref)
        assert (found.received_at, found.document_id) == (noon(DAY + 18 * A_DAY), proof.document_id)
        assert (found.proof, found.ready, found.rule) == ("ENTERED", False, "P13.4")
        with pytest.raises(Conflict):
            await case.door.write_off(case.ref)
        await case.force_decided(proof)
        assert (await case.door.write_off_case(case.ref)).ready
        await case.door.write_off(case.ref)
        assert (await position_of(loan)).closed

    async def test_a_refused_proof_stops_the_clock_and_another_starts_its_own(self, loan: Borrowed) -> None:
        case = await entered(loan, DAY, in_force_on=None)
        await case.decided()
        first = await case.force(DAY)
        with pytest.raises(Conflict) as again:
            await case.force(DAY)
        assert again.value.code == "verdict-force-entered"
        key = (await case.door.write_off_case(case.ref)).clock_key
        await case.force_decided(first, confirmed=False)
        assert (await case.door.write_off_case(case.ref)).received_at is None
        loan.world.day = DAY + 3 * A_DAY
        await case.force(DAY + 2 * A_DAY)
        found = await case.door.write_off_case(case.ref)
        assert (found.received_at, found.clock_key != key) == (noon(DAY + 3 * A_DAY), True)

    async def test_two_people_and_days_that_can_be(self, loan: Borrowed) -> None:
        case = await entered(loan, DAY, in_force_on=None)
        for on, received, code in (
            (DAY + A_DAY, noon(DAY), "verdict-not-in-force"),
            (DAY - A_DAY, noon(DAY), "verdict-not-in-force"),  # before it was passed
            (DAY, noon(DAY) + timedelta(hours=1), "received-in-the-future"),
            (DAY - 2 * A_DAY, noon(DAY - A_DAY), "paper-day-after-receipt"),
        ):
            with pytest.raises(InvalidInput) as wrong:
                await case.force(on, received)
            assert wrong.value.code == code
        proof = await case.force(DAY)
        with pytest.raises(NotAllowed):
            await case.force_decided(proof, by=case.officer)
        async with loan.world.moment() as moment:
            with pytest.raises(DBAPIError, match="verdict_force_two_people"):
                await run(
                    moment.session,
                    "update verdict_force set state = 'CONFIRMED', decided_by = entered_by, decided_at = now()"
                    " where id = :id",
                    id=proof.id,
                )
        await case.force_decided(proof, confirmed=False, by=case.officer)  # taken back
        async with loan.world.moment() as moment:
            (one,) = await write_off.forces_of(moment.session, case.paper.id)
        assert (one.state, one.reason_code) == ("WITHDRAWN", "not-legible")

    async def test_one_that_shows_it_itself_needs_no_proof(self, loan: Borrowed) -> None:
        case = await entered(loan, DAY)
        with pytest.raises(Conflict) as refused:
            await case.force(DAY)
        assert refused.value.code == "verdict-force-not-needed"


class TestTheClient:
    @pytest.mark.parametrize("language", ["kk", "ru", "en"])
    async def test_notice_and_certificate_once(self, kept: Records, language: str) -> None:
        loan = await borrowed(kept, language=language)
        await loan.pay(ROWS[0].due, ROWS[0].payment)
        case = await confirmed(loan, DAY)
        await case.door.write_off(case.ref)
        notice_id = await case.told()
        assert await case.told() == notice_id
        certificate, notice = await loan.notices()
        assert {certificate.kind, notice.kind} == {"CLOSED", "WRITTEN_OFF"}
        document, pdf = await loan.document(notice.document_id)
        assert (document.kind, pdf[:5]) == (NOTICE, b"%PDF-")
        assert notice.figures["to_pay_back"] == str(ROWS[0].payment)
        assert {CERTIFIED, NOTIFIED} <= set(await case.proofs())
        assert len([one for one in await loan.messages() if loan.loan.number in one]) == 2

    async def test_a_loan_repaid_before_gets_another_certificate(self, loan: Borrowed) -> None:
        loan.world.day = DAY
        owed = (await position_of(loan)).total_to_close
        await loan.pay(DAY, owed)
        case = await confirmed(loan, DAY + 30 * A_DAY)
        first = await case.closing.certify(loan.ref)
        await case.door.write_off(case.ref)
        second = await case.closing.certify(loan.ref)
        assert first.document_id != second.document_id
        assert (first.ended, second.ended) == (DAY, DAY + 30 * A_DAY)
        assert await case.closing.certify(loan.ref) == second


class TestMoneyBack:
    async def test_everything_paid_is_owed_and_its_return_is_the_proof(self, loan: Borrowed) -> None:
        case = await confirmed(loan, DAY)
        await case.door.write_off(case.ref)
        found = await case.door.owed_back(case.ref)
        assert (found.owed, found.under_way, found.refund_n) == (True, False, 1)
        assert RETURNED not in await case.proofs()
        tended = await LoanCare(loan.world.records).tend(loan.ref)
        assert (tended.owed_back, tended.return_collected, tended.return_case) == (True, True, case.paper.n)
        key = return_collected_key(loan.ref.loan_id, 1)
        await loan.happened(Refunded(key=key, value_date=DAY, known_at=noon(DAY), amount=ROWS[0].payment))
        found = await case.door.owed_back(case.ref)
        assert (found.owed, found.under_way) == (False, False)
        proof = (await case.proofs())[RETURNED]
        assert proof.evidence == {"total": str(ROWS[0].payment), "payments": [key]}
        await assert_books_agree(case)
        assert "clients:advances" not in await case.books()

    async def test_a_payment_that_comes_after_goes_back_too(self, loan: Borrowed) -> None:
        case = await confirmed(loan, DAY)
        await case.door.write_off(case.ref)
        back = {"value_date": DAY, "known_at": noon(DAY)}
        first = Refunded(key=return_collected_key(loan.ref.loan_id, 1), amount=ROWS[0].payment, **back)
        await loan.happened(first)
        await case.door.owed_back(case.ref)
        await loan.pay(DAY + 9 * A_DAY, "500.00")
        tended = await LoanCare(loan.world.records).tend(loan.ref)
        assert (tended.owed_back, tended.return_collected, tended.return_case, tended.refund_n) == (True, True, None, 2)
        late = Paid(key=f"late:{loan.ref.loan_id}", value_date=ROWS[1].due, known_at=noon(DAY), amount=Money(300))
        await loan.happened(late, DAY + 10 * A_DAY)  # known late, paid before the write-off
        assert (await position_of(loan)).overpaid == Money(800)
        await assert_books_agree(case)

    async def test_an_overpayment_refunded_before_is_not_returned_twice(self, loan: Borrowed) -> None:
        loan.world.day = DAY
        owed = (await position_of(loan)).total_to_close
        await loan.pay(DAY, owed + Money(777))
        back = Refunded(key=refund_key(loan.ref.loan_id, 1), value_date=DAY, known_at=noon(DAY), amount=Money(777))
        await loan.happened(back)
        case = await confirmed(loan, DAY + 3 * A_DAY)
        await case.door.write_off(case.ref)
        assert (await position_of(loan)).overpaid == ROWS[0].payment + owed
        assert (await loan.row()).status == "WRITTEN_OFF"
        await assert_books_agree(case)


class TestTheGuiltyClient:
    async def test_the_claim_stays_open_over_debt_and_returns(self, loan: Borrowed) -> None:
        case = await confirmed(loan, DAY, guilty_client=True)
        before = await position_of(loan)
        await case.door.write_off(case.ref)
        (claim,) = await case.claims()
        assert claim.client_id == loan.client.id
        assert Money(claim.amount) == before.total_to_close + ROWS[0].payment
        assert Money(claim.returned) == ROWS[0].payment
        assert claim.basis == "Rules 217, para 13, part 5"
        assert CLAIM_KEPT in await case.proofs()
        assert "claim-kept" in await loan.trail()
        certificate = await case.closing.certify(loan.ref)
        assert certificate.document_id
        async with loan.world.moment() as moment:
            with pytest.raises(DBAPIError, match="permission denied"):
                await run(moment.session, "update claim set amount = 1 where id = :id", id=claim.id)

    async def test_nobody_elses(self, loan: Borrowed) -> None:
        case = await confirmed(loan, DAY, guilty_client=False)
        await case.door.write_off(case.ref)
        assert await case.claims() == []


class TestOtherGrounds:
    @pytest.mark.parametrize(("kind", "name"), [("LENDER_BREACH", "lender_breach"), ("OMBUDSMAN", "ombudsman")])
    async def test_the_debt_goes_and_only_what_is_above_it_comes_back(
        self, loan: Borrowed, kind: str, name: str
    ) -> None:
        case = await confirmed(loan, DAY, kind)
        gone = await case.door.write_off(case.ref)
        assert gone.returns is False
        after = await position_of(loan)
        assert (after.closed, after.overpaid) == (True, NOTHING)
        async with loan.world.moment() as moment:
            (fact,) = [one for one in await loans.events(moment.session, loan.ref.loan_id) if one.kind == "written_off"]
        assert isinstance(fact, WrittenOff)
        assert (fact.ground, fact.return_paid) == (name, False)
        (record,) = await corrections(loan)
        assert record.body["reason"] == name.replace("_", "-")
        found = await case.door.write_off_case(case.ref)
        assert found.rule == name.replace("_", "-")

    async def test_a_verdict_after_a_breach_gives_the_payments_back(self, loan: Borrowed) -> None:
        breach = await confirmed(loan, DAY, "LENDER_BREACH")
        before = await position_of(loan)
        await breach.door.write_off(breach.ref)
        verdict = await confirmed(loan, DAY + 40 * A_DAY, guilty_client=True)
        assert (await verdict.door.write_off(verdict.ref)).returns
        assert (await position_of(loan)).overpaid == ROWS[0].payment
        (claim,) = await verdict.claims()
        assert Money(claim.amount) == before.total_to_close + ROWS[0].payment  # what both cost
        await assert_books_agree(verdict)

    async def test_a_second_verdict_decides_nothing_more_and_proves_all_of_it(self, loan: Borrowed) -> None:
        first = await confirmed(loan, DAY)
        await first.door.write_off(first.ref)
        paid_back = Refunded(
            key=return_collected_key(loan.ref.loan_id, 1), value_date=DAY, known_at=noon(DAY), amount=ROWS[0].payment
        )
        await loan.happened(paid_back)
        second = await confirmed(loan, DAY + 5 * A_DAY)
        await second.door.write_off(second.ref)
        assert (await loan.trail()).count("loan-written-off") == 1
        proofs = await second.proofs()
        assert proofs[WRITTEN_OFF].evidence["fact"] == f"write-off:{first.paper.id}"
        assert proofs[WRITTEN_OFF].evidence["to_pay_back"] == "0.00"
        await second.told()
        assert not (await second.door.owed_back(second.ref)).owed
        assert {RETURNED, NOTIFIED, CERTIFIED, DECIDED} <= set(await second.proofs())
        assert len(await corrections(loan)) == 2


async def answered(case: Case, *, refused: str | None = None) -> None:
    """The bureau takes what may travel, and answers; the correction of this loan is refused where the test says so."""
    loan, batch_id = case.loan, uuid4()
    async with loan.world.moment() as moment:
        await furnishing.make_batch(moment.session, batch_id, 500)
        batch = await furnishing.locked_batch(moment.session, batch_id)
        batch.document_id = case.paper.document_id
        await furnishing.set_sent(moment.session, batch, moment.at)
        ours = [
            one.batch_index
            for one, _ in await furnishing.of_batch(moment.session, batch_id)
            if one.loan_id == loan.ref.loan_id
        ]
        refusals = {index: (refused, "") for index in ours if index is not None and refused}
        await furnishing.set_answered(moment.session, batch, refusals, moment.at)


class TestTheBureau:
    async def test_only_its_own_word_is_the_proof(self, loan: Borrowed) -> None:
        case = await confirmed(loan, DAY)
        await answered(case)  # NEW
        await case.door.write_off(case.ref)
        said = await case.door.bureau_says(case.ref)
        assert (said.state, said.done, said.held_up) == ("waiting", False, False)
        await answered(case, refused="E100")
        said = await case.door.bureau_says(case.ref)
        assert (said.state, said.done, said.held_up) == ("rejected", False, True)
        assert BUREAU not in await case.proofs()
        (record,) = await corrections(loan)
        async with loan.world.moment() as moment:
            again = await send_again(moment, record.id, actor=f"staff:{case.officer}", reason="mended")
        await answered(case)
        said = await case.door.bureau_says(case.ref)
        assert (said.state, said.done, said.held_up) == ("accepted", True, False)
        proof = (await case.proofs())[BUREAU]
        assert (proof.evidence["record"], proof.evidence["state"]) == (str(again.id), "accepted")

    async def test_a_record_before_it_that_is_refused_is_shown(self, loan: Borrowed) -> None:
        case = await confirmed(loan, DAY)
        await answered(case, refused="E103")
        await case.door.write_off(case.ref)
        said = await case.door.bureau_says(case.ref)
        assert (said.state, said.held_up) == ("waiting", True)


async def test_the_lenders_name_stands_on_the_order(loan: Borrowed) -> None:
    case = await confirmed(loan, DAY)
    async with loan.world.moment() as moment:
        decision = await drawn(loan.world.records, moment, loan.loan, case.paper, LENDER)
    assert (decision.order.lender, decision.order.n, decision.known_key) == (LENDER, case.paper.n, None)
    assert decision.order.loss.debt == (await position_of(loan)).total_to_close
