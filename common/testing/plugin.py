"""The pytest plugin: servers for the run, a database and a Redis number for each worker, clean for each test.

database_url        the worker's database, migrated, every table empty
fresh_database_url  a database for this one test, dropped after it
db                  an open Database on database_url
redis_url           the worker's own Redis database, empty (publish and subscribe are shared between workers)
keyring, crypto     a key ring as JSON, and what works with it
private_servers     makes servers for this one test, to be killed and started again
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis as redis_client

from common.crypto import Crypto, new_ring
from common.db import Database
from common.embedded import EmbeddedError
from common.testing.private import PrivateServers
from common.testing.servers import TEMPLATE, Addresses, RunServers, empty, execute, wait_for_addresses

_RUN = pytest.StashKey[RunServers]()
_FOLDER = "colonnade_servers"


def _start(servers: RunServers) -> Addresses:
    try:
        return servers.start()
    except EmbeddedError as error:
        servers.stop()
        raise pytest.UsageError(str(error)) from None


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """xdist, in the controller, before a worker starts: tell it where the servers will be."""
    if _RUN not in node.config.stash:
        node.config.stash[_RUN] = RunServers()
    node.workerinput[_FOLDER] = str(node.config.stash[_RUN].folder)


@pytest.hookimpl(wrapper=True)
def pytest_sessionstart(session: pytest.Session) -> Generator[None, None, None]:
    """xdist, in the controller: when it has started its workers, start the servers while they collect."""
    yield
    if _RUN in session.config.stash:
        _start(session.config.stash[_RUN])


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    if _RUN in config.stash:
        config.stash[_RUN].stop()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def server_addresses(pytestconfig: pytest.Config) -> Addresses:
    """Where this run's servers are; without xdist they start when first asked for."""
    handed: dict[str, Any] | None = getattr(pytestconfig, "workerinput", None)
    if handed is not None:
        return wait_for_addresses(Path(handed[_FOLDER]))
    servers = pytestconfig.stash[_RUN] = RunServers()
    return _start(servers)


@pytest.fixture(scope="session")
def worker_number() -> int:
    """0 for a single process, from 1 under xdist."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw-1").removeprefix("gw")) + 1


@pytest.fixture(scope="session")
def _worker_database(server_addresses: Addresses, worker_number: int) -> str:
    name = f"worker_{worker_number}"
    # a worker that crashed is replaced by one of another number, so the name is free
    execute(server_addresses.database("postgres"), f"create database {name} template {TEMPLATE}")
    return server_addresses.database(name)


@pytest.fixture
def database_url(_worker_database: str) -> str:
    """A migrated database with empty tables, this worker's own."""
    empty(_worker_database)
    return _worker_database


@pytest.fixture
def fresh_database_url(server_addresses: Addresses) -> Iterator[str]:
    """A migrated database for this one test."""
    name, control = f"fresh_{uuid4().hex}", server_addresses.database("postgres")
    execute(control, f"create database {name} template {TEMPLATE}")
    yield server_addresses.database(name)
    execute(control, f"drop database {name} with (force)")


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """An open pool on the worker's database, as superuser."""
    async with Database(database_url, pool_size=10, application="test") as database:
        yield database


@pytest.fixture
def redis_url(server_addresses: Addresses, worker_number: int) -> str:
    """A Redis database with nothing in it, this worker's own."""
    url = f"{server_addresses.redis}?db={worker_number}"
    with redis_client.Redis.from_url(url) as client:
        client.flushdb()
    return url


@pytest.fixture(scope="session")
def keyring() -> str:
    """A key ring, as KEYS holds it."""
    return new_ring()


@pytest.fixture(scope="session")
def crypto(keyring: str) -> Crypto:
    return Crypto(keyring)


@pytest.fixture
def private_servers() -> Iterator[Callable[..., PrivateServers]]:
    """Makes durable servers with a migrated database for a test that kills them; stopped after it."""
    made: list[PrivateServers] = []

    def make(*, durable: bool = True) -> PrivateServers:
        made.append(PrivateServers(durable=durable))
        return made[-1].start()

    yield make
    for servers in made:
        servers.remove()
