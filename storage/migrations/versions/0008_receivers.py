"""Accounts that clients name for what is owed back to them, and settlements of the terminals' operator.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

from typing import Any

from alembic import op

from storage.migrations import guards

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_REFUNDS = """
create table refund_request (
    payment_key varchar primary key,
    loan_id uuid not null references loan (id),
    ground varchar not null,
    asked_at timestamptz not null,
    notices integer not null,
    noticed_at timestamptz,
    ended_at timestamptz,
    outcome varchar,
    constraint refund_request_notices_check check (notices >= 0 and (notices > 0) = (noticed_at is not null)),
    constraint refund_request_ended_check check ((ended_at is null) = (outcome is null))
);
create index ix_refund_request_loan_id on refund_request (loan_id);
create index refund_request_open on refund_request (asked_at) where ended_at is null;

create table refund_account (
    id uuid primary key,
    payment_key varchar not null references refund_request (payment_key),
    loan_id uuid not null references loan (id),
    kind varchar not null,
    account bytea not null,
    named_at timestamptz not null,
    checked_at timestamptz,
    ground varchar,
    bank_reference varchar,
    constraint refund_account_kind_check check (kind in ('iban', 'card')),
    constraint refund_account_checked_check check
        (case when checked_at is null then ground is null and bank_reference is null
              else ground is not null or bank_reference is not null end)
);
create index ix_refund_account_payment_key on refund_account (payment_key);
create index ix_refund_account_loan_id on refund_account (loan_id);
create function refund_account_stands() returns trigger language plpgsql as $$
begin
    raise exception 'what the bank said of an account is not changed' using errcode = 'insufficient_privilege';
end $$;
create trigger refund_account_stands before update on refund_account
    for each row when (old.checked_at is not null and (old.checked_at, old.ground, old.bank_reference)
        is distinct from (new.checked_at, new.ground, new.bank_reference)) execute function refund_account_stands();
create trigger refund_account_stays before delete or truncate on refund_account
    for each statement execute function refuse_change();
"""

_SETTLEMENTS = """
alter table incoming_payment drop constraint incoming_payment_matched_check;
alter table incoming_payment add constraint incoming_payment_matched_check
    check (matched_by in ('reference', 'account', 'people', 'operator'));
alter table incoming_payment drop constraint incoming_payment_booked_check;
alter table incoming_payment add constraint incoming_payment_booked_check
    check (state <> 'BOOKED' or (loan_id is null) = (matched_by is not distinct from 'operator'));

create table terminal_settlement (
    payment_id uuid primary key references incoming_payment (id),
    operator varchar not null,
    since date not null,
    until date not null,
    named boolean not null,
    constraint terminal_settlement_days_check check (since <= until)
);
create index ix_terminal_settlement_until on terminal_settlement (until);
"""

_RIGHTS = """
grant select, insert, update (ground, asked_at, notices, noticed_at, ended_at, outcome) on refund_request to nesie_app;
grant select, insert, update (checked_at, ground, bank_reference) on refund_account to nesie_app;
grant select, insert on terminal_settlement to nesie_app;
grant select on refund_request, refund_account, terminal_settlement to nesie_read;
"""


def upgrade() -> None:
    """Tables, their guards and rights."""
    driver: Any = op.get_bind().connection.driver_connection
    driver.execute("\n".join((_REFUNDS, _SETTLEMENTS, guards.append_only("terminal_settlement"), _RIGHTS)))


def downgrade() -> None:
    """Refused, as for every revision: records are not dropped.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError("restore a backup instead")
