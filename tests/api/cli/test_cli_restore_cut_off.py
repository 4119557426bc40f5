"""A restore that is interrupted, killed or asked for at the wrong time."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import pytest

from common.audit import Action

T = TypeVar("T")

# holds pg_restore at its first table for as long as the gate is shut
_GATE = """
create function public.gate() returns event_trigger language plpgsql as $$
begin
  if current_setting('application_name') = 'colonnade-dump' then
    perform pg_advisory_xact_lock(4711);
  end if;
end $$;
create event trigger gate on ddl_command_start when tag in ('CREATE TABLE') execute function public.gate();
"""
_AT_GATE = """
select exists (
  select from pg_stat_activity
  where application_name = 'colonnade-dump' and datname = current_database() and wait_event = 'advisory'
)
"""


def _in(dsn: str, work: Callable[[asyncpg.Connection], Awaitable[T]], **settings: str) -> T:
    """Do something on a connection of its own."""

    async def connected() -> T:
        connection = await asyncpg.connect(dsn, timeout=5, server_settings=settings)
        try:
            return await work(connection)
        finally:
            await connection.close()

    return asyncio.run(connected())


@pytest.fixture
def site(fresh_database_url: str, cli: Any, ask: Any, tmp_path: Path) -> dict[str, str]:
    """The environment of a database with a service and a backup of it, `b`, from before the service was suspended."""
    environment = {"DATABASE_URL": fresh_database_url}
    ask("organisation", "create", "Borough of Tests", env=environment)
    ask("service", "create", "Borough of Tests", "Parking permits", "--live", env=environment)
    ask("backup", tmp_path / "b", env=environment)
    ask("service", "suspend", "Parking permits", env=environment)
    _in(fresh_database_url, lambda connection: connection.execute(_GATE))
    return environment


@contextmanager
def _held_at_the_gate(site: dict[str, str], file: Path) -> Iterator[subprocess.Popen[str]]:
    """`colonnade restore --force` in a process of its own, while its pg_restore waits in the middle of the load."""
    words = [sys.executable, "-m", "common.cli", "restore", str(file), "--force"]
    with asyncio.Runner() as runner:
        # only looks on: a restore does not mind it
        looks_on = {"application_name": "test"}
        gate = runner.run(asyncpg.connect(site["DATABASE_URL"], server_settings=looks_on))
        runner.run(gate.execute("select pg_advisory_lock(4711)"))
        process = subprocess.Popen(words, env={**os.environ, **site}, stderr=subprocess.PIPE, text=True)
        try:
            deadline = time.monotonic() + 60
            while not runner.run(gate.fetchval(_AT_GATE)):
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield process
        finally:
            process.kill()
            process.communicate()
            runner.run(gate.close())


def _status(ask: Any, site: dict[str, str]) -> str:
    return str(ask("service", "show", "Parking permits", env=site)["status"])


def _aside(site: dict[str, str]) -> list[str]:
    found = _in(
        site["DATABASE_URL"], lambda c: c.fetch("select nspname from pg_namespace where nspname ~ '_replaced_'")
    )
    return sorted(row[0] for row in found)


def _checks(cli: Any, site: dict[str, str]) -> dict[str, Any]:
    return {check["name"]: check for check in cli("doctor", "--json", env=site).json["checks"]}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_restore_puts_back_what_stood_before(
    cli: Any, ask: Any, site: dict[str, str], tmp_path: Path, number: int
) -> None:
    with _held_at_the_gate(site, tmp_path / "b") as process:
        assert len(_aside(site)) == 2
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
        assert (process.returncode, said) == (130, "interrupted\n")
        assert _aside(site) == []
        assert _status(ask, site) == "suspended"
        assert _checks(cli, site)["role colonnade_notify"]["state"] == "ok"


def test_killed_restore_is_seen_and_put_back(cli: Any, ask: Any, site: dict[str, str], tmp_path: Path) -> None:
    with _held_at_the_gate(site, tmp_path / "b") as process:
        process.kill()
        process.wait(30)
        aside = _aside(site)
        check = _checks(cli, site)["restore"]
        assert check["state"] == "fail"
        assert aside[0] in check["detail"]
        for words in (("restore", tmp_path / "b", "--force"), ("restore", "--drop-replaced")):
            refused = cli(*words, "--json", env=site)
            assert (refused.code, json.loads(refused.err)["kind"]) == (1, "restore-cut-off"), words
            assert "--put-back" in refused.err
        assert _aside(site) == aside
        # the pg_restore that was left behind is still at work: it must not write over what is put back
        assert sorted(ask("restore", "--put-back", env=site)["put_back"]) == ["notify", "platform"]
    assert _aside(site) == []
    assert _status(ask, site) == "suspended"
    checks = _checks(cli, site)
    assert "restore" not in checks
    assert checks["role colonnade_notify"]["state"] == "ok"
    ask("restore", tmp_path / "b", "--force", env=site)
    assert _status(ask, site) == "live"


def test_restore_killed_at_its_end_can_be_kept(cli: Any, ask: Any, site: dict[str, str]) -> None:
    aside = "platform_replaced_20261123120000"
    _in(site["DATABASE_URL"], lambda c: c.execute(f"create schema {aside}; revoke usage on schema notify from public"))
    assert _checks(cli, site)["restore"]["state"] == "fail"
    assert ask("restore", "--drop-replaced", env=site)["dropped"] == [aside]
    assert _aside(site) == []
    assert _status(ask, site) == "suspended"

    counted = "select count(*) from platform.audit_events where action = $1"
    assert _in(site["DATABASE_URL"], lambda c: c.fetchval(counted, Action.BACKUP_RESTORE)) == 1
    for words in ("--put-back", "--drop-replaced"):
        refused = cli("restore", words, "--json", env=site)
        assert json.loads(refused.err)["kind"] == "nothing-aside"


def test_restore_wants_a_file_or_one_way_out(cli: Any, tmp_path: Path) -> None:
    for words in ((), ("--put-back", "--drop-replaced"), (tmp_path / "b", "--put-back")):
        assert cli("restore", *words).code == 2


@pytest.mark.parametrize("application", ["notify-worker", "console", "colonnade", ""])
def test_restore_is_refused_while_programs_are_connected(
    cli: Any, ask: Any, site: dict[str, str], tmp_path: Path, application: str
) -> None:
    def beside(word: str) -> Any:
        restore = partial(cli, "restore", tmp_path / "b", "--force", word, env=site)
        return _in(site["DATABASE_URL"], lambda _: asyncio.to_thread(restore), application_name=application)

    refused = beside("--json")
    assert (refused.code, json.loads(refused.err)["kind"]) == (1, "database-busy")
    assert (application or "role") in json.loads(refused.err)["detail"]
    assert _status(ask, site) == "suspended"
    assert beside("--while-running").code == 0
    assert _status(ask, site) == "live"


def test_restore_does_not_mind_who_only_looks(cli: Any, site: dict[str, str], tmp_path: Path) -> None:
    restore = partial(cli, "restore", tmp_path / "b", "--force", env=site)
    assert _in(site["DATABASE_URL"], lambda _: asyncio.to_thread(restore), application_name="psql").code == 0
