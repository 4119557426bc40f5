"""Time-ordered identifiers (UUIDv7, RFC 9562 section 5.7)."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from uuid import UUID

from common import clock

_BLOCK = 512  # identifiers whose randomness is drawn in one urandom call
_VERSION_AND_VARIANT = (0x7 << 76) | (0b10 << 62)
_RANDOM_MASK = (1 << 62) - 1

_pool = b""
_at = 0
_last_ticks = 0


def _random_62() -> int:
    global _pool, _at
    if _at >= len(_pool):
        _pool, _at = os.urandom(8 * _BLOCK), 0
    value = int.from_bytes(_pool[_at : _at + 8], "big") & _RANDOM_MASK
    _at += 8
    return value


def uuid7() -> UUID:
    """A new identifier, later than every one this process made before.

    48 bits of milliseconds, 12 bits of the millisecond's fraction (RFC 9562 method 3), 62 random bits.
    """
    global _last_ticks
    ticks = int(clock.epoch_s() * 4_096_000)  # 1/4096 ms
    if ticks <= _last_ticks:
        ticks = _last_ticks + 1
    _last_ticks = ticks
    return UUID(int=((ticks >> 12) << 80) | ((ticks & 0xFFF) << 64) | _VERSION_AND_VARIANT | _random_62())


def floor_of(moment: datetime) -> UUID:
    """The smallest identifier of a moment: a bound for ranges and partitions."""
    return UUID(int=(int(moment.timestamp() * 1000) << 80) | _VERSION_AND_VARIANT)


def moment_of(identifier: UUID) -> datetime:
    """When a UUIDv7 was made (milliseconds, UTC)."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=identifier.int >> 80)
