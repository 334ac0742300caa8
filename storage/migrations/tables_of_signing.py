"""Revision 0023, signing by the state's mobile application."""

from __future__ import annotations

SIGNING = """
create table signing_request (
    id uuid primary key,
    client_id uuid not null references client (id),
    document_id uuid not null references document (id),
    method varchar not null,
    state varchar not null,
    token_hash bytea,
    cms_id uuid references document (id),
    ground varchar,
    asked_at timestamptz not null,
    expires_at timestamptz not null,
    opened_at timestamptz,
    ended_at timestamptz,
    constraint signing_request_method_check check (method in ('CMS_SIGN_ONLY', 'CMS_WITH_DATA')),
    constraint signing_request_state_check check (state in ('WAITING', 'OPENED', 'SIGNED', 'REFUSED', 'EXPIRED')),
    constraint signing_request_life_check check (expires_at > asked_at),
    constraint signing_request_ended_check check ((ended_at is null) = (state in ('WAITING', 'OPENED'))),
    constraint signing_request_opened_check
        check ((token_hash is null) = (opened_at is null) and (state <> 'WAITING' or opened_at is null)
               and (state in ('WAITING', 'EXPIRED') or opened_at is not null)),
    constraint signing_request_signed_check check ((cms_id is not null) = (state = 'SIGNED')),
    constraint signing_request_refused_check check ((ground is not null) = (state = 'REFUSED'))
);
create unique index signing_request_one_alive on signing_request (document_id) where state in ('WAITING', 'OPENED');
create index ix_signing_request_client_id on signing_request (client_id);

create function signing_request_ends_once() returns trigger language plpgsql as $$
begin
    raise exception 'an ended request for a signature stays as it is'
        using errcode = 'check_violation', constraint = 'signing_request_ends_once';
end $$;
create trigger signing_request_ends_once before update on signing_request
    for each row when (old.ended_at is not null) execute function signing_request_ends_once();
"""

RIGHTS = """
grant select, insert, update (state, token_hash, cms_id, ground, opened_at, ended_at) on signing_request to nesie_app;
grant select (id, client_id, document_id, method, state, cms_id, ground, asked_at, expires_at, opened_at, ended_at)
    on signing_request to nesie_read;
"""
