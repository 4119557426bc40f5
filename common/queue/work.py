"""The work list of one schema: what is to be done stands in PostgreSQL, and commits with the change it belongs to.

Done is deleted; dead is moved to `work_dead` with the reason. A claim leases rows; whoever holds a lease that ran out
and was taken over can no longer mark, finish, move or bury the row, because each of these compares `leased_until` (the
claim's token) with the row's. So every one of them takes the Work that the claim gave, not a bare id.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import msgspec

from common import ids
from common.db import Tx, many
from common.queue.claim import Claims, Work, now_shift

_ADD = """
insert into {schema}.work (id, topic, ref, service_id, lane, due_at, trace)
select n.id, n.topic, n.ref, n.service_id, n.lane, coalesce(n.due_at, statement_timestamp() + $1), n.trace
  from unnest($2::uuid[], $3::text[], $4::uuid[], $5::uuid[], $6::text[], $7::timestamptz[], $8::text[])
    as n(id, topic, ref, service_id, lane, due_at, trace)
"""

_MARK = """
update {schema}.work w
   set in_flight_at = statement_timestamp() + $3
  from unnest($1::uuid[], $2::timestamptz[]) as held(id, leased_until)
 where w.id = held.id
   and w.leased_until = held.leased_until
   and w.leased_until > statement_timestamp() + $3
returning w.id
"""

_RENEW = """
update {schema}.work w
   set leased_until = statement_timestamp() + $3 + $4
  from unnest($1::uuid[], $2::timestamptz[]) as held(id, leased_until)
 where w.id = held.id
   and w.leased_until = held.leased_until
returning w.id, w.leased_until
"""

_DONE = """
delete from {schema}.work w
 using unnest($1::uuid[], $2::timestamptz[]) as held(id, leased_until)
 where w.id = held.id
   and w.leased_until = held.leased_until
returning w.id
"""

_MOVE = """
update {schema}.work w
   set due_at = held.due_at,
       last_error = coalesce(held.error, w.last_error),
       attempt = w.attempt + $5,
       leased_until = null,
       in_flight_at = null
  from unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::text[]) as held(id, leased_until, due_at, error)
 where w.id = held.id
   and w.leased_until = held.leased_until
returning w.id
"""

_RELEASE = """
update {schema}.work w
   set leased_until = null
  from unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[]) as held(id, leased_until, in_flight_at)
 where w.id = held.id
   and w.leased_until = held.leased_until
   and w.in_flight_at is not distinct from held.in_flight_at
returning w.id
"""

_BURY = """
with gone as (
    delete from {schema}.work w
     using unnest($1::uuid[], $2::timestamptz[], $3::text[]) as held(id, leased_until, reason)
     where w.id = held.id
       and w.leased_until = held.leased_until
    returning w.id, w.topic, w.ref, w.service_id, w.lane, w.attempt + 1, held.reason, w.trace, w.created_at
)
insert into {schema}.work_dead (id, topic, ref, service_id, lane, attempt, reason, trace, created_at)
select * from gone
returning id
"""

_REPLAY = """
with chosen as (
    select id
      from {schema}.work_dead
     where ($1::uuid[] is null or id = any($1))
       and ($2::text is null or topic = $2)
       and ($5::uuid is null or service_id = $5)
     order by id
     limit $3
       for update skip locked
), back as (
    delete from {schema}.work_dead d
     using chosen
     where d.id = chosen.id
    returning d.id, d.topic, d.ref, d.service_id, d.lane, d.reason, d.trace, d.created_at
)
insert into {schema}.work (id, topic, ref, service_id, lane, due_at, last_error, trace, created_at)
select id, topic, ref, service_id, lane, statement_timestamp() + $4, reason, trace, created_at
  from back
returning id
"""

_PURGE_DEAD = """
with old as (
    select id
      from {schema}.work_dead
     where died_at < $1
     order by died_at
     limit $2
       for update skip locked
)
delete from {schema}.work_dead d
 using old
 where d.id = old.id
returning d.id
"""

_DEAD = """
select id, topic, ref, service_id, lane, attempt, reason, trace, created_at, died_at
  from {schema}.work_dead
 where ($1::uuid is null or id < $1)
   and ($2::text is null or topic = $2)
   and ($4::uuid is null or service_id = $4)
   and ($5::timestamptz is null or died_at < $5)
 order by id desc
 limit $3
