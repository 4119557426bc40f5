"""Empties lanes: how many batches at a time, what wakes them, what a fault does, and how they stop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import structlog

from common.db.away import AWAY
from common.queue.metrics import CLAIMED, DRAIN_FAULTS

log = structlog.get_logger(__name__)

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 2.0
_LAST_WORDS_S = 5  # for a cancelled batch to give back what it holds


class Lane(NamedTuple):
    """A lane and who works on it.

    handler: claims one batch of the lane it is given, works on it, and gives how many rows it claimed; 0 ends the
    drain. A handler that is cancelled (the grace of a stopping process is over) gives back what it has not marked: see
    `common.queue.hold`. concurrency: batches in hand at the same time in this process.
    """

    name: str
    handler: Callable[[str], Awaitable[int]]
    concurrency: int = 1


class Drain:
    """The batches of one lane in one process.

    A kick starts one; a batch that found work starts the next beside it, up to the lane's concurrency, so that an idle
    lane costs one look and a full one gets all hands.
    """

    def __init__(self, schema: str, lane: Lane, stopping: asyncio.Event) -> None:
        self._lane = lane
        self._stopping = stopping
        self._labels = schema, lane.name
        self._tasks: set[asyncio.Task[None]] = set()
        self._look_again = False
        self._pause_s = _FIRST_PAUSE_S

    def kick(self) -> None:
        """There may be work: look, or look again if all hands are busy."""
        if self._stopping.is_set():
            return
        self._look_again = True
        if len(self._tasks) < self._lane.concurrency:
            task = asyncio.create_task(self._run(), name=f"drain-{self._lane.name}")
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        # a kick that came between the last look and this moment
        if self._look_again and not self._tasks:
            self.kick()

    async def _run(self) -> None:
        while not self._stopping.is_set():
            self._look_again = False
            claimed = await self._batch()
            if claimed:
                self.kick()
            elif claimed == 0 and not self._look_again:
                return

    async def _batch(self) -> int | None:
        """How many rows a batch claimed; None after a fault and a pause."""
        try:
            count = await self._lane.handler(self._lane.name)
        except AWAY as error:  # a traceback a second would say nothing new
            log.warning("queue.database_away", lane=self._lane.name, error=type(error).__name__)
        except Exception:  # a fault in one batch must not end the worker: its rows come back when the lease runs out
            log.exception("queue.batch_failed", lane=self._lane.name)
        else:
            self._pause_s = _FIRST_PAUSE_S
            if count:
                CLAIMED.labels(*self._labels).inc(count)
            return count
        DRAIN_FAULTS.labels(*self._labels).inc()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), self._pause_s)
        self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)
        return None

    async def finish(self, grace_s: float) -> None:
        """After `stopping` is set: wait for what is in hand, then cancel it, so that it gives back what it holds."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(set(self._tasks), timeout=grace_s)
        for task in late:
            task.cancel()
        if late:
            log.warning("queue.batches_cancelled", lane=self._lane.name, batches=len(late))
            await asyncio.wait(late, timeout=_LAST_WORDS_S)
