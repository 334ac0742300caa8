"""A debt explained: for each figure the facts, the rule, the day count and the rounding that made it, step by step.

The fold is run once more with a trace; what it notes down is put in order here. A court can recompute each figure: the
amounts of its steps add up to it, and a step with parts is their exact sum, rounded once to the tiyn, half-even.

Rules: para 7, part 5.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from rules.accrual import to_tiyn
from rules.calendar import local_date
from rules.evidence import Frozen
from rules.loan_events import LoanEvent
from rules.loan_fold import fold
from rules.loan_position import Figures, figures_of
from rules.loan_state import State
from rules.loan_trace import Step, Trace, exact, tenge
from rules.schedule import LoanTerms
from rules.servicing_rules import ServicingRules

_ONCE = "the exact sum of the parts is rounded once to the tiyn, half-even"
_WHOLE = "none: whole tiyn"
_DAYS = "none: whole days"
_PENALTY, _ORDER, _STOP = "penalty", "allocation-order", "accrual-stop-days"
_INTEREST = (
    "The balance of a day bears interest from the night after it: balance x factor of the nights, factor = rate / 100 "
    "x share of the year with 12 significant digits. A part ends only where balance, rate or suspension changes, or on "
    "a due date."
)

# figure -> (rule, rounding, policy rows by their beginning, counted by days?)
_RULES: dict[str, tuple[str, str, tuple[str, ...], bool]] = {
    "principal": ("What was lent less what was repaid or given up.", _WHOLE, (_ORDER,), False),
    "principal_due": ("The parts of the instalments that fell due, less what was paid.", _WHOLE, (_ORDER,), False),
    "interest_due": (f"Interest falls due with its instalment. {_INTEREST}", _ONCE, (_ORDER, _STOP), True),
    "interest_accrued": (f"Interest that has run and is not due yet. {_INTEREST}", _ONCE, (_STOP,), True),
    "penalty": ("Penalty charged less what was paid or given up.", _ONCE, (_PENALTY, _ORDER), False),
    "advance": ("Money that came before anything was due waits for the next due date.", _WHOLE, (_ORDER,), False),
    "overdue_days": ("Days since the last day to pay of the oldest unpaid instalment.", _DAYS, (), False),
    "overdue_principal": ("Principal of instalments whose last day to pay has passed.", _WHOLE, (_ORDER,), False),
    "overdue_interest": ("Interest of instalments whose last day to pay has passed.", _WHOLE, (_ORDER,), False),
    "overdue_amount": ("Overdue principal and overdue interest, without penalty.", _WHOLE, (_ORDER,), False),
    "next_payment": (f"The coming instalment less the advance. {_INTEREST}", _ONCE, (_STOP,), True),
    "total_to_close": ("Principal, interest due and run, penalty, less the advance.", _WHOLE, (), False),
    "overpaid": ("Money above the debt, less what was given back.", _WHOLE, (), False),
    "interest_suspended": ("What the suspended nights would have cost; it was not charged.", _ONCE, (), True),
    "interest_charged": (f"All interest that fell due or was paid early. {_INTEREST}", _ONCE, (_STOP,), True),
    "penalty_charged": (
        "Each overdue night: what is overdue at its start x the daily rate, within the cap of each contract year.",
        _ONCE,
        (_PENALTY,),
        False,
    ),
    "paid": ("All payments.", _WHOLE, (), False),
    "refunded": ("All that was given back.", _WHOLE, (), False),
    "written_off": ("Debt that was given up, and payments that go back with it.", _WHOLE, (), False),
}
_OF_MONEY_ALONE = frozenset({"paid", "refunded", "advance", "overpaid", "written_off", "principal"})


class Explained(Frozen):
    """One figure: where it comes from. amount: tenge, or days for overdue_days. policy_rows: by their row ids."""

    figure: str
    amount: str
    events: tuple[str, ...]
    rule: str
    day_count: str | None
    rounding: str
    policy_rows: tuple[str, ...]
    steps: tuple[Step, ...]


def explain(
    events: Iterable[LoanEvent],
    terms: LoanTerms,
    on: date,
    *,
    known_on: date | None = None,
    rules: ServicingRules | None = None,
) -> tuple[Explained, ...]:
    """The figures of `position`, each with what made it; one that does not exist that day (next_payment) is left out.

    Raises:
        Conflict: what `position` raises.
    """
    facts, trace = list(events), Trace()
    state = fold(facts, terms, on, known_on, rules, trace)
    figures = figures_of(state, on)
    corrections = [
        fact.key
        for fact in facts
        if fact.kind == "corrected" and (known_on is None or local_date(fact.known_at) <= known_on)
    ]
    steps = _steps(state, figures, trace)
    return tuple(
        _explained(name, figures, state, (*_causes(name, trace), *corrections), steps[name])
        for name in _RULES
        if getattr(figures, name) is not None
    )


def _explained(name: str, figures: Figures, state: State, causes: Sequence[str], steps: Sequence[Step]) -> Explained:
    rule, rounding, rows, counted = _RULES[name]
    amount = getattr(figures, name)
    return Explained(
        figure=name,
        amount=str(amount) if name == "overdue_days" else tenge(amount),
        events=tuple(dict.fromkeys([*_keys(steps), *causes])),
        rule=rule,
        day_count=state.plan.count.value if counted else None,
        rounding=rounding,
        policy_rows=tuple(row for row in state.rules.row_ids if row.startswith(rows)) if rows else (),
        steps=tuple(steps),
    )


def _keys(steps: Iterable[Step]) -> list[str]:
    keys: list[str] = []
    for step in steps:
        keys += [*step.events, *_keys(step.of)]
    return keys


def _causes(name: str, trace: Trace) -> list[str]:
    """Keys of facts that shaped a figure without being one of its steps."""
    if name in _OF_MONEY_ALONE:
        return []
    rules = trace.penalty_rules if name.startswith(("penalty", "total")) else []
    return [*trace.balance, *trace.plan, *trace.suspensions, *rules]


def _steps(state: State, figures: Figures, trace: Trace) -> dict[str, list[Step]]:
    made, on = trace.steps, figures.on
    made["next_payment"] = _next(state, figures, trace)
    if not state.closed:
        state.split(on.toordinal())  # notes the open part down; every figure is taken already
        run = Step(on=on, what="interest run", amount=tenge(to_tiyn(state.running)), of=tuple(trace.running))
        made["interest_accrued"] = [*([run] if trace.running else []), *made["carried"]]
    stood = Step(on=on, what="not charged", amount=tenge(figures.interest_suspended), of=tuple(trace.withheld))
    made["interest_suspended"] = [stood] if trace.withheld else []
    nights = Step(on=on, what="overdue nights", amount=tenge(to_tiyn(state.penalty)), of=tuple(trace.penalty))
    made["penalty_charged"] = [*([nights] if trace.penalty else []), *made["penalty_forgiven"]]
    made["penalty"] = [*made["penalty_charged"], *made["penalty_paid"]]
    made["overdue_days"] = _days(state, figures)
    for name, of in (("overdue_principal", "principal"), ("overdue_interest", "interest")):
        made[name] = [
            Step(on=on, what=f"instalment {bill.n}, to pay by {date.fromordinal(bill.pay_by)}", amount=tenge(left))
            for bill in state.bills
            if bill.pay_by < on.toordinal() and (left := getattr(bill, of))
        ]
    made["overdue_amount"] = [*made["overdue_principal"], *made["overdue_interest"]]
    made["total_to_close"] = _total(figures)
    return made


def _days(state: State, figures: Figures) -> list[Step]:
    if not figures.overdue_days:
        return []
    oldest = state.bills[0]
    until = figures.on if state.suspended_at is None else min(figures.on, date.fromordinal(state.suspended_at))
    what = f"days from {date.fromordinal(oldest.pay_by)} to {until}, instalment {oldest.n}"
    stood = f"; {oldest.shift} suspended days do not count" if oldest.shift else ""
    return [Step(on=figures.on, what=what + stood, amount=str(figures.overdue_days))]


def _next(state: State, figures: Figures, trace: Trace) -> list[Step]:
    if figures.next_payment is None:
        return []
    row, on = state.plan.rows[state.passed], figures.on
    left = state.principal - state.billed
    part = left if state.passed + 1 == len(state.plan.rows) else min(row.part, left)
    steps = [Step(on=on, what=f"principal of instalment {row.n}", amount=tenge(part))]
    if not row.defers:
        parts = list(trace.running)
        by = state.nights(row.due) if state.suspended_at is None else 0
        if by:
            units = (state.principal - state.graced) * by
            parts.append(Step(on=date.fromordinal(row.due), what=state.words(by, row.due), amount=exact(units)))
        run = tenge(to_tiyn(state.running_at(row.due)))
        steps.append(Step(on=on, what=f"interest up to {date.fromordinal(row.due)}", amount=run, of=tuple(parts)))
        steps += trace.steps["carried"]
    asked = part + (0 if row.defers else to_tiyn(state.running_at(row.due)) + state.carried)
    if state.advance:
        steps.append(Step(on=on, what="less the advance", amount=tenge(-min(state.advance, asked))))
    return steps


def _total(figures: Figures) -> list[Step]:
    if figures.closed:
        return []
    parts = (
        ("principal", figures.principal),
        ("interest due", figures.interest_due),
        ("interest run", figures.interest_accrued),
        ("penalty", figures.penalty),
        ("less the advance", -figures.advance),
    )
    return [Step(on=figures.on, what=what, amount=tenge(amount)) for what, amount in parts if amount]
