"""A worker process meets kill -9, SIGTERM, a wiped or absent Redis and a restarted PostgreSQL. Nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx
import pytest
from redis.asyncio import Redis

from common.ids import uuid7
from common.queue import Doorbell, NewWork, WorkList
from common.testing.private import PrivateServers

LIST = WorkList("notify")
PROGRAM = Path(__file__).with_name("worker_program.py")
ROOT = Path(__file__).parents[3]


class Suite:
    """Servers of this test's own, and the workers it started on them."""

    def __init__(self, servers: PrivateServers, keyring: str) -> None:
        self.servers = servers
        self._keyring = keyring
        self.workers: list[subprocess.Popen[str]] = []

    def start_worker(self, **settings: str) -> subprocess.Popen[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "DATABASE_URL": self.servers.database_url,
            "REDIS_URL": self.servers.redis_url,
            "KEYS": self._keyring,
            "SHUTDOWN_GRACE_S": "2",
            **settings,
        }
        worker = subprocess.Popen([sys.executable, PROGRAM], env=environment, stdout=subprocess.PIPE, text=True)
        self.workers.append(worker)
        assert worker.stdout is not None
        # whatever it logs comes before; an end of the output means that it died
        while (line := worker.stdout.readline()) != "ready: tested worker\n":
            assert line, "the worker died"
        return worker

    async def execute(self, sql: str) -> None:
        connection = await asyncpg.connect(self.servers.database_url)
        await connection.execute(sql)
        await connection.close()

    async def add(self, count: int) -> set[UUID]:
        connection = await asyncpg.connect(self.servers.database_url)
        works = [NewWork("deliver", uuid7(), uuid7(), "normal") for _ in range(count)]
        ids = await LIST.add_many(connection, works)
        await connection.close()
        return set(ids)

    async def effects(self) -> list[UUID]:
        connection = await asyncpg.connect(self.servers.database_url)
        rows = await connection.fetch("select id from public.effects")
        await connection.close()
        return [row[0] for row in rows]

    async def waiting(self) -> int:
        connection = await asyncpg.connect(self.servers.database_url)
        count: int = await connection.fetchval("select count(*) from notify.work")
        await connection.close()
        return count

    async def all_done(self) -> bool:
        return await self.waiting() == 0


async def until(condition: Callable[[], Awaitable[object]], within_s: float = 20) -> None:
    deadline = time.monotonic() + within_s
    while not await condition():
        assert time.monotonic() < deadline, "it did not come to pass in time"
        await asyncio.sleep(0.02)


@pytest.fixture
def _started(private_servers: Callable[..., PrivateServers], keyring: str) -> Iterator[Suite]:
    suite = Suite(private_servers(), keyring)
    yield suite
    for worker in suite.workers:
        with contextlib.suppress(ProcessLookupError):
            worker.kill()
        worker.wait()
        assert worker.stdout is not None
        worker.stdout.close()


@pytest.fixture
async def suite(_started: Suite) -> Suite:
    await _started.execute("create table public.effects (id uuid not null, pid int not null)")
    return _started


async def test_what_a_killed_worker_held_is_taken_over(suite: Suite) -> None:
    ids = await suite.add(200)
    doomed = suite.start_worker(EFFECT_S="0.05")
    await until(lambda: has_effects(suite, 20))
    doomed.kill()
    doomed.wait()
    in_flight = await marked(suite)
    suite.start_worker()
    await until(suite.all_done)
    effects = await suite.effects()
    assert set(effects) == ids
    twice = {work_id for work_id in effects if effects.count(work_id) > 1}
    assert twice <= in_flight, "only what was on its way at the kill may go out twice"


async def has_effects(suite: Suite, count: int) -> bool:
    return len(await suite.effects()) >= count


async def marked(suite: Suite) -> set[UUID]:
    connection = await asyncpg.connect(suite.servers.database_url)
    rows = await connection.fetch("select id from notify.work where in_flight_at is not null")
    await connection.close()
    return {row[0] for row in rows}


