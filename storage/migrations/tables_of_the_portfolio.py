"""Columns of revision 0007: what a million loans are valued from, in whole numbers, kept by the database itself.

The figures stand in `terms` and `payload` already; reading those as JSON would cost more than the valuation. The
triggers write them once, when a row is inserted; nobody has a right to change them.

loan.no: a number that loans are read in ranges of. lent: tiyn. rate_millionths: of a per cent a year. plan: -1, or
10 x day count (0 act/365, 1 act/360) + method (0 annuity, 1 differentiated, 2 bullet, 3 own), for terms that
activities/portfolio/plan.py covers. loan_event.code: 0 disbursed, 1 paid, 2 and 3 paid
for a shorter term or smaller instalments, 4 refunded, 9 anything else.
"""

from __future__ import annotations

LOANS = """
alter table loan
    add column no bigint generated always as identity unique,
    add column lent bigint,
    add column rate_millionths bigint,
    add column periods integer,
    add column interest_only integer,
    add column plan smallint,
    add column starts date,
    add column first_due date;

create function loan_columns() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    rate numeric := (new.terms ->> 'rate_percent_per_year')::numeric * 1000000;
    counted integer := array_position(array['act/365', 'act/360'], coalesce(new.terms ->> 'day_count', 'act/365'));
    way integer := array_position(array['annuity', 'differentiated', 'bullet', 'own'], new.terms ->> 'method');
    plain boolean := coalesce(new.terms ->> 'unit', 'months') = 'months'
        and coalesce((new.terms ->> 'every')::integer, 1) = 1
        and coalesce(new.terms ->> 'rounding', 'last_absorbs') = 'last_absorbs'
        and coalesce((new.terms ->> 'multiple_of')::numeric, 0.01) = 0.01
        and coalesce(new.terms ->> 'month_end', 'clamp') = 'clamp'
        and coalesce(new.terms ->> 'off_days', 'keep') = 'keep'
        and coalesce((new.terms ->> 'grace_periods')::integer, 0) = 0
        and coalesce((new.terms ->> 'step_percent')::numeric, 0) = 0;
begin
    new.lent := ((new.terms ->> 'principal')::numeric * 100)::bigint;
    new.rate_millionths := rate::bigint;
    new.periods := (new.terms ->> 'periods')::integer;
    new.interest_only := coalesce((new.terms ->> 'interest_only_months')::integer, 0);
    new.starts := (new.terms ->> 'disbursed')::date;
    new.first_due := (new.terms ->> 'first_due')::date;
    new.plan := case when plain and rate = new.rate_millionths and counted is not null and way is not null
        then 10 * (counted - 1) + way - 1 else -1 end;
    return new;
end $$;
create trigger loan_columns before insert on loan for each row execute function loan_columns();
"""

EVENTS = """
alter table loan_event
    add column loan_no bigint,
    add column code smallint,
    add column tiyn bigint;

create function loan_event_columns() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    new.loan_no := (select no from public.loan where id = new.loan_id);
    new.tiyn := coalesce(((new.payload ->> 'amount')::numeric * 100)::bigint, 0);
    new.code := case
        when new.kind = 'disbursed' then 0
        when new.kind = 'paid' then array_position(
            array['due', 'shorter_term', 'smaller_instalment'], coalesce(new.payload ->> 'use', 'due'))
        when new.kind = 'refunded' then 4
        else 9 end;
    return new;
end $$;
create trigger loan_event_columns before insert on loan_event for each row execute function loan_event_columns();
create index loan_event_read on loan_event (loan_no, value_date, code) include (tiyn);
"""

# Rows of before the triggers. The table refuses updates to everybody, also to this: for one statement it does not.
EARLIER = """
alter table loan_event disable trigger loan_event_append_only;
update loan set
    lent = ((terms ->> 'principal')::numeric * 100)::bigint,
    rate_millionths = ((terms ->> 'rate_percent_per_year')::numeric * 1000000)::bigint,
    periods = (terms ->> 'periods')::integer,
    interest_only = coalesce((terms ->> 'interest_only_months')::integer, 0),
    starts = (terms ->> 'disbursed')::date,
    first_due = (terms ->> 'first_due')::date,
    plan = -1;
update loan_event set loan_no = loan.no, code = 9, tiyn = 0 from loan where loan.id = loan_event.loan_id;
alter table loan_event enable trigger loan_event_append_only;
"""
