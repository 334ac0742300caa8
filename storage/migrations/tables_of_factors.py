"""Revision 0021: what a client logs in with besides the password, what is known of devices, who was told what.

Secrets and names are sealed under the client's key; devices, addresses and tokens are keyed or plain hashes. What could
lead back to a person of whom everything was destroyed is emptied in the same transaction.
"""

from __future__ import annotations

TABLES = """
create table totp_factor (
    id uuid primary key,
    client_id uuid not null references client (id),
    secret bytea not null,
    last_step bigint not null,
    asked_at timestamptz not null,
    confirmed_at timestamptz,
    last_used_at timestamptz,
    removed_at timestamptz,
    constraint totp_factor_step_check check (last_step >= 0)
);
create index ix_totp_factor_client_id on totp_factor (client_id);
create unique index totp_factor_one on totp_factor (client_id) where confirmed_at is not null and removed_at is null;

create table passkey (
    id uuid primary key,
    client_id uuid not null references client (id),
    name bytea not null,
    credential_id bytea not null unique,
    public_key bytea not null,
    sign_count bigint not null,
    backed_up boolean not null,
    created_at timestamptz not null,
    last_used_at timestamptz,
    removed_at timestamptz,
    removed_why varchar,
    constraint passkey_count_check check (sign_count >= 0),
    constraint passkey_removed_check check ((removed_at is null) = (removed_why is null)),
    constraint passkey_why_check check (removed_why in ('client', 'cloned', 'recovery'))
);
create index ix_passkey_client_id on passkey (client_id);

create table passkey_challenge (
    challenge bytea primary key,
    purpose varchar not null,
    client_id uuid references client (id),
    bound_to bytea not null,
    issued_at timestamptz not null,
    expires_at timestamptz not null,
    used_at timestamptz,
    constraint passkey_challenge_purpose_check check (purpose in ('REGISTER', 'PROVE')),
    constraint passkey_challenge_size_check check (length(challenge) >= 16),
    constraint passkey_challenge_life_check check (expires_at > issued_at)
);
create index ix_passkey_challenge_client_id on passkey_challenge (client_id);

create table authentication (
    id uuid primary key,
    token_hash bytea not null unique,
    purpose varchar not null,
    client_id uuid references client (id),
    account_index bytea not null,
    bound_to bytea not null,
    application varchar not null,
    shown varchar[] not null,
    offered varchar[] not null,
    tries smallint not null,
    codes smallint not null,
    begun_at timestamptz not null,
    expires_at timestamptz not null,
    enough_at timestamptz,
    used_at timestamptz,
    constraint authentication_purpose_check check (purpose in ('LOG_IN', 'STEP_UP', 'RECOVERY')),
    constraint authentication_life_check check (expires_at > begun_at),
    constraint authentication_tries_check check (tries between 0 and 10 and codes between 0 and 10),
    constraint authentication_used_check check (used_at is null or enough_at is not null)
);
create index ix_authentication_client_id on authentication (client_id);

create table client_device (
    client_id uuid not null references client (id),
    device_index bytea not null,
    kind varchar not null,
    first_seen_at timestamptz not null,
    last_seen_at timestamptz not null,
    forgotten_at timestamptz,
    primary key (client_id, device_index),
    constraint client_device_kind_check check (kind in ('web', 'mobile'))
);

create table phone_owner_check (
    id uuid primary key,
    client_id uuid not null references client (id),
    phone_index bytea not null,
    outcome varchar not null,
    found_by varchar not null,
    at timestamptz not null,
    constraint phone_owner_check_outcome_check check (outcome in ('OWNED', 'NOT_OWNED', 'UNKNOWN', 'APPROVED'))
);
create index phone_owner_check_of on phone_owner_check (client_id, at);

create table code_sending (
    id uuid primary key,
    address_index bytea not null,
    at timestamptz not null
);
create index code_sending_of on code_sending (address_index, at);

create table security_notice (
    id uuid primary key,
    client_id uuid not null references client (id),
    key varchar not null unique,
    kind varchar not null,
    body bytea not null,
    device varchar,
    new_device boolean not null,
    to_text boolean not null,
    texted_at timestamptz,
    at timestamptz not null,
    constraint security_notice_texted_check check (texted_at is null or to_text)
);
create index security_notice_of on security_notice (client_id, at);

create table password_recovery (
    id uuid primary key,
    client_id uuid not null references client (id),
    n integer not null,
    token_hash bytea not null unique,
    device_index bytea not null,
    device varchar not null,
    edition varchar not null,
    policy_version varchar not null,
    asked_at timestamptz not null,
    expires_at timestamptz not null,
    state varchar not null,
    ground varchar,
    ended_at timestamptz,
    unique (client_id, n),
    constraint password_recovery_state_check check (state in ('OPEN', 'CHANGED', 'REFUSED', 'EXPIRED')),
    constraint password_recovery_ended_check check ((ended_at is null) = (state = 'OPEN')),
    constraint password_recovery_ground_check check ((ground is not null) = (state in ('REFUSED', 'EXPIRED'))),
    constraint password_recovery_life_check check (expires_at > asked_at)
);
create unique index password_recovery_one_open on password_recovery (client_id) where state = 'OPEN';
"""

