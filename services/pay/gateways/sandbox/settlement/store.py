"""The sandbox's movements of money, disputes, payouts and events. The only writer of these tables."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from common.db import Tx, many, maybe
from services.pay.gateways.outcomes import DisputeStatus

EntryKind = Literal["payment", "refund", "refund-failure", "dispute", "dispute-reversal"]


class EntryRow(msgspec.Struct, frozen=True):
    """One movement at the provider; net = amount − fee. source_id: the refund or dispute."""

    id: str
    account_id: UUID
    kind: EntryKind
    payment_id: str
    source_id: str | None
    currency: str
    amount_minor: int
    fee_minor: int
    happened_at: datetime


class DisputeRow(msgspec.Struct, frozen=True):
    """A complaint. ready_at: when it takes its next step by itself, None = it waits or is closed."""

    id: str
    account_id: UUID
    payment_id: str
    amount_minor: int
    fee_minor: int
    status: DisputeStatus
    ready_at: datetime | None
    evidence_due_at: datetime
    created_at: datetime


class PayoutRow(msgspec.Struct, frozen=True):
    """Money sent to the account's bank."""

    id: str
    account_id: UUID
    currency: str
    amount_minor: int
    arrives_on: date
    created_at: datetime


class EventRow(msgspec.Struct, frozen=True):
    """Something to be told."""

    id: str
    body: dict[str, Any]


INSERT_ENTRY = """
insert into pay.sandbox_entries
    (id, account_id, kind, payment_id, source_id, currency, amount_minor, fee_minor, happened_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
UNPAID_ACCOUNTS = """
select distinct account_id, currency::text
from pay.sandbox_entries
where payout_id is null and happened_at < $1 and ($2::uuid is null or account_id = $2)
"""
UNPAID = """
select id, account_id, kind, payment_id, source_id, currency, amount_minor, fee_minor, happened_at
from pay.sandbox_entries
where payout_id is null and account_id = $1 and currency = $2 and happened_at < $3
order by happened_at, id
"""
PAID_OUT = """
select id, account_id, kind, payment_id, source_id, currency, amount_minor, fee_minor, happened_at
from pay.sandbox_entries
where payout_id = $1
order by happened_at, id
"""
SET_PAID_OUT = "update pay.sandbox_entries set payout_id = $1 where id = any($2::text[])"


async def add_entry(tx: Tx, row: EntryRow) -> None:
    """Write a movement down."""
    await tx.execute(INSERT_ENTRY, *msgspec.structs.astuple(row))


async def unpaid_accounts(tx: Tx, before: datetime, account_id: UUID | None) -> list[tuple[UUID, str]]:
    """Accounts and currencies with movements that no payout holds."""
    return [tuple(row) for row in await tx.fetch(UNPAID_ACCOUNTS, before, account_id)]


async def unpaid(tx: Tx, account_id: UUID, currency: str, before: datetime) -> list[EntryRow]:
    """Movements that no payout holds, oldest first."""
    return await many(tx, EntryRow, UNPAID, account_id, currency, before)


async def paid_out(tx: Tx, payout_id: str) -> list[EntryRow]:
    """What a payout holds."""
    return await many(tx, EntryRow, PAID_OUT, payout_id)


INSERT_PAYOUT = """
insert into pay.sandbox_payouts (id, account_id, currency, amount_minor, arrives_on, created_at)
values ($1, $2, $3, $4, $5, $6)
"""
PAYOUTS = """
select id, account_id, currency, amount_minor, arrives_on, created_at
from pay.sandbox_payouts
where account_id = $1 and created_at >= $2
order by created_at, id
"""


async def add_payout(tx: Tx, row: PayoutRow, entries: list[str]) -> None:
    """Send the money of these movements."""
    await tx.execute(INSERT_PAYOUT, *msgspec.structs.astuple(row))
    await tx.execute(SET_PAID_OUT, row.id, entries)


async def payouts(tx: Tx, account_id: UUID, since: datetime) -> list[PayoutRow]:
    """Payouts of an account made since a moment, oldest first."""
    return await many(tx, PayoutRow, PAYOUTS, account_id, since)


INSERT_DISPUTE = """
insert into pay.sandbox_disputes
    (id, account_id, payment_id, amount_minor, fee_minor, status, ready_at, evidence_due_at, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
DISPUTE = """
select id, account_id, payment_id, amount_minor, fee_minor, status, ready_at, evidence_due_at, created_at
from pay.sandbox_disputes
where account_id = $1 and id = $2
"""
RIPE_DISPUTES = """
select id, account_id, payment_id, amount_minor, fee_minor, status, ready_at, evidence_due_at, created_at
from pay.sandbox_disputes
where ready_at <= $1
order by ready_at
limit 100
for update skip locked
"""
SET_DISPUTE = "update pay.sandbox_disputes set status = $2, ready_at = $3 where id = $1"


async def add_dispute(tx: Tx, row: DisputeRow) -> None:
    """Open a complaint."""
    await tx.execute(INSERT_DISPUTE, *msgspec.structs.astuple(row))


async def dispute(tx: Tx, account_id: UUID, dispute_id: str) -> DisputeRow | None:
    """A complaint about a payment of the account."""
    return await maybe(tx, DisputeRow, DISPUTE, account_id, dispute_id)


async def ripe_disputes(tx: Tx, now: datetime) -> list[DisputeRow]:
    """Complaints whose next step is due, held."""
    return await many(tx, DisputeRow, RIPE_DISPUTES, now)


async def set_dispute(tx: Tx, dispute_id: str, status: DisputeStatus, ready_at: datetime | None) -> None:
    """Move a complaint."""
    await tx.execute(SET_DISPUTE, dispute_id, status, ready_at)


INSERT_EVENT = "insert into pay.sandbox_events (id, account_id, body, created_at) values ($1, $2, $3, $4)"
UNDELIVERED = """
select id, body
from pay.sandbox_events
where delivered_at is null
order by created_at, id
limit $1
"""
SET_DELIVERED = "update pay.sandbox_events set delivered_at = $2 where id = any($1::text[])"


async def add_event(tx: Tx, event_id: str, account_id: UUID, body: dict[str, Any], at: datetime) -> None:
    """Have something to tell."""
    await tx.execute(INSERT_EVENT, event_id, account_id, body, at)


async def undelivered(tx: Tx, limit: int) -> list[EventRow]:
    """What has not been told, oldest first."""
    return await many(tx, EventRow, UNDELIVERED, limit)


async def set_delivered(tx: Tx, event_ids: list[str], at: datetime) -> None:
    """It has been told."""
    await tx.execute(SET_DELIVERED, event_ids, at)
