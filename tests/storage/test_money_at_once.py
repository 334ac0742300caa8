"""Twenty tasks at one instant, many rounds: what the one try in a hundred does that a test of one task never sees."""

from __future__ import annotations

import asyncio
from datetime import date
from uuid import uuid4

from rules.errors import BusinessError
from rules.money import Money
from storage import payments, reviews
from storage.database import Database

DAY = date(2026, 1, 15)


async def test_a_case_is_put_into_the_queue_while_it_is_taken_out_of_it(database: Database) -> None:
    case = f"restructuring/{uuid4()}/1"

    async def put() -> str:
        async with database.begin() as session:
            found = await reviews.open_review(session, kind="MONEY", workflow_id=case, ground="refund-not-made")
            return found.state

    async def take() -> None:
        async with database.begin() as session:
            await reviews.close_of_case(session, case, "refund-not-made")

    for _ in range(40):
        told = await asyncio.gather(*(put() if n % 2 else take() for n in range(20)))
        assert {one for one in told if one is not None} == {"open"}


async def test_one_line_of_the_banks_books_settles_one_payment_of_twenty(database: Database) -> None:
    async def settled(key: str, reference: str) -> str:
        try:
            async with database.begin() as session:
                moved = await payments.settle(session, key, "done", None, reference, DAY)
        except BusinessError as error:
            return error.code
        return "done" if moved else "not moved"

    for _ in range(10):
        keys, reference = [f"disburse:{uuid4()}" for _ in range(20)], f"B{uuid4().hex}"
        for key in keys:
            async with database.begin() as session:
                await payments.intend(
                    session, key=key, purpose="disbursement", request_hash="h", amount=Money(100), account_sealed=b"s"
                )
        told = await asyncio.gather(*(settled(key, reference) for key in keys))
        assert sorted(told) == ["bank-reference-used"] * 19 + ["done"]
