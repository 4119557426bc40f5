"""The servers from our wheels: durable, on no port, gone with their parent, one clear line when they cannot run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
import redis as redis_client

from common.embedded import EmbeddedError, EmbeddedPostgres, EmbeddedRedis, binaries

_ROOT = Path(__file__).parents[3]


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="colonnade-test-", dir="/tmp"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made, ignore_errors=True)


def until(holds: Callable[[], bool], within_s: float = 15) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    try:
        return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


async def count(dsn: str) -> int:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("create table if not exists seen (at timestamptz default now())")
        await connection.execute("insert into seen default values")
        return int(await connection.fetchval("select count(*) from seen"))
    finally:
        await connection.close()


@pytest.mark.parametrize("version", ["18", "16"])
async def test_postgres_keeps_its_rows_over_a_stop_and_a_kill(folder: Path, version: str) -> None:
    server = EmbeddedPostgres(folder / "pg", version)
    with server:
        assert await count(server.dsn()) == 1
    with server:
        assert await count(server.dsn()) == 2
        server.kill()
        server.start()
        assert await count(server.dsn()) == 3


async def test_postgres_listens_on_its_socket_alone_and_the_folder_is_closed(folder: Path) -> None:
    with EmbeddedPostgres(folder / "pg", durable=False) as server:
        connection = await asyncpg.connect(server.dsn())
        assert await connection.fetchval("show listen_addresses") == ""
        assert await connection.fetchval("show fsync") == "off"
        await connection.close()
        assert (folder / "pg").stat().st_mode & 0o777 == 0o700


async def test_a_durable_postgres_waits_for_the_disk(folder: Path) -> None:
    with EmbeddedPostgres(folder / "pg") as server:
        connection = await asyncpg.connect(server.dsn())
        settings = await connection.fetch(
            "select name, setting from pg_settings where name in ('fsync', 'full_page_writes')"
        )
        commit = await connection.fetchval("show synchronous_commit")
        await connection.close()
    assert {row["setting"] for row in settings} == {"on"}
    assert commit == "on"


def test_a_long_path_gets_a_short_socket_folder(folder: Path) -> None:
    long = folder / ("a" * 60) / ("b" * 60)
    with EmbeddedPostgres(long / "pg") as server, EmbeddedRedis(long / "redis") as redis:
        assert len(server.dsn().rpartition("host=")[2]) < 80
        with redis_client.Redis.from_url(redis.url) as client:
            assert client.ping()


def test_redis_keeps_what_was_written_and_opens_no_port(folder: Path) -> None:
    server = EmbeddedRedis(folder / "redis")
    for expected in (1, 2, 3):
        server.start()
        with redis_client.Redis.from_url(server.url) as client:
            assert client.incr("seen") == expected
            assert client.config_get("port")["port"] == "0"
        server.stop()


def test_data_of_another_major_version_is_refused_in_one_line(folder: Path) -> None:
    with EmbeddedPostgres(folder / "pg", "16"):
        assert (folder / "pg" / "PG_VERSION").read_text().strip() == "16"
    with pytest.raises(
        EmbeddedError, match=r"holds the data of PostgreSQL 16 and this is PostgreSQL 18: .*mv "
    ) as refused:
        EmbeddedPostgres(folder / "pg", "18").start()
    assert "\n" not in str(refused.value)


def test_a_pid_file_that_names_another_program_does_not_stop_the_start(folder: Path) -> None:
    with EmbeddedPostgres(folder / "pg") as server:
        server.kill()
        lines = (folder / "pg" / "postmaster.pid").read_text().splitlines()
        lines[0] = str(os.getpid())
        (folder / "pg" / "postmaster.pid").write_text("\n".join(lines) + "\n")
        server.start()


def test_a_missing_program_is_one_line_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(binaries, "_package_folder", lambda name: None)
    monkeypatch.setattr(binaries, "_on_machine", list)
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(EmbeddedError, match="DATABASE_URL"):
        EmbeddedPostgres(folder / "pg").start()
    with pytest.raises(EmbeddedError, match="REDIS_URL"):
        EmbeddedRedis(folder / "redis").start()


_PARENT = """
import sys, time
from pathlib import Path
from common.embedded import EmbeddedPostgres, EmbeddedRedis
folder = Path(sys.argv[1])
servers = EmbeddedPostgres(folder / "pg").start(), EmbeddedRedis(folder / "redis").start()
print(*(server.child.pid for server in servers), flush=True)
time.sleep(600)
"""


def test_servers_end_with_a_parent_that_is_killed_and_start_again_at_once(folder: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT, str(folder)], stdout=subprocess.PIPE, text=True, cwd=_ROOT, env=dict(os.environ)
    )
    assert parent.stdout is not None
    with parent.stdout:
        pids = [int(word) for word in parent.stdout.readline().split()]
    assert len(pids) == 2
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    with EmbeddedPostgres(folder / "pg"), EmbeddedRedis(folder / "redis"):
        until(lambda: all(is_gone(pid) for pid in pids))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives up its rights")
async def test_root_runs_them_as_nobody_even_below_a_closed_folder(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    with EmbeddedPostgres(closed / "pg") as server, EmbeddedRedis(closed / "redis") as redis:
        assert await count(server.dsn()) == 1
        for child in (server.child, redis.child):
            assert Path(f"/proc/{child.pid}").stat().st_uid != 0
    assert closed.stat().st_mode & 0o777 == 0o700
