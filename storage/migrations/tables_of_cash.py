"""Money handed out at cash desks and terminals: orders, the staff who pay them, and the stage of a seller's payment.

Part of revision 0004, after its own tables.
"""

from __future__ import annotations

CASH = """
create table cash_order (
    number varchar primary key,
    payment_key varchar not null unique references outbound_payment (key),
    application_id uuid not null unique references application,
    client_id uuid not null references client,
    channel varchar not null,
    desk varchar,
    amount numeric(18,2) not null,
    two_people boolean not null,
    state varchar not null,
    code_hash bytea,
    codes integer not null,
    attempts integer not null,
    expires_at timestamptz not null,
    approved_by uuid references staff,
    approved_at timestamptz,
    identified_by varchar,
    authority_id uuid references document,
    paid_by uuid references staff,
    terminal_id varchar,
    receipt varchar,
    paid_at timestamptz,
    created_at timestamptz not null,
    constraint cash_order_channel_check check (channel in ('cash-desk', 'terminal')),
    constraint cash_order_desk_check check ((channel = 'cash-desk') = (desk is not null)),
    constraint cash_order_amount_check check (amount > 0),
    constraint cash_order_state_check check (state in ('waiting', 'paying', 'paid', 'annulled')),
    constraint cash_order_tries_check check (codes >= 0 and attempts >= 0),
    constraint cash_order_identified_check
        check (identified_by is null or identified_by in ('document', 'digital-document', 'terminal')),
    constraint cash_order_two_people_check
        check ((approved_by is null or paid_by is null or approved_by <> paid_by)
               and (state <> 'paid' or not two_people or approved_by is not null)),
    constraint cash_order_paid_check
        check (state <> 'paid' or (paid_at is not null and receipt is not null and identified_by is not null
               and (channel = 'terminal') = (terminal_id is not null)
               and (channel = 'cash-desk') = (paid_by is not null)))
);
create index ix_cash_order_client_id on cash_order (client_id);
create index ix_cash_order_state on cash_order (state);
create unique index cash_order_terminal_receipt on cash_order (terminal_id, receipt)
    where terminal_id is not null and receipt is not null;

create function cash_order_ends() returns trigger language plpgsql as $$
begin
    if old.state in ('paid', 'annulled') then
        raise exception 'cash order % has ended', old.number using errcode = 'insufficient_privilege';
    end if;
    return new;
end $$;
create trigger cash_order_ended before update on cash_order for each row execute function cash_order_ends();

alter table staff add column desk varchar;
alter table staff drop constraint staff_roles_check;
alter table staff add constraint staff_roles_check
    check (roles <@ array['officer', 'compliance', 'oncall', 'auditor', 'cashier']::varchar[]);

alter table application drop constraint application_stage_check;
alter table application add constraint application_stage_check
    check (stage in ('SUBMITTED', 'DUE_DILIGENCE', 'REVIEW', 'OFFERED', 'CONTRACT', 'SIGNING', 'WAITING',
                     'MERCHANT_CONFIRMATION', 'DISBURSING', 'ISSUED', 'REFUSED', 'WITHDRAWN', 'EXPIRED', 'PARKED'));

grant select, insert, update (state, code_hash, codes, attempts, approved_by, approved_at, identified_by, authority_id,
    paid_by, terminal_id, receipt, paid_at) on cash_order to nesie_app;
grant update (desk) on staff to nesie_app;
grant select (number, payment_key, application_id, client_id, channel, desk, amount, two_people, state, codes, attempts,
    expires_at, approved_by, approved_at, identified_by, authority_id, paid_by, terminal_id, receipt, paid_at,
    created_at) on cash_order to nesie_read;
grant select (desk) on staff to nesie_read;
"""
