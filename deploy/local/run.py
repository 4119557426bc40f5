"""One run of the suite, from the checks to the last process gone."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import asyncpg
from rich.console import Console

from common.db import migrate
from deploy.local import closing
from deploy.local.keyfiles import KeyFiles, make_key_files
from deploy.local.layout import Folders, Ports, StartRefused
from deploy.local.preflight import check_binaries, check_ports, make_folders, only_one
from deploy.local.programs import PROGRAMS, Program, Stand
from deploy.local.seed import known_keys, seed
from deploy.local.servers import Servers, wanted_version
from deploy.local.supervisor import Supervisor, keep_one_old_log

_LOOK_EVERY_S = 0.2
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# what is done once the programs are up: seed, write suite.json, show
Finish = Callable[[Console, Folders, Stand, Servers], None]


class _Asked(BaseException):
    """Somebody asked us to stop."""


def _ask(_number: int, _frame: FrameType | None) -> None:
    raise _Asked


@contextmanager
def _steps(console: Console) -> Iterator[Callable[[str], None]]:
    """Gives a function that says what is going on: a spinner on a terminal, else a line each."""
    if not console.is_terminal:
        yield lambda text: console.print(f"· {text}", markup=False, highlight=False, soft_wrap=True)
        return
    with console.status("starting") as status:
        yield lambda text: status.update(text)


def migrate_database(servers: Servers, progress: Callable[[str], None]) -> None:
    """Run the waiting migrations. Raises StartRefused."""
    try:
        migrate.upgrade(servers.admin_url, lambda step: progress(f"migrating {step}"))
    except (asyncpg.PostgresError, OSError) as error:
        raise StartRefused(f"The database cannot be migrated ({type(error).__name__}: {error}).") from None


def _finish(console: Console, folders: Folders, stand: Stand, servers: Servers) -> None:
    seeded = seed(servers.admin_url, stand.keys, known_keys(folders.suite_file))
    suite = closing.write_suite(folders, stand.ports, seeded)
    closing.show(console, suite, folders, Path(os.path.relpath(sys.executable)))


class _Suite:
    """What runs, so that it can be stopped whatever happened."""

    def __init__(self, folders: Folders) -> None:
        self.folders = folders
        self.servers = Servers(folders)
        self.supervisor = Supervisor(folders)

    def start(
        self, ports: Ports, keys: KeyFiles, programs: Sequence[Program], progress: Callable[[str], None]
    ) -> Stand:
        progress("starting PostgreSQL and Redis")
        self.servers.start()
        progress("looking at the database")
        migrate_database(self.servers, progress)
        stand = Stand(ports, self.folders, keys, self.servers.database_url, self.servers.redis_url)
        self.supervisor.start(programs, stand, progress)
        return stand

    def watch(self) -> None:
        """Look after everything until asked to stop. Raises StartRefused when something ends by itself."""
        while True:
            self.supervisor.check(*self.servers.children())
            time.sleep(_LOOK_EVERY_S)

    def stop(self) -> None:
        self.supervisor.stop()
        self.servers.stop()


def _run(console: Console, port: int, programs: Sequence[Program], finish: Finish) -> None:
    ports, folders = Ports.at(port), Folders.usual()
    make_folders(folders)
    with only_one(folders):
        check_ports(ports)
        check_binaries(
            postgres=None if os.environ.get("DATABASE_URL") else wanted_version(),
            redis=not os.environ.get("REDIS_URL"),
        )
        keys = make_key_files(folders)
        keep_one_old_log(folders)
        suite = _Suite(folders)
        try:
            with _steps(console) as progress:
                stand = suite.start(ports, keys, programs, progress)
                progress("preparing the demonstration")
            finish(console, folders, stand, suite.servers)
            suite.watch()
        finally:
            for number in _SIGNALS:  # a second Ctrl-C must not leave half of it running
                signal.signal(number, signal.SIG_IGN)
            suite.stop()


def _write_fault(folders: Folders) -> str:
    try:
        folders.log("suite").write_text(traceback.format_exc(), encoding="utf-8")
    except OSError:
        return "no log could be written"
    return f"log: {folders.log('suite')}"


def run(port: int, programs: Sequence[Program] = PROGRAMS, finish: Finish = _finish) -> int:
    """Run the suite until it is asked to stop (0) or something fails (1, and one line on standard error)."""
    console = Console()
    for number in _SIGNALS:
        signal.signal(number, _ask)
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]  # PGPORT and the like would turn our own addresses elsewhere
    try:
        _run(console, port, programs, finish)
    except _Asked:
        console.print("\nStopped. Data stays in var/." if console.is_terminal else "Stopped.")
        return 0
    except StartRefused as refusal:
        print(f"colonnade: {refusal}", file=sys.stderr)
    except Exception as error:
        print(f"colonnade: a fault of ours: {type(error).__name__} ({_write_fault(Folders.usual())})", file=sys.stderr)
    return 1
