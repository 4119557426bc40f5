"""The SQL of retention."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from common.db import Tx, many
from common.ids import floor_of


class Due(msgspec.Struct, frozen=True):
    """A service's channel, how long it keeps personal data, and how far it was blanked before."""

    service_id: UUID
    channel: str
    days: int
    blanked_before: datetime | None


_DUE = """
select s.id, c.channel,
       case c.channel when 'email' then coalesce(n.retention_email_days, 7) else coalesce(n.retention_sms_days, 7) end,
       m.blanked_before
from platform.services s
cross join (values ('email'), ('sms')) as c(channel)
left join notify.service_settings n on n.service_id = s.id
left join notify.retention_marks m on m.service_id = s.id and m.channel = c.channel
order by s.id, c.channel
"""
# test messages go altogether; of the others the row stays, without whom and what
_BLANK = """
with expired as materialized (
    select id, mode
    from notify.messages
    where service_id = $1
      and key_type in ('live', 'team', 'test')
      and id >= $2
      and id < $3
      and channel = $4
      and personal is not null
    limit $5),
gone as (
    delete from notify.messages m
    using expired e
    where m.id = e.id
      and e.mode = 'test'
      and m.id >= $2
      and m.id < $3),
blanked as (
    update notify.messages m
    set personal = null, recipient_index = null
    from expired e
    where m.id = e.id
      and e.mode = 'live'
      and m.id >= $2
      and m.id < $3)
select count(*) from expired
"""
_MARK = """
insert into notify.retention_marks (service_id, channel, blanked_before)
values ($1, $2, $3)
on conflict (service_id, channel) do update
set blanked_before = greatest(notify.retention_marks.blanked_before, excluded.blanked_before)
"""
_LONG_AGO = UUID(int=0)


async def due(tx: Tx) -> list[Due]:
    return await many(tx, Due, _DUE)


async def blank(tx: Tx, item: Due, *, until: datetime, limit: int) -> int:
    """Blank up to `limit` messages older than `until`; gives how many were found."""
    since = _LONG_AGO if item.blanked_before is None else floor_of(item.blanked_before)
    found: int = await tx.fetchval(_BLANK, item.service_id, since, floor_of(until), item.channel, limit)
    return found


async def mark(tx: Tx, item: Due, until: datetime) -> None:
    await tx.execute(_MARK, item.service_id, item.channel, until)


_MAKE = "select notify.make_partitions($1)"
_DROP = "select notify.drop_partitions($1)"
_PURGE_UNSUBSCRIBES = "delete from notify.unsubscribe_requests where created_at < $1"


async def make_partitions(tx: Tx, weeks_ahead: int) -> int:
    """Make the weeks ahead that are missing; gives how many. Raises LockNotAvailableError after a second's wait."""
    made: int = await tx.fetchval(_MAKE, weeks_ahead)
    return made


async def drop_partitions(tx: Tx, ended_before: datetime) -> int:
    """Drop the weeks that ended before; gives how many. Locks all of messages: commit at once. Raises as above."""
    dropped: int = await tx.fetchval(_DROP, ended_before)
    return dropped


async def purge_unsubscribes(tx: Tx, before: datetime) -> None:
    await tx.execute(_PURGE_UNSUBSCRIBES, before)
