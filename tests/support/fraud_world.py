"""A loan, two members of staff, official papers about it, and the activities of its suspension, on days of a test."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from activities import official_papers
from activities.furnishing import BatchRef, BatchWanted, Furnishing, FurnishWanted
from activities.loan_book import position_of
from activities.notices import NoticeRef, Notices
from activities.suspension import PaperRef, PaperStands, Suspensions
from activities.suspension_bureau import Answer, SuspensionBureau
from activities.suspension_notices import NoticeSent, SuspensionNotices
from rules.furnishing import Op
from rules.loan import LoanEvent, Position
from rules.suspension import PaperEntered, PaperKind
from storage import fraud, loans
from storage.furnishing import word_on_reporting
from storage.tables import FraudDuty, OfficialPaper, Staff
from tests.support.loan_world import noon
from tests.support.servicing_world import LENDER, Borrowed, Gateway

PDF = b"%PDF-1.7 a scan"


async def staff_of(loan: Borrowed, *roles: str) -> UUID:
    """A member of staff who never logs in."""
    async with loan.world.moment() as moment:
        made = Staff(
            login=f"o{uuid4().hex[:10]}", name="Officer", roles=list(roles), password_hash="x", totp_secret=b"x",
            created_at=moment.at,
        )  # fmt: skip
        moment.session.add(made)
    return made.id


@dataclass
class FraudDesk:
    """What staff and the case do about one loan; the day is the loan's world's."""

    loan: Borrowed
    officer: UUID
    second: UUID
    bureau: Any = None
    sms: Gateway = field(default_factory=Gateway)

    @classmethod
    async def of(cls, loan: Borrowed, bureau: Any = None) -> FraudDesk:
        """With two people."""
        return cls(loan, await staff_of(loan, "officer"), await staff_of(loan, "compliance"), bureau)

    # ---- staff

    async def enter(
        self, on: date, kind: PaperKind = PaperKind.VICTIM_RESOLUTION, received: datetime | None = None, **changes: Any
    ) -> PaperRef:
        """A paper received and entered on a day, or received earlier."""
        self.loan.world.day = on
        received = received or noon(on)
        plain = {
            "kind": kind, "number": uuid4().hex[:8], "day": on - timedelta(days=20), "authority": "ДП города Алматы",
            "received_at": received,
        }  # fmt: skip
        entered = PaperEntered.model_validate(plain | changes)
        async with self.loan.world.moment() as moment:
            made = await official_papers.receive(
                self.loan.world.records, moment, self.loan.ref.loan_id, entered, PDF, "application/pdf", self.officer,
                paper_id=uuid4(),
            )  # fmt: skip
        return PaperRef(paper_id=made.id, loan_id=made.loan_id)

    async def decide(
        self, ref: PaperRef, on: date, *, confirmed: bool = True, by: UUID | None = None, why: str | None = None
    ) -> OfficialPaper:
        """The second person's word."""
        self.loan.world.day = on
        async with self.loan.world.moment() as moment:
            return await official_papers.decide(
                moment, ref.paper_id, by or self.second, confirmed=confirmed, reason_code=why
            )

    async def confirmed(self, on: date, **more: Any) -> PaperRef:
        """Entered and confirmed on a day."""
        ref = await self.enter(on, **more)
        await self.decide(ref, on)
        return ref

    async def cancelled(self, ref: PaperRef, on: date, *, later: bool = False) -> PaperRef:
        """A cancellation, entered and confirmed on a day."""
        return await self.confirmed(on, kind=PaperKind.CANCELLATION, cancels=ref.paper_id, charge_later=later)

    # ---- the case

    @property
    def _records(self) -> Any:
        return self.loan.world.records

    async def suspend(self, ref: PaperRef, on: date | None = None, *, tell: bool = True) -> Answer:
        """The duties, in the order of the case; how the word to the bureau stands."""
        self.loan.world.day = on or self.loan.world.day
        books = Suspensions(self._records)
        await books.hold_collection(ref)
        await books.suspend_accrual(ref)
        if tell:
            await self.tell(ref, "notify_suspended")
        return (await SuspensionBureau(self._records).suspend_reporting(ref)).answer

    async def end(self, ref: PaperRef, on: date | None = None, *, tell: bool = True) -> Answer:
        """The end, in the order of the case."""
        self.loan.world.day = on or self.loan.world.day
        books = Suspensions(self._records)
        await books.release_collection(ref)
        await books.resume_accrual(ref)
        if tell:
            await self.tell(ref, "notify_ended")
        return (await SuspensionBureau(self._records).resume_reporting(ref)).answer

    async def tell(self, ref: PaperRef, how: str) -> UUID | None:
        """A letter, its SMS and its proof."""
        notices = SuspensionNotices(self._records, LENDER)
        notice_id: UUID | None = await getattr(notices, how)(ref)
        if notice_id is not None:
            await Notices(self._records, self.sms, LENDER).text_client(NoticeRef(notice_id=notice_id))
            await notices.prove_notice(NoticeSent(ref=ref, notice_id=notice_id))
        return notice_id

    async def stands(self, ref: PaperRef) -> PaperStands:
        """As the case reads it."""
        return await Suspensions(self._records).read_paper(ref)

    # ---- the bureau

    async def issued(self) -> None:
        """The bureau hears of the loan."""
        wanted = FurnishWanted(key=f"new:{self.loan.ref.loan_id}", loan_id=self.loan.ref.loan_id, op=Op.NEW)
        await Furnishing(self._records, self.bureau).enqueue(wanted)
        await self.settle()

    async def settle(self) -> list[UUID]:
        """Whatever may travel travels and is answered; the batches."""
        furnishing, batches = Furnishing(self._records, self.bureau), list[UUID]()
        while True:
            batch_id = uuid4()
            if not (await furnishing.make_batch(BatchWanted(batch_id=batch_id))).size:
                return batches
            batches.append(batch_id)
            await furnishing.send_batch(BatchRef(batch_id=batch_id))
            await furnishing.ask_batch(BatchRef(batch_id=batch_id))

    async def word(self) -> tuple[str, str] | None:
        """op and state of the last word on reporting."""
        async with self.loan.world.moment() as moment:
            last = await word_on_reporting(moment.session, self.loan.ref.loan_id)
            return None if last is None else (last.op, last.state)

    # ---- what came of it

    async def duties(self, ref: PaperRef) -> dict[str, FraudDuty]:
        """Proofs by name."""
        async with self.loan.world.moment() as moment:
            return await fraud.duties_of(moment.session, ref.paper_id)

    async def held(self) -> bool:
        """Whether collection is held."""
        async with self.loan.world.moment() as moment:
            return await fraud.is_held(moment.session, self.loan.ref.loan_id)

    async def facts(self) -> list[LoanEvent]:
        """The loan's facts."""
        async with self.loan.world.moment() as moment:
            return await loans.events(moment.session, self.loan.ref.loan_id)

    async def debt(self, on: date) -> Position:
        """The debt at the end of a day."""
        async with self.loan.world.moment() as moment:
            return await position_of(moment.session, self.loan.ref.loan_id, on)
