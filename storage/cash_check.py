"""The ledger's bank account against the bank's statement of a day, fact by fact.

A fact is one sum: an outgoing payment, or money that came in. It may have several postings (held, then placed) and may
be booked on another day than the bank's, because a day that is closed for a loan stays as it was: such facts are named,
they are no error. An error is a line whose fact is not booked with its amount, and a booking that no line stands for.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from pydantic import BaseModel, ConfigDict
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.money import Money
from storage.database import run
from storage.reconciliation import Match, Reconciled
from storage.tables import IncomingPayment, OutboundPayment

ACCOUNT = "cash:bank"
_NOTHING = Money(0)
_OF_INCOMING = ("incoming", "placed", "paid")  # the postings of one incoming sum, before its key


class CashChecked(BaseModel):
    """Turnover in tenge. came, left: by the statement. debit, credit: by the ledger's postings of the day, each fact
    by its net. differs: keys of facts that are booked with another sum than the bank's, or that no line stands for.
    other_day: keys of facts that the two books have on different days.
    """

    model_config = ConfigDict(frozen=True)

    came: Money
    left: Money
    debit: Money
    credit: Money
    differs: list[str] = []
    other_day: list[str] = []

    @property
    def clean(self) -> bool:
        """Whether every sum is in both books."""
        return not self.differs


class _Booked(BaseModel):
    total: Money = _NOTHING  # of all postings of the fact
    today: Money = _NOTHING  # of those with this value date


def fact_of(posting_key: str) -> str:
    """The key of the sum that a posting is about.

    >>> fact_of("placed:bank:P1"), fact_of("refund:1:1")
    ('bank:P1', 'refund:1:1')
    """
    kind, _, rest = posting_key.partition(":")
    return rest if kind in _OF_INCOMING else posting_key


async def check(session: AsyncSession, result: Reconciled) -> CashChecked:
    """Compare one reconciled day."""
    day, matched = result.day, [one for one in result.matches if one.state == "matched" and one.key is not None]
    keys = {one.key for one in matched if one.key is not None}
    # in this order: a payment that ends between the two is booked and not expected yet, never expected and not booked
    expected = await _expected(session, matched)
    booked = await _booked(session, day, keys)
    nothing = _Booked()
    differs = {key for key, amount in expected.items() if booked.get(key, nothing).total != amount}
    elsewhere_booked = {key for key, amount in expected.items() if booked.get(key, nothing).today != amount} - differs
    strange = {key for key, one in booked.items() if key not in keys and one.today != _NOTHING}
    elsewhere_shown = await _of_another_day(session, day, strange)
    signed = [match.line.signed for match in result.matches]
    net = [one.today for one in booked.values()]
    return CashChecked(
        came=Money.total(one for one in signed if one > _NOTHING),
        left=Money.total(-one for one in signed if one < _NOTHING),
        debit=Money.total(one for one in net if one > _NOTHING),
        credit=Money.total(-one for one in net if one < _NOTHING),
        differs=sorted(differs | (strange - elsewhere_shown)),
        other_day=sorted(elsewhere_booked | elsewhere_shown),
    )


async def _booked(session: AsyncSession, day: date, keys: Iterable[str]) -> dict[str, _Booked]:
    """What the ledger has on the account: of this day, and of these facts on any day."""
    names = [name for key in keys for name in (key, *(f"{kind}:{key}" for kind in _OF_INCOMING))]
    rows = await run(
        session,
        """
        select key, value_date, sum(case side when 'D' then amount else -amount end) as net
        from ledger_posting join ledger_entry on posting_id = ledger_posting.id
        where account = :account and (value_date = :day or key = any(:names)) group by key, value_date
        """,
        account=ACCOUNT,
        day=day,
        names=names,
    )
    found: dict[str, _Booked] = {}
    for row in rows:
        one = found.setdefault(fact_of(row.key), _Booked())
        one.total += Money(row.net)
        one.today += Money(row.net) if row.value_date == day else _NOTHING
    return found


async def _expected(session: AsyncSession, matched: list[Match]) -> dict[str, Money]:
    """What the ledger ought to have for each line's fact. A payment that is not final yet is not expected."""
    lines = {one.key: one.line for one in matched if one.key is not None}
    query = select(OutboundPayment.key, OutboundPayment.state).where(col(OutboundPayment.key).in_(list(lines)))
    states = {key: state for key, state in await session.exec(query)}
    wanted = {}
    for key, line in lines.items():
        state = states.get(key, "taken")
        if state in ("taken", "done"):
            wanted[key] = line.signed
        elif state == "returned":
            wanted[key] = _NOTHING  # it left and came back
    return wanted


async def _of_another_day(session: AsyncSession, day: date, keys: set[str]) -> set[str]:
    """Those whose line stands in another day's statement: that day's reconciliation looks at them."""
    found: set[str] = set()
    for key, when in (
        (IncomingPayment.key, IncomingPayment.value_date),
        (OutboundPayment.key, OutboundPayment.value_date),
    ):
        query = select(key).where(col(key).in_(list(keys)), col(when) != day)
        found |= set((await session.exec(query)).all())
    return found
