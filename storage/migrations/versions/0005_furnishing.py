"""Records for the credit bureau.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

from typing import Any

from alembic import op

from storage.migrations.tables_of_furnishing import RIGHTS, TABLES

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Tables, their guards and rights."""
    driver: Any = op.get_bind().connection.driver_connection
    driver.execute("\n".join((TABLES, RIGHTS)))


def downgrade() -> None:
    """Refused, as for every revision: records are not dropped.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError("restore a backup instead")
