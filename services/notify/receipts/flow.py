"""Receipts move a message's state; duplicates and late ones change nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

import asyncpg

from common import clock
from common.db import Database
from services.notify.receipts import store
from services.notify.receipts.store import Receipt

Heard: TypeAlias = Literal["moved", "known", "unknown"]

PATIENCE = timedelta(hours=72)
_BATCH = 1_000
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


async def hear(connection: asyncpg.Connection, receipts: Sequence[Receipt]) -> list[Heard]:
    """Apply a group of receipts in their order, all or none."""
    async with connection.transaction():
        return await _hear(connection, receipts)


async def _hear(connection: asyncpg.Connection, receipts: Sequence[Receipt]) -> list[Heard]:
    answers: dict[int, Heard] = {}
    waiting = list(enumerate(receipts))
    while waiting:
        # one of each message at a time, so that pending → delivered in one group both count
        first: dict[object, tuple[int, Receipt]] = {}
        rest = []
        for place, receipt in waiting:
            if receipt.id in first:
                rest.append((place, receipt))
            else:
                first[receipt.id] = (place, receipt)
        moved, known = await store.apply(connection, [receipt for _, receipt in first.values()])
        for place, receipt in first.values():
            answers[place] = "moved" if receipt.id in moved else "known" if receipt.id in known else "unknown"
        waiting = rest
    return [answers[place] for place in range(len(receipts))]


async def end_overdue(database: Database) -> int:
    """After 72 h without a receipt a message counts as temporary-failure. A transaction for each thousand."""
    since, until = _LONG_AGO, clock.now() - PATIENCE
    ended = 0
    while True:
        async with database.transaction() as tx:
            batch = await store.time_out(tx, since=since, until=until, limit=_BATCH)
        ended += batch.count
        if batch.count < _BATCH or batch.last_sent_at is None:
            return ended
        # on from here, not over what the batches before left in the index
        since = batch.last_sent_at
