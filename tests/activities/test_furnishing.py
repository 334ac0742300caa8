"""Records for the bureau on a real database, a real archive and the played bureau behind our own adapter.

Proven: one batch whatever dies between storing, sending and asking; the order of each loan's records; what is rejected
waits for staff and holds up only its own loan; two people drop it or have it told otherwise, and the bureau never hears
older figures after newer ones; personal data stands in the sealed bytes alone.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from our_adapters import Adapters
from outside_world import Outside
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlmodel import col, select

from activities import furnishing_decisions as words
from activities.context import Records
from activities.furnishing import BatchRef, BatchState, BatchWanted, Furnishing, FurnishWanted, enqueue_in
from activities.furnishing_queue import send_again
from activities.ports import RejectedRecord, SubmissionState
from rules.errors import BrokenContract, Conflict, InvalidInput, NotAllowed, NotFound, Unavailable
from rules.furnishing import Op
from rules.loan_events import Corrected
from rules.schedule import instalments
from storage import audit
from storage.database import run
from storage.furnishing_decisions import FurnishingDecisions, of_records
from storage.tables import FurnishingBatch, FurnishingDecision, FurnishingRecord
from tests.support.loan_world import noon
from tests.support.servicing_world import TERMS, Almanac, Borrowed, borrowed, opened_records

if TYPE_CHECKING:
    from infra.settings import Archive as ArchiveSettings

ROWS = tuple(instalments(TERMS))
ISSUED, LATE = TERMS.disbursed, date(2026, 3, 10)
BASIS = {"reason": "fraud-suspected", "legal_basis": "resolution 217, para 13, part 2"}


@dataclass
class Bureau:
    """Our adapter, with what went through it; `fails` are raised in turn instead of sending."""

    real: Any
    sent: list[bytes] = field(default_factory=list)
    fails: list[Exception] = field(default_factory=list)
    refused: str | None = None
    answer: SubmissionState | None = None
    release: int = 0  # another release may pack the same records otherwise

    def pack(self, batch_id: str, records: Any) -> bytes:
        return self.real.pack(batch_id, records) + b" " * self.release

    async def submit(self, batch_id: str, content: bytes) -> None:
        self.sent.append(content)
        if self.fails:
            raise self.fails.pop(0)
        if self.refused is not None and self.refused.encode() in content:
            raise InvalidInput("bureau-records-refused")
        await self.real.submit(batch_id, content)

    async def submission(self, batch_id: str) -> SubmissionState:
        return self.answer or await self.real.submission(batch_id)


@pytest.fixture(scope="module")
async def kept(database_url: str, archive_settings: ArchiveSettings) -> AsyncIterator[Records]:
    async with opened_records(database_url, archive_settings) as records:
        yield records


@pytest.fixture(autouse=True)
async def _nothing_waits(kept: Records) -> None:
    """Records of other tests are of loans with other keys: none of them shall travel here."""
    async with kept.database.begin() as session:
        await run(session, "update furnishing_record set state = 'superseded' where state in ('waiting', 'sent')")
        await run(session, "update furnishing_record set state = 'superseded' where state = 'rejected'")
        await run(session, "update furnishing_batch set state = 'done'")


@pytest.fixture
def bureau(world: Outside, adapters: Adapters) -> Bureau:
    return Bureau(adapters.bureau)


@dataclass
class Desk:
    """The activities over the days of a test."""

    almanac: Almanac
    bureau: Bureau

    @property
    def furnishing(self) -> Furnishing:
        return Furnishing(self.almanac.records, self.bureau)  # type: ignore[arg-type]

    async def wants(
        self, loan: Borrowed, op: Op, key: str | None = None, on: date = ISSUED, **more: Any
    ) -> UUID | None:
        """Enqueue; `on` is the day it speaks of and the day it is."""
        self.almanac.day = on
        wanted = FurnishWanted(key=key or f"{op}:{uuid4()}", loan_id=loan.ref.loan_id, op=op, as_of=on, **more)
        return await self.furnishing.enqueue(wanted)

    async def batch(self) -> UUID | None:
        """Make a batch of what may travel; None where nothing may."""
        batch_id = uuid4()
        made = await self.furnishing.make_batch(BatchWanted(batch_id=batch_id))
        assert (batch_id in made.unfinished) == (made.size > 0)
        return batch_id if made.size else None

    async def send(self, batch_id: UUID) -> BatchState:
        return await self.furnishing.send_batch(BatchRef(batch_id=batch_id))

    async def ask(self, batch_id: UUID) -> BatchState:
        return await self.furnishing.ask_batch(BatchRef(batch_id=batch_id))

    async def settle(self) -> list[UUID]:
        """Everything that may travel travels; the batches."""
        batches = []
        while (batch_id := await self.batch()) is not None:
            batches.append(batch_id)
            await self.send(batch_id)
            await self.ask(batch_id)
        return batches

    async def line(self, loan: Borrowed) -> list[tuple[str, str]]:
        """op and state of a loan's records in their order."""
        return [(record.op, record.state) for record in await self.records(loan)]

    async def records(self, loan: Borrowed) -> list[FurnishingRecord]:
        async with self.almanac.moment() as moment:
            query = select(FurnishingRecord).where(col(FurnishingRecord.loan_id) == loan.ref.loan_id)
            query = query.order_by(col(FurnishingRecord.place), col(FurnishingRecord.created_at))
            return list((await moment.session.exec(query)).all())


