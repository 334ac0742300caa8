"""Who may do what in Temporal UI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from starlette.requests import Request

READERS = frozenset({"officer", "compliance", "auditor", "oncall"})
WRITERS = frozenset({"oncall"})


@dataclass(frozen=True)
class StaffIdentity:
    """The member of staff behind a session."""

    id: UUID
    name: str
    roles: frozenset[str]

    @property
    def may_read(self) -> bool:
        """See cases, with their payloads opened; each opening is recorded."""
        return bool(self.roles & READERS)

    @property
    def may_write(self) -> bool:
        """Signal, update, reset, terminate. Nothing typed there approves anything: decisions live in our database."""
        return bool(self.roles & WRITERS)


StaffSession = Callable[[Request], Awaitable[StaffIdentity | None]]
OnDecode = Callable[[StaffIdentity, str | None, str | None, int], Awaitable[None]]
LogIn = Callable[[str, str, str], Awaitable[str]]
LogOut = Callable[[Request], Awaitable[None]]
