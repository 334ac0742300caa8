"""Papers that write a loan off, on a real database and a real archive, on any day that a test wants."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from activities import write_off_cases
from activities.closing import Closing
from activities.furnishing_queue import FurnishWanted, enqueue_in
from activities.write_offs import ClientTold, WriteOffRef, WriteOffs
from rules.furnishing import Op
from storage import fraud, ledger
from storage.database import run
from storage.tables import Claim, FraudDuty, OfficialPaper, VerdictForce
from tests.support.loan_world import noon
from tests.support.servicing_world import LENDER, Borrowed, Stamp


async def hired(world: Any) -> UUID:
    """A member of staff."""
    async with world.moment() as moment:
        made = await run(
            moment.session,
            "insert into staff (id, login, name, roles, password_hash, totp_secret, totp_last_step, active, created_at)"
            " values (:id, :login, 'Colleague', '{officer}', 'h', 's', 0, true, now()) returning id",
            id=uuid4(),
            login=secrets.token_hex(8),
        )
        return UUID(str(made.scalar_one()))


@dataclass
class Case:
    """One paper about one loan. loan.world.day is the day."""

    loan: Borrowed
    paper: OfficialPaper
    officer: UUID
    chief: UUID
    stamp: Any = field(default_factory=Stamp)

    @property
    def ref(self) -> WriteOffRef:
        """As the workflow names it."""
        return WriteOffRef(
            paper_id=self.paper.id, loan_id=self.loan.ref.loan_id, client_id=self.loan.client.id
        )  # fmt: skip

    @property
    def door(self) -> WriteOffs:
        """The activities."""
        return WriteOffs(self.loan.world.records, self.stamp, LENDER)

    @property
    def closing(self) -> Closing:
        """Certificates."""
        return Closing(self.loan.world.records, self.stamp, LENDER)

    async def decided(self, *, confirmed: bool = True) -> None:
        """The second person's word."""
        async with self.loan.world.moment() as moment:
            reason = None if confirmed else "not-this-loan"
            await fraud.decide(
                moment.session, self.paper.id, self.chief, moment.at, confirmed=confirmed, reason_code=reason
            )

    async def told(self) -> UUID:
        """Certificate and notice."""
        ended = await self.closing.certify(self.loan.ref)
        return await self.door.tell_client(ClientTold(ref=self.ref, certificate_id=ended.document_id))

    async def force(self, on: date, received: datetime | None = None) -> VerdictForce:
        """Proof that the verdict is in force comes in."""
        async with self.loan.world.moment() as moment:
            document = await scanned(self.loan, moment)
            return await write_off_cases.enter_force(
                moment, self.paper.id, proof_id=uuid4(), in_force_on=on, received_at=received or moment.at,
                document_id=document, staff_id=self.officer,
            )  # fmt: skip

    async def force_decided(self, proof: VerdictForce, *, confirmed: bool = True, by: UUID | None = None) -> None:
        """The second person's word on it."""
        async with self.loan.world.moment() as moment:
            await write_off_cases.decide_force(
                moment, self.paper.id, proof.id, by or self.chief, confirmed=confirmed,
                reason_code=None if confirmed else "not-legible",
            )  # fmt: skip

    async def proofs(self) -> dict[str, FraudDuty]:
        """What is proved."""
        async with self.loan.world.moment() as moment:
            return await fraud.duties_of(moment.session, self.paper.id)

    async def claims(self) -> list[Claim]:
        """What is kept open against the client."""
        async with self.loan.world.moment() as moment:
            rows = await run(moment.session, "select * from claim where paper_id = :id", id=self.paper.id)
            return list(rows.all())

    async def books(self) -> dict[str, Any]:
        """The loan's balances in the ledger."""
        async with self.loan.world.moment() as moment:
            return await ledger.of_loan(moment.session, self.loan.ref.loan_id)


async def scanned(loan: Borrowed, moment: Any) -> UUID:
    """An archived scan."""
    document = await loan.world.documents.keep(
        moment.session, b"%PDF-1.7 scan", kind="official_paper", media_type="application/pdf", direction="received",
        client=loan.client, application_id=loan.loan.application_id, retain_until=moment.retain_until(),
    )  # fmt: skip
    return document.id


async def entered(loan: Borrowed, on: date, kind: str = "COURT_VERDICT", **more: Any) -> Case:
    """A paper received on a day; a verdict is in force on it unless the test says otherwise."""
    loan.world.day = on
    officer, chief = await hired(loan.world), await hired(loan.world)
    if kind == "COURT_VERDICT":
        more = {"in_force_on": on, **more}
    async with loan.world.moment() as moment:
        paper = OfficialPaper(
            id=uuid4(), loan_id=loan.ref.loan_id, client_id=loan.client.id, kind=kind, number=secrets.token_hex(4),
            day=on, authority="суд", received_at=noon(on), document_id=await scanned(loan, moment),
            entered_by=officer, entered_at=noon(on), n=0, **more,
        )  # fmt: skip
        await fraud.add(moment.session, paper)
    return Case(loan, paper, officer, chief)


async def confirmed(loan: Borrowed, on: date, kind: str = "COURT_VERDICT", **more: Any) -> Case:
    """The same, with the second person's word; the bureau knows the loan."""
    case = await entered(loan, on, kind, **more)
    async with loan.world.moment() as moment:
        await enqueue_in(
            moment, FurnishWanted(key=f"new:{loan.ref.loan_id}", loan_id=loan.ref.loan_id, op=Op.NEW)
        )  # fmt: skip
    await case.decided()
    return case
