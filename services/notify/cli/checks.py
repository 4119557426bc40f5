"""What `colonnade doctor` asks about Notify."""

from __future__ import annotations

import asyncio

import redis.asyncio as redis_client

from common.cli.checks import Check, fail, ok, warn
from common.cli.session import Session
from services.notify.cli import store
from services.notify.operations.flow import WORK

_WORKERS = "colonnade:notify:worker:*"  # each says so every 15 s (common/queue/courier.py)
_FEW_DAYS, _MANY_DAYS = 7, 21
_LATE_S, _VERY_LATE_S = 60, 900


async def partitions(session: Session) -> list[Check]:
    """Without a partition for its week no message can be accepted."""
    name = "notify partitions"
    async with session.database() as database, database.reading() as tx:
        days = await store.days_ahead(tx)
    if days is None or days < 0:
        return [fail(name, "there is none for the weeks to come: no message can be accepted; start the worker")]
    text = f"there are weeks up to {days} days ahead"
    if days < _FEW_DAYS:
        return [fail(name, f"{text}: start the worker, which makes them")]
    return [warn(name, f"{text}: does the worker run?") if days < _MANY_DAYS else ok(name, text)]


async def queue(session: Session) -> list[Check]:
    """Work that waits too long, or was given up."""
    async with session.database() as database, database.reading() as tx:
        lanes = await WORK.stats(tx)
    oldest = max((lane.oldest_due_age_s for lane in lanes), default=0.0)
    due, dead = sum(lane.due for lane in lanes), sum(lane.dead for lane in lanes)
    text = f"{due} due, the oldest for {oldest:.0f} s"
    age = ok if oldest < _LATE_S else warn if oldest < _VERY_LATE_S else fail
    checks = [age("notify queue", text)]
    if dead:
        checks.append(warn("notify given up", f"{dead}: see `colonnade queue dead`, then `colonnade queue retry`"))
    return checks


async def worker(session: Session) -> list[Check]:
    """Whether some worker has said within 15 s that it lives."""
    client = redis_client.Redis.from_url(session.redis_url, socket_timeout=3, socket_connect_timeout=3)
    try:
        async with asyncio.timeout(5):
            alive = [key async for key in client.scan_iter(_WORKERS, count=1_000)]
    finally:
        await client.aclose()
    if not alive:
        return [warn("notify worker", "none has been heard of: nothing is delivered until one runs")]
    return [ok("notify worker", f"{len(alive)} at work")]


CHECKS = (partitions, queue, worker)
