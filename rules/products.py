"""Products: what the lender offers, at which price and within which limits. The lender's own numbers, dated.

Prices stand a little under the cap of the day: at 37.80 % a year even interest that compounds without pause
stays below an effective 46 %. `pricing.check_cap` still asks of each schedule.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from rules.calendar import MonthEnd, OffDays, add_months
from rules.client import ClientKind
from rules.day_count import DayCount
from rules.errors import InvalidInput, NotFound
from rules.money import Money
from rules.terms import LoanTerms, Method, Rounding


class Purpose(StrEnum):
    """What a microcredit is for."""

    PERSONAL_NEEDS = "PERSONAL_NEEDS"
    GOODS = "GOODS"
    REPAIR = "REPAIR"
    HEALTH = "HEALTH"
    EDUCATION = "EDUCATION"
    WORKING_CAPITAL = "WORKING_CAPITAL"
    EQUIPMENT = "EQUIPMENT"

    @property
    def business(self) -> bool:
        """Whether this is a purpose of entrepreneurship."""
        return self in (Purpose.WORKING_CAPITAL, Purpose.EQUIPMENT)


class ReceivingMethod(StrEnum):
    """How the client gets the money. Rules: para 8, part 6; para 9."""

    OWN_ACCOUNT = "OWN_ACCOUNT"
    OWN_CARD = "OWN_CARD"
    CASH_TERMINAL = "CASH_TERMINAL"
    CASH_DESK = "CASH_DESK"
    MERCHANT = "MERCHANT"


class Product(BaseModel):
    """One version of a product. since: first day, until: first day no longer offered.

    methods: those offered, in this order. own_interest_only_months, own_grace_periods: of the lender's own method,
    counted from the first instalment; where the term is too short for them, half of the term. own_step_percent,
    own_step_every, rounding, multiple_of, month_end, off_days: as in LoanTerms. approved_by: whose decision the
    numbers are.
    """

    model_config = ConfigDict(frozen=True)

    code: str
    version: str
    since: date
    until: date | None = None
    names: dict[str, str]
    kinds: frozenset[ClientKind]
    purposes: frozenset[Purpose]
    receiving_methods: frozenset[ReceivingMethod] = frozenset({ReceivingMethod.OWN_ACCOUNT})
    secured: bool = False
    rate_percent_per_year: Decimal
    min_amount: Money
    max_amount: Money
    min_months: int
    max_months: int
    max_age: int | None = None
    methods: tuple[Method, ...] = (Method.ANNUITY, Method.DIFFERENTIATED, Method.OWN)
    own_interest_only_months: int = 0
    own_grace_periods: int = 0
    own_step_percent: Decimal = Decimal(0)
    own_step_every: int = 12
    day_count: DayCount = DayCount.ACT_365
    rounding: Rounding = Rounding.LAST_ABSORBS
    multiple_of: Money = Money("0.01")
    month_end: MonthEnd = MonthEnd.CLAMP
    off_days: OffDays = OffDays.KEEP
    approved_by: str = "credit committee"

    def check(self, amount: Money, months: int, purpose: str, receiving: str) -> None:
        """Whether this may be asked for.

        Raises:
            InvalidInput: outside the limits; names the field.
        """
        if not self.min_amount <= amount <= self.max_amount:
            raise InvalidInput("amount-outside-product", "the product does not give this amount", field="/amount")
        if not self.min_months <= months <= self.max_months:
            raise InvalidInput("term-outside-product", "the product has no such term", field="/term_months")
        if purpose not in self.purposes:
            raise InvalidInput("purpose-outside-product", "not a purpose of this product", field="/purpose")
        if receiving not in self.receiving_methods:
            raise InvalidInput("receiving-method-not-offered", "not offered yet", field="/receiving_method")

    def terms(self, amount: Money, months: int, method: Method, disbursed: date, policy_version: str) -> LoanTerms:
        """The terms of a loan of this product: monthly instalments, the first a month after the money."""
        own, half = method is Method.OWN, months // 2
        return LoanTerms(
            principal=amount,
            rate_percent_per_year=self.rate_percent_per_year,
            periods=months,
            method=method,
            disbursed=disbursed,
            first_due=add_months(disbursed, 1, self.month_end),
            day_count=self.day_count,
            rounding=self.rounding,
            interest_only_months=min(self.own_interest_only_months, half) if own else 0,
            grace_periods=min(self.own_grace_periods, half) if own else 0,
            step_percent=self.own_step_percent if own else Decimal(0),
            step_every=self.own_step_every,
            multiple_of=self.multiple_of,
            month_end=self.month_end,
            off_days=self.off_days,
            product_code=self.code,
            product_version=self.version,
            policy_version=policy_version,
        )


_CONSUMER = frozenset({Purpose.PERSONAL_NEEDS, Purpose.GOODS, Purpose.REPAIR, Purpose.HEALTH, Purpose.EDUCATION})

PRODUCTS: tuple[Product, ...] = (
    Product(
        code="personal", version="1", since=date(2024, 8, 1),
        names={"kk": "Жеке мақсаттарға", "ru": "На личные цели", "en": "Personal"},
        kinds=frozenset({ClientKind.INDIVIDUAL}), purposes=_CONSUMER, receiving_methods=frozenset(ReceivingMethod),
        rate_percent_per_year=Decimal("37.80"),
        min_amount=Money(10_000), max_amount=Money(1_000_000), min_months=1, max_months=24,
        max_age=75, own_interest_only_months=3,
    ),
    Product(
        code="business", version="1", since=date(2024, 8, 1),
        names={"kk": "Бизнеске", "ru": "На бизнес", "en": "Business"},
        kinds=frozenset({ClientKind.ENTREPRENEUR, ClientKind.LEGAL_ENTITY}),
        purposes=frozenset({Purpose.WORKING_CAPITAL, Purpose.EQUIPMENT}),
        rate_percent_per_year=Decimal("32.00"),
        min_amount=Money(100_000), max_amount=Money(10_000_000), min_months=3, max_months=36,
        own_interest_only_months=6,
    ),
)  # fmt: skip


def products(on: date, kind: ClientKind | None = None) -> tuple[Product, ...]:
    """What is offered on a day, to one kind of client or to all."""
    return tuple(
        one
        for one in PRODUCTS
        if one.since <= on and (one.until is None or on < one.until) and (kind is None or kind in one.kinds)
    )


def product(code: str, on: date) -> Product:
    """The version of a product offered on a day.

    Raises:
        NotFound: `product-unknown`.
    """
    for one in products(on):
        if one.code == code:
            return one
    raise NotFound("product-unknown", field="/product_code")


def product_version(code: str, version: str) -> Product:
    """A product as it stands stored with an application, offered today or not."""
    for one in PRODUCTS:
        if (one.code, one.version) == (code, version):
            return one
    raise NotFound("product-unknown", field="/product_code")
