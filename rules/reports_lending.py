"""Forms about microcredits: portfolio by arrears, issued and repaid, effective rates, debt burden.

The regulator's own forms were not read; these tell what the law and its letters ask for, and are data to be changed.
"""

from __future__ import annotations

from rules.report_checks import Balance, Check, InBooks, NotAbove, Nothing, NotNegative, RowsAddUp, SumNeedsCount
from rules.report_facts import BUCKETS, BURDEN_BANDS, NOT_COUNTED, RATE_BANDS, UNKNOWN
from rules.report_forms import TOTAL, Column, Form, Row, Unit, Words, words

NUMBER = words("Саны", "Количество", "Number")
AMOUNT = words("Сома, мың теңге", "Сумма, тыс. тенге", "Amount, thousand tenge")
_THOUSAND = Unit.THOUSAND


def _bucket(bucket: str) -> Words:
    days = bucket.replace("90+", "> 90").replace("-", "–")
    return words(f"Кешіктіру {days} күн", f"Просрочка {days} дн.", f"{days} days overdue")


def _by_buckets(letter: str, unit: Unit, of: str | None) -> tuple[Column, ...]:
    leaves = tuple(
        Column(f"{letter}{bucket}", _bucket(bucket), unit, of, where={"bucket": (bucket,)}) for bucket in BUCKETS
    )
    parts = tuple(one.code for one in leaves)
    return (*leaves, Column(f"{letter}-all", words("Барлығы", "Всего", "All"), unit, parts=parts))


PORTFOLIO: tuple[Form, ...] = (
    Form(
        "LP-1",
        words("Микрокредиттер саны", "Количество микрокредитов", "Number of microcredits"),
        facts="loan", by="product", labels="product", columns=_by_buckets("n", Unit.COUNT, None),
    ),
    Form(
        "LP-2",
        words("Негізгі борыш, мың теңге", "Основной долг, тыс. тенге", "Principal, thousand tenge"),
        facts="loan", by="product", labels="product", columns=_by_buckets("p", _THOUSAND, "principal"),
    ),
    Form(
        "LP-3",
        words("Мерзімі өткен негізгі борыш, мың теңге", "Просроченный основной долг, тыс. тенге",
              "Overdue principal, thousand tenge"),
        facts="loan", by="product", labels="product", columns=_by_buckets("o", _THOUSAND, "overdue"),
    ),
)  # fmt: skip
PORTFOLIO_CHECKS: tuple[Check, ...] = (
    *(RowsAddUp(f"{form.code}.sum", form.code) for form in PORTFOLIO),
    NotNegative("LP-2.sign", "LP-2", tuple(f"p{bucket}" for bucket in BUCKETS)),
    NotNegative("LP-3.sign", "LP-3", tuple(f"o{bucket}" for bucket in BUCKETS)),
    *(SumNeedsCount(f"LP-2-1.{one}", "LP-2", f"p{one}", "LP-1", f"n{one}") for one in BUCKETS),
    *(SumNeedsCount(f"LP-3-1.{one}", "LP-3", f"o{one}", "LP-1", f"n{one}") for one in BUCKETS),
    *(NotAbove(f"LP-3-2.{one}", "LP-3", f"o{one}", "LP-2", f"p{one}") for one in BUCKETS),
    Nothing("LP-1.product", "LP-1", "n-all", UNKNOWN, why="микрокредит без продукта"),
)

