"""The lane of the accept path: all or none, one bad row fails alone, a full queue and a lost database say 503."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from common.db import Database
from common.db.group_commit import GroupCommit
from common.errors import Unavailable

TABLE = "create table public.kept (n integer primary key check (n <> 13))"
INSERT = "insert into public.kept select unnest($1::int[])"
Lane = GroupCommit[int, int]


class Kept:
    """A database with one table, and lanes that fill it. groups: the groups that were tried, in order."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.groups: list[list[int]] = []
        self.rung: list[int] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def flush(self, connection: asyncpg.Connection, items: Sequence[int]) -> list[int]:
        self.groups.append(list(items))
        await self.gate.wait()
        await connection.execute(INSERT, list(items))
        return [item * 10 for item in items]

    @asynccontextmanager
    async def lane(self, connect: Callable[[], Awaitable[Any]] | None = None, **options: Any) -> AsyncIterator[Lane]:
        given = {"after_commit": self.rung.extend, **options}
        lane: Lane = GroupCommit(connect or self.database.connect, self.flush, **given)
        await lane.open()
        try:
            yield lane
        finally:
            self.gate.set()
            await lane.close()

    async def rows(self) -> list[int]:
        return [r[0] for r in await self.database.pool.fetch("select n from public.kept order by n")]

    async def end_other_connections(self) -> None:
        await self.database.pool.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )


@pytest.fixture
async def kept(fresh_database_url: str) -> AsyncIterator[Kept]:
    async with Database(fresh_database_url, pool_size=2, application="test") as database:
        await database.pool.execute(TABLE)
        yield Kept(database)


async def outcomes(futures: Sequence[asyncio.Future[int]]) -> list[Any]:
    return await asyncio.wait_for(asyncio.gather(*futures, return_exceptions=True), 20)


async def test_what_waits_goes_in_one_group_and_each_gets_its_own_answer(kept: Kept) -> None:
    async with kept.lane() as lane:
        kept.gate.clear()
        first = lane.put(1)
        while not kept.groups:
            await asyncio.sleep(0)
        rest = [lane.put(n) for n in range(2, 10)]
        kept.gate.set()
        assert await outcomes([first, *rest]) == [n * 10 for n in range(1, 10)]
    assert kept.groups == [[1], list(range(2, 10))]
    assert await kept.rows() == list(range(1, 10))


async def test_a_group_is_never_larger_than_its_limit(kept: Kept) -> None:
    async with kept.lane(largest_group=4) as lane:
        await outcomes([lane.put(n) for n in range(1, 11)])
    assert max(len(group) for group in kept.groups) <= 4
    assert await kept.rows() == list(range(1, 11))


async def test_a_bad_row_fails_alone(kept: Kept) -> None:
    async with kept.lane() as lane:
        answers = await outcomes([lane.put(n) for n in range(1, 33)])
        assert isinstance(answers[12], asyncpg.CheckViolationError)
        assert [answer for answer in answers if isinstance(answer, int)] == [n * 10 for n in range(1, 33) if n != 13]
        assert await outcomes([lane.put(40)]) == [400]
    assert await kept.rows() == [n for n in (*range(1, 33), 40) if n != 13]
    assert sorted(kept.rung) == await kept.rows()


async def test_two_bad_rows_among_many_fail_alone(kept: Kept) -> None:
    async with kept.lane() as lane:
        await outcomes([lane.put(20)])
        answers = await outcomes([lane.put(n) for n in range(1, 31)])
    failed = [n for n, answer in enumerate(answers, 1) if not isinstance(answer, int)]
    assert failed == [13, 20]
    assert len(kept.groups) < 2 * 5 * 2 + 2  # halving, not one by one


async def test_a_full_queue_says_come_back_and_takes_more_once_it_has_room(kept: Kept) -> None:
    async with kept.lane(longest_queue=3) as lane:
        kept.gate.clear()
        begun = lane.put(1)
        while not kept.groups:
            await asyncio.sleep(0)
        waiting = [lane.put(n) for n in (2, 3, 4)]
        with pytest.raises(Unavailable) as refused:
            lane.put(5)
        assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "1"})
        assert len(lane) == 3
        kept.gate.set()
        assert await outcomes([begun, *waiting]) == [10, 20, 30, 40]
        assert await outcomes([lane.put(6)]) == [60]
    assert await kept.rows() == [1, 2, 3, 4, 6]


