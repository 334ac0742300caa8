"""The chart of accounts, as data: what the ledger can speak of, with words for people who read it.

A new account is a row here and a revision of the database that fills the chart anew; nothing can be posted to an
account that is not in the database's chart.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class AccountKind(StrEnum):
    """asset: what we have and are owed. liability: what we owe. income and expense: what we earned and lost."""

    ASSET = "asset"
    LIABILITY = "liability"
    INCOME = "income"
    EXPENSE = "expense"


class Side(StrEnum):
    """Debit or credit."""

    DEBIT = "D"
    CREDIT = "C"


@dataclass(frozen=True)
class Account:
    """One account of the ledger. code: stable, `group:name`. The names are for people, one a language.

    >>> account("cash:bank").normal_side.value, account("income:interest").normal_side.value
    ('D', 'C')
    """

    code: str
    kind: AccountKind
    kk: str
    ru: str
    en: str

    @property
    def normal_side(self) -> Side:
        """The side on which the account grows."""
        return Side.DEBIT if self.kind in (AccountKind.ASSET, AccountKind.EXPENSE) else Side.CREDIT


CHART = (
    Account("cash:bank", AccountKind.ASSET, "Банк шоты", "Счёт в банке", "Bank account"),
    Account("cash:cash-desk", AccountKind.ASSET, "Касса", "Касса", "Cash desk"),
    Account("cash:terminal", AccountKind.ASSET, "Терминалдар", "Терминалы", "Terminals"),
    Account("cash:merchant", AccountKind.ASSET, "Серіктестермен есеп", "Расчёты с партнёрами", "Partners' settlements"),
    Account("loans:principal", AccountKind.ASSET, "Негізгі борыш", "Основной долг", "Principal lent"),
    Account(
        "loans:interest",
        AccountKind.ASSET,
        "Төлеу мерзімі келген сыйақы",
        "Вознаграждение к уплате",
        "Interest due",
    ),
    Account("loans:penalty", AccountKind.ASSET, "Есептелген айыппұл", "Начисленная неустойка", "Penalty charged"),
    Account(
        "clients:advances",
        AccountKind.LIABILITY,
        "Клиенттердің аванстары мен артық төлемдері",
        "Авансы и переплаты клиентов",
        "Clients' advances and overpayments",
    ),
    Account(
        "clients:unmatched",
        AccountKind.LIABILITY,
        "Анықталмаған түсімдер",
        "Невыясненные поступления",
        "Money received and not placed yet",
    ),
    Account("income:interest", AccountKind.INCOME, "Сыйақы табысы", "Доход: вознаграждение", "Interest earned"),
    Account("income:penalty", AccountKind.INCOME, "Айыппұл табысы", "Доход: неустойка", "Penalty earned"),
    Account(
        "losses:written-off",
        AccountKind.EXPENSE,
        "Есептен шығарылған борыш",
        "Списанная задолженность",
        "Debt written off",
    ),
)

_BY_CODE = {one.code: one for one in CHART}


def account(code: str) -> Account:
    """The account of a code; an unknown one is an error of the program."""
    return _BY_CODE[code]


def cash(through: str) -> str:
    """The account that money came to or left by, as loan events name it.

    >>> cash("cash-desk")
    'cash:cash-desk'
    """
    return account(f"cash:{through}").code
