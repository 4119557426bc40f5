-- The sandbox provider's own books. Written only by services/pay/gateways/sandbox (its two store.py), in transactions of their
-- own, so that they can be compared with ours as a real provider's can. Nothing personal: no name, address or number.

create table pay.sandbox_calls (
    account_id uuid not null,
    operation text not null,
    key text not null,
    fingerprint bytea not null,
    answer jsonb not null,
    created_at timestamptz not null,
    primary key (account_id, operation, key)
);

create table pay.sandbox_tokens (
    id text primary key,
    account_id uuid not null,
    card jsonb not null,
    fate text not null,
    reason text not null,
    created_at timestamptz not null
);

create table pay.sandbox_payments (
    id text primary key,
    account_id uuid not null,
    public_id text not null,
    key text not null,
    amount_minor bigint not null check (amount_minor >= 0),
    currency char(3) not null,
    state text not null
        check (state in ('needs-action', 'processing', 'authorised', 'captured', 'cancelled', 'rejected')),
    fate text not null,
    reason text not null,
    card jsonb not null,
    skips_evidence boolean not null,
    has_three_d_secure boolean not null default false,
    keeps_card boolean not null,
    token text,
    return_url text,
    ready_at timestamptz,
    captured_minor bigint not null default 0 check (captured_minor between 0 and amount_minor),
    captured_at timestamptz,
    fee_minor bigint,
    refunded_minor bigint not null default 0 check (refunded_minor between 0 and captured_minor),
    is_disputed boolean not null default false,
    created_at timestamptz not null
);

create index sandbox_payments_public_id on pay.sandbox_payments (account_id, public_id);
create index sandbox_payments_ready on pay.sandbox_payments (ready_at) where state = 'processing';

create table pay.sandbox_refunds (
    id text primary key,
    account_id uuid not null,
    payment_id text not null references pay.sandbox_payments,
    key text not null,
    amount_minor bigint not null check (amount_minor > 0),
    status text not null check (status in ('submitted', 'success', 'error')),
    ready_at timestamptz,
    created_at timestamptz not null,
    unique (account_id, key)
);

create index sandbox_refunds_payment on pay.sandbox_refunds (payment_id);
create index sandbox_refunds_ready on pay.sandbox_refunds (ready_at) where ready_at is not null;

create table pay.sandbox_disputes (
    id text primary key,
    account_id uuid not null,
    payment_id text not null unique references pay.sandbox_payments,
    amount_minor bigint not null,
    fee_minor bigint not null,
    status text not null check (status in ('needs_response', 'under_review', 'lost', 'won')),
    ready_at timestamptz,
    evidence_due_at timestamptz not null,
    created_at timestamptz not null
);

create index sandbox_disputes_ready on pay.sandbox_disputes (ready_at) where ready_at is not null;

create table pay.sandbox_payouts (
    id text primary key,
    account_id uuid not null,
    currency char(3) not null,
    amount_minor bigint not null check (amount_minor > 0),
    arrives_on date not null,
    created_at timestamptz not null
);

create index sandbox_payouts_account on pay.sandbox_payouts (account_id, created_at);

-- every movement of money at the provider
create table pay.sandbox_entries (
    id text primary key,
    account_id uuid not null,
    kind text not null check (kind in ('payment', 'refund', 'refund-failure', 'dispute', 'dispute-reversal')),
    payment_id text not null references pay.sandbox_payments,
    source_id text,
    currency char(3) not null,
    amount_minor bigint not null,
    fee_minor bigint not null,
    happened_at timestamptz not null,
    payout_id text references pay.sandbox_payouts
);

create index sandbox_entries_unpaid on pay.sandbox_entries (account_id, currency, happened_at) where payout_id is null;
create index sandbox_entries_payout on pay.sandbox_entries (payout_id) where payout_id is not null;

-- what the sandbox has to tell us; taken by the worker, which posts it to ourselves
create table pay.sandbox_events (
    id text primary key,
    account_id uuid not null,
    body jsonb not null,
    created_at timestamptz not null,
    delivered_at timestamptz
);

create index sandbox_events_undelivered on pay.sandbox_events (created_at) where delivered_at is null;
