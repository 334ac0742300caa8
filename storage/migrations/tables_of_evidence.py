"""Revision 0019: one record an identification."""

from __future__ import annotations

TABLES = """
create table identification (
    id uuid primary key,
    client_id uuid not null references client (id),
    application_id uuid,
    act varchar not null,
    n integer not null,
    edition varchar not null,
    outcome varchar not null,
    ground varchar,
    document_id uuid not null references document (id),
    sha256 varchar not null,
    began_at timestamptz not null,
    ended_at timestamptz not null,
    constraint identification_client_id_act_application_id_n_key
        unique nulls not distinct (client_id, act, application_id, n),
    constraint identification_outcome_check check (outcome in ('PASSED', 'REFUSED')),
    constraint identification_ground_check check ((ground is null) = (outcome = 'PASSED')),
    constraint identification_times_check check (began_at <= ended_at and length(sha256) = 64 and n > 0)
);
create index ix_identification_application_id on identification (application_id);
"""

RIGHTS = """
grant select, insert on identification to nesie_app;
grant select on identification to nesie_read;
"""
