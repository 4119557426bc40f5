"""Notify's programs as real processes, on servers that a test may kill, and a load that remembers every answer."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from common.crypto import Crypto
from common.db import Database
from common.testing.builders import TESTER, ATeam, a_team
from common.testing.private import PrivateServers
from services.notify.configuration import flow as configuration
from services.notify.configuration.rules import SettingsChange
from services.notify.templates import flow as templates
from services.notify.templates.rules import NewTemplate
from tests.e2e.notify.providers import Gateway, Relay

ROOT = Path(__file__).parents[3]
_READY = re.compile(r"ready(?: on (http://127\.0\.0\.1:\d+)|: Notify worker)")


async def eventually(holds: Callable[[], Any], *, within_s: float = 30, what: str = "it") -> Any:
    """What `holds` gives (or awaits), as soon as it is true."""
    deadline = time.monotonic() + within_s
    while True:
        found = holds()
        if isinstance(found, Awaitable):
            found = await found
        if found:
            return found
        assert time.monotonic() < deadline, f"{what} did not come to pass in {within_s} s"
        await asyncio.sleep(0.02)


class Program:
    """A process of Notify, its output in a file."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.process = process
        self.log = log
        self.url = ""

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    async def until_ready(self) -> None:
        found = await eventually(
            lambda: _READY.search(self.said()) or self.process.returncode is not None, what=f"{self.log.stem} ready"
        )
        assert isinstance(found, re.Match), self.said()[-2000:]
        self.url = found[1] or ""

    async def kill(self) -> None:
        """As `kill -9`."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    async def terminate(self) -> tuple[int, float]:
        """SIGTERM; gives its exit code and how many seconds it took to end."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = await asyncio.wait_for(self.process.wait(), 60)
        return code, time.monotonic() - began


class Load:
    """Callers that send without a pause, until told to stop. Each message has its own reference, which is its
    Idempotency-Key too.

    accepted: reference → id of what was answered 201. refused: other answers, by status. unanswered: requests whose
    connection broke.
    """

    def __init__(self, suite: Suite, channels: Sequence[str]) -> None:
        self._suite, self._channels = suite, channels
        self.accepted: dict[str, str] = {}
        self.refused: list[httpx.Response] = []
        self.unanswered: dict[str, str] = {}
        self._stopping = False
        self._number = 0

    async def send(self, client: httpx.AsyncClient, channel: str, reference: str) -> None:
        try:
            answer = await self._suite.post(client, channel, reference)
        except httpx.TransportError:
            self.unanswered[reference] = channel
            await asyncio.sleep(0.02)
            return
        if answer.status_code == 201:
            self.unanswered.pop(reference, None)
            self.accepted[reference] = answer.json()["id"]
        else:
            self.refused.append(answer)
            await asyncio.sleep(0.02)

    async def caller(self) -> None:
        async with self._suite.client() as client:
            while not self._stopping:
                self._number += 1
                await self.send(client, self._channels[self._number % len(self._channels)], f"load-{uuid4()}")

    def stop(self) -> None:
        self._stopping = True

    async def until_accepted(self, count: int) -> None:
        """Wait for so many more messages to be accepted."""
        wanted = len(self.accepted) + count
        await eventually(lambda: len(self.accepted) >= wanted, what=f"{count} more accepted")

    @property
    def ids(self) -> set[str]:
        return set(self.accepted.values())


