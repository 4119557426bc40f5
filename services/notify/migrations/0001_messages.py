"""Notify begins: templates, what sending needs around it, messages by week, and the shared tables.

Why: messages are partitioned by week on their time-ordered id, so that a table of hundreds of millions stays as quick
as an empty one and a past week is dropped, not deleted. No foreign key leads into a partitioned table.
Undo: drop schema notify cascade (only before any message is accepted).
"""

from common.db.steps import run, run_shared

revision = "0001"
down_revision = None

SETTINGS = """
create table notify.service_settings (
    service_id uuid primary key,
    channels text[] not null default '{email,sms}',
    international_sms boolean not null default false,
    sms_to_landlines boolean not null default false,
    sms_prefix boolean not null default true,
    email_local_part text check (email_local_part ~ '^[a-z0-9.-]{1,64}$'),
    email_sender_name text check (length(email_sender_name) between 1 and 143),
    rate_limit_per_minute integer check (rate_limit_per_minute between 1 and 100000000),
    daily_email integer check (daily_email >= 0),
    daily_sms integer check (daily_sms >= 0),
    daily_international_sms integer check (daily_international_sms >= 0),
    retention_email_days integer not null default 7 check (retention_email_days between 3 and 90),
    retention_sms_days integer not null default 7 check (retention_sms_days between 3 and 90),
    updated_at timestamptz not null default now()
);

create table notify.reply_to_addresses (
    id uuid primary key,
    service_id uuid not null,
    address text not null,
    is_default boolean not null,
    created_at timestamptz not null default now(),
    archived_at timestamptz
);

create unique index reply_to_one_default on notify.reply_to_addresses (service_id)
    where is_default and archived_at is null;
create index reply_to_service on notify.reply_to_addresses (service_id);

create table notify.sms_senders (
    id uuid primary key,
    service_id uuid not null,
    sender text not null,
    is_default boolean not null,
    created_at timestamptz not null default now(),
    archived_at timestamptz
);

create unique index sms_senders_one_default on notify.sms_senders (service_id) where is_default and archived_at is null;
create index sms_senders_service on notify.sms_senders (service_id);

create table notify.guest_list (
    id uuid primary key,
    service_id uuid not null,
    channel text not null check (channel in ('email', 'sms')),
    recipient_index bytea not null,
    personal bytea not null,
    created_at timestamptz not null default now(),
    unique (service_id, channel, recipient_index)
);
"""

TEMPLATES = """
create table notify.templates (
    id uuid primary key,
    service_id uuid not null,
    channel text not null check (channel in ('email', 'sms')),
    version integer not null check (version >= 1),
    created_at timestamptz not null,
    archived_at timestamptz
);

create index templates_service on notify.templates (service_id);

create table notify.template_versions (
    template_id uuid not null references notify.templates,
    version integer not null check (version >= 1),
    service_id uuid not null,
    name text not null check (length(name) between 1 and 255),
    subject text,
    content text not null,
    lane text not null check (lane in ('priority', 'normal', 'bulk')),
    has_unsubscribe_link boolean not null,
    created_at timestamptz not null,
    created_by text not null,
    primary key (template_id, version)
);
"""

MESSAGES = """
create table notify.messages (
    id uuid primary key,
    service_id uuid not null,
    mode text not null check (mode in ('live', 'test')),
    key_type text not null check (key_type in ('live', 'team', 'test')),
    channel text not null check (channel in ('email', 'sms')),
    template_id uuid not null,
    template_version integer not null,
    status text not null,
    reference text,
    recipient_index bytea,
    personal bytea,
    billable_units smallint not null default 0,
    rate_multiplier smallint not null default 1,
    provider text,
    provider_reference text,
    status_reason text,
    created_at timestamptz not null,
    scheduled_for timestamptz,
    sent_at timestamptz,
    updated_at timestamptz
) partition by range (id);

-- the list of a key's messages, newest first
create index messages_list on notify.messages (service_id, key_type, id);
-- a team's own reference; most messages carry none
create index messages_reference on notify.messages (service_id, reference) where reference is not null;
-- what still waits for its receipt, by when it left: a handful beside what has come to its end. Neither the id (replays
-- and scheduled messages leave long after they were made) nor any other index finds the overdue without reading weeks
create index messages_awaiting_receipt on notify.messages (sent_at) where status in ('sending', 'pending');
-- who was written to: the hourly guard, and an operator's search by address
create index messages_recipient on notify.messages (recipient_index, id) where recipient_index is not null;

create table notify.unsubscribe_requests (
    id uuid primary key,
    service_id uuid not null,
    mode text not null check (mode in ('live', 'test')),
    message_id uuid not null,
    template_id uuid not null,
    template_version integer not null,
    recipient_index bytea,
    created_at timestamptz not null,
    unique (service_id, mode, message_id)
);

-- a service's requests, newest first
create index unsubscribe_requests_list on notify.unsubscribe_requests (service_id, mode, id);

-- how far each service's expired personal data has been blanked
create table notify.retention_marks (
    service_id uuid not null,
    channel text not null check (channel in ('email', 'sms')),
    blanked_before timestamptz not null,
    primary key (service_id, channel)
);

-- lock_timeout in both: while they wait for notify.messages (behind a backup, which holds it for hours) every insert
-- queues behind them. Who calls them comes again later.
create function notify.make_partitions(weeks_ahead integer) returns integer
    language plpgsql security definer set search_path = pg_catalog set lock_timeout = '1s' as $$
declare
    monday timestamp := date_trunc('week', now() at time zone 'UTC') - interval '1 week';
    made integer := 0;
    part text;
    low uuid;
    high uuid;
begin
    perform pg_advisory_xact_lock(hashtext('notify.make_partitions'));
    while monday <= date_trunc('week', now() at time zone 'UTC') + weeks_ahead * interval '1 week' loop
        part := 'messages_' || to_char(monday, 'IYYY"w"IW');
        if to_regclass('notify.' || part) is null then
            low := (lpad(to_hex((extract(epoch from monday) * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid;
            high := (lpad(to_hex((extract(epoch from monday + interval '1 week') * 1000)::bigint), 12, '0')
                || '70008000000000000000')::uuid;
            execute format('create table notify.%I (like notify.messages including all) with (fillfactor = 85, '
                || 'autovacuum_vacuum_insert_scale_factor = 0.2)', part);
            execute format('alter table notify.messages attach partition notify.%I for values from (%L) to (%L)',
                part, low, high);
            made := made + 1;
        end if;
        monday := monday + interval '1 week';
    end loop;
    return made;
end
$$;

create function notify.drop_partitions(ended_before timestamptz) returns integer
    language plpgsql security definer set search_path = pg_catalog set lock_timeout = '1s' as $$
declare
    part record;
    dropped integer := 0;
begin
    for part in
        select c.relname
        from pg_inherits i
        join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'notify.messages'::regclass
          -- case, not and: the planner may read the name of every table before it asks whose partition it is
          and case when c.relname ~ '^messages_[0-9]{4}w[0-9]{2}$'
              then to_date(substr(c.relname, 10), 'IYYY"w"IW') + 7 <= (ended_before at time zone 'UTC')::date end
    loop
        execute format('drop table notify.%I', part.relname);
        dropped := dropped + 1;
    end loop;
    return dropped;
end
$$;

select notify.make_partitions(8);
"""


def upgrade() -> None:
    run(SETTINGS)
    run(TEMPLATES)
    run(MESSAGES)
    run_shared("0001_service_tables", "notify")
