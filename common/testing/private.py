"""Servers of one test, which it may kill and start again."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from common.db import migrate
from common.embedded import EmbeddedPostgres, EmbeddedRedis
from common.testing.servers import execute, off_loop, wanted_postgres

_DATABASE = "colonnade"


class PrivateServers:
    """`postgres` and `redis` have start(), stop() and kill(); both addresses stay the same over a restart."""

    def __init__(self, *, durable: bool) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="colonnade-test-", dir="/tmp"))
        self.folder.chmod(0o711)
        self.postgres = EmbeddedPostgres(self.folder / "pg", wanted_postgres(), durable=durable)
        self.redis = EmbeddedRedis(self.folder / "redis")

    def start(self) -> PrivateServers:
        """Start both and migrate the database."""
        self.postgres.start()
        self.redis.start()
        execute(self.postgres.dsn(), f"create database {_DATABASE} template template0")
        self.database_url = self.postgres.dsn(database=_DATABASE)
        off_loop(lambda: migrate.upgrade(self.database_url))
        self.redis_url = self.redis.url
        return self

    def remove(self) -> None:
        """End both and forget their data."""
        self.postgres.kill()
        self.redis.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
