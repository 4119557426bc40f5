"""The SQL of messages: the accept statement, reading and listing.

What is personal (recipient, personalisation, addresses) stands in one sealed blob a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from common.crypto import Crypto
from common.db import Tx, many, maybe

TABLE = "notify.messages"


class Personal(msgspec.Struct, frozen=True, array_like=True):
    """The sealed part of a message. New fields go last, with a default: old blobs stay readable.

    to: as the caller wrote it. recipient: normalised. sender: reply-to address or text sender, None for the default
    of the moment. unsubscribe_url: the caller's own one-click link.
    """

    to: str
    recipient: str
    personalisation: dict[str, Any]
    sender: str | None = None
    unsubscribe_url: str | None = None


_write_personal = msgspec.msgpack.Encoder().encode
_read_personal = msgspec.msgpack.Decoder(Personal).decode


def seal(crypto: Crypto, personal: Personal, *, row: UUID, service: UUID) -> bytes:
    return crypto.seal(_write_personal(personal), table=TABLE, row=row, service=service)


def unseal(crypto: Crypto, blob: bytes, *, row: UUID, service: UUID) -> Personal:
    """Raises common.crypto.UnreadableBlob."""
    return _read_personal(crypto.open(blob, table=TABLE, row=row, service=service))


# accepting -----------------------------------------------------------------


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A message about to be stored, with the work of delivering it (of the same id)."""

    id: UUID
    service_id: UUID
    mode: str
    key_type: str
    channel: str
    template_id: UUID
    template_version: int
    reference: str | None
    recipient_index: bytes
    personal: bytes
    created_at: datetime
    scheduled_for: datetime | None
    rate_multiplier: int
    lane: str
    topic: str
    trace: str | None
    idempotency_key: str | None = None
    request_hash: bytes | None = None

    @property
    def operation(self) -> str:
        return f"send-{self.channel}"


_TRIES = 3


class EarlierGone(Exception):
    """An Idempotency-Key was taken when we wrote and gone when we looked."""


class Stored(msgspec.Struct, frozen=True):
    """What became of a draft: stored under its own id, or met by an earlier one with the same Idempotency-Key."""

    id: UUID
    is_replay: bool = False
    request_hash: bytes | None = None


_INPUT = """
    select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::int[],
        $8::text[], $9::bytea[], $10::bytea[], $11::timestamptz[], $12::timestamptz[], $13::smallint[],
        $14::text[], $15::text[], $16::text[])
        as t(id, service_id, mode, key_type, channel, template_id, template_version, reference, recipient_index,
             personal, created_at, scheduled_for, rate_multiplier, lane, topic, trace)
"""
_MESSAGES = """
    insert into notify.messages (id, service_id, mode, key_type, channel, template_id, template_version, status,
        reference, recipient_index, personal, created_at, scheduled_for, rate_multiplier)
    select id, service_id, mode, key_type, channel, template_id, template_version, 'created', reference,
        recipient_index, personal, created_at, scheduled_for, rate_multiplier
"""
_WORK = """
    insert into notify.work (id, topic, ref, service_id, lane, due_at, trace)
    select id, topic, id, service_id, lane, coalesce(scheduled_for, now()), trace
"""

_ACCEPT = f"""
with input as materialized ({_INPUT}),
messages as ({_MESSAGES} from input)
{_WORK} from input
"""

# keys sorted: unsorted, two lanes deadlock on each other's unique entries
_ACCEPT_KEYED = f"""
with input as materialized (
    select t.*, k.key, k.request_hash
    from ({_INPUT}) t
    left join unnest($17::uuid[], $18::text[], $19::bytea[]) as k(message_id, key, request_hash)
        on k.message_id = t.id),
won as (
    insert into notify.idempotency (service_id, mode, operation, key, request_hash, resource_id)
    select service_id, mode, 'send-' || channel, key, request_hash, id
    from input
    where key is not null
    order by service_id, mode, channel, key
    on conflict do nothing
    returning resource_id),
winners as materialized (
    select *
    from input
    where key is null or id in (select resource_id from won)),
messages as ({_MESSAGES} from winners),
work as ({_WORK} from winners)
select id from winners
"""

_EARLIER = """
select k.id, i.resource_id, i.request_hash
from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[]) as k(id, service_id, mode, operation, key)
join notify.idempotency i using (service_id, mode, operation, key)
"""


def _columns(drafts: Sequence[Draft]) -> tuple[list[Any], ...]:
    return (
        [d.id for d in drafts],
        [d.service_id for d in drafts],
        [d.mode for d in drafts],
        [d.key_type for d in drafts],
        [d.channel for d in drafts],
        [d.template_id for d in drafts],
        [d.template_version for d in drafts],
        [d.reference for d in drafts],
        [d.recipient_index for d in drafts],
        [d.personal for d in drafts],
        [d.created_at for d in drafts],
        [d.scheduled_for for d in drafts],
        [d.rate_multiplier for d in drafts],
        [d.lane for d in drafts],
        [d.topic for d in drafts],
        [d.trace for d in drafts],
    )


