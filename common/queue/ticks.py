"""Maintenance by the clock: purges, time-outs, partitions."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import structlog

from common.db import Database
from common.queue.metrics import TICKS

log = structlog.get_logger(__name__)

_LATEST_FIRST_S = 5
_LOCK = "select pg_try_advisory_xact_lock(hashtextextended($1, 0))"
# held open while the function runs; it has read nothing, so it holds up no vacuum
_NO_TIMEOUT = "set local idle_in_transaction_session_timeout = 0"


class Tick(NamedTuple):
    """Something to do every so often, in one process at a time.

    function: opens its own transactions; it must bear being run more often than asked for (each process keeps its own
    time) and being cut short. The first run comes soon after the start.
    """

    every_s: float
    function: Callable[[], Awaitable[object]]
    name: str


async def keep_ticking(database: Database, schema: str, tick: Tick, stopping: asyncio.Event) -> None:
    """Run a tick in its rhythm until `stopping` is set."""
    wait_s = random.uniform(0, min(tick.every_s, _LATEST_FIRST_S))  # noqa: S311
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), wait_s)
        if stopping.is_set():
            return
        try:
            outcome = "ran" if await _run_alone(database, schema, tick) else "elsewhere"
        except Exception:  # it comes round again
            log.exception("queue.tick_failed", tick=tick.name)
            outcome = "failed"
        TICKS.labels(schema, tick.name, outcome).inc()
        wait_s = tick.every_s


async def _run_alone(database: Database, schema: str, tick: Tick) -> bool:
    """False if another process is at it."""
    # not of the pool: as many ticks as the pool has connections would each hold one and wait for another for ever
    connection = await database.connect()
    try:
        async with connection.transaction():
            if not await connection.fetchval(_LOCK, f"tick:{schema}:{tick.name}"):
                return False
            await connection.execute(_NO_TIMEOUT)
            await tick.function()
            return True
    finally:
        await connection.close()
