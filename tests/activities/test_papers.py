"""Papers: same bytes everywhere, both languages, nothing fetched, every number where it must stand."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from jinja2 import meta

from activities import localised, papers
from activities.papers import ContractPaper, StatementPaper, contract_pdf, registration_statement, sms_code, terms_text
from rules.client import IdentityDocument, Person
from rules.lender import EXAMPLE
from rules.money import Money
from rules.products import Purpose, ReceivingMethod, product
from rules.receiving import Receiving
from rules.schedule import Method, build

ON = date(2026, 2, 2)
SUBJECTS = ("lending_rules", "payments_information", "rights_and_duties")
BORROWER = Person(
    surname="ӘҒҚҢӨҰҮҺІ",
    given_name="әғқңөұүһі",
    iin="880412401006",
    document=IdentityDocument(number="012345678", expires=date(2031, 5, 1)),
    phone="+77012345678",
)


def contract(months: int = 12, method: Method = Method.ANNUITY, **changes: object) -> ContractPaper:
    terms = product("personal", ON).terms(Money(150_000), months, method, ON, "test")
    plain: dict[str, object] = {
        "number": "MK-2026-000123",
        "on": ON,
        "lender": EXAMPLE,
        "borrower": BORROWER,
        "account": "KZ86125KZT5004100100",
        "purpose": "PERSONAL_NEEDS",
        "schedule": build(terms),
    }
    return ContractPaper.model_validate(plain | changes)


def text_of(pdf: bytes, folder: Path, *options: str) -> str:
    (folder / "paper.pdf").write_bytes(pdf)
    command = ["pdftotext", *options, str(folder / "paper.pdf"), "-"]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return re.sub(r"\s+", " ", found.replace("\u00a0", " "))


def test_the_same_contract_gives_the_same_bytes_in_another_process() -> None:
    here = contract_pdf(contract(24))  # another contract first: caches must not show
    here = contract_pdf(contract())
    assert here.sha256 == hashlib.sha256(here.pdf).hexdigest()
    program = (
        "import importlib.util, sys; spec = importlib.util.spec_from_file_location('own', sys.argv[1]);"
        "own = importlib.util.module_from_spec(spec); spec.loader.exec_module(own);"
        "print(own.contract_pdf(own.contract()).sha256)"
    )
    root = Path(papers.__file__).parents[1]
    there = subprocess.run(
        [sys.executable, "-c", program, __file__], capture_output=True, text=True, check=True, cwd=root
    )
    assert there.stdout.strip() == here.sha256


@pytest.mark.parametrize(("months", "method"), [(12, Method.ANNUITY), (24, Method.OWN), (1, Method.DIFFERENTIATED)])
def test_rates_cost_and_the_whole_schedule_stand_on_page_one(months: int, method: Method, tmp_path: Path) -> None:
    asked = contract(months, method)
    made = contract_pdf(asked)
    first = text_of(made.pdf, tmp_path, "-f", "1", "-l", "1")
    schedule = asked.schedule
    assert f"{localised.rate(schedule.annual_effective_rate_percent)} %" in first
    assert f"{localised.rate(schedule.terms.rate_percent_per_year)} %" in first
    for row in schedule.rows:
        assert localised.day(row.due) in first
        assert localised.money(row.payment).replace("\u00a0", " ") in first
    assert "сто пятьдесят тысяч тенге 00 тиын" in first
    assert "бір жүз елу мың теңге 00 тиын" in first
    assert made.pages == 3


def test_every_kazakh_letter_is_drawn(tmp_path: Path) -> None:
    made = contract_pdf(contract())
    assert BORROWER.full_name in text_of(made.pdf, tmp_path)
    fonts = subprocess.run(["pdffonts", str(tmp_path / "paper.pdf")], capture_output=True, text=True, check=True).stdout
    assert {line.split("+")[1].split()[0] for line in fonts.splitlines()[2:]} == {"Noto-Sans", "Noto-Sans-Bold"}


def test_the_file_calls_itself_an_archive_pdf(tmp_path: Path) -> None:
    (tmp_path / "paper.pdf").write_bytes(contract_pdf(contract()).pdf)
    command = ["pdfinfo", "-meta", str(tmp_path / "paper.pdf")]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert 'pdfaid:part="2"' in found
    assert 'pdfaid:conformance="B"' in found


def test_the_waiting_time_is_told_where_there_is_one(tmp_path: Path) -> None:
    assert "второе подтверждение" in text_of(contract_pdf(contract(waiting_hours=24)).pdf, tmp_path)
    assert "второе подтверждение" not in text_of(contract_pdf(contract()).pdf, tmp_path)


WAYS = [
    ("KZ86125KZT5004100100", "KZ86 125K ZT50 0410 0100", "владелец счёта – Заёмщик", None),
    (Receiving(method=ReceivingMethod.OWN_ACCOUNT, value="KZ86125KZT5004100100").written(), "KZ86 125K", "счёта", None),
    (Receiving(method=ReceivingMethod.OWN_CARD, value="crd_b7e1f0c2a94d4c7f8a51").written(), "••••8a51", "карта", None),
    (
        Receiving(method=ReceivingMethod.MERCHANT, value="ulgi-technika").written(),
        "БИН 490740000202",
        "биометрической идентификацией",
        None,
    ),
    (Receiving(method=ReceivingMethod.CASH_DESK, value="almaty-1").written(), "улица Улги", "удостоверяющему", "72 ч"),
    (Receiving(method=ReceivingMethod.CASH_TERMINAL).written(), "в терминале", "по одноразовому коду", "72 ч"),
]


@pytest.mark.parametrize(("account", "first", "promise", "time"), WAYS)
def test_the_way_of_the_money_is_told_and_the_schedule_still_fits_page_one(
    account: str, first: str, promise: str, time: str | None, tmp_path: Path
) -> None:
    asked = contract(24, Method.OWN, account=account, waiting_hours=24)
    made = contract_pdf(asked)
    front = text_of(made.pdf, tmp_path, "-f", "1", "-l", "1")
    behind = text_of(made.pdf, tmp_path, "-f", "2")
    assert first in front
    assert localised.day(asked.schedule.rows[-1].due) in front
    assert promise in behind
    assert (f"не получены за {time}" in behind) if time else ("не получены за" not in behind)
    assert "crd_b7e1" not in front
    assert made.pages == 3


def test_every_way_of_receiving_has_its_words() -> None:
    assert {Receiving.read(account).method for account, *_ in WAYS} == set(ReceivingMethod)


def test_names_are_text_and_never_markup(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"not to be read")
    hostile = BORROWER.model_copy(update={"surname": f'<img src="{secret.as_uri()}"/>&<b>'})
    assert "<img src=" in text_of(contract_pdf(contract(borrower=hostile)).pdf, tmp_path)


def test_page_numbers_run_through_both_parts(tmp_path: Path) -> None:
    terms = product("business", ON).terms(Money(500_000), 36, Method.ANNUITY, ON, "test")
    made = contract_pdf(contract(schedule=build(terms)))
    for page in range(1, made.pages + 1):
        assert text_of(made.pdf, tmp_path, "-f", str(page), "-l", str(page)).strip().endswith(str(page))


def test_the_statement_names_the_person_and_fits_a_page(tmp_path: Path) -> None:
    paper = StatementPaper(
        person=BORROWER, client_id="0d6f3f6e-4f4e-4d57-9d2f-123456789012", lender="МФО", on=ON, edition="2025b"
    )
    made = registration_statement(paper)
    assert made.pages == 1
    assert registration_statement(paper).sha256 == made.sha256
    found = text_of(made.pdf, tmp_path)
    assert BORROWER.full_name in found
    assert BORROWER.iin in found


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_a_code_comes_in_one_message(language: str) -> None:
    text = sms_code(language, "012345", 60)
    assert "012345" in text
    assert "60" in text
    assert len(text) <= 70  # one UCS-2 message


@pytest.mark.parametrize("subject", SUBJECTS)
def test_texts_before_issue_exist_in_three_languages_under_one_version(subject: str) -> None:
    texts = [terms_text(subject, language, ON, EXAMPLE) for language in ("kk", "ru", "en")]  # type: ignore[arg-type]
    assert len({text.text_version for text in texts}) == 1
    assert len({text.text_sha256 for text in texts}) == 3
    for text in texts:
        assert "{{" not in text.text
        assert text.text_sha256 == hashlib.sha256(text.text.encode()).hexdigest()


def test_a_text_changes_its_version_when_a_number_of_the_law_does() -> None:
    before, after = (terms_text("lending_rules", "ru", day, EXAMPLE) for day in (date(2025, 9, 29), ON))
    assert before.text_version != after.text_version
    assert "второго подтверждения" in after.text
    assert "второго подтверждения" not in before.text


TRANSLATED = sorted({path.name.split(".")[0] for path in localised.TEMPLATES.glob("*.ru.*")})


@pytest.mark.parametrize("name", TRANSLATED)
def test_translations_use_the_same_values(name: str) -> None:
    environment = localised.environment()
    sources = {path.name: path.read_text() for path in localised.TEMPLATES.glob(f"{name}.*.*")}
    assert len(sources) >= 2
    variables = [meta.find_undeclared_variables(environment.parse(source)) for source in sources.values()]
    assert all(found == variables[0] for found in variables)
    expressions = [sorted(re.sub(r"'(kk|ru|en)'|\.(kk|ru|en)\b", "", e) for e in re.findall(r"{{.*?}}", source))
                   for source in sources.values()]  # fmt: skip
    assert all(found == expressions[0] for found in expressions)


def test_every_purpose_has_its_words() -> None:
    assert all(set(localised.purpose(purpose)) == {"kk", "ru"} for purpose in Purpose)
