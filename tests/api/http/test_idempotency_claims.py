from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from common import clock
from common.db import Database
from common.errors import IdempotencyKeyReused, NotFound
from common.http.idempotency import Claim, claim, operation, purge

_SERVICE = uuid4()
_CREATE = operation("templates:create")


async def _claim(tx: Any, resource: UUID, **changed: Any) -> Claim:
    asked = {
        "service_id": _SERVICE,
        "mode": "live",
        "operation": _CREATE,
        "key": "k1",
        "request_hash": b"h" * 32,
        "resource_id": resource,
    }
    return await claim(tx, "notify", **{**asked, **changed})


async def test_same_key_and_body_gives_the_first_resource(db: Database) -> None:
    first, second = uuid4(), uuid4()
    async with db.transaction() as tx:
        assert await _claim(tx, first) == Claim(first, is_new=True)
    async with db.transaction() as tx:
        assert await _claim(tx, second) == Claim(first, is_new=False)


async def test_same_key_with_other_body_is_refused(db: Database) -> None:
    async with db.transaction() as tx:
        await _claim(tx, uuid4())
    with pytest.raises(IdempotencyKeyReused):
        async with db.transaction() as tx:
            await _claim(tx, uuid4(), request_hash=b"x" * 32)


@pytest.mark.parametrize(
    "other", [{"service_id": uuid4()}, {"mode": "test"}, {"operation": operation("messages:send")}, {"key": "k2"}]
)
async def test_key_counts_for_one_service_mode_and_operation(db: Database, other: dict[str, Any]) -> None:
    async with db.transaction() as tx:
        await _claim(tx, uuid4())
        assert (await _claim(tx, uuid4(), **other)).is_new


async def test_refused_request_burns_no_key(db: Database) -> None:
    async def refuse() -> None:
        async with db.transaction() as tx:
            await _claim(tx, uuid4())
            raise NotFound("no such template")

    with pytest.raises(NotFound):
        await refuse()
    async with db.transaction() as tx:
        assert (await _claim(tx, uuid4(), request_hash=b"x" * 32)).is_new


async def test_second_request_in_flight_waits_and_replays(db: Database) -> None:
    first = uuid4()

    async def second() -> Claim:
        async with db.transaction() as tx:
            return await _claim(tx, uuid4())

    async with db.transaction() as tx:
        await _claim(tx, first)
        waiting = asyncio.create_task(second())
        await asyncio.sleep(0.1)
        assert not waiting.done()
    assert await waiting == Claim(first, is_new=False)


async def test_purge_forgets_old_keys_in_batches(db: Database) -> None:
    async with db.transaction() as tx:
        for number in range(5):
            await _claim(tx, uuid4(), key=f"k{number}")
        assert await purge(tx, "notify") == 0
        with clock.shifted(timedelta(hours=25)):
            assert [await purge(tx, "notify", batch=3) for _ in range(3)] == [3, 2, 0]
