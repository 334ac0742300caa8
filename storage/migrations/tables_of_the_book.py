"""Tables and guards of revision 0003: the chart of accounts, the ledger by loan, incoming payments."""

from __future__ import annotations

from rules.accounts import CHART

CHART_TABLE = """
create table account (
    code varchar primary key,
    kind varchar not null,
    normal_side varchar not null,
    kk varchar not null,
    ru varchar not null,
    en varchar not null,
    constraint account_kind_check check (kind in ('asset', 'liability', 'income', 'expense')),
    constraint account_side_check check (normal_side = case when kind in ('asset', 'expense') then 'D' else 'C' end)
);
"""


def chart() -> str:
    """Fill the chart from rules.accounts; a later revision that adds an account runs it again."""
    rows = ",\n".join(
        f"('{one.code}', '{one.kind}', '{one.normal_side}', {_text(one.kk)}, {_text(one.ru)}, {_text(one.en)})"
        for one in CHART
    )
    return (
        f"insert into account (code, kind, normal_side, kk, ru, en) values\n{rows}\n"  # nosec  # our own data
        "on conflict (code) do update set kk = excluded.kk, ru = excluded.ru, en = excluded.en;"
    )


def _text(words: str) -> str:
    return "'" + words.replace("'", "''") + "'"


# One rename of an account that had no chart yet, and the loan of each posting; nothing else of a row changes.
LEDGER = """
alter table ledger_posting add column loan_id uuid references loan;
alter table ledger_posting disable trigger ledger_posting_append_only;
update ledger_posting set loan_id = loan.id from loan
    where ledger_posting.key = 'disburse:' || loan.application_id;
alter table ledger_posting enable trigger ledger_posting_append_only;
create index ix_ledger_posting_loan_id on ledger_posting (loan_id);

alter table ledger_entry disable trigger ledger_entry_append_only;
update ledger_entry set account = 'cash:bank' where account = 'bank:settlement';
alter table ledger_entry enable trigger ledger_entry_append_only;
alter table ledger_entry add constraint ledger_entry_account_fkey foreign key (account) references account (code);
"""

# A pair that balances could be slipped into a posting that stands, were it not for this.
WHOLE_POSTINGS = """
create function ledger_entry_with_its_posting() returns trigger language plpgsql as $$
begin
    if not exists (select 1 from ledger_posting where id = new.posting_id
                   and xmin::text = (pg_current_xact_id()::text::numeric % 4294967296)::text) then
        raise exception 'posting % does not balance any more: it was written by an earlier transaction', new.posting_id
            using errcode = 'check_violation', constraint = 'ledger_entry_with_its_posting';
    end if;
    return new;
end $$;
create trigger ledger_entry_with_its_posting before insert on ledger_entry
    for each row execute function ledger_entry_with_its_posting();
"""

LOANS = """
alter table loan_event add constraint loan_event_kind_check check (kind in (
    'disbursed', 'paid', 'due_moved', 'penalty_rule', 'suspended', 'resumed', 'restructured', 'written_off',
    'refunded', 'corrected'));
alter table loan add constraint loan_status_check check (status in (
    'ACTIVE', 'OVERDUE', 'SUSPENDED', 'CLOSED', 'WRITTEN_OFF'));
alter table loan add constraint loan_closed_check check (status <> 'CLOSED' or closed_at is not null);
"""

MONEY_IN = """
create table incoming_payment (
    id uuid primary key,
    key varchar not null unique,
    channel varchar not null,
    amount numeric(18,2) not null,
    value_date date not null,
    received_at timestamptz not null,
    payer bytea not null,
    payer_index bytea,
    purpose bytea not null,
    reference varchar,
    loan_id uuid references loan,
    state varchar not null,
    matched_by varchar,
    entered_by uuid references staff,
    constraint incoming_payment_channel_check check (channel in ('BANK', 'TERMINAL', 'CASH_DESK')),
    constraint incoming_payment_amount_check check (amount > 0),
    constraint incoming_payment_state_check check (state in ('UNMATCHED', 'BOOKED', 'RETURNING', 'RETURNED')),
    constraint incoming_payment_matched_check check (matched_by in ('reference', 'account', 'people')),
    constraint incoming_payment_booked_check check ((state = 'BOOKED') <= (loan_id is not null)),
    constraint incoming_payment_returned_check check ((state in ('RETURNING', 'RETURNED')) <= (loan_id is null))
);
create index ix_incoming_payment_loan_id on incoming_payment (loan_id);
create index ix_incoming_payment_payer_index on incoming_payment (payer_index);
create index ix_incoming_payment_state on incoming_payment (state);
create index ix_incoming_payment_value_date on incoming_payment (value_date);

create table payment_assignment (
    id uuid primary key,
    payment_id uuid not null references incoming_payment,
    loan_id uuid references loan,
    reason varchar not null,
    proposed_by uuid not null references staff,
    proposed_at timestamptz not null,
    confirmed_by uuid references staff,
    confirmed_at timestamptz,
    constraint payment_assignment_two_people_check check (confirmed_by <> proposed_by),
    constraint payment_assignment_confirmed_check check ((confirmed_by is null) = (confirmed_at is null))
);
create index ix_payment_assignment_payment_id on payment_assignment (payment_id);
create index ix_payment_assignment_loan_id on payment_assignment (loan_id);
create unique index payment_assignment_one_open on payment_assignment (payment_id) where confirmed_by is null;
"""

# Money that came in is never dropped, and a confirmed word is not taken back, whoever asks.
MONEY_IN_GUARDS = """
create function payment_assignment_stands() returns trigger language plpgsql as $$
begin
    raise exception 'a confirmed assignment is not changed' using errcode = 'insufficient_privilege';
end $$;
create trigger payment_assignment_stands before update on payment_assignment
    for each row when (old.confirmed_by is not null) execute function payment_assignment_stands();
create trigger incoming_payment_stays before delete or truncate on incoming_payment
    for each statement execute function refuse_change();
create trigger payment_assignment_stays before delete or truncate on payment_assignment
    for each statement execute function refuse_change();
"""

RIGHTS = """
grant select on account to nesie_app;
grant select, insert, update (loan_id, state, matched_by) on incoming_payment to nesie_app;
grant select, insert, update (confirmed_by, confirmed_at) on payment_assignment to nesie_app;
grant select on account, incoming_payment, payment_assignment to nesie_read;
"""
