"""What a liveness challenge is bound to, and what clips looked like.

Revision ID: 0020
Revises: 0019
"""

from __future__ import annotations

from typing import Any

from alembic import op

from storage.migrations import guards, tables_of_liveness

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_PARTS = (
    tables_of_liveness.TABLES,
    guards.append_only("liveness_clip"),
    tables_of_liveness.GUARDS,
    tables_of_liveness.RIGHTS,
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
