"""Delivery receipts: what became of each message, posted to Notify as a phone network or a mail relay would.

A receipt that is not taken is tried again for five minutes: 404 (Notify has not committed the message yet), 429 and 5xx
each by itself; while Notify cannot be reached at all, everything waits together.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import logging
import random
import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import count

import httpx
import msgspec

from common import clock
from deploy.local.inbox.messages import Channel, Kept, Outcome

log = logging.getLogger("inbox.receipts")

DELAY_S = 0.1  # a message takes this long to "arrive"
GIVE_UP_S = 300.0
MOST_WAITING = 20_000
_AT_ONCE = 8
_LONGEST_WAIT_S = 10.0
_TIMEOUT_S = 10.0


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The body of `POST /v1/receipts/{text|email}`. id: Notify's message id. at: when the outcome was known."""

    id: str
    provider_reference: str
    status: Outcome
    at: datetime


class _Due(msgspec.Struct):
    channel: Channel
    body: bytes
    give_up_at: float
    attempt: int = 0


def _wait_s(attempt: int) -> float:
    """Seconds before the next try, with jitter: 0.2, 0.4, 0.8 … at most 10."""
    return min(_LONGEST_WAIT_S, 0.2 * 2.0 ** min(attempt, 10)) * random.uniform(0.75, 1.25)  # noqa: S311


class ReceiptPoster:
    """Posts receipts over kept-open connections, a few at a time, none sooner than `DELAY_S` after arrival."""

    def __init__(self, base_url: str, token: str) -> None:
        self._client = httpx.AsyncClient(
            base_url=base_url.rstrip("/"),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            timeout=_TIMEOUT_S,
            limits=httpx.Limits(max_connections=_AT_ONCE, max_keepalive_connections=_AT_ONCE),
            trust_env=False,
        )
        self._queue: list[tuple[float, int, _Due]] = []
        self._order = count()
        self._wake = asyncio.Event()
        self._unreachable = 0
        self._paused_until = 0.0
        self._ready: asyncio.Queue[_Due] = asyncio.Queue(maxsize=_AT_ONCE)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to post."""
        self._tasks = [asyncio.create_task(self._post_forever()) for _ in range(_AT_ONCE)]
        self._tasks.append(asyncio.create_task(self._hand_out()))

    async def stop(self) -> None:
        """Drop what still waits and close the connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.aclose()

    def offer(self, kept: Kept) -> None:
        """Queue the receipt of a message, if the message carries an id of Notify's."""
        if kept.message is None:
            return
        if len(self._queue) >= MOST_WAITING:
            log.warning("%d receipts are waiting already: one was dropped", MOST_WAITING)
            return
        receipt = Receipt(
            id=kept.message,
            provider_reference=kept.reference,
            status=kept.outcome,
            at=kept.received_at + timedelta(seconds=DELAY_S),
        )
        now = time.monotonic()
        self._push(now + DELAY_S, _Due(kept.channel, msgspec.json.encode(receipt), now + GIVE_UP_S))

    def offer_again(self, newest_first: Iterable[Kept]) -> None:
        """Queue the receipts of the last minutes once more after a restart, as some may not have gone out."""
        since = clock.now() - timedelta(seconds=GIVE_UP_S)
        for kept in newest_first:
            if kept.received_at < since:
                break
            self.offer(kept)

    def _push(self, due_at: float, due: _Due) -> None:
        item = (due_at, next(self._order), due)
        heapq.heappush(self._queue, item)
        if self._queue[0] is item:
            self._wake.set()

    async def _hand_out(self) -> None:
        while True:
            now = time.monotonic()
            ready_at = max(self._queue[0][0], self._paused_until) if self._queue else None
            if ready_at is not None and ready_at <= now:
                await self._ready.put(heapq.heappop(self._queue)[2])
                continue
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if ready_at is None else ready_at - now):
                    await self._wake.wait()

    async def _post_forever(self) -> None:
        while True:
            due = await self._ready.get()
            try:
                await self._post(due)
            except Exception:
                log.exception("a receipt was lost")

    async def _post(self, due: _Due) -> None:
        path = "/v1/receipts/email" if due.channel == "email" else "/v1/receipts/text"
        try:
            status = (await self._client.post(path, content=due.body)).status_code
        except httpx.TransportError as error:
            self._pause(type(error).__name__)
            self._try_again(due, "Notify cannot be reached")
            return
        self._unreachable = 0
        if status in (404, 429) or status >= 500:
            self._try_again(due, f"Notify answered {status}")
        elif status >= 300:
            log.warning("Notify refused a receipt with %d: it is not tried again", status)

    def _pause(self, reason: str) -> None:
        """Let everything wait while nobody listens, so that a long queue does not hammer a closed port."""
        if time.monotonic() < self._paused_until:
            return
        if self._unreachable == 0:
            log.warning("Notify cannot be reached for receipts (%s): trying again for %d s", reason, GIVE_UP_S)
        self._paused_until = time.monotonic() + _wait_s(self._unreachable)
        self._unreachable += 1

    def _try_again(self, due: _Due, reason: str) -> None:
        due_at = time.monotonic() + _wait_s(due.attempt)
        due.attempt += 1
        if due_at >= due.give_up_at:
            log.warning("a receipt was given up after %d tries: %s", due.attempt, reason)
            return
        self._push(due_at, due)
