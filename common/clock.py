"""The one clock of the suite, which tests can set."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

_offset_s = 0.0
_frozen_s: float | None = None


def epoch_s() -> float:
    """Seconds since 1970-01-01 UTC."""
    if _frozen_s is not None:
        return _frozen_s
    return time.time() + _offset_s


def now() -> datetime:
    """The present moment in UTC, with microseconds."""
    return datetime.fromtimestamp(epoch_s(), UTC)


@contextmanager
def frozen(at: datetime) -> Iterator[None]:
    """Stop the clock at a moment (tests only)."""
    global _frozen_s
    before, _frozen_s = _frozen_s, at.timestamp()
    try:
        yield
    finally:
        _frozen_s = before


@contextmanager
def shifted(by: timedelta) -> Iterator[None]:
    """Let the clock run ahead (or behind) by a span (tests only)."""
    global _offset_s
    before = _offset_s
    _offset_s += by.total_seconds()
    try:
        yield
    finally:
        _offset_s = before
