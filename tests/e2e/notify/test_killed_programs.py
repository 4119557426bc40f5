"""`kill -9` of a program loses nothing, and repeats only the calls that were under way."""

from __future__ import annotations

import asyncio
from typing import Any

# four connections, five messages in flight on each: what one chunk puts at risk
CONNECTIONS, DEPTH, BATCHES = 4, 5, 2
CHUNK = CONNECTIONS * DEPTH
SMALL_CHUNKS = {
    "SMTP_CONNECTIONS": str(CONNECTIONS),
    "SMTP_PIPELINE_DEPTH": str(DEPTH),
    "DELIVERY_CONCURRENCY": str(BATCHES),
    "SMS_GATEWAY_CONNECTIONS": str(CHUNK),
}


async def test_every_answer_of_a_killed_api_is_in_the_database(own_suite: Any) -> None:
    await own_suite.slow_commits()
    api = await own_suite.start_api()
    async with own_suite.load("email", "sms", callers=16) as load:
        await load.until_accepted(300)
        await api.kill()
        load.stop()
    stored = await own_suite.stored()
    assert len(load.accepted) >= 300
    assert load.accepted.items() <= stored.items()
    works = {str(row[0]) for row in await own_suite.rows("select id from notify.work")}
    assert load.ids <= works
    assert not load.refused


async def test_repeating_what_a_killed_api_left_unanswered_makes_no_second_message(own_suite: Any) -> None:
    await own_suite.slow_commits()
    api = await own_suite.start_api()
    async with own_suite.load("email", callers=16) as load:
        await load.until_accepted(200)
        await api.kill()
        load.stop()
    unanswered, stored = dict(load.unanswered), await own_suite.stored()
    assert unanswered
    await own_suite.start_api()
    async with own_suite.client() as client:
        await asyncio.gather(*(load.send(client, channel, reference) for reference, channel in unanswered.items()))
    assert not load.unanswered
    assert not load.refused
    repeated = {reference: load.accepted[reference] for reference in unanswered}
    assert {reference: stored[reference] for reference in unanswered if reference in stored}.items() <= repeated.items()
    counted = await own_suite.rows("select reference from notify.messages group by reference having count(*) > 1")
    assert counted == []


async def test_a_killed_worker_repeats_only_what_was_in_flight(suite: Any) -> None:
    await suite.start_api()
    ids = await suite.accept(400)
    suite.relay.pause_s = 0.005
    worker = await suite.start_worker(**SMALL_CHUNKS)
    await suite.eventually(lambda: suite.relay.taken.total() >= 120, what="120 delivered")
    await worker.kill()
    in_flight = await suite.in_flight()
    assert 0 < len(in_flight) <= CHUNK * BATCHES
    left = {str(row[0]) for row in await suite.rows("select id from notify.work")}
    assert len(left) > len(in_flight)  # it was in the middle
    await suite.end_leases()
    await suite.start_worker(**SMALL_CHUNKS)
    await suite.until_all_done(ids)
    duplicates = suite.relay.duplicates
    assert set(duplicates) <= in_flight
    assert set(duplicates.values()) <= {2}


async def test_what_a_killed_worker_had_claimed_and_not_begun_waits_for_its_lease(suite: Any) -> None:
    await suite.start_api()
    ids = await suite.accept(300)
    suite.relay.pause_s = 0.005
    worker = await suite.start_worker(**SMALL_CHUNKS)
    await suite.eventually(lambda: suite.relay.taken.total() >= 40, what="40 delivered")
    await worker.kill()
    await suite.start_worker(**SMALL_CHUNKS)
    leased = {str(r[0]) for r in await suite.rows("select id from notify.work where leased_until > now()")}
    taken = dict(suite.relay.taken)
    free = ids - leased - set(taken)
    await suite.eventually(lambda: free <= set(suite.relay.taken), what="the free ones delivered")
    held = leased & {str(r[0]) for r in await suite.rows("select id from notify.work")}
    assert all(suite.relay.taken[message] == taken.get(message, 0) for message in held)
    await suite.end_leases()
    await suite.until_all_done(ids)


async def test_a_killed_worker_sends_no_text_twice(suite: Any) -> None:
    await suite.start_api()
    ids = await suite.accept(300, "sms")
    suite.gateway.pause_s = 0.02
    worker = await suite.start_worker(**SMALL_CHUNKS)
    await suite.eventually(lambda: suite.gateway.taken.total() >= 100, what="100 delivered")
    await worker.kill()
    in_flight = await suite.in_flight()
    assert 0 < len(in_flight) <= CHUNK * BATCHES
    await suite.end_leases()
    await suite.start_worker(**SMALL_CHUNKS)
    await suite.until_all_done(ids)
    # asked for by our id first, so that not even those in flight go out again
    assert in_flight <= set(suite.gateway.asked)
    assert {message for message, times in suite.gateway.taken.items() if times > 1} == set()
