"""A cache that keeps what was used last, within a number of entries and of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Lru(Generic[K, V]):
    """The values used last. `weigh`: about how many bytes a value takes; `budget`: how many all may take together.

    A value that alone is heavier than the budget is not kept, so that it does not drive out all others.
    """

    def __init__(self, *, max_size: int, weigh: Callable[[V], int] | None = None, budget: int | None = None) -> None:
        self._max_size = max_size
        self._weigh = weigh
        self._budget = budget
        self._weight = 0
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def use(self, key: K) -> V | None:
        """The value, which counts as used now; None if it is not kept."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        self._kept.move_to_end(key)
        return kept[0]

    def keep(self, key: K, value: V) -> None:
        """Keep a value in place of the one before, and let go of those used longest ago."""
        self.drop(key)
        weight = 0 if self._weigh is None else self._weigh(value)
        if self._budget is not None and weight > self._budget:
            return
        self._kept[key] = (value, weight)
        self._weight += weight
        while len(self._kept) > self._max_size or (self._budget is not None and self._weight > self._budget):
            _, (_, freed) = self._kept.popitem(last=False)
            self._weight -= freed

    def drop(self, key: K) -> None:
        """Let go of a key."""
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._weight -= kept[1]
