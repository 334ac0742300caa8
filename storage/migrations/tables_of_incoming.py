"""A proposal of where money belongs may be refused, and a statement's line has a currency.

Part of revision 0003, after its own tables.
"""

from __future__ import annotations

INCOMING = """
alter table payment_assignment add column refused_by uuid references staff;
alter table payment_assignment add column refused_at timestamptz;
alter table payment_assignment add constraint payment_assignment_refused_check
    check ((refused_by is null) = (refused_at is null) and (refused_by is null or confirmed_by is null));
drop index payment_assignment_one_open;
create unique index payment_assignment_one_open on payment_assignment (payment_id)
    where confirmed_by is null and refused_by is null;
drop trigger payment_assignment_stands on payment_assignment;
create or replace function payment_assignment_stands() returns trigger language plpgsql as $$
begin
    raise exception 'a confirmed or refused assignment is not changed' using errcode = 'insufficient_privilege';
end $$;
create trigger payment_assignment_stands before update on payment_assignment
    for each row when (old.confirmed_by is not null or old.refused_by is not null)
    execute function payment_assignment_stands();
grant update (refused_by, refused_at) on payment_assignment to nesie_app;

alter table statement_line add column currency varchar not null default 'KZT';
alter table statement_line alter column currency drop default;
"""
