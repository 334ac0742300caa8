"""After the deaths: the bank's own list of what it took against our payments and our ledger, payment by payment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from sqlmodel import col, select

from activities.context import Records
from bench.payout_load import Ordered
from rules.money import Money
from storage.database import run
from storage.tables import OutboundPayment, Review

_LEFT = ("ACCEPTED", "IN_PROGRESS", "DONE")


@dataclass
class Truth:
    """What was found about a number of payments; each list names keys."""

    payouts: int = 0
    paid: int = 0
    parked: int = 0
    double: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    def figures(self) -> dict[str, Any]:
        """As the benchmark tells them."""
        counts = {"double": len(self.double), "lost": len(self.lost), "wrong_amount": len(self.wrong)}
        return {"payouts": self.payouts, "paid": self.paid, "parked": self.parked, **counts, "open": len(self.open)}


async def truth(records: Records, world: httpx.AsyncClient, ordered: Sequence[Ordered]) -> Truth:
    """Compare. double: taken twice by the bank, or booked twice. lost: the bank has it and our books do not, or the
    other way round. wrong: another sum or account than was ordered. open: without its last word.
    """
    answer = await world.get("/_control/bank/payouts", timeout=60)
    taken = defaultdict[str, list[dict[str, Any]]](list)
    for one in answer.raise_for_status().json():
        if one["status"] in _LEFT:
            taken[one["order_id"]].append(one)
    rows, posted = await _ours(records)
    found = Truth(payouts=len(ordered))
    for payment in ordered:
        _judge(found, payment, taken[payment.order_id], rows.get(payment.key), posted.get(payment.key, []))
    found.parked = len(await _parked(records) & {one.key for one in ordered})
    return found


def _judge(
    found: Truth, payment: Ordered, taken: list[dict[str, Any]], row: OutboundPayment | None, posted: list[Money]
) -> None:
    is_done = row is not None and row.state == "done"
    found.paid += bool(taken)
    if len(taken) > 1 or len(posted) > 1:
        found.double.append(payment.key)
    if not bool(taken) == is_done == bool(posted):
        found.lost.append(payment.key)
    sums = {str(one["amount"]) for one in taken} | {str(one) for one in posted}
    places = {one["iban"] for one in taken}
    if sums - {str(payment.amount)} or places - {payment.iban}:
        found.wrong.append(payment.key)
    if row is None or row.state not in ("done", "refused", "returned"):
        found.open.append(payment.key)


async def _ours(records: Records) -> tuple[dict[str, OutboundPayment], dict[str, list[Money]]]:
    """Our payments by key, and what each key took out of the bank account by the ledger."""
    async with records.database.begin() as session:
        rows = {row.key: row for row in await session.exec(select(OutboundPayment))}
        legs = await run(
            session,
            "select key, amount from ledger_posting join ledger_entry on posting_id = ledger_posting.id"
            " where account = 'cash:bank' and side = 'C'",
        )
        posted = defaultdict[str, list[Money]](list)
        for leg in legs:
            posted[leg.key].append(Money(leg.amount))
    return rows, posted


async def _parked(records: Records) -> set[str]:
    """Keys of payments that people were asked about."""
    async with records.database.begin() as session:
        query = select(Review.payment_key).where(col(Review.payment_key).is_not(None))
        return {key for key in await session.exec(query) if key is not None}