GUARDS = """
create function password_recovery_ends_once() returns trigger language plpgsql as $$
begin
    raise exception 'an ended recovery stays as it is'
        using errcode = 'check_violation', constraint = 'password_recovery_ends_once';
end $$;
create trigger password_recovery_ends_once before update on password_recovery
    for each row when (old.state <> 'OPEN') execute function password_recovery_ends_once();

create function client_is_who_they_are() returns trigger language plpgsql as $$
begin
    raise exception 'the IIN or BIN of a client, and what kind of client it is, are never changed'
        using errcode = 'check_violation', constraint = 'client_is_who_they_are';
end $$;
create trigger client_is_who_they_are before update on client for each row
    when ((new.iin_index <> old.iin_index or new.kind <> old.kind or new.id <> old.id) and new.status <> 'DESTROYED')
    execute function client_is_who_they_are();

create function client_access_destroyed() returns trigger language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
begin
    update totp_factor set secret = '' where client_id = new.id;
    update passkey set name = '', public_key = '', credential_id = sha256(convert_to(gen_random_uuid()::text, 'UTF8')),
        removed_at = coalesce(removed_at, clock_timestamp()), removed_why = coalesce(removed_why, 'client')
        where client_id = new.id;
    update phone_owner_check set phone_index = '' where client_id = new.id;
    update client_device set device_index = sha256(convert_to(gen_random_uuid()::text, 'UTF8')),
        forgotten_at = coalesce(forgotten_at, clock_timestamp()) where client_id = new.id;
    update security_notice set body = '' where client_id = new.id;
    update authentication set account_index = '' where client_id = new.id;
    return null;
end $$;
create trigger client_access_destroyed after update on client for each row
    when (new.status = 'DESTROYED' and old.status <> 'DESTROYED') execute function client_access_destroyed();
"""

# Whose number was the client's by the operators' base when it was last proved: then a code to it counts already.
KNOWN_OWNERS = """
insert into phone_owner_check (id, client_id, phone_index, outcome, found_by, at)
select gen_random_uuid(), c.id, c.phone_index, 'OWNED', 'operators', max(k.at)
from client c join identification_check k on k.client_id = c.id
where c.status = 'REGISTERED' and (
    (k.step = 'phone-owner' and k.outcome = 'passed' and exists (select 1 from details_change d
        where d.client_id = c.id and d.state = 'CHANGED' and d.id::text = k.evidence ->> 'change'
        and not exists (select 1 from details_change e
            where e.client_id = c.id and e.state = 'CHANGED' and e.n > d.n)))
    or (k.step = 'idec' and k.evidence ->> 'phone_owned' = 'true' and not exists (select 1 from details_change e
        where e.client_id = c.id and e.state = 'CHANGED')))
group by c.id, c.phone_index;
"""

RIGHTS = """
grant select, insert, update (last_step, confirmed_at, last_used_at, removed_at) on totp_factor to nesie_app;
grant select, insert, update (sign_count, backed_up, last_used_at, removed_at, removed_why) on passkey to nesie_app;
grant select, insert, update (used_at) on passkey_challenge to nesie_app;
grant select, insert, update (client_id, shown, offered, tries, codes, enough_at, used_at)
    on authentication to nesie_app;
grant select, insert, update (last_seen_at, forgotten_at) on client_device to nesie_app;
grant select, insert on phone_owner_check, code_sending to nesie_app;
grant select, insert, update (texted_at) on security_notice to nesie_app;
grant select, insert, update (state, ground, ended_at) on password_recovery to nesie_app;
grant select on client_device, phone_owner_check, security_notice, password_recovery to nesie_read;
grant select (id, client_id, asked_at, confirmed_at, last_used_at, removed_at) on totp_factor to nesie_read;
grant select (id, client_id, sign_count, backed_up, created_at, last_used_at, removed_at, removed_why)
    on passkey to nesie_read;
"""
