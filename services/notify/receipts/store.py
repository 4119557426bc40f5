"""The SQL of receipts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from common import clock
from common.db import Tx, one
from common.ids import floor_of
from services.notify.messages.states import REPORTABLE, pairs


class Receipt(msgspec.Struct, frozen=True):
    """What a provider says became of a message. status: one of the states a receipt can move to."""

    id: UUID
    status: str
    provider_reference: str | None = None


# the bounds on m.id let PostgreSQL leave out the partitions of other weeks
# rows are locked in the order of their ids, as the record of sending does: two orders would deadlock
_MOVE = """
with held as materialized (
    select id
    from notify.messages
    where id = any($1)
      and id >= $4
      and id <= $5
    order by id
    for update)
update notify.messages m
set status = r.status,
    provider_reference = coalesce(m.provider_reference, r.reference),
    sent_at = coalesce(m.sent_at, $8),
    updated_at = $8
from held
join unnest($1::uuid[], $2::text[], $3::text[]) as r(id, status, reference) on r.id = held.id
where m.id = held.id
  and m.id >= $4
  and m.id <= $5
  and (m.status, r.status) in (select * from unnest($6::text[], $7::text[]))
returning m.id
"""
_KNOWN = "select id from notify.messages where id = any($1) and id >= $2 and id <= $3"
# not every move of the table: only an operator's replay goes back to `created`, and no provider may ask for that
_BEFORE, _AFTER = pairs(REPORTABLE)


async def apply(tx: Tx, receipts: Sequence[Receipt]) -> tuple[set[UUID], set[UUID]]:
    """Move messages as reported, where the table of states allows it; gives the moved and the known ids.

    Of several receipts for one message in a call, any one that may move it wins: call again for the rest.
    """
    ids = [r.id for r in receipts]
    low, high = min(ids), max(ids)
    moved = await tx.fetch(
        _MOVE,
        ids,
        [r.status for r in receipts],
        [r.provider_reference for r in receipts],
        low,
        high,
        _BEFORE,
        _AFTER,
        clock.now(),
    )
    known = {row[0] for row in moved}
    if len(known) < len(set(ids)):
        rest = [i for i in ids if i not in known]
        known |= {row[0] for row in await tx.fetch(_KNOWN, rest, low, high)}
    return {row[0] for row in moved}, known


# walked along messages_awaiting_receipt; what was sent before $2 was made before it too, which spares later partitions
_OVERDUE = """
with late as (
    select id, sent_at
    from notify.messages
    where status in ('sending', 'pending')
      and sent_at >= $1
      and sent_at < $2
      and id < $3
    order by sent_at
    limit $4
    for update skip locked),
ended as (
    update notify.messages m
    set status = 'temporary-failure', status_reason = 'no receipt', updated_at = $5
    from late
    where m.id = late.id
      and m.id < $3)
select count(*), max(sent_at)
from late
"""


class Ended(msgspec.Struct, frozen=True):
    """How many messages a batch ended, and when the last of them was sent (None: there was none)."""

    count: int
    last_sent_at: datetime | None


async def time_out(tx: Tx, *, since: datetime, until: datetime, limit: int) -> Ended:
    """End up to `limit` messages that were sent from `since` to before `until` and never reported on, oldest first."""
    return await one(tx, Ended, _OVERDUE, since, until, floor_of(until), limit, clock.now())
