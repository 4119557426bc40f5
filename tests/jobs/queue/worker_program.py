"""A worker as a process of its own, for the tests that kill it: each row's effect is a row in public.effects."""

from __future__ import annotations

import asyncio
import os

from common.db import Database
from common.queue import WorkList
from common.queue.drain import Lane
from common.queue.hold import holding
from common.queue.worker import WorkerMetricsSettings, run_worker
from common.settings import CommonSettings, load

LIST = WorkList("notify")


class Settings(CommonSettings, frozen=True, kw_only=True):
    """effect_s: how long the call to the provider takes."""

    effect_s: float = 0.0
    lease_s: float = 2.0
    batch: int = 20


async def deliver(database: Database, settings: Settings, lane: str) -> int:
    async with database.transaction() as tx:
        works = await LIST.claim(tx, lane, limit=settings.batch, lease_s=settings.lease_s)
    async with holding(database, LIST, works, lease_s=settings.lease_s) as hold:
        for start in range(0, len(works), 5):
            chunk = works[start : start + 5]
            async with hold.turn, database.transaction() as tx:
                marked = await LIST.mark_in_flight(tx, hold.now(chunk))
            await asyncio.sleep(settings.effect_s)
            async with database.transaction() as tx:
                await tx.execute("insert into public.effects select unnest($1::uuid[]), $2", list(marked), os.getpid())
            async with hold.turn, database.transaction() as tx:
                await LIST.done(tx, hold.now(work for work in chunk if work.id in marked))
            hold.settle(chunk)
    return len(works)


async def main() -> None:
    settings = load(Settings)
    database = Database(settings.database_url, pool_size=4)

    async def handler(lane: str) -> int:
        return await deliver(database, settings, lane)

    lanes = [Lane("priority", handler, 1), Lane("normal", handler, 2)]
    await run_worker(
        settings,
        name="tested worker",
        schema="notify",
        database=database,
        lanes=lanes,
        metrics=load(WorkerMetricsSettings),
    )


if __name__ == "__main__":
    asyncio.run(main())
