"""The SQL of resealing messages, and of what `doctor` asks about Notify."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from common.db import Tx
from common.tenancy.store import SealedRow

_SEALED = """
select id, service_id, personal, recipient_index
from notify.messages
where id > $1
  and personal is not null
order by id
limit $2
"""
# only where the row still holds what was read: one whose personal data was blanked meanwhile must stay blank.
# the bounds let PostgreSQL pass over the weeks that the batch does not touch
_RESEAL = """
with renewed as (
    update notify.messages m
    set personal = n.personal, recipient_index = n.recipient_index
    from unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::bytea[]) as n(id, was, personal, recipient_index)
    where m.id = n.id
      and m.personal = n.was
      and m.id >= $5
      and m.id <= $6
    returning m.id, m.service_id, m.mode, m.recipient_index)
update notify.unsubscribe_requests u
set recipient_index = r.recipient_index
from renewed r
where u.message_id = r.id
  and u.service_id = r.service_id
  and u.mode = r.mode
"""
# the first moment that no partition holds, out of the upper bounds of all of them
_LAST_WEEK = """
select max(to_date(substr(c.relname, 10), 'IYYY"w"IW'))  - (now() at time zone 'UTC')::date
from pg_inherits i
join pg_class c on c.oid = i.inhrelid
where i.inhparent = 'notify.messages'::regclass
"""


async def sealed_messages(tx: Tx, after: UUID, limit: int) -> list[SealedRow]:
    return [SealedRow(row[0], row[1], row[2], (row[3],)) for row in await tx.fetch(_SEALED, after, limit)]


async def reseal_messages(tx: Tx, pairs: Sequence[tuple[SealedRow, SealedRow]]) -> None:
    """(as read, as it shall be), in order of id; requests to unsubscribe follow their message's index."""
    await tx.execute(
        _RESEAL,
        [old.id for old, _ in pairs],
        [old.blob for old, _ in pairs],
        [new.blob for _, new in pairs],
        [new.indexes[0] for _, new in pairs],
        pairs[0][0].id,
        pairs[-1][0].id,
    )


async def days_ahead(tx: Tx) -> int | None:
    """Days until the Monday of the last week that messages have a partition for; None without partitions."""
    days: int | None = await tx.fetchval(_LAST_WEEK)
    return days