async def test_a_wiped_redis_loses_nothing_and_bells_ring_again(suite: Suite) -> None:
    suite.start_worker(EFFECT_S="0.01")
    ids = await suite.add(300)
    async with Redis.from_url(suite.servers.redis_url) as redis, Doorbell(suite.servers.redis_url, "notify") as bell:
        bell.ring("normal")
        for _ in range(10):
            await redis.flushall()
            await asyncio.sleep(0.02)
        await until(suite.all_done)
        assert sorted(await suite.effects()) == sorted(ids)
        await until(lambda: rung_within(suite, bell, 0.3))


async def rung_within(suite: Suite, bell: Doorbell, seconds: float) -> bool:
    """Whether new work is done sooner than a look each second explains; tried until it is."""
    before = len(await suite.effects())
    # right after a look, so that the next one is a second away
    await suite.add(1)
    await until(lambda: has_effects(suite, before + 1))
    began = time.monotonic()
    await suite.add(1)
    bell.ring("normal")
    await until(lambda: has_effects(suite, before + 2))
    return time.monotonic() - began < seconds


async def test_without_redis_work_goes_on_and_with_it_bells_come_back(suite: Suite) -> None:
    suite.start_worker()
    suite.servers.redis.kill()
    ids = await suite.add(50)
    await until(suite.all_done, within_s=10)
    suite.servers.redis.start()
    async with Doorbell(suite.servers.redis_url, "notify") as bell:
        await until(lambda: rung_within(suite, bell, 0.3), within_s=30)
    assert ids <= set(await suite.effects())


async def test_a_worker_starts_without_redis(suite: Suite) -> None:
    suite.servers.redis.kill()
    suite.start_worker()
    await suite.add(5)
    await until(suite.all_done, within_s=10)


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_a_restarted_postgresql_loses_nothing(suite: Suite, how: str) -> None:
    ids = await suite.add(300)
    worker = suite.start_worker(EFFECT_S="0.02")
    await until(lambda: has_effects(suite, 20))
    getattr(suite.servers.postgres, how)()
    suite.servers.postgres.start()
    await until(suite.all_done)
    assert set(await suite.effects()) == ids
    assert worker.poll() is None, "the worker itself went on"


async def test_sigterm_finishes_what_is_in_hand_and_claims_no_more(suite: Suite) -> None:
    await suite.add(500)
    worker = suite.start_worker(EFFECT_S="0.1", LEASE_S="60")
    await until(lambda: has_effects(suite, 10))
    worker.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(worker.wait, 10) == 0
    left, effects = await suite.waiting(), await suite.effects()
    assert left > 0
    assert len(effects) == len(set(effects)) == 500 - left
    connection = await asyncpg.connect(suite.servers.database_url)
    assert await connection.fetchval("select count(*) from notify.work where leased_until is not null") == 0
    await connection.close()


async def test_what_outlasts_the_grace_is_given_back_unless_it_is_marked(suite: Suite) -> None:
    await suite.add(40)
    worker = suite.start_worker(EFFECT_S="30", LEASE_S="60", SHUTDOWN_GRACE_S="1")

    async def begun() -> bool:
        return len(await marked(suite)) == 10

    await until(begun)
    began = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(worker.wait, 10) == 0
    assert time.monotonic() - began < 6
    connection = await asyncpg.connect(suite.servers.database_url)
    held = await connection.fetch("select in_flight_at is not null from notify.work where leased_until is not null")
    await connection.close()
    assert [row[0] for row in held] == [True] * 10


async def test_metrics_are_served_when_a_port_is_set(suite: Suite) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    await suite.add(3)
    suite.start_worker(WORKER_METRICS_PORT=str(port))
    await until(suite.all_done)
    async with httpx.AsyncClient() as client:
        text = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
    assert 'colonnade_queue_claimed_total{lane="normal",schema="notify"} 3.0' in text
