"""What a fold notes down when it is asked to explain itself: for each figure the steps that made it.

A step changes a figure by an amount. Money steps are whole tiyn and add up to the figure; where a step has parts
(`of`), its amount is their exact sum, rounded once to the tiyn, half-even. So anybody can recompute each figure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import Context, Decimal

from rules.evidence import Frozen

_EXACT = Context(prec=60)


class Step(Frozen):
    """One step: on this day the figure changed by this amount. events: keys of the facts that caused it.

    amount: a decimal number; tenge, or days for a count of days; exact, not rounded, in the parts of another step.
    """

    on: date
    what: str
    amount: str
    events: tuple[str, ...] = ()
    of: tuple[Step, ...] = ()


def tenge(tiyn: int) -> str:
    """Whole tiyn as tenge.

    >>> tenge(-105)
    '-1.05'
    """
    return str(Decimal(tiyn).scaleb(-2, _EXACT))


def exact(units: int) -> str:
    """Exact interest, units of 1e-18 tiyn, as tenge.

    >>> exact(15 * 10**17)
    '0.015'
    """
    return format(_EXACT.normalize(Decimal(units).scaleb(-20, _EXACT)), "f")


def share(units: int) -> str:
    """A factor, units of 1e-18, as a number.

    >>> share(29000000000000000)
    '0.029'
    """
    return format(_EXACT.normalize(Decimal(units).scaleb(-18, _EXACT)), "f")


class Trace:
    """Steps by figure. running, withheld, penalty: exact parts that are not rounded yet."""

    def __init__(self) -> None:
        self.steps: dict[str, list[Step]] = defaultdict(list)
        self.running: list[Step] = []
        self.withheld: list[Step] = []
        self.penalty: list[Step] = []
        self.withheld_before = 0  # parts of earlier suspensions
        self.balance: list[str] = []  # keys of the facts that made the principal what it is
        self.plan: list[str] = []  # keys of the facts that changed the plan
        self.suspensions: list[str] = []
        self.penalty_rules: list[str] = []

    def add(self, figure: str, day: int, what: str, tiyn: int, key: str | None = None, of: Sequence[Step] = ()) -> None:
        """Note a change of a figure in whole tiyn."""
        if tiyn or of:
            keys = (key,) if key else ()
            self.steps[figure].append(
                Step(on=date.fromordinal(day), what=what, amount=tenge(tiyn), events=keys, of=tuple(of))
            )
            if figure == "principal" and key and key not in self.balance:
                self.balance.append(key)

    def part(self, into: list[Step], day: int, what: str, units: int, key: str | None = None) -> None:
        """Note an exact part: of the running interest, of withheld interest, of the penalty."""
        keys = (key,) if key else tuple(self.balance)
        into.append(Step(on=date.fromordinal(day), what=what, amount=exact(units), events=keys))

    def charged(self) -> list[Step]:
        """The parts of the running interest, which is charged now and starts anew."""
        parts, self.running = self.running, []
        return parts
