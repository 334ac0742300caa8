"""The network's register against the counterparties over a real socket: what we take, and what we refuse to read."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from our_adapters import Adapters, today
from outside_world import Outside

from rules.errors import BrokenContract
from rules.money import Money


def pay(world: Outside, **more: Any) -> dict[str, Any]:
    body = {"reference": "MK-2026-0123456789", "amount": "5000.00", "receipt": "77"} | more
    return dict(world.control.post("/_control/terminals/payments", json=body).raise_for_status().json())


async def test_a_days_receipts_are_read(world: Outside, adapters: Adapters) -> None:
    pay(world)
    pay(world, receipt="78", currency="USD", amount="10.00")
    receipts = await adapters.terminals.register(today())
    assert receipts is not None
    assert [(one.terminal_id, one.receipt, one.reference) for one in receipts] == [
        ("T-0001", "77", "MK-2026-0123456789"),
        ("T-0001", "78", "MK-2026-0123456789"),
    ]
    assert [(one.amount, one.currency) for one in receipts] == [(Money(5000), "KZT"), (Money(10), "USD")]


async def test_a_day_without_payments_is_empty_and_a_day_to_come_has_no_register(
    world: Outside, adapters: Adapters
) -> None:
    assert await adapters.terminals.register(today() - timedelta(days=1)) == []
    assert await adapters.terminals.register(today() + timedelta(days=1)) is None


@pytest.mark.parametrize("changes", [{"terminal_id": "a:b"}, {"receipt": "a b"}, {"receipt": "чек"}])
async def test_a_receipt_that_could_be_mistaken_for_another_is_a_broken_contract(
    world: Outside, adapters: Adapters, changes: dict[str, str]
) -> None:
    pay(world, **changes)
    with pytest.raises(BrokenContract, match="terminal-unreadable"):
        await adapters.terminals.register(today())
