"""One record an identification, archived and repeatable.

Revision ID: 0019
Revises: 0018
"""

from __future__ import annotations

from typing import Any

from alembic import op

from storage.migrations import guards, tables_of_evidence

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_PARTS = (tables_of_evidence.TABLES, guards.append_only("identification"), tables_of_evidence.RIGHTS)


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
