"""What the pytest plugin promises to every other test."""

from __future__ import annotations

from collections.abc import Callable

import asyncpg
import pytest
import redis as redis_client

from common.crypto import Crypto
from common.db import Database, migrate
from common.testing.private import PrivateServers
from common.testing.servers import empty

_AUDIT = """
insert into platform.audit_events (id, at, action, actor_kind, actor, subject_id)
values (gen_random_uuid(), now(), 'a:b:c', 'system', 'x', 'y')
"""


async def test_the_database_is_migrated(db: Database) -> None:
    async with db.reading() as connection:
        assert "platform" in await migrate.versions(connection)
        assert all((await migrate.versions(connection)).values())
    assert await migrate.behind(db.dsn) == []


async def test_rows_of_the_test_before_are_gone_also_where_deleting_is_refused(database_url: str) -> None:
    async def rows(*statements: str) -> int:
        connection = await asyncpg.connect(database_url)
        try:
            for statement in statements:
                await connection.execute(statement)
            return int(await connection.fetchval("select count(*) from platform.audit_events"))
        finally:
            await connection.close()

    assert await rows(_AUDIT) == 1
    with pytest.raises(asyncpg.RaiseError):
        await rows("truncate platform.audit_events")
    empty(database_url)
    assert await rows() == 0


async def test_a_fresh_database_is_another_one(fresh_database_url: str, database_url: str) -> None:
    assert fresh_database_url != database_url
    assert await migrate.behind(fresh_database_url) == []


def test_redis_is_empty_and_each_worker_has_its_own(redis_url: str, worker_number: int) -> None:
    with redis_client.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "behind")
        assert client.connection_pool.connection_kwargs["db"] == worker_number


def test_redis_is_empty_again(redis_url: str) -> None:
    with redis_client.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0


def test_the_key_ring_and_crypto_belong_together(keyring: str, crypto: Crypto) -> None:
    assert Crypto(keyring).verify("p", crypto.sign("p", {"a": 1}, valid_s=60)) == {"a": 1}


async def test_private_servers_come_back_at_the_same_address(private_servers: Callable[..., PrivateServers]) -> None:
    servers = private_servers()
    servers.postgres.kill()
    servers.redis.kill()
    with pytest.raises(OSError):
        await asyncpg.connect(servers.database_url, timeout=2)
    servers.postgres.start()
    servers.redis.start()
    assert await migrate.behind(servers.database_url) == []
    with redis_client.Redis.from_url(servers.redis_url) as client:
        assert client.ping()
