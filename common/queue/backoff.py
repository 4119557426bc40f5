"""When to try again, and when to give up."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import msgspec

from common import clock


class Backoff(msgspec.Struct, frozen=True):
    """The rhythm of retries: the first after `first_s`, the next ones every `step_s`, until `most_s` has gone by.

    growth: each step is so many times the one before; 1 keeps them even. longest_s: no step is longer.
    jitter: a share of each step that is drawn at random around it, so that what failed together does not return
    together. most_s counts the steps themselves, not what providers ask for on top.
    The defaults are those of message delivery: again at once, then every five minutes for four hours.
    """

    first_s: float = 0
    step_s: float = 300
    most_s: float = 14_400
    growth: float = 1
    longest_s: float = 14_400
    jitter: float = 0.2

    def delay_s(self, attempts: int, *, retry_after_s: float | None = None) -> float | None:
        """Seconds to wait after `attempts` failed tries (1 or more); None when it is time to give up.

        retry_after_s: what the provider asked for; never less is waited.
        """
        if attempts < 1:
            raise ValueError("a retry follows at least one try")
        steps = [min(self.step_s * self.growth**number, self.longest_s) for number in range(attempts - 1)]
        if sum(steps) > self.most_s:
            return None
        delay = steps[-1] * random.uniform(1 - self.jitter, 1 + self.jitter) if steps else self.first_s  # noqa: S311
        return max(delay, retry_after_s or 0)

    def due_at(self, attempts: int, *, retry_after_s: float | None = None) -> datetime | None:
        """The moment of the next try; None when it is time to give up."""
        delay_s = self.delay_s(attempts, retry_after_s=retry_after_s)
        return None if delay_s is None else clock.now() + timedelta(seconds=delay_s)
