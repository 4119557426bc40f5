"""The SQL of delivery."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec

from common import clock
from common.db import Tx, many
from common.ids import floor_of
from services.notify.messages.states import pairs


class Waiting(msgspec.Struct, frozen=True):
    """A message that is to leave."""

    id: UUID
    service_id: UUID
    mode: str
    channel: Literal["email", "sms"]
    template_id: UUID
    template_version: int
    status: str
    personal: bytes | None
    recipient_index: bytes | None
    rate_multiplier: int
    created_at: datetime
    scheduled_for: datetime | None
    updated_at: datetime | None

    @property
    def due_at(self) -> datetime:
        return self.scheduled_for or self.created_at

    @property
    def patience_from(self) -> datetime:
        """From when retries are counted: when it was due, or when an operator replayed it."""
        # nothing but `reopen` sets updated_at and leaves a message `created`
        return self.due_at if self.updated_at is None else max(self.due_at, self.updated_at)


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """What is recorded of a try. status: where the message moves to. sent: the provider has it."""

    id: UUID
    status: str
    sent: bool
    provider: str | None = None
    provider_reference: str | None = None
    reason: str | None = None
    billable_units: int = 0


_WAITING = """
select id, service_id, mode, channel, template_id, template_version, status, personal, recipient_index,
       rate_multiplier, created_at, scheduled_for, updated_at
from notify.messages
where id = any($1)
  and id >= $2
  and id <= $3
"""


async def waiting(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, Waiting]:
    return {row.id: row for row in await many(tx, Waiting, _WAITING, ids, min(ids), max(ids))}


# A receipt may have overtaken us: then the status stays, and only what the try itself tells is filled in.
# Rows are locked in the order of their ids: receipts move the same rows, and two orders would deadlock.
_RECORD = """
with held as materialized (
    select id
    from notify.messages
    where id = any($1)
      and id >= $11
      and id <= $12
    order by id
    for update)
update notify.messages m
set status = case when (m.status, r.status) in (select * from unnest($8::text[], $9::text[]))
                  then r.status else m.status end,
    sent_at = case when r.sent then coalesce(m.sent_at, $10) else m.sent_at end,
    updated_at = $10,
    provider = coalesce(r.provider, m.provider),
    provider_reference = coalesce(r.reference, m.provider_reference),
    status_reason = coalesce(r.reason, m.status_reason),
    billable_units = greatest(m.billable_units, r.units)
from held
join unnest($1::uuid[], $2::text[], $3::boolean[], $4::text[], $5::text[], $6::text[], $7::smallint[])
    as r(id, status, sent, provider, reference, reason, units) on r.id = held.id
where m.id = held.id
  and m.id >= $11
  and m.id <= $12
"""
_BEFORE, _AFTER = pairs()


async def record(tx: Tx, endings: Sequence[Ending]) -> None:
    if not endings:
        return
    ids = [e.id for e in endings]
    await tx.execute(
        _RECORD,
        ids,
        [e.status for e in endings],
        [e.sent for e in endings],
        [e.provider for e in endings],
        [e.provider_reference for e in endings],
        [e.reason for e in endings],
        [e.billable_units for e in endings],
        _BEFORE,
        _AFTER,
        clock.now(),
        min(ids),
        max(ids),
    )


# oldest first and no further than the limit: behind what went out may stand thousands that wait for the same recipient
_RECENT = """
select r.recipient_index, s.sent
from unnest($1::bytea[]) as r(recipient_index)
cross join lateral (
    select count(*) as sent
    from (
        select
        from notify.messages m
        where m.recipient_index = r.recipient_index
          and m.id >= $2
          and m.sent_at > $3
          and m.mode = 'live'
        order by m.id
        limit $4) counted) s
where s.sent > 0
"""


async def recently_sent(tx: Tx, indexes: Sequence[bytes], limit: int | None = None) -> dict[bytes, int]:
    """How many messages went to each recipient (by blind index) in the last hour, counted up to `limit`."""
    since = clock.now() - timedelta(hours=1)
    rows = await tx.fetch(_RECENT, list(set(indexes)), floor_of(since - timedelta(hours=28)), since, limit)
    return {row[0]: row[1] for row in rows}


_REOPEN = """
update notify.messages
set status = 'created', status_reason = null, updated_at = $2
where id = any($1)
  and status = 'technical-failure'
  and personal is not null
"""


async def reopen(tx: Tx, ids: Sequence[UUID]) -> None:
    """Let failed messages wait again, whose work is back on the list; those past retention stay as they are."""
    await tx.execute(_REOPEN, list(ids), clock.now())
