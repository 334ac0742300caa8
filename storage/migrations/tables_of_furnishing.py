"""Tables of revision 0005: records for the credit bureau, and the batches they travel in.

The two partial unique indexes are the second wall of the order: one record of a loan at the bureau at a time, and
one record at each place of the loan's line. What a record says may not be changed by anybody but the schema's owner.
"""

from __future__ import annotations

TABLES = """
create table furnishing_batch (
    id uuid primary key,
    made_at timestamptz not null,
    state varchar not null,
    size integer not null,
    document_id uuid references document,
    sent_at timestamptz,
    answered_at timestamptz,
    constraint furnishing_batch_state_check check (state in ('open', 'sent', 'done')),
    constraint furnishing_batch_size_check check (size > 0),
    constraint furnishing_batch_archived_check check (state <> 'sent' or document_id is not null)
);
create index ix_furnishing_batch_state on furnishing_batch (state);

create table furnishing_record (
    id uuid primary key,
    key varchar not null unique,
    loan_id uuid not null references loan,
    place integer not null,
    op varchar not null,
    as_of date not null,
    body jsonb not null,
    record_hash varchar not null,
    state varchar not null,
    batch_id uuid references furnishing_batch,
    batch_index integer,
    rejection_code varchar,
    rejection_message varchar,
    supersedes uuid unique references furnishing_record,
    attempts integer not null,
    created_at timestamptz not null,
    answered_at timestamptz,
    unique (batch_id, batch_index),
    constraint furnishing_record_op_check
        check (op in ('NEW', 'UPDATE', 'CLOSE', 'CORRECTION', 'SUSPEND_REPORTING', 'RESUME')),
    constraint furnishing_record_state_check
        check (state in ('waiting', 'sent', 'accepted', 'rejected', 'superseded')),
    constraint furnishing_record_place_check check (place > 0 and attempts >= 0 and batch_index >= 0),
    constraint furnishing_record_hash_check check (length(record_hash) = 64),
    constraint furnishing_record_batch_check check ((batch_id is null) = (batch_index is null)),
    constraint furnishing_record_sent_check
        check (state not in ('sent', 'accepted', 'rejected') or batch_id is not null),
    constraint furnishing_record_rejected_check check (state <> 'rejected' or rejection_code is not null)
);
create index ix_furnishing_record_loan_id on furnishing_record (loan_id);
create unique index furnishing_record_line on furnishing_record (loan_id, place) where state <> 'superseded';
create unique index furnishing_record_one_under_way on furnishing_record (loan_id)
    where batch_id is not null and state in ('waiting', 'sent');
create index furnishing_record_open on furnishing_record (created_at) where state in ('waiting', 'sent', 'rejected');
"""

RIGHTS = """
grant select, insert, update (state, document_id, sent_at, answered_at) on furnishing_batch to nesie_app;
grant select, insert, update (state, batch_id, batch_index, rejection_code, rejection_message, attempts, answered_at)
    on furnishing_record to nesie_app;
grant select on furnishing_batch, furnishing_record to nesie_read;
"""
