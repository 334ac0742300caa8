"""Numbers, dates and names as papers print them, and the Jinja2 environment of all templates."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from rules.in_words import money_in_words, percent_in_words
from rules.money import Money
from rules.products import Purpose
from rules.schedule import DayCount, LoanTerms, Method, OffDays, Rounding

TEMPLATES = Path(__file__).parent / "templates"
_NO_BREAK = "\u00a0"

_MONTHS = {
    "ru": [
        "января",
        "февраля",
        "марта",
        "апреля",
        "мая",
        "июня",
        "июля",
        "августа",
        "сентября",
        "октября",
        "ноября",
        "декабря",
    ],
    "kk": [
        "қаңтар",
        "ақпан",
        "наурыз",
        "сәуір",
        "мамыр",
        "маусым",
        "шілде",
        "тамыз",
        "қыркүйек",
        "қазан",
        "қараша",
        "желтоқсан",
    ],
}
_PURPOSES = {
    Purpose.PERSONAL_NEEDS: {"kk": "жеке қажеттіліктер", "ru": "личные нужды"},
    Purpose.GOODS: {"kk": "тауар сатып алу", "ru": "покупка товара"},
    Purpose.REPAIR: {"kk": "жөндеу", "ru": "ремонт"},
    Purpose.HEALTH: {"kk": "емделу", "ru": "лечение"},
    Purpose.EDUCATION: {"kk": "білім алу", "ru": "образование"},
    Purpose.WORKING_CAPITAL: {"kk": "айналым қаражатын толықтыру", "ru": "пополнение оборотных средств"},
    Purpose.EQUIPMENT: {"kk": "жабдық сатып алу", "ru": "покупка оборудования"},
}
TIYN = Money("0.01")
_REAL = {"kk": "Күндер күнтізбе бойынша саналады.", "ru": "Дни считаются по календарю."}
_DAY_COUNTS = {
    DayCount.ACT_365: _REAL,
    DayCount.ACT_360: _REAL,
    DayCount.THIRTY_360: {
        "kk": "Әр толық ай 30 күн болып саналады.",
        "ru": "Каждый полный месяц считается за 30 дней.",
    },
    DayCount.ACT_ACT: {
        "kk": "Күндер күнтізбе бойынша саналады; 1 қаңтарға қараған түн ескі жылға жатады.",
        "ru": "Дни считаются по календарю; ночь на 1 января относится к старому году.",
    },
    DayCount.ACT_ACT_31DEC: {
        "kk": "Күндер күнтізбе бойынша саналады; 31 желтоқсаннан кейінгі түн жаңа жылға жатады.",
        "ru": "Дни считаются по календарю; ночь после 31 декабря относится к новому году.",
    },
    DayCount.ACT_ACT_FEB29: {
        "kk": "Күндер күнтізбе бойынша саналады; 366 – 29 ақпан кіретін кезең үшін, өзгесінде 365.",
        "ru": "Дни считаются по календарю; 366 – для периода, в который входит 29 февраля, иначе 365.",
    },
}
_YEARS = {
    DayCount.ACT_365: {"kk": "365", "ru": "365"},
    DayCount.ACT_360: {"kk": "360", "ru": "360"},
    DayCount.THIRTY_360: {"kk": "360", "ru": "360"},
}
_YEAR_ITSELF = {"kk": "жылдағы күндер саны", "ru": "число дней года"}
_ROUNDINGS = {
    Rounding.LAST_ABSORBS: {
        "kk": "төлемдерді дөңгелектеу айырмасы соңғы төлемге кіреді",
        "ru": "разница от округления платежей входит в последний платёж",
    },
    Rounding.SPREAD: {
        "kk": "төлемдерді дөңгелектеу айырмасы тең төлемдерге бүтін тиынмен бөлінеді, қалғаны соңғы төлемге кіреді",
        "ru": "разница от округления делится целыми тиынами между равными платежами, остаток входит в последний",
    },
}
_PAYMENT_DAYS = {
    OffDays.KEEP: {"kk": "төлем күні ауыспайды", "ru": "день платежа не переносится"},
    OffDays.NEXT_WORKING_DAY: {
        "kk": "келесі жұмыс күнінің соңына дейін мерзімі өтпей төленеді; сыйақы бұдан өзгермейді",
        "ru": "без просрочки можно заплатить до конца следующего рабочего дня; вознаграждение от этого не меняется",
    },
}
_ALLOCATION = {
    "overdue_principal": {"kk": "мерзімі өткен негізгі борыш", "ru": "просроченный основной долг"},
    "overdue_interest": {"kk": "мерзімі өткен сыйақы", "ru": "просроченное вознаграждение"},
    "penalty": {"kk": "тұрақсыздық айыбы", "ru": "неустойка"},
    "principal": {"kk": "ағымдағы негізгі борыш", "ru": "текущий основной долг"},
    "interest": {"kk": "ағымдағы сыйақы", "ru": "текущее вознаграждение"},
    "costs": {"kk": "өндіріп алу шығындары", "ru": "расходы на взыскание"},
}


def money(amount: Money) -> str:
    """150000.5 as 150 000,50 with spaces that do not break."""
    return f"{amount.root:,.2f}".replace(",", _NO_BREAK).replace(".", ",")


def rate(percent: Decimal) -> str:
    """Per cent with a comma: two decimals."""
    return f"{percent:.2f}".replace(".", ",")


def day(on: date) -> str:
    """24.11.2026"""
    return on.strftime("%d.%m.%Y")


def long_date(on: date, language: str) -> str:
    """A date with the month's name.

    >>> long_date(date(2026, 11, 24), "ru"), long_date(date(2026, 11, 24), "kk")
    ('24 ноября 2026 года', '2026 жылғы 24 қараша')
    """
    month = _MONTHS[language][on.month - 1]
    return f"{on.day} {month} {on.year} года" if language == "ru" else f"{on.year} жылғы {on.day} {month}"


def iban(number: str) -> str:
    """An account number in groups of four."""
    return _NO_BREAK.join(number[start : start + 4] for start in range(0, len(number), 4))


def method(terms: LoanTerms) -> dict[str, str]:
    """The method of repayment by name."""
    if terms.method is Method.OWN:
        parts = _own_parts(terms)
        return {
            "kk": f"Ұйымның өз әдісі: {'; '.join(kk for kk, _ in parts)}",
            "ru": f"метод Организации: {'; '.join(ru for _, ru in parts)}",
        }
    return {
        Method.ANNUITY: {"kk": "аннуитеттік (тең) төлемдер", "ru": "аннуитетные (равные) платежи"},
        Method.DIFFERENTIATED: {"kk": "сараланған төлемдер", "ru": "дифференцированные платежи"},
        Method.BULLET: {
            "kk": "кезең сайын сыйақы, негізгі борыш соңғы төлеммен",
            "ru": "вознаграждение каждый период, основной долг последним платежом",
        },
    }[terms.method]


def _own_parts(terms: LoanTerms) -> list[tuple[str, str]]:
    alone, grace, percent = terms.interest_only_months, terms.grace_periods, rate(terms.step_percent)
    parts = []
    if alone:
        parts.append((f"алғашқы {alone} төлем – тек сыйақы", f"первые {alone} плат. – только вознаграждение"))
    if grace:
        parts.append(
            (
                f"алғашқы {grace} кезеңнің сыйақысы {grace + 1}-төлеммен төленеді",
                f"вознаграждение первых {grace} периодов платится с {grace + 1}-м платежом",
            )
        )
    if terms.step_percent:
        every = terms.step_every
        parts.append(
            (
                f"әр {every} төлем сайын төлем {percent} %-ға өзгереді",
                f"каждые {every} плат. платёж меняется на {percent} %",
            )
        )
    else:
        parts.append(("кейін тең төлемдер", "затем равные платежи") if parts else ("тең төлемдер", "равные платежи"))
    return parts


def purpose(code: str) -> dict[str, str]:
    """The purpose by name."""
    return _PURPOSES[Purpose(code)]


def day_count(count: DayCount) -> dict[str, str]:
    """How days are counted, one sentence a language."""
    return _DAY_COUNTS[count]


def year_days(count: DayCount) -> dict[str, str]:
    """What days of interest are divided by."""
    return _YEARS.get(count, _YEAR_ITSELF)


def rounding(terms: LoanTerms) -> dict[str, str]:
    """How level instalments are rounded and what becomes of the difference, one clause a language."""
    words = _ROUNDINGS[terms.rounding]
    if terms.multiple_of == TIYN:
        return words
    unit = money(terms.multiple_of)
    return {
        "kk": f"төлем {unit} теңгеге еселеп дөңгелектеледі; {words['kk']}",
        "ru": f"платёж округляется до кратного {unit} тенге; {words['ru']}",
    }


def payment_day_off(rule: OffDays) -> dict[str, str]:
    """What holds where a payment day is a day off, one clause a language."""
    return _PAYMENT_DAYS[rule]


def allocation(order: str) -> dict[str, str]:
    """The order of repayment as one enumeration; `order` is the policy row's value."""
    names = [_ALLOCATION[name] for name in order.split(",")]
    return {language: ", ".join(name[language] for name in names) for language in ("kk", "ru")}


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Undefined names are errors; HTML is escaped, plain texts are not."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=select_autoescape(enabled_extensions=["html"], default_for_string=True),
        auto_reload=False,
    )
    made.filters |= {
        "money": money,
        "rate": rate,
        "day": day,
        "long": long_date,
        "iban": iban,
        "money_words": money_in_words,
        "rate_words": percent_in_words,
    }
    return made


def render(template: str, **values: object) -> str:
    """A template as text."""
    return environment().get_template(template).render(**values)


def clauses(template: str, **values: object) -> list[tuple[Markup, Markup]]:
    """The clauses of a bilingual text, Kazakh beside Russian.

    Raises:
        ValueError: one language has a clause that the other lacks.
    """
    texts = [render(f"{template}.{language}.html", **values).split("<!-- clause -->") for language in ("kk", "ru")]
    # the parts come out of autoescaped templates of our own, so they are markup already
    return [(Markup(kk), Markup(ru)) for kk, ru in zip(*texts, strict=True)]  # noqa: S704  # nosec B704
