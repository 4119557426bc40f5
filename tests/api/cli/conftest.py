"""The command, run in this process against a real database."""

from __future__ import annotations

import asyncio
import json
import tomllib
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest
from click.testing import CliRunner

from common.audit import Action, AuditEvent, list_events
from common.db import Database, Tx

T = TypeVar("T")
_GROUP = "colonnade.commands"


class Run(NamedTuple):
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture(scope="session", autouse=True)
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Where the distribution is not installed, its entry points as pyproject.toml declares them."""
    with pytest.MonkeyPatch.context() as patch:
        if not entry_points(group=_GROUP):
            project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
            folder = tmp_path_factory.mktemp("site")
            info = folder / "colonnade-0.1.0.dist-info"
            info.mkdir()
            (info / "METADATA").write_text("Metadata-Version: 2.1\nName: colonnade\nVersion: 0.1.0\n")
            lines = [f"{name} = {target}" for name, target in project["entry-points"][_GROUP].items()]
            (info / "entry_points.txt").write_text(f"[{_GROUP}]\n" + "\n".join(lines) + "\n")
            patch.syspath_prepend(folder)
        yield


@pytest.fixture
def environment(database_url: str, redis_url: str, keyring: str) -> dict[str, str]:
    return {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "KEYS": keyring}


Cli = Callable[..., Run]


@pytest.fixture
def cli(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Run `colonnade …`; `env` replaces the settings, a value of None unsets one."""
    from common.cli.main import build

    for name in ("DATABASE_URL", "REDIS_URL", "KEYS", "OPERATOR_SIGNING_KEY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)
    root = build()

    def run(*words: object, env: dict[str, str | None] | None = None, stdin: str | None = None) -> Run:
        given: dict[str, str | None] = {**environment, **(env or {})}
        ended = CliRunner().invoke(root, [str(word) for word in words], env=given, input=stdin, prog_name="colonnade")
        if ended.exception is not None and not isinstance(ended.exception, SystemExit):
            raise ended.exception
        return Run(ended.exit_code, ended.stdout, ended.stderr)

    return run


@pytest.fixture
def ask(cli: Cli) -> Callable[..., Any]:
    """Run `colonnade … --json`, expect success, give the answer."""

    def asked(*words: object, **options: Any) -> Any:
        ended = cli(*words, "--json", **options)
        assert ended.code == 0, ended.err
        return ended.json

    return asked


@pytest.fixture
def in_database(database_url: str) -> Callable[[Callable[[Tx], Awaitable[T]]], T]:
    """Do something in a transaction of the test's own database."""

    def run(work: Callable[[Tx], Awaitable[T]]) -> T:
        async def opened() -> T:
            async with Database(database_url, pool_size=1) as database, database.transaction() as tx:
                return await work(tx)

        with ThreadPoolExecutor(1) as thread:
            return thread.submit(lambda: asyncio.run(opened())).result()

    return run


@pytest.fixture
def service(ask: Callable[..., Any]) -> str:
    """The id of a live service."""
    ask("organisation", "create", "Borough of Tests")
    return str(ask("service", "create", "Borough of Tests", "Parking permits", "--live")["id"])


@pytest.fixture
def audited(in_database: Callable[..., Any]) -> Callable[..., list[AuditEvent]]:
    """The events of one action in a schema's log."""

    def read(action: Action, schema: str = "platform") -> list[AuditEvent]:
        return in_database(lambda tx: list_events(tx, schema, action=action))

    return read
