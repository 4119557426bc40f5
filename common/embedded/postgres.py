"""A PostgreSQL of our own, on a Unix socket in a closed folder and on no port."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Self
from urllib.parse import quote

from common.embedded.binaries import EmbeddedError, PostgresPrograms, find_postgres
from common.embedded.process import Child, launcher, server_account, socket_folder
from common.embedded.server import EmbeddedServer

_SOCKET = ".s.PGSQL.5432"
_START_TIMEOUT_S = 60  # crash recovery after a long load takes a while
_LEAVING_TIMEOUT_S = 15
_SETTINGS = {
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "autovacuum_naptime": "10s",  # work lists live by quick vacuums: dead claims must not pile up for a minute
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
}
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_BUILTIN_LOCALE_FROM = 17


class EmbeddedPostgres(EmbeddedServer):
    """A server over one data folder, made at the first start. Superuser `postgres`, no password on the socket.

    durable=False loses data in a power cut and is for tests only.
    version: the major version wanted; a machine without our wheel gives the nearest that it has.
    """

    name = "PostgreSQL"

    def __init__(self, data: Path, version: str = "18", durable: bool = True, *, log: Path | None = None) -> None:
        super().__init__(data, log=log)
        self.version = version
        self.durable = durable

    def start(self) -> Self:
        """Make the folder if need be, recover after a crash, and wait until it accepts. Raises EmbeddedError."""
        programs = find_postgres(self.version)
        self._account = server_account()
        self._make_folder(self._account)
        if not (self.data / "PG_VERSION").exists():
            self._init(programs)
        self._check_version(programs)
        self._wait_for_leaving_server()
        self._sockets = socket_folder(self.data, _SOCKET, self._account)
        settings = {**_SETTINGS, **({} if self.durable else _NOT_DURABLE)}
        command: list[str | Path] = [programs.folder / "postgres", "-D", self.data, "-k", self._sockets, "-h", ""]
        command += ["-p", "5432", *(word for name, value in settings.items() for word in ("-c", f"{name}={value}"))]
        self._child = Child(
            self.name, command, log=self.log, stop_signal=signal.SIGINT, account=self._account, cwd=self.data
        )
        self._child.wait_until(self._is_ready, _START_TIMEOUT_S)
        return self

    def join(self) -> bool:
        """Use the server that somebody else runs on this folder; gives whether there is one. stop() leaves it alone."""
        lines = self._pid_file()
        if len(lines) < 8 or lines[7].strip() != "ready" or not _runs_on(int(lines[0]), self.data):
            return False
        self._sockets = Path(lines[4])
        return True

    def dsn(self, user: str = "postgres", database: str = "postgres") -> str:
        """The address for a role and a database. Raises EmbeddedError if the server was not started."""
        return f"postgresql://{user}@/{database}?host={quote(str(self.sockets))}"

    def _init(self, programs: PostgresPrograms) -> None:
        if any(self.data.iterdir()):
            raise EmbeddedError(f"{self.data} is not empty and holds no PostgreSQL data: move it away and start again.")
        if programs.major >= _BUILTIN_LOCALE_FROM:
            locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        else:
            locale = ["--locale=C.UTF-8"]
        command = [str(programs.folder / "initdb"), "-D", str(self.data), "-U", "postgres", "-A", "trust", "--no-sync"]
        keep_access = not (self._account.reaches(programs.folder / "initdb") and self._account.reaches(self.data / "."))
        words = launcher(
            [*command, "--encoding=UTF8", *locale],
            on_parent_death=signal.SIGTERM,
            account=self._account,
            keep_access=keep_access,
        )
        made = subprocess.run(words, capture_output=True, text=True, cwd="/", check=False)  # noqa: S603
        if made.returncode != 0:
            said = (made.stderr.strip().splitlines() or ["it wrote nothing"])[-1]
            raise EmbeddedError(f"PostgreSQL cannot make its data folder {self.data}: {said}")

    def _check_version(self, programs: PostgresPrograms) -> None:
        held = (self.data / "PG_VERSION").read_text().strip()
        if held != str(programs.major):
            raise EmbeddedError(
                f"{self.data} holds the data of PostgreSQL {held} and this is PostgreSQL {programs.major}: keep it and "
                f"start afresh with `mv {self.data} {self.data}-{held}`, or restore a backup into a new folder."
            )

    def _pid_file(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _wait_for_leaving_server(self) -> None:
        """One that lost its parent is on its way out; one that stays belongs to somebody."""
        until = time.monotonic() + _LEAVING_TIMEOUT_S
        while lines := self._pid_file():
            pid = int(lines[0])
            if not _runs_on(pid, self.data):
                # after a reboot or in a new container another program may have the number; it would not start
                (self.data / "postmaster.pid").unlink(missing_ok=True)
                return
            if time.monotonic() > until:
                raise EmbeddedError(f"PostgreSQL already runs on {self.data} (process {pid}): stop it first.")
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        lines = self._pid_file()
        return len(lines) >= 8 and lines[0] == str(self.child.pid) and lines[7].strip() == "ready"


def _runs_on(pid: int, data: Path) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        return os.fsencode(data) in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return not Path("/proc/self").exists()  # gone meanwhile; a system without /proc: believe the number
