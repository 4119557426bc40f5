"""How a batch of due work is picked: fairly between services, and quickly whatever waits.

A claim walks the services of a lane by a loose index scan (one index probe a service, however many rows it has) and
takes an equal share of each. What small services leave is shared again among those that have more. A lane with more
services than the batch has places serves them in turn: the next claim starts after the last service served.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from common import clock
from common.db import Tx

_FIRST_SERVICE = UUID(int=0)

# the fields of Work, in order
COLUMNS = "w.id, w.topic, w.ref, w.service_id, w.lane, w.due_at, w.attempt, w.in_flight_at, w.trace, w.leased_until"

# $1 lane, $2 now's shift, $3 topics, $4 lease, $5 most services, $6 services after this one, $7 limit
_CLAIM = """
with recursive walk as (
    (select w.service_id, greatest(w.due_at, w.leased_until) as due_at
       from {schema}.work w
      where w.lane = $1 and w.service_id > $6
      order by w.service_id, greatest(w.due_at, w.leased_until)
      limit 1)
    union all
    select next.service_id, next.due_at
      from walk
     cross join lateral (
           select w.service_id, greatest(w.due_at, w.leased_until) as due_at
             from {schema}.work w
            where w.lane = $1 and w.service_id > walk.service_id
            order by w.service_id, greatest(w.due_at, w.leased_until)
            limit 1) next
), turn as materialized (
    select service_id
      from walk
     where due_at <= statement_timestamp() + $2
     limit $5
), taken as materialized (
    select picked.id
      from turn
     cross join lateral (
           select w.id
             from {schema}.work w
            where w.lane = $1
              and w.service_id = turn.service_id
              and greatest(w.due_at, w.leased_until) <= statement_timestamp() + $2
              and ($3::text[] is null or w.topic = any($3))
            order by greatest(w.due_at, w.leased_until)
            limit (select greatest(1, $7::bigint / greatest(1, (select count(*) from turn))))
              for update skip locked) picked
)
update {schema}.work w
   set leased_until = statement_timestamp() + $2 + $4
 where w.id = any(array(select id from taken))
returning (select count(*) from turn), (select service_id from turn order by service_id desc limit 1), {columns}
"""

# what small services left, for those that filled their share: $5 the services, $6 the rows each may still have
_TAKE_MORE = """
with taken as materialized (
    select picked.id
      from unnest($5::uuid[]) turn(service_id)
     cross join lateral (
           select w.id
             from {schema}.work w
            where w.lane = $1
              and w.service_id = turn.service_id
              and greatest(w.due_at, w.leased_until) <= statement_timestamp() + $2
              and ($3::text[] is null or w.topic = any($3))
            order by greatest(w.due_at, w.leased_until)
            limit $6
              for update skip locked) picked
)
update {schema}.work w
   set leased_until = statement_timestamp() + $2 + $4
 where w.id = any(array(select id from taken))
returning {columns}
"""

# The index gives every row in order. Left to itself the planner, with figures from a time when the table was small,
# may sort a million rows instead.
_ONLY_THE_INDEX = "set local enable_seqscan = off; set local enable_bitmapscan = off; set local enable_sort = off"
_ANY_PLAN = "set local enable_seqscan = on; set local enable_bitmapscan = on; set local enable_sort = on"


class Work(msgspec.Struct, frozen=True):
    """One thing to do: a topic and the row it is about. Ids only, never personal data.

    lane: by urgency; due_at: not before; attempt: tries that have ended so far.
    in_flight_at: when the call to a provider was marked. Set on a fresh claim, it means that an earlier holder died
    with the call under way: it may or may not have gone out.
    leased_until: the claim's token. Every claim of a row gives a later one, so it is what tells a holder from the one
    who took over after its lease ran out.
    """

    id: UUID
    topic: str
    ref: UUID
    service_id: UUID
    lane: str
    due_at: datetime
    attempt: int
    in_flight_at: datetime | None
    trace: str | None
    leased_until: datetime


def now_shift() -> timedelta:
    """How far the tests have set our clock from the real one; zero in production.

    Leases and due times are compared by PostgreSQL's clock plus this, so that workers whose clocks differ agree.
    """
    shift_s = clock.epoch_s() - time.time()
    return timedelta(seconds=shift_s) if abs(shift_s) > 0.001 else timedelta()


class Claims:
    """Picks the batches of one schema's work table; remembers whose turn it is in lanes with very many services."""

    def __init__(self, schema: str) -> None:
        self._first = _CLAIM.format(schema=schema, columns=COLUMNS)
        self._more = _TAKE_MORE.format(schema=schema, columns=COLUMNS)
        self._turn: dict[str, UUID] = {}

    async def take(self, tx: Tx, lane: str, limit: int, lease_s: float, topics: Iterable[str] | None) -> list[Work]:
        """Lease up to `limit` due rows of a lane, oldest first in the answer."""
        arguments = [lane, now_shift(), None if topics is None else list(topics), timedelta(seconds=lease_s)]
        await tx.execute(_ONLY_THE_INDEX)
        start = self._turn.pop(lane, _FIRST_SERVICE)
        found = await self._round(tx, arguments, limit, start)
        if start != _FIRST_SERVICE and lane not in self._turn and len(found) < limit:
            found += await self._round(tx, arguments, limit - len(found), _FIRST_SERVICE)
        await tx.execute(_ANY_PLAN)
        return sorted(found, key=lambda work: (work.due_at, work.id))

    async def _round(self, tx: Tx, arguments: list[Any], limit: int, start: UUID) -> list[Work]:
        rows = await tx.fetch(self._first, *arguments, limit, start, limit)
        if not rows:
            return []
        services, last = rows[0][0], rows[0][1]
        if services == limit:
            self._turn[arguments[0]] = last
        found = [Work(*tuple(row)[2:]) for row in rows]
        share = max(1, limit // services)
        while (left := limit - len(found)) > 0 and (hungry := _filled(rows, share)):
            share = max(1, left // len(hungry))
            rows = await tx.fetch(self._more, *arguments, hungry[:left], share)
            found += [Work(*row) for row in rows]
        return found


def _filled(rows: Iterable[Any], share: int) -> list[UUID]:
    """The services that filled their share and so may have more."""
    had = Counter(row["service_id"] for row in rows)
    return [service for service, count in had.items() if count >= share]
