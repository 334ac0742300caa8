"""Reports on a real PostgreSQL and a real archive. The regulator and the lender's key are played here.

Proven: figures are those of the loans' own folds, each leads back to its loans, one snapshot is one state of the
database while others write, the same snapshot gives the same bytes in another process on another day, and every step
may run twice.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from openpyxl import load_workbook
from outside_world import TOKEN, Outside, outside

from activities import report_portfolio
from activities.integrations.regulator import Regulator
from activities.lender_signature import LenderSignature
from activities.report_files import figures_of, files_of
from activities.report_inbox import ReportInbox
from activities.reports import ReportRef, RetryAsked, SnapshotWanted
from activities.seal import HttpTimestamper
from infra.counterparties.pki import issue_lender
from rules.errors import Conflict, InvalidInput, NotConfirmed, NotFound, NotSettled, Unavailable
from rules.loan import position
from rules.money import Money
from rules.report_facts import bucket_of
from rules.report_forms import TOTAL, behind
from rules.report_snapshot import Snapshot, build
from rules.reports import REPORTS, received_at
from storage import audit, loans, reports
from storage.database import run
from storage.tables import Document
from tests.support.loan_world import paid
from tests.support.own_database import own_database
from tests.support.report_world import OCTOBER, PERIOD, ReportWorld, State
from tests.support.servicing_world import opened_records

CODES = list(REPORTS)


@pytest.fixture(scope="module")
async def world(database_urls, archive_settings) -> AsyncIterator[ReportWorld]:
    """An October on a database of its own."""
    with own_database(database_urls) as urls:
        async with opened_records(urls["app"], archive_settings) as records:
            made = ReportWorld(records, urls)
            await made.october()
            yield made
            await made.close()


@pytest.fixture
async def fresh(database_urls, archive_settings) -> AsyncIterator[ReportWorld]:
    """A world of one's own, for tests that change what is reported."""
    with own_database(database_urls) as urls:
        async with opened_records(urls["app"], archive_settings) as records:
            made = ReportWorld(records, urls)
            yield made
            await made.close()


async def folded(world: ReportWorld, day: date) -> dict[UUID, Any]:
    """Every loan's position by the scalar fold."""
    found = {}
    async with world.records.database.begin() as session:
        for loan_id in world.ids.values():
            row = await loans.get(session, loan_id)
            if row.disbursed_on <= day:
                found[loan_id] = position(await loans.events(session, loan_id), loans.terms(row), day)
    return found


