"""Revision 0022: who speaks for an organisation, bank details that clients keep with us, numbers that never change."""

from __future__ import annotations

# The keyed hashes stand beside `personal`, which a change of the phone seals anew: what is sealed is held against them.
NUMBERS = """
alter table client add column iin_hash bytea, add column bin_hash bytea;
update client set iin_hash = iin_index where status <> 'DESTROYED' and kind <> 'LEGAL_ENTITY';
update client set bin_hash = iin_index where status <> 'DESTROYED' and kind = 'LEGAL_ENTITY';
alter table client add constraint client_iin_hash_check
    check (status = 'DESTROYED' or kind = 'LEGAL_ENTITY' or iin_hash is not null);
alter table client add constraint client_bin_hash_check
    check (status = 'DESTROYED' or (kind = 'LEGAL_ENTITY') = (bin_hash is not null));

drop trigger client_is_who_they_are on client;
create trigger client_is_who_they_are before update on client for each row
    when (new.id <> old.id or new.kind <> old.kind or (new.status <> 'DESTROYED' and (new.iin_index <> old.iin_index
        or (old.iin_hash is not null and new.iin_hash is distinct from old.iin_hash)
        or (old.bin_hash is not null and new.bin_hash is distinct from old.bin_hash))))
    execute function client_is_who_they_are();

create function client_numbers_destroyed() returns trigger language plpgsql as $$
begin
    new.iin_hash := null;
    new.bin_hash := null;
    return new;
end $$;
create trigger client_numbers_destroyed before update on client for each row
    when (new.status = 'DESTROYED' and old.status <> 'DESTROYED') execute function client_numbers_destroyed();
"""

AUTHORITY = """
create table client_authority (
    id uuid primary key,
    client_id uuid not null references client (id),
    n integer not null,
    kind varchar not null,
    number varchar not null,
    issued_on date not null,
    valid_until date,
    scans uuid[] not null,
    received_at timestamptz not null,
    unique (client_id, n),
    constraint client_authority_kind_check check (kind in ('ORDER', 'POWER_OF_ATTORNEY')),
    constraint client_authority_valid_check check ((kind = 'POWER_OF_ATTORNEY') = (valid_until is not null)
        and (valid_until is null or valid_until >= issued_on)),
    constraint client_authority_scans_check check (cardinality(scans) between 1 and 10)
);
"""

ACCOUNTS = """
create table client_account (
    id uuid primary key,
    client_id uuid not null references client (id),
    n integer not null,
    kind varchar not null,
    account bytea not null,
    source varchar not null,
    bank_reference varchar not null,
    since timestamptz not null,
    until timestamptz,
    unique (client_id, n),
    constraint client_account_kind_check check (kind in ('iban', 'card')),
    constraint client_account_source_check check (source in ('contract', 'change')),
    constraint client_account_life_check check (until is null or until >= since)
);
create unique index client_account_one_active on client_account (client_id) where until is null;

create function client_account_is_kept() returns trigger language plpgsql as $$
begin
    raise exception 'of an account that was kept only the end is noted, once'
        using errcode = 'check_violation', constraint = 'client_account_is_kept';
end $$;
create trigger client_account_is_kept before update on client_account for each row
    when (old.until is not null or (new.id, new.client_id, new.n, new.kind, new.account, new.source, new.bank_reference,
        new.since) is distinct from (old.id, old.client_id, old.n, old.kind, old.account, old.source,
        old.bank_reference, old.since)) execute function client_account_is_kept();
"""

CHANGES = """
alter table details_change rename column old_phone to old_value;
alter table details_change rename column new_phone to new_value;
alter table details_change add column kind varchar not null default 'PHONE';
alter table details_change alter column kind drop default;
alter table details_change alter column old_value drop not null;
alter table details_change add constraint details_change_kind_check
    check (kind in ('PHONE', 'ACCOUNT') and (kind = 'ACCOUNT' or old_value is not null));
"""

# A face alone signs where the edition asks an entrepreneur for no signature.
ADDENDA = """
alter table restructuring_request add column signature_needed boolean not null default true;
alter table restructuring_request alter column signature_needed drop default;
alter table restructuring_request drop constraint restructuring_request_accepted_check;
alter table restructuring_request add constraint restructuring_request_accepted_check
    check (state <> 'ACCEPTED' or not signature_needed or signature_id is not null);
"""

RIGHTS = """
grant select, insert on client_authority to nesie_app;
grant select, insert, update (until) on client_account to nesie_app;
grant select on client_authority, client_account to nesie_read;
"""
