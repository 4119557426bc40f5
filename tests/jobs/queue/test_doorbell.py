"""The doorbell: quick, silent when Redis is away, one bell for many rings."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from redis.asyncio import Redis

from common.queue import Doorbell, courier
from common.queue.metrics import RINGS


async def until(condition: Callable[[], object], within_s: float = 5) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass in time"
        await asyncio.sleep(0.005)


def rings(schema: str, outcome: str) -> float:
    return RINGS.labels(schema, "normal", outcome)._value.get()


@asynccontextmanager
async def hearing(redis_url: str, schema: str) -> AsyncIterator[list[str]]:
    heard: list[str] = []
    task = asyncio.create_task(courier.hear_bells(redis_url, schema, heard.append))
    try:
        yield heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_ring_reaches_a_listener_sooner_than_any_look_would(redis_url: str) -> None:
    async with hearing(redis_url, "notify") as heard, Doorbell(redis_url, "notify") as doorbell:
        doorbell.ring("normal")
        await until(lambda: heard)
        waits = []
        for count in range(2, 9):
            began = time.monotonic()
            doorbell.ring("normal")
            await until(lambda count=count: len(heard) == count)
            waits.append(time.monotonic() - began)
        assert sorted(waits)[3] < 0.25, "half the poll is 10 ms; the rest is for a busy machine"


async def test_many_rings_in_a_moment_are_one_bell(redis_url: str) -> None:
    async with Doorbell(redis_url, "notify") as doorbell:
        before = rings("notify", "rung")
        for _ in range(100):
            doorbell.ring("normal")
        await until(lambda: rings("notify", "rung") > before)
        doorbell.ring("normal")
    async with Redis.from_url(redis_url) as redis:
        assert await redis.zcard("colonnade:notify:bells") == 1


async def test_a_bell_heard_lets_the_next_one_through(redis_url: str) -> None:
    async with hearing(redis_url, "notify") as heard, Doorbell(redis_url, "notify") as doorbell:
        for count in (1, 2, 3):
            doorbell.ring("normal")
            await until(lambda count=count: len(heard) == count)


async def test_schemas_do_not_hear_each_others_bells(redis_url: str) -> None:
    async with hearing(redis_url, "platform") as other, hearing(redis_url, "notify") as heard:
        async with Doorbell(redis_url, "notify") as doorbell:
            doorbell.ring("normal")
            await until(lambda: heard)
        assert other == []


async def test_nothing_in_redis_is_pickled_or_kept(redis_url: str) -> None:
    async with Doorbell(redis_url, "notify") as doorbell, Redis.from_url(redis_url) as redis:
        before = rings("notify", "rung")
        doorbell.ring("normal")
        await until(lambda: rings("notify", "rung") > before)
        [key] = await redis.keys("arq:job:*")
        job = msgspec.msgpack.decode(await redis.get(key))
        assert list(job["a"]) == ["normal"]
        async with hearing(redis_url, "notify") as heard:
            await until(lambda: heard)
            deadline = time.monotonic() + 5
            while await redis.keys("arq:*"):
                assert time.monotonic() < deadline
                await asyncio.sleep(0.01)
        assert await redis.keys("*") == [], "the health key of a listener that left is gone too"


async def test_a_ring_without_redis_returns_at_once_and_raises_nothing(tmp_path: Path) -> None:
    before = rings("nowhere", "failed")
    async with Doorbell(f"unix://{tmp_path}/no.sock", "nowhere") as doorbell:
        began = time.monotonic()
        for _ in range(1000):
            doorbell.ring("normal")
        assert time.monotonic() - began < 0.2
        await until(lambda: rings("nowhere", "failed") > before)
        began = time.monotonic()
    assert time.monotonic() - began < 1
    doorbell.ring("normal")


async def test_a_redis_that_never_answers_holds_nobody_up() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    before = rings("silent", "failed")
    async with Doorbell(f"redis://127.0.0.1:{port}/0", "silent") as doorbell:
        began = time.monotonic()
        doorbell.ring("normal")
        assert time.monotonic() - began < 0.05
        await until(lambda: rings("silent", "failed") > before)
    server.close()
    await server.wait_closed()


async def test_a_task_that_swallows_a_cancel_is_ended_all_the_same() -> None:
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while swallowed < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed += 1
        await asyncio.Event().wait()

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await courier.end([task])
    assert task.cancelled()