async def test_a_connection_lost_between_groups_costs_at_most_the_next_one(kept: Kept) -> None:
    async with kept.lane() as lane:
        assert await outcomes([lane.put(1)]) == [10]
        await kept.end_other_connections()
        (second,) = await outcomes([lane.put(2)])
        assert await outcomes([lane.put(3)]) == [30]
    # if the loss was seen in time the second has a new connection already
    assert isinstance(second, Unavailable) or second == 20
    answered = [1, 3] if isinstance(second, Unavailable) else [1, 2, 3]
    assert await kept.rows() == answered
    assert kept.rung == answered


async def test_a_connection_lost_in_the_middle_of_a_group_answers_everybody(kept: Kept) -> None:
    async with kept.lane() as lane:
        kept.gate.clear()
        lost = [lane.put(1), lane.put(2)]
        while not kept.groups:
            await asyncio.sleep(0)
        await kept.end_other_connections()
        kept.gate.set()
        for refusal in await outcomes(lost):
            assert isinstance(refusal, Unavailable)
            assert refusal.headers == {"Retry-After": "1"}
        assert await outcomes([lane.put(3)]) == [30]
    assert await kept.rows() == [3]


@pytest.mark.parametrize("fault", [OSError("no such socket"), TimeoutError(), asyncpg.TooManyConnectionsError("full")])
async def test_while_the_database_cannot_be_reached_everybody_is_told_to_come_back(
    kept: Kept, fault: Exception
) -> None:
    is_away = False

    async def connect() -> asyncpg.Connection:
        if is_away:
            raise fault
        return await kept.database.connect()

    async with kept.lane(connect) as lane:
        is_away = True
        await kept.end_other_connections()
        for n in (1, 2, 3):
            (refusal,) = await outcomes([lane.put(n)])
            assert isinstance(refusal, Unavailable)
        is_away = False
        assert await outcomes([lane.put(4)]) == [40]
    assert await kept.rows() == [4]


async def test_a_server_that_became_a_standby_is_left_for_another(kept: Kept) -> None:
    made = []

    async def connect() -> asyncpg.Connection:
        made.append(await kept.database.connect())
        if len(made) == 1:
            await made[0].execute("set default_transaction_read_only = on")
        return made[-1]

    async with kept.lane(connect) as lane:
        (refusal,) = await outcomes([lane.put(1)])
        assert isinstance(refusal, Unavailable)
        assert await outcomes([lane.put(2)]) == [20]
    assert len(made) == 2
    assert made[0].is_closed()


async def test_a_caller_who_gave_up_before_its_turn_is_not_stored(kept: Kept) -> None:
    async with kept.lane() as lane:
        kept.gate.clear()
        begun = lane.put(1)
        while not kept.groups:
            await asyncio.sleep(0)
        gone, waits = lane.put(2), lane.put(3)
        gone.cancel()
        kept.gate.set()
        assert await outcomes([begun, waits]) == [10, 30]
    assert await kept.rows() == [1, 3]


async def test_closing_finishes_what_was_taken_and_takes_no_more(kept: Kept) -> None:
    async with kept.lane(largest_group=2) as lane:
        futures = [lane.put(n) for n in range(1, 8)]
        await lane.close()
        assert await outcomes(futures) == [n * 10 for n in range(1, 8)]
        with pytest.raises(Unavailable):
            lane.put(9)
    assert await kept.rows() == list(range(1, 8))


async def test_a_fault_of_ours_fails_its_group_and_not_the_lane(kept: Kept) -> None:
    store = kept.flush

    async def faulty(connection: asyncpg.Connection, items: Sequence[int]) -> list[int]:
        if 7 in items:
            raise RuntimeError("a bug")
        answers = await store(connection, items)
        return answers[:-1] if 8 in items else answers

    kept.flush = faulty  # type: ignore[method-assign]
    async with kept.lane() as lane:
        assert isinstance((await outcomes([lane.put(7)]))[0], RuntimeError)
        # fewer answers than rows: nobody may wait for ever
        assert isinstance((await outcomes([lane.put(8)]))[0], Exception)
        assert await outcomes([lane.put(9)]) == [90]


async def test_a_bell_that_fails_takes_no_answer_back_and_stops_nothing(kept: Kept) -> None:
    def broken(_: Sequence[int]) -> None:
        raise RuntimeError("no bell")

    async with kept.lane(after_commit=broken) as lane:
        assert await outcomes([lane.put(1)]) == [10]
        assert await outcomes([lane.put(2)]) == [20]
    assert await kept.rows() == [1, 2]
