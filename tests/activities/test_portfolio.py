"""The fold over columns gives the figures of the scalar fold, to the tiyn."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pytest

from activities.portfolio.kernel_names import LARGEST_BALANCE, NEVER, REFUNDED, SHORTER_TERM, SMALLER_INSTALMENT
from activities.portfolio.kernel_plan import half_even, interest_of, nearest
from activities.portfolio.tables import factors, rules_in_numbers
from activities.portfolio.valuation import Debts, Facts, Terms, value
from rules.accrual import SCALE, to_tiyn
from rules.calendar import add_months
from rules.day_count import DayCount
from rules.loan import Disbursed, LoanEvent, Paid, Refunded, Use, figures, servicing_rules
from rules.money import Money
from rules.schedule import LoanTerms, Method, instalments

KNOWN = datetime(2026, 1, 1, tzinfo=UTC)
RATES = [Decimal("37.80"), Decimal("32.00"), Decimal("0"), Decimal("45.5")]
METHODS = [Method.ANNUITY, Method.DIFFERENTIATED, Method.BULLET, Method.OWN]
CODES = {Use.DUE: 1, Use.SHORTER_TERM: SHORTER_TERM, Use.SMALLER_INSTALMENT: SMALLER_INSTALMENT}
RULES = servicing_rules(date(2025, 1, 1))


def a_loan(chance: random.Random) -> LoanTerms:
    disbursed = date.fromordinal(date(2024, 8, 5).toordinal() + chance.randrange(800))
    periods = chance.randint(1, 24)
    first = add_months(disbursed, 1)
    if chance.random() < 0.3:
        first = date.fromordinal(disbursed.toordinal() + chance.randint(5, 70))
    method = chance.choice(METHODS)
    rates = RATES if method in METHODS[:2] else [rate for rate in RATES if rate]  # rows of interest alone need interest
    return LoanTerms(
        principal=Money.of_tiyn(chance.randint(1_000_000, 100_000_000)),
        rate_percent_per_year=chance.choice(rates),
        periods=periods,
        method=method,
        disbursed=disbursed,
        first_due=first,
        interest_only_months=min(2, periods // 2),
    )


def a_history(terms: LoanTerms, chance: random.Random, on: date) -> list[LoanEvent]:
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
        owed = figures(events, terms, day).total_to_close
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
    over = figures(events, terms, on).overpaid
    if over and chance.random() < 0.7:
        events.append(Refunded(key="r", value_date=on, known_at=KNOWN, amount=Money.of_tiyn(over)))
    return events


def columns_of(loans: list[LoanTerms], histories: list[list[LoanEvent]]) -> tuple[Terms, Facts]:
    first, day, kind, amount = [0], [], [], []
    for events in histories:
        later = [event for event in events if isinstance(event, Paid | Refunded)]
        for event in sorted(later, key=lambda one: (one.value_date, one.kind != "paid")):
            day.append(event.value_date.toordinal())
            kind.append(REFUNDED if event.kind == "refunded" else CODES[event.use])
            amount.append(event.amount.tiyn)
        first.append(len(day))
    numbers = [
        [loan.principal.tiyn for loan in loans],
        [RATES.index(loan.rate_percent_per_year) for loan in loans],
        [loan.periods for loan in loans],
        [METHODS.index(loan.method) for loan in loans],
        [loan.interest_only_months for loan in loans],
        [loan.disbursed.toordinal() for loan in loans],
        [loan.first_due.toordinal() for loan in loans],
        [events[0].value_date.toordinal() for events in histories],
    ]
    terms = Terms(*(np.array(column, np.int64) for column in numbers))
    return terms, Facts(*(np.array(column, np.int64) for column in (first, day, kind, amount)))


def compared(debts: Debts, index: int) -> dict[str, object]:
    told = {name: int(getattr(debts, name)[index]) for name in Debts.__dataclass_fields__ if name != "odd"}
    return told


def expected(events: list[LoanEvent], terms: LoanTerms, on: date) -> dict[str, object]:
    seen = figures(events, terms, on)._asdict()
    told = {name: seen[name] for name in Debts.__dataclass_fields__ if name != "odd"}
    told["next_due"] = seen["next_due"].toordinal() if seen["next_due"] else NEVER
    told["next_payment"] = seen["next_payment"] or 0
    return {name: int(value) for name, value in told.items()}


@pytest.mark.parametrize("seed", range(6))
def test_columns_give_the_figures_of_the_scalar_fold(seed: int) -> None:
    chance = random.Random(seed)
    on = date(2026, 11, 25)
    loans = [a_loan(chance) for _ in range(400)]
    histories = [a_history(loan, chance, on) for loan in loans]
    rules = rules_in_numbers(RULES)
    assert rules is not None
    terms, facts = columns_of(loans, histories)
    debts = value(terms, facts, factors(RATES, DayCount.ACT_365), rules, on.toordinal())
    told = 0
    for index, (loan, events) in enumerate(zip(loans, histories, strict=True)):
        if not debts.odd[index]:
            assert compared(debts, index) == expected(events, loan, on), (loan, events)
            told += 1
    assert told > 380


def test_products_are_those_of_whole_numbers() -> None:
    chance = random.Random(4)
    pairs = [(chance.randrange(LARGEST_BALANCE), chance.randrange(SCALE)) for _ in range(5000)]
    for balance, by in [*pairs, (0, 0), (LARGEST_BALANCE - 1, SCALE - 1), (1, SCALE // 2), (3, SCALE // 2)]:
        whole, rest = interest_of(balance, by)
        assert whole * SCALE + rest == balance * by
        assert nearest(whole, rest) == to_tiyn(balance * by)
    assert [half_even(one, 2) for one in (1, 2, 3, 5, 7)] == [0, 1, 2, 2, 4]
