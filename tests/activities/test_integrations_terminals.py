"""The network's register against the counterparties over a real socket: what we take, and what we refuse to read."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
from our_adapters import Adapters, today
from outside_world import Outside

from activities.integrations.terminals import Terminals
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


class TestPayouts:
    """The register is played by a transport: nobody here answers a terminal that asks whether to pay."""

    ENTRY = {
        "terminal_id": "T-1", "receipt": "7", "order": "CO-1", "amount": "3000.00", "currency": "KZT", "at": "now",
    }  # fmt: skip

    def network(self, status: int, body: dict[str, Any]) -> Terminals:
        transport = httpx.MockTransport(lambda request: httpx.Response(status, json=body))
        return Terminals("http://network.test", "token", httpx.AsyncClient(transport=transport))

    async def test_what_terminals_handed_out_is_read(self) -> None:
        body = {"date": today().isoformat(), "entries": [self.ENTRY]}
        (one,) = await self.network(200, body).payouts(today()) or []
        assert (one.terminal_id, one.receipt, one.order, one.amount) == ("T-1", "7", "CO-1", Money(3000))

    async def test_the_counterparties_play_it(self, world: Outside, adapters: Adapters) -> None:
        assert await adapters.terminals.payouts(today()) == []
        assert await adapters.terminals.payouts(today() + timedelta(days=1)) is None
        world.fault("terminal", "payouts", "extra_entry", amount="5.00")
        (stranger,) = await adapters.terminals.payouts(today()) or []
        assert (stranger.order, stranger.amount) == ("CO-000000000000", Money(5))

    @pytest.mark.parametrize(
        "body",
        [
            {"date": "2020-01-01", "entries": []},
            {"date": today().isoformat(), "entries": [ENTRY, ENTRY | {"amount": "1.00"}]},
            {"date": today().isoformat(), "entries": [ENTRY | {"order": "два ордера"}]},
        ],
    )
    async def test_another_day_and_one_receipt_with_two_amounts_are_a_broken_contract(
        self, body: dict[str, Any]
    ) -> None:
        with pytest.raises(BrokenContract):
            await self.network(200, body).payouts(today())
