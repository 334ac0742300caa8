"""Faults on demand: what goes wrong, for which call, how often.

`POST /_control/faults` adds one; it is used up after `times` matching calls (0 = until removed) and
survives a restart. The kinds in GENERIC are played around any operation by `exchange.py`; every other kind
belongs to one service, which asks for it by `take(..., kinds=...)`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field

from infra.counterparties.store import Store

GENERIC = frozenset(
    {
        "slow",
        "hang_before",
        "hang_after",
        "reset_before",
        "reset_after",
        "http",
        "bad_json",
        "truncated",
        "wrong_type",
        "wrong_subject",
        "stale",
    }
)


class Match(BaseModel):
    """Which calls: those of one person, or of one key (idempotency key, order id or batch id)."""

    model_config = ConfigDict(extra="forbid")

    iin: str | None = None
    key: str | None = None


class Fault(BaseModel):
    """One fault. service and operation: names of `exchange.OPERATIONS`, or `*`. times: 0 = until removed."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(default_factory=lambda: uuid4().hex[:12])
    service: str
    operation: str = "*"
    match: Match = Match()
    fault: str
    times: int = Field(default=1, ge=0)
    params: dict[str, Any] = {}
    used: int = 0

    def number(self, name: str, default: float) -> float:
        """A numeric parameter."""
        return float(self.params.get(name, default))


class Faults:
    """The faults that wait to happen."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._faults = [Fault.model_validate(body) for body in store.all("fault")]

    def add(self, fault: Fault) -> Fault:
        """Let it happen from now on."""
        self._store.put("fault", fault.id, fault.model_dump())
        self._faults.append(fault)
        return fault

    def remove(self, fault_id: str | None = None) -> int:
        """Take back one or all; how many there were."""
        gone = [fault for fault in self._faults if fault_id in (None, fault.id)]
        for fault in gone:
            self._drop(fault)
        return len(gone)

    def all(self) -> list[Fault]:
        """Those still waiting."""
        return list(self._faults)

    def take(
        self,
        service: str,
        operation: str,
        *,
        iin: str | None = None,
        keys: Collection[str] = (),
        kinds: Collection[str] = GENERIC,
    ) -> Fault | None:
        """The first fault of these kinds for this call, or None. Taking it uses it once."""
        for fault in self._faults:
            if (
                fault.fault in kinds
                and fault.service in ("*", service)
                and fault.operation in ("*", operation)
                and fault.match.iin in (None, iin)
                and (fault.match.key is None or fault.match.key in keys)
            ):
                self._use(fault)
                return fault
        return None

    def _use(self, fault: Fault) -> None:
        fault.used += 1
        if fault.times and fault.used >= fault.times:
            self._drop(fault)
        else:
            self._store.put("fault", fault.id, fault.model_dump())

    def _drop(self, fault: Fault) -> None:
        self._faults.remove(fault)
        self._store.remove("fault", fault.id)
