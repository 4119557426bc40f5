"""A child process that dies with us, and the account that servers run under."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from common.embedded.binaries import EmbeddedError

_LAUNCH = str(Path(__file__).with_name("launch.py"))
_POLL_S = 0.01


class Account(NamedTuple):
    """Who a server runs as: ourselves (-1), or an unprivileged account when we are root."""

    uid: int = -1
    gid: int = -1

    def own(self, path: Path) -> None:
        """Give a file or folder, and what is in it, to the account."""
        if self.uid < 0 or path.stat().st_uid == self.uid:
            return
        for folder, _, files in os.walk(path):
            os.chown(folder, self.uid, self.gid)
            for file in files:
                os.chown(Path(folder, file), self.uid, self.gid, follow_symlinks=False)

    def reaches(self, path: Path) -> bool:
        """Whether every folder on the way lets the account through."""
        return self.uid < 0 or all(folder.stat().st_mode & 0o001 for folder in path.resolve().parents)


def server_account() -> Account:
    """Ourselves, or `nobody` when we are root: PostgreSQL refuses to run as root, and Redis need not."""
    if os.geteuid() != 0:
        return Account()
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise EmbeddedError("This runs as root and there is no account `nobody`: run it as an ordinary user.") from None
    return Account(nobody.pw_uid, nobody.pw_gid)


def launcher(
    command: Sequence[str], *, on_parent_death: signal.Signals, account: Account, keep_access: bool
) -> list[str]:
    """The command line that becomes `command` and gets `on_parent_death` when the thread that started it ends."""
    head = [os.getpid(), int(on_parent_death), account.uid, account.gid, int(keep_access)]
    return [sys.executable, "-I", "-S", _LAUNCH, *map(str, head), *command]


class Child:
    """One process of ours, in a session of its own: Ctrl-C in the terminal reaches us only, and we stop it in order.

    Start it from a thread that lives as long as it should: Linux ties its life to that thread.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        stop_signal: signal.Signals = signal.SIGTERM,
        account: Account | None = None,
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self._stop_signal = stop_signal
        account = account or Account()
        words = [str(word) for word in command]
        keep_access = not account.reaches(Path(words[0])) or (cwd is not None and not account.reaches(cwd / "."))
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            os.chmod(log, 0o600)
            self._process = subprocess.Popen(  # noqa: S603
                launcher(words, on_parent_death=stop_signal, account=account, keep_access=keep_access),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd or "/",
                env=None if environment is None else dict(environment),
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._process.poll()

    def ask_to_stop(self) -> None:
        """Send the stop signal and do not wait."""
        if self.exit_code() is None:
            self._process.send_signal(self._stop_signal)

    def stop(self, timeout_s: float = 20) -> int:
        """Stop it in order, by force after `timeout_s`; gives its exit code."""
        self.ask_to_stop()
        return self.finish(timeout_s)

    def finish(self, timeout_s: float) -> int:
        """Wait until it has ended, by force after `timeout_s`; gives its exit code."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """End it and all its own children at once, as a power cut would."""
        if self.exit_code() is None:
            # PostgreSQL's children lead sessions of their own, so the process group does not reach them
            for pid in [self.pid, *_children(self.pid)]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        return self._process.wait()

    def last_line(self) -> str:
        """The last line of its log that says something."""
        lines = [line.strip() for line in self.log.read_text(encoding="utf-8", errors="replace").splitlines()]
        return next((line for line in reversed(lines) if line), "it wrote nothing")

    def wait_until(self, ready: Callable[[], bool], timeout_s: float) -> None:
        """Poll until it is ready. Raises EmbeddedError if it ends or the time is over; it is then stopped."""
        until = time.monotonic() + timeout_s
        while not ready():
            if (code := self.exit_code()) is not None:
                raise EmbeddedError(f"{self.name} ended with code {code}: {self.last_line()} (log: {self.log})")
            if time.monotonic() > until:
                self.stop(2)
                raise EmbeddedError(f"{self.name} was not ready within {timeout_s:g} s (log: {self.log})")
            time.sleep(_POLL_S)


def _children(parent: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # pid (name) state parent …; a name may hold spaces and brackets
            if int(stat.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(stat.parent.name))
    return found


def socket_folder(data: Path, file_name: str, account: Account) -> Path:
    """The data folder if a socket in it has a short enough name, else a short folder of its own (0700)."""
    if len(os.fsencode(data / file_name)) <= 100:  # the kernel takes 107 bytes; some clients fewer
        return data
    folder = Path(tempfile.mkdtemp(prefix="colonnade-", dir="/tmp"))
    account.own(folder)
    return folder
