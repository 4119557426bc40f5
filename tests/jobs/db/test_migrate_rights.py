"""Rights that an upgrade could not give are given by the next one, also when no step waits."""

from __future__ import annotations

import asyncio

import asyncpg

from common.db import migrate

_MAY = "select has_schema_privilege('colonnade_notify', 'notify', 'usage')"


async def _do(dsn: str, statement: str) -> bool:
    connection = await asyncpg.connect(dsn)
    try:
        may: bool = await connection.fetchval(statement)
        return may
    finally:
        await connection.close()


async def test_lost_rights_are_given_again_although_no_step_waits(fresh_database_url: str) -> None:
    await _do(fresh_database_url, "revoke usage on schema notify from colonnade_notify")
    assert not await _do(fresh_database_url, _MAY)
    assert await asyncio.to_thread(migrate.upgrade, fresh_database_url) == []
    assert await _do(fresh_database_url, _MAY)
