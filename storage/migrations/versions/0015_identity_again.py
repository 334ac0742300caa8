"""Leaks, and changes of details.

Revision ID: 0015
Revises: 0014
"""

from __future__ import annotations

from typing import Any

from alembic import op

from storage.migrations import guards, tables_of_details, tables_of_leaks

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Tables, their guards and rights."""
    driver: Any = op.get_bind().connection.driver_connection
    leaks = (tables_of_leaks.LEAKS, guards.append_only("leak_measure"), tables_of_leaks.RIGHTS)
    driver.execute("\n".join((*leaks, tables_of_details.DETAILS, tables_of_details.RIGHTS)))


def downgrade() -> None:
    """Refused, as for every revision: records are not dropped.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError("restore a backup instead")