@pytest.fixture
def desk(kept: Records, bureau: Bureau) -> Desk:
    return Desk(Almanac(kept, ISSUED), bureau)


@pytest.fixture
async def loan(kept: Records) -> Borrowed:
    return await borrowed(kept)


class TestRecords:
    async def test_a_new_loan_is_told_with_its_figures_and_without_its_borrower(
        self, desk: Desk, loan: Borrowed
    ) -> None:
        await desk.wants(loan, Op.NEW)
        (record,) = await desk.records(loan)
        assert record.body == {
            "op": "NEW", "contract_no": loan.loan.number, "as_of": ISSUED.isoformat(), "status": "ACTIVE",
            "principal": "150000.00", "outstanding": "150000.00", "overdue_days": 0, "overdue_amount": "0.00",
        }  # fmt: skip
        assert len(record.record_hash) == 64
        for secret in (loan.person.iin, loan.person.surname, loan.person.phone):
            assert secret not in record.model_dump_json()

    async def test_arrears_are_told_as_the_loan_stands_on_the_day(self, desk: Desk, loan: Borrowed) -> None:
        await desk.wants(loan, Op.UPDATE, on=LATE)
        (record,) = await desk.records(loan)
        assert record.body["status"] == "OVERDUE"
        assert record.body["overdue_days"] == (LATE - ROWS[0].due).days
        assert record.body["overdue_amount"] == str(ROWS[0].principal + ROWS[0].interest)

    async def test_the_same_fact_is_told_once(self, desk: Desk, loan: Borrowed) -> None:
        first = await desk.wants(loan, Op.NEW, "new:1" + str(loan.ref.loan_id))
        assert await desk.wants(loan, Op.NEW, "new:1" + str(loan.ref.loan_id)) == first
        with pytest.raises(Conflict, match="furnishing-key-reused"):
            await desk.wants(loan, Op.UPDATE, "new:1" + str(loan.ref.loan_id))

    async def test_two_at_once_are_one_behind_the_other(self, desk: Desk, loan: Borrowed) -> None:
        await asyncio.gather(*[desk.wants(loan, Op.UPDATE) for _ in range(5)])
        assert [record.place for record in await desk.records(loan)] == [1, 2, 3, 4, 5]

    async def test_a_record_stands_or_falls_with_its_cause(self, desk: Desk, loan: Borrowed) -> None:
        async def cause(whole: bool) -> None:
            async with desk.almanac.moment() as moment:
                await enqueue_in(moment, FurnishWanted(key=f"new:{loan.loan.id}", loan_id=loan.loan.id, op=Op.NEW))
                if not whole:
                    raise RuntimeError("the cause failed")

        with pytest.raises(RuntimeError):
            await cause(whole=False)
        assert await desk.records(loan) == []
        await cause(whole=True)
        assert await desk.line(loan) == [("NEW", "waiting")]

    async def test_a_loan_that_is_owed_is_not_closed(self, desk: Desk, loan: Borrowed) -> None:
        with pytest.raises(Conflict, match="loan-still-owed"):
            await desk.wants(loan, Op.CLOSE)

    async def test_a_correction_leaves_no_debt_and_no_overdue_day(self, desk: Desk, loan: Borrowed) -> None:
        await desk.wants(loan, Op.CORRECTION, on=LATE, **BASIS)
        (record,) = await desk.records(loan)
        figures = [record.body[name] for name in ("principal", "outstanding", "overdue_amount", "overdue_days")]
        assert figures == ["0.00", "0.00", "0.00", 0]
        assert record.body["legal_basis"] == BASIS["legal_basis"]

    async def test_a_suspension_of_reporting_tells_no_figures(self, desk: Desk, loan: Borrowed) -> None:
        await desk.wants(loan, Op.SUSPEND_REPORTING, on=LATE, **BASIS)
        (record,) = await desk.records(loan)
        assert set(record.body) == {"op", "contract_no", "as_of", "status", "reason", "legal_basis"}

    @pytest.mark.parametrize("op", [Op.CORRECTION, Op.SUSPEND_REPORTING, Op.RESUME])
    async def test_what_turns_on_the_law_names_it(self, desk: Desk, loan: Borrowed, op: Op) -> None:
        with pytest.raises(InvalidInput, match="furnishing-basis-missing"):
            await desk.wants(loan, op, reason="fraud-suspected")


