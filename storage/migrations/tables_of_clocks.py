"""Revision 0018, clocks: which states a clock may take, whole years among the calendar's changes."""

from __future__ import annotations

# Whatever the code does: what is over stays over, and an end that is passed comes back only by a later end.
STATES = """
create function clock_may_change() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' and new.state <> 'RUNNING' then
        raise exception 'a clock starts running' using errcode = 'check_violation', constraint = 'clock_states';
    elsif tg_op = 'UPDATE' and old.state in ('MET', 'MET_LATE', 'CANCELLED', 'RAN_OUT') then
        raise exception 'a clock that is over does not change'
            using errcode = 'check_violation', constraint = 'clock_states';
    elsif tg_op = 'UPDATE' and old.state = 'MISSED' and (new.state = 'MET'
            or new.state = 'RUNNING' and new.due_at is not distinct from old.due_at
            or new.state = 'RUNNING' and new.due_at < old.due_at) then
        raise exception 'a clock that was missed is not in time'
            using errcode = 'check_violation', constraint = 'clock_states';
    end if;
    return new;
end $$;
create trigger clock_states before insert or update on statutory_clock
    for each row execute function clock_may_change();

alter table statutory_clock drop constraint statutory_clock_in_time_check;
alter table statutory_clock add constraint statutory_clock_in_time_check
    check (state <> 'MET' or due_at is null or ended_at < due_at);
alter table statutory_clock add constraint statutory_clock_late_check
    check (state <> 'MET_LATE' or (due_at is not null and ended_at >= due_at));
alter table statutory_clock add constraint statutory_clock_missed_check check (state <> 'MISSED' or due_at is not null);
"""

CALENDAR = """
alter table calendar_change alter column day drop not null;
alter table calendar_change alter column works drop not null;
alter table calendar_change add column year integer;
alter table calendar_change add column off jsonb;
alter table calendar_change add column worked jsonb;
alter table calendar_change add constraint calendar_change_day_or_year_check check (
    (day is not null and works is not null and year is null and off is null and worked is null)
    or (day is null and works is null and year is not null and off is not null and worked is not null));
alter table calendar_change drop constraint calendar_change_two_people_check;
alter table calendar_change add constraint calendar_change_two_people_check
    check (state <> 'CONFIRMED' or decided_by <> proposed_by);
create unique index calendar_change_one_year on calendar_change (year) where state <> 'REFUSED';

create function calendar_change_decided_once() returns trigger language plpgsql as $$
begin
    if old.state <> 'PROPOSED' then
        raise exception 'a change of the calendar is decided once'
            using errcode = 'check_violation', constraint = 'calendar_change_decided_once';
    end if;
    return new;
end $$;
create trigger calendar_change_decided_once before update on calendar_change
    for each row execute function calendar_change_decided_once();
"""
