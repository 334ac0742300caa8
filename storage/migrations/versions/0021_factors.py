"""Second factors of log-ins, recovery of passwords, notices.

Revision ID: 0021
Revises: 0020
"""

from __future__ import annotations

from typing import Any

from alembic import op

from storage.migrations import tables_of_factors as factors

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_PARTS = (factors.TABLES, factors.GUARDS, factors.KNOWN_OWNERS, factors.RIGHTS)


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
