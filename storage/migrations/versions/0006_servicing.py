"""Requests of borrowers and notices to them.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

from typing import Any

from alembic import op

from storage.migrations import guards

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TABLES = """
create table loan_notice (
    id uuid primary key,
    key varchar not null unique,
    loan_id uuid not null references loan (id),
    kind varchar not null,
    language varchar not null,
    due_on date,
    document_id uuid not null,
    message_id uuid not null,
    figures jsonb not null,
    sent_at timestamptz not null,
    sms_id varchar,
    sms_at timestamptz
);
create index ix_loan_notice_loan_id on loan_notice (loan_id);

create table repayment_wish (
    id uuid primary key,
    loan_id uuid not null references loan (id),
    choice varchar not null,
    since date not null,
    until date not null,
    created_at timestamptz not null,
    constraint repayment_wish_choice_check check (choice in ('due', 'shorter_term', 'smaller_instalment')),
    constraint repayment_wish_days_check check (since <= until)
);
create index ix_repayment_wish_loan_id on repayment_wish (loan_id);

create table restructuring_request (
    id uuid primary key,
    loan_id uuid not null references loan (id),
    n integer not null,
    arrears_since date not null,
    received_at timestamptz not null,
    answer_due date not null,
    ground varchar not null,
    text bytea not null,
    document_id uuid not null,
    state varchar not null,
    terms jsonb,
    reason_code varchar,
    decided_by uuid references staff (id),
    decided_at timestamptz,
    effective_on date,
    accept_until date,
    answer_document_id uuid,
    addendum_document_id uuid,
    answered_at timestamptz,
    warned_at timestamptz,
    late_at timestamptz,
    signature_id uuid,
    sealed_document_id uuid,
    ended_at timestamptz,
    unique (loan_id, n),
    constraint restructuring_request_n_check check (n > 0),
    constraint restructuring_request_state_check check (state in
        ('RECEIVED', 'DECIDED', 'REFUSED', 'PROPOSED', 'ACCEPTED', 'DECLINED', 'LAPSED', 'OVERTAKEN')),
    constraint restructuring_request_decided_check check (state in ('RECEIVED', 'OVERTAKEN')
        or (decided_by is not null and decided_at is not null and reason_code is not null)),
    constraint restructuring_request_proposed_check check (state not in ('PROPOSED', 'ACCEPTED') or (terms is not null
        and effective_on is not null and accept_until is not null and addendum_document_id is not null)),
    constraint restructuring_request_accepted_check check (state <> 'ACCEPTED' or signature_id is not null)
);
create index ix_restructuring_request_loan_id on restructuring_request (loan_id);
create index ix_restructuring_request_state on restructuring_request (state);
create unique index restructuring_request_one_open on restructuring_request (loan_id)
    where state in ('RECEIVED', 'DECIDED', 'PROPOSED');
"""

_RIGHTS = """
grant select, insert, update (sms_id, sms_at) on loan_notice to nesie_app;
grant select, insert on repayment_wish to nesie_app;
grant select, insert, update (state, terms, reason_code, decided_by, decided_at, effective_on, accept_until,
    answer_document_id, addendum_document_id, answered_at, warned_at, late_at, signature_id, sealed_document_id,
    ended_at) on restructuring_request to nesie_app;
grant select on loan_notice, repayment_wish, restructuring_request to nesie_read;
"""


def upgrade() -> None:
    """Tables, their guards and rights."""
    driver: Any = op.get_bind().connection.driver_connection
    driver.execute("\n".join((_TABLES, guards.append_only("repayment_wish"), _RIGHTS)))


def downgrade() -> None:
    """Refused, as for every revision: records are not dropped.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError("restore a backup instead")
