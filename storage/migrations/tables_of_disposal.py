"""Revision 0018, disposal: who is kept longer than the term, what two people decided to destroy, and what became of it.

A client's data is destroyed with the data key that all of it is sealed under. The application may not touch that key;
one function of the owner's takes it away, and looks itself whether two people decided it and nothing forbids it.
"""

from __future__ import annotations

TABLES = """
create table legal_hold (
    id uuid primary key,
    client_id uuid not null references client (id),
    reason varchar not null,
    placed_by uuid not null references staff (id),
    placed_at timestamptz not null,
    lifted_by uuid references staff (id),
    lifted_at timestamptz,
    constraint legal_hold_lifted_check check ((lifted_by is null) = (lifted_at is null)),
    constraint legal_hold_two_people_check check (lifted_by is null or lifted_by <> placed_by)
);
create index ix_legal_hold_client_id on legal_hold (client_id);
create index ix_legal_hold_placed_by on legal_hold (placed_by);
create index ix_legal_hold_lifted_by on legal_hold (lifted_by);

create table disposal (
    id uuid primary key,
    client_id uuid not null references client (id),
    n integer not null,
    state varchar not null,
    reason varchar not null,
    proposed_by uuid not null references staff (id),
    proposed_at timestamptz not null,
    decided_by uuid references staff (id),
    decided_at timestamptz,
    stopped_why varchar,
    destroyed_at timestamptz,
    certificate_id uuid references document (id),
    cms_id uuid references document (id),
    ended_at timestamptz,
    unique (client_id, n),
    constraint disposal_state_check check
        (state in ('PROPOSED', 'CONFIRMED', 'REFUSED', 'STOPPED', 'DESTROYED', 'CERTIFIED')),
    constraint disposal_decided_check check ((decided_by is null) = (state = 'PROPOSED')
        and (decided_at is null) = (decided_by is null)),
    constraint disposal_two_people_check check (state in ('PROPOSED', 'REFUSED') or decided_by <> proposed_by),
    constraint disposal_stopped_check check ((stopped_why is null) = (state <> 'STOPPED')),
    constraint disposal_destroyed_check check ((destroyed_at is null) = (state not in ('DESTROYED', 'CERTIFIED'))),
    constraint disposal_certified_check check ((certificate_id is null) = (state <> 'CERTIFIED')
        and (cms_id is null) = (certificate_id is null))
);
create index ix_disposal_client_id on disposal (client_id);
create index ix_disposal_proposed_by on disposal (proposed_by);
create index ix_disposal_decided_by on disposal (decided_by);
create unique index disposal_one_open on disposal (client_id) where state not in ('REFUSED', 'STOPPED');

create table disposal_object (
    id uuid primary key,
    disposal_id uuid not null references disposal (id),
    document_id uuid not null references document (id),
    removed boolean not null,
    why varchar,
    at timestamptz not null,
    unique (disposal_id, document_id),
    constraint disposal_object_why_check check ((why is null) = removed)
);
create index ix_disposal_object_disposal_id on disposal_object (disposal_id);
create index ix_disposal_object_document_id on disposal_object (document_id);

create index document_retained on document (retain_until) where client_id is not null;
alter table client drop constraint client_status_check;
alter table client add constraint client_status_check
    check (status in ('REGISTERING', 'REGISTERED', 'REFUSED', 'DESTROYED'));
alter table client add constraint client_destroyed_check check (status <> 'DESTROYED'
    or (length(data_key) = 0 and length(personal) = 0 and face_embedding is null and password_hash is null));
"""

GUARDS = """
create function disposal_goes_forward() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' and new.state <> 'PROPOSED' then
        raise exception 'a disposal begins with one person''s proposal'
            using errcode = 'check_violation', constraint = 'disposal_two_people';
    elsif tg_op = 'UPDATE' and new.state <> old.state and not (
            (old.state = 'PROPOSED' and new.state in ('CONFIRMED', 'REFUSED'))
            or (old.state = 'CONFIRMED' and new.state = 'STOPPED')
            or (old.state = 'CONFIRMED' and new.state = 'DESTROYED' and exists
                (select 1 from client where id = new.client_id and status = 'DESTROYED'))
            or (old.state = 'DESTROYED' and new.state = 'CERTIFIED')) then
        raise exception 'a disposal that is % does not become %', old.state, new.state
            using errcode = 'check_violation', constraint = 'disposal_goes_forward';
    elsif tg_op = 'UPDATE' and old.decided_by is distinct from new.decided_by and old.state <> 'PROPOSED' then
        raise exception 'who decided a disposal is not changed afterwards'
            using errcode = 'check_violation', constraint = 'disposal_two_people';
    end if;
    return new;
end $$;
create trigger disposal_goes_forward before insert or update on disposal
    for each row execute function disposal_goes_forward();

create function client_destroyed_stays() returns trigger language plpgsql as $$
begin
    raise exception 'what was destroyed stays destroyed'
        using errcode = 'check_violation', constraint = 'client_destroyed_stays';
end $$;
create trigger client_destroyed_stays before update on client
    for each row when (old.status = 'DESTROYED') execute function client_destroyed_stays();
"""