class TestBatches:
    async def test_the_bureau_gets_the_figures_with_the_iin_and_the_bytes_are_kept(
        self, desk: Desk, loan: Borrowed, world: Outside, kept: Records
    ) -> None:
        await desk.wants(loan, Op.NEW)
        batch_id = await desk.batch()
        assert batch_id is not None
        assert (await desk.send(batch_id)).state == "sent"
        assert await desk.ask(batch_id) == BatchState(state="done", size=1, accepted=1)
        (held,) = world.contracts()
        assert (held["contract_no"], held["iin"], held["outstanding"]) == (
            loan.loan.number,
            loan.person.iin,
            "150000.00",
        )
        async with kept.moment() as moment:
            batch = await moment.session.get_one(FurnishingBatch, batch_id)
            document, content = await kept.documents.load(moment.session, batch.document_id or uuid4())
            entries = await audit.of_subject(moment.session, f"loan:{loan.ref.loan_id}")
        assert content == desk.bureau.sent[0]
        assert (document.client_id, document.kind) == (None, "furnishing")
        assert json.loads(content)["records"][0]["iin"] == loan.person.iin
        assert "furnished" in [entry["action"] for entry in entries]
        assert loan.person.iin not in json.dumps(entries, default=str)

    async def test_a_sending_that_fails_is_done_again_with_the_same_bytes(
        self, desk: Desk, loan: Borrowed, world: Outside
    ) -> None:
        """Stored and archived, not sent: the worker or the bureau died in between."""
        await desk.wants(loan, Op.NEW)
        batch_id = await desk.batch()
        assert batch_id is not None
        desk.bureau.fails = [Unavailable("state-bureau-unavailable")]
        with pytest.raises(Unavailable):
            await desk.send(batch_id)
        assert await desk.line(loan) == [("NEW", "waiting")]
        assert await desk.batch() is None  # it stays in its batch
        desk.bureau.release = 1
        await desk.send(batch_id)
        assert len(desk.bureau.sent) == 2
        assert desk.bureau.sent[0] == desk.bureau.sent[1]
        assert (await desk.ask(batch_id)).accepted == 1

    async def test_a_batch_taken_without_an_answer_is_taken_once(
        self, desk: Desk, loan: Borrowed, world: Outside
    ) -> None:
        await desk.wants(loan, Op.NEW)
        batch_id = await desk.batch()
        assert batch_id is not None
        world.fault("state_bureau", "submit", "reset_after")
        with pytest.raises(Unavailable):
            await desk.send(batch_id)
        for _ in range(3):
            await desk.send(batch_id)
        assert len(desk.bureau.sent) == 2  # what is sent already is not sent again
        await desk.ask(batch_id)
        (held,) = world.contracts()
        assert (len(held["records"]), held["duplicates"]) == (1, 0)
        assert [record.attempts for record in await desk.records(loan)] == [1]

    async def test_the_same_making_is_the_same_batch(self, desk: Desk, loan: Borrowed, kept: Records) -> None:
        await desk.wants(loan, Op.NEW)
        batch_id = uuid4()
        first = await desk.furnishing.make_batch(BatchWanted(batch_id=batch_id))
        await desk.wants(await borrowed(kept), Op.NEW)
        again = await desk.furnishing.make_batch(BatchWanted(batch_id=batch_id))
        assert (first.size, again.size, again.waiting) == (1, 1, 2)

    async def test_two_makers_share_no_record(self, desk: Desk, kept: Records) -> None:
        for _ in range(4):
            await desk.wants(await borrowed(kept), Op.NEW)
        made = await asyncio.gather(
            *[desk.furnishing.make_batch(BatchWanted(batch_id=uuid4())) for _ in range(3)]
        )  # fmt: skip
        assert sorted(one.size for one in made) == [0, 0, 4]

    async def test_a_bureau_at_work_is_asked_again(self, desk: Desk, loan: Borrowed, world: Outside) -> None:
        world.fault("state_bureau", "submit", "in_work", askings=2)
        await desk.wants(loan, Op.NEW)
        batch_id = await desk.batch()
        assert batch_id is not None
        await desk.send(batch_id)
        assert [(await desk.ask(batch_id)).state for _ in range(4)] == ["sent", "sent", "done", "done"]

    async def test_a_batch_that_the_bureau_has_lost_is_handed_over_again(
        self, desk: Desk, loan: Borrowed, world: Outside
    ) -> None:
        await desk.wants(loan, Op.NEW)
        batch_id = await desk.batch()
        assert batch_id is not None
        await desk.send(batch_id)
        world.control.delete(f"/_control/bureau/batches/{batch_id}").raise_for_status()
        assert (await desk.ask(batch_id)).state == "sent"
        assert desk.bureau.sent[0] == desk.bureau.sent[1]
        assert (await desk.ask(batch_id)).accepted == 1

    @pytest.mark.parametrize(
        "answer",
        [
            SubmissionState(state="DONE", accepted=0, rejected=[]),
            SubmissionState(state="DONE", accepted=2, rejected=[]),
            SubmissionState(state="DONE", accepted=0, rejected=[RejectedRecord(index=1, code="E1", message="")]),
        ],
    )
    async def test_a_word_that_does_not_cover_the_batch_is_no_word(
        self, desk: Desk, loan: Borrowed, answer: SubmissionState
    ) -> None:
        await desk.wants(loan, Op.NEW)
        batch_id = await desk.batch()
        assert batch_id is not None
        await desk.send(batch_id)
        desk.bureau.answer = answer
        with pytest.raises(BrokenContract):
            await desk.ask(batch_id)
        assert await desk.line(loan) == [("NEW", "sent")]

    async def test_other_records_under_our_batch_id_are_an_alarm(self, desk: Desk, loan: Borrowed) -> None:
        await desk.wants(loan, Op.NEW)
        batch_id = await desk.batch()
        assert batch_id is not None
        desk.bureau.fails = [Conflict("batch-id-reused")]
        with pytest.raises(BrokenContract):
            await desk.send(batch_id)

    async def test_a_batch_refused_whole_is_halved_until_the_wrong_record_stands_alone(
        self, desk: Desk, kept: Records
    ) -> None:
        loans = [await borrowed(kept) for _ in range(5)]
        for one in loans:
            await desk.wants(one, Op.NEW)
        desk.bureau.refused = loans[3].loan.number
        open_batches = [await desk.batch()]
        while open_batches:
            batch_id = open_batches.pop()
            assert batch_id is not None
            state = await desk.send(batch_id)
            if state.state == "done":
                assert state.more or state.size == 1
                found = await desk.furnishing.make_batch(BatchWanted(batch_id=uuid4()))
                open_batches = list(found.unfinished)
            else:
                await desk.ask(batch_id)
        assert [await desk.line(one) for one in loans] == [
            [("NEW", "accepted" if one is not loans[3] else "rejected")] for one in loans
        ]
        (refused,) = await desk.records(loans[3])
        assert refused.rejection_code == "SCHEMA"


