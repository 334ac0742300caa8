"""Guards of revision 0001: what the database refuses whoever asks.

Second walls: the code does not ask for any of this, the roles mostly could not, and these stay when both fail.
"""

from __future__ import annotations

# table, name of the constraint, condition. Closed lists of values only: an open one would bind later revisions.
_CHECKS = (
    ("client", "kind", "kind in ('INDIVIDUAL', 'ENTREPRENEUR', 'LEGAL_ENTITY')"),
    ("client", "status", "status in ('REGISTERING', 'REGISTERED', 'REFUSED')"),
    (
        "client",
        "registered_whole",
        "status <> 'REGISTERED' or (registered_at is not null and password_hash is not null)",
    ),
    ("document", "direction", "direction in ('received', 'sent', 'made')"),
    ("document", "sha256", "length(sha256) = 64 and length(sealed_sha256) = 64 and size >= 0"),
    ("document", "one_key", "client_id is not null or data_key is not null"),
    ("identification_check", "outcome", "outcome in ('passed', 'retry', 'review', 'refused')"),
    ("message", "direction", "direction in ('from_client', 'to_client')"),
    ("one_time_code", "attempts", "attempts between 0 and 10"),
    ("one_time_code", "life", "expires_at > sent_at"),
    ("session", "scope", "scope in ('registration', 'client', 'staff')"),
    (
        "session",
        "one_owner",
        "(scope = 'staff') = (staff_id is not null) and (scope <> 'staff') = (client_id is not null)",
    ),
    ("staff", "roles", "roles <@ array['officer', 'compliance', 'oncall', 'auditor']::varchar[]"),
    ("review", "kind", "kind in ('IDENTITY', 'AML', 'MONEY', 'DECISION')"),
    ("review", "state", "state in ('open', 'claimed', 'decided')"),
    ("review", "claimed", "state <> 'claimed' or (claimed_by is not null and claimed_at is not null)"),
    ("review_decision", "decision", "decision in ('approve', 'refuse', 'retry')"),
    ("application", "amount", "amount > 0 and term_months > 0"),
    (
        "application",
        "stage",
        "stage in ('SUBMITTED', 'DUE_DILIGENCE', 'REVIEW', 'OFFERED', 'CONTRACT', 'SIGNING', 'WAITING', 'DISBURSING',"
        " 'ISSUED', 'REFUSED', 'WITHDRAWN', 'EXPIRED', 'PARKED')",
    ),
    ("offer", "method", "method in ('annuity', 'differentiated', 'own')"),
    ("offer", "total", "total_to_repay > 0"),
    ("screening", "result", "result in ('clear', 'doubtful', 'hit')"),
    ("outbound_payment", "amount", "amount > 0"),
    ("outbound_payment", "state", "state in ('sending', 'accepted', 'done', 'refused', 'returned', 'unknown')"),
    ("statement_line", "side", "side in ('D', 'C') and amount > 0"),
    ("statement_line", "state", "state in ('matched', 'unmatched', 'differs')"),
    ("ledger_entry", "amount", "amount > 0"),
    ("ledger_entry", "side", "side in ('D', 'C')"),
    ("idempotency_record", "state", "state in ('running', 'done', 'abandoned')"),
    ("idempotency_record", "answer", "state <> 'done' or (status_code is not null and answer is not null)"),
    ("outbox_action", "operation", "operation in ('start', 'update')"),
    ("outbox_action", "state", "state in ('waiting', 'done', 'failed')"),
)

CHECKS = "\n".join(
    f"alter table {table} add constraint {table}_{name}_check check ({condition});"
    for table, name, condition in _CHECKS
)

APPEND_ONLY_TABLES = (
    "ledger_posting",
    "ledger_entry",
    "loan_event",
    "identification_check",
    "signature",
    "screening",
    "bureau_report",
    "acknowledgement",
    "review_decision",
)

APPEND_ONLY_FUNCTION = """
create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'rows of % are appended, never changed', tg_table_name using errcode = 'insufficient_privilege';
end $$;
"""


def append_only(table: str) -> str:
    """The trigger that refuses UPDATE, DELETE and TRUNCATE, whoever asks."""
    return (
        f"create trigger {table}_append_only before update or delete or truncate on {table}"
        " for each statement execute function refuse_change();"
    )


LEDGER = """
create function ledger_balanced() returns trigger language plpgsql as $$
declare
    posting uuid := (to_jsonb(new) ->> tg_argv[0])::uuid;
    debits numeric;
    credits numeric;
begin
    select sum(amount) filter (where side = 'D'), sum(amount) filter (where side = 'C')
    into debits, credits from ledger_entry where posting_id = posting;
    if debits is null or credits is null or debits <> credits then
        raise exception 'posting % does not balance', posting
            using errcode = 'check_violation', constraint = 'ledger_balanced';
    end if;
    return null;
end $$;
create constraint trigger ledger_posting_balanced after insert on ledger_posting
    deferrable initially deferred for each row execute function ledger_balanced('id');
create constraint trigger ledger_entry_balanced after insert on ledger_entry
    deferrable initially deferred for each row execute function ledger_balanced('posting_id');
"""

TWO_PEOPLE = """
create function review_needs_two_people() returns trigger language plpgsql as $$
begin
    if new.final and exists (select 1 from review where id = new.review_id and kind in ('AML', 'MONEY'))
       and not exists (select 1 from review_decision where review_id = new.review_id
                       and staff_id <> new.staff_id and decision = new.decision) then
        raise exception 'a second person is needed'
            using errcode = 'check_violation', constraint = 'review_needs_two_people';
    end if;
    return new;
end $$;
create trigger review_decision_two_people before insert on review_decision
    for each row execute function review_needs_two_people();
"""

# The chain is made when the transaction commits: its lock is held for the length of a commit. The text that is
# hashed is a JSON array as PostgreSQL writes it, so that no field can run into the next; storage/audit.py hashes
# the same text again, outside of the database.
AUDIT_CHAIN = """
create function audit_append(actor varchar, action varchar, subject varchar, reason varchar, paragraph varchar,
                             detail jsonb)
returns void language sql security definer set search_path = pg_catalog, pg_temp as $$
    insert into public.audit_pending values (gen_random_uuid(), actor, action, subject, reason, paragraph, detail)
$$;

create function audit_chain() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    last_n bigint;
    last_hash varchar;
    moment timestamptz;
begin
    delete from public.audit_pending where id = new.id;
    perform pg_advisory_xact_lock(3217, 32);
    select n, hash into last_n, last_hash from public.audit_entry order by n desc limit 1;
    last_n := coalesce(last_n, 0) + 1;
    last_hash := coalesce(last_hash, repeat('0', 64));
    moment := clock_timestamp();
    insert into public.audit_entry values (
        last_n, moment, new.actor, new.action, new.subject, new.reason, new.paragraph, new.detail, last_hash,
        encode(sha256(convert_to(jsonb_build_array(
            last_n, to_char(moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), new.actor, new.action,
            new.subject, new.reason, new.paragraph, new.detail, last_hash)::text, 'UTF8')), 'hex'));
    return null;
end $$;

create constraint trigger audit_pending_chain after insert on audit_pending
    deferrable initially deferred for each row execute function audit_chain();
create function refuse_audit_change() returns trigger language plpgsql as $$
begin
    raise exception 'the audit trail is appended, never changed' using errcode = 'insufficient_privilege';
end $$;
create trigger audit_entry_append_only before update or delete or truncate on audit_entry
    for each statement execute function refuse_audit_change();
"""