# What forbids to destroy a client's data now; null where nothing does. The codes are those of the API.
OBSTACLE = """
create function disposal_obstacle(of_client uuid) returns varchar language sql stable
set search_path = pg_catalog, public, pg_temp as $$
select case
    when exists (select 1 from client where id = of_client and status = 'DESTROYED') then 'data-destroyed'
    when exists (select 1 from loan where client_id = of_client and closed_at is null) then 'disposal-loan-open'
    when not exists (select 1 from document where client_id = of_client) then 'disposal-nothing-kept'
    when exists (select 1 from document where client_id = of_client and retain_until > clock_timestamp())
        then 'disposal-too-early'
    when exists (select 1 from legal_hold where client_id = of_client and lifted_at is null) then 'disposal-hold'
    when exists (select 1 from claim where client_id = of_client) then 'disposal-claim-open'
    when exists (select 1 from statutory_clock where client_id = of_client and state in ('RUNNING', 'MISSED'))
        then 'disposal-clock-running'
    when exists (select 1 from outbound_payment p where p.state not in ('done', 'refused', 'returned')
            and (p.application_id in (select id from application where client_id = of_client)
                or p.loan_id in (select id from loan where client_id = of_client))) then 'disposal-payment-open'
    when exists (select 1 from refund_request r join loan on loan.id = r.loan_id
            where loan.client_id = of_client and r.ended_at is null) then 'disposal-payment-open'
end $$;
"""

# Everything that is sealed for this client: under the client's key, or under a key of its own that travels with it.
DESTROY = """
create function destroy_client_data(of_disposal uuid) returns timestamptz language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
declare
    job disposal;
    who client;
    forbidden varchar;
    applications uuid[];
    loans uuid[];
    moment timestamptz;
begin
    select * into job from disposal where id = of_disposal for update;
    if job.id is null or job.state <> 'CONFIRMED' or job.decided_by is null or job.decided_by = job.proposed_by then
        raise exception 'two people have not decided this' using errcode = 'check_violation',
            constraint = 'disposal_two_people';
    end if;
    select * into who from client where id = job.client_id for update;
    forbidden := disposal_obstacle(job.client_id);
    if forbidden is not null then
        raise exception 'nothing is destroyed: %', forbidden using errcode = 'check_violation', constraint = forbidden;
    end if;
    applications := array(select id from application where client_id = who.id);
    loans := array(select id from loan where client_id = who.id);
    update application set account = '', account_index = '' where client_id = who.id;
    update outbound_payment set account = '' where application_id = any (applications) or loan_id = any (loans);
    update payment_assignment set account = '' where account is not null
        and payment_id in (select id from incoming_payment where loan_id = any (loans));
    update incoming_payment set payer = '', purpose = '', payer_index = null where loan_id = any (loans);
    update refund_account set account = '' where loan_id = any (loans);
    update session set ended_at = clock_timestamp() where client_id = who.id and ended_at is null;
    update one_time_code set phone_index = '' where client_id = who.id;
    update idempotency_record set answer = '' where answer is not null and scope like 'client:' || who.id || ' %';
    update outbox_action set argument = '', result = null where state <> 'waiting'
        and (workflow_id = 'registration/' || who.id
            or workflow_id = any (select 'application/' || id from unnest(applications) id)
            or workflow_id = any (select 'loan/' || id from unnest(loans) id));
    moment := clock_timestamp();
    update client set status = 'DESTROYED', data_key = '', personal = '', face_embedding = null, password_hash = null,
        iin_index = sha256(convert_to(gen_random_uuid()::text, 'UTF8')),
        phone_index = sha256(convert_to(gen_random_uuid()::text, 'UTF8')) where id = who.id;
    update disposal set state = 'DESTROYED', destroyed_at = moment where id = job.id;
    return moment;
end $$;
revoke all on function destroy_client_data(uuid) from public;
grant execute on function destroy_client_data(uuid) to nesie_app;
"""

RIGHTS = """
grant select, insert, update (lifted_by, lifted_at) on legal_hold to nesie_app;
grant select, insert, update (state, decided_by, decided_at, stopped_why, certificate_id, cms_id, ended_at)
    on disposal to nesie_app;
grant select, insert on disposal_object to nesie_app;
grant select on legal_hold, disposal, disposal_object to nesie_read;
"""