"""

_STATS = """
select coalesce(w.lane, d.lane), coalesce(w.waiting, 0), coalesce(w.due, 0),
       coalesce(extract(epoch from (statement_timestamp() + $1 - w.oldest_due_at)), 0)::float8,
       coalesce(w.leased, 0), coalesce(d.dead, 0)
  from (select lane,
               count(*) as waiting,
               count(*) filter (where greatest(due_at, leased_until) <= statement_timestamp() + $1) as due,
               min(due_at) filter (where due_at <= statement_timestamp() + $1) as oldest_due_at,
               count(*) filter (where leased_until > statement_timestamp() + $1) as leased
          from {schema}.work
         group by lane) w
  full join (select lane, count(*) as dead from {schema}.work_dead group by lane) d on d.lane = w.lane
 order by 1
"""

_CANCEL = """
delete from {schema}.work
 where topic = $2
   and ref = $1
   and (leased_until is null or leased_until <= statement_timestamp() + $3)
   and in_flight_at is null"""

_BY_ID = " and id = $1 returning id"
_RETURNING = " returning id"
_BEGUN = "select true from {schema}.work where id = $1 and ref = $1 and topic = $2"


class NewWork(NamedTuple):
    """Work to be added. due_at None: at once. id: None for a new one."""

    topic: str
    ref: UUID
    service_id: UUID
    lane: str
    due_at: datetime | None = None
    id: UUID | None = None
    trace: str | None = None


class DeadWork(msgspec.Struct, frozen=True):
    """Work that was given up: `reason` is a short code or text without personal data, `attempt` the tries made."""

    id: UUID
    topic: str
    ref: UUID
    service_id: UUID
    lane: str
    attempt: int
    reason: str
    trace: str | None
    created_at: datetime
    died_at: datetime


class LaneStats(msgspec.Struct, frozen=True):
    """How a lane stands.

    waiting: all rows, scheduled and leased ones included; due: free to be claimed now; leased: held by a worker;
    oldest_due_age_s: how long the oldest row that should be done by now is late (leased ones included); dead: buried.
    """

    lane: str
    waiting: int
    due: int
    oldest_due_age_s: float
    leased: int
    dead: int


class WorkList:
    """The SQL of one schema's work table. Every call runs in the caller's transaction."""

    def __init__(self, schema: str) -> None:
        if not schema.isidentifier():
            raise ValueError("not the name of a schema")
        self.schema = schema
        self._claims = Claims(schema)

    def _sql(self, template: str) -> str:
        return template.format(schema=self.schema)

    async def add(
        self,
        tx: Tx,
        *,
        topic: str,
        ref: UUID,
        service_id: UUID,
        lane: str,
        due_at: datetime | None = None,
        id: UUID | None = None,  # noqa: A002
        trace: str | None = None,
    ) -> UUID:
        """Put one thing to do on the list and give its id. Work that may be cancelled is added with `id=ref`."""
        return (await self.add_many(tx, [NewWork(topic, ref, service_id, lane, due_at, id, trace)]))[0]

    async def add_many(self, tx: Tx, works: Iterable[NewWork]) -> list[UUID]:
        """Put many things on the list in one statement; their ids in the same order."""
        rows = [work._replace(id=work.id or ids.uuid7()) for work in works]
        if not rows:
            return []
        columns = zip(*((w.id, w.topic, w.ref, w.service_id, w.lane, w.due_at, w.trace) for w in rows), strict=True)
        await tx.execute(self._sql(_ADD), now_shift(), *(list(column) for column in columns))
        return [row.id for row in rows if row.id is not None]

    async def claim(
        self, tx: Tx, lane: str, *, limit: int, lease_s: float, topics: Sequence[str] | None = None
    ) -> list[Work]:
        """Lease up to `limit` due rows for `lease_s` seconds, shared evenly between the services that wait.

        A row whose lease ran out is due again. Commit before working on what was claimed. `topics` narrows within a
        lane; a lane in which other topics make up most of the rows is slow: give them a lane of their own.
        """
        return await self._claims.take(tx, lane, limit, lease_s, topics)

    async def mark_in_flight(self, tx: Tx, works: Sequence[Work]) -> set[UUID]:
        """Say that the provider is about to be called for these. Commit, then call: only for the ids given back.

        Those missing from the answer are no longer ours (the lease ran out): leave them alone.
        """
        rows = await tx.fetch(self._sql(_MARK), *_tokens(works), now_shift())
        return {row[0] for row in rows}

    async def renew(self, tx: Tx, works: Sequence[Work], *, lease_s: float) -> dict[UUID, Work]:
        """Hold these for `lease_s` seconds from now; gives those still ours, by id, with their new lease."""
        rows = await tx.fetch(self._sql(_RENEW), *_tokens(works), now_shift(), timedelta(seconds=lease_s))
        until = {row[0]: row[1] for row in rows}
        return {w.id: msgspec.structs.replace(w, leased_until=until[w.id]) for w in works if w.id in until}

    async def done(self, tx: Tx, works: Sequence[Work]) -> set[UUID]:
        """Take finished work off the list; gives the ids that were still ours."""
        rows = await tx.fetch(self._sql(_DONE), *_tokens(works))
        return {row[0] for row in rows}

    async def reschedule(self, tx: Tx, moves: Sequence[tuple[Work, datetime, str]]) -> set[UUID]:
        """A try failed and another is to follow: (work, due_at, error code). Counts the try, clears lease and mark."""
        return await self._move(tx, moves, tries=1)

    async def defer(self, tx: Tx, moves: Sequence[tuple[Work, datetime, str | None]]) -> set[UUID]:
        """Not now, and no fault of this work (provider down, limit reached): as reschedule, but no try is counted."""
        return await self._move(tx, moves, tries=0)

    async def _move(self, tx: Tx, moves: Sequence[tuple[Work, datetime, str | None]], *, tries: int) -> set[UUID]:
        due, errors = [move[1] for move in moves], [move[2] for move in moves]
        rows = await tx.fetch(self._sql(_MOVE), *_tokens([move[0] for move in moves]), due, errors, tries)
        return {row[0] for row in rows}

    async def release(self, tx: Tx, works: Sequence[Work]) -> set[UUID]:
        """Give claims back untouched (a worker that stops). Finished, moved or newly marked ones stay as they are."""
        rows = await tx.fetch(self._sql(_RELEASE), *_tokens(works), [work.in_flight_at for work in works])
        return {row[0] for row in rows}

    async def bury(self, tx: Tx, lost: Sequence[tuple[Work, str]]) -> set[UUID]:
        """Give work up: (work, reason). It stands in `work_dead` until it is replayed."""
        rows = await tx.fetch(self._sql(_BURY), *_tokens([work for work, _ in lost]), [reason for _, reason in lost])
        return {row[0] for row in rows}

    async def replay(
        self,
        tx: Tx,
        *,
        ids: Sequence[UUID] | None = None,
        topic: str | None = None,
        service_id: UUID | None = None,
        limit: int = 1000,
    ) -> list[UUID]:
        """Put buried work back, due at once and with its tries uncounted, oldest first; gives its ids."""
        chosen = None if ids is None else list(ids)
        rows = await tx.fetch(self._sql(_REPLAY), chosen, topic, limit, now_shift(), service_id)
        return [row[0] for row in rows]

    async def dead(
        self,
        tx: Tx,
        *,
        limit: int = 100,
        cursor: UUID | None = None,
        topic: str | None = None,
        service_id: UUID | None = None,
        died_before: datetime | None = None,
    ) -> list[DeadWork]:
        """Buried work, newest first. cursor: the id of the last one of the page before. service_id: None for all."""
        return await many(tx, DeadWork, self._sql(_DEAD), cursor, topic, limit, service_id, died_before)

    async def purge_dead(self, tx: Tx, *, before: datetime, limit: int) -> int:
        """Forget up to `limit` works that were buried before a moment, longest dead first; gives how many."""
        return len(await tx.fetch(self._sql(_PURGE_DEAD), before, limit))

    async def stats(self, tx: Tx) -> list[LaneStats]:
        """How each lane stands. Reads the whole table (0.2 s for a million rows): for people and a slow tick."""
        return await many(tx, LaneStats, self._sql(_STATS), now_shift())

    async def cancel(self, tx: Tx, *, topic: str, ref: UUID) -> bool:
        """Take work off the list before anyone began it; False if it is leased, was marked, or is not there.

        Quick for work that was added with `id=ref`; other work is found by reading the whole table.
        """
        arguments = ref, topic, now_shift()
        if await tx.fetchval(self._sql(_CANCEL + _BY_ID), *arguments) is not None:
            return True
        if await tx.fetchval(self._sql(_BEGUN), ref, topic):
            return False
        return await tx.fetchval(self._sql(_CANCEL + _RETURNING), *arguments) is not None


def _tokens(works: Sequence[Work]) -> tuple[list[UUID], list[datetime]]:
    return [work.id for work in works], [work.leased_until for work in works]
