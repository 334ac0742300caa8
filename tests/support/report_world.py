"""A lender's October for reports: microcredits, refusals, papers, clocks, complaints, on a database of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg

from activities import loan_book
from activities.clocks import ClockEnded, Clocks, ClockWanted
from activities.context import Records
from activities.loans import open_loan
from activities.report_inbox import ReportInbox
from activities.report_snapshots import SnapshotSource
from activities.reports import ReportRef, Reports, SnapshotWanted, VersionRef
from rules.lender import EXAMPLE
from rules.loan_events import Corrected, Paid, Refunded, WrittenOff
from rules.money import Money
from rules.report_snapshot import Built, Snapshot, build
from rules.reports import report, span
from rules.schedule import LoanTerms, instalments
from storage.database import Database, libpq_url
from storage.tables import Document, Offer, OfficialPaper, Staff
from tests.support.loan_world import LoanWorld, a_loan, noon, paid

PERIOD = "2026-10"
OCTOBER = span("month", PERIOD)
LENT = date(2026, 7, 20)
A_DAY = timedelta(days=1)


class Key:
    """A signature that is only a mark; the real one has tests of its own. failure: raised once."""

    def __init__(self) -> None:
        self.signed: list[bytes] = []
        self.failure: Exception | None = None

    async def sign(self, content: bytes) -> bytes:
        """The mark and a number, so that no two are the same."""
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure
        self.signed.append(content)
        return b"cms-%d-" % len(self.signed) + content[:8]


@dataclass(frozen=True)
class State:
    """As the adapter tells it."""

    state: str
    at: datetime | None = None
    control_errors: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Taken:
    """As the adapter tells it."""

    upload_id: str
    received_at: datetime | None = None


class Portal:
    """The regulator's inbox in memory. failure: raised by every call; states: answers, the last one stays.

    received_at: when an upload came, by its own clock; None where it does not say.
    """

    def __init__(self) -> None:
        self.uploads: dict[str, tuple[str, str, str, bytes, bytes]] = {}
        self.states: list[State] = [State("ACCEPTED", datetime(2026, 11, 2, 6, tzinfo=UTC))]
        self.failure: Exception | None = None
        self.received_at: datetime | None = None

    async def upload(self, key: str, form: str, period: str, branch: str, file: bytes, cms: bytes) -> Taken:
        """One upload a key."""
        if self.failure is not None:
            raise self.failure
        self.uploads.setdefault(key, (form, period, branch, file, cms))
        return Taken(f"up-{list(self.uploads).index(key)}", self.received_at)

    async def report_state(self, upload_id: str) -> State:
        """The next answer."""
        if self.failure is not None:
            raise self.failure
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]


@dataclass
class ReportWorld:
    """Everything a test of reports needs."""

    records: Records
    urls: dict[str, str]
    loans: LoanWorld = field(init=False)
    key: Key = field(default_factory=Key)
    portal: Portal = field(default_factory=Portal)
    ids: dict[str, UUID] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.loans = LoanWorld(self.records.database)
        self.reading = Database(self.urls["read"], pool_size=4)

    @property
    def source(self) -> SnapshotSource:
        """As the worker has it."""
        return SnapshotSource(self.reading, self.urls["read"], EXAMPLE)

    @property
    def reports(self) -> Reports:
        return Reports(self.records, self.source)

    @property
    def inbox(self) -> ReportInbox:
        return ReportInbox(self.records, self.portal, self.key)

    async def close(self) -> None:
        await self.reading.close()

    def sql(self, statement: str, *values: Any) -> list[Any]:
        """As a superuser: what no role of ours may do."""
        with psycopg.connect(libpq_url(self.urls["postgres"]), autocommit=True) as connection:
            done = connection.execute(statement, values)
            return done.fetchall() if done.description else []

    # ---- reports

    async def built(self, code: str) -> Built:
        """A fresh snapshot, computed."""
        return build(await self.snapshot(code))

    async def snapshot(self, code: str) -> Snapshot:
        return (await self.source.take(report(code), OCTOBER)).snapshot

    async def taken(self, code: str, *, draft: bool = False) -> VersionRef:
        """A version, its snapshot archived."""
        wanted = SnapshotWanted(version_id=uuid4(), ref=ReportRef(code=code, period=PERIOD), draft=draft)
        await self.reports.take_snapshot(wanted)
        return VersionRef(version_id=wanted.version_id)

    async def signed(self, code: str) -> VersionRef:
        """A version up to its signature."""
        ref = await self.taken(code)
        assert (await self.reports.check_forms(ref)).count == 0
        await self.reports.make_files(ref)
        await self.inbox.sign_files(ref)
        return ref

    # ---- what happened

    async def lent(
        self, name: str, day: date, *, product: str = "personal", rate: str | None = "44.10",
        burden: str | None = "0.2500", kind: str = "INDIVIDUAL", **changes: Any,
    ) -> UUID:  # fmt: skip
        """A microcredit issued on a day, with the offer and the decision that it stood on."""
        first = day + timedelta(days=31)
        terms = a_loan(disbursed=day, first_due=first, **changes)
        applied = await self.loans.applied(terms.principal, terms.periods, day, kind=kind)
        async with self.loans.on(day) as moment:
            if rate is not None:
                moment.session.add(
                    Offer(
                        application_id=applied.id, method="annuity", total_to_repay=terms.principal, schedule={},
                        rate_percent_per_year=terms.rate_percent_per_year, created_at=moment.at,
                        annual_effective_rate_percent=Decimal(rate),
                    )
                )  # fmt: skip
        figures = {"debt_burden_cap": "0.5"} | ({} if burden is None else {"debt_burden": burden})
        self.sql(
            "update application set chosen_method = 'annuity', product_code = %s, decision = %s where id = %s",
            product, psycopg.types.json.Jsonb({"result": "approved", "grounds": [], "figures": figures}), applied.id,
        )  # fmt: skip
        await self.loans.contracted(applied, terms)
        async with self.loans.on(day) as moment:
            loan = await open_loan(moment, applied, day)
        self.ids[name] = loan.id
        return loan.id

    async def terms(self, name: str) -> LoanTerms:
        from storage import loans

        async with self.records.database.begin() as session:
            return loans.terms(await loans.get(session, self.ids[name]))

    async def happened(self, name: str, event: Any, on: date | None = None) -> None:
        """A fact of a loan, booked on its day or later."""
        async with self.loans.on(on or event.value_date) as moment:
            await loan_book.record(moment, self.ids[name], event, actor="system:test", paragraph="7")

    async def refused(self, codes: list[str], day: date, amount: int = 100_000) -> UUID:
        """An application refused on a day."""
        applied = await self.loans.applied(Money(amount), 6, day)
        decision = {"result": "refused", "grounds": [{"code": code} for code in codes], "before": None}
        self.sql(
            "update application set stage = 'REFUSED', updated_at = %s, decision = %s where id = %s",
            noon(day), psycopg.types.json.Jsonb(decision), applied.id,
        )  # fmt: skip
        return applied.id

    async def waited(self, stage: str, day: date, ground: str | None = None, *, confirmed: bool = False) -> UUID:
        """An application whose waiting time ended on a day, and how."""
        applied = await self.loans.applied(Money(400_000), 6, day - A_DAY)
        grounds = [] if ground is None else [{"code": ground}]
        self.sql(
            "update application set stage = %s, updated_at = %s, decision = %s, waiting_until = %s, confirmed_at = %s"
            " where id = %s",
            stage, noon(day), psycopg.types.json.Jsonb({"grounds": grounds}), noon(day) - timedelta(hours=1),
            noon(day) if confirmed else None, applied.id,
        )  # fmt: skip
        return applied.id

    async def paper(self, name: str, kind: str, day: date, *, clock: str | None, ended: date | None = None) -> None:
        """A confirmed paper about a loan, and its clock."""
        async with self.loans.on(day) as moment:
            people = [await self._staff(moment) for _ in range(2)]
            document = await self._document(moment)
            earlier = self.sql("select count(*) from official_paper where loan_id = %s", self.ids[name])[0][0]
            paper = OfficialPaper(
                loan_id=self.ids[name], client_id=await self._client(name), kind=kind, number=uuid4().hex[:6], day=day,
                authority="суд", received_at=moment.at, document_id=document, entered_by=people[0],
                entered_at=moment.at, state="CONFIRMED", decided_by=people[1], decided_at=moment.at, n=earlier + 1,
            )  # fmt: skip
            moment.session.add(paper)
        if clock is not None:
            await self._clock(clock, name, noon(day), ended)

    async def _clock(
        self, rule: str, name: str, received: datetime, ended: date | None, key: str | None = None
    ) -> None:  # fmt: skip
        clocks, key = Clocks(self.records), key or uuid4().hex
        wanted = ClockWanted(
            key=key, rule=rule, subject=f"loan:{self.ids[name]}", workflow_id=f"case-{key}", received_at=received,
            loan_id=self.ids[name],
        )  # fmt: skip
        state = await clocks.start_clock(wanted)
        if ended is not None:
            await clocks.end_clock(ClockEnded(clock_id=state.clock_id, at=noon(ended), evidence={"by": "test"}))

    async def _client(self, name: str) -> UUID:
        (found,) = self.sql("select client_id from loan where id = %s", self.ids[name])
        return found[0]

    async def _staff(self, moment: Any) -> UUID:
        made = Staff(
            login=f"r{uuid4().hex[:10]}", name="Officer", roles=["officer"], password_hash="x", totp_secret=b"x",
            created_at=moment.at,
        )  # fmt: skip
        moment.session.add(made)
        await moment.session.flush()
        return made.id

    async def _document(self, moment: Any) -> UUID:
        made = Document(
            kind="scan", media_type="application/pdf", direction="received", key="k", version_id="v", sha256="0" * 64,
            size=1, sealed_sha256="0" * 64, data_key=b"k", retain_until=moment.at, created_at=moment.at,
        )  # fmt: skip
        moment.session.add(made)
        await moment.session.flush()
        return made.id

    async def october(self) -> None:
        """One of everything.

        paying: two instalments paid, the third in October. late: not paid at all since July. fresh: issued in October.
        over: repaid in October, with money above the debt that went back. gone: written off in October. mended: a
        payment booked twice too high and corrected.
        """
        for name in ("paying", "late", "over", "gone", "mended"):
            await self.lent(name, LENT, product="business" if name == "late" else "personal",
                            kind="LEGAL_ENTITY" if name == "late" else "INDIVIDUAL")  # fmt: skip
        rows = instalments(await self.terms("paying"))
        for row in rows[:3]:
            await self.happened("paying", paid(row.due, row.payment))
        for name in ("over", "gone", "mended"):
            await self.happened(name, paid(rows[0].due, rows[0].payment))
        debt = await self.loans_debt("over", date(2026, 10, 12))
        await self.happened("over", paid(date(2026, 10, 12), debt + Money("700.00")))
        on = date(2026, 10, 15)
        await self.happened("over", Refunded(key=uuid4().hex, value_date=on, known_at=noon(on), amount=Money("700.00")))
        ground = {"ground": "court_verdict", "return_paid": False}
        await self.happened("gone", WrittenOff(key=uuid4().hex, value_date=on, known_at=noon(on), **ground))
        wrong = paid(date(2026, 10, 5), Money("9000.00"))
        await self.happened("mended", wrong)
        right = paid(wrong.value_date, Money("8000.00"), known=date(2026, 10, 9))
        mend = Corrected(
            key=uuid4().hex, value_date=wrong.value_date, known_at=noon(date(2026, 10, 9)), wrong=wrong.key,
            instead=right, reason="typing",
        )  # fmt: skip
        await self.happened("mended", mend, date(2026, 10, 9))
        await self.lent("fresh", date(2026, 10, 20), principal=Money("123456.78"))
        await self.refused(["voluntary-refusal", "bank-debt-overdue"], date(2026, 10, 1))
        await self.refused(["voluntary-refusal"], date(2026, 10, 31))
        await self.refused(["aml-hit"], date(2026, 9, 30))  # another period's
        await self.waited("WITHDRAWN", date(2026, 10, 3), "declined-after-waiting")
        await self.waited("EXPIRED", date(2026, 10, 4), "not-confirmed-after-waiting")
        await self.waited("WITHDRAWN", date(2026, 10, 5), "withdrawn-by-client")
        await self.waited("ISSUED", date(2026, 10, 6), confirmed=True)
        await self.waited("EXPIRED", date(2026, 11, 2), "not-confirmed-after-waiting")  # another period's
        await self.paper("late", "VICTIM_RESOLUTION", date(2026, 10, 7), clock="P13.2", ended=date(2026, 10, 8))
        await self.incident("DATA_LEAK", date(2026, 10, 11), ("paying", "late", "fresh"), told=2)
        await self.incident("FRAUD", date(2026, 9, 11), ("paying",), told=1)  # another period's
        await self.complained("paying", "collection", date(2026, 9, 28), "satisfied")
        await self.complained("late", "service", date(2026, 10, 20))
        await self.complained("late", "service", date(2026, 9, 1), "declined")  # another period's
        await self.paper("gone", "COURT_VERDICT", date(2026, 10, 2), clock="P13.4", ended=date(2026, 10, 28))

    async def incident(self, kind: str, day: date, names: tuple[str, ...], told: int) -> None:
        """An incident found on a day that touches some borrowers; so many of them were told."""
        incident_id = uuid4()
        self.sql(
            "insert into incident (id, key, kind, severity, found_by, story, facts, occurred_at, detected_at, state,"
            " entered_at) values (%s, %s, %s, 'HIGH', 'SYSTEM', 's', '{}', %s, %s, 'OPEN', %s)",
            incident_id, incident_id.hex, kind, noon(day), noon(day), noon(day),
        )  # fmt: skip
        self.sql(
            "insert into incident_round (id, incident_id, n, detected_at, added_at) values (%s, %s, 1, %s, %s)",
            uuid4(), incident_id, noon(day), noon(day),
        )  # fmt: skip
        for number, name in enumerate(names):
            self.sql(
                "insert into incident_client (incident_id, client_id, round_n, told_at) values (%s, %s, 1, %s)",
                incident_id, await self._client(name), noon(day) if number < told else None,
            )  # fmt: skip

    async def complained(self, name: str, topic: str, day: date, outcome: str | None = None) -> None:
        """A complaint about a loan, answered a week later where there is an outcome."""
        async with self.loans.on(day) as moment:
            document, staff = await self._document(moment), await self._staff(moment)
        answered = (outcome, staff, noon(day + 7 * A_DAY), document, uuid4()) if outcome else (None,) * 5
        complaint_id = uuid4()
        self.sql(
            "insert into complaint (id, client_id, loan_id, topic, text, document_id, received_at, answer_due, state,"
            " outcome, answered_by, answered_at, answer_document_id, message_id)"
            " values (%s, %s, %s, %s, 't', %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            complaint_id, await self._client(name), self.ids[name], topic, document, noon(day), day + 30 * A_DAY,
            "ANSWERED" if outcome else "RECEIVED", *answered,
        )  # fmt: skip
        await self._clock("complaint-answer", name, noon(day), day + 7 * A_DAY if outcome else None,
                          key=f"complaint:{complaint_id}")  # fmt: skip

    async def loans_debt(self, name: str, on: date) -> Money:
        """What would end a loan on a day."""
        from activities.loan_book import position_of

        async with self.records.database.begin() as session:
            return (await position_of(session, self.ids[name], on)).total_to_close


__all__ = ["OCTOBER", "PERIOD", "Key", "Paid", "Portal", "ReportWorld", "State"]
