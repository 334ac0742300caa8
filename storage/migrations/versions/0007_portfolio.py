"""Columns that let a million loans be read in one stream.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

from typing import Any

from alembic import op

from storage.migrations import tables_of_the_portfolio as portfolio

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Columns, the triggers that fill them, and the index that the stream is read from."""
    driver: Any = op.get_bind().connection.driver_connection
    driver.execute("\n".join((portfolio.LOANS, portfolio.EVENTS, portfolio.EARLIER)))


def downgrade() -> None:
    """Refused, as for every revision: records are not dropped.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError("restore a backup instead")
