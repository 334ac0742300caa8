"""Statutory clocks and moved days off.

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

from typing import Any

from alembic import op

from storage.migrations import guards

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_TABLES = """
create table statutory_clock (
    id uuid primary key,
    key varchar not null unique,
    rule varchar not null,
    subject varchar not null,
    workflow_id varchar not null,
    client_id uuid references client (id),
    loan_id uuid references loan (id),
    document_id uuid,
    received_at timestamptz not null,
    days integer not null,
    unit varchar not null,
    policy_row varchar not null,
    last_day date,
    due_at timestamptz,
    calendar_version varchar not null,
    state varchar not null,
    ended_at timestamptz,
    evidence jsonb,
    started_at timestamptz not null,
    constraint statutory_clock_state_check
        check (state in ('RUNNING', 'MET', 'MISSED', 'MET_LATE', 'CANCELLED', 'RAN_OUT')),
    constraint statutory_clock_ended_check check ((ended_at is null) = (state in ('RUNNING', 'MISSED'))),
    constraint statutory_clock_in_time_check check (state <> 'MET' or (due_at is not null and ended_at < due_at)),
    constraint statutory_clock_due_check check ((due_at is null) = (last_day is null))
);
create index ix_statutory_clock_subject on statutory_clock (subject);
create index ix_statutory_clock_workflow_id on statutory_clock (workflow_id);
create index ix_statutory_clock_client_id on statutory_clock (client_id);
create index ix_statutory_clock_loan_id on statutory_clock (loan_id);
create index statutory_clock_open on statutory_clock (due_at) where state in ('RUNNING', 'MISSED');

create table clock_event (
    id uuid primary key,
    clock_id uuid not null references statutory_clock (id),
    kind varchar not null,
    n integer not null,
    at timestamptz not null,
    detail jsonb not null,
    unique (clock_id, kind, n),
    constraint clock_event_kind_check check (kind in
        ('STARTED', 'HALF_WAY', 'WARNING', 'MOVED', 'MISSED', 'MET', 'CANCELLED', 'RAN_OUT'))
);
create index ix_clock_event_clock_id on clock_event (clock_id);

create table calendar_change (
    id uuid primary key,
    day date not null,
    works boolean not null,
    act varchar not null,
    state varchar not null,
    proposed_by uuid not null references staff (id),
    proposed_at timestamptz not null,
    decided_by uuid references staff (id),
    decided_at timestamptz,
    constraint calendar_change_state_check check (state in ('PROPOSED', 'CONFIRMED', 'REFUSED')),
    constraint calendar_change_decided_check check ((decided_by is null) = (state = 'PROPOSED')
        and (decided_at is null) = (state = 'PROPOSED')),
    constraint calendar_change_two_people_check check (decided_by is null or decided_by <> proposed_by)
);
create index ix_calendar_change_day on calendar_change (day);
create index ix_calendar_change_proposed_by on calendar_change (proposed_by);
create index ix_calendar_change_decided_by on calendar_change (decided_by);
create unique index calendar_change_one_open on calendar_change (day) where state = 'PROPOSED';
"""

_RIGHTS = """
grant select, insert, update (last_day, due_at, calendar_version, state, ended_at, evidence)
    on statutory_clock to nesie_app;
grant select, insert on clock_event to nesie_app;
grant select, insert, update (state, decided_by, decided_at) on calendar_change to nesie_app;
grant select on statutory_clock, clock_event, calendar_change to nesie_read;
"""


def upgrade() -> None:
    """Tables, their guards and rights."""
    driver: Any = op.get_bind().connection.driver_connection
    driver.execute("\n".join((_TABLES, guards.append_only("clock_event"), _RIGHTS)))


def downgrade() -> None:
    """Refused, as for every revision: records are not dropped.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError("restore a backup instead")
