"""Who there is: organisations, services, members, API keys, operators' token keys and sessions.

Why: identity stands in one schema that one program writes and the others read.
Undo: drop schema platform cascade (only before any service is onboarded).
"""

from common.db.steps import run, run_shared

revision = "0001"
down_revision = None

SQL = """
create table platform.organisations (
    id uuid primary key,
    name text not null check (length(name) between 1 and 200),
    colour text not null default '#1d4f91' check (colour ~ '^#[0-9a-f]{6}$'),
    created_at timestamptz not null default now(),
    archived_at timestamptz
);

create unique index organisations_name on platform.organisations (lower(name)) where archived_at is null;

create table platform.services (
    id uuid primary key,
    organisation_id uuid not null references platform.organisations,
    name text not null check (length(name) between 1 and 200),
    status text not null check (status in ('trial', 'live', 'suspended', 'archived')),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

create unique index services_name on platform.services (organisation_id, lower(name)) where status <> 'archived';

create table platform.members (
    id uuid primary key,
    service_id uuid not null references platform.services,
    role text not null check (role in ('admin', 'developer', 'editor', 'caseworker', 'finance')),
    personal bytea not null,
    email_index bytea not null,
    phone_index bytea,
    created_at timestamptz not null default now(),
    removed_at timestamptz
);

create unique index members_email on platform.members (service_id, email_index) where removed_at is null;

create table platform.api_keys (
    id uuid primary key,
    service_id uuid not null references platform.services,
    name text not null check (length(name) between 1 and 200),
    type text not null check (type in ('live', 'team', 'test')),
    scopes text[] not null check (cardinality(scopes) > 0),
    secret bytea not null,
    networks text[] not null default '{}',
    created_at timestamptz not null default now(),
    created_by text not null,
    expires_at timestamptz,
    revoked_at timestamptz
);

create index api_keys_service on platform.api_keys (service_id);

create table platform.token_keys (
    kid text primary key,
    public_key bytea not null,
    created_at timestamptz not null default now(),
    retired_at timestamptz
);

create table platform.operator_sessions (
    id uuid primary key,
    operator text not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    revoked_at timestamptz
);
"""


def upgrade() -> None:
    run(SQL)
    run_shared("0001_service_tables", "platform")
