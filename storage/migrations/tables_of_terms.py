"""Revision 0024: proof of what was done before its last day ended; which leak an incident has made of a client."""

from __future__ import annotations

# The word of something done in time may come after the alarm. What was missed is in time after all only by an archived
# proof: one from before the end, or the regulator's word when it took a delivery.
PROOF = """
alter table report_version add column delivery_document_id uuid;

create or replace function clock_may_change() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' and new.state <> 'RUNNING' then
        raise exception 'a clock starts running' using errcode = 'check_violation', constraint = 'clock_states';
    elsif tg_op = 'UPDATE' and old.state in ('MET', 'MET_LATE', 'CANCELLED', 'RAN_OUT') then
        raise exception 'a clock that is over does not change'
            using errcode = 'check_violation', constraint = 'clock_states';
    elsif tg_op = 'UPDATE' and old.state = 'MISSED' and (
            new.state = 'MET' and not exists (
                select from document where id::text = new.evidence ->> 'proof'
                    and (kind = 'regulator_delivery' or created_at < old.due_at))
            or new.state = 'RUNNING' and new.due_at is not distinct from old.due_at
            or new.state = 'RUNNING' and new.due_at < old.due_at) then
        raise exception 'a clock that was missed is not in time'
            using errcode = 'check_violation', constraint = 'clock_states';
    end if;
    return new;
end $$;
"""

LEAKS = """
alter table incident_client add column leak_id uuid references leak (id);
create index ix_incident_client_leak_id on incident_client (leak_id);
alter table leak alter column entered_by drop not null;
alter table leak add constraint leak_entered_check check (entered_by is not null or source = 'incident');
"""

RIGHTS = """
grant update (delivery_document_id) on report_version to nesie_app;
grant update (leak_id) on incident_client to nesie_app;
"""
