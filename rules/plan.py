"""The repayment plan in whole numbers: what previews, contracts, pricing and the loan itself are computed by.

A row is (interest, principal, payment, balance after), all in tiyn. Interest of a row is balance x factor, rounded
once (rules.accrual). A level instalment is P x prod(1 + f) / fn with fn_1 = 1, fn_k = 1 + fn_(k-1) x (1 + f_k), exact,
rounded once, half-even; equal factors give the usual annuity, and real days of months do not bend it. Where the
interest of a row reaches the instalment, that row is interest alone and the rest is level again: a debt never grows.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Context, Decimal, localcontext
from itertools import accumulate
from math import expm1, log1p
from operator import mul
from typing import NamedTuple

from rules.accrual import SCALE, factors_of, nearest, to_tiyn
from rules.errors import InvalidInput
from rules.terms import LoanTerms, Method, Rounding

Row = tuple[int, int, int, int]

_HALF = SCALE // 2
_FLOATS = 1e-12  # far above the error of 2400 multiplications, far below half a tiyn of any instalment
_EXACT = Context(prec=34)


class Shape(NamedTuple):
    """How a plan is laid out, apart from money, rate and days. The fields are those of LoanTerms; multiple in tiyn."""

    method: Method = Method.ANNUITY
    rounding: Rounding = Rounding.LAST_ABSORBS
    multiple: int = 1
    interest_only: int = 0
    grace: int = 0
    step_percent: Decimal = Decimal(0)
    step_every: int = 12


def shape_of(terms: LoanTerms) -> Shape:
    """The layout that the terms ask for; the lender's own fields count for the own method alone."""
    own = terms.method is Method.OWN
    return Shape(
        terms.method,
        terms.rounding,
        terms.multiple_of.tiyn,
        terms.interest_only_months if own else 0,
        terms.grace_periods if own else 0,
        terms.step_percent if own else Decimal(0),
        terms.step_every,
    )


def rows_in_tiyn(terms: LoanTerms) -> list[Row]:
    """The plan of the terms, one row for each of `terms.repayment_periods()`.

    Raises:
        InvalidInput: no sound plan: an instalment would be zero, or the debt repaid too early.
    """
    terms.check()
    factors = factors_of(terms.rate_percent_per_year, terms.repayment_periods(), terms.day_count)
    if terms.method is Method.ANNUITY:
        return level_rows(terms.principal.tiyn, factors, terms.rounding, terms.multiple_of.tiyn)
    return plan_rows(terms.principal.tiyn, factors, shape_of(terms))


def plan_rows(balance: int, factors: Sequence[int], shape: Shape) -> list[Row]:
    """A plan over any balance: at the start, after an early repayment, after a restructuring.

    balance: tiyn, more than zero. factors: of the periods to come (rules.accrual), at least one.

    Raises:
        InvalidInput: `terms-impossible`.
    """
    rows = tried_rows(balance, factors, shape)
    if not _sound(balance, rows) and shape.multiple > 1:  # the count asked for comes before whole multiples
        rows = tried_rows(balance, factors, shape._replace(multiple=1))
    if not _sound(balance, rows):
        raise _impossible()
    return rows


def _sound(balance: int, rows: Sequence[Row]) -> bool:
    """Whether each row asks for something, and only the last one ends the debt."""
    for _, principal, payment, after in rows:
        if payment <= 0 or principal < 0 or balance <= 0:
            return False
        balance = after
    return True


def tried_rows(balance: int, factors: Sequence[int], shape: Shape) -> list[Row]:
    """A plan whose soundness was not looked at: some row may ask for nothing. For pricing, which tries many rates."""
    if shape.method is Method.ANNUITY:
        return level_rows(balance, factors, shape.rounding, shape.multiple)
    if shape.method is Method.OWN:
        return own_rows(balance, factors, shape)
    return _parts(balance, factors, _part(balance, len(factors), shape))


def _part(balance: int, count: int, shape: Shape) -> int:
    """Principal of each row but the last one."""
    if shape.method is Method.BULLET:
        return 0
    part = nearest(balance, count * shape.multiple) * shape.multiple
    return part if 0 < part * (count - 1) < balance else nearest(balance, count)


def level_rows(
    balance: int, factors: Sequence[int], rounding: Rounding = Rounding.LAST_ABSORBS, multiple: int = 1
) -> list[Row]:
    """Level instalments over these factors; the last one ends the debt.

    Where instalments of whole multiples would repay it too early, or would be nothing, they are rounded to the tiyn.

    Raises:
        InvalidInput: `terms-impossible`.
    """
    rows: list[Row] = []
    while True:
        left = factors[len(rows) :] if rows else factors
        instalment = level_instalment(balance, left, multiple)
        part = _run(balance, left, instalment)
        if len(part) == len(left):
            if rounding is Rounding.SPREAD and multiple == 1:
                part = _spread(balance, left, instalment, part)
            return rows + part if rows else part
        early = instalment <= 0 or (part and part[-1][3] <= 0)
        if early and multiple == 1:
            raise _impossible()
        if early:
            multiple = 1
            continue
        rows += part
        balance = part[-1][3] if part else balance
        interest = to_tiyn(balance * left[len(part)])
        rows.append((interest, 0, interest, balance))