class TestOrder:
    async def test_a_record_waits_until_the_one_before_it_is_accepted(self, desk: Desk, loan: Borrowed) -> None:
        await desk.wants(loan, Op.NEW)
        await desk.wants(loan, Op.UPDATE, on=LATE)
        first = await desk.batch()
        assert first is not None
        assert await desk.line(loan) == [("NEW", "waiting"), ("UPDATE", "waiting")]
        assert await desk.batch() is None
        await desk.send(first)
        assert await desk.batch() is None
        assert (await desk.ask(first)).more is True
        second = await desk.batch()
        assert second is not None
        await desk.send(second)
        assert (await desk.ask(second)).more is False
        assert await desk.line(loan) == [("NEW", "accepted"), ("UPDATE", "accepted")]

    async def test_a_rejected_record_holds_up_its_loan_and_no_other(
        self, desk: Desk, loan: Borrowed, kept: Records, world: Outside
    ) -> None:
        other = await borrowed(kept)
        await desk.wants(loan, Op.NEW)
        await desk.wants(other, Op.NEW)
        batch_id = await desk.batch()
        assert batch_id is not None
        (told,) = await desk.records(loan)
        world.fault("state_bureau", "submit", "partly_accepted", index=told.batch_index)
        await desk.send(batch_id)
        state = await desk.ask(batch_id)
        assert (state.accepted, state.rejected) == (1, 1)
        await desk.wants(loan, Op.UPDATE, on=LATE)
        await desk.wants(other, Op.UPDATE, on=LATE)
        await desk.settle()
        assert await desk.line(loan) == [("NEW", "rejected"), ("UPDATE", "waiting")]
        assert await desk.line(other) == [("NEW", "accepted"), ("UPDATE", "accepted")]
        (rejected, _) = await desk.records(loan)
        assert (rejected.rejection_code, rejected.rejection_message) == (
            "E100",
            "refused by the control of the bureau: ••••",
        )

    async def test_the_database_lets_one_record_of_a_loan_be_under_way(self, desk: Desk, loan: Borrowed) -> None:
        await desk.wants(loan, Op.NEW)
        await desk.wants(loan, Op.UPDATE, on=LATE)
        batch_id = await desk.batch()
        with pytest.raises(IntegrityError, match="one_under_way"):
            async with desk.almanac.moment() as moment:
                await run(
                    moment.session,
                    "update furnishing_record set batch_id = :batch, batch_index = 9"
                    " where loan_id = :loan and op = 'UPDATE'",
                    batch=batch_id,
                    loan=loan.ref.loan_id,
                )

    @pytest.mark.parametrize("column", ["body = '{}'", "place = 9", "op = 'CLOSE'", "record_hash = 'x'", "key = 'x'"])
    async def test_what_a_record_says_is_never_changed(self, desk: Desk, loan: Borrowed, column: str) -> None:
        with pytest.raises(ProgrammingError, match="permission denied"):
            async with desk.almanac.moment() as moment:
                await run(moment.session, f"update furnishing_record set {column}")


