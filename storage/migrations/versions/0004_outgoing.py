"""Outgoing payments of every kind, approvals of large ones.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

from typing import Any

from alembic import op

from storage.migrations import tables_of_outgoing as outgoing
from storage.migrations.tables_of_cash import CASH

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Columns, their guards and rights."""
    driver: Any = op.get_bind().connection.driver_connection
    parts = (outgoing.PAYMENTS, outgoing.DECIDED, outgoing.PAYMENT_GUARD, outgoing.TWO_PEOPLE, outgoing.RIGHTS)
    driver.execute("\n".join((*parts, CASH)))


def downgrade() -> None:
    """Refused, as for every revision: records are not dropped.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError("restore a backup instead")
