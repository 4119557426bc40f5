"""How a worker empties its lanes and keeps its ticks, in one process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from common.db import Database
from common.ids import uuid7
from common.queue import NewWork, Work, WorkList
from common.queue.drain import Drain, Lane
from common.queue.hold import holding
from common.queue.ticks import Tick, keep_ticking

LIST = WorkList("notify")


async def until(condition: Callable[[], object], within_s: float = 5) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass in time"
        await asyncio.sleep(0.002)


class Batches:
    """A handler over a number of rows, ten a batch; `gate` lets batches end, `faults` makes the first ones fail."""

    def __init__(self, rows: int, *, faults: int = 0) -> None:
        self.rows = rows
        self.faults = faults
        self.looks = 0
        self.at_once = self.most_at_once = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, _lane: str) -> int:
        self.looks += 1
        if self.faults:
            self.faults -= 1
            raise ValueError("a fault in the handler")
        taken = min(self.rows, 10)
        self.rows -= taken
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        await self.gate.wait()
        self.at_once -= 1
        return taken


def drain_of(batches: Batches, concurrency: int = 1) -> tuple[Drain, asyncio.Event]:
    stopping = asyncio.Event()
    return Drain("notify", Lane("normal", batches, concurrency), stopping), stopping


async def test_a_kick_empties_the_lane() -> None:
    batches = Batches(95)
    drain, _ = drain_of(batches)
    drain.kick()
    await until(lambda: batches.rows == 0 and not drain._tasks)
    assert batches.most_at_once == 1


async def test_an_idle_lane_costs_one_look_a_kick() -> None:
    batches = Batches(0)
    drain, _ = drain_of(batches, concurrency=4)
    for looks in (1, 2, 3):
        drain.kick()
        await until(lambda: not drain._tasks)
        assert batches.looks == looks


async def test_a_full_lane_gets_all_hands_and_no_more() -> None:
    batches = Batches(1000)
    drain, _ = drain_of(batches, concurrency=3)
    drain.kick()
    await until(lambda: batches.rows == 0 and not drain._tasks)
    assert batches.most_at_once == 3


async def test_a_kick_while_all_hands_are_busy_is_not_forgotten() -> None:
    batches = Batches(0)
    drain, _ = drain_of(batches)
    batches.gate.clear()
    drain.kick()
    await until(lambda: batches.looks == 1)
    batches.rows = 5
    drain.kick()
    batches.gate.set()
    await until(lambda: batches.rows == 0)


async def test_a_fault_does_not_end_the_lane() -> None:
    batches = Batches(20, faults=2)
    drain, _ = drain_of(batches)
    drain.kick()
    await until(lambda: batches.rows == 0 and not drain._tasks)


async def test_after_stopping_nothing_new_is_begun() -> None:
    batches = Batches(1000)
    drain, stopping = drain_of(batches)
    batches.gate.clear()
    drain.kick()
    await until(lambda: batches.looks == 1)
    stopping.set()
    drain.kick()
    batches.gate.set()
    await drain.finish(5)
    assert (batches.looks, batches.rows) == (1, 990)


async def test_a_cancelled_claim_is_free_for_others_at_once(db: Database) -> None:
    async with db.transaction() as tx:
        await LIST.add_many(tx, [NewWork("deliver", uuid7(), uuid7(), "normal") for _ in range(4)])
        held = await LIST.claim(tx, "normal", limit=10, lease_s=60)

    async def work() -> None:
        async with holding(db, LIST, held, lease_s=60):
            async with db.transaction() as tx:
                await LIST.mark_in_flight(tx, held[:1])
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await asyncio.wait([task], timeout=0.2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with db.transaction() as tx:
        again: list[Work] = await LIST.claim(tx, "normal", limit=10, lease_s=60)
    assert {work.id for work in again} == {work.id for work in held[1:]}


async def test_a_tick_runs_in_one_process_at_a_time(db: Database) -> None:
    running = most = runs = 0
    stopping = asyncio.Event()

    async def purge() -> None:
        nonlocal running, most, runs
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.02)
        running -= 1
        runs += 1

    tick = Tick(0.01, purge, "purge")
    # each has a connection and so a lock of its own, as processes have
    processes = [asyncio.create_task(keep_ticking(db, "notify", tick, stopping)) for _ in range(4)]
    await until(lambda: runs >= 5)
    stopping.set()
    await asyncio.gather(*processes)
    assert most == 1


async def test_ticks_of_other_schemas_and_names_do_not_wait_for_each_other(db: Database) -> None:
    stopping, meeting = asyncio.Event(), asyncio.Barrier(3)

    async def meet() -> None:
        await meeting.wait()
        stopping.set()

    ticks = [("notify", "purge"), ("notify", "receipts"), ("platform", "purge")]
    async with asyncio.timeout(5):
        await asyncio.gather(*(keep_ticking(db, schema, Tick(0.01, meet, name), stopping) for schema, name in ticks))


async def test_a_tick_that_fails_comes_round_again(db: Database) -> None:
    stopping = asyncio.Event()
    runs = 0

    async def fails() -> None:
        nonlocal runs
        runs += 1
        if runs == 3:
            stopping.set()
        raise ValueError("a fault in the tick")

    async with asyncio.timeout(5):
        await keep_ticking(db, "notify", Tick(0.01, fails, "purge"), stopping)
    assert runs == 3


async def test_ticks_at_once_do_not_use_up_the_pool_that_they_work_with(database_url: str) -> None:
    stopping, meeting = asyncio.Event(), asyncio.Barrier(4)

    async with Database(database_url, pool_size=1) as database, asyncio.timeout(10):

        async def purge() -> None:
            await meeting.wait()  # all four are at it and hold their locks
            async with database.transaction() as tx:
                await tx.execute("select 1")
            stopping.set()

        names = ("overdue", "idempotency", "retention", "partitions")
        await asyncio.gather(*(keep_ticking(database, "notify", Tick(0.01, purge, name), stopping) for name in names))
