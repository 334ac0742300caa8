"""The fold over columns gives the figures of the scalar fold, to the tiyn."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from numpy.typing import NDArray

from activities.portfolio.details import METHODS, Details
from activities.portfolio.kernel_names import LARGEST_BALANCE, NEVER
from activities.portfolio.kernel_plan import half_even, interest_of, nearest
from activities.portfolio.tables import Factors, rules_in_numbers
from activities.portfolio.valuation import Debts, Facts, Terms, value
from rules.accrual import SCALE, to_tiyn
from rules.calendar import add_months
from rules.loan import (
    Corrected,
    Disbursed,
    DueMoved,
    LoanEvent,
    Paid,
    PenaltyRule,
    Refunded,
    Restructured,
    Resumed,
    ServicingRules,
    Suspended,
    Use,
    WrittenOff,
    figures,
    servicing_rules,
)
from rules.money import Money
from rules.schedule import LoanTerms, Method, instalments

KNOWN = datetime(2026, 1, 1, tzinfo=UTC)
RATES = [Decimal("37.80"), Decimal("32.00"), Decimal("0"), Decimal("45.5")]
RULES = servicing_rules(date(2025, 1, 1))
OTHER_ORDER = ("penalty", "overdue_interest", "interest", "overdue_principal", "principal", "costs")
OTHERS = [
    RULES,
    RULES.model_copy(update={"accrual_stop_days": None, "allocation": OTHER_ORDER}),
    RULES.model_copy(update={"accrual_stop_days": 7, "penalty_first_days": 5, "penalty_year_cap_percent": Decimal(1)}),
]


def a_loan(chance: random.Random) -> LoanTerms:
    disbursed = date.fromordinal(date(2024, 8, 5).toordinal() + chance.randrange(800))
    periods = chance.randint(1, 24)
    first = add_months(disbursed, 1)
    if chance.random() < 0.3:
        first = date.fromordinal(disbursed.toordinal() + chance.randint(5, 70))
    method = chance.choice(list(Method))
    rates = (
        RATES if method.value in METHODS[:2] else [rate for rate in RATES if rate]
    )  # rows of interest alone need interest
    return LoanTerms(
        principal=Money.of_tiyn(chance.randint(1_000_000, 100_000_000)),
        rate_percent_per_year=chance.choice(rates),
        periods=periods,
        method=method,
        disbursed=disbursed,
        first_due=first,
        interest_only_months=min(2, periods // 2),
    )


def a_history(terms: LoanTerms, chance: random.Random, on: date, rules: ServicingRules) -> list[LoanEvent]:
    lent_on = date.fromordinal(terms.disbursed.toordinal() + chance.choice([0, 0, 0, 1, 4]))
    events: list[LoanEvent] = [Disbursed(key="d", value_date=lent_on, known_at=KNOWN, amount=terms.principal)]
    style = chance.random()
    for row in instalments(terms):
        day = row.due.toordinal() + (0 if style < 0.3 else chance.randint(-20, 50))
        day = max(day, lent_on.toordinal())
        if style < 0.9 and chance.random() < 0.85:
            share = 1 if style < 0.5 else chance.choice([0.3, 0.9, 1, 1.4, 3])
            amount = Money.of_tiyn(max(int(row.payment.tiyn * share), 1))
            events.append(Paid(key=f"p{row.n}", value_date=date.fromordinal(day), known_at=KNOWN, amount=amount))
    if chance.random() < 0.4:  # everything on some day, and more than that
        day = date.fromordinal(chance.randint(lent_on.toordinal(), on.toordinal() + 30))
        owed = figures(events, terms, day, rules=rules).total_to_close
        if owed > 0:
            amount = Money.of_tiyn(owed + chance.choice([0, -1, 1, 5_000]))
            if amount > Money(0):
                events.append(Paid(key="all", value_date=day, known_at=KNOWN, amount=amount))
    for n in range(chance.choice([0, 0, 1, 2])):  # some part of it earlier
        day = date.fromordinal(chance.randint(lent_on.toordinal(), on.toordinal()))
        if all(event.value_date != day for event in events[1:]):
            use = chance.choice([Use.SHORTER_TERM, Use.SMALLER_INSTALMENT])
            amount = Money.of_tiyn(chance.choice([1, 900, terms.principal.tiyn // 9, terms.principal.tiyn // 2]))
            events.append(Paid(key=f"e{n}", value_date=day, known_at=KNOWN, amount=amount, use=use))
    events += rarer_facts(terms, chance, lent_on, on)
    over = figures(events, terms, on, rules=rules).overpaid
    if over and chance.random() < 0.7:
        events.append(Refunded(key="r", value_date=on, known_at=KNOWN, amount=Money.of_tiyn(over)))
    return events


def rarer_facts(terms: LoanTerms, chance: random.Random, lent_on: date, on: date) -> list[LoanEvent]:
    """Up to four facts that are more than an amount, of all kinds, often on the days of others."""
    rows = [row.due for row in instalments(terms)]
    made: list[LoanEvent] = []
    for n in range(chance.choice([0, 0, 1, 2, 3, 4])):
        day = date.fromordinal(chance.randint(lent_on.toordinal(), on.toordinal()))
        day = chance.choice([day, day, max(chance.choice(rows), lent_on)])
        made += RARER[chance.randrange(len(RARER))](f"r{n}", day, rows, chance)
    return made


def due_moved(key: str, day: date, rows: list[date], chance: random.Random) -> list[LoanEvent]:
    due = chance.choice([*[row for row in rows if row > day][:2], *rows])
    to = due + timedelta(days=chance.choice([-12, -1, 3, 7, 31, 45]))
    return [DueMoved(key=key, value_date=day, known_at=KNOWN, due=due, to=to, later_too=chance.random() < 0.5)]


def suspended(key: str, day: date, rows: list[date], chance: random.Random) -> list[LoanEvent]:
    later = day + timedelta(days=chance.choice([0, 1, 10, 40, 200]))
    resumed = Resumed(key=f"{key}r", value_date=later, known_at=KNOWN, charge_later=chance.random() < 0.5)
    made: list[LoanEvent] = [Suspended(key=key, value_date=day, known_at=KNOWN), resumed]
    return made[: 1 + (chance.random() < 0.8)]


def restructured(key: str, day: date, rows: list[date], chance: random.Random) -> list[LoanEvent]:
    periods = chance.choice([1, 6, 12, 30])
    return [
        Restructured(
            key=key,
            value_date=day,
            known_at=KNOWN,
            rate_percent_per_year=chance.choice([*RATES[:2], Decimal(20)]),
            periods=periods,
            first_due=day + timedelta(days=chance.choice([5, 30, 31, 60])),
            method=chance.choice(METHODS),
            interest_only_months=chance.choice([0, 1]) if periods > 1 else 0,
            forgive_penalty=chance.random() < 0.5,
        )
    ]


def penalty_rule(key: str, day: date, rows: list[date], chance: random.Random) -> list[LoanEvent]:
    first, later, cap = (Decimal(chance.choice(["0", "0.03", "0.5", "10"])) for _ in range(3))
    return [
        PenaltyRule(
            key=key,
            value_date=day,
            known_at=KNOWN,
            daily_percent=min(first, Decimal("0.5")),
            first_days=chance.choice([0, 10, 90]),
            later_daily_percent=min(later, Decimal("0.5")),
            year_cap_percent=cap,
        )
    ]


def written_off(key: str, day: date, rows: list[date], chance: random.Random) -> list[LoanEvent]:
    back = chance.random() < 0.5
    return [WrittenOff(key=key, value_date=day, known_at=KNOWN, ground="ombudsman", return_paid=back)]


def paid_twice(key: str, day: date, rows: list[date], chance: random.Random) -> list[LoanEvent]:
    """Two payments of a day, each for something, and one that was not."""
    made: list[LoanEvent] = []
    for _ in range(3):
        amount = Money.of_tiyn(chance.choice([5, 70_000, 900_000]))
        use = chance.choice(list(Use))
        made.append(Paid(key=f"{key}{chance.random()}", value_date=day, known_at=KNOWN, amount=amount, use=use))
    wrong = Corrected(key=key, value_date=day, known_at=KNOWN, wrong=made[0].key, reason="another loan was meant")
    return [*made, wrong][: chance.choice([2, 3, 4])]


RARER = [due_moved, suspended, restructured, penalty_rule, written_off, paid_twice]


def columns_of(
    loans: list[LoanTerms], histories: list[list[LoanEvent]], on: date
) -> tuple[Terms, Facts, NDArray[np.int64]]:
    """Columns of the loans, and the table of factors that they point to."""
    factors = Factors()
    details = Details(factors)
    numbers, first, facts = [], [0], list[tuple[int, int, int]]()
    for loan, events in zip(loans, histories, strict=True):
        lent_on = events[0].value_date.toordinal()
        numbers.append(
            [
                loan.principal.tiyn,
                factors.number(loan.rate_percent_per_year, loan.day_count),
                loan.periods,
                METHODS.index(loan.method),
                loan.interest_only_months,
                loan.disbursed.toordinal(),
                loan.first_due.toordinal(),
                lent_on,
                0,
            ]
        )
        history = details.history(events, on, loan.day_count, loan.principal.tiyn, lent_on)
        assert history is not None
        facts += history
        first.append(len(facts))
    terms = Terms(*np.array(numbers, np.int64).T)
    starts = np.array(first, np.int64)
    rows = np.array(facts, np.int64).reshape(-1, 3).T
    return terms, Facts(starts[:-1], starts[1:], np.ascontiguousarray(rows), details.rows()), factors.table()


def compared(debts: Debts, index: int) -> dict[str, object]:
    told = {name: int(getattr(debts, name)[index]) for name in Debts.__dataclass_fields__ if name != "odd"}
    return told


def expected(events: list[LoanEvent], terms: LoanTerms, on: date, rules: ServicingRules) -> dict[str, object]:
    seen = figures(events, terms, on, rules=rules)._asdict()
    told = {name: seen[name] for name in Debts.__dataclass_fields__ if name != "odd"}
    told["next_due"] = seen["next_due"].toordinal() if seen["next_due"] else NEVER
    told["next_payment"] = seen["next_payment"] or 0
    return {name: int(value) for name, value in told.items()}


@pytest.mark.parametrize("seed", range(6))
def test_columns_give_the_figures_of_the_scalar_fold(seed: int) -> None:
    chance, rules = random.Random(seed), OTHERS[seed % 3]
    on = date(2026, 11, 25)
    loans = [a_loan(chance) for _ in range(400)]
    histories = [a_history(loan, chance, on, rules) for loan in loans]
    terms, facts, factors = columns_of(loans, histories, on)
    debts = value(terms, facts, factors, np.array([rules_in_numbers(rules)], np.int64), on.toordinal())
    told = 0
    for index, (loan, events) in enumerate(zip(loans, histories, strict=True)):
        if not debts.odd[index]:
            assert compared(debts, index) == expected(events, loan, on, rules), (loan, events)
            told += 1
    assert told > 370


def test_products_are_those_of_whole_numbers() -> None:
    chance = random.Random(4)
    pairs = [(chance.randrange(LARGEST_BALANCE), chance.randrange(SCALE)) for _ in range(5000)]
    for balance, by in [*pairs, (0, 0), (LARGEST_BALANCE - 1, SCALE - 1), (1, SCALE // 2), (3, SCALE // 2)]:
        whole, rest = interest_of(balance, by)
        assert whole * SCALE + rest == balance * by
        assert nearest(whole, rest) == to_tiyn(balance * by)
    assert [half_even(one, 2) for one in (1, 2, 3, 5, 7)] == [0, 1, 2, 2, 4]


def test_rules_that_columns_cannot_say_are_left_to_the_scalar_fold() -> None:
    today_first = tuple(reversed(RULES.allocation))
    for changes in ({"allocation": today_first}, {"penalty_daily_percent": Decimal("0.00001")}):
        assert rules_in_numbers(RULES.model_copy(update=changes)) is None
    assert rules_in_numbers(RULES) == (5000, 90, 300, 100_000, 90, 0, 1, 2, 3, 4)
