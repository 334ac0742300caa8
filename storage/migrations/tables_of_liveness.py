"""Revision 0020: what a challenge is bound to, what came for it, and what the clips looked like."""

from __future__ import annotations

TABLES = """
alter table liveness_challenge add column step_seconds integer[];

create table liveness_clip (
    document_id uuid primary key references document (id),
    client_id uuid not null references client (id),
    challenge_id uuid not null,
    session_hash bytea not null,
    device_id varchar,
    received_at timestamptz not null,
    sent_sha256 varchar not null,
    sent_kbit_s integer,
    kbit_s integer,
    constraint liveness_clip_sha256_check check (length(sent_sha256) = 64)
);
create index ix_liveness_clip_client_id on liveness_clip (client_id);
create index ix_liveness_clip_sent_sha256 on liveness_clip (sent_sha256);

create table liveness_print (
    document_id uuid primary key references document (id),
    client_id uuid not null references client (id),
    challenge_id uuid not null,
    prints bytea not null,
    bands integer[] not null,
    at timestamptz not null,
    constraint liveness_print_whole_check check (length(prints) % 64 = 0)
);
create index ix_liveness_print_client_id on liveness_print (client_id);
create index ix_liveness_print_bands on liveness_print using gin (bands);
"""

# What a face looked like goes with the client's other data; until then it stays as it was written.
GUARDS = """
create trigger liveness_print_stays before update or truncate on liveness_print
    for each statement execute function refuse_change();

create function forget_liveness_prints() returns trigger language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
begin
    delete from liveness_print where client_id = new.id;
    return null;
end $$;
create trigger forget_liveness_prints after update of status on client
    for each row when (new.status = 'DESTROYED') execute function forget_liveness_prints();
"""

RIGHTS = """
grant select, insert on liveness_clip, liveness_print to nesie_app;
grant select on liveness_clip to nesie_read;
"""
