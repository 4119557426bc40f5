"""Redis wiped or away, PostgreSQL killed, a relay that hangs: what was accepted is delivered all the same."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
import redis.asyncio as redis_client

SMALL_CHUNKS = {"SMTP_CONNECTIONS": "4", "SMTP_PIPELINE_DEPTH": "5"}


async def test_a_wiped_redis_loses_and_repeats_nothing(own_suite: Any) -> None:
    await own_suite.start_api()
    await own_suite.start_worker()
    async with own_suite.load("email", "sms") as load, redis_client.Redis.from_url(own_suite.redis_url) as redis:
        for _ in range(5):
            await load.until_accepted(60)
            await redis.flushall()
        await load.until_accepted(60)
        load.stop()
    assert not load.refused
    assert not load.unanswered
    await own_suite.until_all_done(load.ids)
    assert own_suite.relay.duplicates == {}
    assert set(own_suite.gateway.taken.values()) == {1}


async def test_without_redis_messages_are_accepted_and_delivered(own_suite: Any, private: Any) -> None:
    api = await own_suite.start_api()
    worker = await own_suite.start_worker()
    async with own_suite.load("email") as load:
        await load.until_accepted(60)
        await asyncio.to_thread(private.redis.kill)
        await load.until_accepted(100)
        while_away = set(load.ids)
        # nobody rings: the worker looks once a second
        await own_suite.eventually(lambda: while_away <= set(own_suite.relay.taken), what="delivery without Redis")
        await asyncio.to_thread(private.redis.start)
        await load.until_accepted(100)
        load.stop()
    assert not load.refused
    assert not load.unanswered
    await own_suite.until_all_done(load.ids)
    assert own_suite.relay.duplicates == {}
    assert api.process.returncode is None
    assert worker.process.returncode is None


@pytest.mark.parametrize("ends", ["killed", "stopped in order"])
async def test_a_postgres_that_ends_loses_no_answer_and_repeats_nothing(
    own_suite: Any, private: Any, ends: str
) -> None:
    await own_suite.slow_commits()
    api = await own_suite.start_api()
    worker = await own_suite.start_worker(**SMALL_CHUNKS)
    own_suite.relay.pause_s = 0.002
    async with own_suite.load("email", callers=16) as load:
        for _ in range(3):
            await load.until_accepted(150)
            refused = len(load.refused)
            await asyncio.to_thread(private.postgres.kill if ends == "killed" else private.postgres.stop)
            await own_suite.eventually(lambda before=refused: len(load.refused) > before + 20, what="refusals")
            await asyncio.to_thread(private.postgres.start)
        await load.until_accepted(150)
        load.stop()
    # never a 4xx: the caller would take its message for wrong, or its key for revoked
    assert {answer.status_code for answer in load.refused} <= {500, 503}, {a.text for a in load.refused}
    assert not load.unanswered
    stored = await own_suite.stored()
    assert load.accepted.items() <= stored.items()
    # refused does not mean not stored: a commit whose answer was lost may have been kept, and is then delivered
    await own_suite.until_quiet()
    await own_suite.end_leases()  # of claims whose commit was kept and whose answer was lost
    await own_suite.until_all_done(set(stored.values()), within_s=90)
    # the worker lives and knows what went out
    assert own_suite.relay.duplicates == {}
    assert api.process.returncode is None
    assert worker.process.returncode is None


async def test_callers_are_told_to_come_back_while_postgres_is_away(own_suite: Any, private: Any) -> None:
    await own_suite.start_api()
    async with own_suite.load("email", callers=2) as load:
        await load.until_accepted(10)
        await asyncio.to_thread(private.postgres.kill)
        away_since = time.monotonic()
        await own_suite.eventually(lambda: load.refused and time.monotonic() > away_since + 2, what="refusals")
        load.stop()
    assert {answer.status_code for answer in load.refused} == {503}, {a.text for a in load.refused}
    assert all("Retry-After" in answer.headers for answer in load.refused)


async def test_a_relay_that_hangs_on_some_connections_holds_up_only_what_it_took(suite: Any) -> None:
    await suite.start_api()
    ids = await suite.accept(200)
    suite.relay.hangs = 2
    await suite.start_worker(SMTP_TIMEOUT_S="3", SMTP_FINAL_TIMEOUT_S="3", **SMALL_CHUNKS)
    await suite.until_all_done(ids, hurry=True)
    assert suite.relay.hung > 0
    # what hung was never acknowledged, so that the second try is the first to arrive
    assert suite.relay.duplicates == {}


async def test_a_relay_that_hangs_altogether_keeps_every_message_on_the_list(suite: Any) -> None:
    await suite.start_api()
    ids = await suite.accept(40)
    suite.relay.hangs = None
    await suite.start_worker(SMTP_TIMEOUT_S="1", SMTP_FINAL_TIMEOUT_S="1", **SMALL_CHUNKS)

    async def all_tried() -> bool:
        tried = await suite.rows("select count(*) from notify.work where attempt > 0")
        return int(tried[0][0]) == len(ids)

    await suite.eventually(all_tried, within_s=60, what="a try of each message")
    assert not suite.relay.taken
    suite.relay.hangs = 0
    await suite.until_all_done(ids, hurry=True)
    assert suite.relay.duplicates == {}