MOVEMENT: tuple[Form, ...] = (
    Form(
        "IR-1",
        words("Берілгені және өтелгені, мың теңге", "Выдано и погашено, тыс. тенге", "Issued, repaid, thousand tenge"),
        facts="movement",
        by="product",
        labels="product",
        columns=(
            Column("opening", words("Кезең басындағы борыш", "Долг на начало", "Opening principal"),
                   _THOUSAND, "opening"),
            Column("issued-n", words("Берілген, саны", "Выдано, количество", "Issued, number"),
                   where={"fresh": (True,)}),
            Column("issued", words("Берілген", "Выдано", "Issued"), _THOUSAND, "issued"),
            Column("repaid", words("Өтелген негізгі борыш", "Погашено долга", "Principal repaid"),
                   _THOUSAND, "repaid"),
            Column("written-off", words("Есептен шығарылған борыш", "Списано долга", "Principal written off"),
                   _THOUSAND, "written_off"),
            Column("closing", words("Кезең соңындағы борыш", "Долг на конец", "Closing principal"),
                   _THOUSAND, "closing"),
            Column("received", words("Клиенттерден түскені", "Получено от клиентов", "Received from clients"),
                   _THOUSAND, "received"),
            Column("given-back", words("Клиенттерге қайтарылғаны", "Возвращено клиентам", "Given back to clients"),
                   _THOUSAND, "given_back"),
        ),
    ),
)  # fmt: skip
MOVEMENT_CHECKS: tuple[Check, ...] = (
    RowsAddUp("IR-1.sum", "IR-1"),
    Balance("IR-1.balance", "IR-1", "closing", ("opening", "issued"), ("repaid", "written-off")),
    NotNegative("IR-1.sign", "IR-1", ("opening", "issued", "repaid", "written-off", "closing", "given-back")),
    SumNeedsCount("IR-1.issued", "IR-1", "issued", "IR-1", "issued-n"),
    Nothing("IR-1.product", "IR-1", "closing", UNKNOWN, why="микрокредит без продукта"),
    InBooks("IR-1.ledger", "IR-1", TOTAL, "issued", "issued_in_ledger"),
    InBooks("IR-1.received", "IR-1", TOTAL, "received", "received_by_facts"),
    InBooks("IR-1.given-back", "IR-1", TOTAL, "given-back", "given_back_by_facts"),
)


def _percent(band: str, *, upper_belongs: bool = False) -> Words:
    if band.endswith("+"):
        sign = ">" if upper_belongs else "≥"
        text = f"{sign} {band[:-1]} %"
    else:
        low, high = band.split("-")
        text = f"{'(' if upper_belongs and low != '0' else '['}{low}; {high}{']' if upper_belongs else ')'} %"
    return words(text, text, text)


_UNKNOWN_RATE = Row(UNKNOWN, words("белгісіз", "неизвестна", "unknown"))
_OF_ALL = (
    Column("n", NUMBER),
    Column("amount", AMOUNT, _THOUSAND, "amount"),
    Column("above", words("Шектен жоғары", "Выше предела", "Above the cap"), where={"above": (True,)}),
)

RATES: tuple[Form, ...] = (
    Form(
        "ER-1",
        words("ЖТСМ бойынша берілгені", "Выдано по ГЭСВ", "Issued by effective rate"),
        facts="issue",
        by="band",
        rows=(*(Row(band, _percent(band)) for band in RATE_BANDS), _UNKNOWN_RATE),
        columns=_OF_ALL,
    ),
)
RATES_CHECKS: tuple[Check, ...] = (
    RowsAddUp("ER-1.sum", "ER-1"),
    SumNeedsCount("ER-1.count", "ER-1", "amount", "ER-1", "n"),
    Nothing("ER-1.unknown", "ER-1", "n", UNKNOWN, why="выдано без ГЭСВ"),
    Nothing("ER-1.cap", "ER-1", "above", TOTAL, why="ГЭСВ выше предела дня договора"),
    InBooks("ER-1.ledger", "ER-1", TOTAL, "amount", "issued_in_ledger"),
)

BURDEN: tuple[Form, ...] = (
    Form(
        "DB-1",
        words("Борыштық жүктеме бойынша берілгені", "Выдано по долговой нагрузке", "Issued by debt burden"),
        facts="burden",
        by="band",
        rows=(
            *(Row(band, _percent(band, upper_belongs=True)) for band in BURDEN_BANDS),
            Row(NOT_COUNTED, words("есептелмейді (кәсіпкерлер, ұйымдар)", "не считается (предприниматели, организации)",
                                   "not counted (entrepreneurs, organisations)")),
            Row(UNKNOWN, words("белгісіз", "неизвестна", "unknown")),
        ),
        columns=tuple(Column(f"b-{one.code}", one.names, one.unit, one.of, one.where) for one in _OF_ALL),
    ),
)  # fmt: skip
BURDEN_CHECKS: tuple[Check, ...] = (
    RowsAddUp("DB-1.sum", "DB-1"),
    SumNeedsCount("DB-1.count", "DB-1", "b-amount", "DB-1", "b-n"),
    Nothing("DB-1.cap", "DB-1", "b-above", TOTAL, why="долговая нагрузка выше предела решения"),
    InBooks("DB-1.ledger", "DB-1", TOTAL, "b-amount", "issued_in_ledger"),
)