async def accept(connection: asyncpg.Connection, drafts: Sequence[Draft]) -> list[Stored]:
    """Store a group of messages with their work and their Idempotency-Keys, all or none."""
    keyed = [d for d in drafts if d.idempotency_key is not None]
    if not keyed:
        await connection.execute(_ACCEPT, *_columns(drafts))
        return [Stored(d.id) for d in drafts]
    for _ in range(_TRIES):
        try:
            async with connection.transaction():
                return await _accept_keyed(connection, drafts, keyed)
        except EarlierGone:
            continue
    raise EarlierGone


async def _accept_keyed(
    connection: asyncpg.Connection, drafts: Sequence[Draft], keyed: Sequence[Draft]
) -> list[Stored]:
    rows = await connection.fetch(
        _ACCEPT_KEYED,
        *_columns(drafts),
        [d.id for d in keyed],
        [d.idempotency_key for d in keyed],
        [d.request_hash for d in keyed],
    )
    won = {row[0] for row in rows}
    losers = [d for d in keyed if d.id not in won]
    earlier: dict[UUID, Stored] = {}
    if losers:
        found = await connection.fetch(
            _EARLIER,
            [d.id for d in losers],
            [d.service_id for d in losers],
            [d.mode for d in losers],
            [d.operation for d in losers],
            [d.idempotency_key for d in losers],
        )
        earlier = {row[0]: Stored(row[1], is_replay=True, request_hash=row[2]) for row in found}
    if any(d.id not in earlier for d in losers):
        # the purge took the earlier entry between the two statements: let the whole group try again
        raise EarlierGone
    return [Stored(d.id) if d.id in won or d.idempotency_key is None else earlier[d.id] for d in drafts]


_SEEN = """
select resource_id, true, request_hash
from notify.idempotency
where service_id = $1 and mode = $2 and operation = $3 and key = $4
"""


async def seen(tx: Tx, service_id: UUID, mode: str, operation: str, key: str) -> Stored | None:
    """What an earlier request with this Idempotency-Key stored."""
    return await maybe(tx, Stored, _SEEN, service_id, mode, operation, key)


# reading -------------------------------------------------------------------


class MessageRow(msgspec.Struct, frozen=True):
    id: UUID
    service_id: UUID
    key_type: str
    channel: str
    template_id: UUID
    template_version: int
    status: str
    reference: str | None
    personal: bytes | None
    billable_units: int
    rate_multiplier: int
    created_at: datetime
    scheduled_for: datetime | None
    sent_at: datetime | None
    updated_at: datetime | None


_COLUMNS = """id, service_id, key_type, channel, template_id, template_version, status, reference, personal,
    billable_units, rate_multiplier, created_at, scheduled_for, sent_at, updated_at"""

# personal is null: the retention period is over, the message is gone for its readers
_MESSAGE = f"""
select {_COLUMNS}
from notify.messages
where id = $1
  and service_id = $2
  and personal is not null
"""
_PAGE_OF = f"""
select {_COLUMNS}
from notify.messages
where service_id = $1
  {{by_reference}}
  and key_type = $2
  and id < $3
  and personal is not null
  and ($4::text[] is null or channel = any($4))
  and ($5::text[] is null or status = any($5))
order by id desc
limit $6
"""
_PAGE = _PAGE_OF.format(by_reference="")
_PAGE_BY_REFERENCE = _PAGE_OF.format(by_reference="and reference = $7")
_LAST = UUID(int=(1 << 128) - 1)


async def message(tx: Tx, service_id: UUID, message_id: UUID) -> MessageRow | None:
    return await maybe(tx, MessageRow, _MESSAGE, message_id, service_id)


async def page(
    tx: Tx,
    service_id: UUID,
    key_type: str,
    *,
    older_than: UUID | None,
    channels: Sequence[str] | None,
    statuses: Sequence[str] | None,
    reference: str | None,
    limit: int,
) -> list[MessageRow]:
    """A service's messages sent with one type of key, newest first. older_than: an id, exclusive."""
    args = [service_id, key_type, older_than or _LAST, channels or None, statuses or None, limit]
    if reference is None:
        return await many(tx, MessageRow, _PAGE, *args)
    return await many(tx, MessageRow, _PAGE_BY_REFERENCE, *args, reference)


_CANCEL = """
with cancelled as (
    delete from notify.work w
    using notify.messages m
    where w.id = $1
      and w.service_id = $2
      and m.id = $1
      and ($4::text is null or m.mode = $4)
      and w.leased_until is null
      and w.attempt = 0
      and w.due_at > $3
    returning w.id)
update notify.messages
set status = 'cancelled', updated_at = $3
where id = $1
  and service_id = $2
  and status = 'created'
  and scheduled_for is not null
  and exists (select from cancelled)
returning id
"""


async def cancel(tx: Tx, service_id: UUID, mode: str | None, message_id: UUID, at: datetime) -> bool:
    """Take a scheduled message back; False if it is due, gone out, was never scheduled, or is of the other mode."""
    return await tx.fetchval(_CANCEL, message_id, service_id, at, mode) is not None
