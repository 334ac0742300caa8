"""Reports as pure rules: the registry, figures out of facts, control checks that name form, cell and rule."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.calendar import ALMATY
from rules.clocks import CLOCKS, deadline
from rules.due_diligence import DueDiligenceFacts
from rules.errors import Conflict, InvalidInput, NotFound
from rules.lender import EXAMPLE
from rules.report_facts import BUCKETS, COLUMNS, burden_band, derived, rate_band
from rules.report_forms import TOTAL, Unit, behind, cell_of, shown
from rules.report_snapshot import Built, Head, Snapshot, Writer, build
from rules.report_words import GROUNDS, labels
from rules.reports import REPORTS, Every, over_by, received_at, report, span, spans

TAKEN = datetime(2026, 11, 1, 1, 0, tzinfo=UTC)
OCTOBER = span("month", "2026-10")


def head(code: str, **books: int) -> Head:
    definition = report(code)
    nothing = {"issued_in_ledger": 0, "received_by_facts": 0, "given_back_by_facts": 0}
    return Head(
        report=code, layout=definition.layout, period="2026-10", taken_at=TAKEN, lender_bin=EXAMPLE.bin,
        lender=EXAMPLE.names, policy="test", labels=labels(), books=nothing | books,
        columns={kind: COLUMNS[kind] for kind in definition.kinds},
    )  # fmt: skip


def snapshot(code: str, *facts: tuple[str, list[Any]], **books: int) -> Snapshot:
    writer = Writer(head(code, **books))
    for kind, values in facts:
        writer.add(kind, values)
    return writer.end()


def a_loan(n: int, days: int = 0, principal: int = 100_000_00, overdue: int = 0, product: str = "personal") -> Any:
    return "loan", [f"loan-{n}", f"MK-{n}", product, days, principal, overdue, principal]


def told(built: Built) -> list[tuple[str, str, str]]:
    return [(one.form, one.cell, one.rule) for one in built.faults]


class TestTheRegistry:
    def test_it_holds_every_report_that_must_be_made(self) -> None:
        assert set(REPORTS) == {
            "loan-portfolio", "issued-repaid", "effective-rates", "debt-burden", "refusals", "fraud-cases",
            "incidents", "complaints", "waiting-cancellations", "audit-head",
        }  # fmt: skip

    @pytest.mark.parametrize("code", REPORTS)
    def test_each_is_whole(self, code: str) -> None:
        one = report(code)
        assert one.clock in CLOCKS
        assert set(one.names) == {"kk", "ru", "en"}
        columns = [column.code for form in one.forms for column in form.columns]
        assert len(set(columns)) == len(columns), "a cell is named by row and column alone"
        assert all("/" not in name for form in one.forms for name in (*columns, *(row.code for row in form.rows)))
        assert set(one.kinds) <= set(COLUMNS)
        build(snapshot(code))  # every check can be asked of empty forms

    def test_a_fact_has_what_its_forms_ask_for(self) -> None:
        samples: Mapping[str, list[Any]] = {
            "loan": ["l", "MK", "personal", 3, 1, 1, 1],
            "movement": ["l", "MK", "personal", 0, True, 1, 0, 0, 1, 0, 0],
            "issue": ["l", "MK", "personal", 1, "37.81", "46"],
            "burden": ["l", "MK", "personal", 1, "INDIVIDUAL", "0.3", "0.5"],
            "refusal": ["a", "personal", 1, ["aml-hit"]],
            "paper": ["p", "l", "COURT_VERDICT", "CONFIRMED", "2026-10-01T00:00:00+00:00"],
            "clock-fraud": ["c", "P13.4", "s", None, "2026-10-01T00:00:00+00:00", None, None, "RUNNING"],
            "clock-incident": ["c", "P13.1-act", "s", None, "2026-10-01T00:00:00+00:00", None, None, "RUNNING"],
            "clock-complaint": ["c", "complaint-answer", "s", None, "2026-10-01T00:00:00+00:00", None, None, "RUNNING"],
            "incident": ["i", "FRAUD", "HIGH", "2026-10-01T00:00:00+00:00", "OPEN", None, 2, 1],
            "complaint": ["c", None, "service", "2026-10-01T00:00:00+00:00", "2026-10-22", None, None],
            "waiting": ["a", None, "personal", 1, "silent", False, "2026-10-01T00:00:00+00:00"],
            "head": ["head", 1, "ab", 1, None, True, None],
        }
        for one in REPORTS.values():
            built = build(snapshot(one.code, *((kind, samples[kind]) for kind in one.kinds)))
            for form in one.forms:
                assert any(figure.exact for line in built.figures[form.code].values() for figure in line.values())

    def test_an_unknown_one_is_told_so(self) -> None:
        with pytest.raises(NotFound, match="report-unknown"):
            report("weather")

    def test_every_ground_of_a_refusal_by_our_rules_has_words(self) -> None:
        from datetime import date as day

        from rules.client import ClientKind
        from rules.due_diligence import Result, decide
        from rules.money import Money
        from rules.products import product

        worst = DueDiligenceFacts(
            kind=ClientKind.INDIVIDUAL, age=90, amount=Money(100_000_000), term_months=99, aml="hit",
            voluntary_refusal=True, monthly_payments=Money(500_000), new_payment=Money(500_000),
            average_income=Money(1000), bank_overdue_days=99, microcredit_overdue_days=99, antifraud_listed=True,
        )  # fmt: skip
        refused = decide(worst, day(2026, 10, 1), product("personal", day(2026, 10, 1)))
        codes = {one.code for one in refused.grounds if one.leads_to is Result.REFUSED}
        assert len(codes) >= 9
        assert codes <= set(GROUNDS)


class TestPeriods:
    @pytest.mark.parametrize(
        ("every", "code", "first", "last"),
        [
            ("month", "2026-02", date(2026, 2, 1), date(2026, 2, 28)),
            ("month", "2028-02", date(2028, 2, 1), date(2028, 2, 29)),
            ("month", "2026-12", date(2026, 12, 1), date(2026, 12, 31)),
            ("quarter", "2026-Q1", date(2026, 1, 1), date(2026, 3, 31)),
            ("quarter", "2026-Q4", date(2026, 10, 1), date(2026, 12, 31)),
        ],
    )
    def test_their_days(self, every: str, code: str, first: date, last: date) -> None:
        assert (span(every, code).first, span(every, code).last) == (first, last)

    @pytest.mark.parametrize(
        ("every", "code"),
        [("month", "2026-13"), ("month", "2026-Q1"), ("month", "26-10"), ("month", " 2026-10"), ("quarter", "2026-10"),
         ("quarter", "2026-Q5"), ("month", "2026-10\n")],
    )  # fmt: skip
    def test_what_is_none(self, every: str, code: str) -> None:
        with pytest.raises(InvalidInput, match="report-period-wrong"):
            span(every, code)

    def test_the_period_that_is_over_on_each_day_of_two_years(self) -> None:
        day = date(2025, 1, 1)
        while day < date(2027, 1, 1):
            for every in Every:
                found = over_by(every, day)
                assert found.last < day
                assert over_by(every, found.last + timedelta(days=1)) == found
            day += timedelta(days=1)

    def test_all_between_two(self) -> None:
        months = [one.code for one in spans(Every.MONTH, span("month", "2025-11"), span("month", "2026-02"))]
        assert months == ["2025-11", "2025-12", "2026-01", "2026-02"]

    def test_the_first_day_that_counts_is_the_one_after_the_period(self) -> None:
        found = deadline("report", received_at(OCTOBER))
        # ten working days after Saturday 31 October 2026: from Monday 2 to Friday 13 November
        assert (found.received.astimezone(ALMATY).date(), found.last_day) == (OCTOBER.last, date(2026, 11, 13))


class TestFigures:
    def test_loans_stand_by_product_and_bucket(self) -> None:
        facts = [a_loan(n, days) for n, days in enumerate((0, 1, 30, 31, 60, 61, 90, 91, 400))]
        built = build(snapshot("loan-portfolio", *facts, a_loan(10, 5, product="business")))
        line = built.figures["LP-1"]["personal"]
        assert [line[f"n{bucket}"].shown for bucket in BUCKETS] == [1, 2, 2, 2, 2]
        assert built.figures["LP-1"]["business"]["n1-30"].shown == 1
        assert built.figures["LP-1"][TOTAL]["n-all"].shown == 10
        assert built.figures["LP-2"][TOTAL]["p-all"].exact == 10 * 100_000_00
        assert built.faults == ()

    def test_each_line_is_rounded_and_totals_add_up_as_shown(self) -> None:
        facts = [
            a_loan(1, principal=50_000),
            a_loan(2, principal=49_999, product="business"),
            a_loan(3, 5, principal=50_000),
        ]
        built = build(snapshot("loan-portfolio", *facts))
        lines = built.figures["LP-2"]
        assert (lines["personal"]["p0"].shown, lines["business"]["p0"].shown) == (1, 0)
        assert (lines[TOTAL]["p0"].shown, lines[TOTAL]["p0"].exact) == (1, 99_999)
        assert lines[TOTAL]["p-all"].shown == 2  # the exact sum alone would be rounded to one
        assert built.faults == ()

    @given(st.integers(-(10**15), 10**15))
    def test_thousands_are_the_nearest(self, tiyn: int) -> None:
        rounded = shown(tiyn, Unit.THOUSAND)
        assert abs(rounded * 100_000 - tiyn) <= 50_000
        assert shown(-tiyn, Unit.THOUSAND) == -rounded

    def test_a_line_that_nobody_named_is_there_all_the_same(self) -> None:
        built = build(snapshot("loan-portfolio", a_loan(1, product="new-product")))
        assert [row.code for row in built.rows["LP-1"]] == ["business", "personal", "unknown", "new-product", TOTAL]

    def test_a_refusal_with_two_grounds_stands_in_two_lines_and_once_in_the_total(self) -> None:
        facts = [
            ("refusal", ["a", "personal", 100_000_00, ["voluntary-refusal", "bank-debt-overdue"]]),
            ("refusal", ["b", "personal", 200_000_00, ["voluntary-refusal"]]),
        ]
        lines = build(snapshot("refusals", *facts)).figures["RF-1"]
        assert (lines["voluntary-refusal"]["n"].shown, lines["bank-debt-overdue"]["n"].shown) == (2, 1)
        assert (lines[TOTAL]["n"].shown, lines[TOTAL]["amount"].shown) == (2, 300)

    @given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 10**9), st.sampled_from(["personal", "business"]))))
    def test_the_facts_behind_a_cell_add_up_to_it(self, drawn: list[tuple[int, int, str]]) -> None:
        facts = [a_loan(n, days, principal, 0, product) for n, (days, principal, product) in enumerate(drawn)]
        taken = snapshot("loan-portfolio", *facts)
        built = build(taken)
        known = [fact for _, fact in taken.facts()]
        for form in built.report.forms:
            for row, line in built.figures[form.code].items():
                for column, figure in line.items():
                    found = list(behind(form, row, column, known))
                    of = next(one for one in form.columns if one.code == column)
                    field = of.of or (form.column(of.parts[0]).of if of.parts else None)
                    assert figure.exact == sum(1 if field is None else fact[field] for fact in found)

    def test_bands(self) -> None:
        assert [rate_band(Decimal(one)) for one in ("0", "9.99", "10", "59.99", "60", "179")] == [
            "0-10", "0-10", "10-20", "50-60", "60+", "60+",
        ]  # fmt: skip
        assert [burden_band(Decimal(one)) for one in ("0", "0.05", "0.25", "0.5", "0.50001", "3")] == [
            "0-10", "0-10", "20-30", "40-50", "50+", "50+",
        ]  # fmt: skip


END = OCTOBER.window[1]


def instant(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


class TestHowAClockStoodWhenThePeriodEnded:
    @pytest.mark.parametrize(
        ("due", "ended", "state", "outcome"),
        [
            (END, None, "RUNNING", "missed"),
            (END + timedelta(days=1), None, "RUNNING", "running"),
            (END - timedelta(days=3), None, "MISSED", "missed"),
            (END - timedelta(days=3), END - timedelta(days=4), "MET", "met"),
            (END - timedelta(days=3), END - timedelta(days=3), "MET_LATE", "late"),
            (END - timedelta(days=3), END - timedelta(days=2), "MET_LATE", "late"),
            (END - timedelta(days=3), END, "MET_LATE", "missed"),  # what came later is another period's
            (END + timedelta(days=3), END + timedelta(days=1), "MET", "running"),
            (END + timedelta(days=3), END - timedelta(days=1), "CANCELLED", "cancelled"),
            (END + timedelta(days=3), END + timedelta(days=1), "CANCELLED", "running"),
            (None, None, "RUNNING", "running"),
        ],
    )
    def test_it(self, due: datetime | None, ended: datetime | None, state: str, outcome: str) -> None:
        fact = {"due_at": instant(due), "ended_at": instant(ended), "state": state}
        assert derived("clock-fraud", fact, OCTOBER.window)["outcome"] == outcome

    def test_an_incident_closed_later_was_open(self) -> None:
        fact = {"state": "CLOSED", "closed_at": END.isoformat()}
        assert derived("incident", fact, OCTOBER.window)["state"] == "OPEN"
        fact = {"state": "CLOSED", "closed_at": (END - timedelta(seconds=1)).isoformat()}
        assert derived("incident", fact, OCTOBER.window)["state"] == "CLOSED"


class TestComplaints:
    def fact(self, received: str, due: str, answered: str | None = None, outcome: str | None = None) -> Any:
        at = None if answered is None else f"{answered}T06:00:00+00:00"
        return "complaint", ["c", None, "service", f"{received}T06:00:00+00:00", due, at, outcome]

    def test_what_was_open_and_what_came_is_answered_or_left(self) -> None:
        facts = [
            self.fact("2026-09-20", "2026-10-12", "2026-10-12", "satisfied"),  # on its last day
            self.fact("2026-09-20", "2026-10-12", "2026-10-13", "declined"),  # a day late
            self.fact("2026-10-02", "2026-10-23"),  # out of time, open
            self.fact("2026-10-02", "2026-10-23", "2026-11-02", "partly"),  # answered after the period
            self.fact("2026-10-30", "2026-11-20"),
        ]
        line = build(snapshot("complaints", *facts)).figures["CO-1"][TOTAL]
        found = {name: figure.shown for name, figure in line.items()}
        assert found == {
            "before": 2, "received": 3, "answered": 2, "satisfied": 1, "partly": 0, "declined": 1, "left": 3, "late": 3,
        }  # fmt: skip


class TestControlChecks:
    def test_overdue_principal_above_the_principal_is_named_by_its_cell(self) -> None:
        built = build(snapshot("loan-portfolio", a_loan(1, 5, principal=100, overdue=101)))
        assert ("LP-3", "personal/o1-30", "LP-3-2.1-30") in told(built)
        (first, *_) = built.faults
        assert "LP-2:personal/p1-30" in first.reason

    def test_a_loan_without_a_product_is_refused(self) -> None:
        built = build(snapshot("loan-portfolio", a_loan(1, product="unknown")))
        assert told(built) == [("LP-1", "unknown/n-all", "LP-1.product")]

    def test_the_books_must_say_the_same(self) -> None:
        fact = ("movement", ["l", "MK", "personal", 0, True, 100_000_00, 0, 0, 100_000_00, 5_000_00, 0])
        books = {"issued_in_ledger": 100_000_00, "received_by_facts": 5_000_00}
        assert build(snapshot("issued-repaid", fact, **books)).faults == ()
        built = build(snapshot("issued-repaid", fact, **books | {"issued_in_ledger": 99_999_99}))
        assert told(built) == [("IR-1", f"{TOTAL}/issued", "IR-1.ledger")]
        assert built.faults[0].reason == "100000.00 ≠ issued_in_ledger 99999.99"
        assert [one.rule for one in built.checks if not one.ok] == ["IR-1.ledger"]

    def test_a_line_that_does_not_balance_is_named(self) -> None:
        fact = ("movement", ["l", "MK", "personal", 500, False, 0, 100, 0, 399, 0, 0])
        rows = {cell for form, cell, rule in told(build(snapshot("issued-repaid", fact))) if rule == "IR-1.balance"}
        assert rows == {"personal/closing", f"{TOTAL}/closing"}

    def test_money_that_flowed_backwards_is_named(self) -> None:
        fact = ("movement", ["l", "MK", "personal", 100, False, 0, -50, 0, 150, 0, 0])
        assert ("IR-1", "personal/repaid", "IR-1.sign") in told(build(snapshot("issued-repaid", fact)))

    def test_a_rate_above_the_cap_and_one_that_nobody_knows_are_refused(self) -> None:
        facts = [
            ("issue", ["a", "MK-1", "personal", 100, "46.00", "46"]),
            ("issue", ["b", "MK-2", "personal", 100, "46.01", "46"]),
            ("issue", ["c", "MK-3", "personal", 100, None, "46"]),
        ]
        built = build(snapshot("effective-rates", *facts, issued_in_ledger=300))
        assert told(built) == [("ER-1", "unknown/n", "ER-1.unknown"), ("ER-1", f"{TOTAL}/above", "ER-1.cap")]

    def test_a_burden_above_its_cap_is_refused_and_a_business_is_not_counted(self) -> None:
        facts = [
            ("burden", ["a", "MK-1", "personal", 100, "INDIVIDUAL", "0.50", "0.5"]),
            ("burden", ["b", "MK-2", "personal", 100, "INDIVIDUAL", "0.2501", "0.25"]),
            ("burden", ["c", "MK-3", "business", 100, "LEGAL_ENTITY", None, None]),
        ]
        built = build(snapshot("debt-burden", *facts, issued_in_ledger=300))
        assert told(built) == [("DB-1", f"{TOTAL}/b-above", "DB-1.cap")]
        assert built.figures["DB-1"]["not-counted"]["b-n"].shown == 1

    def test_a_paper_whose_clock_never_began_is_named(self) -> None:
        at = "2026-10-05T06:00:00+00:00"
        paper = ("paper", ["p", "l", "VICTIM_RESOLUTION", "CONFIRMED", at])
        clock = ("clock-fraud", ["c", "P13.2", "s", "l", at, "2026-10-08T19:00:00+00:00", None, "RUNNING"])
        assert build(snapshot("fraud-cases", paper, clock)).faults == ()
        built = build(snapshot("fraud-cases", paper))
        assert told(built) == [("FR-1", "INVESTIGATOR_SUBMISSION/received", "FR-1-2.suspension")]

    def test_a_broken_chain_is_refused(self) -> None:
        built = build(snapshot("audit-head", ("head", ["head", 7, "ab" * 32, 2, None, False, "the row was changed"])))
        assert told(built) == [("AU-1", "head/broken", "AU-1.chain")]

    def test_a_refusal_without_a_ground_is_refused(self) -> None:
        built = build(snapshot("refusals", ("refusal", ["a", "personal", 1, ["without-ground"]])))
        assert told(built) == [("RF-1", "without-ground/n", "RF-1.ground")]

    def test_more_clients_told_than_touched_is_refused(self) -> None:
        fact = ("incident", ["i", "FRAUD", "HIGH", "2026-10-01T00:00:00+00:00", "OPEN", None, 1, 2])
        assert ("IN-1", "FRAUD/told", "IN-1.told") in told(build(snapshot("incidents", fact)))

    def test_a_total_that_is_not_the_sum_of_its_lines_is_named(self) -> None:
        built = build(snapshot("loan-portfolio", a_loan(1), a_loan(2, product="business")))
        (check,) = [one for one in built.report.checks if one.rule == "LP-1.sum"]
        figures = {code: dict(lines) for code, lines in built.figures.items()}
        figures["LP-1"][TOTAL] = figures["LP-1"]["personal"]
        found = list(check.faults(built.report.form_codes, figures, {}))
        assert [(one.cell, one.reason) for one in found] == [
            (f"{TOTAL}/n0", "1 ≠ Σ 2"), (f"{TOTAL}/n-all", "1 ≠ Σ 2"),
        ]  # fmt: skip


class TestSnapshots:
    def test_equal_facts_are_equal_bytes(self) -> None:
        first, second = (snapshot("loan-portfolio", a_loan(1), a_loan(2)) for _ in range(2))
        assert first == second
        assert snapshot("loan-portfolio", a_loan(2), a_loan(1)).sha256 != first.sha256
        assert Snapshot.of_lines(first.lines()).sha256 == first.sha256

    def test_one_that_lost_or_gained_lines_is_damaged(self) -> None:
        lines = snapshot("loan-portfolio", a_loan(1), a_loan(2)).lines().splitlines(keepends=True)
        for wrong in (lines[:-1], [lines[0], *lines[2:]], [*lines[:2], lines[1], *lines[2:]]):
            with pytest.raises(Conflict, match="report-snapshot-damaged"):
                build(Snapshot.of_lines(b"".join(wrong)))

    def test_one_of_other_forms_is_not_rendered(self) -> None:
        taken = snapshot("loan-portfolio")
        older = taken.lines().replace(b'"layout":1', b'"layout":0')
        with pytest.raises(Conflict, match="report-layout-other"):
            build(Snapshot.of_lines(older))

    def test_a_long_one_is_read_in_pieces(self) -> None:
        facts = [a_loan(n, n % 100, principal=n) for n in range(20_000)]
        built = build(snapshot("loan-portfolio", *facts))
        assert built.figures["LP-1"][TOTAL]["n-all"].shown == built.facts == 20_000
        assert built.figures["LP-2"][TOTAL]["p-all"].exact == sum(range(20_000))

    def test_a_cell_that_is_none_is_told_so(self) -> None:
        forms = report("loan-portfolio").forms
        assert cell_of(forms, "personal/o1-30")[0].code == "LP-3"
        for wrong in ("personal/zz", "o1-30", "/o1-30", ""):
            with pytest.raises(NotFound, match="report-cell-unknown"):
                cell_of(forms, wrong)
