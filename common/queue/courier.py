"""The one module that knows arq (ADR 0002): how a bell is sent, and the worker that hears it.

A bell is an arq job that says "look at this lane". It carries no work: losing it costs at most the second until the
next look. While a bell is on its way the flag `bell:<schema>:<lane>` keeps others from being sent; the job removes the
flag before the lane is looked at, so that what is committed later rings again. Each bell has a job id of its own: arq
drops a job whose id is still running.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Iterable
from typing import Any, cast

import msgspec
from arq.connections import ArqRedis
from arq.worker import Worker, func
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff

_FLAG_MS = 1_000
_POLL_S = 0.02  # 1.7 % of a core when idle, half of it the median time to wake
_JOB_TIMEOUT_S = 5
_BELL_LIFE_MS = 60_000  # an old bell is of no use: the scans have been there
_HEALTH_S = 15
_REDIS_TIMEOUT_S = 5
_LAST_BELLS_S = 1
_CANCEL_AGAIN_S = 0.5


def _queue(schema: str) -> str:
    return f"colonnade:{schema}:bells"


def _flag(schema: str, lane: str) -> str:
    return f"bell:{schema}:{lane}"


def connect(redis_url: str, *, timeout_s: float = _REDIS_TIMEOUT_S) -> ArqRedis:
    """A client that connects when first used. msgpack on the wire: arq's own pickle would run what it reads."""
    client = cast(
        ArqRedis,
        ArqRedis.from_url(
            redis_url,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry_on_timeout=True,
            retry=Retry(ExponentialBackoff(cap=0.2, base=0.02), 2),
        ),
    )
    client.job_serializer = msgspec.msgpack.encode
    client.job_deserializer = msgspec.msgpack.decode
    client.expires_extra_ms = _BELL_LIFE_MS
    return client


async def send_bell(redis: ArqRedis, schema: str, lane: str) -> bool:
    """Wake one worker for a lane; False if a bell is already on its way."""
    if not await redis.set(_flag(schema, lane), b"1", nx=True, px=_FLAG_MS):
        return False
    await redis.enqueue_job("bell", lane, _queue_name=_queue(schema))
    return True


def _listener(redis: ArqRedis, schema: str, on_bell: Callable[[str], None]) -> Worker:
    async def bell(_context: dict[Any, Any], lane: str) -> None:
        try:
            await redis.delete(_flag(schema, lane))
        finally:
            on_bell(lane)

    return Worker(
        functions=[func(cast(Any, bell), name="bell", timeout=_JOB_TIMEOUT_S, keep_result=0, max_tries=2)],
        queue_name=_queue(schema),
        redis_pool=redis,
        handle_signals=False,
        keep_result=0,
        log_results=False,
        poll_delay=_POLL_S,
        max_jobs=10,
        job_timeout=_JOB_TIMEOUT_S,
        job_serializer=msgspec.msgpack.encode,
        job_deserializer=msgspec.msgpack.decode,
        expires_extra_ms=_BELL_LIFE_MS,
        health_check_interval=_HEALTH_S,
        health_check_key=f"colonnade:{schema}:worker:{socket.gethostname()}:{os.getpid()}",
    )


async def hear_bells(redis_url: str, schema: str, on_bell: Callable[[str], None]) -> None:
    """Call `on_bell(lane)` for each bell, until cancelled. Raises what Redis raises: the caller starts it again."""
    redis = connect(redis_url)
    listener = _listener(redis, schema, on_bell)
    running = asyncio.create_task(listener.main(), name="bells")
    try:
        await asyncio.wait([running])
    finally:
        await end([running])
        await _close(listener, redis)
    running.result()


async def end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel tasks until they end.

    Once is not enough: redis-py awaits each write by `asyncio.wait_for`, which before Python 3.12 swallows a cancel
    that meets the end of what it waits for (python/cpython#86296). Seen as a worker in twenty that would not stop.
    """
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_CANCEL_AGAIN_S)


async def _close(listener: Worker, redis: ArqRedis) -> None:
    """arq's own close() waits for Redis, which may be what we have just lost."""
    if tasks := set(listener.tasks.values()):
        # a bell is over in a moment; cut short, arq would still be writing while the connections are closed
        _, late = await asyncio.wait(tasks, timeout=_LAST_BELLS_S)
        for task in late:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    with contextlib.suppress(Exception):
        async with asyncio.timeout(1):
            await redis.delete(listener.health_check_key)
    with contextlib.suppress(Exception):
        await redis.aclose()
