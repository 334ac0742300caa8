"""Tables and guards of revision 0009: what two people say where a bureau or a bank refuses for ever.

A record that the bureau refuses is dropped or told otherwise by two people alone; a payment that goes back to its payer
is tried again by two people alone, and two tries are never alive together. Second walls: the code keeps these too.
A word that is decided stands, but for what it is sealed under: a new master key wraps it anew.
"""

from __future__ import annotations

FURNISHING = """
create table furnishing_decision (
    id uuid primary key,
    record_id uuid not null references furnishing_record,
    way varchar not null,
    op varchar,
    reason varchar not null,
    words bytea not null,
    proposed_by uuid not null references staff,
    proposed_at timestamptz not null,
    confirmed_by uuid references staff,
    confirmed_at timestamptz,
    refused_by uuid references staff,
    refused_at timestamptz,
    constraint furnishing_decision_way_check check (way in ('drop', 'replace')),
    constraint furnishing_decision_op_check check ((op is not null) = (way = 'replace')),
    constraint furnishing_decision_two_people_check check (confirmed_by <> proposed_by),
    constraint furnishing_decision_confirmed_check check ((confirmed_by is null) = (confirmed_at is null)),
    constraint furnishing_decision_refused_check
        check ((refused_by is null) = (refused_at is null) and (refused_by is null or confirmed_by is null))
);
create index ix_furnishing_decision_record_id on furnishing_decision (record_id);
create unique index furnishing_decision_one_open on furnishing_decision (record_id)
    where confirmed_by is null and refused_by is null;
create function furnishing_decision_stands() returns trigger language plpgsql as $$
begin
    raise exception 'a confirmed or refused decision is not changed' using errcode = 'insufficient_privilege';
end $$;
create trigger furnishing_decision_stands before update of id, record_id, way, op, reason, proposed_by, proposed_at,
    confirmed_by, confirmed_at, refused_by, refused_at on furnishing_decision
    for each row when (old.confirmed_by is not null or old.refused_by is not null)
    execute function furnishing_decision_stands();
create trigger furnishing_decision_stays before delete or truncate on furnishing_decision
    for each statement execute function refuse_change();

alter table furnishing_record drop constraint furnishing_record_state_check;
alter table furnishing_record add constraint furnishing_record_state_check
    check (state in ('waiting', 'sent', 'accepted', 'rejected', 'superseded', 'dropped'));

create function furnishing_record_two_people() returns trigger language plpgsql as $$
declare
    refused furnishing_record;
begin
    if tg_op = 'UPDATE' then
        if new.state = 'dropped' and new.state <> old.state and (old.state <> 'rejected' or not exists (
                select 1 from furnishing_decision
                where record_id = new.id and way = 'drop' and confirmed_by is not null)) then
            raise exception 'two people have not dropped this record'
                using errcode = 'check_violation', constraint = 'furnishing_record_two_people';
        end if;
        if old.state = 'dropped' and new.state <> old.state then
            raise exception 'a record that was dropped stays so'
                using errcode = 'check_violation', constraint = 'furnishing_record_dropped_stays';
        end if;
        return new;
    end if;
    if new.state = 'dropped' then
        raise exception 'a record does not begin dropped'
            using errcode = 'check_violation', constraint = 'furnishing_record_two_people';
    end if;
    select * into refused from furnishing_record where id = new.supersedes;
    if found and (refused.op, refused.as_of) is distinct from (new.op, new.as_of) and not exists (
            select 1 from furnishing_decision
            where record_id = refused.id and way = 'replace' and op = new.op and confirmed_by is not null) then
        raise exception 'two people have not said that another record takes the place of this one'
            using errcode = 'check_violation', constraint = 'furnishing_record_two_people';
    end if;
    return new;
end $$;
create trigger furnishing_record_two_people before insert or update of state on furnishing_record
    for each row execute function furnishing_record_two_people();
grant select, insert, update (confirmed_by, confirmed_at, refused_by, refused_at) on furnishing_decision to nesie_app;
grant select on furnishing_decision to nesie_read;
"""

# A word from before there were tries names none: it was the first try.
RETURNS = """
alter table payment_assignment
    add column keep boolean not null default false,
    add column account bytea,
    add column attempt integer;
alter table payment_assignment
    add constraint payment_assignment_keep_check check (not keep or loan_id is null),
    add constraint payment_assignment_account_check
        check (account is null or (loan_id is null and not keep)),
    add constraint payment_assignment_attempt_check
        check (attempt is null or (attempt > 0 and loan_id is null and not keep and confirmed_by is not null));
create unique index payment_assignment_one_word_a_try on payment_assignment (payment_id, attempt);
drop trigger payment_assignment_stands on payment_assignment;
create trigger payment_assignment_stands before update of id, payment_id, loan_id, keep, attempt, reason, proposed_by,
    proposed_at, confirmed_by, confirmed_at, refused_by, refused_at on payment_assignment
    for each row when (old.confirmed_by is not null or old.refused_by is not null)
    execute function payment_assignment_stands();
grant update (attempt) on payment_assignment to nesie_app;

create unique index outbound_payment_one_return on outbound_payment (incoming_payment_id)
    where state not in ('refused', 'returned');
create function outbound_payment_return_guard() returns trigger language plpgsql as $$
declare
    nth integer := coalesce(nullif(split_part(new.key, ':', 3), '')::integer, 1);
begin
    if not exists (select 1 from payment_assignment where payment_id = new.incoming_payment_id
            and confirmed_by is not null and loan_id is null and not keep and coalesce(attempt, 1) = nth) then
        raise exception 'two people have not sent this money back'
            using errcode = 'check_violation', constraint = 'outbound_payment_return_two_people';
    end if;
    return new;
end $$;
create trigger outbound_payment_return_guard before insert on outbound_payment
    for each row when (new.incoming_payment_id is not null) execute function outbound_payment_return_guard();
"""
