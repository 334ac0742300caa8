"""Terms met by the instant of a proof; the leaks of an incident.

Revision ID: 0024
Revises: 0023
"""

from __future__ import annotations

from typing import Any

from alembic import op

from storage.migrations import tables_of_terms

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Columns, their guards and rights."""
    driver: Any = op.get_bind().connection.driver_connection
    driver.execute("\n".join((tables_of_terms.PROOF, tables_of_terms.LEAKS, tables_of_terms.RIGHTS)))


def downgrade() -> None:
    """Refused, as for every revision: records are not dropped.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError("restore a backup instead")
