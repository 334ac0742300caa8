"""Revision 0015, changes of a client's details."""

from __future__ import annotations

DETAILS = """
create table details_change (
    id uuid primary key,
    client_id uuid not null references client (id),
    n integer not null,
    old_phone bytea not null,
    new_phone bytea not null,
    session_hash bytea,
    signature_needed boolean not null,
    edition varchar not null,
    policy_version varchar not null,
    asked_at timestamptz not null,
    expires_at timestamptz not null,
    state varchar not null,
    ground varchar,
    statement_id uuid references document (id),
    signature_id uuid references signature (id),
    ended_at timestamptz,
    unique (client_id, n),
    constraint details_change_state_check check (state in ('OPEN', 'CHANGED', 'REFUSED', 'EXPIRED')),
    constraint details_change_ended_check check ((ended_at is null) = (state = 'OPEN')),
    constraint details_change_life_check check (expires_at > asked_at),
    constraint details_change_ground_check check ((ground is not null) = (state in ('REFUSED', 'EXPIRED'))),
    constraint details_change_signed_check
        check (state <> 'CHANGED' or not signature_needed or signature_id is not null)
);
create unique index details_change_one_open on details_change (client_id) where state = 'OPEN';

create function details_change_ends_once() returns trigger language plpgsql as $$
begin
    raise exception 'an ended change of details stays as it is'
        using errcode = 'check_violation', constraint = 'details_change_ends_once';
end $$;
create trigger details_change_ends_once before update on details_change
    for each row when (old.state <> 'OPEN') execute function details_change_ends_once();
"""

RIGHTS = """
grant select, insert, update (state, ground, statement_id, signature_id, ended_at) on details_change to nesie_app;
grant select on details_change to nesie_read;
"""
