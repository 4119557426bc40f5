"""One PostgreSQL and one Redis for a test run, a migrated template database, and clones of it."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import asyncpg

from common.db import migrate
from common.embedded import EmbeddedPostgres, EmbeddedRedis

TEMPLATE = "colonnade_template"
_WAIT_S = 60

# The guard of audit_events (no update, no delete, no truncate) is a trigger, and triggers rest in replica mode.
# Only tables that hold rows: emptying 60 empty ones would cost more than most tests.
_EMPTY = """
do $$
declare
    name text;
    filled boolean;
    found text[] := '{}';
begin
    set local session_replication_role = replica;
    set local lock_timeout = '10s';
    for name in
        select format('%I.%I', schemaname, tablename) from pg_tables
        where schemaname not in ('pg_catalog', 'information_schema') and tablename <> 'schema_version'
    loop
        execute format('select exists (select from only %s)', name) into filled;
        if filled then
            found := found || name;
        end if;
    end loop;
    if found <> '{}' then
        execute 'truncate ' || array_to_string(found, ', ') || ' restart identity cascade';
    end if;
end
$$
"""
# what an earlier test left open (a killed process, a pool that nobody closed) must not hold locks against this one
_DISCONNECT = """
select pg_terminate_backend(pid)
from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid()
"""


class Addresses(NamedTuple):
    """How a worker reaches the servers of the run. `superuser` has {database} where the name goes."""

    superuser: str
    redis: str

    def database(self, name: str) -> str:
        return self.superuser.replace("{database}", name)


def off_loop(work: Callable[[], object]) -> None:
    """Run what has an event loop of its own, also when called from inside one (an async test)."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(work).result()


async def _execute(dsn: str, statements: tuple[str, ...]) -> None:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def execute(dsn: str, *statements: str) -> None:
    """Run statements, each in its own transaction, on a connection of their own."""
    off_loop(lambda: asyncio.run(_execute(dsn, statements)))


def empty(dsn: str) -> None:
    """Disconnect everybody else and empty every table of our schemas."""
    execute(dsn, _DISCONNECT, _EMPTY)


def make_template(postgres: EmbeddedPostgres) -> None:
    """Migrate the database that all others are cloned from."""
    execute(postgres.dsn(), f"create database {TEMPLATE} template template0")
    off_loop(lambda: migrate.upgrade(postgres.dsn(database=TEMPLATE)))


def wanted_postgres() -> str:
    """The major version that this run is to use: COLONNADE_TEST_PG, 18 if not set."""
    return os.environ.get("COLONNADE_TEST_PG", "18")


class RunServers:
    """The servers of one test run, in a temporary folder, not durable. Workers meet them through a file."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="colonnade-test-", dir="/tmp"))
        # the account of the servers must pass when we are root; what is in the folder is closed to others
        self.folder.chmod(0o711)
        self._postgres = EmbeddedPostgres(self.folder / "pg", wanted_postgres(), durable=False)
        self._redis = EmbeddedRedis(self.folder / "redis")

    def start(self) -> Addresses:
        self._postgres.start()
        self._redis.start()
        make_template(self._postgres)
        addresses = Addresses(self._postgres.dsn(database="{database}"), self._redis.url)
        draft = self.folder / "addresses.draft"
        draft.write_text("\n".join(addresses))
        draft.rename(self.folder / "addresses")
        return addresses

    def stop(self) -> None:
        # nothing in these folders is wanted any more
        self._postgres.kill()
        self._redis.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def wait_for_addresses(folder: Path) -> Addresses:
    """The addresses of the servers that the controller of the run is starting. Raises TimeoutError."""
    until = time.monotonic() + _WAIT_S
    while not (folder / "addresses").exists():
        if time.monotonic() > until or not folder.exists():
            raise TimeoutError(f"the test servers did not start (logs: {folder})")
        time.sleep(0.02)
    superuser, redis = (folder / "addresses").read_text().split("\n")
    return Addresses(superuser, redis)