class Suite:
    """One service's Notify on these servers."""

    def __init__(self, folder: Path, database_url: str, redis_url: str, ring: str) -> None:
        self.folder, self.database_url, self.redis_url, self.ring = folder, database_url, redis_url, ring
        self.relay, self.gateway = Relay(), Gateway()
        self.programs: list[Program] = []
        self.eventually = eventually
        self.team: ATeam
        self.templates: dict[str, UUID] = {}

    async def open(self) -> None:
        await self.relay.start()
        await self.gateway.start()
        async with Database(self.database_url, pool_size=2, application="test") as db:
            self.team = await a_team(db, Crypto(self.ring))
            async with db.transaction() as tx:
                plenty = SettingsChange(rate_limit_per_minute=10_000_000, daily_email=10_000_000, daily_sms=10_000_000)
                await configuration.update_settings(tx, TESTER, self.team.service_id, plenty)
                for channel, subject in (("email", "Permit ((number))"), ("sms", None)):
                    new = NewTemplate(type=channel, name="Permit", subject=subject, content="Permit ((number))")  # type: ignore[arg-type]
                    made = await templates.create_template(tx, TESTER, self.team.service_id, new, author="tests")
                    self.templates[channel] = made.template_id

    async def close(self) -> None:
        for program in self.programs:
            await program.kill()
        await self.relay.close()
        await self.gateway.close()

    async def _start(self, name: str, more: dict[str, str]) -> Program:
        log = self.folder / f"{name}-{len(self.programs)}.log"
        plain = {word: os.environ[word] for word in ("PATH", "HOME", "LANG") if word in os.environ}
        own = {"DATABASE_URL": self.database_url, "REDIS_URL": self.redis_url, "KEYS": self.ring}
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                f"services.notify.{name}",
                cwd=ROOT,
                env={**plain, **own, "PYTHONPATH": str(ROOT), **more},
                stdout=output,
                stderr=output,
            )
        program = Program(process, log)
        self.programs.append(program)
        await program.until_ready()
        return program

    async def start_api(self, **more: str) -> Program:
        api = await self._start("api", {"PORT": "0", "RECEIPTS_TOKEN": "receipts", **more})
        self.url = api.url
        return api

    async def start_worker(self, **more: str) -> Program:
        ways = {
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(self.relay.port),
            "SMTP_TLS": "none",
            "SMS_GATEWAY_URL": self.gateway.url,
            "SMS_GATEWAY_KEY": "gateway-key",
            "SMS_GATEWAY_REPORTS_RECEIPTS": "false",
        }
        return await self._start("worker", {**ways, **more})

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self.url, headers={"Authorization": f"Bearer {self.team.live}"}, timeout=30, trust_env=False
        )

    async def post(self, client: httpx.AsyncClient, channel: str, reference: str, **more: Any) -> httpx.Response:
        number = UUID(reference[-36:]).int
        to = (
            {"email_address": f"{reference}@example.gov"}
            if channel == "email"
            # of the numbers kept for drama, none that stands for a smoke test or a failure
            else {"phone_number": f"07700900{300 + number % 700}"}
        )
        body = {
            **to,
            "template_id": str(self.templates[channel]),
            "personalisation": {"number": reference},
            "reference": reference,
            **more,
        }
        headers = {"Idempotency-Key": reference}
        return await client.post(f"/v2/notifications/{channel}", json=body, headers=headers)

    @asynccontextmanager
    async def load(self, *channels: str, callers: int = 8) -> AsyncIterator[Load]:
        """Callers at work for the length of a block; they have stopped when it ends."""
        load = Load(self, channels or ("email",))
        async with asyncio.TaskGroup() as group:
            for _ in range(callers):
                group.create_task(load.caller())
            try:
                yield load
            finally:
                load.stop()

    async def accept(self, count: int, *channels: str) -> set[str]:
        """Have so many messages accepted (or a few more); gives their ids."""
        async with self.load(*channels) as load:
            await load.until_accepted(count)
        assert not load.refused, load.refused[0].text
        return load.ids

    async def rows(self, sql: str, *args: Any) -> list[Any]:
        connection = await asyncpg.connect(self.database_url, timeout=5)
        try:
            return list(await connection.fetch(sql, *args))
        finally:
            await connection.close()

    async def stored(self) -> dict[str, str]:
        """reference → id of every message in the database."""
        return {row[0]: str(row[1]) for row in await self.rows("select reference, id from notify.messages")}

    async def in_flight(self) -> set[str]:
        return {str(row[0]) for row in await self.rows("select id from notify.work where in_flight_at is not null")}

    async def slow_commits(self) -> None:
        """Every commit of a durable server waits 20 ms before it is on disk, as on a slow disk.

        So a kill nearly always meets a group that is written and not yet kept.
        """
        for setting in ("commit_delay = 20000", "commit_siblings = 0"):
            await self.rows(f"alter system set {setting}")
        await self.rows("select pg_reload_conf()")

    async def end_leases(self) -> None:
        """The minute that a killed worker's leases last goes by."""
        await self.rows("update notify.work set leased_until = now() where leased_until > now()")

    async def until_quiet(self) -> None:
        """Wait until nothing has been delivered for 2 s: nobody holds anything, what is leased is so in vain."""
        before, since = -1, time.monotonic()
        while time.monotonic() - since < 2:
            if (now := self.relay.taken.total() + self.gateway.taken.total()) != before:
                before, since = now, time.monotonic()
            await asyncio.sleep(0.05)

    async def until_all_done(self, ids: set[str], *, within_s: float = 60, hurry: bool = False) -> None:
        """Wait until nothing is left to do and every one of these is delivered.

        hurry: the five minutes between tries go by at once.
        """

        async def is_done() -> bool:
            if hurry:
                await self.rows("update notify.work set due_at = now() where leased_until is null and due_at > now()")
            left = await self.rows("select id from notify.work limit 1")
            return not left

        await eventually(is_done, within_s=within_s, what="an empty work list")
        taken = {*self.relay.taken, *self.gateway.taken}
        assert ids <= taken, f"{len(ids - taken)} of {len(ids)} accepted messages never arrived"
        states = await self.rows("select id, status from notify.messages where id = any($1::uuid[])", list(ids))
        assert {row[1] for row in states} == {"delivered"}
        assert len(states) == len(ids)


@pytest.fixture
async def suites(tmp_path: Path, keyring: str) -> AsyncIterator[Callable[[str, str], Awaitable[Suite]]]:
    """Makes a Notify on a database and a Redis; its processes end with the test."""
    made: list[Suite] = []

    async def make(database_url: str, redis_url: str) -> Suite:
        made.append(Suite(tmp_path, database_url, redis_url, keyring))
        await made[-1].open()
        return made[-1]

    yield make
    for suite in made:
        await suite.close()


@pytest.fixture
async def suite(suites: Callable[[str, str], Awaitable[Suite]], fresh_database_url: str, redis_url: str) -> Suite:
    """A Notify on the servers of the run, for tests that leave the servers alone."""
    return await suites(fresh_database_url, redis_url)


@pytest.fixture
async def private(private_servers: Callable[[], PrivateServers]) -> PrivateServers:
    """Durable servers that only this test uses, and may kill."""
    return await asyncio.to_thread(private_servers)


@pytest.fixture
async def own_suite(suites: Callable[[str, str], Awaitable[Suite]], private: PrivateServers) -> Suite:
    """A Notify on servers of its own."""
    return await suites(private.database_url, private.redis_url)