class TestFigures:
    async def test_the_portfolio_is_what_each_loans_fold_says(self, world: ReportWorld) -> None:
        built = await world.built("loan-portfolio")
        debts = await folded(world, OCTOBER.last)
        owed = {one: debt for one, debt in debts.items() if debt.total_to_close > Money(0)}
        assert set(owed) == {world.ids[name] for name in ("paying", "late", "mended", "fresh")}
        assert built.figures["LP-2"][TOTAL]["p-all"].exact == sum(one.principal.tiyn for one in owed.values())
        assert built.figures["LP-3"][TOTAL]["o-all"].exact == sum(one.overdue_principal.tiyn for one in owed.values())
        late = debts[world.ids["late"]]
        cell = f"n{bucket_of(late.overdue_days)}"
        assert late.overdue_days == 72
        assert built.figures["LP-1"]["business"][cell].shown == built.figures["LP-1"]["business"]["n-all"].shown == 1
        assert built.faults == ()

    async def test_what_was_issued_repaid_and_written_off_leads_from_the_opening_to_the_closing(
        self, world: ReportWorld
    ) -> None:
        built = await world.built("issued-repaid")
        before, after = await folded(world, OCTOBER.first - timedelta(days=1)), await folded(world, OCTOBER.last)
        line = {name: figure.exact for name, figure in built.figures["IR-1"][TOTAL].items()}
        assert line["opening"] == sum(one.principal.tiyn for one in before.values())
        assert line["closing"] == sum(one.principal.tiyn for one in after.values())
        assert (line["issued"], line["issued-n"]) == (123_456_78, 1)
        gone = world.ids["gone"]
        assert line["written-off"] == before[gone].principal.tiyn > 0
        assert line["received"] == sum(one.paid.tiyn for one in after.values()) - sum(
            one.paid.tiyn for one in before.values()
        )
        assert line["given-back"] == 700_00
        assert built.faults == ()

    async def test_the_other_reports(self, world: ReportWorld) -> None:
        told = {code: figures_of(await world.built(code)) for code in CODES}
        assert told["effective-rates"]["ER-1"]["40-50"] == {"n": 1, "amount": 123, "above": 0}
        assert told["debt-burden"]["DB-1"]["20-30"] == {"b-n": 1, "b-amount": 123, "b-above": 0}
        lines = told["refusals"]["RF-1"]
        assert (lines["voluntary-refusal"]["n"], lines["bank-debt-overdue"]["n"], lines["aml-hit"]["n"]) == (2, 1, 0)
        assert lines[TOTAL] == {"n": 2, "amount": 200}
        waited = {row: line["n"] for row, line in told["waiting-cancellations"]["WT-1"].items()}
        assert waited == {"declined": 1, "silent": 1, "withdrawn": 1, "refused": 0, "confirmed": 1, TOTAL: 4}
        fraud = told["fraud-cases"]
        assert (fraud["FR-1"]["VICTIM_RESOLUTION"]["received"], fraud["FR-1"][TOTAL]["confirmed"]) == (1, 2)
        assert fraud["FR-2"]["P13.2"]["fraud-met"] == fraud["FR-2"]["P13.4"]["fraud-late"] == 1
        leak = {"found": 1, "open": 1, "closed": 0, "dismissed": 0, "clients": 3, "told": 2}
        assert told["incidents"]["IN-1"]["DATA_LEAK"] == told["incidents"]["IN-1"][TOTAL] == leak
        said = told["complaints"]["CO-1"]
        assert (said["collection"]["before"], said["collection"]["satisfied"], said["collection"]["left"]) == (1, 1, 0)
        assert (said["service"]["received"], said["service"]["left"], said[TOTAL]["answered"]) == (1, 1, 1)
        terms = told["complaints"]["CO-2"]["complaint-answer"]
        assert (terms["complaint-started"], terms["complaint-running"], terms["complaint-met"]) == (1, 1, 0)

    async def test_the_head_of_the_audit_trail_is_that_of_the_chain(self, fresh: ReportWorld) -> None:
        async with fresh.records.database.begin() as session:
            await audit.record(session, actor="system:test", action="a", subject="s")
        assert (await fresh.built("audit-head")).figures["AU-1"]["head"]["number"].shown == 0
        fresh.sql("alter table audit_entry disable trigger all")
        fresh.sql("update audit_entry set at = '2026-10-31T18:59:59Z'")
        forged = await fresh.built("audit-head")
        assert [(one.form, one.cell) for one in forged.faults] == [("AU-1", "head/broken")]
        assert forged.figures["AU-1"]["head"]["written"].shown == 1


class TestDrillDown:
    @pytest.mark.parametrize("code", CODES)
    async def test_every_figure_leads_to_the_facts_behind_it(self, world: ReportWorld, code: str) -> None:
        snapshot = await world.snapshot(code)
        built, facts = build(snapshot), list(snapshot.facts())
        for form in built.report.forms:
            mine = [fact for kind, fact in facts if kind == form.facts]
            for row, line in built.figures[form.code].items():
                for column, figure in line.items():
                    found = list(behind(form, row, column, mine))
                    leaves = [form.column(part) for part in form.column(column).parts] or [form.column(column)]
                    if leaves[0].of is None:
                        assert figure.exact == len(found), (code, row, column)
                    elif figure.exact:
                        assert found, (code, row, column)

    async def test_it_names_the_loans(self, world: ReportWorld) -> None:
        snapshot = await world.snapshot("loan-portfolio")
        form = build(snapshot).report.forms[0]
        facts = [fact for _, fact in snapshot.facts()]
        (late,) = behind(form, "business", "n61-90", facts)
        assert late["loan"] == str(world.ids["late"])


