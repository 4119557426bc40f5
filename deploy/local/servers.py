"""PostgreSQL and Redis for this run: yours if DATABASE_URL and REDIS_URL say so, else our own in `var/`."""

from __future__ import annotations

import asyncio
import os

import asyncpg

from common.embedded import EmbeddedError, EmbeddedPostgres, EmbeddedRedis
from common.embedded.process import Child
from deploy.local.layout import Folders, StartRefused

DATABASE = "colonnade"
_OWN_VERSION = "18"


def wanted_version() -> str:
    """The major version of our own PostgreSQL: COLONNADE_PG (16 or 18), 18 if not set."""
    return os.environ.get("COLONNADE_PG") or _OWN_VERSION


class Servers:
    """The two servers. `admin_url` may migrate; `database_url(role)` is what a program gets."""

    def __init__(self, folders: Folders) -> None:
        self._given_database = os.environ.get("DATABASE_URL")
        self._given_redis = os.environ.get("REDIS_URL")
        self.postgres: EmbeddedPostgres | None = None
        self.redis: EmbeddedRedis | None = None
        if not self._given_database:
            self.postgres = EmbeddedPostgres(folders.postgres, wanted_version(), log=folders.log("postgres"))
        if not self._given_redis:
            self.redis = EmbeddedRedis(folders.redis, log=folders.log("redis"))

    def start(self, *, with_redis: bool = True) -> None:
        """Start our own and see that given ones answer. Raises StartRefused."""
        try:
            if self.postgres is not None:
                self.postgres.start()
            if self.redis is not None and with_redis:
                self.redis.start()
        except EmbeddedError as error:
            self.stop()
            raise StartRefused(str(error)) from None
        asyncio.run(self._check_database())

    def join_or_start_database(self) -> None:
        """Use our own PostgreSQL where it runs already (the suite is up), else start it. Raises StartRefused."""
        if self.postgres is not None and self.postgres.join():
            return
        self.start(with_redis=False)

    def children(self) -> list[Child]:
        """Our own, to be watched."""
        return [server.child for server in (self.postgres, self.redis) if server is not None]

    def stop(self) -> None:
        """Stop our own; given ones are left alone."""
        if self.redis is not None:
            self.redis.stop()
        if self.postgres is not None:
            self.postgres.stop()

    @property
    def admin_url(self) -> str:
        if self._given_database:
            return self._given_database
        assert self.postgres is not None
        return self.postgres.dsn(database=DATABASE)

    def database_url(self, role: str) -> str:
        """A program's own address. A server of yours may give our roles no way in, so there all use what you gave."""
        if self._given_database:
            return self._given_database
        assert self.postgres is not None
        return self.postgres.dsn(user=role, database=DATABASE)

    @property
    def redis_url(self) -> str:
        if self._given_redis:
            return self._given_redis
        assert self.redis is not None
        return self.redis.url

    async def _check_database(self) -> None:
        try:
            if self.postgres is not None:
                await _ensure_database(self.postgres.dsn())
            else:
                await (await asyncpg.connect(self.admin_url, timeout=5)).close()
        except (OSError, ValueError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            # the address may hold a password, so it is not shown
            raise StartRefused(f"DATABASE_URL: the server cannot be used ({type(error).__name__}: {error}).") from None


async def _ensure_database(dsn: str) -> None:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        if not await connection.fetchval("select exists (select from pg_database where datname = $1)", DATABASE):
            await connection.execute(f"create database {DATABASE} template template0")
    finally:
        await connection.close()
