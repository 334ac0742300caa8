"""The loan book: chart of accounts, ledger by loan, incoming payments, and who assigned them.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

from typing import Any

from alembic import op

from storage.migrations import tables_of_the_book as book
from storage.migrations.tables_of_incoming import INCOMING

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Tables, their guards and rights."""
    driver: Any = op.get_bind().connection.driver_connection
    parts = (book.CHART_TABLE, book.chart(), book.LEDGER, book.WHOLE_POSTINGS, book.LOANS)
    driver.execute("\n".join((*parts, book.MONEY_IN, book.MONEY_IN_GUARDS, book.RIGHTS, INCOMING)))


def downgrade() -> None:
    """Refused, as for every revision: records are not dropped.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError("restore a backup instead")
