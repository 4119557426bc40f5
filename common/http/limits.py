"""Rate limits and daily counters in Redis, leased so that most requests never leave the process.

A process asks for the tokens that its callers wait for and, where the limit is above 1,000, for some more as a lease:
at most 1/8 of what remains, at most 500, twice what it lately used. Leases live one second; what is unused goes back.
All that waits at one moment, of all keys, goes in one script call, one call at a time, without a timer.

Grants are taken from Redis first, so all processes together never pass a limit. Redis away or slow means allow, with a
metric, for about a second; then it is tried again.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
import structlog
from prometheus_client import Counter as Figure
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from common import clock

log = structlog.get_logger(__name__)

_SCRIPT = (Path(__file__).parent / "limits.lua").read_text(encoding="utf-8")
_TIMEOUT_S = 0.2
_AWAY_S = 1.0
_LEASE_S = 1.0
_SWEEP_S = 0.25
_LARGEST_LEASE = 500
_ONE_BY_ONE = 1_000  # limits up to this are never leased
_MOST_KEYS_A_CALL = 200
_FORGET_S = 60.0

unavailable_total = Figure("rate_limit_unavailable_total", "Requests allowed because Redis could not be asked.")
calls_total = Figure("rate_limit_calls_total", "Script calls to Redis for limits.")


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """A token bucket: refilled evenly, `rate_per_minute` tokens a minute, up to `burst`.

    A request passes when at least one token is left after it took its own, so that a full bucket lets burst − 1
    requests pass at once. A refused request takes nothing, so a caller that waits for Retry-After gets through.
    Source: contracts/notify.md 1.7.
    """

    key: str
    rate_per_minute: int
    burst: int


class Counter(msgspec.Struct, frozen=True, kw_only=True):
    """Something counted up to a limit until a moment (a daily limit)."""

    key: str
    limit: int
    expires_at: datetime


class Verdict(NamedTuple):
    """Whether a request may pass. remaining: what is left now, as far as this process knows.

    reset_s: seconds until the whole limit is there again. retry_after_s: when to come back, 0 when allowed.
    is_checked: False when Redis could not be asked.
    """

    allowed: bool
    limit: int
    remaining: int
    reset_s: int
    retry_after_s: int
    is_checked: bool = True


class _Lane:
    """What this process holds and waits for under one key."""

    __slots__ = (
        "ends_at",
        "held",
        "leases",
        "limit",
        "refused_until",
        "remaining",
        "returned",
        "terms",
        "touched_at",
        "used",
        "waiting",
    )

    def __init__(self, terms: Bucket | Counter) -> None:
        self.held = 0  # leased tokens not used yet
        self.used = 0  # tokens used from the present lease
        self.returned = 0  # tokens on their way back
        self.remaining = 0  # in Redis, when it last answered
        self.ends_at = 0.0
        self.refused_until = 0.0
        self.touched_at = 0.0
        self.waiting: deque[tuple[int, asyncio.Future[Verdict]]] = deque()
        self.agree(terms)

    def agree(self, terms: Bucket | Counter) -> None:
        """Take the terms the caller names now: a limit may be changed while it is used."""
        self.terms = terms
        if isinstance(terms, Bucket):
            self.limit = max(1, terms.burst - 1)
            self.leases = terms.rate_per_minute > _ONE_BY_ONE
        else:
            self.limit = terms.limit
            self.leases = terms.limit > _ONE_BY_ONE

    def want(self) -> int:
        """How large a lease to ask for: twice what the last second needed."""
        return min(_LARGEST_LEASE, max(2 * self.used, len(self.waiting))) if self.leases else 0

    def verdict(self, allowed: bool, wait_ms: int = 0) -> Verdict:
        remaining = min(self.limit, self.remaining + self.held)
        reset_s = self._reset_s(remaining)
        if allowed:
            return Verdict(True, self.limit, remaining, reset_s, 0)
        retry_s = reset_s if wait_ms < 0 else max(1, math.ceil(wait_ms / 1000))
        return Verdict(False, self.limit, remaining, max(reset_s, 1), max(retry_s, 1))

    def _reset_s(self, remaining: int) -> int:
        if isinstance(self.terms, Bucket):
            return math.ceil((self.limit - remaining) * 60 / max(1, self.terms.rate_per_minute))
        return max(0, math.ceil(self.terms.expires_at.timestamp() - clock.epoch_s()))

    def expire(self) -> None:
        """Put what is left of the lease on its way back."""
        self.returned += self.held
        self.held = self.used = 0

    def arguments(self, now: float) -> list[str | int | float]:
        """The six values of limits.lua."""
        need, want = sum(n for n, _ in self.waiting), self.want()
        if now >= self.ends_at:
            self.expire()
        terms = self.terms
        if isinstance(terms, Bucket):
            return ["bucket", self.returned, need, want, max(1, terms.rate_per_minute) / 60, terms.burst]
        # by the caller's clock, not Redis's: tests set ours, and hosts differ
        live_ms = max(1000, int((terms.expires_at.timestamp() - clock.epoch_s()) * 1000))
        return ["counter", self.returned, need, want, terms.limit, live_ms]


class Limits:
    """One process's limits. Open it in the program's lifespan; closing gives unused tokens back."""

    def __init__(self, redis_url: str) -> None:
        self._redis: Redis = Redis.from_url(
            redis_url,
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
        self._script = self._redis.register_script(_SCRIPT)
        self._lanes: dict[str, _Lane] = {}
        self._due: dict[str, _Lane] = {}
        self._wake = asyncio.Event()
        self._away_until = 0.0
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = False

    async def open(self) -> Limits:
        self._tasks = [
            asyncio.create_task(self._ask_forever(), name="limits-ask"),
            asyncio.create_task(self._sweep_forever(), name="limits-sweep"),
        ]
        return self

    async def close(self) -> None:
        """Answer who waits, give everything unused back, and stop."""
        self._closing = True
        self._wake.set()
        if self._tasks:
            asker, sweeper = self._tasks
            sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sweeper
            await asker
        for lane in self._lanes.values():
            self._hand_back(lane)
        while self._due:
            await self._ask(self._batch())
        await self._redis.aclose()

    async def __aenter__(self) -> Limits:
        return await self.open()

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # buckets ------------------------------------------------------------

    def try_take(self, bucket: Bucket) -> Verdict | None:
        """Take a token without waiting, from the lease; None: `await take(bucket)`."""
        return self._try(bucket, 1)

    async def take(self, bucket: Bucket) -> Verdict:
        """Take a token; waits for Redis where the lease does not reach."""
        return self._try(bucket, 1) or await self._wait(self._lane(bucket), 1)

    # counters -----------------------------------------------------------

    def try_count(self, counter: Counter, n: int = 1) -> Verdict | None:
        """Count n without waiting, from the lease; None: `await count(counter, n)`."""
        return self._try(counter, n)

    async def count(self, counter: Counter, n: int = 1) -> Verdict:
        """Count n, all or none; waits for Redis where the lease does not reach."""
        return self._try(counter, n) or await self._wait(self._lane(counter), n)

    async def peek(self, counter: Counter) -> Verdict:
        """Whether one more could be counted, counting nothing."""
        return await self._wait(self._lane(counter), 0)

    def give_back(self, counter: Counter, n: int = 1) -> None:
        """Undo a count: what was counted did not happen."""
        lane = self._lane(counter)
        if lane.leases and lane.held and time.monotonic() < lane.ends_at:
            lane.held += n
        else:
            lane.returned += n
            self._ring(lane)

    # inside -------------------------------------------------------------

    def _lane(self, terms: Bucket | Counter) -> _Lane:
        lane = self._lanes.get(terms.key)
        if lane is None:
            lane = self._lanes[terms.key] = _Lane(terms)
        elif lane.terms is not terms and lane.terms != terms:
            lane.agree(terms)
        return lane

    def _try(self, terms: Bucket | Counter, n: int) -> Verdict | None:
        lane = self._lane(terms)
        now = time.monotonic()
        lane.touched_at = now
        if lane.held >= n and now < lane.ends_at:
            lane.held -= n
            lane.used += n
            return lane.verdict(True)
        if now < self._away_until:
            return self._unchecked(lane)
        if now < lane.refused_until:
            return lane.verdict(False, int((lane.refused_until - now) * 1000))
        return None

    @staticmethod
    def _unchecked(lane: _Lane) -> Verdict:
        unavailable_total.inc()
        return Verdict(True, lane.limit, lane.limit, 0, 0, is_checked=False)

    async def _wait(self, lane: _Lane, n: int) -> Verdict:
        lane.touched_at = time.monotonic()
        if self._closing or time.monotonic() < self._away_until:
            return self._unchecked(lane)
        future: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        lane.waiting.append((n, future))
        self._ring(lane)
        return await future

    def _ring(self, lane: _Lane) -> None:
        self._due[lane.terms.key] = lane
        self._wake.set()

    def _batch(self) -> list[_Lane]:
        keys = list(self._due)[:_MOST_KEYS_A_CALL]
        return [self._due.pop(key) for key in keys]

    async def _ask_forever(self) -> None:
        while True:
            if self._due:
                await self._ask(self._batch())
            elif self._closing:
                return
            else:
                self._wake.clear()
                await self._wake.wait()

    async def _ask(self, lanes: Sequence[_Lane]) -> None:
        """One script call for all that waits under these keys."""
        now = time.monotonic()
        arguments = [argument for lane in lanes for argument in lane.arguments(now)]
        asked = [(lane, list(lane.waiting)) for lane in lanes]
        for lane in lanes:
            lane.waiting.clear()
            # a call whose fate is unknown must not give the same tokens back twice: they are struck out first
            lane.returned = 0
        try:
            if time.monotonic() < self._away_until:
                raise TimeoutError
            calls_total.inc()
            async with asyncio.timeout(_TIMEOUT_S):
                answers = await self._script(keys=[lane.terms.key for lane in lanes], args=arguments)
        except Exception as error:  # whatever it is, a limit must never stop a request
            self._go_without(asked, error)
            return
        for place, (lane, waiting) in enumerate(asked):
            granted, remaining, wait_ms = answers[3 * place : 3 * place + 3]
            self._share(lane, waiting, granted, remaining=remaining, wait_ms=wait_ms)

    def _go_without(
        self, asked: list[tuple[_Lane, list[tuple[int, asyncio.Future[Verdict]]]]], error: Exception
    ) -> None:
        if time.monotonic() >= self._away_until:
            log.warning("limits.redis_unavailable", error=type(error).__name__)
            self._away_until = time.monotonic() + _AWAY_S
        for lane, waiting in asked:
            for _, future in waiting:
                if not future.done():
                    future.set_result(self._unchecked(lane))

    def _share(
        self,
        lane: _Lane,
        waiting: list[tuple[int, asyncio.Future[Verdict]]],
        granted: int,
        *,
        remaining: int,
        wait_ms: int,
    ) -> None:
        """Serve those who waited, in order; what is over becomes the lease, or goes back where there are none."""
        now = time.monotonic()
        lane.remaining = remaining
        left, used = granted + lane.held, 0
        served: list[tuple[bool, asyncio.Future[Verdict]]] = []
        for n, future in waiting:
            is_enough = left >= n if n else remaining + left > 0
            if is_enough and not future.done():
                left, used = left - n, used + n
            served.append((is_enough, future))
        if now >= lane.ends_at:
            lane.used, lane.ends_at = 0, now + _LEASE_S
        lane.used += used
        lane.held = left if lane.leases else 0
        if left and not lane.leases:
            lane.returned += left
            self._ring(lane)
        # a bucket fills by the clock, so until its next token is due there is nothing to ask for
        if isinstance(lane.terms, Bucket) and wait_ms > 0 and not left:
            lane.refused_until = now + wait_ms / 1000
        for is_enough, future in served:
            if not future.done():
                future.set_result(lane.verdict(is_enough, wait_ms))

    def _hand_back(self, lane: _Lane) -> None:
        lane.expire()
        if lane.returned:
            self._ring(lane)

    async def _sweep_forever(self) -> None:
        """Give leases back that ran out unused, and forget keys that nobody asks for."""
        while True:
            await asyncio.sleep(_SWEEP_S)
            now = time.monotonic()
            for key, lane in list(self._lanes.items()):
                if lane.held and now >= lane.ends_at:
                    self._hand_back(lane)
                if now - lane.touched_at > _FORGET_S and not (lane.held or lane.returned or lane.waiting):
                    del self._lanes[key]


def rate_headers(verdict: Verdict) -> dict[str, str]:
    """RateLimit-Limit, -Remaining and -Reset (seconds), Retry-After on a refusal; nothing when nothing was checked."""
    if not verdict.is_checked:
        return {}
    headers = {
        "RateLimit-Limit": str(verdict.limit),
        "RateLimit-Remaining": str(verdict.remaining),
        "RateLimit-Reset": str(verdict.reset_s),
    }
    if not verdict.allowed:
        headers["Retry-After"] = str(verdict.retry_after_s)
    return headers