class TestOneStateOfTheDatabase:
    async def test_facts_that_come_meanwhile_are_another_snapshot(
        self, fresh: ReportWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A payment of the period is committed between the two valuations: both must see it, or neither."""
        await fresh.lent("one", date(2026, 9, 1))
        really, calls = report_portfolio.debts, []

        def debts(url: str, on: date) -> Any:
            found = really(url, on)
            calls.append(on)
            if len(calls) == 1:
                event = paid(date(2026, 9, 20), Money("50000.00"), known=date(2026, 11, 20))
                asyncio.run_coroutine_threadsafe(fresh.happened("one", event, date(2026, 11, 20)), loop).result()
            return found

        loop = asyncio.get_running_loop()
        monkeypatch.setattr(report_portfolio, "debts", debts)
        built = await fresh.built("issued-repaid")
        assert len(calls) == 4  # the first state was given up
        debt = (await folded(fresh, OCTOBER.first - timedelta(days=1)))[fresh.ids["one"]]
        assert built.figures["IR-1"][TOTAL]["opening"].exact == debt.principal.tiyn
        assert built.faults == ()

    async def test_while_facts_keep_coming_there_is_no_report(
        self, fresh: ReportWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        counts = iter(range(100))

        async def counted(session: object, period: object) -> tuple[int, int]:
            return next(counts), 0

        monkeypatch.setattr(report_portfolio.report_books, "counted", counted)
        with pytest.raises(NotSettled):
            await fresh.snapshot("loan-portfolio")

    async def test_everything_a_snapshot_tells_is_of_one_state(self, fresh: ReportWorld) -> None:
        """Writers commit a refusal and its loan's payment while it is read: rows and books agree all the same."""
        for name in ("one", "two"):
            await fresh.lent(name, date(2026, 9, 1))
        stop = asyncio.Event()

        async def writer(name: str) -> int:
            n = 0
            while not stop.is_set():
                n += 1
                await fresh.happened(name, paid(date(2026, 10, 2), Money("1.00")), date(2026, 11, 20))
                await asyncio.sleep(0.05)
            return n

        writing = [asyncio.create_task(writer(name)) for name in ("one", "two")]
        built = []
        try:
            for _ in range(3):
                try:
                    built.append(await fresh.built("issued-repaid"))
                except NotSettled:
                    continue
        finally:
            stop.set()
            written = sum(await asyncio.gather(*writing))
        built.append(await fresh.built("issued-repaid"))
        assert all(one.faults == () for one in built)
        assert built[-1].figures["IR-1"][TOTAL]["received"].exact == 100 * written > 0

    async def test_it_is_read_in_a_transaction_that_writes_nothing(self, world: ReportWorld) -> None:
        async with world.reading.begin() as session:
            state = await run(session, "select current_setting('default_transaction_read_only')")
            assert state.scalar_one() == "on"


class TestFiles:
    async def test_another_process_on_another_day_makes_the_same_bytes(
        self, world: ReportWorld, tmp_path: Path
    ) -> None:
        here = {}
        for code in CODES:
            snapshot = await world.snapshot(code)
            (tmp_path / code).write_bytes(snapshot.lines())
            made = files_of(build(snapshot), snapshot.sha256)
            here[code] = {name: hashlib.sha256(one).hexdigest() for name, one in made.items()}
        program = (
            "import hashlib, json, pathlib, sys, time\n"
            "real = time.time\n"
            "time.time = lambda: real() + 86400 * 400\n"
            "from rules.report_snapshot import Snapshot, build\n"
            "from activities.report_files import files_of\n"
            "told = {}\n"
            "for path in reversed(sorted(pathlib.Path(sys.argv[1]).iterdir())):\n"
            "    taken = Snapshot.of_lines(path.read_bytes())\n"
            "    made = files_of(build(taken), taken.sha256)\n"
            "    told[path.name] = {name: hashlib.sha256(one).hexdigest() for name, one in made.items()}\n"
            "print(json.dumps(told))\n"
        )
        elsewhere = {"PYTHONHASHSEED": "7", "TZ": "Pacific/Kiritimati", "PATH": "/usr/bin:/bin"}
        done = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True,
            env=elsewhere, cwd=Path(__file__).parents[2],
        )  # fmt: skip
        assert json.loads(done.stdout) == here

    async def test_the_workbook_says_what_the_figures_say(self, world: ReportWorld, tmp_path: Path) -> None:
        snapshot = await world.snapshot("loan-portfolio")
        built = build(snapshot)
        (tmp_path / "r.xlsx").write_bytes(files_of(built, snapshot.sha256)["XLSX"])
        book = load_workbook(tmp_path / "r.xlsx")
        assert book.sheetnames == ["report", "LP-1", "LP-2", "LP-3", "checks"]
        told = figures_of(built)
        for form in built.report.forms:
            sheet = book[form.code]
            columns = [cell.value for cell in sheet[2]][2:]
            assert columns == [one.code for one in form.columns]
            lines = {row[0].value: [cell.value for cell in row[2:]] for row in sheet.iter_rows(min_row=4)}
            assert lines == {row: list(line.values()) for row, line in told[form.code].items()}
        assert snapshot.sha256 in [cell.value for cell in book["report"]["B"]]
        assert {row[2].value for row in book["checks"].iter_rows(min_row=2)} == {"+"}
        assert (book.properties.created, book.properties.creator) == (
            built.head.taken_at.replace(tzinfo=None, microsecond=0), built.head.lender["ru"],
        )  # fmt: skip

    async def test_the_pdf_says_it_too_in_both_languages(self, world: ReportWorld, tmp_path: Path) -> None:
        snapshot = await world.snapshot("issued-repaid")
        (tmp_path / "r.pdf").write_bytes(files_of(build(snapshot), snapshot.sha256)["PDF"])
        text = subprocess.run(
            ["pdftotext", "-layout", str(tmp_path / "r.pdf"), "-"], capture_output=True, text=True, check=True
        ).stdout
        for words in ("Берілген және өтелген микрокредиттер", "Выданные и погашенные микрокредиты", PERIOD, "✓", "123"):
            assert words in text
        assert "✗" not in text

    async def test_nothing_personal_is_in_a_snapshot_or_a_file(self, world: ReportWorld) -> None:
        for code in CODES:
            snapshot = await world.snapshot(code)
            for fact in (fact for _, fact in snapshot.facts()):
                assert not {"iin", "name", "phone", "client", "text"} & set(fact)


