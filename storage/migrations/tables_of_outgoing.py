"""Tables and guards of revision 0004: outgoing payments of every kind, and the two people behind the large ones."""

from __future__ import annotations

# What was sent before there was a limit was sent under none.
PAYMENTS = """
alter table review add column payment_key varchar;
create index ix_review_payment_key on review (payment_key);
alter table review_decision add column bank_reference varchar, add column value_date date;
alter table review_decision add constraint review_decision_evidence_check
    check ((bank_reference is null) = (value_date is null) and (bank_reference is null or decision = 'approve'));

alter table outbound_payment
    add column order_id varchar,
    add column loan_id uuid,
    add column incoming_payment_id uuid,
    add column channel varchar,
    add column limit_amount numeric(18,2),
    add column doubt varchar,
    add column review_id uuid,
    add column decision_id uuid,
    add column made_at timestamptz,
    add column first_sent_at timestamptz,
    alter column sent_at drop not null;
update outbound_payment set order_id = coalesce(application_id::text, key), channel = 'bank', limit_amount = amount,
    made_at = sent_at, first_sent_at = sent_at;
alter table outbound_payment
    alter column order_id set not null,
    alter column channel set not null,
    alter column limit_amount set not null,
    alter column made_at set not null,
    add constraint outbound_payment_order_id_key unique (order_id),
    add constraint outbound_payment_bank_reference_key unique (bank_reference),
    add constraint outbound_payment_channel_check check (
        channel in ('bank', 'card', 'merchant', 'cash-desk', 'terminal')),
    add constraint outbound_payment_sent_check check ((sent_at is null) = (first_sent_at is null)),
    drop constraint outbound_payment_state_check,
    add constraint outbound_payment_state_check check (
        state in ('held', 'sending', 'accepted', 'done', 'refused', 'returned', 'unknown')),
    add constraint outbound_payment_done_check check (
        state <> 'done' or (value_date is not null
            and (bank_reference is not null or channel in ('cash-desk', 'terminal')))),
    add constraint outbound_payment_limit_check check (
        amount <= limit_amount or state in ('held', 'refused') or review_id is not null);
create index ix_outbound_payment_loan_id on outbound_payment (loan_id);
create index ix_outbound_payment_incoming_payment_id on outbound_payment (incoming_payment_id);
"""

# Two people have decided the same about a payment, in a review that is about this very payment.
DECIDED = """
create function payment_decided(payment varchar, about uuid, wanted varchar, large boolean)
returns boolean language sql stable as $$
    select exists (
        select 1 from review join review_decision on review_id = review.id
        where review.id = about and kind = 'MONEY' and payment_key = payment
            and (ground = 'amount-needs-two-people') = large and decision = wanted
        group by review.id having count(distinct staff_id) > 1 and bool_or(final))
$$;
"""

# The second walls of rules that the code keeps too: where a payment may go from where, and on whose word.
PAYMENT_GUARD = """
create function outbound_payment_guard() returns trigger language plpgsql as $$
declare
    about uuid;
begin
    if tg_op = 'INSERT' then
        if new.state not in ('held', 'sending') or new.review_id is not null or new.decision_id is not null then
            raise exception 'a payment begins held or sending, undecided'
                using errcode = 'check_violation', constraint = 'outbound_payment_begins';
        end if;
        return new;
    end if;
    if new.state <> old.state and (old.state in ('refused', 'returned') or new.state = 'held'
            or (old.state = 'done' and new.state <> 'returned')
            or (old.state = 'held' and new.state not in ('sending', 'refused'))) then
        raise exception 'a payment that is % does not become %', old.state, new.state
            using errcode = 'check_violation', constraint = 'outbound_payment_goes_forward';
    end if;
    if old.state = 'held' and new.state = 'sending' and new.amount > new.limit_amount
            and not coalesce(payment_decided(new.key, new.review_id, 'approve', true), false) then
        raise exception 'two people must approve this amount before it is sent'
            using errcode = 'check_violation', constraint = 'outbound_payment_two_people';
    end if;
    if new.review_id is distinct from old.review_id and old.state <> 'held' then
        raise exception 'who approved an amount is not changed afterwards'
            using errcode = 'check_violation', constraint = 'outbound_payment_two_people';
    end if;
    if new.decision_id is distinct from old.decision_id then
        select review_id into about from review_decision where id = new.decision_id and final
            and (new.state <> 'done' or (bank_reference = new.bank_reference and value_date = new.value_date));
        if about is null or new.state = old.state or not coalesce(payment_decided(
                new.key, about, case new.state when 'done' then 'approve' when 'refused' then 'refuse' end,
                old.state = 'held'), false) then
            raise exception 'two people have not decided this about the payment'
                using errcode = 'check_violation', constraint = 'outbound_payment_two_people';
        end if;
    end if;
    return new;
end $$;
create trigger outbound_payment_guard before insert or update on outbound_payment
    for each row execute function outbound_payment_guard();
"""

# As in revision 0001, and the two saw the same line of the bank's books.
TWO_PEOPLE = """
create or replace function review_needs_two_people() returns trigger language plpgsql as $$
begin
    if new.final and exists (select 1 from review where id = new.review_id and kind in ('AML', 'MONEY'))
       and not exists (select 1 from review_decision where review_id = new.review_id
                       and staff_id <> new.staff_id and decision = new.decision
                       and bank_reference is not distinct from new.bank_reference
                       and value_date is not distinct from new.value_date) then
        raise exception 'a second person is needed'
            using errcode = 'check_violation', constraint = 'review_needs_two_people';
    end if;
    return new;
end $$;
"""

RIGHTS = """
grant update (doubt, review_id, decision_id, first_sent_at) on outbound_payment to nesie_app;
"""
