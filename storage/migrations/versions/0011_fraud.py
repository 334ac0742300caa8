"""Papers about fraud, what was done upon them, and holds on collection.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

from typing import Any

from alembic import op

from storage.migrations import guards

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_TABLES = """
create table official_paper (
    id uuid primary key,
    loan_id uuid not null references loan (id),
    client_id uuid not null references client (id),
    kind varchar not null,
    number varchar not null,
    day date not null,
    authority varchar not null,
    received_at timestamptz not null,
    in_force_on date,
    cancels uuid references official_paper (id),
    charge_later boolean,
    guilty_client boolean,
    document_id uuid not null references document (id),
    entered_by uuid not null references staff (id),
    entered_at timestamptz not null,
    state varchar not null,
    decided_by uuid references staff (id),
    decided_at timestamptz,
    reason_code varchar,
    n integer not null,
    unique (loan_id, n),
    constraint official_paper_kind_check check (kind in ('INVESTIGATOR_SUBMISSION', 'VICTIM_RESOLUTION',
        'CANCELLATION', 'COURT_VERDICT', 'LENDER_BREACH', 'OMBUDSMAN')),
    constraint official_paper_state_check check (state in ('ENTERED', 'CONFIRMED', 'REFUSED', 'WITHDRAWN')),
    constraint official_paper_cancels_check check ((cancels is not null) = (kind = 'CANCELLATION')),
    constraint official_paper_later_check check (charge_later is null or kind = 'CANCELLATION'),
    constraint official_paper_verdict_check
        check ((in_force_on is null and guilty_client is null) or kind = 'COURT_VERDICT'),
    constraint official_paper_received_check check (received_at <= entered_at),
    constraint official_paper_decided_check check ((decided_by is null) = (state = 'ENTERED')
        and (decided_at is null) = (state = 'ENTERED')),
    constraint official_paper_two_people_check check (decided_by is null
        or (decided_by <> entered_by) = (state <> 'WITHDRAWN')),
    constraint official_paper_reason_check check (state not in ('REFUSED', 'WITHDRAWN') or reason_code is not null)
);
create index ix_official_paper_loan_id on official_paper (loan_id);
create index ix_official_paper_client_id on official_paper (client_id);
create index ix_official_paper_cancels on official_paper (cancels);
create unique index official_paper_once on official_paper (loan_id, kind, number, day, authority)
    where state in ('ENTERED', 'CONFIRMED');
create index official_paper_waiting on official_paper (entered_at) where state = 'ENTERED';
create function official_paper_stands() returns trigger language plpgsql as $$
begin
    raise exception 'a decided paper is not changed' using errcode = 'insufficient_privilege';
end $$;
create trigger official_paper_stands before update on official_paper
    for each row when (old.state <> 'ENTERED') execute function official_paper_stands();
create trigger official_paper_stays before delete or truncate on official_paper
    for each statement execute function refuse_change();

create table fraud_duty (
    id uuid primary key,
    paper_id uuid not null references official_paper (id),
    name varchar not null,
    done_at timestamptz not null,
    evidence jsonb not null,
    unique (paper_id, name)
);
create index ix_fraud_duty_paper_id on fraud_duty (paper_id);

create table collection_hold (
    paper_id uuid primary key references official_paper (id),
    loan_id uuid not null references loan (id),
    placed_at timestamptz not null,
    lifted_at timestamptz,
    lifted_why varchar,
    constraint collection_hold_lifted_check check ((lifted_at is null) = (lifted_why is null))
);
create index ix_collection_hold_loan_id on collection_hold (loan_id);
create index collection_hold_standing on collection_hold (loan_id) where lifted_at is null;
"""

_RIGHTS = """
grant select, insert, update (state, decided_by, decided_at, reason_code) on official_paper to nesie_app;
grant select, insert on fraud_duty to nesie_app;
grant select, insert, update (lifted_at, lifted_why) on collection_hold to nesie_app;
grant select on official_paper, fraud_duty, collection_hold to nesie_read;
"""


def upgrade() -> None:
    """Tables, their guards and rights."""
    driver: Any = op.get_bind().connection.driver_connection
    driver.execute("\n".join((_TABLES, guards.append_only("fraud_duty"), _RIGHTS)))


def downgrade() -> None:
    """Refused, as for every revision: records are not dropped.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError("restore a backup instead")
