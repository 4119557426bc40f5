"""The cache that keeps what was used last, within a number of entries and of bytes."""

from __future__ import annotations

from common.fresh import FreshCache
from common.lru import Lru


def test_what_was_used_stays_and_what_was_not_goes() -> None:
    cache: Lru[str, int] = Lru(max_size=2)
    cache.keep("a", 1)
    cache.keep("b", 2)
    assert cache.use("a") == 1
    cache.keep("c", 3)
    assert (cache.use("a"), cache.use("b"), cache.use("c")) == (1, None, 3)


def test_values_leave_when_together_they_are_too_heavy() -> None:
    cache: Lru[str, str] = Lru(max_size=100, weigh=len, budget=10)
    cache.keep("a", "x" * 6)
    cache.keep("b", "x" * 4)
    assert len(cache) == 2
    cache.keep("c", "x")
    assert (cache.use("a"), cache.use("b"), cache.use("c")) == (None, "xxxx", "x")


def test_a_value_in_place_of_another_weighs_once() -> None:
    cache: Lru[str, str] = Lru(max_size=100, weigh=len, budget=10)
    for _ in range(5):
        cache.keep("a", "x" * 6)
    cache.keep("b", "x" * 4)
    assert len(cache) == 2
    cache.drop("a")
    cache.keep("c", "x" * 6)
    assert len(cache) == 2


def test_a_value_heavier_than_all_the_room_drives_out_no_other() -> None:
    cache: Lru[str, str] = Lru(max_size=100, weigh=len, budget=10)
    cache.keep("a", "x")
    cache.keep("b", "old")
    cache.keep("b", "x" * 11)
    assert (cache.use("a"), cache.use("b")) == ("x", None)


class Reads:
    """Reads a text as long as its key says, and counts."""

    def __init__(self) -> None:
        self.keys: list[int] = []

    async def load(self, key: int) -> str:
        self.keys.append(key)
        return "x" * key


async def test_fresh_values_leave_by_weight_least_recently_used_first() -> None:
    source = Reads()
    cache = FreshCache(source.load, max_age_s=60, weigh=len, budget=10)
    await cache.get(4)
    await cache.get(5)
    assert cache.peek(4) == "xxxx"
    await cache.get(3)
    assert (cache.peek(5), cache.peek(4), cache.peek(3)) == (None, "xxxx", "xxx")


async def test_a_fresh_value_that_is_too_heavy_is_read_each_time_but_given() -> None:
    source = Reads()
    cache = FreshCache(source.load, weigh=len, budget=10)
    assert [await cache.get(11), await cache.get(11)] == ["x" * 11] * 2
    assert source.keys == [11, 11]
