"""The pool of one process and the few ways to read rows.

Names are always schema-qualified and nothing is set per session, so that PgBouncer in transaction mode can stand
between.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, TypeVar

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy

from common.db.away import SERVER_AWAY
from common.errors import Unavailable

Tx: TypeAlias = "asyncpg.Connection | PoolConnectionProxy"
Row = TypeVar("Row", bound=msgspec.Struct)

_CONNECT_TIMEOUT_S = 5
_COMMAND_TIMEOUT_S = 30
# for a connection of the pool; who holds one must never wait for another, or ten such callers wait for each other
_WAIT_TIMEOUT_S = 10


def _decode_json(text: str) -> Any:
    return msgspec.json.decode(text)


def _encode_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


async def prepare(connection: Tx) -> None:
    """Teach a new connection our types: jsonb goes through msgspec."""
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=_encode_json, decoder=_decode_json, format="text"
    )


class Database:
    """One process's door to PostgreSQL."""

    def __init__(
        self, dsn: str, *, pool_size: int = 10, pgbouncer: bool = False, application: str = "colonnade"
    ) -> None:
        self.dsn = dsn
        self._options: dict[str, Any] = {
            "timeout": _CONNECT_TIMEOUT_S,
            "command_timeout": _COMMAND_TIMEOUT_S,
            # behind PgBouncer in transaction mode a kept statement meets another server connection and fails
            "statement_cache_size": 0 if pgbouncer else 100,
            "server_settings": {} if pgbouncer else {"application_name": application, "jit": "off"},
        }
        self._pool_size = pool_size
        self._pool: asyncpg.Pool | None = None

    @property
    def pool(self) -> asyncpg.Pool:
        if self._pool is None:
            raise RuntimeError("the database is not open")
        return self._pool

    async def open(self) -> Database:
        self._pool = await asyncpg.create_pool(
            self.dsn, min_size=1, max_size=self._pool_size, init=prepare, **self._options
        )
        return self

    async def close(self) -> None:
        if self._pool is not None:
            pool, self._pool = self._pool, None
            await pool.close()

    async def __aenter__(self) -> Database:
        return await self.open()

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def connect(self) -> asyncpg.Connection:
        """A connection outside the pool, for a lane or a listener that keeps it; the caller closes it."""
        connection = await asyncpg.connect(self.dsn, **self._options)
        await prepare(connection)
        return connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """One request or one job. Commits on leaving, rolls back on an exception."""
        async with self._held() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Tx]:
        """A connection for single statements that change nothing."""
        async with self._held() as connection:
            yield connection

    @asynccontextmanager
    async def _held(self) -> AsyncIterator[Tx]:
        try:
            connection = await self.pool.acquire(timeout=_WAIT_TIMEOUT_S)
        except TimeoutError:
            raise Unavailable("All database connections are in use.", headers={"Retry-After": "1"}) from None
        except (OSError, *SERVER_AWAY) as error:
            raise Unavailable("The database cannot be reached.", headers={"Retry-After": "1"}) from error
        try:
            yield connection
        finally:
            await self.pool.release(connection)


async def many(tx: Tx, kind: type[Row], sql: str, *args: Any) -> list[Row]:
    """All rows of a query whose columns stand in the order of the Struct's fields."""
    return [kind(*row) for row in await tx.fetch(sql, *args)]


async def maybe(tx: Tx, kind: type[Row], sql: str, *args: Any) -> Row | None:
    """The first row of a query, or None. Columns stand in the order of the Struct's fields."""
    row = await tx.fetchrow(sql, *args)
    return None if row is None else kind(*row)


async def one(tx: Tx, kind: type[Row], sql: str, *args: Any) -> Row:
    """The one row that a statement always gives back (an insert … returning). Raises LookupError."""
    row = await maybe(tx, kind, sql, *args)
    if row is None:
        raise LookupError("the statement gave no row")
    return row
