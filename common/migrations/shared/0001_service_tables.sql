-- The tables that every service keeps in its own schema, so that they commit with the change they belong to.

-- A row is inserted, leased, marked and deleted within seconds: pages are left more than half empty, so that its new
-- versions stay on its own page (measured: claiming and marking 500 rows costs half as much as at 70).
create table {schema}.work (
    id uuid primary key,
    topic text not null,
    ref uuid not null,
    service_id uuid not null,
    lane text not null,
    due_at timestamptz not null,
    attempt integer not null default 0,
    leased_until timestamptz,
    in_flight_at timestamptz,
    last_error text,
    trace text,
    created_at timestamptz not null default now()
) with (fillfactor = 45, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000,
        autovacuum_vacuum_cost_delay = 0);

-- the one index that claims walk: within a lane, service by service, oldest first. The lease stands in the key, so that
-- a leased row leaves the range of what is due and comes back by itself when its lease runs out: a claim never steps
-- over the rows that other workers hold, and no sweep for dead workers is needed.
create index work_claim on {schema}.work (lane, service_id, greatest(due_at, leased_until));

create table {schema}.work_dead (
    id uuid primary key,
    topic text not null,
    ref uuid not null,
    service_id uuid not null,
    lane text not null,
    attempt integer not null,
    reason text not null,
    trace text,
    created_at timestamptz not null,
    died_at timestamptz not null default now()
);

-- for the purge after 90 days
create index work_dead_died_at on {schema}.work_dead (died_at);

create table {schema}.idempotency (
    service_id uuid not null,
    mode text not null check (mode in ('live', 'test')),
    operation text not null,
    key text not null,
    request_hash bytea not null,
    resource_id uuid not null,
    created_at timestamptz not null default now(),
    primary key (service_id, mode, operation, key)
);

-- for the purge after 24 h
create index idempotency_created_at on {schema}.idempotency (created_at);

create table {schema}.audit_events (
    id uuid primary key,
    position bigint generated always as identity unique,
    at timestamptz not null,
    action text not null check (action ~ '^[a-z-]+:[a-z-]+:[a-z-]+$'),
    organisation_id uuid,
    service_id uuid,
    actor_kind text not null check (actor_kind in ('operator', 'key', 'command', 'system')),
    actor text not null,
    source text,
    subject_id text not null,
    before jsonb,
    after jsonb,
    reason text,
    trace text
);

create index audit_events_service on {schema}.audit_events (service_id, position);
create index audit_events_subject on {schema}.audit_events (subject_id, position);

create function {schema}.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'audit events are append-only';
end
$$;

create trigger append_only before update or delete or truncate on {schema}.audit_events
    for each statement execute function {schema}.refuse_change();

create table {schema}.connections (
    id uuid not null unique,
    service_id uuid not null,
    mode text not null check (mode in ('live', 'test')),
    target text not null,
    base_url text not null,
    key bytea not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (service_id, mode, target)
);
