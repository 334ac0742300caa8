"""Signing by the state's mobile application.

Revision ID: 0023
Revises: 0022
"""

from __future__ import annotations

from typing import Any

from alembic import op

from storage.migrations import tables_of_signing

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_PARTS = (tables_of_signing.SIGNING, tables_of_signing.RIGHTS)


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
