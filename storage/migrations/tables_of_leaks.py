"""Revision 0015, leaks."""

from __future__ import annotations

LEAKS = """
create table leak (
    id uuid primary key,
    client_id uuid not null references client (id),
    n integer not null,
    source varchar not null,
    story bytea not null,
    known_at timestamptz not null,
    entered_by uuid not null references staff (id),
    entered_at timestamptz not null,
    state varchar not null,
    told_at timestamptz,
    block_proposed_by uuid references staff (id),
    block_confirmed_by uuid references staff (id),
    ended_at timestamptz,
    unique (client_id, n),
    constraint leak_state_check check (state in ('OPEN', 'CONFIRMED', 'BLOCKED')),
    constraint leak_ended_check check ((ended_at is null) = (state = 'OPEN')),
    constraint leak_two_people_check check ((state = 'BLOCKED') = (block_confirmed_by is not null)
        and (block_confirmed_by is null or block_confirmed_by <> block_proposed_by))
);
create unique index leak_one_open on leak (client_id) where state in ('OPEN', 'BLOCKED');

create table leak_measure (
    id uuid primary key,
    leak_id uuid not null references leak (id),
    measure varchar not null,
    is_client boolean not null,
    evidence jsonb not null,
    staff_id uuid references staff (id),
    at timestamptz not null,
    constraint leak_measure_measure_check check (measure in ('BIOMETRICS', 'PHONE_OWNER', 'CALL')),
    constraint leak_measure_call_check check (measure <> 'CALL' or staff_id is not null)
);
create index ix_leak_measure_leak_id on leak_measure (leak_id);

create function leak_is_confirmed_by_measures() returns trigger language plpgsql as $$
begin
    if new.state = 'CONFIRMED' and (
        select count(*) from (
            select distinct on (measure) measure, is_client from leak_measure where leak_id = new.id
            order by measure, at desc
        ) as last where is_client
    ) < 3 then
        raise exception 'not every measure has shown the client'
            using errcode = 'check_violation', constraint = 'leak_measures';
    end if;
    return new;
end $$;
create trigger leak_measures before update on leak for each row execute function leak_is_confirmed_by_measures();
"""

RIGHTS = """
grant select, insert, update (state, told_at, block_proposed_by, block_confirmed_by, ended_at) on leak to nesie_app;
grant select, insert on leak_measure to nesie_app;
grant select on leak, leak_measure to nesie_read;
"""