class TestRejected:
    async def rejected(self, desk: Desk, loan: Borrowed, world: Outside) -> FurnishingRecord:
        """An UPDATE that is rejected, with a later one behind it."""
        await desk.wants(loan, Op.NEW)
        await desk.settle()
        await desk.wants(loan, Op.UPDATE, on=LATE)
        world.fault("state_bureau", "submit", "partly_accepted")
        await desk.settle()
        await desk.wants(loan, Op.UPDATE, on=date(2026, 4, 1))
        assert await desk.batch() is None
        return (await desk.records(loan))[1]

    async def again(self, desk: Desk, record_id: UUID) -> FurnishingRecord:
        async with desk.almanac.moment() as moment:
            return await send_again(moment, record_id, actor="staff:7", reason="payment-corrected")

    async def test_it_is_sent_anew_in_its_place_with_what_is_known_now(
        self, desk: Desk, loan: Borrowed, world: Outside
    ) -> None:
        await loan.pay(date(2026, 3, 1), ROWS[0].payment, key=(wrong := f"paid:{uuid4()}"))
        old = await self.rejected(desk, loan, world)
        assert old.body["overdue_days"] == 0
        await loan.happened(
            Corrected(
                key=f"corrected:{uuid4()}", value_date=date(2026, 3, 1), known_at=noon(date(2026, 4, 2)),
                wrong=wrong, reason="another loan's money",
            ),
            date(2026, 4, 2),
        )  # fmt: skip
        desk.almanac.day = date(2026, 4, 2)
        new = await self.again(desk, old.id)
        assert (new.place, new.as_of, new.supersedes, new.attempts) == (old.place, LATE, old.id, 1)
        assert new.body["overdue_days"] == (LATE - ROWS[0].due).days
        await desk.settle()
        assert await desk.line(loan) == [
            ("NEW", "accepted"), ("UPDATE", "superseded"), ("UPDATE", "accepted"), ("UPDATE", "accepted"),
        ]  # fmt: skip
        (held,) = world.contracts()
        assert [one["as_of"] for one in held["records"]] == ["2026-01-31", "2026-03-10", "2026-04-01"]
        assert [record.attempts for record in await desk.records(loan)] == [1, 1, 2, 1]
        assert "furnishing-sent-again" in await loan.trail()

    async def test_it_is_sent_anew_once(self, desk: Desk, loan: Borrowed, world: Outside) -> None:
        old = await self.rejected(desk, loan, world)
        outcomes = await asyncio.gather(
            *[self.again(desk, old.id) for _ in range(3)], return_exceptions=True
        )  # fmt: skip
        assert [type(one) for one in outcomes].count(FurnishingRecord) == 1
        assert {str(one) for one in outcomes if isinstance(one, Exception)} == {"furnishing-not-rejected"}

    async def test_only_what_is_rejected_is_sent_anew(self, desk: Desk, loan: Borrowed) -> None:
        record_id = await desk.wants(loan, Op.NEW)
        with pytest.raises(Conflict, match="furnishing-not-rejected"):
            await self.again(desk, record_id or uuid4())
        with pytest.raises(NotFound, match="furnishing-unknown"):
            await self.again(desk, uuid4())


WHY = "The bureau closed the contract by its own mistake and takes nothing about it any more."


