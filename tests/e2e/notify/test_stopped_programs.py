"""SIGTERM: what was accepted is finished within the grace, and nothing is lost or repeated."""

from __future__ import annotations

from typing import Any

GRACE_S = 8
SMALL_CHUNKS = {"SMTP_CONNECTIONS": "4", "SMTP_PIPELINE_DEPTH": "5"}


async def test_an_api_that_is_told_to_stop_answers_all_that_it_stored(suite: Any) -> None:
    api = await suite.start_api(SHUTDOWN_GRACE_S=str(GRACE_S))
    async with suite.load("email", "sms", callers=16) as load:
        await load.until_accepted(300)
        code, took_s = await api.terminate()
        load.stop()
    assert code == 0, api.said()[-2000:]
    assert took_s < GRACE_S
    assert not load.refused
    assert await suite.stored() == load.accepted


async def test_a_worker_that_is_told_to_stop_finishes_what_it_began_and_frees_the_rest(suite: Any) -> None:
    await suite.start_api()
    ids = await suite.accept(500)
    suite.relay.pause_s = 0.005
    worker = await suite.start_worker(SHUTDOWN_GRACE_S=str(GRACE_S), **SMALL_CHUNKS)
    await suite.eventually(lambda: suite.relay.taken.total() >= 60, what="60 delivered")
    code, took_s = await worker.terminate()
    assert code == 0, worker.said()[-2000:]
    assert took_s < GRACE_S + 1
    left = await suite.rows("select id, in_flight_at, leased_until from notify.work")
    assert left
    assert all(row[1] is None and row[2] is None for row in left)
    assert {str(row[0]) for row in left}.isdisjoint(suite.relay.taken)
    await suite.start_worker(**SMALL_CHUNKS)
    await suite.until_all_done(ids)
    assert suite.relay.duplicates == {}


async def test_a_worker_whose_relay_hangs_ends_all_the_same_and_frees_what_it_had_not_begun(suite: Any) -> None:
    await suite.start_api()
    ids = await suite.accept(200)
    suite.relay.hangs = None
    worker = await suite.start_worker(SHUTDOWN_GRACE_S="1", **SMALL_CHUNKS)
    await suite.eventually(lambda: suite.relay.hung >= 4, what="a relay that hangs")
    code, took_s = await worker.terminate()
    assert code == 0, worker.said()[-2000:]
    # the grace, then the last words of a cancelled batch and of the connections
    assert took_s < 1 + 10
    begun = "in_flight_at is not null"
    assert await suite.rows(f"select id from notify.work where {begun}"), "the rule needs something begun"
    assert not await suite.rows(f"select id from notify.work where leased_until > now() and not ({begun})")
    suite.relay.hangs = 0
    await suite.end_leases()
    await suite.start_worker(**SMALL_CHUNKS)
    await suite.until_all_done(ids)
    assert suite.relay.duplicates == {}
