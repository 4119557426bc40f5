"""A cache that is never older than it promises, for rows that every request needs.

A value younger than `refresh_s` is served; between `refresh_s` and `max_age_s` it is served while one task reads it
anew; past `max_age_s` callers wait for the read. Age counts from before the read began, so a change is seen everywhere
within `max_age_s`. One read a key at a time; the least recently used keys leave when it is full.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from common.lru import Lru

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

MAX_AGE_S = 1.5
_REFRESH_SHARE = 0.6


class FreshCache(Generic[K, V]):
    """Values of `load(key)`, at most `max_age_s` old. `load` may raise; nothing is kept then.

    weigh: about how many bytes a value takes; budget: how many all may take together (see `Lru`).
    """

    def __init__(
        self,
        load: Callable[[K], Awaitable[V]],
        *,
        max_age_s: float = MAX_AGE_S,
        max_size: int = 10_000,
        weigh: Callable[[V], int] | None = None,
        budget: int | None = None,
    ) -> None:
        self._load = load
        self._max_age_s = max_age_s
        self._refresh_s = max_age_s * _REFRESH_SHARE
        self._kept: Lru[K, tuple[float, V]] = Lru(
            max_size=max_size, weigh=None if weigh is None else lambda kept: weigh(kept[1]), budget=budget
        )
        self._reading: dict[K, asyncio.Task[V]] = {}

    def peek(self, key: K) -> V | None:
        """The value if it is fresh enough to serve at once (starting a refresh if it ages), else None."""
        kept = self._kept.use(key)
        if kept is None:
            return None
        age = time.monotonic() - kept[0]
        if age >= self._max_age_s:
            return None
        if age >= self._refresh_s and key not in self._reading:
            self._read(key)
        return kept[1]

    async def get(self, key: K) -> V:
        """The value, read now if there is no fresh one. Raises what `load` raises."""
        value = self.peek(key)
        if value is not None:
            return value
        while True:
            started = time.monotonic()
            task = self._reading.get(key) or self._read(key)
            # shield: one caller that goes away must not take the read from the others
            value = await asyncio.shield(task)
            kept = self._kept.use(key)
            if kept is None or kept[0] + self._max_age_s > started:
                return value

    def forget(self, key: K) -> None:
        """Drop a key, so that this process reads it anew."""
        self._kept.drop(key)

    def _read(self, key: K) -> asyncio.Task[V]:
        task = asyncio.create_task(self._read_and_keep(key))
        self._reading[key] = task
        task.add_done_callback(lambda done: self._settle(key, done))
        return task

    async def _read_and_keep(self, key: K) -> V:
        began = time.monotonic()
        value = await self._load(key)
        self._kept.keep(key, (began, value))
        return value

    def _settle(self, key: K, task: asyncio.Task[V]) -> None:
        if self._reading.get(key) is task:
            del self._reading[key]
        with contextlib.suppress(asyncio.CancelledError):
            task.exception()  # seen here: a refresh in the background has no other reader
