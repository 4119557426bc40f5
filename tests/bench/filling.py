"""Fill this week's partition with delivered messages, as a busy week would have left it, in minutes."""

from __future__ import annotations

import asyncpg

from tests.bench.load import Caller

_PARTITION = """
select c.relname, pg_get_expr(c.relpartbound, c.oid)
from pg_inherits i
join pg_class c on c.oid = i.inhrelid
where i.inhparent = 'notify.messages'::regclass
  and c.relname = 'messages_' || to_char(now() at time zone 'UTC', 'IYYY"w"IW')
"""
_INDEXES = """
select indexname, indexdef
from pg_indexes
where schemaname = 'notify' and tablename = $1
"""
# ids in order of time from the week's begin to now; recipients at random, each of them about five times
_ROWS = """
insert into notify.{part} (id, service_id, mode, key_type, channel, template_id, template_version, status, reference,
    recipient_index, personal, created_at, sent_at, updated_at, provider, billable_units, rate_multiplier)
select (lpad(to_hex(ms), 12, '0') || '7' || lpad(to_hex(n % 4096), 3, '0') || '8' || substr(random_hex, 1, 15))::uuid,
       $1, 'live', 'live', 'email', $2, 1, 'delivered', null,
       decode(md5((n * 7919 % recipients)::text), 'hex'), decode(repeat(random_hex, 8), 'hex'),
       at, at, at, 'smtp', 0, 1
from (
    select n, recipients, ms, to_timestamp(ms / 1000.0) as at, md5(n::text || 'bench') as random_hex
    from (
        select n, greatest($5::bigint / 5, 1) as recipients, begins + (ends - begins) * n / $5::bigint as ms
        from generate_series($3::bigint, $4::bigint) as n
        cross join (
            select (extract(epoch from date_trunc('week', now() at time zone 'UTC')) * 1000)::bigint as begins,
                   (extract(epoch from now()) * 1000)::bigint as ends) as week) as numbered) as timed
"""
_BATCH = 500_000


async def fill(dsn: str, caller: Caller, messages: int) -> None:
    """Put so many messages of one service into the partition of this week.

    The partition stands aside without its indexes meanwhile: built afterwards they cost a tenth.
    """
    connection = await asyncpg.connect(dsn, timeout=10, command_timeout=600)
    try:
        part, bounds = await connection.fetchrow(_PARTITION)
        indexes = await connection.fetch(_INDEXES, part)
        await connection.execute(f"alter table notify.messages detach partition notify.{part}")
        await connection.execute(f"alter table notify.{part} drop constraint {part}_pkey")
        for name, _ in indexes:
            await connection.execute(f"drop index if exists notify.{name}")
        for start in range(1, messages + 1, _BATCH):
            end = min(start + _BATCH - 1, messages)
            rows = _ROWS.format(part=part)
            await connection.execute(rows, caller.service_id, caller.template_id, start, end, messages)
        await connection.execute("set maintenance_work_mem = '512MB'")
        for name, definition in indexes:
            if name.endswith("_pkey"):
                await connection.execute(f"alter table notify.{part} add primary key (id)")
            else:
                await connection.execute(definition)
        await connection.execute(f"alter table notify.messages attach partition notify.{part} {bounds}")
        # what autovacuum would have done in the course of the week
        await connection.execute("vacuum (freeze, analyze) notify.messages")
        await connection.execute("checkpoint")
    finally:
        await connection.close()
