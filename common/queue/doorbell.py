"""Tells the workers that a lane has new work. A bell may be lost without harm: workers look once a second anyway."""

from __future__ import annotations

import asyncio
import contextlib

import structlog
from arq.connections import ArqRedis
from redis.exceptions import RedisError

from common.queue import courier
from common.queue.metrics import RINGS

log = structlog.get_logger(__name__)

_TIMEOUT_S = 0.2  # for each answer of Redis
_GIVE_UP_S = 2
_PAUSE_AFTER_FAULT_S = 0.5
# under load a lane rings with every group: one ring every 10 ms wakes the workers as well as a thousand a second
_PAUSE_AFTER_RING_S = 0.01
_LAST_RINGS_S = 0.2  # what close() waits for


class Doorbell:
    """One process's bell push. `ring` returns at once, never raises, and many rings in a moment become one."""

    def __init__(self, redis_url: str, schema: str) -> None:
        self._redis_url = redis_url
        self._schema = schema
        self._redis: ArqRedis | None = None
        self._wanted: set[str] = set()
        self._ringing: asyncio.Task[None] | None = None

    async def open(self) -> Doorbell:
        """Get ready; Redis need not be there yet."""
        self._redis = courier.connect(self._redis_url, timeout_s=_TIMEOUT_S)
        return self

    async def close(self) -> None:
        """Send what is still to be rung, if that is quick."""
        redis, self._redis = self._redis, None
        if self._ringing is not None:
            await asyncio.wait([self._ringing], timeout=_LAST_RINGS_S)
            self._wanted.clear()
            await courier.end([self._ringing])
        if redis is not None:
            with contextlib.suppress(RedisError, OSError):
                await redis.aclose()

    async def __aenter__(self) -> Doorbell:
        return await self.open()

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def ring(self, lane: str) -> None:
        """Say that work for a lane has been committed (never before the commit: the worker would find nothing)."""
        if self._redis is None:
            return
        self._wanted.add(lane)
        if self._ringing is None or self._ringing.done():
            self._ringing = asyncio.create_task(self._send(self._redis), name="doorbell")

    async def _send(self, redis: ArqRedis) -> None:
        while self._wanted:
            lane = self._wanted.pop()
            try:
                async with asyncio.timeout(_GIVE_UP_S):
                    sent = await courier.send_bell(redis, self._schema, lane)
            except (RedisError, OSError, TimeoutError) as error:
                RINGS.labels(self._schema, lane, "failed").inc()
                log.debug("doorbell.failed", error=type(error).__name__)
                # a Redis that is away is not asked again for every request
                await asyncio.sleep(_PAUSE_AFTER_FAULT_S)
            else:
                RINGS.labels(self._schema, lane, "rung" if sent else "pending").inc()
                if not self._wanted:
                    await asyncio.sleep(_PAUSE_AFTER_RING_S)
