"""A worker process: bells wake it, a look every second catches what no bell announced, ticks do the housekeeping.

Redis may be away, wiped or restarted: bells fail, the looks go on. PostgreSQL may be restarted: batches fail and are
tried again. A worker that is killed loses its leases to the others. SIGTERM or SIGINT: nothing new is claimed, what is
in hand has the grace of the settings to end, the rest is given back.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Annotated

import msgspec
import structlog
from msgspec import Meta
from prometheus_client import start_http_server

from common.db import Database
from common.queue import courier
from common.queue.drain import Drain, Lane
from common.queue.metrics import BELLS, DEAD, DUE, LEASED, OLDEST_DUE, REDIS_LOST, WAITING
from common.queue.ticks import Tick, keep_ticking
from common.queue.work import WorkList
from common.settings import CommonSettings, Port

log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 1.0  # PostgreSQL is never polled faster
_STATS_EVERY_S = 15
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 5.0
_HEARD_LONG_ENOUGH_S = 10
_LAST_WORDS_S = 5  # for a cancelled tick

Hook = Callable[[], Awaitable[None]]


class WorkerMetricsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a worker's settings."""

    worker_metrics_port: Annotated[Port | None, Meta(description="Port of the worker's /metrics; unset: none.")] = None
    worker_metrics_host: Annotated[str, Meta(description="Address that the worker's /metrics listens on.")] = (
        "127.0.0.1"
    )


async def run_worker(
    settings: CommonSettings,
    *,
    name: str,
    schema: str,
    database: Database,
    lanes: Sequence[Lane],
    ticks: Sequence[Tick] = (),
    startup: Hook | None = None,
    shutdown: Hook | None = None,
    stopping: asyncio.Event | None = None,
    metrics: WorkerMetricsSettings | None = None,
) -> None:
    """Work on a schema's lanes until SIGTERM, SIGINT or `stopping`; prints `ready: <name>` once it does.

    database: not yet open; it is opened before `startup` and closed after `shutdown`. stopping: give one to let
    handlers see that they should not begin another chunk.
    """
    stopping = asyncio.Event() if stopping is None else stopping
    with _signals(stopping), ExitStack() as stack:
        async with database, _hooks(startup, shutdown):
            drains = {lane.name: Drain(schema, lane, stopping) for lane in lanes}
            jobs = [_hear(settings.redis_url, schema, drains), _look(drains)]
            if metrics is not None and metrics.worker_metrics_port is not None:
                server, _ = start_http_server(metrics.worker_metrics_port, metrics.worker_metrics_host)
                stack.callback(server.server_close)
                stack.callback(server.shutdown)
                jobs.append(_tell(database, schema))
            background = [asyncio.create_task(job) for job in jobs]
            ticking = [asyncio.create_task(keep_ticking(database, schema, tick, stopping)) for tick in ticks]
            sys.stdout.write(f"ready: {name}\n")
            sys.stdout.flush()
            try:
                await _until_stopped(stopping, background)
            finally:
                stopping.set()
                await _stop(background, ticking, drains, settings.shutdown_grace_s)


@contextmanager
def _signals(stopping: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    caught = (signal.SIGTERM, signal.SIGINT)
    for number in caught:
        loop.add_signal_handler(number, stopping.set)
    try:
        yield
    finally:
        for number in caught:
            loop.remove_signal_handler(number)


@asynccontextmanager
async def _hooks(startup: Hook | None, shutdown: Hook | None) -> AsyncIterator[None]:
    if startup is not None:
        await startup()
    try:
        yield
    finally:
        if shutdown is not None:
            await shutdown()


async def _until_stopped(stopping: asyncio.Event, background: Sequence[asyncio.Task[None]]) -> None:
    """Wait for the end. A background task that ends by itself is a bug: better to stop than to work half deaf."""
    stop = asyncio.create_task(stopping.wait())
    done, _ = await asyncio.wait([stop, *background], return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    for task in done - {stop}:
        task.result()


async def _stop(
    background: Sequence[asyncio.Task[None]],
    ticking: Sequence[asyncio.Task[None]],
    drains: dict[str, Drain],
    grace_s: float,
) -> None:
    ending = asyncio.create_task(courier.end(background))
    await asyncio.gather(_finish(ticking, grace_s), *(drain.finish(grace_s) for drain in drains.values()))
    await ending


async def _finish(tasks: Sequence[asyncio.Task[None]], grace_s: float) -> None:
    if not tasks:
        return
    _, late = await asyncio.wait(tasks, timeout=grace_s)
    for task in late:
        task.cancel()
    if late:
        await asyncio.wait(late, timeout=_LAST_WORDS_S)


async def _hear(redis_url: str, schema: str, drains: dict[str, Drain]) -> None:
    """Let bells kick their lanes; a lost Redis is tried again with growing pauses, the looks go on meanwhile."""

    def on_bell(lane: str) -> None:
        BELLS.labels(schema, lane).inc()
        if lane in drains:
            drains[lane].kick()

    pause_s = _FIRST_PAUSE_S
    while True:
        began = time.monotonic()
        try:
            await courier.hear_bells(redis_url, schema, on_bell)
        except Exception as error:
            REDIS_LOST.labels(schema).inc()
            log.warning("queue.redis_lost", error=type(error).__name__)
        if time.monotonic() - began > _HEARD_LONG_ENOUGH_S:
            pause_s = _FIRST_PAUSE_S
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)


async def _look(drains: dict[str, Drain]) -> None:
    """Look at every lane each second: for what fell due, and for what no bell announced."""
    while True:
        for drain in drains.values():
            drain.kick()
        await asyncio.sleep(_LOOK_EVERY_S)


async def _tell(database: Database, schema: str) -> None:
    """Keep the gauges of the work list fresh."""
    work_list = WorkList(schema)
    known: set[str] = set()
    while True:
        try:
            async with database.reading() as tx:
                lanes = await work_list.stats(tx)
        except Exception as error:  # the database is away; the next round tells again
            log.debug("queue.stats_failed", error=type(error).__name__)
            await asyncio.sleep(_STATS_EVERY_S)
            continue
        for gone in known - {lane.lane for lane in lanes}:
            # a lane that was emptied is in no row: its gauges must not keep their last value
            for gauge in (WAITING, DUE, OLDEST_DUE, LEASED, DEAD):
                gauge.labels(schema, gone).set(0)
        known |= {lane.lane for lane in lanes}
        for lane in lanes:
            WAITING.labels(schema, lane.lane).set(lane.waiting)
            DUE.labels(schema, lane.lane).set(lane.due)
            OLDEST_DUE.labels(schema, lane.lane).set(lane.oldest_due_age_s)
            LEASED.labels(schema, lane.lane).set(lane.leased)
            DEAD.labels(schema, lane.lane).set(lane.dead)
        await asyncio.sleep(_STATS_EVERY_S)
