"""Money: tenge (KZT), exact to the tiyn, and the only rounding of the system."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal
from functools import total_ordering
from typing import Annotated, Any

from pydantic import AfterValidator, Field, RootModel, WithJsonSchema, model_validator

TIYN = Decimal("0.01")
_TENGE = re.compile(r"-?[0-9]{1,16}(\.[0-9]{1,2})?")

Tenge = Annotated[
    Decimal,
    Field(decimal_places=2, max_digits=18),
    AfterValidator(lambda tenge: tenge.quantize(TIYN)),  # one spelling: '1000.00', never '1E+3'
    WithJsonSchema({"type": "string", "pattern": f"^{_TENGE.pattern}$", "examples": ["150000.00"]}),
]


@total_ordering
class Money(RootModel[Tenge], frozen=True):
    """An amount in tenge, exact to one tiyn (0.01 tenge).

    >>> Money("100.00").split(3)
    (Money('33.34'), Money('33.33'), Money('33.33'))
    >>> Money("150000") + Money("0.10")
    Money('150000.10')
    """

    def __init__(self, tenge: str | int | Decimal) -> None:
        super().__init__(tenge)

    @model_validator(mode="before")
    @classmethod
    def _exact(cls, value: Any) -> Any:
        if isinstance(value, float | bool) or (isinstance(value, str) and not _TENGE.fullmatch(value)):
            raise ValueError("write money as '150000.00'")
        return value

    @classmethod
    def rounded(cls, tenge: Decimal) -> Money:
        """The nearest amount in tiyn, halves to the even tiyn.

        >>> Money.rounded(Decimal("0.125")), Money.rounded(Decimal("0.135"))
        (Money('0.12'), Money('0.14'))
        """
        return cls(tenge.quantize(TIYN, ROUND_HALF_EVEN))

    @classmethod
    def of_tiyn(cls, tiyn: int) -> Money:
        """A whole number of tiyn.

        >>> Money.of_tiyn(-105), Money.of_tiyn(-105).tiyn
        (Money('-1.05'), -105)
        """
        return cls(Decimal(tiyn).scaleb(-2))

    @property
    def tiyn(self) -> int:
        """The amount in tiyn, a whole number."""
        return int(self.root * 100)

    @classmethod
    def total(cls, amounts: Iterable[Money]) -> Money:
        """Sum, zero for none."""
        return cls(sum((amount.root for amount in amounts), Decimal(0)))

    def times(self, rate: Decimal) -> Money:
        """This amount times an exact factor, rounded once."""
        return Money.rounded(self.root * rate)

    def split(self, parts: int) -> tuple[Money, ...]:
        """Equal parts; the first ones take the odd tiyn, so that the sum is exact."""
        base, extra = divmod(self.tiyn, parts)
        return tuple(Money.of_tiyn(base + (i < extra)) for i in range(parts))

    def __add__(self, other: Money) -> Money:
        return Money(self.root + other.root)

    def __sub__(self, other: Money) -> Money:
        return Money(self.root - other.root)

    def __neg__(self) -> Money:
        return Money(-self.root)

    def __lt__(self, other: Money) -> bool:
        return self.root < other.root

    def __str__(self) -> str:
        return str(self.root)

    def __repr__(self) -> str:
        return f"Money('{self.root}')"
