"""Column types shared by the tables: instants, money, JSON, ids."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Dialect, Numeric
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field

from rules.money import Money

Instant = TIMESTAMP(timezone=True)
Json = JSONB


class MoneyType(TypeDecorator[Money]):
    """Money in a numeric(18, 2) column."""

    impl = Numeric(18, 2)
    cache_ok = True

    def process_bind_param(self, value: Money | None, dialect: Dialect) -> Decimal | None:
        return None if value is None else value.root

    def process_result_value(self, value: Any, dialect: Dialect) -> Money | None:
        return None if value is None else Money(value)


def primary_id() -> Any:
    """A random primary key."""
    return Field(default_factory=uuid4, primary_key=True)


def reference(table: str, *, optional: bool = False, index: bool = True) -> Any:
    """A foreign key to another table's id."""
    return Field(default=None if optional else ..., foreign_key=f"{table}.id", index=index)


__all__ = ["UUID", "Instant", "Json", "MoneyType", "primary_id", "reference"]
