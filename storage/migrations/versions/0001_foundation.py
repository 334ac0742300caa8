"""The first schema: clients, lending, payments, ledger, audit; guards and rights.

Revision ID: 0001
Revises: -
"""

from __future__ import annotations

from typing import Any

from alembic import op

from storage.migrations import guards, rights
from storage.migrations.tables_of_lending import LENDING
from storage.migrations.tables_of_people import ACCESS, CLIENTS
from storage.migrations.tables_of_records import AUDIT, RECORDS

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create everything; the audit trail as its own owner."""
    _run(CLIENTS, ACCESS, LENDING, RECORDS, guards.CHECKS)
    _run(guards.APPEND_ONLY_FUNCTION, *(guards.append_only(table) for table in guards.APPEND_ONLY_TABLES))
    _run(guards.LEDGER, guards.TWO_PEOPLE)
    _run(*(f"{grant};" for grant in rights.application_rights() + rights.reader_rights()))
    _run("set local role nesie_audit;", AUDIT, guards.AUDIT_CHAIN)
    _run(*(f"{grant};" for grant in rights.audit_rights()), "set local role nesie_owner;")


def downgrade() -> None:
    """Refused: a database that has held loans is not rolled back to nothing.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError("restore a backup instead")


def _run(*statements: str) -> None:
    # straight to the driver: colons and several statements are meant as they stand
    driver: Any = op.get_bind().connection.driver_connection
    driver.execute("\n".join(statements))