class TestSteps:
    async def test_a_report_is_opened_once_and_its_clock_begins_with_the_end_of_the_period(
        self, fresh: ReportWorld
    ) -> None:
        ref = ReportRef(code="refusals", period=PERIOD)
        first, second = [await fresh.reports.open_report(ref) for _ in range(2)]
        assert first == second
        assert (first.rule, first.received_at, first.done) == ("report", received_at(OCTOBER), False)
        assert fresh.sql("select count(*) from report") == [(1,)]

    @pytest.mark.parametrize(
        ("ref", "error", "code"),
        [
            (ReportRef(code="weather", period=PERIOD), NotFound, "report-unknown"),
            (ReportRef(code="refusals", period="2026-Q3"), InvalidInput, "report-period-wrong"),
            (ReportRef(code="refusals", period="2099-01"), Conflict, "report-period-not-over"),
        ],
    )
    async def test_what_cannot_be_opened(
        self, world: ReportWorld, ref: ReportRef, error: type[Exception], code: str
    ) -> None:
        for step in (world.reports.open_report, self._taking(world)):
            with pytest.raises(error, match=code):
                await step(ref)

    @staticmethod
    def _taking(world: ReportWorld) -> Any:
        return lambda ref: world.reports.take_snapshot(SnapshotWanted(version_id=uuid4(), ref=ref))

    async def test_each_step_twice_is_once(self, world: ReportWorld) -> None:
        wanted = SnapshotWanted(version_id=uuid4(), ref=ReportRef(code="loan-portfolio", period=PERIOD))
        assert await world.reports.take_snapshot(wanted) == await world.reports.take_snapshot(wanted)
        ref = type(await world.taken("refusals"))(version_id=wanted.version_id)
        for step in (
            world.reports.check_forms, world.reports.make_files, world.inbox.sign_files, world.inbox.upload_report,
            world.inbox.ask_receipt,
        ):  # fmt: skip
            assert await step(ref) == await step(ref)
        async with world.records.database.begin() as session:
            made = await reports.version(session, ref.version_id)
            kept = await reports.files(session, ref.version_id)
            trail = [one["action"] for one in await audit.of_subject(session, f"report:loan-portfolio:{PERIOD}")]
        assert made.state == "ACCEPTED"
        assert set(kept) == {"XLSX", "JSON", "PDF"}
        assert trail == [
            "report-snapshot-taken", "report-checked", "report-rendered", "report-signed", "report-uploaded",
            "report-accepted",
        ]  # fmt: skip

    async def test_the_archive_holds_snapshot_files_signatures_and_receipt(self, world: ReportWorld) -> None:
        ref = await world.signed("debt-burden")
        await world.inbox.upload_report(ref)
        told = await world.inbox.ask_receipt(ref)
        async with world.records.database.begin() as session:
            made = await reports.version(session, ref.version_id)
            _, packed = await world.records.documents.load(session, made.snapshot_document_id)
            _, receipt = await world.records.documents.load(session, told.receipt or uuid4())
            for name, one in (await reports.files(session, ref.version_id)).items():
                document, content = await world.records.documents.load(session, one.document_id)
                _, cms = await world.records.documents.load(session, one.cms_document_id or uuid4())
                assert hashlib.sha256(content).hexdigest() == one.sha256
                assert cms.endswith(content[:8])
                assert document.retain_until.year >= 2031, name
        assert build(Snapshot(packed, made.snapshot_sha256)).figures
        assert json.loads(receipt)["state"] == "ACCEPTED"

    async def test_what_is_uploaded_is_the_signed_workbook(self, world: ReportWorld) -> None:
        ref = await world.signed("effective-rates")
        await world.inbox.upload_report(ref)
        (key,) = [one for one in world.portal.uploads if one.startswith("report/effective-rates/")]
        form, period, branch, file, cms = world.portal.uploads[key]
        assert (form, period, branch) == ("effective-rates", PERIOD, "ALMATY")
        async with world.records.database.begin() as session:
            kept = (await reports.files(session, ref.version_id))["XLSX"]
        assert hashlib.sha256(file).hexdigest() == kept.sha256
        assert cms.endswith(file[:8])

    async def test_a_faulty_form_is_kept_with_its_cell_and_has_no_files(self, fresh: ReportWorld) -> None:
        await fresh.lent("costly", date(2026, 10, 5), rate="46.01")
        ref = await fresh.taken("effective-rates")
        found = await fresh.reports.check_forms(ref)
        (fault,) = found.faults
        assert (found.count, fault.form, fault.cell, fault.rule) == (1, "ER-1", f"{TOTAL}/above", "ER-1.cap")
        with pytest.raises(Conflict, match="report-faulty"):
            await fresh.reports.make_files(ref)
        with pytest.raises(Conflict, match="report-not-signed"):
            await fresh.inbox.upload_report(ref)
        async with fresh.records.database.begin() as session:
            row = await reports.get(session, "effective-rates", PERIOD)
            made = await reports.version(session, ref.version_id)
        assert (row.state, row.version, made.state) == ("FAULTY", 1, "FAULTY")
        assert made.faults is not None
        assert made.faults[0]["cell"] == f"{TOTAL}/above"

    async def test_a_mended_form_is_another_version(self, fresh: ReportWorld) -> None:
        await fresh.lent("costly", date(2026, 10, 5), rate="46.01")
        first = await fresh.taken("effective-rates")
        await fresh.reports.check_forms(first)
        fresh.sql("update offer set annual_effective_rate_percent = 45.99")
        second = await fresh.signed("effective-rates")
        async with fresh.records.database.begin() as session:
            row = await reports.get(session, "effective-rates", PERIOD)
            both = await reports.versions(session, row.id)
        assert [(one.n, one.state) for one in both] == [(1, "FAULTY"), (2, "READY")]
        assert (both[1].id, row.state, row.version) == (second.version_id, "READY", 2)
        again = await fresh.reports.snapshot_of(first.version_id)
        assert build(again).faults, "what was read then is not read anew"

    async def test_a_draft_leaves_the_report_as_it_is_and_never_leaves(self, world: ReportWorld) -> None:
        ref = await world.taken("incidents", draft=True)
        await world.reports.check_forms(ref)
        await world.reports.make_files(ref)
        async with world.records.database.begin() as session:
            row = await reports.get(session, "incidents", PERIOD)
            assert (row.state, row.version) == ("BUILDING", 0)
        with pytest.raises(Conflict, match="report-not-signed"):
            await world.inbox.upload_report(ref)


