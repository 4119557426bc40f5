"""What the work list promises: one holder at a time, fairness between services, nothing lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest

from common import clock
from common.db import Database
from common.ids import uuid7
from common.queue import NewWork, Work, WorkList

LIST = WorkList("notify")
SERVICE = uuid7()
LEASE_S = 60


async def add(db: Database, count: int = 1, *, service_id: UUID = SERVICE, lane: str = "normal") -> list[UUID]:
    async with db.transaction() as tx:
        return await LIST.add_many(tx, [NewWork("deliver", uuid7(), service_id, lane) for _ in range(count)])


async def claim(db: Database, limit: int = 100, *, lease_s: float = LEASE_S, lane: str = "normal") -> list[Work]:
    async with db.transaction() as tx:
        return await LIST.claim(tx, lane, limit=limit, lease_s=lease_s)


async def ids_of(db: Database, table: str = "work") -> set[UUID]:
    async with db.reading() as tx:
        return {row[0] for row in await tx.fetch(f"select id from notify.{table}")}


async def expired(db: Database) -> list[Work]:
    """A claim whose holder is gone: its lease has run out."""
    held = await claim(db, lease_s=0.001)
    async with db.reading() as tx:
        await tx.execute("select pg_sleep(0.01)")
    return held


async def test_claimed_work_is_not_given_to_another(db: Database) -> None:
    await add(db, 10)
    first, second = await claim(db, 6), await claim(db, 6)
    assert (len(first), len(second)) == (6, 4)
    assert not {w.id for w in first} & {w.id for w in second}
    assert await claim(db) == []


async def test_claims_at_the_same_moment_never_overlap(db: Database) -> None:
    await add(db, 200)
    batches = await asyncio.gather(*(claim(db, 30) for _ in range(8)))
    claimed = [work.id for batch in batches for work in batch]
    assert len(claimed) == len(set(claimed))
    rest = await claim(db, 500)
    assert len(claimed) + len(rest) == 200


async def test_oldest_work_comes_first_and_future_work_not_at_all(db: Database) -> None:
    now = clock.now()
    async with db.transaction() as tx:
        for seconds in (3600, -30, -90, -60):
            due_at = now + timedelta(seconds=seconds)
            await LIST.add(tx, topic="deliver", ref=uuid7(), service_id=SERVICE, lane="normal", due_at=due_at)
    late_s = [round((now - work.due_at).total_seconds()) for work in await claim(db)]
    assert late_s == [90, 60, 30]


async def test_scheduled_work_comes_when_the_clock_reaches_it(db: Database) -> None:
    due_at = clock.now() + timedelta(hours=2)
    async with db.transaction() as tx:
        await LIST.add(tx, topic="deliver", ref=uuid7(), service_id=SERVICE, lane="normal", due_at=due_at)
    assert await claim(db) == []
    with clock.frozen(due_at):
        assert len(await claim(db)) == 1


async def test_only_the_lane_and_topics_asked_for_are_claimed(db: Database) -> None:
    await add(db, 2, lane="bulk")
    async with db.transaction() as tx:
        purge = await LIST.add(tx, topic="purge", ref=uuid7(), service_id=SERVICE, lane="normal")
    await add(db)
    async with db.transaction() as tx:
        assert [w.id for w in await LIST.claim(tx, "normal", limit=9, lease_s=9, topics=["purge"])] == [purge]
        assert len(await LIST.claim(tx, "normal", limit=9, lease_s=9)) == 1


async def test_a_batch_is_shared_between_the_services_that_wait(db: Database) -> None:
    big, small, middle = uuid7(), uuid7(), uuid7()
    await add(db, 300, service_id=big)
    await add(db, 3, service_id=small)
    await add(db, 40, service_id=middle)
    count = Counter(work.service_id for work in await claim(db, 100))
    assert count == {small: 3, middle: 40, big: 57}


async def test_one_teams_thousands_do_not_delay_anothers_one(db: Database) -> None:
    await add(db, 2000, service_id=uuid7())
    reset = uuid7()
    await add(db, service_id=reset)
    assert reset in {work.service_id for work in await claim(db, 10)}


async def test_with_more_services_than_places_all_have_their_turn(db: Database) -> None:
    services = [uuid7() for _ in range(25)]
    for service in services:
        await add(db, 4, service_id=service)
    work_list, seen = WorkList("notify"), Counter[UUID]()
    for _ in range(5):
        async with db.transaction() as tx:
            seen.update(work.service_id for work in await work_list.claim(tx, "normal", limit=10, lease_s=LEASE_S))
    assert sum(seen.values()) == 50
    assert set(seen) == set(services)


async def test_a_lease_that_ran_out_lets_another_take_over(db: Database) -> None:
    [work_id] = await add(db)
    await expired(db)
    [work] = await claim(db)
    assert (work.id, work.in_flight_at) == (work_id, None)


async def test_a_mark_survives_the_death_of_its_holder(db: Database) -> None:
    await add(db)
    held = await claim(db, lease_s=0.2)
    async with db.transaction() as tx:
        assert await LIST.mark_in_flight(tx, held) == {held[0].id}
        await tx.execute("select pg_sleep(0.25)")
    [taken_over] = await claim(db)
    assert taken_over.in_flight_at is not None


async def test_no_mark_after_the_lease_ran_out(db: Database) -> None:
    await add(db)
    held = await expired(db)
    async with db.transaction() as tx:
        assert await LIST.mark_in_flight(tx, held) == set()


async def test_who_lost_the_lease_can_do_nothing_to_anothers_claim(db: Database) -> None:
    work_ids = set(await add(db, 3))
    lost = await expired(db)
    held = await claim(db)
    async with db.transaction() as tx:
        assert await LIST.mark_in_flight(tx, lost) == set()
        assert await LIST.done(tx, lost) == set()
        assert await LIST.reschedule(tx, [(w, clock.now(), "late") for w in lost]) == set()
        assert await LIST.defer(tx, [(w, clock.now(), None) for w in lost]) == set()
        assert await LIST.release(tx, lost) == set()
        assert await LIST.bury(tx, [(w, "late") for w in lost]) == set()
    assert await ids_of(db) == work_ids
    async with db.transaction() as tx:
        assert await LIST.done(tx, held) == work_ids
    assert await ids_of(db) == set()


async def test_a_late_finish_counts_as_long_as_nobody_took_over(db: Database) -> None:
    await add(db)
    held = await expired(db)
    async with db.transaction() as tx:
        assert len(await LIST.done(tx, held)) == 1


@pytest.mark.parametrize(("move", "attempts"), [("reschedule", 1), ("defer", 0)])
async def test_moved_work_comes_back_later_unmarked(db: Database, move: str, attempts: int) -> None:
    await add(db)
    held = await claim(db)
    later = clock.now() + timedelta(minutes=5)
    async with db.transaction() as tx:
        await LIST.mark_in_flight(tx, held)
        await getattr(LIST, move)(tx, [(held[0], later, "timed-out")])
    assert await claim(db) == []
    with clock.frozen(later):
        [again] = await claim(db)
    assert (again.attempt, again.in_flight_at, again.due_at) == (attempts, None, later)


async def test_released_work_is_free_at_once_but_marked_work_is_not(db: Database) -> None:
    await add(db, 2)
    held = await claim(db)
    async with db.transaction() as tx:
        await LIST.mark_in_flight(tx, held[:1])
        assert await LIST.release(tx, held) == {held[1].id}
    assert [work.id for work in await claim(db)] == [held[1].id]


async def buried(db: Database, count: int = 1) -> Sequence[Work]:
    await add(db, count)
    held = await claim(db)
    async with db.transaction() as tx:
        await LIST.bury(tx, [(work, "no-such-template") for work in held])
    return held


async def test_buried_work_is_listed_with_its_reason_and_can_be_replayed(db: Database) -> None:
    [work] = await buried(db)
    assert await claim(db) == []
    async with db.transaction() as tx:
        [dead] = await LIST.dead(tx)
        assert (dead.id, dead.reason, dead.attempt) == (work.id, "no-such-template", 1)
        assert await LIST.replay(tx, topic="another") == []
        assert await LIST.replay(tx, ids=[work.id]) == [work.id]
        assert await LIST.dead(tx) == []
    [again] = await claim(db)
    assert (again.id, again.ref, again.attempt) == (work.id, work.ref, 0)


async def test_the_dead_are_paged_newest_first(db: Database) -> None:
    works = await buried(db, 5)
    async with db.transaction() as tx:
        first = await LIST.dead(tx, limit=3)
        rest = await LIST.dead(tx, limit=3, cursor=first[-1].id)
    assert [d.id for d in (*first, *rest)] == sorted((w.id for w in works), reverse=True)


@pytest.mark.parametrize("by_id", [True, False])
async def test_waiting_work_can_be_cancelled_once(db: Database, by_id: bool) -> None:
    ref = uuid7()
    async with db.transaction() as tx:
        await LIST.add(tx, topic="deliver", ref=ref, service_id=SERVICE, lane="normal", id=ref if by_id else None)
        assert not await LIST.cancel(tx, topic="another", ref=ref)
        assert await LIST.cancel(tx, topic="deliver", ref=ref)
        assert not await LIST.cancel(tx, topic="deliver", ref=ref)
    assert await ids_of(db) == set()


@pytest.mark.parametrize("by_id", [True, False])
async def test_work_that_was_begun_cannot_be_cancelled(db: Database, by_id: bool) -> None:
    ref = uuid7()
    async with db.transaction() as tx:
        await LIST.add(tx, topic="deliver", ref=ref, service_id=SERVICE, lane="normal", id=ref if by_id else None)
    held = await claim(db, lease_s=0.1)
    async with db.transaction() as tx:
        assert not await LIST.cancel(tx, topic="deliver", ref=ref)
        await LIST.mark_in_flight(tx, held)
        await tx.execute("select pg_sleep(0.15)")
    async with db.transaction() as tx:
        assert not await LIST.cancel(tx, topic="deliver", ref=ref), "it may have gone out"


async def test_stats_tell_how_each_lane_stands(db: Database) -> None:
    await add(db, 3)
    await claim(db, 1)
    await buried_in(db, "bulk")
    async with db.transaction() as tx:
        due_at = clock.now() + timedelta(hours=1)
        await LIST.add(tx, topic="deliver", ref=uuid7(), service_id=SERVICE, lane="normal", due_at=due_at)
        bulk, normal = await LIST.stats(tx)
    assert (bulk.lane, bulk.waiting, bulk.dead) == ("bulk", 0, 1)
    assert (normal.lane, normal.waiting, normal.due, normal.leased, normal.dead) == ("normal", 4, 2, 1, 0)
    assert 0 <= normal.oldest_due_age_s < 60


async def buried_in(db: Database, lane: str) -> None:
    await add(db, lane=lane)
    held = await claim(db, lane=lane)
    async with db.transaction() as tx:
        await LIST.bury(tx, [(work, "gone") for work in held])


async def test_nothing_is_lost_or_done_twice_when_workers_race(db: Database) -> None:
    """Four workers; every third claim is abandoned, as by a crash. Each row is finished exactly once."""
    work_ids = await add(db, 300)
    finished: list[UUID] = []

    async def worker(number: int) -> None:
        rounds = 0
        while await ids_of(db):
            rounds += 1
            crashes = rounds % 3 == number % 3
            held = await claim(db, 20, lease_s=0.05 if crashes else LEASE_S)
            if not crashes:
                async with db.transaction() as tx:
                    finished.extend(await LIST.done(tx, held))

    async with asyncio.timeout(20):
        await asyncio.gather(*(worker(number) for number in range(4)))
    assert sorted(finished) == sorted(work_ids)
