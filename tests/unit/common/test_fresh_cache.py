"""The cache that is never older than it promises."""

from __future__ import annotations

import asyncio
import time

import pytest

from common.fresh import FreshCache


class Source:
    """Counts readings; `gate` holds them."""

    def __init__(self) -> None:
        self.value = 1
        self.reads = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def load(self, key: str) -> int:
        self.reads += 1
        value = self.value
        await self.gate.wait()
        if value < 0:
            raise LookupError(key)
        return value


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The monotonic clock of the cache, which the test moves."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_value_is_read_once_and_served_while_fresh(at: list[float]) -> None:
    source = Source()
    cache = FreshCache(source.load)
    assert cache.peek("a") is None
    assert [await cache.get("a"), await cache.get("a")] == [1, 1]
    at[0] += 0.5
    assert cache.peek("a") == 1
    assert source.reads == 1


async def test_value_past_its_age_is_never_served(at: list[float]) -> None:
    source = Source()
    cache = FreshCache(source.load, max_age_s=1.5)
    await cache.get("a")
    source.value = 2
    at[0] += 1.5
    assert cache.peek("a") is None
    assert await cache.get("a") == 2


async def test_ageing_value_is_served_while_it_is_read_anew(at: list[float]) -> None:
    source = Source()
    cache = FreshCache(source.load, max_age_s=1.5)
    await cache.get("a")
    source.value = 2
    at[0] += 1.0
    assert cache.peek("a") == 1
    assert cache.peek("a") == 1
    await settle()
    assert (cache.peek("a"), source.reads) == (2, 2)


async def test_age_counts_from_before_the_reading_began(at: list[float]) -> None:
    """A slow reading may have seen the row before a change that came while it ran."""
    source = Source()
    cache = FreshCache(source.load, max_age_s=1.5)
    source.gate.clear()
    waiting = asyncio.create_task(cache.get("a"))
    await settle()
    at[0] += 1.4
    source.gate.set()
    assert await waiting == 1
    at[0] += 0.2
    assert cache.peek("a") is None


async def test_many_callers_share_one_reading_and_one_may_go_away() -> None:
    source = Source()
    cache = FreshCache(source.load)
    source.gate.clear()
    callers = [asyncio.create_task(cache.get("a")) for _ in range(10)]
    await settle()
    callers[0].cancel()
    source.gate.set()
    assert await asyncio.gather(*callers[1:]) == [1] * 9
    assert source.reads == 1


async def test_failed_reading_is_not_kept() -> None:
    source = Source()
    cache = FreshCache(source.load)
    source.value = -1
    with pytest.raises(LookupError):
        await cache.get("a")
    source.value = 3
    assert await cache.get("a") == 3


async def test_least_used_keys_leave_when_it_is_full() -> None:
    source = Source()
    cache = FreshCache(source.load, max_size=2)
    for key in "abc":
        await cache.get(key)
    assert (cache.peek("a"), cache.peek("b"), cache.peek("c")) == (None, 1, 1)
    cache.forget("c")
    assert cache.peek("c") is None
