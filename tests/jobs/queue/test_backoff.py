"""When a retry comes, and when there is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from common import clock
from common.queue import Backoff

DELIVERY = Backoff()


def test_the_first_retry_comes_at_once() -> None:
    assert DELIVERY.delay_s(1) == 0


def test_later_retries_come_about_every_five_minutes() -> None:
    delays = [DELIVERY.delay_s(attempts) for attempts in range(2, 50)]
    assert all(delay is not None and 240 <= delay <= 360 for delay in delays)
    assert len(set(delays)) > 40, "what failed together must not come back together"


def test_after_four_hours_there_is_no_retry() -> None:
    assert DELIVERY.delay_s(49) is not None
    assert DELIVERY.delay_s(50) is None
    assert DELIVERY.due_at(50) is None


def test_what_the_provider_asks_for_is_never_undercut() -> None:
    assert DELIVERY.delay_s(1, retry_after_s=45) == 45
    assert DELIVERY.delay_s(2, retry_after_s=1000) == 1000


def test_steps_grow_up_to_the_longest() -> None:
    growing = Backoff(first_s=1, step_s=10, most_s=1000, growth=3, longest_s=60, jitter=0)
    assert [growing.delay_s(attempts) for attempts in range(1, 6)] == [1, 10, 30, 60, 60]


def test_due_at_counts_from_now() -> None:
    moment = datetime(2026, 11, 23, 12, tzinfo=UTC)
    with clock.frozen(moment):
        assert Backoff(first_s=30).due_at(1) == moment + timedelta(seconds=30)


def test_a_retry_without_a_try_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="at least one try"):
        DELIVERY.delay_s(0)