class TestRefusedForEver:
    """An officer says what becomes of it, compliance confirms it; then the loan's line moves again."""

    @pytest.fixture
    async def people(self, kept: Records) -> list[UUID]:
        """Two members of staff."""
        hired = [uuid4(), uuid4()]
        async with kept.database.begin() as session:
            for one in hired:
                await run(
                    session,
                    "insert into staff (id, login, name, roles, password_hash, totp_secret, totp_last_step, active,"
                    " created_at) values (:id, :login, 'n', '{officer}', 'h', 's', 0, true, now())",
                    id=one,
                    login=one.hex,
                )
        return hired

    async def held_up(self, desk: Desk, loan: Borrowed, op: Op = Op.UPDATE, *behind: tuple[Op, date]) -> UUID:
        """A record of LATE that the bureau refuses, with others behind it; all but a NEW follow an accepted NEW."""
        if op is not Op.NEW:
            await desk.wants(loan, Op.NEW)
            await desk.settle()
        record_id = await desk.wants(loan, op, on=LATE, **(BASIS if op is Op.SUSPEND_REPORTING else {}))
        assert record_id is not None
        desk.bureau.refused = loan.loan.number
        await desk.settle()
        desk.bureau.refused = None
        for later, day in behind:
            await desk.wants(loan, later, on=day, **(BASIS if later in (Op.RESUME, Op.SUSPEND_REPORTING) else {}))
        assert await desk.batch() is None
        return record_id

    async def proposed(
        self, desk: Desk, record_id: UUID, person: UUID, way: str, tell_as: Op | None = None
    ) -> FurnishingDecision:
        async with desk.almanac.moment() as moment:
            return await words.propose(
                desk.almanac.records, moment, record_id, way=way, tell_as=tell_as, reason="bureau-refuses",
                words=WHY, staff_id=person,
            )  # fmt: skip

    async def confirmed(self, desk: Desk, word: FurnishingDecision, person: UUID) -> FurnishingRecord | None:
        async with desk.almanac.moment() as moment:
            return (await words.confirm(moment, word.record_id, word.id, person))[1]

    async def done(
        self, desk: Desk, record_id: UUID, people: list[UUID], way: str, tell_as: Op | None = None
    ) -> FurnishingRecord | None:
        word = await self.proposed(desk, record_id, people[0], way, tell_as)
        return await self.confirmed(desk, word, people[1])

    async def test_dropped_by_two_it_lets_the_rest_of_the_line_go(
        self, desk: Desk, loan: Borrowed, people: list[UUID], world: Outside
    ) -> None:
        record_id = await self.held_up(desk, loan, Op.UPDATE, (Op.UPDATE, date(2026, 4, 1)))
        word = await self.proposed(desk, record_id, people[0], "drop")
        assert await desk.batch() is None  # one word is none
        assert await self.confirmed(desk, word, people[1]) is None
        await desk.settle()
        assert await desk.line(loan) == [("NEW", "accepted"), ("UPDATE", "dropped"), ("UPDATE", "accepted")]
        assert [one["as_of"] for one in world.contracts()[0]["records"]] == ["2026-01-31", "2026-04-01"]
        async with desk.almanac.moment() as moment:
            entries = await audit.of_subject(moment.session, f"loan:{loan.ref.loan_id}")
        told = {one["action"]: one for one in entries}
        assert told["furnishing-decision-proposed"]["actor"] == f"staff:{people[0]}"
        dropped = told["furnishing-dropped"]
        assert (dropped["actor"], dropped["reason"]) == (f"staff:{people[1]}", "bureau-refuses")
        assert dropped["detail"]["proposed_by"] == str(people[0])
        assert WHY not in json.dumps(entries, default=str)

    async def test_the_written_reason_is_kept_sealed(
        self, desk: Desk, loan: Borrowed, people: list[UUID], kept: Records
    ) -> None:
        word = await self.proposed(desk, await self.held_up(desk, loan), people[0], "drop")
        async with kept.database.begin() as session:
            ((found,),) = (await of_records(session, [word.record_id])).values()
        assert WHY.encode() not in found.words
        assert FurnishingDecisions(kept.vault).words(found) == WHY

    async def test_told_otherwise_it_says_how_the_loan_stands_today_and_what_is_older_is_not_told_any_more(
        self, desk: Desk, loan: Borrowed, people: list[UUID], world: Outside
    ) -> None:
        record_id = await self.held_up(desk, loan, Op.UPDATE, (Op.UPDATE, date(2026, 4, 1)))
        desk.almanac.day = today = date(2026, 4, 2)
        new = await self.done(desk, record_id, people, "replace")
        assert new is not None
        assert (new.op, new.as_of, new.supersedes, new.place, new.attempts) == ("UPDATE", today, record_id, 2, 0)
        assert new.body["overdue_days"] == (today - ROWS[0].due).days
        await desk.settle()
        assert await desk.line(loan) == [
            ("NEW", "accepted"), ("UPDATE", "superseded"), ("UPDATE", "accepted"), ("UPDATE", "superseded"),
        ]  # fmt: skip
        assert [one["as_of"] for one in world.contracts()[0]["records"]] == ["2026-01-31", "2026-04-02"]
        assert "furnishing-replaced" in await loan.trail()

    async def test_what_waits_behind_sets_the_last_day_that_is_told_before_it(
        self, desk: Desk, loan: Borrowed, people: list[UUID], world: Outside
    ) -> None:
        stopped, on = date(2026, 3, 20), date(2026, 4, 2)
        record_id = await self.held_up(desk, loan, Op.SUSPEND_REPORTING, (Op.RESUME, stopped), (Op.UPDATE, on))
        desk.almanac.day = date(2026, 4, 3)
        new = await self.done(desk, record_id, people, "replace")
        assert new is not None
        assert (new.op, new.as_of) == ("SUSPEND_REPORTING", stopped)
        await desk.settle()
        (held,) = world.contracts()
        assert [(one["op"], one["as_of"]) for one in held["records"]][1:] == [
            ("SUSPEND_REPORTING", "2026-03-20"), ("RESUME", "2026-03-20"), ("UPDATE", "2026-04-02"),
        ]  # fmt: skip
        assert held["reporting_suspended"] is False

    @pytest.mark.parametrize(("op", "tell_as"), [(Op.NEW, None), (Op.UPDATE, Op.NEW), (Op.NEW, Op.UPDATE)])
    async def test_a_contract_is_told_as_the_bureau_can_take_it(
        self, desk: Desk, loan: Borrowed, people: list[UUID], op: Op, tell_as: Op | None
    ) -> None:
        new = await self.done(desk, await self.held_up(desk, loan, op), people, "replace", tell_as)
        assert new is not None
        assert (new.op, new.as_of) == (tell_as or op, LATE)

    @pytest.mark.parametrize(
        ("op", "way", "tell_as"),
        [
            (Op.SUSPEND_REPORTING, "replace", Op.UPDATE),
            (Op.UPDATE, "replace", Op.CLOSE),
            (Op.UPDATE, "drop", Op.NEW),
        ],
    )
    async def test_nothing_else_takes_its_place(
        self, desk: Desk, loan: Borrowed, people: list[UUID], op: Op, way: str, tell_as: Op
    ) -> None:
        record_id = await self.held_up(desk, loan, op)
        with pytest.raises(InvalidInput, match="furnishing-op-wrong"):
            await self.proposed(desk, record_id, people[0], way, tell_as)

    async def test_while_reporting_is_suspended_no_debt_is_told_instead_or_again(
        self, desk: Desk, loan: Borrowed, people: list[UUID], world: Outside
    ) -> None:
        """An update was with the bureau when the investigator's submission came, and is refused now."""
        await desk.wants(loan, Op.NEW)
        await desk.settle()
        record_id = await desk.wants(loan, Op.UPDATE, on=LATE)
        batch_id = await desk.batch()
        assert record_id is not None
        assert batch_id is not None
        world.fault("state_bureau", "submit", "partly_accepted")
        await desk.send(batch_id)
        await desk.wants(loan, Op.SUSPEND_REPORTING, on=LATE, **BASIS)
        await desk.ask(batch_id)
        word = await self.proposed(desk, record_id, people[0], "replace")
        with pytest.raises(Conflict, match="furnishing-suspended"):
            await self.confirmed(desk, word, people[1])
        with pytest.raises(Conflict, match="furnishing-suspended"):
            async with desk.almanac.moment() as moment:
                await send_again(moment, record_id, actor="staff:7", reason="payment-corrected")
        async with desk.almanac.moment() as moment:
            await words.refuse(moment, record_id, word.id, people[0])
        await self.done(desk, record_id, people, "drop")
        await desk.settle()
        assert (await desk.line(loan))[1:] == [("UPDATE", "dropped"), ("SUSPEND_REPORTING", "accepted")]

    async def test_a_suspension_that_was_dropped_keeps_us_silent(
        self, desk: Desk, loan: Borrowed, people: list[UUID]
    ) -> None:
        await self.done(desk, await self.held_up(desk, loan, Op.SUSPEND_REPORTING), people, "drop")
        assert await desk.wants(loan, Op.UPDATE, on=date(2026, 4, 1)) is None

    async def test_one_person_is_not_two_and_a_word_is_said_once(
        self, desk: Desk, loan: Borrowed, people: list[UUID]
    ) -> None:
        record_id = await self.held_up(desk, loan)
        word = await self.proposed(desk, record_id, people[0], "drop")
        with pytest.raises(Conflict, match="furnishing-decision-open"):
            await self.proposed(desk, record_id, people[1], "replace")
        with pytest.raises(NotAllowed, match="second-person-needed"):
            await self.confirmed(desk, word, people[0])
        outcomes = await asyncio.gather(
            *[self.confirmed(desk, word, people[1]) for _ in range(3)], return_exceptions=True
        )  # fmt: skip
        assert [str(one) for one in outcomes if one is not None] == ["furnishing-not-rejected"] * 2
        with pytest.raises(Conflict, match="furnishing-decision-decided"):
            async with desk.almanac.moment() as moment:
                await words.refuse(moment, record_id, word.id, people[0])

    async def test_a_record_that_was_sent_anew_meanwhile_is_not_dropped(
        self, desk: Desk, loan: Borrowed, people: list[UUID]
    ) -> None:
        record_id = await self.held_up(desk, loan)
        word = await self.proposed(desk, record_id, people[0], "drop")
        async with desk.almanac.moment() as moment:
            await send_again(moment, record_id, actor="staff:7", reason="payment-corrected")
        with pytest.raises(Conflict, match="furnishing-not-rejected"):
            await self.confirmed(desk, word, people[1])

    @pytest.mark.parametrize("state", ["rejected", "waiting"])
    async def test_the_database_drops_nothing_without_two_people(
        self, desk: Desk, loan: Borrowed, people: list[UUID], state: str
    ) -> None:
        if state == "rejected":
            await self.proposed(desk, await self.held_up(desk, loan), people[0], "drop")
        else:
            await desk.wants(loan, Op.NEW)
        with pytest.raises(IntegrityError, match="two people have not dropped"):
            async with desk.almanac.moment() as moment:
                await run(
                    moment.session,
                    "update furnishing_record set state = 'dropped' where loan_id = :loan and state = :state",
                    loan=loan.ref.loan_id,
                    state=state,
                )

    @pytest.mark.parametrize("change", ["as_of = as_of + 1", "op = 'NEW'"])
    async def test_the_database_lets_nothing_else_take_a_place_without_two_people(
        self, desk: Desk, loan: Borrowed, people: list[UUID], change: str
    ) -> None:
        """A proposal stands; the second word is missing."""
        record_id = await self.held_up(desk, loan)
        await self.proposed(desk, record_id, people[0], "replace", Op.NEW)
        values = {"as_of": "as_of", "op": "op"} | dict([change.split(" = ")])
        with pytest.raises(IntegrityError, match="two people have not said"):
            async with desk.almanac.moment() as moment:
                await run(
                    moment.session,
                    "insert into furnishing_record (id, key, loan_id, place, op, as_of, body, record_hash, state,"
                    " supersedes, attempts, created_at) select gen_random_uuid(), 'x' || id, loan_id, 99,"
                    f" {values['op']}, {values['as_of']}, body, record_hash, 'waiting', id, 0, now()"
                    " from furnishing_record where id = :id",
                    id=record_id,
                )


