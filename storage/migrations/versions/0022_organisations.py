"""What organisations show, and bank details that a client keeps with us.

Revision ID: 0022
Revises: 0021
"""

from __future__ import annotations

from typing import Any

from alembic import op

from storage.migrations import guards
from storage.migrations import tables_of_organisations as tables

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_PARTS = (
    tables.NUMBERS,
    tables.AUTHORITY,
    guards.append_only("client_authority"),
    tables.ACCOUNTS,
    tables.CHANGES,
    tables.ADDENDA,
    tables.RIGHTS,
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
