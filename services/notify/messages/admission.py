"""May this key send now: the minute's rate and the day's count, both before the body is read (contract 1.4, 1.7)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from uuid import UUID

import msgspec

from common import clock
from common.auth import ServiceKey
from common.http.limits import Bucket, Counter, Limits, rate_headers
from services.notify.configuration.rules import limits_for
from services.notify.configuration.store import Setup
from services.notify.errors import RateExceeded, SendLimitReached


class Admission(msgspec.Struct, frozen=True):
    """A place taken in the day's count (None with a test key) and the headers that tell how much is left."""

    counter: Counter | None
    headers: dict[str, str]


_DAY_S = 86_400


@lru_cache(maxsize=10_000)
def _counter(service_id: UUID, what: str, limit: int, day: int) -> Counter:
    ends_at = datetime.fromtimestamp((day + 1) * _DAY_S, UTC)
    today = ends_at - timedelta(days=1)
    return Counter(key=f"notify:{service_id}-{what}-{today:%Y-%m-%d}-count", limit=limit, expires_at=ends_at)


def counter_for(who: ServiceKey, what: str, limit: int) -> Counter:
    """The service's count of the day (UTC) for email, sms or international_sms."""
    return _counter(who.service_id, what, limit, int(clock.epoch_s()) // _DAY_S)


@lru_cache(maxsize=10_000)
def _bucket(service_id: UUID, key_type: str, rate_per_minute: int, burst: int) -> Bucket:
    return Bucket(key=f"notify:{service_id}-tokens-{key_type}", rate_per_minute=rate_per_minute, burst=burst)


async def admit(limits: Limits, who: ServiceKey, setup: Setup, channel: str) -> Admission:
    """Raises RateExceeded, SendLimitReached."""
    allowed = limits_for(who.service.status, setup.settings, key_type=who.key_type)
    bucket = _bucket(who.service_id, who.key_type, allowed.rate_per_minute, allowed.burst)
    verdict = limits.try_take(bucket) or await limits.take(bucket)
    headers = rate_headers(verdict)
    if not verdict.allowed:
        raise RateExceeded(who.key_type, allowed.rate_per_minute, headers)
    if who.key_type == "test":
        return Admission(None, headers)
    counter = counter_for(who, channel, allowed.daily(channel))
    counted = limits.try_count(counter) or await limits.count(counter)
    if not counted.allowed:
        raise SendLimitReached(channel, counter.limit, rate_headers(counted))
    # with Redis away nothing was counted, so nothing may be given back
    return Admission(counter if counted.is_checked else None, headers)


async def admit_abroad(limits: Limits, who: ServiceKey, setup: Setup) -> Counter | None:
    """Count a text to another country. Raises SendLimitReached."""
    if who.key_type == "test":
        return None
    allowed = limits_for(who.service.status, setup.settings, key_type=who.key_type)
    counter = counter_for(who, "international_sms", allowed.daily_international_sms)
    counted = await limits.count(counter)
    if not counted.allowed:
        raise SendLimitReached("international_sms", counter.limit, rate_headers(counted))
    return counter if counted.is_checked else None