class TestTheRealInbox:
    """The adapter over HTTP, the lender's real key with time stamps, and a regulator that checks the signature."""

    @pytest.fixture
    def regulator(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Outside, LenderSignature]]:
        state, out = tmp_path_factory.mktemp("authority"), tmp_path_factory.mktemp("lender")
        with outside(state) as running:
            issue_lender.write(state, out)
            files = (out / "lender.key.pem", out / "lender.cert.pem", out / "lender.chain.pem")
            stamper = HttpTimestamper(httpx.Client(trust_env=False, timeout=60), f"{running.url}/pki/tsp")
            yield running, LenderSignature(*files, stamper)

    async def test_what_is_signed_is_taken_and_answered(
        self, fresh: ReportWorld, regulator: tuple[Outside, LenderSignature]
    ) -> None:
        running, signature = regulator
        inbox = ReportInbox(fresh.records, Regulator(running.url, TOKEN), signature)
        for code, fault, params, answers in (
            ("refusals", None, {}, ["ACCEPTED"]),
            ("incidents", "rejected", {"after_seconds": 86400}, ["SENT", "REJECTED"]),
            ("complaints", "no_receipt", {"after_seconds": 86400}, ["SENT", "ACCEPTED"]),
        ):
            ref = await fresh.taken(code)
            await fresh.reports.check_forms(ref)
            await fresh.reports.make_files(ref)
            await inbox.sign_files(ref)
            running.fault("regulator", "report", "closed", key=code)
            assert (await inbox.upload_report(ref)).state == "AWAY"
            if fault is not None:
                running.fault("regulator", "report", fault, key=code, **params)
            assert (await inbox.upload_report(ref)).state == "SENT"
            told = []
            for _ in answers:
                told.append((await inbox.ask_receipt(ref)).state)
                later = (datetime.now(UTC) + timedelta(days=2)).isoformat()
                running.control.post("/_control/clock", json={"now": later}).raise_for_status()
            assert told == answers, code
            running.control.post("/_control/clock", json={"now": None}).raise_for_status()

    async def test_another_key_than_the_lenders_is_refused(
        self, fresh: ReportWorld, regulator: tuple[Outside, LenderSignature]
    ) -> None:
        running, _ = regulator
        inbox = ReportInbox(fresh.records, Regulator(running.url, TOKEN), fresh.key)
        ref = await fresh.signed("refusals")
        told = await inbox.upload_report(ref)
        assert (told.state, told.errors[0]["rule"]) == ("REJECTED", "regulator-signature-refused")


