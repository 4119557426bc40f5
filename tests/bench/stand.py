"""What a benchmark stands on: durable servers in a temporary folder, a service with a template, and its programs."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

import asyncpg
import msgspec

from common.audit import Actor
from common.crypto import Crypto, new_ring
from common.db import Database, migrate
from common.embedded import EmbeddedPostgres, EmbeddedRedis
from common.testing.builders import a_team
from services.notify.configuration import flow as configuration
from services.notify.configuration.rules import SettingsChange
from services.notify.templates import flow as templates
from services.notify.templates.rules import NewTemplate
from tests.bench.load import Caller, Job, Outcome

ROOT = Path(__file__).parents[2]
_READY = re.compile(r"ready(?: on http://127\.0\.0\.1:(\d+)|: )")
_START_S, _END_S = 30, 30
_BENCH = Actor("command", "bench")
_TEMPLATE = NewTemplate(
    type="email",
    name="Permit",
    subject="Your permit ((reference))",
    content="# Your permit is ready\n\nDear ((name))\n\nYour permit **((reference))** is ready. It is valid until "
    "((date)).\n\n* Print it\n* Put it behind the windscreen\n\nSee https://permits.example.gov for more.",
)
Answer = TypeVar("Answer")


class BenchError(Exception):
    """The benchmark cannot go on; the text is one line for a person."""


class Program:
    """A process of ours, its output in a file. port: where it listens (0: nowhere)."""

    def __init__(self, module: str, environment: Mapping[str, str], log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module], cwd=ROOT, env=dict(environment), stdout=output, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + _START_S
        while not (ready := _READY.search(log.read_text(errors="replace"))):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                raise BenchError(f"{module} did not start: {log.read_text(errors='replace')[-500:]}")
            time.sleep(0.02)
        self.port = int(ready[1] or 0)

    def memory_mb(self) -> float:
        """Resident memory now, in megabytes (10^6)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        return int(found[1]) * 1024 / 1e6 if found else 0.0

    def stop(self) -> None:
        """End it in order, by force after a while."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Spoken:
    """A process that answers a line with a line."""

    def __init__(self, module: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def read(self) -> bytes:
        answer = _open(self._process.stdout).readline()
        if not answer:
            raise BenchError("a helper process ended; its error stands above")
        return answer

    def ask(self, line: str | bytes, kind: type[Answer]) -> Answer:
        sent = line.encode() if isinstance(line, str) else line
        _open(self._process.stdin).write(sent + b"\n")
        _open(self._process.stdin).flush()
        return msgspec.json.decode(self.read(), type=kind)

    def close(self) -> None:
        _open(self._process.stdin).close()
        self._process.wait(_END_S)
        _open(self._process.stdout).close()


def _open(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe


class Load(Spoken):
    """The load client's process."""

    def __init__(self) -> None:
        super().__init__("tests.bench.load")

    def run(self, job: Job) -> Outcome:
        """Do a job. Raises BenchError when anything but 201 came back."""
        outcome = self.ask(msgspec.json.encode(job), Outcome)
        if set(outcome.statuses) != {201}:
            raise BenchError(f"not every answer was 201: {outcome.statuses}")
        return outcome


class Stand:
    """Servers, and a database with one service in it. callers: who sends, by database."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ring = new_ring()
        self._postgres = EmbeddedPostgres(folder / "pg", durable=True)
        self._redis = EmbeddedRedis(folder / "redis")
        self._programs: list[Program] = []
        self.callers: dict[str, Caller] = {}

    def start(self) -> None:
        self._postgres.start()
        self._redis.start()

    def dsn(self, database: str) -> str:
        return self._postgres.dsn(database=database)

    def make_database(self, name: str) -> Caller:
        """A migrated database with a service whose limits are out of the way."""
        self.run(self.execute("postgres", f"create database {name} template template0"))
        migrate.upgrade(self.dsn(name))
        self.callers[name] = self.run(self._fill(name))
        return self.callers[name]

    async def _fill(self, database: str) -> Caller:
        async with Database(self.dsn(database), pool_size=2, application="bench") as db:
            team = await a_team(db, Crypto(self.ring), name="Parking permits")
            async with db.transaction() as tx:
                no_limit = SettingsChange(rate_limit_per_minute=100_000_000, daily_email=2_000_000_000)
                await configuration.update_settings(tx, _BENCH, team.service_id, no_limit)
                made = await templates.create_template(tx, _BENCH, team.service_id, _TEMPLATE, author="bench")
        return Caller(str(team.service_id), team.live[-36:], str(made.template_id))

    async def execute(self, database: str, *statements: str) -> None:
        """Run statements as superuser, each in its own transaction."""
        connection = await asyncpg.connect(self.dsn(database), timeout=10)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    @staticmethod
    def run(work: Any) -> Any:
        return asyncio.run(work)

    def clear(self, database: str) -> None:
        """Forget all messages and work, and let the disk come to rest."""
        self.run(self.execute(database, "truncate notify.messages, notify.work, notify.work_dead", "checkpoint"))

    def program(self, module: str, database: str, **more: str) -> Program:
        """Start a program on a database."""
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        environment = {
            **inherited,
            "DATABASE_URL": self.dsn(database),
            "REDIS_URL": self._redis.url,
            "KEYS": self.ring,
            "PORT": "0",
            **more,
        }
        log = self.folder / f"{module.rpartition('.')[2]}-{database}-{len(self._programs)}.log"
        started = Program(module, environment, log)
        self._programs.append(started)
        return started

    def worker(self, database: str, smtp_port: int) -> Program:
        """Notify's worker, delivering to a relay on this machine."""
        return self.program(
            "services.notify.worker",
            database,
            SMTP_HOST="127.0.0.1",
            SMTP_PORT=str(smtp_port),
            SMTP_TLS="none",
            SMS_GATEWAY_URL="http://127.0.0.1:9",  # no text is sent
            SMS_GATEWAY_KEY="none",
        )

    def stop(self) -> None:
        for program in self._programs:
            if program.process.poll() is None:
                program.stop()
        self._postgres.kill()
        self._redis.kill()


@contextmanager
def a_stand() -> Iterator[Stand]:
    """A stand for the length of a block; nothing is left of it."""
    folder = Path(tempfile.mkdtemp(prefix="colonnade-bench-", dir="/tmp"))
    folder.chmod(0o711)
    stand = Stand(folder)
    try:
        stand.start()
        yield stand
    finally:
        stand.stop()
        shutil.rmtree(folder, ignore_errors=True)
