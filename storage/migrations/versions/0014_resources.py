"""Web resources, applications and terminals, and notices of them.

Revision ID: 0014
Revises: 0013
"""

from __future__ import annotations

from typing import Any

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_TABLES = """
create table resource_notice (
    id uuid primary key,
    code varchar not null,
    rule varchar not null,
    facts jsonb not null,
    procedures_id uuid not null references document (id),
    state varchar not null,
    entered_by uuid not null references staff (id),
    entered_at timestamptz not null,
    decided_by uuid references staff (id),
    decided_at timestamptz,
    reason_code varchar,
    registration_number varchar,
    received_at timestamptz,
    in_force_at timestamptz,
    constraint resource_notice_rule_check check (rule in ('P4', 'P5')),
    constraint resource_notice_state_check check (state in ('ENTERED', 'REFUSED', 'CONFIRMED', 'SENT', 'IN_FORCE')),
    constraint resource_notice_decided_check check ((decided_by is null) = (state = 'ENTERED')
        and (decided_at is null) = (state = 'ENTERED')),
    constraint resource_notice_two_people_check check (state in ('ENTERED', 'REFUSED') or decided_by <> entered_by),
    constraint resource_notice_sent_check check (state not in ('SENT', 'IN_FORCE')
        or (registration_number is not null and received_at is not null)),
    constraint resource_notice_in_force_check check ((in_force_at is not null) = (state = 'IN_FORCE')
        and (in_force_at is null or in_force_at > received_at))
);
create unique index resource_notice_one_open on resource_notice (code) where state in ('ENTERED', 'CONFIRMED', 'SENT');

create table resource (
    code varchar primary key,
    kind varchar not null,
    facts jsonb not null,
    notice_id uuid not null,
    opened_at timestamptz not null,
    changed_at timestamptz not null,
    closed_at timestamptz,
    constraint resource_kind_check check (kind in ('WEB', 'MOBILE_APPLICATION', 'TERMINAL'))
);

create function resource_after_its_notice() returns trigger language plpgsql as $$
begin
    if not exists (select 1 from resource_notice
            where id = new.notice_id and code = new.code and state = 'IN_FORCE') then
        raise exception 'a resource opens when its notice is in force'
            using errcode = 'check_violation', constraint = 'resource_after_its_notice';
    end if;
    return new;
end $$;
create trigger resource_after_its_notice before insert or update of facts, notice_id on resource
    for each row execute function resource_after_its_notice();
"""

_RIGHTS = """
grant select, insert, update (state, decided_by, decided_at, reason_code, registration_number, received_at, in_force_at)
    on resource_notice to nesie_app;
grant select, insert, update (facts, notice_id, changed_at, closed_at) on resource to nesie_app;
grant select on resource_notice, resource to nesie_read;
"""


def upgrade() -> None:
    """Tables, their guards and rights."""
    driver: Any = op.get_bind().connection.driver_connection
    driver.execute("\n".join((_TABLES, _RIGHTS)))


def downgrade() -> None:
    """Refused, as for every revision: records are not dropped.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError("restore a backup instead")
