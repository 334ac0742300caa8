"""What each trial of the archive's object lock found; appended by the application, read by reports.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

from typing import Any

from alembic import op

from storage.migrations import guards

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TABLE = """
create table archive_conformance (
    id uuid primary key,
    at timestamptz not null,
    endpoint varchar not null,
    held boolean not null,
    checks jsonb not null
);
create index ix_archive_conformance_at on archive_conformance (at);
"""

_RIGHTS = """
grant select, insert on archive_conformance to nesie_app;
grant select on archive_conformance to nesie_read;
"""


def upgrade() -> None:
    """One table, appended and never changed."""
    driver: Any = op.get_bind().connection.driver_connection
    driver.execute("\n".join((_TABLE, guards.append_only("archive_conformance"), _RIGHTS)))


def downgrade() -> None:
    """Refused, as for every revision: evidence is not dropped.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError("restore a backup instead")