def level_instalment(balance: int, factors: Sequence[int], multiple: int = 1) -> int:
    """The instalment in tiyn that repays a balance in equal parts, to the nearest multiple.

    >>> level_instalment(7500, [10250000000000000] * 5)  # 75.00 at 12.3 % over five months of 30/360
    1546
    """
    tried = balance / _discounts(factors) / multiple
    below = int(tried)
    if abs(tried - below - 0.5) > _FLOATS * tried:  # else too close to a half for floats: whole numbers decide
        return (below + (tried - below > 0.5)) * multiple
    return nearest(*exact_instalment(balance, factors, multiple)) * multiple


def _discounts(factors: Sequence[int]) -> float:
    """What one tiyn of instalment repays: the sum of 1 / ((1 + f_1) ... (1 + f_k))."""
    first = factors[0]
    if first and factors.count(first) == len(factors):
        factor = first * 1e-18
        return -expm1(-len(factors) * log1p(factor)) / factor
    return float(sum(accumulate([1 / (1 + factor * 1e-18) for factor in factors], mul)))


def exact_instalment(balance: int, factors: Sequence[int], multiple: int = 1) -> tuple[int, int]:
    """The level instalment in multiples before rounding, as a fraction: what `level_instalment` rounds."""
    over, under, scale = SCALE + factors[0], 1, 1
    for factor in factors[1:]:
        scale *= SCALE
        under = under * (SCALE + factor) + scale
        over *= SCALE + factor
    return balance * over, under * SCALE * multiple


def rows_of_instalment(balance: int, factors: Sequence[int], instalment: int) -> list[Row]:
    """Rows of a given instalment until the debt is repaid: as few as it takes, the last one of these factors at most.

    >>> [row[2] for row in rows_of_instalment(10_000, [10**16] * 6, 4_000)]
    [4000, 4000, 2183]
    """
    rows: list[Row] = []
    while balance > 0:
        left = factors[len(rows) :]
        rows += _run(balance, left, instalment)
        balance = rows[-1][3] if rows else balance
        if balance > 0:
            interest = to_tiyn(balance * factors[len(rows)])
            rows.append((interest, 0, interest, balance))
    return rows


def _run(balance: int, factors: Sequence[int], instalment: int) -> list[Row]:
    """Rows of one instalment: up to the end of the debt, or up to a row whose interest reaches the instalment."""
    rows: list[Row] = []
    add = rows.append
    for factor in factors[:-1]:
        interest, rest = divmod(balance * factor + _HALF, SCALE)
        if not rest and interest & 1:  # a tie: to the even tiyn
            interest -= 1
        principal = instalment - interest
        if not 0 < principal < balance:
            if principal >= balance:
                add((interest, balance, interest + balance, 0))
            return rows
        balance -= principal
        add((interest, principal, instalment, balance))
    interest = to_tiyn(balance * factors[-1])
    add((interest, balance, interest + balance, 0))
    return rows


def _spread(balance: int, factors: Sequence[int], instalment: int, rows: list[Row]) -> list[Row]:
    """Change the instalment by whole tiyn as long as the difference of the last row shrinks."""
    count = len(factors)
    while True:
        difference = rows[-1][2] - instalment
        if abs(difference) <= count // 2:
            return rows
        tried = instalment + nearest(difference, count)
        others = _run(balance, factors, tried)
        if len(others) < count or abs(others[-1][2] - tried) >= abs(difference):
            return rows
        instalment, rows = tried, others


def own_rows(balance: int, factors: Sequence[int], shape: Shape) -> list[Row]:
    """The lender's own method: interest alone first, interest of a grace later, stepped instalments."""
    free = shape.interest_only
    if not shape.grace and not shape.step_percent:
        first = _parts(balance, factors[: free + 1], 0)[:free]
        return first + level_rows(balance, factors[free:], shape.rounding, shape.multiple)
    rows: list[Row] = []
    paid = _stepped(balance, factors, shape, free)
    waiting = 0  # interest of the grace, exact
    for n, factor in enumerate(factors):
        waiting += balance * factor
        interest = 0 if n < shape.grace else to_tiyn(waiting)
        waiting = waiting if n < shape.grace else 0
        if n == len(factors) - 1:
            part = balance
        elif n < free:
            part = 0
        elif interest >= paid[n]:  # the debt must not grow: interest alone, then level again
            part, paid = 0, _stepped(balance, factors, shape, n + 1)
        else:
            part = paid[n] - interest
        balance -= part
        rows.append((interest, part, interest + part, balance))
    return rows


def _stepped(balance: int, factors: Sequence[int], shape: Shape, since: int) -> list[int]:
    """Instalments from number `since` on that repay the balance and grow by steps counted from the first of them."""
    with localcontext(_EXACT):
        grown = [(1 + shape.step_percent / 100) ** (k // shape.step_every) for k in range(len(factors) - since)]
        product, divisor = Decimal(1), Decimal(0)
        for weight, factor in zip(grown, factors[since:], strict=True):
            growth = 1 + Decimal(factor).scaleb(-18)
            divisor = divisor * growth + weight
            product *= growth
        first = balance * product / divisor / shape.multiple
        level = [round(first * weight) * shape.multiple for weight in grown]
    return [0] * since + level


def _parts(balance: int, factors: Sequence[int], part: int) -> list[Row]:
    """The same part of principal in every row; the last one takes what is left."""
    rows: list[Row] = []
    for factor in factors[:-1]:
        interest = to_tiyn(balance * factor)
        balance -= part
        rows.append((interest, part, interest + part, balance))
    interest = to_tiyn(balance * factors[-1])
    return [*rows, (interest, balance, interest + balance, 0)]


def _impossible() -> InvalidInput:
    return InvalidInput("terms-impossible", "the amount is too small for so many instalments")
