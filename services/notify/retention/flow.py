"""Blank what is past its retention, and turn the partitions of messages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import asyncpg
import structlog

from common import clock
from common.db import Database, Tx
from services.notify.retention import store

log = structlog.get_logger(__name__)

_BATCH = 1_000
_WEEKS_AHEAD = 8
_LONGEST_RETENTION = timedelta(days=90)
_UNSUBSCRIBES_KEPT = timedelta(days=365)


async def blank_expired(database: Database) -> int:
    """Blank every service's expired personal data, a transaction for each thousand; gives how many messages."""
    total = 0
    async with database.reading() as tx:
        waiting = await store.due(tx)
    for item in waiting:
        until = clock.now() - timedelta(days=item.days)
        if item.blanked_before is not None and item.blanked_before >= until:
            continue
        while True:
            async with database.transaction() as tx:
                count = await store.blank(tx, item, until=until, limit=_BATCH)
                if count < _BATCH:
                    await store.mark(tx, item, until)
            total += count
            if count < _BATCH:
                break
    if total:
        log.info("retention.blanked", messages=total)
    return total


async def turn_partitions(database: Database) -> None:
    """Keep eight weeks of partitions ahead; drop weeks that ended before the longest retention."""
    ended_before = clock.now() - _LONGEST_RETENTION - timedelta(days=7)
    made = await _unless_locked(database, "make", lambda tx: store.make_partitions(tx, _WEEKS_AHEAD))
    dropped = await _unless_locked(database, "drop", lambda tx: store.drop_partitions(tx, ended_before))
    if made or dropped:
        log.info("partitions.turned", made=made, dropped=dropped)


async def _unless_locked(database: Database, change: str, work: Callable[[Tx], Awaitable[int]]) -> int:
    """A transaction for each change: none waits for a lock while it holds that of another. 0 if it was not its turn."""
    try:
        async with database.transaction() as tx:
            return await work(tx)
    except asyncpg.LockNotAvailableError:
        # a backup or a long query reads the table; the next tick tries again
        log.info("partitions.locked", change=change)
        return 0


async def purge_unsubscribes(database: Database) -> None:
    """Forget requests to unsubscribe after a year."""
    async with database.transaction() as tx:
        await store.purge_unsubscribes(tx, clock.now() - _UNSUBSCRIBES_KEPT)
