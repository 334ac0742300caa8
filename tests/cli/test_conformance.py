"""Published figures, computed again: the given data where it lies beside the project, and cases made here.

The made cases come from a plain Decimal calculator of twelve digits in this file, which shares nothing with the rules.
"""

from __future__ import annotations

import json
import random
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from cli.conformance import conformance
from cli.main import run
from rules.errors import InvalidInput

DATA = Path(__file__).parents[3] / "shared" / "data" / "loan-maths"
CENT = Decimal("0.01")
D = Decimal
PRODUCTS = {
    "LP2_EMI_360_30": (360, False, CENT),
    "LP2_EMI_365_ACTUAL": (365, True, CENT),
    "LP2_EMI_360_ACTUAL": (360, True, CENT),
    "LP2_ZERO_INTEREST_CHARGE_OFF_BEHAVIOUR": (365, True, D(1)),
    "LP1_PERIOD_SAME_AS_PAYMENT": (360, False, D(1)),
}


def test_every_covered_case_of_the_given_data_is_exact(capsys: pytest.CaptureFixture[str]) -> None:
    if not DATA.exists():
        pytest.skip("../shared/data/loan-maths is not here: 0 of its cases ran")
    assert run(["conformance", "loan-maths", str(DATA), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    for name, report in found.items():
        with capsys.disabled():
            print(f"\n{name}: {report['cases']} cases, {report['covered']} covered, {report['exact']} exact", end="")
        assert report["differing"] == [], name
        assert report["exact"] == report["covered"]
        assert report["cases"] == report["covered"] + sum(report["not_covered"].values())
    least = {
        "fineract_2026_schedules.json": 170, "fineract_emi_unit.json": 20, "fineract_month_end.json": 4,
        "apr_ec_fca.json": 63, "apr_regz_appendix_j.json": 11, "xirr_pyxirr.json": 38, "kz_gesv_public.json": 1,
    }  # fmt: skip
    for name, count in least.items():
        assert found[name]["exact"] >= count, name


def added(day: date, months: int) -> date:
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, day.day)


def printed(principal: Decimal, rate: Decimal, count: int, start: date, product: str) -> list[list[Any]]:
    """Rows of a calculator that works with twelve digits: the reference of the made cases."""
    year, real, multiple = PRODUCTS[product]
    dues = [added(start, k) for k in range(count + 1)]
    with localcontext(Context(prec=12, rounding=ROUND_HALF_EVEN)):
        factors = [rate / 100 * ((due - before).days if real else 30) / year for before, due in pairwise(dues)]
        product_of, divisor = 1 + factors[0], D(1)
        for factor in factors[1:]:
            product_of, divisor = product_of * (1 + factor), 1 + divisor * (1 + factor)
        level = principal * product_of / divisor
    instalment = (level / multiple).quantize(D(1), ROUND_HALF_EVEN) * multiple
    rows = laid_out(principal, factors, instalment)
    while multiple == CENT:
        rest = rows[-1][0] + rows[-1][1] - instalment
        step = (rest / count).quantize(CENT, ROUND_HALF_EVEN)
        if abs(rest) * 100 <= count // 2:
            break
        others = laid_out(principal, factors, instalment + step)
        if abs(others[-1][0] + others[-1][1] - instalment - step) >= abs(rest):
            break
        instalment, rows = instalment + step, others
    out: list[list[Any]] = []
    left = principal
    for n, (interest, part) in enumerate(rows, 1):
        left -= part
        money = [str(amount) for amount in (left, part, interest, D("0.0"), D("0.0"), part + interest)]
        out.append([n, (dues[n] - dues[n - 1]).days, dues[n].isoformat(), *money])
    return out


def laid_out(principal: Decimal, factors: list[Decimal], instalment: Decimal) -> list[tuple[Decimal, Decimal]]:
    rows, left = [], principal
    for n, factor in enumerate(factors, 1):
        interest = (left * factor).quantize(CENT, ROUND_HALF_EVEN)
        part = left if n == len(factors) else instalment - interest
        left -= part
        rows.append((interest, part))
    return rows


def made_cases(count: int) -> list[dict[str, Any]]:
    chance = random.Random(11)
    cases = []
    for n in range(count):
        product = chance.choice(sorted(PRODUCTS))
        principal, rate = D(chance.randint(10_000, 2_000_000)) / 100, D(chance.randint(100, 6000)) / 100
        start = date(2024, chance.randint(1, 12), chance.randint(1, 28))
        periods = chance.randint(1, 24)
        cases.append(
            {
                "id": f"made:{n}", "business_date": start.isoformat(), "product": product, "rate": str(rate),
                "interest": "DECLINING_BALANCE", "calc": "DAILY", "amort": "EQUAL_INSTALLMENTS",
                "every": ["1", "MONTHS"], "n": periods, "grace": ["0", "0", "0"],
                "advances": [[start.isoformat(), str(principal)]],
                "schedule": printed(principal, rate, periods, start, product), "fresh": True,
            }
        )  # fmt: skip
    return cases


def written(folder: Path, name: str, cases: list[dict[str, Any]], **more: Any) -> Path:
    (folder / name).write_text(json.dumps({"source": "made", "cases": cases, **more}))
    return folder


def test_made_schedules_are_exact(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = conformance(written(tmp_path, "any-name.json", made_cases(400)))["any-name.json"]
    with capsys.disabled():
        print(f"\nmade schedules: {report['covered']} ran", end="")
    assert report == {"cases": 400, "covered": 400, "exact": 400, "differing": [], "not_covered": {}}


def test_a_wrong_figure_is_named_and_the_command_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases = made_cases(3)
    cases[1]["schedule"][0][5] = "0.01"
    written(tmp_path, "some.json", cases)
    assert run(["conformance", "loan-maths", str(tmp_path), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)["some.json"]
    assert (report["covered"], report["exact"]) == (3, 2)
    assert [one["id"] for one in report["differing"]] == ["made:1"]
    assert run(["conformance", "loan-maths", str(tmp_path)]) == 1
    assert "differs: made:1" in capsys.readouterr().out


def test_what_our_conventions_do_not_cover_is_counted_with_its_reason(tmp_path: Path) -> None:
    stale, flat, idle, monthly, down, stretched, shifted = made_cases(7)
    stale["fresh"] = False
    flat["interest"] = "FLAT"
    idle["schedule"][0][8] = "0.0"
    monthly["rate"] = str(D(monthly["rate"]) / 12)
    down["schedule"] = [[1, 0, down["advances"][0][0], "1.00", "1.00", "0.0", "0.0", "0.0", "1.00"], *down["schedule"]]
    stretched["product"] += "_FIXED_LENGTH"
    shifted["schedule"][0][1] += 3
    report = conformance(written(tmp_path, "s.json", [stale, flat, idle, monthly, down, stretched, shifted]))["s.json"]
    assert (report["covered"], report["differing"]) == (0, [])
    assert len(report["not_covered"]) == 7
    assert set(report["not_covered"].values()) == {1}


def test_rates_are_recognised_by_structure(tmp_path: Path) -> None:
    quarter = {"id": "one_quarter", "day_count_year": 365.25, "flows": [[0, 100], [31, -125]]}
    right, wrong = quarter | {"expected_apr_percent": 1286.2}, quarter | {"expected_apr_percent": 1286.3}
    written(tmp_path, "a.json", [right | {"decimals": 1}, wrong | {"decimals": 1}], ec_published_roots_percent=[])
    dated = [["2025-01-31", -103720], ["2025-01-01", 100000]]
    irr = {"id": "x", "flows": dated, "expected_xirr": 0.5595304}
    written(tmp_path, "b.json", [irr, irr | {"expected_xirr": None}, irr | {"expected_xirr": 0.5}])
    printed_rate = {"days": 30, "advance": 100000, "payment": 103720, "expected_gesv_percent": 55.95}
    written(tmp_path, "c.json", [printed_rate])
    month = [["1978-01-10", 5000], *([added(date(1978, 2, 10), k).isoformat(), -230] for k in range(24))]
    written(
        tmp_path, "d.json", [{"id": "m", "flows": month, "unit_period": "M1", "expected_nominal_apr_percent": 9.69}]
    )
    written(tmp_path, "e.json", [{"indexed": "a", "search": "b", "score": 0.5}])
    (tmp_path / "f.csv").write_text("# comment\na,b,0.85,pair\n")
    (tmp_path / "unknown.json").write_text('{"cases": [{"other": 1}]}')
    (tmp_path / "README.md").write_text("no data")
    found = conformance(tmp_path)
    assert sorted(found) == ["a.json", "b.json", "c.json", "d.json", "e.json", "f.csv"]
    assert {name: report["exact"] for name, report in found.items()} == {
        "a.json": 1, "b.json": 1, "c.json": 1, "d.json": 1, "e.json": 0, "f.csv": 0
    }  # fmt: skip
    assert [one["id"] for one in found["a.json"]["differing"]] == ["one_quarter"]
    assert found["b.json"]["not_covered"] == {"no rate printed, though one solves the flows": 1}


def calculator_test(name: str, sequence: list[list[Any]], **more: Any) -> dict[str, Any]:
    months = [date(2024, month, 1).isoformat() for month in range(1, 8)]
    return {
        "test": name, "periods": [list(pair) for pair in pairwise(months)],
        "rate_percent": "7.0", "days_in_year": "DAYS_360", "days_in_month": "DAYS_30", "frequency": "MONTHS",
        "repay_every": "1", "sequence": [["addDisbursement", "interestSchedule, 2024-01-01, 100.0"], *sequence],
    } | more  # fmt: skip


def test_steps_of_a_calculator_are_played_in_order(tmp_path: Path) -> None:
    plain = ["checkPeriod", ["0", "0", "17.01", "0.005833333333", "0.5833333333", "0.58", "16.43", "83.57"]]
    paused = ["checkPeriod", ["1", "1", "17.01", "0.000201149425", "0.0168060344588", "0.02", "16.99", "66.56"]]
    pause = ["applyInterestPause", "interestSchedule, 2024-02-01, 2024-02-29"]
    longer = ["checkPeriod", ["0", "17.01", "1.17", "15.84", "84.16", "false"]]
    move = ["changeDueDate", "interestSchedule, loanApplicationTerms, 2024-02-01, 2024-03-01"]
    cases = [
        calculator_test("plain", [plain]),
        calculator_test("pause", [pause, paused]),
        calculator_test("moved", [move, longer]),
        calculator_test("wrong", [["checkPeriod", ["0", "17.01", "0.59", "16.42", "83.58", "false"]]]),
        calculator_test("wrong factor", [["checkPeriod", [*plain[1][:3], "0.0058", *plain[1][4:]]]]),
        calculator_test("changed", [["creditPrincipal", "interestSchedule, 2024-02-01, 1"], plain]),
        calculator_test("unchecked", []),
        calculator_test("other year", [plain], days_in_year="DAYS_364"),
        calculator_test("unknown step", [["somethingNew", "x"], plain]),
    ]
    report = conformance(written(tmp_path, "calculator.json", cases))["calculator.json"]
    assert (report["cases"], report["covered"], report["exact"]) == (9, 5, 3)
    assert [one["id"] for one in report["differing"]] == ["wrong", "wrong factor"]
    assert len(report["not_covered"]) == 4


def test_month_ends_are_judged_by_their_rule(tmp_path: Path) -> None:
    terms = {
        "disbursed": "2025-01-31", "principal": 10000, "annual_rate_percent": 12, "periods": 1,
        "method": "annuity, declining balance",
    }  # fmt: skip
    row = {"n": 1, "days": 28, "date": "2025-02-28", "balance": 0, "principal": 10000, "interest": 100.0, "due": 10100}
    case = {"id": "clamp", "rule": "LAST_DAY_OF_MONTH", "day_count": "30/360", "schedule": [row]}
    rolled = case | {"id": "roll", "rule": "FIRST_DAY_OF_NEXT_MONTH"}
    report = conformance(written(tmp_path, "ends.json", [case, rolled, case | {"rule": "OTHER"}], terms=terms))
    assert report["ends.json"]["exact"] == 1
    assert [one["id"] for one in report["ends.json"]["differing"]] == ["roll"]
    assert report["ends.json"]["not_covered"] == {"OTHER, 30/360: no rule of ours": 1}


def test_a_folder_that_is_none_and_a_broken_file_are_refused(tmp_path: Path) -> None:
    for broken in ("{", '{"cases": [{"product": "LP2", "advances": [], "schedule": []}]}'):
        (tmp_path / "broken.json").write_text(broken)
        with pytest.raises(InvalidInput) as refused:
            conformance(tmp_path)
        assert refused.value.code == "file-wrong"
    with pytest.raises(InvalidInput):
        conformance(tmp_path / "nowhere")