class TestTheInbox:
    async def test_a_closed_portal_is_an_answer_and_changes_nothing(self, world: ReportWorld) -> None:
        ref = await world.signed("incidents")
        world.portal.failure = Unavailable("closed")
        assert (await world.inbox.upload_report(ref)).state == "AWAY"
        world.portal.failure = None
        assert (await world.inbox.upload_report(ref)).state == "SENT"
        world.portal.failure = Unavailable("closed")
        assert (await world.inbox.ask_receipt(ref)).state == "AWAY"
        world.portal.failure = None
        assert (await world.inbox.ask_receipt(ref)).state == "ACCEPTED"

    @pytest.mark.parametrize("told", [None, -timedelta(minutes=5), -timedelta(days=1), timedelta(minutes=5)])
    async def test_it_was_delivered_when_the_portal_had_it(self, world: ReportWorld, told: timedelta | None) -> None:
        """By the portal's clock between the making of the version and its answer; else when its answer was here."""
        ref = await world.signed("debt-burden")
        world.sql(
            "update report_version set taken_at = now() - interval '1 hour' where id = %s", ref.version_id
        )  # fmt: skip
        before = datetime.now(UTC)
        world.portal.received_at = None if told is None else before + told
        delivered = await world.inbox.upload_report(ref)
        world.portal.received_at = None
        assert delivered == await world.inbox.upload_report(ref)
        assert delivered.uploaded_at is not None
        if told == -timedelta(minutes=5):
            assert delivered.uploaded_at == before + told
        else:
            assert before - timedelta(seconds=1) < delivered.uploaded_at < before + timedelta(minutes=1)
        async with world.records.database.begin() as session:
            document, proof = await world.records.documents.load(session, delivered.delivery or uuid4())
            kept = (await reports.files(session, ref.version_id))["XLSX"]
        assert document.kind == "regulator_delivery"
        said = json.loads(proof)
        assert (said["upload_id"], said["file_sha256"]) == (delivered.upload_id, kept.sha256)
        assert said["received_at"] == (None if told is None else (before + told).isoformat())

    async def test_without_a_receipt_it_is_asked_for_again(self, world: ReportWorld) -> None:
        ref = await world.signed("complaints")
        await world.inbox.upload_report(ref)
        world.portal.states = [State("IN_WORK"), State("IN_WORK"), State("ACCEPTED", world_time := OCTOBER.window[1])]
        assert [(await world.inbox.ask_receipt(ref)).state for _ in range(3)] == ["SENT", "SENT", "ACCEPTED"]
        assert (await world.inbox.ask_receipt(ref)).accepted_at == world_time

    async def test_a_refusal_is_kept_word_for_word_in_short(self, world: ReportWorld) -> None:
        ref = await world.signed("waiting-cancellations")
        await world.inbox.upload_report(ref)
        error = {"form": "WT-1", "cell": "A1", "rule": "C-1", "message": "x" * 500, "extra": {"a": 1}}
        world.portal.states = [State("REJECTED", None, [error])]
        told = await world.inbox.ask_receipt(ref)
        assert told.state == "REJECTED"
        assert told.errors == [{"form": "WT-1", "cell": "A1", "rule": "C-1", "message": "x" * 200}]
        async with world.records.database.begin() as session:
            assert (await reports.get(session, "waiting-cancellations", PERIOD)).state == "REJECTED"
            made = await reports.version(session, ref.version_id)
            assert await session.get(Document, made.receipt_document_id) is not None

    async def test_a_signature_that_is_not_taken_is_a_refusal(self, world: ReportWorld) -> None:
        ref = await world.signed("fraud-cases")
        world.portal.failure = NotConfirmed("regulator-signature-refused")
        told = await world.inbox.upload_report(ref)
        world.portal.failure = None
        assert (told.state, told.errors[0]["rule"]) == ("REJECTED", "regulator-signature-refused")
        assert (await world.inbox.upload_report(ref)).state == "REJECTED"  # the version is done with

    async def test_a_key_that_fails_in_the_middle_goes_on_where_it_was(self, world: ReportWorld) -> None:
        ref = await world.taken("audit-head")
        await world.reports.check_forms(ref)
        await world.reports.make_files(ref)
        world.key.failure = Unavailable("no time stamp")
        with pytest.raises(Unavailable):
            await world.inbox.sign_files(ref)
        await world.inbox.sign_files(ref)
        assert (await world.inbox.upload_report(ref)).state == "SENT"

    async def test_a_word_that_nobody_gave_is_unknown(self, world: ReportWorld) -> None:
        with pytest.raises(NotFound, match="report-retry-unknown"):
            await world.reports.retry_stands(RetryAsked(retry_id=uuid4()))
