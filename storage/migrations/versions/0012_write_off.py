"""Proofs that verdicts are in force, and claims against guilty clients.

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

from typing import Any

from alembic import op

from storage.migrations import guards

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_TABLES = """
create table verdict_force (
    id uuid primary key,
    paper_id uuid not null references official_paper (id),
    in_force_on date not null,
    received_at timestamptz not null,
    document_id uuid not null references document (id),
    entered_by uuid not null references staff (id),
    entered_at timestamptz not null,
    state varchar not null,
    decided_by uuid references staff (id),
    decided_at timestamptz,
    reason_code varchar,
    constraint verdict_force_state_check check (state in ('ENTERED', 'CONFIRMED', 'REFUSED', 'WITHDRAWN')),
    constraint verdict_force_received_check check (received_at <= entered_at),
    constraint verdict_force_day_check check (in_force_on <= (received_at at time zone 'Asia/Almaty')::date),
    constraint verdict_force_decided_check check ((decided_by is null) = (state = 'ENTERED')
        and (decided_at is null) = (state = 'ENTERED')),
    constraint verdict_force_two_people_check check (decided_by is null
        or (decided_by <> entered_by) = (state <> 'WITHDRAWN')),
    constraint verdict_force_reason_check check (state not in ('REFUSED', 'WITHDRAWN') or reason_code is not null)
);
create index ix_verdict_force_paper_id on verdict_force (paper_id);
create unique index verdict_force_once on verdict_force (paper_id) where state in ('ENTERED', 'CONFIRMED');
create function verdict_force_stands() returns trigger language plpgsql as $$
begin
    raise exception 'a decided proof is not changed' using errcode = 'insufficient_privilege';
end $$;
create trigger verdict_force_stands before update on verdict_force
    for each row when (old.state <> 'ENTERED') execute function verdict_force_stands();
create trigger verdict_force_stays before delete or truncate on verdict_force
    for each statement execute function refuse_change();

create table claim (
    id uuid primary key,
    paper_id uuid not null unique references official_paper (id),
    loan_id uuid not null references loan (id),
    client_id uuid not null references client (id),
    amount numeric(18, 2) not null,
    principal numeric(18, 2) not null,
    interest numeric(18, 2) not null,
    penalty numeric(18, 2) not null,
    returned numeric(18, 2) not null,
    basis varchar not null,
    opened_at timestamptz not null,
    constraint claim_amount_check check (amount = principal + interest + penalty + returned
        and least(principal, interest, penalty, returned) >= 0)
);
create index ix_claim_loan_id on claim (loan_id);
create index ix_claim_client_id on claim (client_id);
"""

_RIGHTS = """
grant select, insert, update (state, decided_by, decided_at, reason_code) on verdict_force to nesie_app;
grant select, insert on claim to nesie_app;
grant select on verdict_force, claim to nesie_read;
"""


def upgrade() -> None:
    """Tables, their guards and rights."""
    driver: Any = op.get_bind().connection.driver_connection
    driver.execute("\n".join((_TABLES, guards.append_only("claim"), _RIGHTS)))


def downgrade() -> None:
    """Refused, as for every revision: records are not dropped.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError("restore a backup instead")
