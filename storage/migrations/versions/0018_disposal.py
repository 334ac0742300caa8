"""States of a clock, whole years of the calendar, and what is destroyed after its retention.

Revision ID: 0018
Revises: 0017
"""

from __future__ import annotations

from typing import Any

from alembic import op

from storage.migrations import guards, tables_of_clocks, tables_of_disposal

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_PARTS = (
    tables_of_clocks.STATES,
    tables_of_clocks.CALENDAR,
    tables_of_disposal.TABLES,
    guards.append_only("disposal_object"),
    tables_of_disposal.GUARDS,
    tables_of_disposal.OBSTACLE,
    tables_of_disposal.DESTROY,
    tables_of_disposal.RIGHTS,
)


def upgrade() -> None:
    """Tables, their guards and rights."""
    driver: Any = op.get_bind().connection.driver_connection
    driver.execute("\n".join(_PARTS))


def downgrade() -> None:
    """Refused, as for every revision: records are not dropped.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError("restore a backup instead")
