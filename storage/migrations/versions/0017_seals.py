"""Sealed heads of the audit trail, bundles of proof, and the regulator as one who logs in.

Revision ID: 0017
Revises: 0016
"""

from __future__ import annotations

from typing import Any

from alembic import op

from storage.migrations import guards

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_TABLES = """
create table audit_seal (
    id uuid primary key,
    n integer not null unique,
    first bigint not null unique,
    last bigint not null unique,
    root varchar not null,
    head varchar not null,
    document_id uuid not null references document (id),
    cms_document_id uuid not null references document (id),
    sealed_at timestamptz not null,
    constraint audit_seal_rows_check check (n > 0 and first > 0 and first <= last),
    constraint audit_seal_hashes_check check (length(root) = 64 and length(head) = 64)
);

create table proof_bundle (
    id uuid primary key,
    loan_id uuid not null references loan (id),
    n integer not null,
    asked_by uuid not null references staff (id),
    asked_at timestamptz not null,
    document_id uuid references document (id),
    sha256 varchar,
    made_at timestamptz,
    unique (loan_id, n),
    constraint proof_bundle_made_check check ((document_id is null) = (made_at is null)
        and (document_id is null) = (sha256 is null))
);
create index ix_proof_bundle_loan_id on proof_bundle (loan_id);

alter table staff drop constraint staff_roles_check;
alter table staff add constraint staff_roles_check
    check (roles <@ array['officer', 'compliance', 'oncall', 'auditor', 'cashier', 'regulator']::varchar[]
        and (not 'regulator' = any(roles) or roles <@ array['regulator']::varchar[]));
"""

_RIGHTS = """
grant select, insert on audit_seal to nesie_app;
grant select, insert, update (document_id, sha256, made_at) on proof_bundle to nesie_app;
grant select on audit_seal, proof_bundle to nesie_read;
"""


def upgrade() -> None:
    """Tables, their guards and rights."""
    driver: Any = op.get_bind().connection.driver_connection
    driver.execute("\n".join((_TABLES, guards.append_only("audit_seal"), _RIGHTS)))


def downgrade() -> None:
    """Refused, as for every revision: records are not dropped.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError("restore a backup instead")
