"""Notify's worker as a program: `python -m services.notify.worker`.

Delivers all lanes, ends what no receipt came for, blanks what is past retention, turns the partitions.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import uvloop

from common import clock, log
from common.db import Database
from common.http.idempotency import purge
from common.queue import WorkList
from common.queue.drain import Lane
from common.queue.ticks import Tick
from common.queue.worker import run_worker
from common.settings import SettingsError, exit_on, load_or_exit
from services.notify.channels.opening import open_email_channel, open_text_channel
from services.notify.context import Context
from services.notify.delivery.compose import Composer
from services.notify.delivery.flow import Deliverer
from services.notify.messages.accept import SIMULATED_LANE
from services.notify.receipts.flow import end_overdue
from services.notify.retention.flow import blank_expired, purge_unsubscribes, turn_partitions
from services.notify.settings import WorkerSettings

URGENCIES = ("priority", "normal", "bulk")
LANES = tuple(f"{channel}-{urgency}" for channel in ("email", "sms") for urgency in URGENCIES)
_WORK = WorkList("notify")
_HOUR_S = 3600.0
_BATCH = 5_000
_DEAD_KEPT = timedelta(days=90)


async def _purge_idempotency(database: Database) -> None:
    while True:
        async with database.transaction() as tx:
            if await purge(tx, "notify", timedelta(hours=24), _BATCH) < _BATCH:
                return


async def purge_dead(database: Database) -> int:
    """Forget work that was given up 90 days ago: its message is past every retention, nobody can replay it."""
    before = clock.now() - _DEAD_KEPT
    purged = 0
    while True:
        async with database.transaction() as tx:
            count = await _WORK.purge_dead(tx, before=before, limit=_BATCH)
        purged += count
        if count < _BATCH:
            return purged


def ticks(database: Database) -> Sequence[Tick]:
    """What runs by the clock, in one process at a time."""

    async def overdue() -> None:
        await end_overdue(database)

    async def expired() -> None:
        await blank_expired(database)

    async def partitions() -> None:
        await turn_partitions(database)

    async def idempotency() -> None:
        await _purge_idempotency(database)

    async def dead() -> None:
        await purge_dead(database)

    async def unsubscribes() -> None:
        await purge_unsubscribes(database)

    return [
        Tick(every_s=_HOUR_S, function=overdue, name="receipts-overdue"),
        Tick(every_s=_HOUR_S, function=idempotency, name="idempotency-purge"),
        Tick(every_s=6 * _HOUR_S, function=expired, name="retention"),
        # hourly, though weeks turn weekly: when a backup holds the table, the next try must not wait for the next one
        Tick(every_s=_HOUR_S, function=partitions, name="partitions"),
        Tick(every_s=24 * _HOUR_S, function=dead, name="dead-purge"),
        Tick(every_s=24 * _HOUR_S, function=unsubscribes, name="unsubscribe-purge"),
    ]


async def work(settings: WorkerSettings) -> None:
    """Deliver and keep house until the process is told to stop."""
    email, text = open_email_channel(settings.channels), open_text_channel(settings.channels)
    database = Database(
        settings.database_url,
        pool_size=settings.database_pool_size,
        pgbouncer=settings.database_pgbouncer,
        application="notify-worker",
    )
    deliverer = Deliverer(
        database,
        _WORK,
        Composer(Context(settings.notify, database, keys=settings.keys)),
        email=email,
        text=text,
        batch=settings.delivery_batch,
        hourly_limit=settings.attempts_per_recipient_hour,
    )

    async def shutdown() -> None:
        await email.close()
        await text.close()

    await run_worker(
        settings,
        name="Notify worker",
        schema="notify",
        database=database,
        lanes=[Lane(lane, deliverer.deliver, settings.delivery_concurrency) for lane in (*LANES, SIMULATED_LANE)],
        ticks=ticks(database),
        shutdown=shutdown,
        metrics=settings.metrics,
    )


def main() -> None:
    settings = load_or_exit(WorkerSettings)
    log.configure(settings)
    try:
        uvloop.run(work(settings))
    except SettingsError as error:
        exit_on(error)


if __name__ == "__main__":
    main()