class TestSuspensionOfReporting:
    """Rules: para 13, part 2."""

    async def test_no_debt_is_told_until_it_is_resumed(self, desk: Desk, loan: Borrowed, world: Outside) -> None:
        await desk.wants(loan, Op.NEW)
        await desk.settle()
        await desk.wants(loan, Op.UPDATE, on=LATE)  # still waiting when the submission of the investigator comes
        await desk.wants(loan, Op.SUSPEND_REPORTING, on=LATE, **BASIS)
        assert await desk.wants(loan, Op.UPDATE, on=date(2026, 3, 11)) is None
        await desk.settle()
        assert await desk.line(loan) == [
            ("NEW", "accepted"), ("UPDATE", "superseded"), ("SUSPEND_REPORTING", "accepted"),
        ]  # fmt: skip
        assert world.contracts()[0]["reporting_suspended"] is True
        await desk.wants(loan, Op.RESUME, on=date(2026, 4, 1), **BASIS)
        assert await desk.wants(loan, Op.UPDATE, on=date(2026, 4, 2)) is not None
        await desk.settle()
        (held,) = world.contracts()
        assert (held["reporting_suspended"], held["as_of"]) == (False, "2026-04-02")

    async def test_it_does_not_wait_behind_a_rejected_update(self, desk: Desk, loan: Borrowed, world: Outside) -> None:
        await desk.wants(loan, Op.NEW)
        await desk.settle()
        await desk.wants(loan, Op.UPDATE, on=LATE)
        world.fault("state_bureau", "submit", "partly_accepted")
        await desk.settle()
        await desk.wants(loan, Op.SUSPEND_REPORTING, on=LATE, **BASIS)
        await desk.settle()
        assert (await desk.line(loan))[1:] == [("UPDATE", "superseded"), ("SUSPEND_REPORTING", "accepted")]
        assert "furnishing-recalled" in await loan.trail()
